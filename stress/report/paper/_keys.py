"""What tells the rows of a table apart: the fewest columns that do, and what all rows have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stress.report._book import Book, Row
from stress.report._numbers import DASH, Form, percent, severity, visible

__all__ = ["key_of", "keys_of", "text_of", "told", "value_name", "written"]

_KEYS = (
    "by", "group", "class", "truth", "answer", "fill", "scenario", "stream", "one", "other", "of", "signal", "modality",
    "perturbation", "profile", "severity", "category", "lost", "fallback", "attack", "budget", "parameter", "quantile",
    "kind", "action", "dropped", "bins", "from", "to", "coverage", "start", "stop", "status", "error", "reference",
    "cell", "measure", "metric",
)  # fmt: skip
_FOUND = {"robustness": ("cell", "start", "kind", "metric"), "relative": ("kind",), "contributions": ("kind",)}
"""Columns of a table that its rows came to, and that do not name them: the worst cell of a scenario, say."""
_DISPENSABLE = ("cell", "modality", "profile", "perturbation", "lost", "stream", "category", "fallback", "of", "budget")
"""Columns that are left out where the others tell the rows apart as well, the first first."""
_VALUES = {
    "confusion": "share",
    "reliability": "accuracy",
    "risk_coverage": "risk",
    "draws": "share_of_draws",
    "failures": "records",
}


def value_name(table: str) -> str:
    """Return the column of a table that holds what its rows say."""
    return _VALUES.get(table, "value")


def keys_of(table: str, columns: Sequence[str]) -> list[str]:
    """Return the columns that name a row of a table."""
    return [name for name in _KEYS if name in columns and name not in _FOUND.get(table, ())]


def key_of(row: Row, keys: Sequence[str]) -> tuple[Any, ...]:
    """Return what names a row."""
    return tuple(row[name] for name in keys)


def told(rows: Sequence[Row], keys: Sequence[str]) -> tuple[list[str], Mapping[str, Any]]:
    """Return the columns that are needed to tell rows apart, and those in which all rows are alike with their value."""
    same = {name: rows[0][name] for name in keys if len({row[name] for row in rows}) == 1} if rows else {}
    kept = [name for name in keys if name not in same]
    count = len({key_of(row, keys) for row in rows})
    for name in _DISPENSABLE:
        fewer = [each for each in kept if each != name]
        if fewer and name in kept and len({key_of(row, fewer) for row in rows}) == count:
            kept = fewer
    if not kept and keys:
        kept = [keys[-1]]
    return kept, {name: value for name, value in same.items() if value not in (None, "") and name not in kept}


def written(book: Book, table: str, row: Row) -> tuple[str, str]:
    """Return what a row says – its value, and its interval or nothing –, shares in per cent."""
    name = value_name(table)
    ends = {"value": row[name], "low": row.get("low"), "high": row.get("high")}
    found = _form(book, table, row)(ends)
    value, _, rest = found.partition(" (")
    return value, f"({rest}" if rest else ""


def _form(book: Book, table: str, row: Row) -> Any:
    metric, measure = row.get("metric"), row.get("measure")
    plain = Form("", share=False)
    if name := _VALUES.get(table):
        return percent if name != "records" else lambda ends: str(ends["value"])
    if table in ("distortion", "signals", "minimal", "cost"):
        return plain.both
    if measure in ("breaking_severity", "relative_robustness"):
        return plain.both
    if row.get("kind") == "relative" or metric == "retention" or table in ("stability", "consistency"):
        return percent
    if metric in book.forms and measure in (None, "worst", "area", "total", "alone", "lost"):
        return book.forms[str(metric)].both
    return book.form.change


def text_of(name: str, value: Any) -> str:
    """Return a key's value as a table shows it."""
    if value is None or value == "":
        return DASH
    if isinstance(value, float):
        return severity(value) if name == "severity" else f"{value:.4g}"
    return visible(value)
