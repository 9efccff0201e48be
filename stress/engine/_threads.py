"""How many threads each worker's own libraries may use: one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["one_thread_each"]


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let each worker's numerical libraries use one thread, and restore their numbers afterwards.

    Two workers with two threads each fight for two processors: the same work can take ten times as long. Torch is
    told only where it has been imported already. One thread is used for one worker too: the number of threads changes
    the order of sums, and with it the last bits of a score.
    """
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    torch = sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch else None
    if torch:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
        if torch:
            torch.set_num_threads(torch_before)
