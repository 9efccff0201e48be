"""The workers of a dask cluster: of one that is there, or of one that is started on this machine."""

from __future__ import annotations

import ast
import logging
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow as pa

from perturbations import InputError, RunError
from perturbations.plugins import imported_files
from stress.engine._ask import TooSlowError
from stress.engine._backends import Died, Finished, Proof, Workers
from stress.engine._post import Post
from stress.engine._remote import Recipe, do_unit, probe
from stress.engine._room import free_room, room, was_stuck
from stress.engine._threads import ONE_THREAD
from stress.engine._units import Unit

__all__ = ["on_dask"]

_ASKED = 2
"""How often workers are asked to prepare where one is gone."""
_LOOK_S, _LOOKS = 30.0, 6
"""How often a wait looks for workers, and how often it finds none before the run ends."""
_ALONE = 3
"""How often a unit is tried alone before it is recorded as a crash: with a model that leaks memory, the worker may have
reached its memory limit because of earlier units."""


class _Cluster:
    """The workers of a dask cluster."""

    def __init__(self, client: Any, post: Post, workers: int | None) -> None:
        self.post, self._client, self._workers = post, client, workers
        self._turn, self._running = threading.Lock(), list[Any]()

    def call(self, function: Callable[..., Any], *what: Any) -> Any:
        """Return what a function returns in one of the workers; one call at a time, so that none dies of another's."""
        with self._turn:
            return self._tried(1, function, *what)

    def _tried(self, times: int, function: Callable[..., Any], *what: Any) -> Any:
        from distributed import KilledWorker

        for left in reversed(range(times)):
            try:
                return self._result(self._client.submit(function, *what, pure=False))
            except KilledWorker:
                if self.stuck():
                    raise TooSlowError(self.post.late()) from None
                if not left:
                    raise
        raise AssertionError("asked at least once")

    def _result(self, future: Any) -> Any:
        """Return what a call returned."""
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        future.add_done_callback(ended.put)
        return self._next(ended).result()

    def _next(self, ended: queue.SimpleQueue[Any]) -> Any:
        """Return the next call that has ended. Raises RunError where the run's own cluster has lost all its workers."""
        looked = 0
        while True:
            with suppress(queue.Empty):
                return ended.get(timeout=_LOOK_S)
            looked = 0 if self._client.scheduler_info()["workers"] or not self.post.own else looked + 1
            if looked == _LOOKS:
                raise RunError(
                    "run: no dask worker is left: all ended, and none came back. The same command continues the run."
                )

    def stuck(self) -> bool:
        """Return whether a worker was ended since the last question because nothing in it could run."""
        return any(self._beside(was_stuck))

    def _beside(self, function: Callable[[str], Any]) -> list[Any]:
        """Return what a function of the room says on every machine of the cluster: its nannies outlive the workers.

        Workers of this run's own cluster are on this machine, where nobody need be asked: of a worker that just died
        the scheduler knows no nanny until another takes its place.
        """
        if self.post.own:
            return [function(self.post.room)]
        found = self._client.run(function, self.post.room, nanny=True, on_error="ignore")
        return list(found.values())

    def free(self) -> None:
        """Take away what lies on the machines."""
        if not self.post.own:
            self._beside(free_room)

    def call_all(self, function: Callable[..., Any], *what: Any) -> Any:
        """Call a function in every worker; the futures are kept, or dask would cancel those that still run.

        An adaptive cluster may have no worker yet: the call then goes to whichever comes first.
        """
        where: list[Any] = list(self._client.nthreads()) or [None]
        self._running = [self._client.submit(function, *what, workers=each, pure=False) for each in where]
        return self._result(self._running[0])

    def work(self, recipe: Recipe, units: Sequence[Unit], died: Died, proof: Proof) -> Finished:
        """Yield the records of every unit, with two units a worker submitted at any time.

        A worker that dies also loses the units that only waited in its queue. Every unit that a dying worker held is
        tried again at the end, one at a time, and recorded as a crash only if its worker dies then, too.
        """
        from distributed import KilledWorker

        self._prepare(recipe)
        waiting, suspects, names = list(reversed(units)), [], {}
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def begin() -> None:
            unit = waiting.pop()
            future = self._client.submit(do_unit, recipe, unit, proof(unit), pure=False)
            names[future] = unit
            future.add_done_callback(ended.put)

        for _ in range(min(2 * self._size(), len(units))):
            begin()
        while names:
            future = self._next(ended)
            unit = names.pop(future)
            if waiting:
                begin()
            try:
                yield future.result()
            except KilledWorker:
                suspects.append(unit)
        for unit in suspects:
            yield unit, self._alone(recipe, unit, died, proof(unit))

    def _prepare(self, recipe: Recipe) -> None:
        """Have every worker prepare the run. Raises RunError where one cannot.

        A worker that just died is asked again, as the one that took its place; one that is still gone is left out.
        """
        for _ in range(_ASKED):
            found = self._client.run(probe, recipe, on_error="return").values()
            if missing := [what for what in found if isinstance(what, str)]:
                raise RunError(f"run: a dask worker cannot start: {missing[0]}")
            if not any(isinstance(what, BaseException) for what in found):
                return

    def _alone(self, recipe: Recipe, unit: Unit, died: Died, proof: Sequence[str]) -> pa.Table:
        from distributed import KilledWorker

        self.stuck()  # forget what was before
        try:
            return self._tried(_ALONE, do_unit, recipe, unit, proof)[1]
        except TooSlowError as error:
            return died(unit, str(error), True)
        except KilledWorker:
            return died(unit, "the worker process died each time", False)

    def _size(self) -> int:
        return self._workers or max(1, sum(self._client.nthreads().values()))


