"""Examples: what a perturbation made of single samples, to look at and listen to, and what the model answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from perturbations import RunError
from perturbations.modality import modality
from stress.examples import Answer, Example, Shown, stored
from stress.report._book import Book, hue
from stress.report._numbers import count, severity, visible

__all__ = ["Gallery", "Picture", "Row", "gallery", "in_cells"]

_ROOM = 2_000_000
"""Characters of markup that the examples may take on the page; the others are in the run's folder."""


@dataclass(frozen=True)
class Picture:
    """A value, drawn: a caption and HTML."""

    caption: str
    drawing: Markup
    kind: str


@dataclass(frozen=True)
class Row:
    """An example: which sample in which cell, what was answered, and its streams."""

    title: str
    why: str
    answers: str
    hue: str
    right: bool
    streams: Sequence[Sequence[Picture]]


@dataclass(frozen=True)
class Gallery:
    """All examples of the page, and what is said above and below them."""

    rows: Sequence[Row]
    how: str
    left: str


def gallery(book: Book) -> Gallery | None:
    """Return the examples that the run has kept, as many as there is room for."""
    try:
        found = stored(book.run)  # type: ignore[arg-type]
    except RunError as error:
        return Gallery((), str(error), "")
    if not found:
        return None
    rows: list[Row] = []
    used = 0
    for example in found:
        row = _row(book, example)
        used += sum(len(picture.drawing) for pair in row.streams for picture in pair)
        if used > _ROOM and rows:
            break
        rows.append(row)
    left = len(found) - len(rows)
    how = (
        "Chosen from the records: the surest mistake of each scenario at its highest severity, samples that are right "
        "again where the stream is dropped, samples that came through, and typical mistakes. Excerpts."
    )
    return Gallery(rows, how, f"{count(left)} more: `stress show RUN SAMPLE CELL` draws any of them." if left else "")


def in_cells(book: Book, examples: Sequence[Example]) -> Gallery:
    """Return one sample in several cells, whole."""
    return Gallery([_row(book, example) for example in examples], "", "")


def _row(book: Book, example: Example) -> Row:
    cell = book.plan.get(example.cell)
    level = f" at severity {severity(cell.severity)}" if cell and cell.severity else ""
    name = visible(cell.scenario) if cell else visible(example.cell)
    first = ""
    if example.breaks_at is not None and cell and cell.severity and example.breaks_at < cell.severity:
        first = f"; first wrong at severity {severity(example.breaks_at)}"
    says = f"{_answered(example.before, example.after, example.target)}{first}"
    right = example.after.score >= example.before.score
    title = f"{name}{level} · {visible(example.sample)}"
    streams = [list(_drawn(shown)) for shown in sorted(example.streams, key=lambda shown: not shown.touched)]
    return Row(title, example.why, says, hue(cell.modality if cell else None), right, streams)


def _answered(before: Answer, after: Answer, target: str) -> str:
    """Return what was right, and what the model answered before and after."""
    truth = f"right: {visible(target)[:80]} · " if target else ""
    return f"{truth}clean {_said(before)} → {_said(after)}"


def _said(answer: Answer) -> str:
    text = visible(answer.text)
    short = text if len(text) <= 80 else f"{text[:80]}…"
    if answer.failed:
        return f"no answer ({short})"
    return short if answer.confidence is None else f"{short} ({100 * answer.confidence:.0f} %)"


def _drawn(shown: Shown) -> Iterator[Picture]:
    """Yield a stream as it is and as the model met it; once, where nothing was done to it."""
    name = visible(shown.stream)
    if shown.clean is None and shown.after is None:
        yield Picture(f"{name}: not there", Markup(""), "gone")
        return
    if not shown.touched:
        yield _picture(shown, f"{name}, as it is", clean=True)
        return
    if shown.clean is not None and shown.modality != "text":  # of a text the changes are marked
        yield _picture(shown, f"{name}, clean", clean=True)
    if shown.after is None:
        yield Picture(f"{name}: lost", Markup(""), "gone")
    else:
        yield _picture(shown, f"{name}, as the model met it", clean=False)


def _picture(shown: Shown, caption: str, clean: bool) -> Picture:
    value = shown.clean if clean else shown.after
    before = value if shown.clean is None else shown.clean
    html = modality(shown.modality).look.draw(value, before, caption)
    return Picture(caption, Markup(html), shown.modality)  # noqa: S704 - drawn with everything in it escaped
