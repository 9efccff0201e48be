"""What of a picture stays when it is lit, compressed or noisy otherwise: its detail, at a coarse size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perturbations import Value
from stress.audit._tail import Pairs
from stress.audit._vectors import alike

__all__ = ["near", "reduced"]

_SIDE = 24
_FLAT = 1.0
"""Root of the energy of a picture's detail, in levels, below which it shows nothing."""


def reduced(value: Value) -> NDArray[np.float32]:
    """Return two vectors (2, 576) of a picture's detail: as it is, and without lone pixels; zeros where it has none."""
    import cv2

    picture = np.asarray(value)
    calm = cv2.medianBlur(np.ascontiguousarray(picture), 3) if min(picture.shape[:2]) >= 3 else picture
    return np.stack([_detail(picture), _detail(calm)])


def _detail(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    grey = picture if picture.ndim == 2 else picture[..., 0] if picture.shape[2] == 1 else None
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if grey is None else grey
    shrinks = min(grey.shape) >= _SIDE
    small = cv2.resize(
        grey.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    found = small - cv2.GaussianBlur(small, (0, 0), 2)
    found -= found.mean()
    length = float(np.sqrt(np.square(found).sum()))
    return (found / length if length > _FLAT else np.zeros_like(found)).ravel()


def near(marks: NDArray[np.float32]) -> list[Pairs]:
    """Return the most alike pairs of pictures, by each of the two vectors (n, 2, 576)."""
    return [alike(np.ascontiguousarray(marks[:, kind])) for kind in range(marks.shape[1])]
