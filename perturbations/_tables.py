"""Tables of 65,536 entries, read for 16 random bits at a time: what most draws here are made with."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["looked_up"]

_T = TypeVar("_T", bound=np.generic)


def looked_up(table: NDArray[_T], draws: NDArray[np.uint16]) -> NDArray[_T]:
    """Return the entry of a table of 65,536 for each 16-bit number: numpy would widen every number to 64 bits first."""
    if not draws.size or not _wide():
        return table.take(draws)
    import cv2

    entries = table.view(np.float64) if table.itemsize == 8 else table  # copied bit by bit, whatever they hold
    found = cv2.LUT(draws.reshape(len(draws), -1), entries.reshape(1, -1))
    return found.view(table.dtype).reshape(draws.shape)


@lru_cache(maxsize=1)
def _wide() -> bool:
    """Tell whether this OpenCV has tables for 16-bit numbers: version 5 has."""
    import cv2

    try:
        cv2.LUT(np.zeros((1, 1), np.uint16), np.zeros((1, 65536), np.float32))
    except cv2.error:
        return False
    return True
