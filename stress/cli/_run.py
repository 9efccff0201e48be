"""``stress run``: plan, execute, and say what came out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from perturbations import InputError
from scenarios import load
from stress._face import Run, open_run
from stress.engine import Outcome, Planned, Settings, execute, plan_run, prepared

__all__ = ["run_suite"]


def run_suite(
    suite: str,
    task: str | None,
    model: str | None,
    data: str | None,
    out: Path | None,
    no_preflight: bool,
    no_report: bool,
    dry_run: bool,
    samples: Path | None = None,
    **options: Any,
) -> int:
    """Run a suite from the command line and return the exit status."""
    from rich.console import Console

    console = Console()
    demo = suite == "demo"
    loaded = load(suite)
    for name, value in (("--model", model), ("--data", data)):
        if value is None and not demo:
            raise InputError(f"run: {name} must be given (a name, or 'demo' to try {suite} on the built-in world).")
    command = click.get_current_context().find_root().obj
    settings = Settings(preflight=not no_preflight, samples=_ids(samples), command=command, **options)
    what = (model or "demo", data or "demo", loaded, task, settings)
    if dry_run:
        _show_plan(console, plan_run(*what))
        return 0
    started = time.monotonic()
    with prepared(*what) as (planned, far):
        outcome = execute(planned, out or Path("runs") / planned.plan.suite, far)
    run = open_run(outcome.run.path)
    _show_outcome(console, planned, outcome, time.monotonic() - started)
    _show_results(console, run, options["progress"] == "quiet")
    if not no_report:
        from stress.report import write_report

        console.print(f"report: {write_report(run)}", soft_wrap=True)
    return 0


def _ids(path: Path | None) -> tuple[str, ...]:
    """Return the sample ids in a file, one a line."""
    if path is None:
        return ()
    try:
        found = tuple(line for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"run: --samples {path}: cannot be read: {error}.") from None
    if not found:
        raise InputError(f"run: --samples {path}: must have at least one id, got none.")
    return found


def _show_plan(console: Any, planned: Planned) -> None:
    from rich.table import Table

    table = Table("scenario", "cells", "grid", "conditions", title=f"{planned.plan.suite}@{planned.plan.version}")
    grouped: dict[str, list[Any]] = {}
    for cell in planned.plan.cells:
        grouped.setdefault(cell.scenario, []).append(cell)
    for name, cells in grouped.items():
        conditions = dict.fromkeys(f"{c.stream}: {c.perturbation}" for cell in cells for c in cell.conditions)
        table.add_row(name, str(len(cells)), cells[0].grid if cells[0].conditions else "", ", ".join(conditions))
    console.print(table)
    for name, note in planned.plan.notes:
        console.print(f"{name}: {note}", highlight=False)
    _show_left_out(console, planned)
    samples = sum(map(len, planned.shards))
    calls = planned.times * sum(-(-len(shard) // planned.settings.batch_size) for shard in planned.shards)
    console.print(
        f"{samples:,} samples × {len(planned.plan.cells):,} cells = {planned.records:,} records, {calls:,} model calls"
    )
    seconds, megabytes = _estimate(planned)
    console.print(
        f"about {_duration(seconds)} with {planned.settings.threads} workers, and {megabytes:.1f} MB of records "
        "(judged from a short probe)"
    )


def _estimate(planned: Planned) -> tuple[float, float]:
    """Return seconds and megabytes of the whole run, judged from one batch in a few cells."""
    from stress.engine import one_thread_each, settled_job

    job, _ = settled_job(planned)
    positions = [int(p) for p in planned.shards[0][: planned.settings.batch_size]]
    samples = [planned.data[p] for p in positions]
    cells = planned.plan.cells[:: max(1, len(planned.plan.cells) // 8)]
    with one_thread_each():
        for cell in cells:  # the first pass pays for imports and caches
            job.records(cell, samples[:1], positions[:1], 0)
        start = time.perf_counter()
        size = sum(job.records(cell, samples, positions, 0).nbytes for cell in cells)
    each = (time.perf_counter() - start) / (len(cells) * len(samples))
    # Columns shrink to about a third in Parquet.
    return each * planned.records / planned.settings.threads, size / (len(cells) * len(samples)) * planned.records / 3e6


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _show_left_out(console: Any, planned: Planned) -> None:
    for name, reason in planned.plan.left_out:
        console.print(f"[yellow]left out[/yellow] {name}: {reason}", highlight=False)


def _show_outcome(console: Any, planned: Planned, outcome: Outcome, seconds: float) -> None:
    for line in outcome.thrown:
        console.print(f"[yellow]damaged[/yellow] {line}", highlight=False)
    _show_left_out(console, planned)
    if outcome.checks:
        from rich.table import Table

        table = Table("preflight", "", "")
        for check in outcome.checks:
            mark = "[green]ok[/green]" if check.outcome == "ok" else "[bold yellow]warning[/bold yellow]"
            table.add_row(check.name, mark, check.says)
        console.print(table)
    units = len(planned.units)
    if outcome.reused:
        left = units - outcome.reused
        what = f"the other {left:,} were done now" if left else "nothing was left to do"
        console.print(f"continued: {outcome.reused:,} of {units:,} units were there already, {what}")
    console.print(
        f"{planned.records:,} records ({sum(map(len, planned.shards)):,} samples × {len(planned.plan.cells):,} cells) "
        f"in {_duration(seconds)} → {outcome.run.path}"
    )


def _show_results(console: Any, run: Run, quiet: bool) -> None:
    from stress.report import print_summary

    if not quiet:
        print_summary(console, run)
