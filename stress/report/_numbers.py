"""Numbers and names as people read them: one form everywhere, nothing missing shown as 0, nothing hostile shown raw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perturbations.errors import printable
from stress.records.metric import Metric

__all__ = ["DASH", "Form", "count", "percent", "plural", "readable", "seconds", "severity", "short_number", "visible"]

DASH = "–"
"""Stands for a number that is not there; never a 0."""


def visible(text: Any) -> str:
    """Return text in which every control, direction and separator character is written out (U+2028, say)."""
    return printable(text)


def readable(name: str) -> str:
    """Return the name of a metric as a phrase: ``failure_rate`` → ``failure rate``."""
    return visible(name).replace("_", " ")


def count(number: int) -> str:
    """Return a whole number with a thin space between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def plural(number: int, noun: str) -> str:
    """Return a count with its noun: ``1 cell``, ``2 cells``."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def seconds(number: float) -> str:
    """Return a duration in the unit that suits it."""
    if number < 1:
        return f"{1000 * number:.3g} ms"
    if number < 90:
        return f"{number:.3g} s"
    return f"{number / 60:.0f} min" if number < 5400 else f"{number / 3600:.1f} h"


def _decimals(value: float, digits: int, ends: tuple[float, ...] = ()) -> str:
    """Return a number with so many decimals, and up to four where it would otherwise look like an end it is not.

    What looks like an end with four decimals too is written as that end, plainly: 100.0, not 100.0000.
    """
    enough = (more for more in range(digits, 5) if not any(round(value, more) == end for end in ends))
    found = f"{value:.{next(enough, digits)}f}"
    return found.lstrip("-") if float(found) == 0 else found.replace("-", "−")


@dataclass(frozen=True)
class Form:
    """How the values of one metric are written: shares of 1 as percentages, others in their own unit."""

    name: str
    better: str = "higher"
    share: bool = True
    unit: str = ""

    @classmethod
    def of(cls, metric: Metric) -> Form:
        """Return the form of a task's metric."""
        rate = metric.unit == "fraction"
        return cls(metric.name, metric.better, rate, "" if metric.unit == "fraction" else metric.unit)

    @property
    def title(self) -> str:
        """The metric's name as a phrase."""
        return readable(self.name)

    @property
    def mark(self) -> str:
        """What stands in the head of a column of values."""
        return "%" if self.share else self.unit

    @property
    def points(self) -> str:
        """What stands in the head of a column of differences."""
        return "pp" if self.share else self.unit

    def value(self, value: float | None, unit: bool = False) -> str:
        """Return a value, or a dash; with ``unit`` as it stands in a sentence."""
        if value is None or not math.isfinite(value):
            return DASH
        if self.share:
            return _decimals(100 * value, 1, (0.0, 100.0)) + (" %" if unit else "")
        return _decimals(value, 3 if abs(value) < 10 else 1) + (f" {self.unit}" if unit and self.unit else "")

    def interval(self, row: Mapping[str, Any] | None) -> str:
        """Return ``low–high`` of a table's row, or nothing where there is no interval."""
        if row is None or row.get("low") is None or row.get("high") is None:
            return ""
        low, high = self.value(row["low"]), self.value(row["high"])
        return f"{low} to {high}" if "−" in low + high else f"{low}–{high}"

    def change(self, row: Mapping[str, Any] | None) -> str:
        """Return a difference with its interval, in points: ``2.7 (1.8–3.8)``."""
        if row is None or row.get("value") is None:
            return DASH
        if not self.share:
            return self.both(row)
        value, low, high = (row.get(key) for key in ("value", "low", "high"))
        found = _decimals(100 * float(value or 0.0), 1)
        if low is None or high is None:
            return found
        ends = _decimals(100 * low, 1), _decimals(100 * high, 1)
        return f"{found} ({ends[0]}{' to ' if '−' in ends[0] else '–'}{ends[1]})"

    def both(self, row: Mapping[str, Any] | None, unit: bool = False) -> str:
        """Return ``value (low–high)``."""
        if row is None:
            return DASH
        found, ends = self.value(row.get("value"), unit), self.interval(row)
        return f"{found} ({ends})" if ends and found != DASH else found


def percent(row: Mapping[str, Any] | None) -> str:
    """Return a share or a rate with its interval, in per cent."""
    return Form("share").change(row)


def severity(value: float | None) -> str:
    """Return a severity: whole levels without decimals."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"


def short_number(value: float) -> str:
    """Return a number of any size in three digits, or whole where it is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
