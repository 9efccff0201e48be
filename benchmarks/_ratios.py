"""Worlds in which F1, WER, AUROC or a calibration error is known, and how often a sequence that starts at 500 loses it.

Intervals are those of the package, stretched as a gate stretches them at a look.
"""

import numpy as np

LOOKS = [512]
while LOOKS[-1] < 4000:
    LOOKS.append(-(-LOOKS[-1] * 9 // 8 // 32) * 32)
LEVEL = 0.025


def f1_world(count, rng):
    """Three classes of unequal size; answers by a confusion matrix."""
    share, sure = np.array([0.6, 0.3, 0.1]), rng.uniform(0.5, 0.95, 3)
    confusion = (1 - sure)[:, None] / 2 * (1 - np.eye(3)) + np.diag(sure)
    truths = rng.choice(3, count, p=share)
    answers = (rng.random(count)[:, None] > np.cumsum(confusion, axis=1)[truths]).sum(axis=1)
    joint = share[:, None] * confusion
    return (truths, answers), float(np.mean(2 * np.diag(joint) / (joint.sum(axis=0) + joint.sum(axis=1))))


def f1_seen(data, n):
    from stress.statistics.counts import Macro, Marginals
    from stress.statistics.intervals import influence

    truths, answers = (np.eye(3)[each[:n]] for each in data)
    hits = truths * answers
    counts = [each.sum(axis=0)[None] for each in (hits, answers, truths)]
    found = Macro("f1")(Marginals(*counts, np.array([float(n)])))
    parts = hits @ found.hits[0] + answers @ found.answers[0] + truths @ found.truths[0]
    ends = influence(found.value, (parts - parts.mean())[:, None])
    return float(found.value[0]), float(ends.low[0]), float(ends.high[0])


def wer_world(count, rng):
    """Word errors of utterances of 1 to 30 words; long ones are worse."""
    words = rng.integers(1, 31, count)
    rate = rng.uniform(0.02, 0.2)
    errors = rng.binomial(words, rate * (1 + words / 30) * rng.uniform(0.2, 1.8, count))
    lengths = np.arange(1, 31)
    return (errors, words), float(rate * ((1 + lengths / 30) * lengths).sum() / lengths.sum())


def wer_seen(data, n):
    from stress.statistics.intervals import influence

    errors, words = (each[:n].astype(float) for each in data)
    value = errors.sum() / words.sum()
    ends = influence(np.array([value]), ((errors - value * words) / words.sum())[:, None])
    return float(value), float(ends.low[0]), float(ends.high[0])


def auroc_world(count, rng):
    """Scores of two kinds, one in five positive, by normal laws."""
    from scipy.special import ndtr

    away, positive = rng.uniform(0.3, 2.5), rng.random(count) < 0.2
    return (rng.normal(size=count) + away * positive, positive), float(ndtr(away / np.sqrt(2)))


def auroc_seen(data, n):
    from stress.statistics.intervals import logit
    from stress.statistics.ranks import auroc, delong

    scores, positive = data[0][:n], data[1][:n]
    value, parts = auroc(scores, positive)
    low, high = logit(value, delong(value, parts, positive), min(positive.sum(), (~positive).sum()))
    return float(value), float(low), float(high)


def ece_world(count, rng):
    """Confidences of a model that is too sure, or nearly calibrated."""
    tilt = rng.choice([0.0, 0.05, 0.15])
    sure = rng.beta(4, 1.5, count)
    right = rng.random(count) < sure * (1 - tilt)
    return (sure, right), tilt * 4 / 5.5  # all gaps have one sign


def ece_seen(data, n):
    from stress.statistics.calibration import calibration_bounds, calibration_error

    sure, right = data[0][None, :n], data[1][None, :n].astype(float)
    low, high = calibration_bounds(sure, right, np.arange(n)[None])
    return float(calibration_error(sure, right)[0][0]), float(low[0]), float(high[0])


WORLDS = {
    "f1_macro": (f1_world, f1_seen),
    "wer": (wer_world, wer_seen),
    "auroc": (auroc_world, auroc_seen),
    "ece": (ece_world, ece_seen),
}


def lost(name, worlds, rng):
    """Return in what share of worlds a sequence at 95 % loses the truth at any of its looks."""
    from stress.gate import Check, Looks

    draw, seen = WORLDS[name]
    missed = 0
    for _ in range(worlds):
        data, truth = draw(LOOKS[-1], rng)
        looks = Looks(0.95)
        for n in LOOKS:
            value, low, high = seen(data, n)
            looks.taken.append(Check(name, value=value, low=low, high=high, clusters=n))
        missed += any(looks.path(truth, above).max() >= -np.log(LEVEL) for above in (True, False))
    return missed / worlds
