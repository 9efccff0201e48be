"""Where a worker belongs: the run that it works for, and who ends it when it is stuck or left alone."""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from perturbations.plugins import import_file
from stress.engine._room import ended, held, notes_of
from stress.engine._watchdog import BEAT_S, SPARE_S, Watch, add_watch

__all__ = ["Post", "take_post"]


@dataclass(frozen=True)
class Post:
    """The model that a worker loads, the run's room, and the seconds that a call may take.

    ``plugins`` are the files that the process which starts the run has imported: they declare what the run names. A
    worker that is the run's ``own`` ends with the process that started it; those of a cluster that was there before
    go on.
    """

    spec: str
    room: str
    timeout: float | None = None
    own: bool = True
    plugins: tuple[str, ...] = ()

    def late(self) -> str:
        """Return what is said where a worker had to be ended."""
        return f"no answer within {self.timeout or 0:g} s: the worker was stuck, and ended"


class _Guard:
    """Ends this process when its parent is gone, or when nothing in it can run for longer than a call may take."""

    def __init__(self) -> None:
        self.post: Post | None = None
        self._notes: TextIO | None = None
        add_watch(Watch(self._arm))
        threading.Thread(target=self._mind, args=(os.getppid(),), daemon=True, name="stress-parent").start()

    def take(self, post: Post) -> None:
        path = Path(post.room)
        if post.timeout is not None:
            self._notes = notes_of(path).open("w")
        end = held(path) if post.own else None
        if end is not None:
            _leave_with(end)
        self.post = post

    def _arm(self, limit: float) -> None:
        if limit and self._notes:
            faulthandler.dump_traceback_later(limit + SPARE_S, exit=True, file=self._notes)
        else:
            faulthandler.cancel_dump_traceback_later()

    @staticmethod
    def _mind(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(BEAT_S)
        os._exit(1)


def _leave_with(end: int) -> None:
    """Have the system end this process when the other end of a pipe is closed, even if no Python can run.

    The signal that is sent then (SIGIO) ends a process by default, on Linux; elsewhere the beat has to do.
    """
    import fcntl

    if hasattr(os, "O_ASYNC"):
        fcntl.fcntl(end, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
    if ended(end):
        os._exit(1)


_guard: _Guard | None = None
_lock = threading.Lock()


def take_post(post: Post) -> None:
    """Work for a run from now on: be ended with the process that started it, and when nothing can run any more."""
    global _guard
    with _lock:
        if _guard is None:
            _guard = _Guard()
        if _guard.post != post:
            _guard.take(post)
            for path in post.plugins:
                import_file(path)
