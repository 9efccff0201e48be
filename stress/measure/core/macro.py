"""Means over classes some of which have a handful of records: made of the intervals of the classes.

A gradient says nothing of a class whose four records were all right: by it that class has no error, and the mean over
classes holds the truth in 70 to 85 of 100 worlds instead of 95. Each class is a share of its records, and has the
interval of one; the method of variance estimates recovery (MOVER, Zou & Donner 2008; Donner & Zou 2012) adds them up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats
from stress.statistics.clustered import kish
from stress.statistics.counts import Macro, Marginals
from stress.statistics.intervals import t_quantile
from stress.statistics.rates import mid_p, tail_level, worth

__all__ = ["macro_bounds"]


def macro_bounds(
    measure: Macro,
    m: Marginals,
    error: Floats,
    alone: NDArray[np.bool_],
    own: Marginals | None,
    involved: NDArray[np.int64],
    confidence: float,
) -> tuple[Floats, Floats]:
    """Return the ends of means over classes, (cells,).

    ``error`` is each mean's variance from its clusters: what that has beyond the classes' own variances is how the
    classes move together. ``alone``: a cell's records are independent, else ``own`` has the counts of each cell,
    cluster and class; without (very many), all classes are as much alike within clusters as the mean is. ``involved``
    is the number of clusters of each cell.
    """
    tried, weight = measure.tried(m), measure.weights(m)
    share = np.divide(m.hits, tried, out=np.zeros_like(tried), where=tried > 0)
    slope = weight * measure.slope(share)
    plain = _over(share * (1 - share), tried)
    variance, count, size = plain, tried.copy(), np.repeat(involved[:, None], tried.shape[1], axis=1).astype(np.float64)
    grouped = ~alone
    if own is not None:
        variance[grouped], count[grouped], size[grouped] = _clustered(
            measure, own, share[grouped], tried[grouped], grouped
        )
    elif grouped.any():
        alike = np.maximum(_over(error, (np.square(slope) * plain).sum(axis=1)), 1.0)[grouped, None]
        variance[grouped] *= alike
        count[grouped] /= alike
    freedom = np.where(alone, involved, size.max(axis=1))[:, None] - 1.0
    low, high = _ends(share, count, (1 - confidence) / 2, freedom)
    value = measure.of_share(share)
    down, up = weight * (value - measure.of_share(low)), weight * (measure.of_share(high) - value)
    square, mean = (np.square(slope) * variance).sum(axis=1), (weight * value).sum(axis=1)
    factor = np.square([t_quantile(confidence, max(int(f), 1)) for f in freedom[:, 0]])
    below, above = (_together(np.square(side).sum(axis=1), factor * square, factor * error) for side in (down, up))
    return np.maximum(mean - below, 0.0), np.minimum(mean + above, 1.0)


def _over(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(np.asarray(above, np.float64)), where=below > 0)


def _together(each: Floats, own: Floats, whole: Floats) -> Floats:
    """Return how far an end is: the squares of the classes' reaches, and what classes that move together add.

    That is given in normal terms (``whole`` less ``own``). Where they move apart it is taken off in proportion, so
    that no end comes nearer than the classes' own reaches allow.
    """
    more = whole - own
    scale = np.where(more < 0, np.minimum(_over(each, own), 1.0), 1.0)
    return np.sqrt(np.maximum(each + more * scale, 0.0))


def _clustered(
    measure: Macro, own: Marginals, share: Floats, tried: Floats, cells: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """Return each class's variance, what its records are worth and its clusters of one size, from its own clusters."""
    mine = Marginals(own.hits[cells], own.answers[cells], own.truths[cells], own.records[cells])
    below = measure.tried(mine)
    size = kish(np.moveaxis(below, 1, 0))
    parts = _over(mine.hits - share[:, None] * below, np.broadcast_to(tried[:, None], below.shape))
    with np.errstate(invalid="ignore", divide="ignore"):
        square = np.square(parts).sum(axis=1)
        variance = np.where(size > 1, square * size / (size - 1), 0.0)
        count = worth(share, variance, tried, size)
    return variance, np.where(np.isfinite(count), count, 0.0), np.nan_to_num(size)


def _ends(share: Floats, count: Floats, tail: float, freedom: Floats) -> tuple[Floats, Floats]:
    """Return the mid-P ends of shares, each pair of counts worked out once; a share of nothing may be anything."""
    far = np.broadcast_to(tail_level(tail, np.maximum(freedom, 1.0)), share.shape)
    known = count > 0
    keys, places = np.unique((share * count + 1j * count)[known], return_inverse=True)
    low, high = np.zeros(share.shape), np.ones(share.shape)
    if (far == far.flat[0]).all():
        ends = mid_p(keys.real, keys.imag, float(far.flat[0]))
        low[known], high[known] = ends[0][places.ravel()], ends[1][places.ravel()]
    else:
        low[known], high[known] = mid_p((share * count)[known], count[known], far[known])
    return low, high
