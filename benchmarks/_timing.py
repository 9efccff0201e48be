"""Medians over repeats, taken in turns so that a busy moment of the machine hits every contender alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from statistics import median

__all__ = ["geometric_mean", "medians"]


def medians(
    contenders: Mapping[str, Callable[[int], object]], repeats: int = 7, at_least_s: float = 0.02
) -> dict[str, float]:
    """Return each contender's median seconds a call; it is called with a running number, so that no draw is reused."""
    loops = {}
    for name, call in contenders.items():
        call(0)  # caches and lazy imports
        start = time.perf_counter()
        call(1)
        loops[name] = max(1, math.ceil(at_least_s / max(time.perf_counter() - start, 1e-9)))
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    number = 2
    for _ in range(repeats):
        for name, call in contenders.items():
            start = time.perf_counter()
            for _ in range(loops[name]):
                call(number)
                number += 1
            taken[name].append((time.perf_counter() - start) / loops[name])
    return {name: median(times) for name, times in taken.items()}


def geometric_mean(values: list[float]) -> float:
    """Return the geometric mean of positive numbers."""
    return math.exp(sum(map(math.log, values)) / len(values))
