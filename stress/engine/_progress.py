"""How far a run is, for a person at a terminal, for a log, or for nobody."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, Protocol

import pyarrow as pa
from pyarrow import compute

from perturbations.errors import printable

__all__ = ["Mode", "Progress", "duration", "looking", "watch"]

Mode = Literal["bar", "json", "quiet"]
_EVERY_S = 10.0
"""Seconds between two lines of a log."""


class Progress(Protocol):
    """Shows every finished unit."""

    def advance(self, cell: str, table: pa.Table) -> None: ...


class _Scores:
    """Running mean score per cell, to name the worst so far."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}
        self.failed = 0

    def add(self, cell: str, table: pa.Table) -> None:
        total = compute.sum(table["score"]).as_py() or 0.0
        entry = self._sums.setdefault(cell, [0.0, 0.0])
        entry[0] += total
        entry[1] += len(table)
        self.failed += table["score"].null_count

    def worst(self) -> tuple[str, float]:
        """Return the cell with the lowest mean score, failures counting as nothing, and that mean."""
        return min(((cell, total / count) for cell, (total, count) in self._sums.items()), key=lambda pair: pair[1])


class _Quiet:
    def advance(self, cell: str, table: pa.Table) -> None:
        pass


class _Json:
    """One JSON object a line on standard error, at most one a second."""

    def __init__(self, units: int, records: int) -> None:
        self._units, self._records, self._done, self._count = units, records, 0, 0
        self._scores, self._start, self._last = _Scores(), time.monotonic(), 0.0

    def advance(self, cell: str, table: pa.Table) -> None:
        self._done += 1
        self._count += len(table)
        self._scores.add(cell, table)
        now = time.monotonic()
        if now - self._last < 1 and self._done < self._units:
            return
        self._last = now
        worst, score = self._scores.worst()
        rate = self._count / max(now - self._start, 1e-9)
        line = {
            "units": self._done, "of": self._units, "records": self._count, "records_per_s": round(rate, 1),
            "left_s": round((self._records - self._count) / max(rate, 1e-9), 1),
            "worst_cell": worst, "worst_score": round(score, 4), "failed": self._scores.failed,
        }  # fmt: skip
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()


class _Lines:
    """A line every ten seconds, for a log or a pipe: done, rate, time left, the worst cell so far."""

    def __init__(self, units: int, records: int) -> None:
        self._units, self._records, self._done, self._count = units, records, 0, 0
        self._scores, self._start = _Scores(), time.monotonic()
        self._last = self._start

    def advance(self, cell: str, table: pa.Table) -> None:
        self._done += 1
        self._count += len(table)
        self._scores.add(cell, table)
        now = time.monotonic()
        if now - self._last < _EVERY_S and self._done < self._units:
            return
        self._last = now
        rate = self._count / max(now - self._start, 1e-9)
        worst, score = self._scores.worst()
        worst = printable(worst)
        left = duration((self._records - self._count) / max(rate, 1e-9))
        sys.stdout.write(
            f"{self._count:,} of {self._records:,} records ({self._count / max(self._records, 1):.0%}), {rate:,.0f}/s, "
            f"{left} left, worst so far: {worst} {score:.3f}\n"
        )
        sys.stdout.flush()


def duration(seconds: float) -> str:
    """Return a time as people say it: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class _Bar:
    """A bar with the rate, the time left and the worst cell so far."""

    def __init__(self, progress: Any, task: Any) -> None:
        self._progress, self._task, self._scores = progress, task, _Scores()
        self._start, self._count = time.monotonic(), 0

    def advance(self, cell: str, table: pa.Table) -> None:
        self._scores.add(cell, table)
        self._count += len(table)
        worst, score = self._scores.worst()
        rate = f"{self._count / max(time.monotonic() - self._start, 1e-9):,.0f}/s"
        self._progress.update(
            self._task, advance=len(table), rate=rate, worst=f"worst so far: {printable(worst)} {score:.3f}"
        )


def looking(mode: Mode) -> Callable[[int], AbstractContextManager[Callable[[int], None]]]:
    """Return a context, for a number of samples, with a function to call with how many more were looked at."""

    @contextmanager
    def shown(total: int) -> Iterator[Callable[[int], None]]:
        if mode != "bar" or not sys.stderr.isatty():
            yield lambda done: None
            return
        from rich import progress as bars
        from rich.console import Console

        columns = (
            bars.TextColumn("looking at {task.total:,.0f} samples"),
            bars.BarColumn(),
            bars.TimeRemainingColumn(),
        )
        with bars.Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=total)
            yield lambda done: progress.update(task, advance=done)

    return shown


@contextmanager
def watch(mode: Mode, units: int, records: int) -> Iterator[Progress]:
    """Show progress while the block runs."""
    if mode == "quiet" or not units:
        yield _Quiet()
    elif mode == "json":
        yield _Json(units, records)
    elif not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield _Lines(units, records)
    else:
        from rich import progress as bars
        from rich.console import Console

        columns = (
            bars.TextColumn("{task.completed:,.0f} of {task.total:,.0f} records"),
            bars.BarColumn(bar_width=None),
            bars.TaskProgressColumn(show_speed=False),
            bars.TextColumn("{task.fields[rate]}"),
            bars.TimeRemainingColumn(),
            bars.TextColumn("{task.fields[worst]}", style="dim", markup=False),
        )
        with bars.Progress(*columns, console=Console(stderr=True)) as progress:
            yield _Bar(progress, progress.add_task("", total=records, worst="", rate=""))
