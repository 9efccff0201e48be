"""Does the model know when it does not know? Confidence against accuracy, in every cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats
from stress.statistics.intervals import t_quantiles
from stress.statistics.rates import mid_p, tail_level

__all__ = [
    "Reliability",
    "binned",
    "brier_decomposition",
    "calibration_bounds",
    "calibration_error",
    "debiased_error",
    "excess_error",
    "reliability",
    "temperature",
]

Ints = NDArray[np.int64]
_RAISED = 32
"""Rows that are fitted as one."""


@dataclass(frozen=True)
class Reliability:
    """The bins of (rows × answers) confidences: ``where`` each lies, and (rows × bins) what a bin holds.

    ``low`` and ``high`` are its edges, open and closed, as in Guo et al. (2017); ``n`` answers lie in it, ``sure`` is
    the sum of their confidences, and ``right`` of them are right.
    """

    where: Ints
    low: Floats
    high: Floats
    n: Floats
    sure: Floats
    right: Floats


def reliability(confidence: Floats, right: Floats, bins: int, kind: str = "width") -> Reliability:
    """Return bins of equal ``width``, or of equal ``mass``: numbers of answers. Some of these may be empty."""
    edges = _edges(confidence, bins, kind)
    where = binned(confidence, edges)
    n, sure, hits = (_by_bin(where, bins, each) for each in (np.ones(confidence.shape), confidence, right))
    return Reliability(where, edges[:, :-1], edges[:, 1:], n, sure, hits)


def _edges(confidence: Floats, bins: int, kind: str) -> Floats:
    """Return (rows × bins + 1) edges in [0, 1]."""
    if kind == "width":
        return np.broadcast_to(np.linspace(0, 1, bins + 1), (len(confidence), bins + 1))
    place = confidence.shape[1] * (np.arange(1, bins) / bins) - 1
    inner = np.sort(confidence, axis=1)[:, np.maximum(np.ceil(place), 0).astype(np.int64)]  # quantiles that are answers
    return np.concatenate([np.zeros((len(inner), 1)), inner, np.ones((len(inner), 1))], axis=1)


def binned(confidence: Floats, edges: Floats) -> Ints:
    """Return the bin of each of (rows × answers) confidences between (rows × bins + 1) edges."""
    alike = len(edges) > 0 and edges.strides[0] == 0
    if alike:
        found = np.searchsorted(edges[0], confidence, side="left")
    else:
        found = np.array([np.searchsorted(at, row, side="left") for row, at in zip(confidence, edges)], np.int64)
    return np.clip(found.reshape(confidence.shape) - 1, 0, edges.shape[1] - 2)


def _by_bin(where: Ints, width: int, values: Floats) -> Floats:
    """Return (rows × bins) sums of (rows × answers) values."""
    rows = len(where)
    flat = (np.arange(rows)[:, None] * width + where).ravel()
    sums = np.bincount(flat, weights=values.ravel(), minlength=rows * width)
    return sums.astype(np.float64).reshape(rows, width)


def calibration_error(confidence: Floats, right: Floats, bins: int = 15, kind: str = "width") -> tuple[Any, Floats]:
    """Return the expected calibration error and each answer's influence on it, of each row where there are several.

    Σ_b (n_b / n) |mean confidence − accuracy| (Naeini et al. 2015; Guo et al. 2017). It is biased upwards: a perfectly
    calibrated model has one of up to 0.4 √(bins / n), so compare cells of equal size or read the debiased one.
    """
    if confidence.ndim == 1:
        value, parts = calibration_error(confidence[None, :], right[None, :], bins, kind)
        return float(value[0]), parts[0]
    n = confidence.shape[1]
    if not n:
        return np.full(len(confidence), np.nan), np.zeros(confidence.shape)
    where, width = binned(confidence, _edges(confidence, bins, kind)), bins
    gap = _by_bin(where, width, confidence) - _by_bin(where, width, right)
    value = np.abs(gap).sum(axis=1) / n
    side = np.take_along_axis(np.sign(gap), where, axis=1)
    return value, (side * (confidence - right) - value[:, None]) / n


def excess_error(confidence: Floats, right: Floats, bins: int = 15, kind: str = "width") -> float:
    """Return by how much chance alone may have raised an expected calibration error.

    A bin whose true gap is 0 adds 0.8 standard errors on average, one whose gap is far from 0 adds nothing. Which of
    the two a bin is can only be guessed: each adds 0.8 √(1 + τ²) / τ · exp(−x² / 2τ²) of its standard errors where its
    gap is x of them. With τ = 0.7 that is right on average where the gap is 0, and a little too much where it is not.
    """
    found = reliability(confidence[None, :], right[None, :], bins, kind)
    used = found.n[0] > 0
    gap, n = (found.sure - found.right)[0, used], found.n[0, used]
    square = (
        np.bincount(found.where[0], weights=np.square(confidence - right), minlength=bins)[used] - np.square(gap) / n
    )
    error = np.sqrt(np.maximum(square, 0.0))
    far = np.divide(np.abs(gap), error, out=np.full(len(error), np.inf), where=error > 0)
    return float((error * 1.395 * np.exp(-np.square(far) / 0.98)).sum() / len(confidence))


def calibration_bounds(
    confidence: Floats, right: Floats, cluster: Ints, bins: int = 15, kind: str = "width", level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return intervals of the calibration errors of some cells, of which the estimates are biased upwards.

    Σ |gap| has a corner wherever a bin is calibrated: chance alone then adds to it, and no symmetric interval of it
    holds the truth. From directional derivatives (Fang & Santos 2019): bins whose gap may be 0 add a folded error to
    the lower side, all others a signed one. It may be 0 within √(2 log clusters) standard errors, a bound on what
    chance does. The error of a bin is that which was seen, or that of answers which are right as often as they are sure
    (Σ c (1 − c)), whichever is larger: of ten answers that are sure to .99 none is likely to be wrong, and none that is
    says how often they would be. The upper end allows for no bias, so that it errs on the safe side.
    All are (cells × answers); ``cluster`` is the place of each answer's cluster among the cell's, of two at least.
    """
    where, width, n = binned(confidence, _edges(confidence, bins, kind)), bins, confidence.shape[1]
    away = confidence - right
    alone = int(cluster.max(initial=0)) + 1 == n > 1
    spread = _Alone(where, width, away / n) if alone else _Together(where, width, away / n, cluster)
    gap, count = spread.gap, spread.count
    inflate = count / (count - 1)
    seen = spread.squares() * inflate[:, None]
    if_calibrated = _by_bin(where, width, confidence * (1 - confidence)) / n**2
    error = np.sqrt(np.maximum(seen, if_calibrated))
    near = np.abs(gap) <= np.sqrt(2 * np.log(count))[:, None] * error
    signs = np.where(near, 0.0, np.sign(gap)), np.sign(gap)
    far, all_ = (spread.along(each) * inflate for each in signs)
    value, t = np.abs(gap).sum(axis=1), t_quantiles(level, count - 1)
    down = _by_chance(np.where(near, error, 0.0), n, far, t, level, count - 1.0)
    up = np.maximum(t * np.sqrt(all_), _above(right, seen.sum(axis=1) * n**2, level, count - 1.0))
    return np.maximum(value - down, 0.0), np.minimum(value + up, 1.0)


