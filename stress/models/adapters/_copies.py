"""Arrays on their way to a device: over a lane of their own, so that a copy runs beside what the device computes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Copies"]


class Copies:
    """What moves arrays to a device as tensors; a thread that has copied its batch waits for no other thread's copies.

    To a GPU they go from pinned memory (the driver would first copy others there itself) and on a stream of the thread
    that copies: on the common one a copy would begin only when all that was asked of the device before is done. What is
    computed next waits for the copy on the device, and the tensor's memory is kept until that is done. Two threads
    have two such buffers: one is computed while the other one is filled.
    """

    def __init__(self, lib: Any, place: Any) -> None:
        self._lib, self._place, self._own = lib, place, threading.local()

    def __call__(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Return the tensors on the device, in the order of the arrays."""
        tensors = {name: self._lib.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        if self._place.type != "cuda":
            return {name: tensor.to(self._place) for name, tensor in tensors.items()}
        cuda, lane = self._lib.cuda, self._lane()
        with cuda.stream(lane):
            moved = {name: each.pin_memory().to(self._place, non_blocking=True) for name, each in tensors.items()}
        computes = cuda.current_stream(self._place)
        computes.wait_stream(lane)
        for tensor in moved.values():
            tensor.record_stream(computes)
        return moved

    def _lane(self) -> Any:
        """Return this thread's stream of copies, made at its first one."""
        if not hasattr(self._own, "lane"):
            self._own.lane = self._lib.cuda.Stream(self._place)
        return self._own.lane
