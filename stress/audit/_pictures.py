"""What of a picture stays when it is lit, compressed or noisy otherwise: its detail, at a coarse size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perturbations import Value
from stress.audit._tail import Pairs, bar
from stress.audit._vectors import alike

__all__ = ["near", "reduced"]

_SIDE = 24
_FLAT = 1.0
"""Root of the energy of a picture's detail, in levels, below which it shows nothing."""
_BELOW = 0.02
"""How far below the bar pairs are looked for, where those that were found are not all: it is read from them again."""


def reduced(value: Value) -> NDArray[np.float32]:
    """Return two vectors (2, 576) of a picture's detail: as it is, and without lone pixels; zeros where it has none."""
    import cv2

    picture = np.asarray(value)
    colour = picture.ndim == 3 and picture.shape[2] > 1
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if colour else picture.reshape(picture.shape[:2])
    calm = cv2.medianBlur(np.ascontiguousarray(grey), 3) if min(grey.shape) >= 3 else grey
    return np.stack([_detail(grey), _detail(calm)])


def _detail(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    shrinks = min(grey.shape) >= _SIDE
    small = cv2.resize(
        grey.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    found = small - cv2.GaussianBlur(small, (0, 0), 2)
    found -= found.mean()
    length = float(np.sqrt(np.square(found).sum()))
    return (found / length if length > _FLAT else np.zeros_like(found)).ravel()


def near(marks: NDArray[np.float32], workers: int = 2) -> list[Pairs]:
    """Return the most alike pairs of pictures, by each of the two vectors (n, 2, 576): all that reach the bar."""
    return [_all_at_the_bar(np.ascontiguousarray(marks[:, kind]), workers) for kind in range(marks.shape[1])]


def _all_at_the_bar(vectors: NDArray[np.float32], workers: int) -> Pairs:
    pairs = alike(vectors, workers)
    while (level := bar(pairs)) < pairs.sure:
        pairs = alike(vectors, workers, level - _BELOW)
    return pairs