class _Together:
    """How the gaps of (rows × bins) vary from cluster to cluster: what each adds, less its part of the whole."""

    def __init__(self, where: Ints, width: int, away: Floats, cluster: Ints) -> None:
        most, rows = int(cluster.max(initial=0)) + 1, len(away)
        parts = _by_bin(cluster * width + where, most * width, away).reshape(rows, most, width)
        size = _by_bin(cluster, most, np.ones(cluster.shape)) / away.shape[1]
        self.count, self.gap = (size > 0).sum(axis=1), parts.sum(axis=1)
        self._parts = parts - self.gap[:, None, :] * size[:, :, None]

    def squares(self) -> Floats:
        """Return the (rows × bins) sums of squares over clusters."""
        return np.square(self._parts).sum(axis=1)

    def along(self, signs: Floats) -> Floats:
        """Return the sums of squares of all bins together, each with its sign."""
        return np.square((self._parts * signs[:, None, :]).sum(axis=2)).sum(axis=1)


class _Alone:
    """The same where each answer is a cluster: no array of (answers × bins) is needed, which hardly holds anything."""

    def __init__(self, where: Ints, width: int, away: Floats) -> None:
        self._where, self._width, self._away = where, width, away
        self.gap, self.count = _by_bin(where, width, away), np.full(len(away), away.shape[1])

    def squares(self) -> Floats:
        """Return the (rows × bins) sums of squares over answers."""
        squares = _by_bin(self._where, self._width, np.square(self._away))
        return np.maximum(squares - np.square(self.gap) / self.count[:, None], 0.0)

    def along(self, signs: Floats) -> Floats:
        """Return the sums of squares of all bins together, each with its sign."""
        whole = (self.gap * signs).sum(axis=1, keepdims=True) / self.count[:, None]
        return np.square(self._away * np.take_along_axis(signs, self._where, axis=1) - whole).sum(axis=1)


