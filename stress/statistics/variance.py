"""Variance between samples apart from variance between draws."""

from __future__ import annotations

from stress.statistics.arrays import Floats

__all__ = ["variance_parts"]


def variance_parts(scores: Floats) -> tuple[float, float]:
    """Return the variance between samples and the variance between draws of (samples × draws) scores.

    One-way analysis of variance with random samples; the part between samples cannot be negative.
    """
    draws = scores.shape[1]
    within = float(scores.var(axis=1, ddof=1).mean())
    return max(float(scores.mean(axis=1).var(ddof=1)) - within / draws, 0.0), within
