"""One measured number: its value, its interval, what both rest on, and why it is missing where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

from stress.statistics.intervals import Bounds

__all__ = ["Number"]


@dataclass(frozen=True)
class Number:
    """A value with its confidence interval, and what both rest on. What is undefined is None, never 0, NaN or infinite.

    ``n`` records were used, of which ``failed`` have no usable answer and no perturbation could act on the share
    ``unchanged``. ``method`` names how the interval was found. ``few``: it is Student's t of fewer than 20 clusters.
    ``trials``: where the value is a share of yes-or-no answers, as how many independent ones these are worth: all of
    them, or fewer where they come in clusters; ``freedom``: the degrees of freedom with which that was estimated.
    ``note`` says why something is missing, or what to know before using it. It is for people: nothing is to be derived
    from the wording of ``method`` or ``note``.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    failed: int | None = None
    unchanged: float | None = None
    method: str | None = None
    few: bool = False
    trials: float | None = None
    note: str | None = None
    freedom: float | None = None

    def __post_init__(self) -> None:
        own = self.__dict__  # numbers are made by the ten thousand: what is plain already is left as it is
        for name in ("value", "low", "high", "unchanged", "trials", "freedom"):
            value = own[name]
            if value is not None and not (type(value) is float and isfinite(value)):
                own[name] = float(value) if isfinite(value) else None
        for name in ("n", "failed"):
            if own[name] is not None and type(own[name]) is not int:
                own[name] = int(own[name])
        own["few"] = bool(self.few)

    @classmethod
    def within(cls, value: float, bounds: Bounds, at: int = 0, **more: Any) -> Number:
        """Return a value with the interval at a position of ``bounds``, without a method where there is none."""
        low = float(bounds.low[at])
        if isfinite(low):
            trials, freedom = (None if x is None else x[at] for x in (bounds.trials, bounds.freedom))
            more = {"method": bounds.method, "few": bounds.few, "trials": trials, "freedom": freedom} | more
        return cls(value, low, float(bounds.high[at]), **more)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Number:
        """Return the number that a row of a table holds."""
        return cls(**{name: row[name] for name in _NAMES if row.get(name) is not None})

    def row(self) -> dict[str, Any]:
        """Return the number as part of a table's row, by the names of its columns."""
        return dict(self.__dict__)


_NAMES = tuple(field.name for field in fields(Number))
