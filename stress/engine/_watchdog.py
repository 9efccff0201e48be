"""A worker process that ends with the process that started it, and when nothing in it can run any more."""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from functools import lru_cache

__all__ = ["SPARE_S", "watch_over"]

SPARE_S = 2.0
"""Seconds beyond a call's time-out that a process may stand still before it is ended."""
_BEAT_S = 0.5


@lru_cache(maxsize=1)
def watch_over(timeout: float | None) -> None:
    """End this process when its parent is gone, or when none of its threads could run for longer than a time-out.

    A call that holds the interpreter lock – a regular expression that backtracks for ever, a loop in C – can be ended
    by no thread of Python: each beat puts off a timer of the interpreter's own, which needs no lock.
    """
    parent = os.getppid()
    quiet = open(os.devnull, "w")  # noqa: SIM115 - as long as the process

    def beat() -> None:
        while True:
            if os.getppid() != parent:
                os._exit(1)
            if timeout is not None:
                faulthandler.dump_traceback_later(timeout + SPARE_S, exit=True, file=quiet)
            time.sleep(_BEAT_S)

    threading.Thread(target=beat, daemon=True, name="stress-watchdog").start()
