"""The face: ``stress.run`` and ``stress.open`` give a ``Run``, the records with all that can be made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stress.records.folder import Folder, open_folder

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

    from stress.measure import Measured
    from stress.tasks import Task

__all__ = ["REMEMBERED", "Run", "open_run", "run"]

REMEMBERED = 1_000_000
"""Records up to which a run remembers what was read for its last options: about 200 bytes each, as long as it lives."""


@dataclass(frozen=True)
class Run(Folder):
    """A run on disk: its records, and the tables, reports and figures that are made of them."""

    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def measured(self, **options: Any) -> Measured:
        """Return the run read once, to ask several tables and the summary of; see ``stress.measure.measured``.

        What was read for the last options is remembered, unless the run is large, so that two tables read once; records
        that were written since are seen, as they would be by a new run.
        """
        from stress.measure import measured

        fresh = measured(self, **options)
        files = [(part.name, part.stat().st_size, part.stat().st_mtime_ns) for part in self.parts]
        state = (fresh.context.options, files)
        if self._kept.get("state") == state:
            kept: Measured = self._kept["measured"]
            return kept
        self._kept.clear()
        if fresh.context.options.reference is None and files and self.count <= REMEMBERED:
            self._kept.update(state=state, measured=fresh)
        return fresh

    def table(self, name: str, **options: Any) -> pa.Table:
        """Return a table of measures by name – curves, cells, robustness …; see ``stress.measure.TABLES``."""
        return self.measured(**options).table(name)

    def report(self) -> Path:
        """Write ``report/index.html`` and return its path."""
        from stress.report import write_report

        return write_report(self)

    def plot(self, kind: str = "curves", **options: Any) -> Figure:
        """Return a matplotlib figure for a paper – ``curves`` or ``lost``; see ``stress.report.plot``."""
        from stress.report import plot

        return plot(self, kind, **options)


def open_run(path: str | Path) -> Run:
    """Return the run in a folder. Raises RunError where there is none, or one of another format."""
    return Run(open_folder(path).path)


def run(
    model: Any,
    data: Any,
    suite: Any = "quick",
    out: str | Path | None = None,
    *,
    task: Task | str | None = None,
    **settings: Any,
) -> Run:
    """Run a suite and return the run: its folder holds every record, and is continued when the call is repeated.

    ``model`` is a callable ``predict(batch)``, ``"module:attribute"`` or ``"demo"``; ``data`` a sequence of samples,
    a manifest's path, ``"module:attribute"`` or ``"demo"``; ``suite`` a built-in name, a YAML file or a ``Suite``;
    ``task`` is a task or its name (classification, where there is none);
    ``settings`` are those of ``Settings``. Raises StressError where an input cannot be used, before any work.
    """
    from stress.engine import Settings, execute, prepared

    with prepared(model, data, suite, task, Settings(**settings)) as (planned, far):
        return Run(execute(planned, Path(out) if out is not None else Path("runs") / planned.plan.suite, far).run.path)
