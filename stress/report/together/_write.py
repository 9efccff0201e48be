"""The page of several runs on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perturbations import InputError, RunError
from perturbations.errors import named_keywords
from stress.measure import Measurable
from stress.report._page import rendered
from stress.report.together._content import together

__all__ = ["write_comparison"]


@named_keywords
def write_comparison(runs: Sequence[Measurable], path: str | Path | None = None, *, common: bool = False) -> Path:
    """Write one page for several runs and return its path: report/compared.html of the last run, if none is given.

    Each run is held against the first, sample by sample: what surely got worse comes first. Raises RunError for runs of
    other suites or data, unless ``common`` asks for what they share.
    """
    if len(runs) < 2:
        raise InputError(f"report: must have at least two runs to compare, got {len(runs)}.")
    if waiting := [run.path for run in runs if not run.count]:
        raise InputError(f"report: {waiting[0]} has no records yet.")
    page = runs[-1].path / "report" / "compared.html" if path is None else Path(path)
    text = rendered("compared.html.j2", together(runs, common))
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{page}: cannot be written: {error.strerror or error}.") from error
    return page
