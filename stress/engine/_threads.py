"""Workers: how many do what at once, and with how many threads of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["one_thread_each", "work_through"]

Unit = TypeVar("Unit")
Done = TypeVar("Done")


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


def work_through(do: Callable[[Unit], Done], units: Sequence[Unit], workers: int) -> Iterator[Any]:
    """Yield ``do(unit)`` for every unit, as they are finished; units are begun in order."""
    from joblib import Parallel, delayed

    if workers == 1:
        return (do(unit) for unit in units)
    pool = Parallel(
        workers, backend="threading", return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1
    )
    return pool(delayed(do)(unit) for unit in units)
