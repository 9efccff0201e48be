"""Figures for a paper, drawn by matplotlib: numbers with their intervals; the same runs give the same file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from perturbations import InputError
from perturbations.errors import named_keywords, nearest
from stress.measure import Measurable
from stress.report._book import Book
from stress.report.paper._curves import curves
from stress.report.paper._dots import compared, contributions, groups, lost
from stress.report.paper._look import STYLE, refuse_mixed
from stress.report.paper._maps import heat, reliability, timeline
from stress.report.paper._pgf import write_pgf

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["KINDS", "Kind", "plot", "save"]

Kind = Literal["curves", "lost", "heat", "contributions", "reliability", "compare", "timeline", "groups"]
KINDS = get_args(Kind)


@named_keywords
def plot(
    run: Measurable,
    kind: Kind = "curves",
    *,
    modality: str | None = None,
    columns: int = 4,
    others: Sequence[Measurable] = (),
    scenarios: Sequence[str] = (),
    common: bool = False,
) -> Figure:
    """Return a figure of a run, or of several: ``others`` are drawn into the same plots, of what all of them have.

    ``curves`` against severity, one small plot each (``modality`` keeps one modality's, or ``"joint"`` those of several
    at once); ``lost``: streams missing; ``heat``: two severities at once; ``contributions``: what each stream is worth;
    ``reliability``: right by stated confidence; ``compare``: how much better than this run the others are, pair by
    pair, filled where that is sure; ``timeline``: severity that comes and goes; ``groups``: clean and in the worst
    cell, those without any stream aside.
    ``scenarios`` keeps those of these names; ``common`` compares what runs of other suites or data share. Raises
    InputError where there is nothing to draw, or matplotlib is not installed.
    """
    if kind not in KINDS:
        raise InputError(f"plot: kind must be one of {', '.join(KINDS)}, got {kind!r}. {nearest(kind, KINDS)}")
    if modality is not None and kind != "curves":
        raise InputError(f"plot: modality chooses curves, and kind is {kind}. Leave one of them out.")
    if scenarios and kind in ("lost", "contributions"):
        raise InputError(f"plot: {kind} is of whole runs, not of scenarios. Leave scenarios out.")
    try:
        import matplotlib
    except ImportError:
        raise InputError(
            "plot: needs matplotlib, which is not installed. pip install 'multimodal-stress[report]'"
        ) from None
    books = [Book(each) for each in (run, *others)]
    if waiting := [book.run.path for book in books if not book.begun]:
        raise InputError(f"plot: {waiting[0]} has no records yet.")
    refuse_mixed(books)
    with matplotlib.rc_context(STYLE):
        return _drawn(books, kind, modality, columns, scenarios, common)


def _drawn(
    books: Sequence[Book], kind: Kind, modality: str | None, columns: int, scenarios: Sequence[str], common: bool
) -> Figure:
    if kind == "curves":
        return curves(books, modality, columns, scenarios)
    if kind in ("lost", "contributions"):
        return lost(books) if kind == "lost" else contributions(books, columns)
    if kind == "compare":
        return compared(books, scenarios, common)
    if kind == "reliability":
        return reliability(books, scenarios, columns)
    return {"heat": heat, "timeline": timeline, "groups": groups}[kind](books, columns, scenarios)


@named_keywords
def save(figure: Figure, path: str | Path) -> Path:
    r"""Write a figure without a date, so that equal figures are equal files. The suffix names the format.

    ``.pgf`` is drawn by TeX in the fonts of the paper that takes it in by ``\input``, and needs pdflatex here.
    """
    import matplotlib

    path = Path(path)
    dates: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with matplotlib.rc_context(STYLE):
        if path.suffix == ".pgf":
            write_pgf(figure, path)
            return path
        figure.savefig(path, metadata=dates.get(path.suffix), dpi=200)
    return path
