"""One HTML file that holds everything: no network, nothing unescaped, and a policy that enforces it.

The page says everything as plain HTML. One script, which the policy knows by its hash, adds sorting, filtering and
reading values off curves; it draws nothing that is not on the page, and asks for nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from perturbations import RunError
from perturbations.errors import named_keywords
from perturbations.modality import MODALITIES, modality
from stress.examples import Example
from stress.measure import Measurable
from stress.report._book import Book
from stress.report._content import content
from stress.report._examples import in_cells
from stress.report._export import write_tables
from stress.report._numbers import plural, visible
from stress.report._svg import mark

__all__ = ["rendered", "write_report", "write_sample"]

POLICY = (
    "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; media-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""Pictures and sounds of examples stand in the page itself; nothing is loaded, and nothing runs but the one script."""


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
    return rendered("report.html.j2", content(book))


@named_keywords
def write_sample(run: Measurable, examples: Sequence[Example], path: Path) -> None:
    """Write a page of one sample in some cells of a run: its streams as they are and as the model met them."""
    book = Book(run)
    about = {
        "title": examples[0].sample,
        "kicker": f"One sample · {run.path.name} · {plural(len(examples), 'cell')}",
        "examples": in_cells(book, examples),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rendered("sample.html.j2", about), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}.") from error


def rendered(name: str, about: Mapping[str, Any]) -> str:
    """Return a page made of a template and what it says."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    style = "\n" + _source("report.css") + _hues()
    script = _source("report.js")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True,
        loader=FunctionLoader(_source),
    )  # fmt: skip
    template, policy = environment.get_template(name), POLICY.format(_digest(style), _digest(script))
    ours = {"style": Markup(style), "script": Markup(script)}  # noqa: S704
    return template.render(policy=policy, mark=_legend, soft=_soft, **ours, **about)


def _digest(text: str) -> str:
    """Return a text's digest as a policy writes it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _source(name: str) -> str:
    return resources.files("stress.report").joinpath(name).read_text(encoding="utf-8")


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
