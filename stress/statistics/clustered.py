"""What samples in clusters are worth: how many clusters of one size they are, how alike within, how sure that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats

__all__ = ["cluster_counts", "clustered_errors", "intraclass", "kish", "resampled_kish", "satterthwaite"]


def kish(sizes: Floats) -> Floats:
    """Return how many clusters of one size so many unequal ones, (clusters × …), are worth (Kish 1965)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.square(sizes.sum(axis=0)) / np.square(sizes).sum(axis=0)


def cluster_counts(sizes: Floats) -> Floats:
    """Return (2 × …): Kish's number of clusters of one size, of the sizes and of their squares.

    A mean of clusters that are alike within weighs them by their sizes, so its variance by the squares of these.
    """
    return np.stack([kish(sizes), kish(np.square(sizes))])


def satterthwaite(size: Floats, squared: Floats, effect: Floats, records: Floats) -> Floats:
    """Return the degrees of freedom of a variance over clusters of unequal sizes (Satterthwaite 1946).

    As Bell & McCaffrey (2002) do under a working model in which a cluster's answers are alike: here as much alike as
    the design effect ``effect`` of ``records`` says. ``size`` and ``squared`` are those of ``cluster_counts``. The
    more alike answers are, the more a few large clusters decide what the variance is found to be.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = records / size
        alike = np.where(mean > 1, np.clip((effect - 1) / (mean - 1), 0.0, 1.0), 0.0)
        common = np.clip(alike * mean / effect, 0.0, 1.0)
        return 1 / np.square((1 - common) / np.sqrt(size) + common / np.sqrt(squared)) - 1


def resampled_kish(rows: Floats, total: Floats) -> Floats:
    """Return Kish's number from resampled sizes: a Poisson bootstrap varies by the sum of their squares."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.square(total) / np.var(np.asarray(rows, np.float64), axis=0)


def clustered_errors(parts: Floats, sizes: Floats) -> Floats:
    """Return the standard errors of ratios from (clusters × …) influences and sizes.

    Each cluster's square is divided by what it leaves of the whole (CR2, Bell & McCaffrey 2002): a large cluster draws
    the ratio to itself and looks closer to it than it is.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        left = 1 - sizes / sizes.sum(axis=0)
        found = np.sqrt(np.where(sizes > 0, np.square(parts) / left, 0.0).sum(axis=0))
    return np.where(np.isfinite(found), found, np.nan)


def intraclass(values: Floats, member: NDArray[np.int64], rng: np.random.Generator) -> tuple[float, float]:
    """Return how alike the values of one cluster are, and how often chance makes them as alike.

    The intraclass correlation over all pairs of one cluster (Fisher 1925), without the bias that the values are held
    against their own mean; and the share of 1,999 permutations, the one that was seen with them, in which it is at
    least as great. NaN without such pairs, or where all values are the same.
    """
    away, sizes = values - values.mean(), np.bincount(member).astype(np.float64)
    pairs, square = float((sizes * (sizes - 1)).sum()), float(np.square(away).mean())
    if not pairs or not square:
        return float("nan"), float("nan")
    inside = (member[:, None] == np.arange(len(sizes))).astype(np.float64)
    shuffled = rng.permuted(np.broadcast_to(away, (1999, len(away))), axis=1)
    together, by_chance = (np.square(each @ inside).sum(axis=-1) for each in (away, shuffled))
    alike = (together - np.square(away).sum()) / pairs / square + 1 / (len(values) - 1)
    return float(alike), float((1 + (by_chance >= together * (1 - 1e-12)).sum()) / 2000)
