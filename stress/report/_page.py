"""One HTML file that holds everything: no script, no network, nothing unescaped, and a policy that enforces it."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from perturbations import RunError, StressError, citation
from stress.engine import Run
from stress.report._book import BREAK_AT, Book
from stress.report._findings import failing, findings, unmoved
from stress.report._grid import Column, Grid
from stress.report._more import more
from stress.report._numbers import DASH, count, plural, readable, seconds, visible
from stress.report._panels import panels
from stress.report._svg import mark
from stress.report._tables import lost_grid, overview
from stress.report._verdict import headline, worst_cell

__all__ = ["write_report"]

POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def write_report(run: Run) -> Path:
    """Write RUN/report/index.html and its tables, and return the page's path. Works on unfinished runs too."""
    from stress.report._export import write_tables

    book = Book(run)
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
    style = "\n" + here.joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(here.joinpath("report.html.j2").read_text(encoding="utf-8"))
    return template.render(policy=POLICY.format(digest), style=Markup(style), mark=_legend, **content(book))  # noqa: S704


def _shown(value: Any) -> Any:
    """Return what the template prints: markup as it is, everything else with its hidden characters written out."""
    return value if isinstance(value, (Markup, int)) or value is None else visible(value)


def _legend(hue: str) -> Markup:
    return mark(hue, 7.0, 7.0, size=5.0)


def content(book: Book) -> Mapping[str, Any]:
    """Return what the template shows."""
    suite, data = book.identity.get("suite") or {}, (book.identity.get("data") or {}).get("name")
    name = f"{suite['name']}@{suite['version']}" if "name" in suite else "a suite"
    model = (book.identity.get("model") or {}).get("name") or "a model"
    found: dict[str, Any] = {
        "title": f"{model} under {name}",
        "kicker": f"Stress report · model {model} · suite {name} · data {data or DASH} · {_date(book)}",
        "findings": findings(book),
        "unfinished": _unfinished(book),
        "provenance": _provenance(book),
        "preflight": _preflight(book),
        "citation": _citation(book),
        "footer": f"Written by multimodal-stress {_version(book)} from {book.run.path.name}.",
    }
    found |= _measured(book) if book.begun else _empty()
    contents = [("findings", "Findings")]
    contents += [("scenarios", "Scenarios")] if found["overview"] else []
    contents += [(f"panel-{i}", panel.title) for i, panel in enumerate(found["panels"], 1)]
    contents += [("missing", "Missing streams")] if found["lost"] else []
    contents += [(part.id, part.title) for part in found["more"]]
    return {**found, "contents": [*contents, ("provenance", "Provenance"), ("cite", "How to cite")]}


def _empty() -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(("panels", "more", "finding_tables", "facts"), ())
    return {
        **nothing,
        "overview": None,
        "lost": None,
        "bar": "",
        "verdict": "No records yet.",
        "overview_how": "",
        "curves_how": "",
    }


def _measured(book: Book) -> dict[str, Any]:
    form, sure = book.form, 100 * book.summary["confidence"]
    drawn = [grid for grid in (failing(book), unmoved(book)) if grid]
    scenarios = bool(book.summary["scenarios"])
    return {
        "verdict": headline(book),
        "bar": f"Broken means: {form.title} under {100 * BREAK_AT:.0f} % of the clean value, interval included."
        if scenarios and form.better == "higher"
        else "",
        "facts": _facts(book),
        "finding_tables": drawn,
        "overview": overview(book) if scenarios else None,
        "overview_how": (
            f"Keeps: mean {form.title} over the severities, as a share of clean. Area: mean height of the curve. Breaks "
            f"at: the severity at which the curve falls under {100 * BREAK_AT:.0f} % of clean. In brackets, here and "
            f"everywhere: {sure:.0f} % intervals, over {_drawn(book)}; a worst cell's allows for its being chosen."
        ),
        "curves_how": "",
    }


def _measured(book: Book) -> dict[str, Any]:
    form, sure = book.form, 100 * book.summary["confidence"]
    drawn = [grid for grid in (failing(book), unmoved(book)) if grid]
    scenarios = bool(book.summary["scenarios"])
    return {
        "verdict": headline(book),
        "bar": f"Broken means: {form.title} under {100 * BREAK_AT:.0f} % of the clean value, interval included."
        if scenarios and form.better == "higher" else "",
        "facts": _facts(book),
        "finding_tables": drawn,
        "overview": overview(book) if scenarios else None,
        "overview_how": (
            f"Keeps: mean {form.title} over the severities, as a share of clean. Area: mean height of the curve. "
            f"Breaks at: the severity at which the curve falls under {100 * BREAK_AT:.0f} % of clean. In brackets, here "
            f"and everywhere: {sure:.0f} % intervals, over {_drawn(book)}; a worst cell's interval allows for its choice."
        ),
        "curves_how": (
            f"{form.title.capitalize()} {form.mark} against severity, on one scale throughout. Dark band: {sure:.0f} % "
            "interval of each point; light band: of the whole curve at once. Grey line: clean. Dotted: the touched "
            "streams dropped instead. Red: where the curve falls under "
            f"{100 * BREAK_AT:.0f} % of clean, with its interval along the axis. Hollow points have failed records."
        ),
        "panels": panels(book),
        "lost": lost_grid(book),
        "more": more(book),
    }  # fmt: skip


