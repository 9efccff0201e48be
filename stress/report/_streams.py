"""What each stream is worth, whether the streams agree, and which answers change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stress.report._book import Book, Row
from stress.report._grid import Grid, nums, texts, wrapped
from stress.report._numbers import DASH, percent, readable
from stress.report._part import Part
from stress.report._slices import telling_cells

__all__ = ["agreement", "balance", "contributions", "flips", "relative"]


def contributions(book: Book) -> Part | None:
    """Return what each stream and each pair adds, one table for each fill rule."""
    every = [row for row in book.table("contributions") if row["value"] is not None]
    rows = [row for row in every if row["measure"] != "perceptual_score"]
    swapped = [row for row in every if row["measure"] == "perceptual_score" and row["kind"] == "raw"]
    grids = []
    for fill in dict.fromkeys(row["fill"] for row in rows):
        mine = [row for row in rows if row["fill"] == fill]
        title = f"Streams, {fill} in place of a lost one" if fill != "none" else "Streams"
        grids += _worth([row for row in mine if not row["other"]], title)
        grids += _worth([row for row in mine if row["other"]], title.replace("Streams", "Pairs of streams"))
    for partner in dict.fromkeys(row["fill"] for row in swapped):
        title = f"Streams, another sample's in their place ({readable(partner)})"
        grids += _worth([row for row in swapped if row["fill"] == partner], title)
    if not grids:
        return None
    how = (
        "Alone: with no other stream. Necessity: what is lost without it. Sufficiency: what it adds to nothing. "
        "Shapley: what it adds on average over all orders; the shares sum to 100 %. "
        "Perceptual score: what is lost with another sample's stream in its place. In % or points of "
        f"{book.form.title}."
    )
    how = " ".join(filter(None, [how, balance(book)]))
    return Part("contributions", "What each stream is worth", how, grids=grids, open=True)


def balance(book: Book) -> str | None:
    """Return the joint verdict on the declared goals in a sentence, one for each fill rule; nothing without goals."""
    found = [row for row in book.table("balance") if row["measure"] == "joint" and row["verdict"]]
    if not found:
        return None
    said = []
    for row in found:
        apart = "" if row["off"] is None else f" – {row['note']}, by {100 * row['off']:+.0f} points"
        said.append(f"{row['verdict']} (fill {row['fill']}{apart})".replace("-", "−"))
    return f"Shares of the streams against their goals, all at once: {'; '.join(said)}."


def _worth(rows: Sequence[Row], title: str) -> list[Grid]:
    if not rows:
        return []
    names = list(dict.fromkeys(row["measure"] for row in rows))
    at: dict[str, dict[str, Row]] = {}
    for row in rows:
        name = " and ".join(part for part in (row["stream"], row["other"]) if part)
        at.setdefault(name.replace("+", " + "), {})[row["measure"]] = row
    goals = any(row["goal"] is not None for row in rows)
    body = [
        [name, *(percent(found.get(measure)) for measure in names), *[_goal(found)] * goals]
        for name, found in at.items()
    ]
    columns = [*texts("stream"), *nums(*(f"{readable(name)} %" for name in names)), *wrapped(*["against goal"] * goals)]
    return [Grid(columns, body, title).cut("contributions")]


def _goal(found: dict[str, Row]) -> str:
    row = next((row for row in found.values() if row["goal"] is not None), None)
    return f"{row['verdict'] or DASH} (goal {100 * row['goal']:.3g} %)" if row else ""


def agreement(book: Book) -> Part | None:
    """Return how often the fused answer is that of each stream alone, clean and under stress."""
    rows = [row for row in book.table("consistency") if row["metric"] == "agreement" and row["value"] is not None]
    rows = [row for row in rows if row["fill"] == rows[0]["fill"]]
    if not rows:
        return None
    names = list(dict.fromkeys(row["one"] for row in rows))
    at = {(row["cell"], row["one"]): row for row in rows}
    cells = [cell for cell in telling_cells(book) if any((cell, name) in at for name in names)]
    body = [[cell, *(percent(at.get((cell, name))) for name in names)] for cell in cells]
    how = "How often the answer is the one that a stream alone gives on clean input: whom the model follows."
    return Part(
        "agreement",
        "Agreement of the streams",
        how,
        grids=[Grid([*texts("cell"), *nums(*names)], body).cut("consistency")],
    )


_FLIPS = ("flip_rate", "lost", "gained", "step_flip_rate")


def flips(book: Book) -> Part | None:
    """Return which answers change: from clean, and from one severity to the next."""
    at = {(row["cell"], row["metric"]): row for row in book.table("stability") if row["value"] is not None}
    cells = [cell for cell in telling_cells(book) if any((cell, name) in at for name in _FLIPS)]
    if not cells:
        return None
    body = [[cell, *(percent(at.get((cell, name))) for name in _FLIPS)] for cell in cells]
    titles = ("changed %", "right, then wrong %", "wrong, then right %", "changed since the last severity %")
    how = "Answers that differ from the clean ones; lost and gained are shares of those that were right and wrong."
    return Part(
        "flips", "Answers that change", how, grids=[Grid([*texts("cell"), *nums(*titles)], body).cut("stability")]
    )


def relative(book: Book) -> Part | None:
    """Return corruption errors beside the reference's, where the run has cells that it knows."""
    rows = [row for row in book.table("relative") if row["value"] is not None]
    if not rows:
        return None
    body: list[Sequence[Any]] = []
    for row in rows:
        name = row["scenario"] or "all"
        body.append(
            [name, readable(row["measure"]), row["kind"], row["reference"] or DASH, percent(row), row["note"] or ""]
        )
    columns = [*texts("scenario", "measure", "kind", "reference"), *nums("%"), *wrapped("")]
    how = "Errors as they are, divided by the reference's, and counted from clean: the same run, three ways to say it."
    return Part("relative", "Beside a reference", how, grids=[Grid(columns, body).cut("relative")])
