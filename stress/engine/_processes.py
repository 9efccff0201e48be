"""Processes of this machine as workers, through joblib's loky."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from perturbations.plugins import imported_files
from stress.engine._ask import TooSlowError
from stress.engine._backends import Died, Finished, Proof, Workers
from stress.engine._post import Post, take_post
from stress.engine._remote import Recipe, do_unit
from stress.engine._room import room, was_stuck
from stress.engine._threads import ONE_THREAD
from stress.engine._units import Unit

__all__ = ["on_processes"]

_ALONE = 2
"""How often a unit is tried alone before it is recorded as a crash: somebody else may have killed its worker."""


class _Processes:
    """Processes of this machine."""

    def __init__(self, post: Post, workers: int) -> None:
        self.post, self._workers, self._turn = post, workers, threading.Lock()
        self._pool: Any = None

    def submit(self, function: Callable[..., Any], *what: Any) -> Any:
        """Return the future of a call; the processes are started where there are none, or they have died."""
        from joblib.externals.loky.process_executor import ProcessPoolExecutor

        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers, initializer=take_post, initargs=(self.post,), env=dict(ONE_THREAD)
            )
        return self._pool.submit(function, *what)

    def end(self, kill: bool = False) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=not kill, kill_workers=kill)
            self._pool = None

    def call(self, function: Callable[..., Any], *what: Any) -> Any:
        return self._called(1, function, *what)

    def call_all(self, function: Callable[..., Any], *what: Any) -> Any:
        return self._called(self._workers, function, *what)  # a busy worker leaves its turn to the others

    def _called(self, times: int, function: Callable[..., Any], *what: Any) -> Any:
        """Return the first result; one call at a time, so that who died of it is known."""
        from concurrent.futures import FIRST_COMPLETED, wait

        from joblib.externals.loky.process_executor import BrokenProcessPool

        with self._turn:
            try:
                asked = [self.submit(function, *what) for _ in range(times)]
                return next(iter(wait(asked, return_when=FIRST_COMPLETED).done)).result()
            except BrokenProcessPool:
                self.end(kill=True)
                if was_stuck(self.post.room):
                    raise TooSlowError(self.post.late()) from None
                raise

    def work(self, recipe: Recipe, units: Sequence[Unit], died: Died, proof: Proof) -> Finished:
        """Yield the records of every unit, with two units a worker submitted at any time.

        A process that dies takes all of them down. The units that were under way are then done one at a time, so that
        the one that it died of is known; then all go on.
        """
        from concurrent.futures import FIRST_COMPLETED, wait

        from joblib.externals.loky.process_executor import BrokenProcessPool

        waiting = deque(units)
        under_way: dict[Any, Unit] = {}
        most = 1 if self._workers == 1 else 2 * self._workers
        while waiting or under_way:
            try:
                while waiting and len(under_way) < most:
                    under_way[self.submit(do_unit, recipe, waiting[0], proof(waiting[0]))] = waiting[0]
                    waiting.popleft()
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    found = future.result()
                    del under_way[future]
                    yield found
            except BrokenProcessPool:
                self.end(kill=True)
                suspects = list(under_way.values())
                under_way.clear()
                for unit in suspects:
                    yield unit, self._alone(recipe, unit, died, proof(unit))

    def _alone(self, recipe: Recipe, unit: Unit, died: Died, proof: Sequence[str]) -> pa.Table:
        from joblib.externals.loky.process_executor import BrokenProcessPool

        for _ in range(_ALONE):
            was_stuck(self.post.room)  # of that which was before
            try:
                return self.submit(do_unit, recipe, unit, proof).result()[1]
            except BrokenProcessPool as error:
                self.end(kill=True)
                if was_stuck(self.post.room):
                    return died(unit, self.post.late(), True)
                why = f"the worker process died: {type(error).__name__}"
        return died(unit, why, False)


@contextmanager
def on_processes(spec: str, workers: int, timeout: float | None) -> Iterator[Workers]:
    """Give the processes of this machine while the block runs."""
    with room() as path:
        found = _Processes(Post(spec, str(path), timeout, plugins=imported_files()), workers)
        try:
            yield found
        except BaseException:  # an interrupt does not wait for what is under way
            found.end(kill=True)
            raise
        found.end()
