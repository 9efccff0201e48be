"""One HTML file that holds everything: no script, no network, nothing unescaped, and a policy that enforces it."""

from __future__ import annotations

import base64
import hashlib
import os
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from perturbations import RunError
from perturbations.errors import named_keywords
from perturbations.modality import MODALITIES, modality
from stress.measure import Measurable
from stress.report._book import Book
from stress.report._content import content
from stress.report._export import write_tables
from stress.report._numbers import visible
from stress.report._svg import mark

__all__ = ["write_report"]

POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"


@named_keywords
def write_report(run: Measurable, goals: Any = None) -> Path:
    """Write RUN/report/index.html and its tables, and return the page's path. Works on unfinished runs too.

    ``goals`` are shares that the streams are held against, as ``scenarios.goals_of`` takes them.
    """
    book = Book(run, goals)
    folder = run.path / "report"
    page = folder / "index.html"
    try:
        folder.mkdir(exist_ok=True)
        temporary = folder / f".index.html.{os.getpid()}.tmp"
        temporary.write_text(render(book), encoding="utf-8")
        temporary.replace(page)
        write_tables(book, folder / "tables")
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror or error}.") from error
    return page


def render(book: Book) -> str:
    """Return the page."""
    from jinja2 import Environment, StrictUndefined

    here = resources.files("stress.report")
    style = "\n" + here.joinpath("report.css").read_text(encoding="utf-8") + _hues()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(here.joinpath("report.html.j2").read_text(encoding="utf-8"))
    return template.render(policy=POLICY.format(digest), style=Markup(style), mark=_legend, soft=_soft, **content(book))  # noqa: S704


def _hues() -> str:
    """Return the style of each modality's colour, on white and on black."""
    looks = {name: modality(name).look for name in MODALITIES}
    light = "".join(f" .{name} {{ --hue: {look.colour}; }}" for name, look in looks.items())
    dark = "".join(f" .{name} {{ --hue: {look.dark}; }}" for name, look in looks.items())
    return f"{light[1:]}\n@media (prefers-color-scheme: dark) {{{dark} }}\n"


def _shown(value: Any) -> Any:
    """Return what the template prints: markup as it is, everything else with its hidden characters written out."""
    return value if isinstance(value, (Markup, int)) or value is None else visible(value)


def _soft(cell: Any) -> Any:
    """Return the text of a number, ``value (low–high)``, with its interval set softer than the value."""
    if isinstance(cell, Markup) or not isinstance(cell, str) or " (" not in cell:
        return cell
    value, _, rest = cell.partition(" (")
    return Markup("{} <i>({}</i>").format(visible(value), visible(rest))


def _legend(hue: str) -> Markup:
    return mark(hue, 7.0, 7.0, size=5.0)
