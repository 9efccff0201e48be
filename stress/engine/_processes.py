"""Processes of this machine as workers, through joblib's loky."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from stress.engine._backends import Died, Finished, Proof, Workers, token
from stress.engine._remote import Recipe, do_unit
from stress.engine._units import Unit
from stress.engine._watchdog import SPARE_S

__all__ = ["on_processes"]

_ATTEMPTS = 2
"""How often a pool that died without finishing anything is started again before units are tried one by one."""


class _Processes:
    """Processes of this machine."""

    def __init__(self, spec: str, workers: int) -> None:
        self.spec, self.token, self._workers, self._lock = spec, token(), workers, threading.Lock()

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

    def call(self, function: Callable[..., Any], *what: Any) -> Any:
        return self._called(1, function, *what)

    def call_all(self, function: Callable[..., Any], *what: Any) -> Any:
        return self._called(self._workers, function, *what)  # a busy worker leaves its turn to the others

    def _called(self, times: int, function: Callable[..., Any], *what: Any) -> Any:
        from joblib import delayed
        from joblib.externals.loky.process_executor import BrokenProcessPool

        with self._lock:
            try:
                found, *_ = self._pool()([delayed(function)(*what)] * times)
            except BrokenProcessPool:
                self.end(kill=True)
                raise
        return found

    def work(self, recipe: Recipe, units: Sequence[Unit], died: Died, proof: Proof) -> Finished:
        from joblib import delayed
        from joblib.externals.loky.process_executor import BrokenProcessPool

        left = dict.fromkeys(units)
        failures = 0
        while left:
            alone = failures >= _ATTEMPTS
            turn = [next(iter(left))] if alone else list(left)
            begun = time.monotonic()
            try:
                for unit, table in self._pool()(delayed(do_unit)(recipe, each, proof(each)) for each in turn):
                    del left[unit]
                    failures = failures if alone else 0
                    yield unit, table
            except BrokenProcessPool as error:
                failures += 1
                self.end(kill=True)
                if alone:
                    del left[turn[0]]
                    limit = recipe.settings.timeout
                    stuck = limit is not None and time.monotonic() - begun > limit + SPARE_S
                    why = f"the worker process died: {type(error).__name__}"
                    if stuck:
                        why = f"no answer within {limit:g} s: the worker was stuck, and ended"
                    yield (
                        turn[0],
                        died(turn[0], why, stuck),
                    )


@contextmanager
def on_processes(spec: str, workers: int) -> Iterator[Workers]:
    """Give the processes of this machine while the block runs."""
    found = _Processes(spec, workers)
    found.end()
    try:
        yield found
    except BaseException:  # an interrupt does not wait for what is under way
        found.end(kill=True)
        raise
    found.end()
