"""Signals of series: noise, sensors that stand still or reach their limits, length and rate."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations.modality._signal import Signals, signal

__all__ = ["SIGNALS"]


class _Logged:
    """A series' samples and rate, and what its signals share."""

    def __init__(self, value: Any) -> None:
        self.samples: NDArray[np.float32] = value.samples
        self.rate: float = value.rate
        self.frames = len(self.samples)

    @cached_property
    def steps(self) -> NDArray[np.float64]:
        return np.diff(self.samples.astype(np.float64), axis=0)


@signal("share", 0, cheap=True)
def roughness(logged: _Logged) -> float:
    """Deviation of the steps between frames over the channel's own, mean over channels: high under noise."""
    if logged.frames < 2:
        return 0.0
    scale = logged.samples.std(axis=0, dtype=np.float64)
    return float(np.divide(logged.steps.std(axis=0), scale, out=np.zeros_like(scale), where=scale > 0).mean())


@signal("share", 0, 1, cheap=True)
def repeated(logged: _Logged) -> float:
    """Share of frames that repeat the one before, mean over channels: a sensor that stands still, lost packets."""
    return float((logged.steps == 0).mean()) if logged.frames > 1 else 0.0


@signal("share", 0, 1, cheap=True)
def at_limit(logged: _Logged) -> float:
    """Share of frames at the channel's lowest or highest value, mean over channels: a sensor at its limits."""
    samples = logged.samples
    if logged.frames < 2:
        return 0.0
    return float(((samples == samples.min(axis=0)) | (samples == samples.max(axis=0))).mean())


@signal("seconds", 0, cheap=True)
def seconds(logged: _Logged) -> float:
    """Duration."""
    return logged.frames / logged.rate


@signal("hertz", 0, cheap=True)
def sample_rate(logged: _Logged) -> float:
    """Sample rate."""
    return logged.rate


SIGNALS = Signals(_Logged, roughness, repeated, at_limit, seconds, sample_rate)
