"""Who does the units: threads of this process, processes of this machine, or the workers of a dask cluster.

Threads share the model as it is. Processes and clusters load it once per worker by the name it was given by, and the
data too; what travels is the name of a unit one way, and its records the other. What is asked before the first unit is
asked there as well: the model is neither loaded nor called where the run is started from.
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

from perturbations import InputError, ModelError, RunError, StressError
from perturbations._errors import short
from stress.engine._remote import Recipe, about, answer, do_unit, probe
from stress.engine._units import Unit
from stress.models import Model

__all__ = ["Backend", "Died", "Far", "Finished", "far_model", "in_threads", "on_dask", "on_processes"]

Backend = Literal["threads", "processes", "dask"]
Finished = Generator[tuple[Unit, pa.Table], None, None]
Died = Callable[[Unit, str], pa.Table]
_ATTEMPTS = 2
"""How often a pool that died without finishing anything is started again before units are tried one by one."""


class Far(Protocol):
    """Workers in processes of their own, which know the model by name; ``token`` tells one run's from another's."""

    spec: str
    token: str

    def ask(self, call: Callable[..., Any], *what: Any) -> Any:
        """Return what a call returns to one of the workers; raise where it takes the worker down."""
        ...

    def tell(self, call: Callable[..., Any], *what: Any) -> Any:
        """Have every worker make a call, all at once; return what one of them got, as soon as it can be had."""
        ...

    def work(self, recipe: Recipe, units: Sequence[Unit], died: Died) -> Finished:
        """Yield the records of every unit; a unit whose worker dies every time is recorded by ``died``."""
        ...


def far_model(far: Far) -> Model:
    """Return the model that the workers have: what is known of it, and a way to have it answer."""
    try:
        known = far.tell(about, far.spec, far.token)
    except StressError:
        raise
    except Exception as error:  # whatever an import does
        raise ModelError(
            f"model: {far.spec} cannot be loaded by a worker: {type(error).__name__}: {short(str(error))}"
        ) from error
    return Model(lambda batch: far.ask(answer, far.spec, far.token, batch), **known)


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
        self.spec, self.token, self._workers, self._lock = spec, _token(), workers, threading.Lock()

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

    def ask(self, call: Callable[..., Any], *what: Any) -> Any:
        return self._asked(1, call, *what)

    def tell(self, call: Callable[..., Any], *what: Any) -> Any:
        return self._asked(self._workers, call, *what)  # who is busy with the first call leaves the others the rest

    def _asked(self, times: int, call: Callable[..., Any], *what: Any) -> Any:
        from joblib import delayed
        from joblib.externals.loky.process_executor import BrokenProcessPool

        with self._lock:
            try:
                found, *_ = self._pool()([delayed(call)(*what)] * times)
            except BrokenProcessPool:
                self.end(kill=True)
                raise
        return found

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
        self.spec, self.token, self._client, self._workers = spec, _token(), client, workers
        self._told: list[Any] = []

    def ask(self, call: Callable[..., Any], *what: Any) -> Any:
        return self._client.submit(call, *what, pure=False).result()

    def tell(self, call: Callable[..., Any], *what: Any) -> Any:
        """As promised; what the others are still busy with is kept, or dask would forget about it."""
        self._told = [
            self._client.submit(call, *what, workers=[worker], pure=False) for worker in self._client.nthreads()
        ]
        return self._told[0].result()

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
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port, for the server that dask cannot do without
            scheduler_kwargs={"dashboard": False},
        )


def remove(folder: Path) -> None:
    """Remove what was packed for workers."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
