"""Findings: failures, cautions of the measures, preflight, what was left out, distortion that does not rise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from perturbations.modality import MODALITIES, modality
from stress.adaptive import stopped_lines
from stress.records.statuses import failures
from stress.report._book import Book, Row
from stress.report._grid import Column, Grid
from stress.report._numbers import DASH, count, plural, severity, visible
from stress.report._telling import telling

__all__ = ["Finding", "failing", "findings", "unmoved"]

MOST = 50
"""Cells of a scenario, and findings of one kind, that are named."""
SLACK = 0.05
"""How much distortion may fall from one severity to the next, relative to its range, before it is said."""


@dataclass(frozen=True)
class Finding:
    """One sentence, how much it matters, and where it comes from."""

    level: Literal["problem", "warning", "note"]
    text: str


def findings(book: Book) -> list[Finding]:
    """Return all findings, the gravest first."""
    found = []
    if book.begun:
        failed = sum(book.summary["statuses"][name] for name in failures())
        if failed:
            found.append(Finding("problem", _failures(book, failed)))
        found += [Finding("warning", text) for text in [*_rising(book), *telling(book)]]
        found += [Finding("warning", _sentence(c.text)) for c in book.measured.cautions if c.about != "failures"]
        still = _not_rising(book)
        found += [Finding("note", text) for text in still[:MOST]]
        if len(still) > MOST:
            found.append(Finding("note", f"So it is {len(still) - MOST} more times: see tables/distortion.csv."))
    spent = book.info.get("spent") or {}
    if spent.get("ended"):
        limits = [f"{name} {spent[name]:g}" for name in ("max_calls", "max_cost") if spent.get(name) is not None]
        samples = f"{count(spent['samples'])} of {count(spent['of'])} samples"
        found.append(Finding("note", f"Ended by {' and '.join(limits)}: {samples}, each of them in every cell."))
    if lines := stopped_lines(book.info):
        found.append(Finding("note", _sentence("; ".join(line.strip() for line in lines))))
    for check in book.info.get("preflight") or ():
        if check["outcome"] != "ok":
            found.append(Finding("warning", f"Preflight – {visible(check['name'])}: {visible(check['says'])}"))
    for name, reason in book.info.get("left_out") or ():
        found.append(Finding("note", f"Left out – {visible(name)}: {visible(reason)}"))
    order = ("problem", "warning", "note")
    return sorted(found, key=lambda finding: order.index(finding.level))


def _sentence(text: str) -> str:
    found = visible(text)
    return f"{found[:1].upper()}{found[1:]}{'' if found.endswith(('.', '…')) else '.'}"


def _failures(book: Book, failed: int) -> str:
    statuses = book.summary["statuses"]
    kinds = ", ".join(f"{count(statuses[k])} {k}" for k in failures() if statuses.get(k))
    cells = len({row["cell"] for row in book.table("failures")})
    where = f" in {plural(cells, 'cell')}" if cells else ""
    records = plural(book.summary["records"], "record")
    return (
        f"The model gave no usable answer to {count(failed)} of {records}{where} ({kinds}); each counts as a failure."
    )


_RISES = {
    "unparsed": "Answers that could not be read rise",
    "refusal": "Refusals rise",
    "rate_limited": "Questions that the endpoint refused for its load rise",
}
"""What is said of a status that a degraded input brings about."""


def _rising(book: Book) -> list[str]:
    """Say where more questions have no answer than on clean input, by intervals that do not touch: the worst cell."""
    found = []
    for status, says in _RISES.items():
        rows = [row for row in book.table("cells") if row["metric"] == f"{status}_rate" and row["low"] is not None]
        clean = next((row for row in rows if row["cell"] == "clean"), None)
        sure = [row for row in rows if clean is not None and row["low"] > clean["high"]]
        if clean is not None and sure:
            worst = max(sure, key=lambda row: row["value"])
            found.append(
                f"{says}: from {100 * clean['value']:.1f} % on clean input to {100 * worst['value']:.1f} % "
                f"({100 * worst['low']:.1f}–{100 * worst['high']:.1f}) in {visible(worst['cell'])}. They count as "
                "failures: part of what is lost there is the form of the answer."
            )
    return found


def failing(book: Book) -> Grid | None:
    """Return which cells have records without a usable answer, how many, of which kind, and the message once."""
    rows = book.table("failures")
    if not rows:
        return None
    grouped: dict[tuple[Any, Any], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row["status"], row["error"]), []).append(row)
    body = []
    for (status, error), same in sorted(grouped.items(), key=lambda entry: -sum(r["records"] for r in entry[1])):
        body.append([status, error or DASH, count(sum(row["records"] for row in same)), _cells(same)])
    columns = [Column("kind"), Column("message", "wrap"), Column("records", "num"), Column("cells", "wrap")]
    return Grid(columns, body, "Records without an answer").cut("failures")


def _cells(rows: Sequence[Row], most: int = 8) -> str:
    parts = [f"{row['cell']} ({count(row['records'])} of {count(row['n'])})" for row in rows[:most]]
    return ", ".join([*parts, *([f"and {len(rows) - most} more"] if len(rows) > most else [])])


def unmoved(book: Book, least: float = 0.05) -> Grid | None:
    """Return the scenarios that left many inputs as they were, cell by cell."""
    rows = [r for r in book.table("cells") if r["metric"] == book.form.name and r["cell"] != "clean"]
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        if (row["unchanged"] or 0) >= least:
            grouped.setdefault(row["scenario"], []).append(row)
    if not grouped:
        return None
    body = []
    for scenario, same in grouped.items():
        shares = [f"{row['cell'].removeprefix(scenario + ':')}: {100 * row['unchanged']:.1f}" for row in same[:MOST]]
        shares += [f"and {len(same) - MOST} more"] if len(same) > MOST else []
        body.append([scenario, same[0]["perturbation"], ",  ".join(shares)])
    return Grid([Column("scenario"), Column("perturbation"), Column("% of inputs unchanged", "wrap")], body,
                "Inputs that stayed as they were").cut("cells")  # fmt: skip


def _not_rising(book: Book) -> list[str]:
    """Say where a higher severity is not further from the clean input: a published table that is not monotone, say."""
    curves: dict[tuple[Any, ...], list[Row]] = {}
    streams: Mapping[str, str] = book.info.get("streams") or {}
    for row in book.table("distortion"):
        if row["severity"] and row["value"] is not None and not row["fallback"]:
            key = (row["scenario"], row["perturbation"], row["profile"], row["category"], row["of"], row["metric"])
            curves.setdefault(key, []).append(row)
    found = []
    for (scenario, *_, stream, metric), rows in curves.items():
        kind = streams.get(stream, "")
        if kind not in MODALITIES:
            continue
        rows.sort(key=lambda row: row["severity"])
        sign = -1 if modality(kind).falls else 1
        reach = max(r["value"] for r in rows) - min(r["value"] for r in rows)
        for one, other in pairwise(rows):
            if sign * (one["value"] - other["value"]) > SLACK * reach:
                before, after = severity(one["severity"]), severity(other["severity"])
                found.append(
                    f"Severity {after} of {visible(scenario)} changes {visible(stream)} less than severity {before}: "
                    f"{visible(metric)} {other['value']:.3g} after {one['value']:.3g}."
                )
    return found
