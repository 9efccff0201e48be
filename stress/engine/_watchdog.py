"""Calls of the model that let nothing else run, and processes whose parent is gone: they are ended from outside Python.

A call that holds the interpreter lock – a regular expression that backtracks for ever, a loop in C – can be stopped by
no thread of Python. While calls with a time-out are under way, a beat puts off what ends the process: in a worker the
interpreter's own timer, which needs no lock; where the run was started, a small process that stands beside it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["SPARE_S", "Watch", "add_watch", "drop_watch", "under_way"]

SPARE_S = 2.0
"""Seconds beyond a call's time-out that a process may stand still before it is ended."""
BEAT_S = 0.5
"""Seconds between two beats."""


class Watch:
    """Knows which calls are under way, and calls ``arm`` with the longest time-out among them; 0: there is none.

    ``arm`` is called at each beat, and when a call begins that nothing is armed for; a short call costs nothing more.
    """

    def __init__(self, arm: Callable[[float], None]) -> None:
        self._arm, self._limits, self._armed = arm, Counter[float](), 0.0
        self._lock = threading.Lock()

    def begin(self, limit: float) -> None:
        """A call begins that may take so many seconds."""
        with self._lock:
            self._limits[limit] += 1
            if limit > self._armed:
                self._tell(limit)

    def end(self, limit: float) -> None:
        """A call has come back, late or not."""
        with self._lock:
            self._limits[limit] -= 1
            if not self._limits[limit]:
                del self._limits[limit]

    def beat(self) -> None:
        """Say that threads of this process do run."""
        with self._lock:
            longest = max(self._limits, default=0.0)
            if longest or self._armed:
                self._tell(longest)

    def _tell(self, limit: float) -> None:
        self._armed = limit
        self._arm(limit)


_watches: list[Watch] = []
"""Of this process: none, but in workers and where threads call a model that has a time-out."""
_beating = threading.Lock()


def add_watch(watch: Watch) -> None:
    """Notify a watch of all calls from now on."""
    _watches.append(watch)
    if _beating.acquire(blocking=False):
        threading.Thread(target=_beat, daemon=True, name="stress-watchdog").start()


def drop_watch(watch: Watch) -> None:
    """Tell a watch no more."""
    _watches.remove(watch)


def _beat() -> None:
    while True:
        for watch in tuple(_watches):
            watch.beat()
        time.sleep(BEAT_S)


@contextmanager
def under_way(limit: float) -> Iterator[None]:
    """Note that a call of the model runs in the block, which may take so many seconds."""
    notified = tuple(_watches)
    for watch in notified:
        watch.begin(limit)
    try:
        yield
    finally:
        for watch in notified:
            watch.end(limit)
