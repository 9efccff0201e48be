"""``stress run``: plan, execute, and say what came out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from perturbations import InputError
from scenarios import load
from stress._face import open_run
from stress.cli._estimate import estimate
from stress.engine import Check, Outcome, Planned, Settings, duration, execute, plan_run, prepared

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
    console = _console(quiet=options["progress"] == "quiet")
    demo = suite == "demo"
    loaded = load(suite)
    for name, value in (("--model", model), ("--data", data)):
        if value is None and not demo:
            raise InputError(f"run: {name} must be given (a name, or 'demo' to try {suite} on the built-in world).")
    command = click.get_current_context().find_root().obj
    settings = Settings(preflight=not no_preflight, samples=_ids(samples), command=command, **options)
    what = (model or "demo", data or "demo", loaded, task, settings)
    if dry_run:
        _show_plan(_console(quiet=False), plan_run(*what))
        return 0
    started = time.monotonic()
    with prepared(*what) as (planned, workers):
        _show_left_out(console, planned)
        folder = out or Path("runs") / planned.plan.suite
        outcome = execute(planned, folder, workers, lambda checks: _show_checks(console, checks))
    run = open_run(outcome.run.path)
    _show_outcome(console, planned, outcome, time.monotonic() - started)
    if options["progress"] != "quiet":
        from stress.report import print_summary

        print_summary(console, run)
    if not no_report:
        from stress.report import write_report

        console.print(f"report: {write_report(run)}", soft_wrap=True)
    return 0


def _console(quiet: bool) -> Any:
    """Return a console: 160 columns wide where nobody looks, in a log; with ``quiet`` it prints nothing."""
    from rich.console import Console

    found = Console(quiet=quiet)
    return found if found.is_terminal else Console(width=160, quiet=quiet)


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
    low, high, megabytes = estimate(planned)
    console.print(
        f"between {duration(low)} and {duration(high)} with {planned.settings.threads} workers, and {megabytes:.1f} MB "
        "of records (judged from a batch in each kind of cell, on this machine as busy as it is now)"
    )


def _show_left_out(console: Any, planned: Planned) -> None:
    for name, reason in planned.plan.left_out:
        console.print(f"[yellow]left out[/yellow] {escape(name)}: {escape(reason)}", highlight=False)


def _show_checks(console: Any, checks: Sequence[Check]) -> None:
    from rich.table import Table

    if checks:
        table = Table("preflight", "", "")
        for check in checks:
            mark = "[green]ok[/green]" if check.outcome == "ok" else "[bold yellow]warning[/bold yellow]"
            table.add_row(escape(check.name), mark, escape(check.says))
        console.print(table)


def _show_outcome(console: Any, planned: Planned, outcome: Outcome, seconds: float) -> None:
    for line in outcome.thrown:
        console.print(f"[yellow]damaged[/yellow] {escape(line)}", highlight=False)
    about = outcome.run.info
    units = about["units"]
    if outcome.failed:
        console.print(
            f"asked again: {outcome.failed:,} failed records, each with its unit (--keep-failures keeps them)"
        )
    if outcome.reused:
        left = units - outcome.reused
        what = f"the other {left:,} were done now" if left else "nothing was left to do"
        age = ""
        if outcome.age is not None:
            begun, last = map(duration, outcome.age)
            age = f" (begun {begun} ago, last written {last} ago)"
        console.print(f"continued: {outcome.reused:,} of {units:,} units were there already{age}, {what}")
    for each in about.get("mixed", []):
        console.print(f"[yellow]mixed[/yellow] a changed model was accepted: {escape(each['why'])}")
    console.print(
        f"{about['records']:,} records ({about['samples']:,} samples × {len(planned.plan.cells):,} cells) "
        f"in {duration(seconds)} → {escape(str(outcome.run.path))}"
    )