@contextmanager
def on_dask(spec: str, workers: int, scheduler: str | None, timeout: float | None) -> Iterator[Workers]:
    """Give the dask cluster at ``scheduler``, or a local one, while the block runs."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("run: backend dask needs the extra: pip install 'multimodal-stress[distributed]'.") from error
    if not scheduler:
        _check_main()
    with room() as path, ExitStack() as stack:
        if not scheduler:
            stack.enter_context(_patient())
        local = None if scheduler else stack.enter_context(closing(_local_cluster(workers)))
        post = Post(spec, str(path), timeout, own=local is not None, plugins=imported_files())
        found = _Cluster(stack.enter_context(Client(scheduler or local)), post, workers if local else None)
        stack.callback(found.free)
        yield found


def _patient() -> AbstractContextManager[Any]:
    """Have a cluster wait for a worker that died: by default its nanny is given up after 15 seconds.

    On a busy machine a new process takes longer than that, and a cluster without nannies waits forever.
    """
    import dask

    patient: AbstractContextManager[Any] = dask.config.set({"distributed.deploy.lost-worker-timeout": "1 hour"})
    return patient


def _check_main() -> None:
    """Raise InputError where a script would start a cluster again in each worker, which imports the script.

    New processes import the main script under another name. What stands in it outside ``if __name__ == "__main__":``
    is done once more there, and would start processes while a process is still starting.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None and not (frame.f_code.co_name == "<module>" and frame.f_globals["__name__"] == "__main__"):
        frame = frame.f_back
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if frame is None or not file or not Path(file).is_file():  # a notebook, python -c
        return
    guards = [node for node in ast.parse(Path(file).read_text(encoding="utf-8")).body if _is_guard(node)]
    if not any(node.lineno <= frame.f_lineno <= (node.end_lineno or node.lineno) for node in guards):
        raise InputError(
            f'run: {file}:{frame.f_lineno} must stand under `if __name__ == "__main__":` for backend dask, since each '
            "worker imports the script. Or give the address of a cluster (scheduler=)."
        )


def _is_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}


def _local_cluster(workers: int) -> Any:
    """Return a cluster of processes on this machine.

    By default dask has its workers hand freed memory back at once; a network's activations then cost a page fault a
    page, and the same forward pass takes nearly twice as long. Everybody also looks at the own stack, memory and clock
    up to a hundred times a second, for a dashboard that is not there: some percent of a processor each. And what took a
    worker down is tried on three more: here the first death is reported.
    """
    import dask
    from distributed import LocalCluster

    environment = ONE_THREAD | dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(2**32))
    ours = {
        "distributed.nanny.pre-spawn-environ": environment,
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "1s",
        "distributed.admin.system-monitor.interval": "10s",
        "distributed.scheduler.allowed-failures": 0,
    }
    with dask.config.set(ours), _interrupts_are_ours():
        return LocalCluster(
            n_workers=workers,
            security=_security(),
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port, for the server that dask cannot do without
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,  # an interrupt would log every cancelled task, and each death a page
        )


def _security() -> Any:
    """Return certificates made for this run alone, kept in memory: no other process of this machine can speak to it.

    Who can speak to a cluster can run code in it.
    """
    from distributed.security import Security

    try:
        return Security.temporary()
    except ImportError as error:
        raise InputError(
            "run: backend dask needs cryptography, of the extra: pip install 'multimodal-stress[distributed]'."
        ) from error


@contextmanager
def _interrupts_are_ours() -> Iterator[None]:
    """Have threads and processes that the block starts, and those that they start, never hear of Ctrl-C.

    A terminal sends it to all processes of a command at once. Workers that end on their own while their nannies wait
    for them leave pages of tracebacks, and sometimes a cluster that waits forever. Here it is heard after the block.
    """
    resource_tracker.ensure_running()  # the first process would start it, and let interrupts in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
