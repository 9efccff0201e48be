"""Which record columns make up a number, and which way is up: one row per metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Metric"]


@dataclass(frozen=True)
class Metric:
    """A mean of records, or a ratio of two sums over records.

    ``top`` and ``bottom`` name record columns (``bottom`` None: every record counts one). ``failed`` is what a record
    without a usable answer earns for each unit of ``bottom``: 0 of an accuracy, 1 of an error rate; ``None`` where
    failing has no price in the metric's unit (a distance in metres): such records are counted, and left out by name.
    ``bounded`` metrics lie in [0, 1]. ``root`` takes the square root of the mean.
    """

    name: str
    top: str
    bottom: str | None = None
    better: Literal["higher", "lower"] = "higher"
    failed: float | None = 0.0
    bounded: bool = True
    root: bool = False
    unit: str = "fraction"