def _by_chance(error: Floats, n: int, far: Floats, t: Floats, level: float, freedom: Floats) -> Floats:
    """Return how much bins that may be calibrated, with these errors, and the others' variance add by chance at most.

    In a bin of which λ answers are expected to be wrong chance adds |X − λ| of a Poisson X: half a normal where λ is
    large, skewed where it is small. Their sum is taken for a gamma of the same mean and variance.
    """
    from scipy.special import gammaincinv, gammaln

    expected = np.square(error * n)
    there, tail = expected > 0, tail_level((1 - level) / 2, freedom)
    whole, known = np.floor(expected), np.where(there, expected, 1.0)
    away = 2 * np.exp((whole + 1) * np.log(known) - expected - gammaln(whole + 1)) * there  # Ramasubban 1958
    least = np.where(there, np.maximum(expected - np.square(away), 1e-12), 0.0)
    mean, variance = away.sum(axis=1) / n, least.sum(axis=1) / n**2
    with np.errstate(invalid="ignore", divide="ignore"):
        highest = gammaincinv(mean**2 / variance, 1 - tail) * variance / mean
        return np.where(there.any(axis=1), mean + np.hypot(highest - mean, t * np.sqrt(far)), t * np.sqrt(far))


def _above(right: Floats, seen: Floats, level: float, freedom: Floats) -> Floats:
    """Return how much larger the errors may be by the mid-P intervals of the accuracies of all answers.

    Where no answer was wrong none differs, and what was seen varies by nothing; an answer more or less that is right
    moves the error by no more than itself. ``seen``: the variance of the sum of gaps that was seen.
    """
    n, accuracy = float(right.shape[1]), right.mean(axis=1)
    plain = n * accuracy * (1 - accuracy)
    with np.errstate(invalid="ignore", divide="ignore"):
        count = np.where(plain > 0, n / np.maximum(seen / plain, 1.0), n)
    low, high = mid_p(accuracy * count, count, tail_level((1 - level) / 2, freedom))
    return np.maximum(accuracy - low, high - accuracy)


