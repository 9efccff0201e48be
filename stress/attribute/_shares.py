"""Parts of an answer as shares, with their intervals over samples or their clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import Clusters
from stress.statistics.intervals import jackknife, percentile

__all__ = ["Share", "mean_of", "names_of", "shares_of", "sized"]


@dataclass(frozen=True)
class Share:
    """A number with its interval; null, with the reason, where there is none. ``n`` samples stand behind it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    interval: str | None = None
    note: str | None = None


def shares_of(own: Clusters, parts: Floats, confidence: float) -> list[Share]:
    """Return what share of the answers each player has, of (samples × players) parts.

    A part counts by its size: a stream that speaks against the right class moves the answer, too. The shares of a cell
    are the mean size of each part over the mean of all (the ratio of MM-SHAP, Parcalabescu & Frank 2023, over samples).
    """
    sizes = own.gather(np.abs(parts))
    total = float(sizes.sum())
    if not total > 1e-12:
        note = "nothing that was changed moves the answer"
        return [Share(None, n=len(parts), note=note) for _ in range(parts.shape[1])]

    def ratio(rows: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(rows / rows.sum(axis=1, keepdims=True), np.float64)

    return _with_ends(own, sizes.sum(axis=0) / total, sizes, ratio, len(parts), confidence, (0.0, 1.0))


def mean_of(own: Clusters, values: Floats, confidence: float) -> Share:
    """Return the mean of one number a sample."""
    both = own.gather(np.stack([values, np.ones(len(values))], axis=1))

    def ratio(rows: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(rows[:, :1] / rows[:, 1:], np.float64)

    return _with_ends(own, np.array([values.mean()]), both, ratio, len(values), confidence, (-np.inf, np.inf))[0]


def _with_ends(
    own: Clusters,
    value: Floats,
    sums: Floats,
    ratio: Callable[[Floats], Floats],
    n: int,
    confidence: float,
    ends: tuple[float, float],
) -> list[Share]:
    if own.few:
        bounds = jackknife(value, ratio(own.leave_out(sums)), confidence)
    else:
        bounds = percentile(ratio(own.resample(sums).astype(np.float64)), len(own), confidence)
    low, high = np.clip(bounds.low, *ends), np.clip(bounds.high, *ends)
    return [
        Share(float(v), _end(a), _end(b), n, bounds.method if np.isfinite([a, b]).all() else None)
        for v, a, b in zip(value, low, high)
    ]


def _end(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def sized(parts: Floats) -> Floats:
    """Return each sample's shares, (samples × players); equal ones where nothing moves the answer."""
    sizes = np.abs(parts)
    total = sizes.sum(axis=1, keepdims=True)
    return np.where(total > 1e-12, sizes / np.where(total > 1e-12, total, 1.0), 1 / sizes.shape[1])


def names_of(streams: Sequence[str], number: int) -> str:
    """Return the streams of a set by its number: ``image+audio``."""
    return "+".join(name for k, name in enumerate(streams) if number >> k & 1)
