"""The units of a run, done: by threads of this process, or by workers that know the model and the data by name."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa

from stress.data import pack
from stress.engine._backends import Finished, Workers, in_threads
from stress.engine._plan import Planned
from stress.engine._progress import watch
from stress.engine._remote import Recipe, cells_of, order_of
from stress.engine._shard import Shard
from stress.engine._unit import Job
from stress.engine._units import Unit

__all__ = ["work"]


@contextmanager
def work(
    planned: Planned, job: Job, units: Sequence[Unit], out: Path, workers: Workers | None
) -> Iterator[Callable[[Sequence[Unit]], Finished]]:
    """Give a function that does some of the units, all of which may come, and yields each one's records."""
    cells = planned.plan.cells
    records = sum(len(planned.shards[unit.shard]) for unit in units)
    with watch(planned.settings.progress, len(units), records) as progress, _doing(planned, job, out, workers) as do:

        def done(some: Sequence[Unit]) -> Finished:
            with closing(do(some)) as finished:
                for unit, table in finished:
                    yield unit, table
                    progress.advance(cells[unit.cell].id, table)

        yield done


@contextmanager
def _doing(
    planned: Planned, job: Job, out: Path, workers: Workers | None
) -> Iterator[Callable[[Sequence[Unit]], Finished]]:
    if workers is None:
        yield lambda units: _in_threads(planned, job, units)
    else:
        try:
            yield _in_workers(planned, job, out, workers)
        finally:
            shutil.rmtree(out / ".data", ignore_errors=True)


def _in_threads(planned: Planned, job: Job, units: Sequence[Unit]) -> Finished:
    cells, asked = planned.plan.cells, planned.repeats.asked
    uses = Counter(unit.shard for unit in units)
    held = {number: Shard(planned.data, planned.shards[number], count, asked) for number, count in uses.items()}

    def do(unit: Unit) -> tuple[Unit, pa.Table]:
        shard = held[unit.shard]
        try:
            samples = shard.samples()
            return unit, job.records(cells[unit.cell], samples, shard.positions, unit.draw, shard.shared)
        finally:
            shard.done()

    return in_threads(do, units, planned.settings.threads)


def _in_workers(planned: Planned, job: Job, out: Path, workers: Workers) -> Callable[[Sequence[Unit]], Finished]:
    """Return what does units in other processes, which know the model and the data by name."""
    settings = planned.settings
    packed = None if planned.data.spec else pack(planned.data, out / ".data")
    recipe = Recipe(
        post=workers.post,
        data=str(packed or planned.data.spec),
        packed=packed is not None,
        suite=planned.suite,
        task=job.task,
        settings=settings,
        fingerprint=planned.data.fingerprint,
        order=order_of(planned.data),
        shard_size=planned.shard_size,
        extents=planned.extents,
        left_out=planned.data.left_out,
        cells=cells_of(planned),
    )
    known = None if packed else planned.data.known

    def proof(unit: Unit) -> Sequence[str]:
        """Return what the samples of a unit were when the data were looked at here."""
        digests = known.digests if known else ()
        return [digests[int(place)] or "" for place in planned.shards[unit.shard]] if digests else ()

    def died(unit: Unit, error: str, stuck: bool = False) -> pa.Table:
        positions = [int(position) for position in planned.shards[unit.shard]]
        return job.died(planned.plan.cells[unit.cell], positions, unit.draw, error, stuck)

    return lambda units: workers.work(recipe, units, died, proof)