def _drawn(book: Book) -> str:
    by = book.summary["cluster"]
    return "samples" if by == "sample" else f"clusters by {by}"


def _facts(book: Book) -> list[dict[str, Any]]:
    form, summary, worst, clean = book.form, book.summary, worst_cell(book), book.clean or {}
    failed = sum(n for name, n in summary["statuses"].items() if name not in ("ok", "unchanged"))
    classes = len(book.info.get("classes") or ())
    found = [(f"Clean {form.title}", form.value(clean.get("value"), True), form.interval(clean) or clean.get("note"))]
    if worst:
        ends = form.interval(worst)
        found.append(
            ("Worst cell", form.value(worst["value"], True), ", ".join([worst["cell"], *([ends] if ends else [])]))
        )
    found.append(("Without an answer", count(failed), f"of {plural(summary['records'], 'record')}"))
    big = len(found)
    found.append(("Samples", count(summary["samples"]), f"in {plural(summary['cells'], 'cell')}"))
    found.append(("Task", readable(summary["task"]), f"{classes} classes" if classes else ""))
    found.append(("Seed", str(book.identity.get("seed", DASH)), _draws(book.identity)))
    return [{"name": n, "value": v, "small": small or "", "big": i < big} for i, (n, v, small) in enumerate(found)]


def _draws(identity: Mapping[str, Any]) -> str:
    draws = (identity.get("suite") or {}).get("draws")
    return plural(draws, "draw") if draws else ""


def _unfinished(book: Book) -> str:
    if book.finished:
        return ""
    if not book.begun:
        return "There are no records yet. The same command continues it."
    there, planned = book.summary["records"], book.info.get("records")
    share = f" of {count(planned)} records ({100 * there / planned:.0f} %)" if planned else " records"
    return f"{count(there)}{share} are there; all numbers below rest on these. The same command continues it."


def _provenance(book: Book) -> Grid:
    info, identity = book.info, book.identity
    data, settings, host = identity.get("data") or {}, info.get("settings") or {}, info.get("host") or {}
    streams = ", ".join(f"{name} ({kind})" for name, kind in (info.get("streams") or {}).items())
    rows = [
        ("model", (identity.get("model") or {}).get("name")),
        ("weights", (identity.get("model") or {}).get("weights")),
        ("data", data.get("name")),
        ("data's content", data.get("content")),
        ("streams", streams),
        ("seed", identity.get("seed")),
        ("limit", identity.get("limit")),
        ("workers", settings.get("workers")),
        ("batch size", settings.get("batch_size")),
        ("took", seconds(info["seconds"]) if info.get("seconds") else None),
        ("machine", ", ".join(f"{key} {value}" for key, value in host.items())),
        ("packages", ", ".join(f"{key} {value}" for key, value in (info.get("packages") or {}).items())),
        ("perturbations", ", ".join(f"{k} v{v}" for k, v in (identity.get("perturbations") or {}).items())),
        ("command", info.get("command")),
    ]
    return Grid([Column(""), Column("", "wrap")], [row for row in rows if row[1] not in (None, "")])


def _preflight(book: Book) -> Grid | None:
    checks = book.info.get("preflight") or ()
    if not checks:
        return None
    columns = [Column("check"), Column("outcome"), Column("", "wrap")]
    return Grid(columns, [[check["name"], check["outcome"], check["says"]] for check in checks])


def _citation(book: Book) -> str:
    used = sorted(book.identity.get("perturbations") or {})
    try:
        return citation(used) or "Nothing to cite."
    except StressError as error:  # a plug-in that is not installed here
        return f"% {error}"


def _date(book: Book) -> str:
    started = book.info.get("started")
    return datetime.fromtimestamp(started, UTC).strftime("%-d %B %Y") if started else DASH


def _version(book: Book) -> str:
    return str((book.info.get("packages") or {}).get("multimodal-stress", "")).strip() or "(version unknown)"
