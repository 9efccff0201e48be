"""How many threads each worker's own libraries may use: one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["ONE_THREAD", "limit_threads", "one_thread_each"]

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""What the environment of a worker says to libraries that it has yet to load."""


def limit_threads(count: int = 1) -> Callable[[], None]:
    """Let the numerical libraries of this process use one thread, or so many, from now on; return what restores them.

    Two workers with two threads each fight for two processors: the same work can take ten times as long. Torch is
    changed only where it has been imported already. One thread is used for one worker too: the number of threads
    changes the order of sums, and with it the last bits of a score.
    """
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    torch = sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch else None
    if torch:
        torch.set_num_threads(count)

    def restore() -> None:
        cv2.setNumThreads(before)
        if torch:
            torch.set_num_threads(torch_before)

    return restore


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let the numerical libraries use one thread while the block runs."""
    restore = limit_threads()
    try:
        yield
    finally:
        restore()
