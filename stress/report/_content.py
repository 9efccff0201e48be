"""What the page says, gathered: headline, facts, findings, panels, tables, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from perturbations import StressError, citation
from stress.records.statuses import failures
from stress.report._book import BREAK_AT, Book
from stress.report._examples import gallery
from stress.report._findings import failing, findings, unmoved
from stress.report._first import takeaways, telling_curves
from stress.report._gate import gated
from stress.report._grid import Column, Grid
from stress.report._more import more
from stress.report._numbers import DASH, count, plural, readable, seconds
from stress.report._overview import measures, overview
from stress.report._panels import figure_of, panels
from stress.report._tables import lost_grid
from stress.report._verdict import headline, worst_cell

__all__ = ["content"]


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
        "mixed": _mixed(book),
        "provenance": _provenance(book),
        "preflight": _preflight(book),
        "citation": _citation(book),
        "footer": f"Written by multimodal-stress {_version(book)} from {book.run.path.name}.",
    }
    found |= _measured(book) if book.begun else _empty()
    contents = [("findings", "Findings")]
    contents += [("gate", "Gate")] if found["gate"] else []
    contents += [("scenarios", "Scenarios")] if found["overview"] else []
    contents += [(f"panel-{i}", panel.title) for i, panel in enumerate(found["panels"], 1)]
    contents += [("missing", "Missing streams")] if found["lost"] else []
    contents += [("examples", "Examples")] if found["examples"] else []
    contents += [(part.id, part.title) for part in found["more"]]
    return {**found, "contents": [*contents, ("provenance", "Provenance"), ("cite", "How to cite")]}


def _empty() -> dict[str, Any]:
    lists = ("panels", "more", "finding_tables", "facts", "takeaways", "first")
    nothing: dict[str, Any] = dict.fromkeys(lists, ())
    nothing |= dict.fromkeys(("form", "overview", "measures", "lost", "examples", "gate"))
    return {**nothing, "chance": "", "verdict": "No records yet."}


def _measured(book: Book) -> dict[str, Any]:
    summary = book.summary
    return {
        "verdict": headline(book),
        "gate": gated(book),
        "takeaways": takeaways(book),
        "first": [figure_of(book, rows, book.axis) for rows in telling_curves(book)],
        "chance": _chance(book),
        "form": book.form,
        "sure": f"{100 * summary['confidence']:.3g} %",
        "broken": f"{100 * BREAK_AT:.0f} %",
        "drawn": "samples" if summary["cluster"] == "sample" else f"clusters by {summary['cluster']}",
        "facts": _facts(book),
        "finding_tables": [grid for grid in (failing(book), unmoved(book)) if grid],
        "overview": overview(book) if summary["scenarios"] else None,
        "measures": measures(book),
        "panels": panels(book),
        "lost": lost_grid(book),
        "examples": gallery(book),
        "more": more(book),
    }


def _chance(book: Book) -> str:
    """Return the level of always answering the most frequent class, where it is on the curves' scale."""
    level = book.chance
    return "" if level is None or not book.axis.low <= level <= book.axis.high else book.form.value(level, True)


def _facts(book: Book) -> list[dict[str, Any]]:
    form, summary, worst, clean = book.form, book.summary, worst_cell(book), book.clean or {}
    failed = sum(summary["statuses"][name] for name in failures())
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
    chance = "" if book.chance is None else f", the most frequent {form.value(book.chance, True)}"
    found.append(("Task", readable(summary["task"]), f"{classes} classes{chance}" if classes else ""))
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
    text = f"{count(there)}{share} are there, and all numbers rest on these. The same command continues it."
    row = next((row for row in book.table("sequences") if row["cell"] == "clean"), None)
    if row is not None and row["low"] is not None:
        value = book.form.both(row, True)
        text += f" Clean {book.form.title}, with an interval that holds however often one looks: {value}."
    return text


def _mixed(book: Book) -> str:
    """Return what was accepted, where a model changed while the run was under way."""
    accepted = book.info.get("mixed") or ()
    return " ".join(f"{'; '.join(each['differs'])}. Accepted because: {each['why']}." for each in accepted)


def _continued(info: Mapping[str, Any]) -> str | None:
    """Return what of the run was there before it was last continued, and since when."""
    reused = info.get("reused")
    if not reused or not info.get("begun"):
        return None
    begun, last = (
        datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if at else DASH
        for at in (info["begun"], reused.get("written_last"))
    )
    again = reused.get("failures_asked_again")
    asked = f"; {plural(again, 'failed record')} asked again" if again else ""
    return f"{count(reused['records'])} records were there, begun {begun}, last written {last}{asked}"


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
        ("limit", settings.get("limit")),
        ("continued", _continued(info)),
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
