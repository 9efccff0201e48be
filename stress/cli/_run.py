"""``stress run``: plan, execute, and say what came out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from perturbations import InputError
from perturbations.errors import printable
from perturbations.files import read_regular
from scenarios import load
from stress._face import Run, open_run
from stress.adaptive import Means, Until, chooser_of, expected_calls, stopped_lines
from stress.cli._display import console, safe
from stress.cli._estimate import estimate
from stress.cli._track import made, track_after
from stress.engine import Check, Outcome, Planned, Settings, as_it_answers, duration, execute, plan_run, prepared
from stress.examples import check_count, keep

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
    examples: int = 24,
    no_examples: bool = False,
    history: Path | None = None,
    until: str | None = None,
    against: Path | None = None,
    track: Sequence[str] = (),
    **options: Any,
) -> int:
    """Run a suite from the command line and return the exit status."""
    most = 0 if no_examples else examples
    check_count(most)
    trackers = made(track)
    screen = console(quiet=options["progress"] == "quiet")
    demo = suite == "demo"
    loaded = load(suite)
    for name, value in (("--model", model), ("--data", data)):
        if value is None and not demo:
            raise InputError(f"run: {name} must be given (a name, or 'demo' to try {suite} on the built-in world).")
    command = click.get_current_context().find_root().obj
    chooser = chooser_of(until, against, options["cluster"])
    if chooser is not None:
        options |= {"cluster": chooser.cluster, "adaptive": chooser.kind}
    settings = Settings(preflight=not no_preflight, samples=_ids(samples), command=command, **options)
    what = (model or "demo", data or "demo", loaded, task, settings)
    started = time.monotonic()
    if dry_run:
        _show_plan(console(quiet=False), plan_run(*what), started, chooser)
        return 0
    with prepared(*what, out) as (planned, workers):
        _show_left_out(screen, planned)
        folder = out or Path("runs") / planned.plan.suite
        outcome = execute(planned, folder, workers, lambda checks: _show_checks(screen, checks), chooser)
    run = open_run(outcome.run.path)
    for problem in keep(run, planned.plan.cells, planned.data, planned.settings.seed, most):
        screen.print(safe("no example", "yellow") + safe(f" {problem}"))
    _show_outcome(screen, planned, outcome, time.monotonic() - started)
    if options["progress"] != "quiet":
        from stress.report import print_summary

        print_summary(screen, run)
    if not no_report:
        from stress.report import write_report

        screen.print(safe(f"report: {write_report(run)}"), soft_wrap=True)
    if history is not None:
        _remember(screen, run, history)
    track_after(screen, run, trackers)
    return 0


def _remember(screen: Any, run: Run, path: Path) -> None:
    """Write the run's numbers into a history, and say where its series changed."""
    from stress.monitor import add_run, changes, open_history

    history = open_history(path, writer=True)
    try:
        screen.print(safe(f"history: {add_run(history, run):,} numbers → {path}"), soft_wrap=True)
        for change in changes(history):
            cell, metric = change.series[2:]
            says = f" {metric} of {cell}: {change.before:.3f} until {change.started}, then {change.after:.3f}"
            screen.print(safe("changed", "yellow") + safe(f"{says} (p = {change.p:.2g}, corrected)"))
    finally:
        history.close()


def _ids(path: Path | None) -> tuple[str, ...]:
    """Return the sample ids in a file, one a line."""
    if path is None:
        return ()
    try:
        text = read_regular(path, "run: --samples").decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"run: --samples {path}: must be UTF-8, got byte {error.start} that is not.") from None
    found = tuple(line.rstrip("\r") for line in text.split("\n") if line.strip())
    if not found:
        raise InputError(f"run: --samples {path}: must have at least one id, got none.")
    return found