def debiased_error(confidence: Floats, right: Floats, bins: int = 15) -> Any:
    """Return the debiased root mean squared calibration error (Kumar, Liang & Ma 2019) over equal-mass bins.

    What chance alone adds to each bin's squared gap is subtracted; a negative sum is none. Of several rows, one each.
    """
    if confidence.ndim == 1:
        return float(debiased_error(confidence[None, :], right[None, :], bins)[0])
    found = reliability(confidence, right, bins, "mass")
    n, sure, hits = found.n, found.sure, found.right
    use = n > 1
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = hits / n
        gap = np.square(sure / n - accuracy) - accuracy * (1 - accuracy) / (n - 1)
        total = np.where(use, n * gap, 0.0).sum(axis=1) / np.where(use, n, 0.0).sum(axis=1)
        return np.sqrt(np.maximum(total, 0.0))


def brier_decomposition(confidence: Floats, right: Floats) -> tuple[Any, Any, Any]:
    """Return miscalibration, discrimination and uncertainty: Brier = miscalibration − discrimination + uncertainty.

    Bins adapt to the data by isotonic regression, so that no number of bins has to be chosen (CORP, Dimitriadis,
    Gneiting & Jordan 2021). The score is (confidence − right)². Of several rows, arrays with one of each.
    """
    if confidence.ndim == 1:
        one, two, three = (float(each[0]) for each in brier_decomposition(confidence[None, :], right[None, :]))
        return one, two, three
    if not confidence.size:
        return (np.full(len(confidence), np.nan),) * 3
    order = np.argsort(confidence, axis=1)  # those that are level are one step, in any order of theirs
    sure, hit = (np.take_along_axis(each, order, axis=1) for each in (confidence, right))
    fitted = _rising(sure, hit)
    overall = np.square(hit - hit.mean(axis=1, keepdims=True)).mean(axis=1)
    given, best = np.square(sure - hit).mean(axis=1), np.square(fitted - hit).mean(axis=1)
    return given - best, overall - best, overall


def _rising(sure: Floats, hit: Floats) -> Floats:
    """Return the isotonic fits of (rows × answers) hits to their confidences, in whose order they are.

    Several rows are one problem: each is raised above the one before it, so that none has a part in another's fit.
    """
    from scipy.optimize import isotonic_regression

    rows, width = sure.shape
    start = np.flatnonzero(np.concatenate([np.ones((rows, 1), bool), sure[:, 1:] != sure[:, :-1]], axis=1))
    size = np.diff(np.append(start, rows * width))
    mean, row = np.add.reduceat(hit.ravel(), start) / size, start // width
    fitted = np.empty(len(start))
    for first in range(0, rows, _RAISED):
        some = np.s_[np.searchsorted(row, first) : np.searchsorted(row, first + _RAISED)]
        above = 2.0 * (row[some] - first)  # hits are at most 1: few rows, or the sum would lose digits
        fitted[some] = isotonic_regression(mean[some] + above, weights=size[some].astype(np.float64)).x - above
    return np.repeat(fitted, size).reshape(rows, width)


def temperature(probabilities: Floats, target: Ints, steps: int = 50) -> float:
    """Return the temperature that would calibrate best: above 1 the model is too sure, below 1 not sure enough.

    The minimum of the log loss of softmax(log p / T) (Guo et al. 2017), by Newton's method on 1/T, in which it is
    convex. NaN where it has no minimum: every answer right (T → 0), or no better than chance.
    """
    logits = np.log(np.maximum(probabilities, 1e-12))
    rows, sharp = np.arange(len(target)), 1.0
    own = float(logits[rows, target].mean())
    for _ in range(steps):
        scaled = sharp * logits
        share = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        mean = (share * logits).sum(axis=1)
        slope = float(mean.mean()) - own
        curve = float(((share * np.square(logits)).sum(axis=1) - np.square(mean)).mean())
        if curve <= 1e-12:
            return float("nan")
        step = float(np.clip(slope / curve, -sharp, sharp / 2))
        sharp -= step
        if abs(step) < 1e-8 * sharp:
            return 1 / sharp
        if not 1e-3 < sharp < 1e3:
            return float("nan")
    return float("nan")
