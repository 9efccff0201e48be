"""How far wrong labels can move measures by class: recall, precision, F1, and the means of them over the classes.

With so many labels that may be wrong, whichever they are, a class's number lies between two ends that are reached. Its
truth count changes by labels that are truly this class, and by labels that are truly another: a hit that was none, an
answer that was right after all. Each measure is then a ratio of two sums, linear in either number.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stress.statistics.arrays import Floats
from stress.statistics.counts import Marginals

__all__ = ["class_ends", "macro_ends"]

_STEPS = 24
"""Steps in which a price is looked for: the last bracket is a hundred-thousandth of the first."""
_GOLDEN = (5**0.5 - 1) / 2


def class_ends(name: str, m: Marginals, wrong: Floats) -> tuple[Floats, Floats]:
    """Return the least and the most that recall, precision or F1 of each class can be, (cells × classes).

    ``wrong`` is how many labels of each cell may be wrong, (cells,), whole numbers. Both ends are reached by some such
    labels. NaN where nothing is there to judge the class by, whatever is wrong.
    """
    k = wrong[:, None]
    missed, taken = m.truths - m.hits, m.answers - m.hits
    rest = m.records[:, None] - m.hits - missed - taken

    def ends(gained: Floats, most: Floats, sign: int) -> list[Floats]:
        """Return the number where first one, and first the other, of two kinds of wrong labels is used up."""
        found = []
        for first in (0, 1):
            kinds = [gained, most]
            used = [np.zeros_like(m.hits), np.zeros_like(m.hits)]
            used[first] = np.minimum(kinds[first], k)
            used[1 - first] = np.minimum(kinds[1 - first], k - used[first])
            found.append(_value(name, m, sign * used[0], sign * (used[0] - used[1])))
        return found

    least, most = ends(m.hits, rest, -1), ends(taken, missed, 1)
    every = [*least, *most, _value(name, m, np.zeros_like(m.hits), np.zeros_like(m.hits))]
    with np.errstate(invalid="ignore"):
        return np.fmin.reduce(every), np.fmax.reduce(every)


def _value(name: str, m: Marginals, hits: Floats, truths: Floats) -> Floats:
    """Return a class's number with so many more hits and truths."""
    above, below = m.hits + hits, {"recall": m.truths + truths, "precision": m.answers}.get(name)
    if below is None:
        above, below = 2 * above, m.answers + m.truths + truths
    return np.divide(above, below, out=np.full(m.hits.shape, np.nan), where=below > 0)


def macro_ends(name: str, m: Marginals, wrong: Floats) -> tuple[Floats, Floats]:
    """Return ends that the mean of recall or F1 over the classes that occur cannot pass, (cells,).

    One wrong label takes a sample from one class and gives it to another: over all classes no more are taken, and no
    more given, than are wrong. What that allows is bounded by its dual: each sample that a class takes or gives has a
    price, and at any two prices the sum of what is best for each class is no less than what can be had. The prices that
    say most are looked for. The ends need not be reached. Classes may come to occur, or no longer occur, by labels that
    are wrong: that is allowed for.
    """
    there = m.truths > 0
    count, absent = there.sum(axis=1), (~there).sum(axis=1)
    most = _dual(wrong, lambda taken, given: _best(name, m, wrong, taken, given))
    least = -_dual(wrong, lambda taken, given: _worst(name, m, wrong, taken, given))
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.clip(least / (count + np.minimum(absent, wrong)), 0.0, 1.0)
        high = np.clip(most / count, 0.0, 1.0)
    return np.where(count > 0, low, np.nan), np.where(count > 0, high, np.nan)


def _dual(wrong: Floats, most: Callable[[Floats, Floats], Floats]) -> Floats:
    """Return the least, over two prices from 0 to 1, of what is best at them and of all that may be bought."""

    def outer(taken: Floats) -> Floats:
        return _lowest(lambda given: most(taken, given) + (taken + given) * wrong, wrong)

    return _lowest(outer, wrong)


def _lowest(function: Callable[[Floats], Floats], like: Floats) -> Floats:
    """Return the least value that was met of a convex function of a price, by golden sections of its root, and at 0."""
    low, high = np.zeros_like(like), np.ones_like(like)
    found = np.minimum(function(low), function(high))
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left**2), function(right**2)
    for _ in range(_STEPS):
        found = np.fmin(found, np.fmin(at_left, at_right))
        down = at_left <= at_right
        low, high = np.where(down, low, left), np.where(down, right, high)
        middle = np.where(down, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        met = function(middle**2)
        left, right = np.where(down, middle, right), np.where(down, left, middle)
        at_left, at_right = np.where(down, met, at_right), np.where(down, at_left, met)
    return np.fmin(found, np.fmin(at_left, at_right))


def _scaled(name: str, m: Marginals) -> tuple[float, Floats]:
    """Return the factor of a measure's hits, and what they are divided by."""
    return (1.0, m.truths) if name == "recall" else (2.0, m.answers + m.truths)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below > 0)


def _best(name: str, m: Marginals, wrong: Floats, taken: Floats, given: Floats) -> Floats:
    """Return the largest sum over classes of a number less the prices of what it needs.

    A class takes samples that were answered so (x) and gives away samples that it missed (y): the number is concave in
    x, with its top where the slope is the price, and convex in y, with its top at an end. One that gives all it has is
    no longer counted: as much as 1.
    """
    factor, below = _scaled(name, m)
    k, dear, away = wrong[:, None], taken[:, None], given[:, None]
    room, lost = np.minimum(m.answers - m.hits, k), np.minimum(m.truths - m.hits, k)
    found = np.where((m.truths <= k) & (m.truths > 0), 1 - away * m.truths, 0.0)
    for y in (np.zeros_like(lost), lost):
        base = below - y
        with np.errstate(divide="ignore", invalid="ignore"):
            steep = np.sqrt(factor * np.maximum(base - m.hits, 0) / dear) - base
        for x in (np.clip(np.nan_to_num(steep, nan=0.0), 0, room), np.minimum(1, room)):
            found = np.maximum(found, factor * _ratio(m.hits + x, base + x) - dear * x - away * y)
    return np.asarray(found.sum(axis=1), np.float64)


def _worst(name: str, m: Marginals, wrong: Floats, taken: Floats, given: Floats) -> Floats:
    """Return the largest sum over classes of what a number lacks, below 0, less the prices of what that needs.

    A class gives away hits (x) and takes samples that were answered otherwise (y): the number is concave in x, with its
    bottom at an end, and convex in y, with its bottom where the slope is the price.
    """
    factor, below = _scaled(name, m)
    k, dear, away = wrong[:, None], taken[:, None], given[:, None]
    rest = m.records[:, None] - m.answers - m.truths + m.hits
    there = m.truths > 0
    found = np.full(m.hits.shape, -np.inf)
    for x in (np.zeros_like(m.hits), np.minimum(m.hits, k)):
        above, base = factor * (m.hits - x), below - x
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.sqrt(above / dear) - base
        y = np.clip(np.nan_to_num(far, nan=0.0), 0, np.minimum(rest, k))
        found = np.maximum(found, -_ratio(above, base + y) - dear * y - away * x)
    return np.asarray(np.where(there, found, 0.0).sum(axis=1), np.float64)