def _show_plan(screen: Any, planned: Planned, started: float, chooser: Until | Means | None) -> None:
    from rich.table import Table

    table = Table("scenario", "cells", "grid", "conditions", title=safe(f"{planned.plan.suite}@{planned.plan.version}"))
    grouped: dict[str, list[Any]] = {}
    for cell in planned.plan.cells:
        grouped.setdefault(cell.scenario, []).append(cell)
    for name, cells in grouped.items():
        conditions = dict.fromkeys(
            f"{c.stream}: {c.perturbation}" if c.stream else c.perturbation for cell in cells for c in cell.conditions
        )
        grid = cells[0].grid if cells[0].conditions else ""
        table.add_row(*map(safe, (name, len(cells), grid, ", ".join(conditions))))
    screen.print(table)
    for name, note in planned.plan.notes:
        screen.print(safe(f"{name}: {note}"))
    _show_left_out(screen, planned)
    planned = as_it_answers(planned)
    samples, drawn, repeats = sum(map(len, planned.shards)), sum(planned.repeats.drawn), planned.repeats
    times = f" ({drawn:,} with their draws)" if drawn > len(repeats.cells) else ""
    one = len(repeats.cells) - len(repeats.names)
    once = f"; {one:,} {'cell is another' if one == 1 else 'cells are others'} by a second name" if one else ""
    screen.print(
        f"{samples:,} samples × {len(repeats.cells):,} cells{times} = {planned.records:,} records, "
        f"{planned.calls:,} model calls{once}"
    )
    for says, cells in _fallbacks(planned).items():
        calls = planned.calls_of(set(cells))
        screen.print(safe(f"  of these to {says}: {len(cells):,} cells, {calls:,} model calls"))
    if chooser is not None:
        least, expected, most = expected_calls(chooser.asked, planned, chooser.floor)
        about = "" if chooser.asked.mean else ", (--against a whole run foretells it)"
        about = about if expected is None else f", {expected:,} expected if it is as before"
        screen.print(f"until {chooser.asked.text}: at least {least:,} questions{about}, {most:,} at worst")
    low, high, megabytes = estimate(planned, started)
    screen.print(
        f"between {duration(low)} and {duration(high)} with {planned.settings.threads} workers, and {megabytes:.1f} MB "
        "of records (judged from a batch in each kind of cell, on this machine as busy as it is now)"
    )


def _fallbacks(planned: Planned) -> dict[str, list[str]]:
    """Return the cells that only show what a fallback does, by what it does."""
    found: dict[str, list[str]] = {}
    for cell in planned.plan.cells:
        kind, _, rest = (cell.fallback or "").partition(" ")
        says = {"drop": "drop streams", "fill": f"fill a stream with {rest.rpartition(' ')[2]}", "ask": f"ask {rest}"}
        if kind:
            found.setdefault(says[kind], []).append(cell.id)
    return found


def _show_left_out(screen: Any, planned: Planned) -> None:
    for name, reason in planned.plan.left_out:
        screen.print(safe("left out", "yellow") + safe(f" {name}: {reason}"))


def _show_checks(screen: Any, checks: Sequence[Check]) -> None:
    from rich import box
    from rich.table import Table

    if checks:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("preflight", max_width=28)  # what was seen is the longer text, at 80 columns too
        table.add_column("")
        table.add_column("")
        for check in checks:
            style = "green" if check.outcome == "ok" else "bold yellow"
            table.add_row(safe(check.name), safe(check.outcome, style), safe(check.says))
        screen.print(table)


def _show_outcome(screen: Any, planned: Planned, outcome: Outcome, seconds: float) -> None:
    for line in outcome.thrown:
        screen.print(safe("damaged", "yellow") + safe(f" {line}"))
    about = outcome.run.info
    units = about["units"]
    if outcome.failed:
        screen.print(f"asked again: {outcome.failed:,} failed records, each with its unit (--keep-failures keeps them)")
    if outcome.reused:
        left = units - outcome.reused
        others = "the last one was done now" if left == 1 else f"the other {left:,} were done now"
        what = others if left else "nothing was left to do"
        age = ""
        if outcome.age is not None:
            begun, last = map(duration, outcome.age)
            age = f" (begun {begun} ago, last written {last} ago)"
        screen.print(f"continued: {outcome.reused:,} of {units:,} units were there already{age}, {what}")
    for each in about.get("mixed", []):
        screen.print(safe("mixed", "yellow") + safe(f" a changed model was accepted: {each['why']}"))
    spent = about.get("spent") or {}
    if spent:
        screen.print(f"sent: {spent['sent']:,} calls, of which {spent['canaries']:,} asked anew who the model is")
    if spent.get("ended"):
        screen.print(
            safe("ended", "yellow")
            + safe(f" by the budget: {spent['samples']:,} of {spent['of']:,} samples, each in every cell")
        )
    for line in stopped_lines(about):
        screen.print(safe(line))
    screen.print(
        f"{about['records']:,} records ({about['samples']:,} samples × {len(planned.plan.cells):,} cells) "
        f"in {duration(seconds)} → {escape(printable(outcome.run.path))}"
    )
