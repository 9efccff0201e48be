"""One figure of several runs: their curves on shared axes, told apart by colour, marker and dashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perturbations import InputError
from stress.report._book import Book, Row
from stress.report._numbers import visible
from stress.report._tables import title_of

__all__ = ["LOOKS", "curves_of_all", "names_of"]

LOOKS = (
    ("#0072b2", "o", "-"), ("#d55e00", "s", "--"), ("#009e73", "^", "-."), ("#cc79a7", "D", ":"),
    ("#e69f00", "v", "-"), ("#56b4e9", "P", "--"), ("#000000", "X", "-."),
)  # fmt: skip
"""Colours that are told apart with any kind of colour vision (Okabe & Ito, 2008), each with a marker and a dash."""

_Key = tuple[Any, ...]


def names_of(books: Sequence[Book]) -> list[str]:
    """Return a name for each run: its model's, or its folder's where models are called alike."""
    models = [str((book.identity.get("model") or {}).get("name") or "a model") for book in books]
    folders = [book.run.path.name for book in books]
    for names in (models, folders):
        if len(set(names)) == len(names):
            return [visible(name) for name in names]
    return [visible(f"{number}: {name}") for number, name in enumerate(folders, 1)]


def _key(row: Row) -> _Key:
    return tuple(row[name] for name in ("scenario", "stream", "perturbation", "profile", "category"))


def _shared(books: Sequence[Book]) -> list[_Key]:
    """Return what tells the curves apart that every run has. Raises InputError where there is none."""
    found = [dict.fromkeys(_key(r[-1]) for r in b.curves.values() if not r[-1]["fallback"]) for b in books]
    shared = [key for key in found[0] if all(key in other for other in found[1:])]
    if not shared:
        raise InputError("figure: the runs must have a graded scenario in common, got none. Run one suite on each.")
    return shared


def curves_of_all(books: Sequence[Book], columns: int, chosen: Sequence[str], paper: Any) -> Any:
    """Return a figure with a small plot for each curve that all runs have, and one line a run in each.

    ``chosen`` are names of scenarios to keep; all, where there are none. Raises InputError for runs of other metrics,
    or more of them than there are looks.
    """
    if len(books) > len(LOOKS):
        raise InputError(f"figure: there must be at most {len(LOOKS)} runs in one figure, got {len(books)}.")
    forms = {book.form.name for book in books}
    if len(forms) > 1:
        raise InputError(f"figure: the runs must have one headline metric, got {', '.join(sorted(forms))}.")
    keys = [key for key in _shared(books) if not chosen or key[0] in chosen]
    if not keys:
        known = ", ".join(dict.fromkeys(str(key[0]) for key in _shared(books)))
        raise InputError(f"figure: scenario must be one that all runs have ({known}), got {', '.join(chosen)}.")
    wide = min(columns, len(keys))
    high = -(-len(keys) // wide)
    figure = paper(figsize=(1.85 * wide + 0.3, 1.65 * high + 0.5), layout="constrained")
    axes = figure.subplots(high, wide, sharey=True, squeeze=False)
    for place, key in zip(axes.flat, keys):
        _lines(place, books, key)
    for place in list(axes.flat)[len(keys) :]:
        place.set_axis_off()
    form = books[0].form
    for line in axes:
        line[0].set_ylabel(f"{form.title}{f' ({form.mark})' if form.mark else ''}")
    for place in axes[-1]:
        place.set_xlabel("severity")
    drawn = axes.flat[0].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower center", ncols=min(len(books), 4), frameon=False)
    return figure


def _lines(place: Any, books: Sequence[Book], key: _Key) -> None:
    for book, name, (colour, marker, dash) in zip(books, names_of(books), LOOKS):
        rows = next(rows for rows in book.curves.values() if _key(rows[-1]) == key and not rows[-1]["fallback"])
        scale = 100.0 if book.form.share else 1.0
        known = [row for row in rows if row["value"] is not None]
        sure = [row for row in known if row["low"] is not None and row["high"] is not None]
        ends = [[scale * row[end] for row in sure] for end in ("low", "high")]
        place.fill_between([row["severity"] for row in sure], *ends, color=colour, alpha=0.15, linewidth=0)
        values = [scale * row["value"] for row in known]
        at = [row["severity"] for row in known]
        place.plot(at, values, color=colour, marker=marker, linestyle=dash, label=name)
    place.set_title(title_of(books[0], rows[-1]), loc="left", fontsize=8)
    place.set_xticks(sorted({row["severity"] for row in rows}))
