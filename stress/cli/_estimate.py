"""How long a run will take, judged from a batch in each kind of cell before anything is written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from perturbations import Sample
from scenarios import Cell
from stress.engine import Planned, one_thread_each, settled_job

__all__ = ["estimate"]

_SLOW_S = 0.25
"""Seconds a sample from which on a kind of cell is probed with two samples instead of a batch."""
_KINDS = 60
"""Kinds of cells that are probed; of more, evenly chosen ones stand for the rest."""
_FASTER, _SLOWER = 0.7, 1.4
"""The range around the estimate: what machines vary by, caches save, and shards of another content cost."""
_START_S = {"threads": 0.3, "processes": 4.0, "dask": 6.0}
"""Seconds until the first worker works, by backend, besides what this process has paid to get going."""


@dataclass(frozen=True)
class _Probe:
    """Seconds and bytes of records that a sample of one kind of cell takes."""

    seconds: float
    size: float


def estimate(planned: Planned, since: float) -> tuple[float, float, float]:
    """Return the least and the most seconds that a run is expected to take, and its records' megabytes.

    A kind of cell is a scenario (with or without its streams dropped): its middle cell is run on a batch, once to pay
    for imports and caches and once for the time. How much faster several workers are is measured, not assumed. What
    was paid from ``since`` (of the monotonic clock) until everything was loaded once, a run pays again.
    """
    job, _ = settled_job(planned)
    positions = [int(p) for p in planned.shards[0][: planned.settings.batch_size]]
    samples = [planned.data[p] for p in positions]
    kinds = _kinds(planned.plan.cells)
    chosen = list(kinds.values())[:: max(1, -(-len(kinds) // _KINDS))]
    threads = planned.settings.threads

    def probe(cell: Cell, some: Sequence[Sample]) -> _Probe:
        start = time.perf_counter()
        table = job.records(cell, some, positions[: len(some)], 0)
        return _Probe((time.perf_counter() - start) / len(some), table.nbytes / len(some))

    with one_thread_each():
        few = {cell.id: samples if probe(cell, samples[:1]).seconds < _SLOW_S else samples[:2] for cell in chosen}
        start_s = time.monotonic() - since
        found = {cell.id: probe(cell, few[cell.id]) for cell in chosen}
        speed = 0.95 * threads
        if planned.settings.backend == "threads":
            alone = sum(found[name].seconds * len(some) for name, some in few.items())
            start = time.perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda cell: probe(cell, few[cell.id]), chosen))
            speed = min(max(alone / (time.perf_counter() - start), 1.0), threads)
    mean = _Probe(*(sum(getattr(p, name) for p in found.values()) / len(found) for name in ("seconds", "size")))
    visits = sum(map(len, planned.shards))
    seconds = size = 0.0
    for cell, calls, draws in zip(planned.plan.cells, planned.repeats.calls, planned.repeats.drawn):
        probed = found.get(kinds[_kind(cell)].id, mean)
        seconds += probed.seconds * (visits * calls / speed + 4)  # preflight looks at four samples in each
        size += probed.size * visits * draws
    seconds += start_s + _START_S[planned.settings.backend]
    return _FASTER * seconds, _SLOWER * seconds, size / 3e6  # columns shrink to about a third in Parquet


def _kind(cell: Cell) -> tuple[str, str | None]:
    return cell.scenario, cell.fallback


def _kinds(cells: Sequence[Cell]) -> dict[tuple[str, str | None], Cell]:
    """Return the middle cell of each kind."""
    grouped: dict[tuple[str, str | None], list[Cell]] = {}
    for cell in cells:
        grouped.setdefault(_kind(cell), []).append(cell)
    return {kind: members[len(members) // 2] for kind, members in grouped.items()}
