"""A run as points: each curve with its interval, the severity as the step; what has no severity stands at step 0."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from perturbations.errors import named_keywords
from stress.measure import Measurable, measured
from stress.trackers._tracker import Point

__all__ = ["points_of"]

_TELLS = ("stream", "perturbation", "profile", "category", "lost", "fallback")
"""What else tells two curves of one scenario apart."""
_LONGEST = 250
_THOUSANDTHS = "severity_in_thousandths"
Row = Mapping[str, Any]


@named_keywords
def points_of(run: Measurable) -> list[Point]:
    """Return the curves of a run, ``SCENARIO/METRIC`` with ``…_low`` and ``…_high``, and the cells that no curve has.

    The step is the severity. Trackers know whole steps alone: a curve with severities between levels has them in
    thousandths, and says so in its name. Cells without one severity – a lost stream, a language, a grid of two – are
    ``CELL/METRIC`` at step 0. What is undefined (NaN) has no point.
    """
    session = measured(run)
    rows, cells = (session.table(name).to_pylist() for name in ("curves", "cells"))
    drawn, told = {row["cell"] for row in rows} - {"clean"}, {(row["cell"], row["metric"]) for row in rows}
    rows += [row for row in cells if row["cell"] in drawn and (row["cell"], row["metric"]) not in told]  # drops
    named = _Names()
    found = [point for curve in _curves(rows) for point in _graded(curve, named)]
    for row in cells:
        if row["cell"] not in drawn:
            found += _three(row, named, str(row["cell"]), 0)
    return found


def _curves(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield the rows of each curve of each metric, with a name that tells it apart from the others of its scenario."""
    told: dict[str, dict[str, set[str]]] = {}
    together: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        scenario = str(row["scenario"])
        for name in _TELLS:
            told.setdefault(scenario, {}).setdefault(name, set()).add(str(row[name] or ""))
        key = (scenario, *(str(row[name] or "") for name in _TELLS), str(row["metric"]))
        together.setdefault(key, []).append(row)
    for key, curve in together.items():
        more = [value for name, value in zip(_TELLS, key[1:]) if value and len(told[key[0]][name]) > 1]
        yield " ".join([key[0], *more]), curve


def _graded(curve: tuple[str, list[Row]], named: _Names) -> Iterator[Point]:
    name, rows = curve
    whole = all(float(row["severity"]).is_integer() for row in rows)
    for row in rows:
        severity = float(row["severity"])
        about = name if whole else f"{name} {_THOUSANDTHS}"
        yield from _three(row, named, about, int(severity) if whole else round(1000 * severity))


def _three(row: Row, named: _Names, about: str, step: int) -> Iterator[Point]:
    """Yield a value and the ends of its interval, as far as they are defined."""
    for column, end in (("value", ""), ("low", "_low"), ("high", "_high")):
        value = row[column]
        if value is not None and math.isfinite(value):
            yield Point(named.of(f"{about}/{row['metric']}{end}"), step, float(value))


class _Names:
    """Names that every tracker takes; two that differ stay two."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, name: str) -> str:
        """Return the name of a curve in trackers: other characters are ``_``, where need be with a digest behind."""
        if name in self._given:
            return self._given[name]
        plain = re.sub(r"[^A-Za-z0-9_ .:/-]", "_", name).strip(" ./")
        plain = re.sub(r"/{2,}|/\.+(?=/)", "/", plain)
        if len(plain) > _LONGEST or plain in self._taken:
            digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
            plain = f"{plain[: _LONGEST - 9]}_{digest}"
        self._taken.add(plain)
        self._given[name] = plain
        return plain
