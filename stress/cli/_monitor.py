"""``stress monitor``: opens the run and the history, reads what comes, and says what is found."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perturbations import InputError
from stress._face import open_run
from stress.cli._display import say

if TYPE_CHECKING:
    from perturbations.modality import Lexicon
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
    lexicon: Lexicon | None,
    follow: bool,
    report: bool,
    **options: Any,
) -> int:
    """Watch, or write the page of what was seen, and return the exit status."""
    from stress.monitor import MonitorOptions, open_history, read_reference
    from stress.policy import load

    run = open_run(folder)
    file = history or run.path / "monitor.sqlite"
    if report:
        from stress.report import write_history

        say(f"{write_history(file)}")
        return 0
    if source is None:
        raise InputError("monitor: INPUT must be a manifest, a folder, or - for standard input, got none.")
    out = {name: options.pop(name) for name in ("prometheus", "serve", "webhook")}
    root = Path() if source == "-" or Path(source).is_dir() else Path(source).parent
    wanted = MonitorOptions(root=root, **options)
    rule = None if policy is None else load(policy)
    reference = read_reference(run, block, lexicon)
    opened = open_history(file, writer=True, monitor=True)
    try:
        return _watched(_Said(opened, **out), reference, wanted, rule, source, follow)
    finally:
        opened.close()


class _Said:
    """Where events go, besides the history: standard output, a file and an endpoint for Prometheus, a webhook."""

    def __init__(self, history: History, prometheus: Path | None, serve: int | None, webhook: str | None) -> None:
        from stress.monitor import Webhook, metrics_text, serve_metrics

        self.history, self._file = history, prometheus
        self._text = metrics_text(history)
        self._hook = None if webhook is None else Webhook(webhook)
        self._server = None if serve is None else serve_metrics(serve, lambda: self._text)
        if self._server is not None:
            say(f"metrics: http://127.0.0.1:{self._server.server_address[1]}/metrics", err=True)
        for alert in history.unsent() if self._hook is not None else ():
            self._post({"event": "alert", **alert})

    def event(self, event: Mapping[str, Any]) -> None:
        """Say an event, which is written down already."""
        from stress.monitor import metrics_text

        plain = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in event.items()}
        say(json.dumps(plain, allow_nan=False))
        sys.stdout.flush()
        if event["event"] == "alert":
            self._post(plain)
        self._text = metrics_text(self.history)
        self._write()

    def _post(self, alert: Mapping[str, Any]) -> None:
        if self._hook is not None:
            self._hook.send(int(alert["id"]), alert)
            self.history.sent(self._hook.taken())

    def _write(self) -> None:
        from stress.monitor import write_metrics

        if self._file is not None:
            write_metrics(self._file, self._text)

    def close(self) -> None:
        """End what serves and what sends."""
        from stress.monitor import metrics_text

        self._text = metrics_text(self.history)
        self._write()
        if self._server is not None:
            self._server.shutdown()
        if self._hook is not None:
            self._hook.close()
            self.history.sent(self._hook.taken())


def _watched(out: _Said, reference: Reference, options: MonitorOptions, rule: Any, source: str, follow: bool) -> int:
    from stress.monitor import Monitor

    monitor = Monitor(reference, out.history, options, rule)
    for note in monitor.notes:
        say(f"note: {note}", err=True)
    try:
        for event in monitor.watch(_arrivals(monitor, source, follow), _key(source)):
            out.event(event)
    finally:
        for event in monitor.flush():
            out.event(event)
        out.close()
    return _summary(monitor)


def _summary(monitor: Monitor) -> int:
    """Say what was taken and what could not be used, and return the exit status."""
    memory, history = monitor.memory, monitor.history
    for row in history.rows("SELECT kind, count, last FROM exceptions ORDER BY count DESC"):
        say(f"{row['count']:,} × {row['kind']} (last: {row['last']})", err=True)
    say(f"{memory.number:,} inputs in {memory.windows:,} windows; history: {history.path}", err=True)
    if memory.detector.looks == 0 and not monitor.alerted:
        wanted = f"{monitor.reference.frames} inputs of one {monitor.reference.block}"
        says = f", for want of {wanted}; --block sample looks at each input" if memory.number else ""
        say(f"Nothing could be looked at{says}.", err=True)
        return NOTHING
    if memory.detector.looks < monitor.least_looks:
        looks = memory.detector.looks
        say(f"So few looks cannot raise an alarm: it takes {monitor.least_looks} at least, got {looks}.", err=True)
    return ALERT if monitor.alerted else 0


def _key(source: str) -> str:
    return "standard input" if source == "-" else str(Path(source).resolve())


def _arrivals(monitor: Monitor, source: str, follow: bool) -> Iterator[Arrival]:
    """Return what comes from a source, after what was taken of it before."""
    from stress.monitor import folder_arrivals, line_arrivals, manifest_arrivals

    start = monitor.memory.places[_key(source)]
    if source == "-":
        return line_arrivals(sys.stdin.buffer, "line", start, idle_s=1.0)
    path = Path(source)
    if path.is_dir():
        return folder_arrivals(path, monitor.reference, monitor.known, follow)
    if not path.exists():
        raise InputError(f"monitor: {source} does not exist. INPUT is a manifest, a folder, or - for standard input.")
    return manifest_arrivals(path, monitor.reference, start)
