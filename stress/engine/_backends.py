"""Who does the units: threads of this process, processes of this machine, or the workers of a dask cluster.

Threads share the model as it is. Processes and clusters load it once per worker by the name it was given by, and the
data too; what travels is the name of a unit one way, and its records the other.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from perturbations import InputError, RunError
from stress.engine._remote import Recipe, do_unit, probe
from stress.engine._units import Unit

__all__ = ["Backend", "Finished", "in_processes", "in_threads", "on_dask"]

Backend = Literal["threads", "processes", "dask"]
Finished = Generator[tuple[Unit, pa.Table], None, None]
_ATTEMPTS = 2
"""How often a pool that died without finishing anything is started again before units are tried one by one."""


def in_threads(do: Callable[[Unit], tuple[Unit, pa.Table]], units: Sequence[Unit], workers: int) -> Finished:
    """Yield the records of every unit, as they are finished; units are begun in order.

    When the reader stops early – an error, an interrupt – the units under way are waited for: a thread that is still
    inside the model's libraries when the process ends would bring it down.
    """
    from joblib import Parallel, delayed

    if workers == 1:
        yield from map(do, units)
        return
    stop, busy, lock = threading.Event(), [threading.Lock() for _ in range(workers)], threading.Lock()

    def guarded(unit: Unit) -> tuple[Unit, pa.Table]:
        with lock:
            place = next(each for each in busy if each.acquire(blocking=False))
        try:
            if stop.is_set():
                raise KeyboardInterrupt
            return do(unit)
        finally:
            place.release()

    how = {"backend": "threading", "return_as": "generator_unordered", "pre_dispatch": "2*n_jobs", "batch_size": 1}
    results = Parallel(workers, **how)(delayed(guarded)(unit) for unit in units)
    try:
        for each in results:  # noqa: UP028 - ``yield from`` would close them before the warnings are caught
            yield each
    finally:
        stop.set()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib warns of results that nobody waited for
            results.close()
        for place in busy:
            place.acquire()


def in_processes(
    recipe: Recipe, units: Sequence[Unit], workers: int, died: Callable[[Unit, str], pa.Table]
) -> Finished:
    """Yield the records of every unit; a unit whose worker dies every time is recorded by ``died``."""
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    left = dict.fromkeys(units)
    failures = 0
    while left:
        alone = failures >= _ATTEMPTS
        turn = [next(iter(left))] if alone else list(left)
        how = {"backend": "loky", "return_as": "generator_unordered", "batch_size": 1}
        # joblib runs one job in this process: where one worker is wanted, two are fed one unit at a time.
        pool = Parallel(max(2, workers), pre_dispatch=1 if workers == 1 else "2*n_jobs", **how)
        try:
            for unit, table in pool(delayed(do_unit)(recipe, each) for each in turn):
                del left[unit]
                failures = failures if alone else 0
                yield unit, table
        except BrokenProcessPool as error:
            failures += 1
            get_reusable_executor().shutdown(wait=False, kill_workers=True)
            if alone:
                del left[turn[0]]
                yield turn[0], died(turn[0], f"the worker process died: {type(error).__name__}")


def on_dask(
    recipe: Recipe,
    units: Sequence[Unit],
    workers: int,
    scheduler: str | None,
    died: Callable[[Unit, str], pa.Table],
) -> Finished:
    """Yield the records of every unit from a dask cluster: the one at ``scheduler``, or a local one started here."""
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError as error:
        raise InputError("run: backend dask needs the extra: pip install 'multimodal-stress[distributed]'.") from error
    local = None if scheduler else _local_cluster(workers)
    try:
        with Client(scheduler or local) as client:
            missing = [what for what in client.run(probe, recipe).values() if what is not None]
            if missing:
                raise RunError(f"run: a dask worker cannot start: {missing[0]}")
            width = 2 * max(1, len(client.scheduler_info()["workers"])) if scheduler else 2 * workers
            waiting = list(reversed(units))
            first = [waiting.pop() for _ in range(min(width, len(units)))]
            running = [client.submit(do_unit, recipe, unit, pure=False) for unit in first]
            names = dict(zip(running, first))
            yield from _collect(client, as_completed(running), names, waiting, recipe, KilledWorker, died)
    finally:
        if local is not None:
            local.close()


def _local_cluster(workers: int) -> Any:
    """Return a cluster of processes on this machine.

    By default dask has its workers hand freed memory back at once; a network's activations then cost a page fault a
    page, and the same forward pass takes nearly twice as long.
    """
    import dask
    from distributed import LocalCluster

    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with dask.config.set({"distributed.nanny.pre-spawn-environ": threads}):
        return LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        )


def _collect(
    client: Any,
    finished: Any,
    names: dict[Any, Unit],
    waiting: list[Unit],
    recipe: Recipe,
    killed: type[Exception],
    died: Callable[[Unit, str], pa.Table],
) -> Finished:
    """Yield results as they come, and keep the cluster busy with what waits.

    A worker that dies takes units with it that only waited there: whoever was on a dying worker is asked again at the
    end, alone, and only who dies alone is at fault.
    """
    suspects = []
    for future in finished:
        unit = names.pop(future)
        if waiting:
            following = waiting.pop()
            more = client.submit(do_unit, recipe, following, pure=False)
            names[more] = following
            finished.add(more)
        try:
            yield future.result()
        except killed:
            suspects.append(unit)
    for unit in suspects:
        try:
            yield client.submit(do_unit, recipe, unit, pure=False).result()
        except killed:
            yield unit, died(unit, "the worker process died each time")


def remove(folder: Path) -> None:
    """Remove what was packed for workers."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
