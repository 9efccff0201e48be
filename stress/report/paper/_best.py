"""Which run is surely the best in a row of a table: by paired differences, corrected over all rows and pairs."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stress.measure import Difference, Matched, change, match
from stress.records.pairing import paired
from stress.report._book import Book, Row, about_of
from stress.report._numbers import visible
from stress.report.paper._keys import key_of
from stress.statistics.corrections import adjusted

__all__ = ["Best", "best_of"]

_LEVEL = 0.05
_BY_CELL = ("cells", "curves", "calibration")
_UNPAIRED = ("latency", "cost")
"""Kinds of metrics whose differences are not of pairs: no run is called the best in them."""


@dataclass(frozen=True)
class Best:
    """The surely best run (by position) of each row that has one."""

    found: Mapping[Hashable, int]

    def run(self, key: Hashable) -> int | None:
        """Return the run that is surely better than every other in a row; none where that cannot be said."""
        return self.found.get(key)


def best_of(
    books: Sequence[Book], table: str, keys: Sequence[str], found: Sequence[Sequence[Row]], common: bool
) -> tuple[Best, list[str]]:
    """Return the surely best runs, and what is said of how they were found.

    Raises RunError where two runs differ in suite or data, unless ``common`` asks for what they share.
    """
    twos = list(itertools.combinations(range(len(books)), 2))
    matched = {two: match(paired(books[two[0]].run, books[two[1]].run, common)) for two in twos}
    left = [f"Left out: {visible(line)}." for each in matched.values() for line in each.pair.dropped]
    at = [{key_of(row, keys): row for row in rows} for rows in found]
    shared = [key for key in at[0] if all(key in rows for rows in at)]
    asked = [(key, two) for key in shared for two in twos]
    ways = [_difference(matched[two], books[two[0]], table, at[0][key]) for key, two in asked]
    p = np.array([np.nan if way is None or way.p is None else way.p for way in ways], np.float64)
    tested = int(np.isfinite(p).sum())
    if not tested:
        return Best({}), [*left, "No row is set bold: of these numbers there are no paired differences."]
    wins: dict[Hashable, list[int]] = {}
    for (key, (one, other)), way, sure in zip(asked, ways, adjusted(p, "holm").tolist()):
        if way is not None and sure <= _LEVEL and way.drop:
            wins.setdefault(key, []).append(one if way.drop > 0 else other)
    firsts = {key: run for key, each in wins.items() for run in set(each) if each.count(run) == len(books) - 1}
    rule = f"Bold: surely better than every other run, by paired differences at 95 %, corrected (Holm) over {tested}."
    return Best(firsts), [*dict.fromkeys(left), rule]


def _difference(matched: Matched, book: Book, table: str, row: Row) -> Difference | None:
    """Return by how much a row's number is worse in the second run, where it is of pairs of records."""
    name = str(row.get("metric"))
    if table == "robustness":
        if row["measure"] not in ("drop", "retention"):
            return None
        return change(matched, row["measure"], _cells(book, row)) if not row["fallback"] else None
    if name not in ("drop", "retention") and (name not in book.forms or _kind(book, name) in _UNPAIRED):
        return None
    if row.get("cell") not in matched.ran:
        return None
    if table in _BY_CELL:
        return (
            None if row["cell"] == "clean" and name in ("drop", "retention") else change(matched, name, [row["cell"]])
        )
    if table == "classes" and name in ("recall", "precision", "f1"):
        return change(matched, name, [row["cell"]], label=row["class"])
    if table == "groups" and name == book.form.name and row["by"] in _groups(book):
        return change(matched, name, [row["cell"]], samples=matched.members(row["by"], row["group"]))
    return None


def _kind(book: Book, name: str) -> Any:
    return next(metric.kind for metric in book.measured.declared if metric.name == name)


def _cells(book: Book, row: Row) -> list[str]:
    """Return the cells that a row of the robustness table is over."""
    every = (each for each in book.table("cells") if each["metric"] == book.form.name and not each["fallback"])
    return [each["cell"] for each in every if about_of(each) == about_of(row)]


def _groups(book: Book) -> set[str]:
    return {name.removeprefix("group.") for name in book.run.samples.column_names}
