"""Threads that call a model with a time-out, and the process beside them that ends a call which lets nothing run."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from stress.engine._room import closed_in_children
from stress.engine._watchdog import SPARE_S, Watch, add_watch, drop_watch

__all__ = ["supervised"]

_SAYS = (
    "stress: the model gave no answer within {limit:g} s, in a call that lets nothing else run (it holds the "
    "interpreter lock), so that the run had to be ended. What was finished is kept; run the same command again to "
    "continue. With --backend processes such calls are recorded as timeout, and the run goes on."
)


class _Supervisor:
    """The process beside this one, and how often it was asked for."""

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            self._before = _on_quit(_leave())
            script = str(Path(__file__).with_name("_supervisor.py"))
            arguments = [str(os.getpid()), str(SPARE_S), _SAYS]
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", script, *arguments], stdin=subprocess.PIPE, bufsize=0
            )
            self._children = ExitStack()
            if self._process.stdin is not None:
                self._children.enter_context(closed_in_children(self._process.stdin.fileno()))
            self._watch = Watch(self._tell)
            add_watch(self._watch)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            drop_watch(self._watch)
            self._tell(-1.0)
            self._children.close()
            with suppress(OSError):  # a model may have closed what it did not open
                if self._process.stdin is not None:
                    self._process.stdin.close()
            self._process.wait()
            _on_quit(self._before)

    def _tell(self, limit: float) -> None:
        with suppress(OSError, ValueError):  # it was killed, or is being closed
            if self._process.stdin is not None:
                self._process.stdin.write(f"{limit!r}\n".encode())


def _on_quit(handler: int | None) -> int | None:
    """Have the system call a function on SIGQUIT; return what it called before."""
    library = ctypes.CDLL(None)
    library.signal.restype, library.signal.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
    before: int | None = library.signal(signal.SIGQUIT, handler)
    return before


def _leave() -> int | None:
    """Return where the system's own ``_exit`` lies, which a signal calls with its number: that of SIGQUIT is 3.

    A handler in Python would wait for the interpreter lock.
    """
    return ctypes.cast(ctypes.CDLL(None)._exit, ctypes.c_void_p).value


_supervisor = _Supervisor()


@contextmanager
def supervised(timeout: float | None) -> Iterator[None]:
    """End this process with status 3 where a call in the block holds the interpreter lock beyond the time-out."""
    if timeout is None:
        yield
        return
    _supervisor.enter()
    try:
        yield
    finally:
        _supervisor.leave()
