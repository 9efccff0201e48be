"""Who does the units: threads of this process, processes of this machine, or the workers of a dask cluster.

Threads share the model as it is. Processes and clusters load it once per worker by the name it was given by, and the
data too; what travels is the name of a unit one way, and its records the other. What is asked before the first unit is
asked there as well: the model is never called where the run is started from.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa

from perturbations import InputError, RunError
from stress.engine._remote import Recipe, answer, do_unit, load, probe
from stress.engine._units import Unit
from stress.models import Batch

__all__ = ["Backend", "Died", "Far", "Finished", "in_threads", "on_dask", "on_processes"]

Backend = Literal["threads", "processes", "dask"]
Finished = Generator[tuple[Unit, pa.Table], None, None]
Died = Callable[[Unit, str], pa.Table]
_ATTEMPTS = 2
"""How often a pool that died without finishing anything is started again before units are tried one by one."""


class Far(Protocol):
    """Workers in processes of their own, which know the model by name; ``token`` tells one run's from another's."""

    token: str

    def predict(self, batch: Batch) -> Any:
        """Return one worker's answers to a batch; raise where it takes the worker down."""
        ...

    def work(self, recipe: Recipe, units: Sequence[Unit], died: Died) -> Finished:
        """Yield the records of every unit; a unit whose worker dies every time is recorded by ``died``."""
        ...


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


def _token() -> str:
    return f"{os.getpid()}-{time.monotonic_ns()}"


class _Processes:
    """Processes of this machine."""

    def __init__(self, spec: str, workers: int) -> None:
        self.token, self._spec, self._workers, self._lock = _token(), spec, workers, threading.Lock()

    def _pool(self) -> Any:
        """Return a way to the processes, the same each time.

        joblib runs one job in this process: where one worker is wanted, two are fed one unit at a time.
        """
        from joblib import Parallel

        each = 1 if self._workers == 1 else "2*n_jobs"
        how = {"backend": "loky", "return_as": "generator_unordered", "batch_size": 1, "pre_dispatch": each}
        return Parallel(max(2, self._workers), **how)

    def end(self, kill: bool = False) -> None:
        """End the processes: those of another run, or of whoever used joblib before, may hold old code."""
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor(reuse=True).shutdown(wait=not kill, kill_workers=kill)

    def predict(self, batch: Batch) -> Any:
        from joblib import delayed
        from joblib.externals.loky.process_executor import BrokenProcessPool

        with self._lock:
            try:
                (answers,) = self._pool()([delayed(answer)(self._spec, self.token, batch)])
            except BrokenProcessPool:
                self.end(kill=True)
                raise
        return answers

    def work(self, recipe: Recipe, units: Sequence[Unit], died: Died) -> Finished:
        from joblib import delayed
        from joblib.externals.loky.process_executor import BrokenProcessPool

        left = dict.fromkeys(units)
        failures = 0
        while left:
            alone = failures >= _ATTEMPTS
            turn = [next(iter(left))] if alone else list(left)
            try:
                for unit, table in self._pool()(delayed(do_unit)(recipe, each) for each in turn):
                    del left[unit]
                    failures = failures if alone else 0
                    yield unit, table
            except BrokenProcessPool as error:
                failures += 1
                self.end(kill=True)
                if alone:
                    del left[turn[0]]
                    yield turn[0], died(turn[0], f"the worker process died: {type(error).__name__}")


@contextmanager
def on_processes(spec: str, workers: int) -> Iterator[Far]:
    """Give the processes of this machine while the block runs."""
    found = _Processes(spec, workers)
    found.end()
    try:
        yield found
    except BaseException:  # an interrupt does not wait for what is under way
        found.end(kill=True)
        raise
    found.end()


class _Cluster:
    """The workers of a dask cluster."""

    def __init__(self, client: Any, spec: str, workers: int | None) -> None:
        self.token, self._client, self._spec, self._workers = _token(), client, spec, workers
        # all workers load the model at once, while the first question waits for one of them
        self._loading = [client.submit(load, spec, self.token, workers=[one], pure=False) for one in client.nthreads()]

    def predict(self, batch: Batch) -> Any:
        return self._client.submit(answer, self._spec, self.token, batch, pure=False).result()

    def work(self, recipe: Recipe, units: Sequence[Unit], died: Died) -> Finished:
        """As promised; the cluster is kept busy with what waits.

        A worker that dies takes units with it that only waited there: whoever was on a dying worker is asked again at
        the end, alone, and only who dies alone is at fault.
        """
        from distributed import KilledWorker, as_completed

        missing = [what for what in self._client.run(probe, recipe).values() if what is not None]
        if missing:
            raise RunError(f"run: a dask worker cannot start: {missing[0]}")
        waiting, suspects, names = list(reversed(units)), [], {}
        finished = as_completed()

        def begin() -> None:
            unit = waiting.pop()
            future = self._client.submit(do_unit, recipe, unit, pure=False)
            names[future] = unit
            finished.add(future)

        for _ in range(min(2 * self._size(), len(units))):
            begin()
        for future in finished:
            unit = names.pop(future)
            if waiting:
                begin()
            try:
                yield future.result()
            except KilledWorker:
                suspects.append(unit)
        for unit in suspects:
            try:
                yield self._client.submit(do_unit, recipe, unit, pure=False).result()
            except KilledWorker:
                yield unit, died(unit, "the worker process died each time")

    def _size(self) -> int:
        return self._workers or max(1, sum(self._client.nthreads().values()))


@contextmanager
def on_dask(spec: str, workers: int, scheduler: str | None) -> Iterator[Far]:
    """Give the dask cluster at ``scheduler``, or a local one, while the block runs."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("run: backend dask needs the extra: pip install 'multimodal-stress[distributed]'.") from error
    local = None if scheduler else _local_cluster(workers)
    try:
        with Client(scheduler or local) as client:
            yield _Cluster(client, spec, None if scheduler else workers)
    finally:
        if local is not None:
            local.close()


def _local_cluster(workers: int) -> Any:
    """Return a cluster of processes on this machine.

    By default dask has its workers hand freed memory back at once; a network's activations then cost a page fault a
    page, and the same forward pass takes nearly twice as long. Everybody also looks at the own stack, memory and clock
    up to a hundred times a second, for a dashboard that is not there: some percent of a processor each. And what took a
    worker down is tried on three more: here one death is told at once.
    """
    import dask
    from distributed import LocalCluster

    environment = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment |= dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(2**32))
    ours = {
        "distributed.nanny.pre-spawn-environ": environment,
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "1s",
        "distributed.admin.system-monitor.interval": "10s",
        "distributed.scheduler.allowed-failures": 0,
    }
    with dask.config.set(ours):
        return LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        )


def remove(folder: Path) -> None:
    """Remove what was packed for workers."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
