"""A site on disk: a first page, a page a release, and copies of the releases' own reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError, RunError
from perturbations.errors import named_keywords
from perturbations.files import read_regular
from stress.measure import Measurable
from stress.report._history import sections_of
from stress.report._page import rendered
from stress.report.site._history import History
from stress.report.site._pages import front, release
from stress.report.site._review import read_review

__all__ = ["write_site"]

_MOST = 200_000_000


@named_keywords
def write_site(runs: Sequence[Measurable], folder: str | Path, history: str | Path | None = None) -> Path:
    """Write static pages over several releases, the oldest first, and return the first page.

    Trends of each scenario with intervals and changes, any two releases compared, gates, and the comments and sign-offs
    in FOLDER/review.toml; with a ``history`` (of a monitor, or of runs on a schedule) what it holds: where series of
    evaluations changed, and the score to expect in production. Reports that lie in the runs' folders are copied.
    Raises InputError for fewer than two runs or a ``review.toml`` that is not as it must be, before anything is
    written.
    """
    if len(runs) < 2:
        raise InputError(f"site: must have at least two runs, got {len(runs)}.")
    if waiting := [run.path for run in runs if not run.count]:
        raise InputError(f"site: {waiting[0]} has no records yet.")
    folder, releases = Path(folder), History(tuple(runs))
    forms = {book.form.name for book in releases.books}
    if len(forms) > 1:
        raise InputError(f"site: the runs must have one headline metric, got {', '.join(sorted(forms))}.")
    remarks = read_review(folder, releases.names)
    reports = {i: run.path / "report" / "index.html" for i, run in enumerate(runs)}
    there = {i: path for i, path in reports.items() if path.is_file()}
    links = {i: f"reports/{releases.files[i]}" for i in there}
    sections = [] if history is None else sections_of(history)
    first = front(releases, remarks, links) | {"sections": sections}
    pages: dict[str, Any] = {"index.html": rendered("site.html.j2", first)}
    for i, name in enumerate(releases.files):
        pages[name] = rendered("release.html.j2", release(releases, i, remarks, links))
    try:
        (folder / "reports").mkdir(parents=True, exist_ok=True)
        for i, path in there.items():
            (folder / links[i]).write_bytes(read_regular(path, "site", most=_MOST))
        for name, text in pages.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror or error}.") from error
    return folder / "index.html"
