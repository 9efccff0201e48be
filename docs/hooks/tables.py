"""Tables of measures with their columns, and metrics by task."""

from __future__ import annotations

from math import isfinite

from docs.hooks.words import prose, row
from stress.measure import COMPARISON, RELIANCE, TABLES
from stress.tasks import METRICS, Metric


def page() -> str:
    """Return the page of tables and metrics."""
    parts = [
        "# Tables and metrics",
        "`run.table(NAME)` and `stress measure RUN --table NAME` give a table. What its numbers mean, and where their "
        "intervals come from: [What the numbers mean](../measures.md).",
        "## Tables",
    ]
    for name, table in TABLES.items():
        parts += [f"### {name} {{ #table-{name} }}", prose(table.about), columns(table.documented)]
    parts += ["### Two runs { #table-comparison }", columns({n: about for n, (_, about) in COMPARISON.items()})]
    parts += [
        "### What two models rest on { #table-reliance }",
        columns({n: about for n, (_, about) in RELIANCE.items()}),
    ]
    parts.append("## Metrics")
    for task, metrics in METRICS.items():
        lines = [
            "| metric | better | range | a failure counts as | undefined where | source |",
            "|---|---|---|---|---|---|",
        ]
        lines += [metric_row(each) for each in metrics]
        parts += [f"### {task} {{ #metrics-{task} }}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def columns(documented: dict[str, str]) -> str:
    """Return the columns of a table with their meaning."""
    lines = [row(f"`{name}`", prose(meaning)) for name, meaning in documented.items()]
    return "\n".join(["| column | meaning |", "|---|---|", *lines])


def metric_row(each: Metric) -> str:
    """Return the row of a metric."""
    low, high = (f"{end:g}" if isfinite(end) else "∞" for end in (each.low, each.high))
    low = f"−{low}" if low == "∞" else low
    failed = "left out" if each.failed is None else f"{each.failed:g}"
    undefined = each.undefined.removeprefix("undefined").lstrip(": ")
    return row(f"`{each.name}`", each.better, f"{low} to {high} {each.unit}", failed, undefined, each.source)
