"""``stress monitor``: opens the run and the history, reads what comes, and says what is found."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perturbations import InputError
from stress._face import open_run
from stress.cli._display import say

if TYPE_CHECKING:
    from stress.monitor import Arrival, History, Monitor, MonitorOptions, Reference

__all__ = ["run_monitor"]

ALERT, NOTHING = 1, 3
"""Exit statuses: there was an alert; nothing could be looked at."""


def run_monitor(
    folder: Path,
    source: str | None,
    history: Path | None,
    block: str | None,
    policy: Path | None,
    follow: bool,
    report: bool,
    prometheus: Path | None,
    serve: int | None,
    webhook: str | None,
    **options: Any,
) -> int:
    """Watch, and return the exit status."""
    from stress.monitor import MonitorOptions, open_history, read_reference
    from stress.policy import load

    run = open_run(folder)
    file = history or run.path / "monitor.sqlite"
    if source is None:
        raise InputError("monitor: INPUT must be a manifest, a folder, or - for standard input, got none.")
    root = Path() if source == "-" or Path(source).is_dir() else Path(source).parent
    wanted = MonitorOptions(root=root, **options)
    rule = None if policy is None else load(policy)
    reference = read_reference(run, block)
    opened = open_history(file, writer=True, monitor=True)
    try:
        return _watched(reference, opened, wanted, rule, source, follow)
    finally:
        opened.close()


def _watched(
    reference: Reference, history: History, options: MonitorOptions, rule: Any, source: str, follow: bool
) -> int:
    from stress.monitor import Monitor

    monitor = Monitor(reference, history, options, rule)
    before = monitor.memory.number
    for note in monitor.notes:
        say(f"note: {note}", err=True)
    for event in monitor.watch(_arrivals(monitor, source, follow), _key(source)):
        said(event)
    for row in history.rows("SELECT kind, count, last FROM exceptions ORDER BY count DESC"):
        say(f"{row['count']:,} × {row['kind']} (last: {row['last']})", err=True)
    count, windows = monitor.memory.number, monitor.memory.windows
    say(f"{count:,} inputs in {windows:,} windows; history: {history.path}", err=True)
    if count == 0:
        say("Nothing could be looked at.", err=True)
        return NOTHING
    if 0 < monitor.memory.detector.looks < monitor.least_looks:
        least = monitor.least_looks
        say(f"So few looks cannot raise an alarm: the least is {least}, got {monitor.memory.detector.looks}.", err=True)
    return ALERT if monitor.alerted and count >= before else 0


def said(event: Mapping[str, Any]) -> None:
    """Print an event as a line of JSON; numbers that JSON has not are null."""
    import math

    plain = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in event.items()}
    say(json.dumps(plain, ensure_ascii=True, allow_nan=False))
    sys.stdout.flush()


def _key(source: str) -> str:
    return "standard input" if source == "-" else str(Path(source).resolve())


def _arrivals(monitor: Monitor, source: str, follow: bool) -> Iterator[Arrival]:
    """Return what comes from a source, after what was taken of it before."""
    from stress.monitor import folder_arrivals, line_arrivals, manifest_arrivals

    start = monitor.memory.places[_key(source)]
    if source == "-":
        return line_arrivals(sys.stdin.buffer, "line", start)
    path = Path(source)
    if path.is_dir():
        return folder_arrivals(path, monitor.reference, monitor.known, follow)
    if not path.exists():
        raise InputError(f"monitor: {source} does not exist. INPUT is a manifest, a folder, or - for standard input.")
    return manifest_arrivals(path, monitor.reference, start)
