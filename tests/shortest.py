"""How short an interval can be that holds the truth as often as it says: no method, known or not, is shorter."""

from itertools import permutations, product

import numpy as np
from scipy.stats import poisson

__all__ = ["largest_gap", "largest_share", "rare_drop", "shortest"]

SCALES = (1e-4, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.6, 2, 2.5, 3, 4, 5)


def shortest(ways, shape, missed=0.05, worlds=4000, seed=0):
    """The mean length, in standard errors, that no upper end of a greatest difference can go below.

    Of normal estimates with covariance ``shape`` of which nothing is there to be found. A set that misses a difference
    d in at most ``missed`` of the experiments is a test of "it is d"; by Pratt (1961) its mean length is the integral
    of how often that test does not reject d, and no test rejects more often than Neyman and Pearson's, of the mixture
    of all ``ways`` (each a row: what a difference of 1 does to the estimates) in which d can come to be.
    """
    rng, ways = np.random.default_rng(seed), np.asarray(ways, float)
    values, vectors = np.linalg.eigh(shape)
    root = vectors * np.sqrt(np.maximum(values, 0))
    inverse = np.linalg.pinv(shape)
    here, there = (rng.normal(size=(worlds, len(shape))) @ root.T for _ in range(2))
    own = np.einsum("wi,ij,wj->w", ways, inverse, ways)

    def odds(estimates, d):
        logs = d * estimates @ inverse @ ways.T - d * d * own / 2
        most = logs.max(axis=1)
        return most + np.log(np.exp(logs - most[:, None]).mean(axis=1))

    step, length = 0.2, 0.0
    for d in np.arange(step / 2, 10.0, step):
        bar = np.quantile(odds(there + d * ways[0], d), missed)
        length += step * float((odds(here, d) > bar).mean())
    return length


def largest_gap(groups, missed=0.05):
    """Of the gap between the best and the worst of so many independent groups, all truly equal."""
    ways = np.zeros((groups * (groups - 1), groups))
    for row, (one, other) in zip(ways, permutations(range(groups), 2)):
        row[one], row[other] = 0.5, -0.5
    return shortest(ways, np.eye(groups), missed)


def largest_share(streams, missed=0.05):
    """Of the largest of so many shares that add up to 1, all truly equal."""
    shape = (np.eye(streams) * streams - 1) / (streams - 1)
    return shortest(shape, shape, missed)


def rare_drop(samples, weights, rates, missed=0.05, points=100):
    """The mean length that no interval of a drop can go below of which few answers tell, in shares of the samples.

    ``rates``: how often a sample loses its answer in a way that adds so much (``weights``, the first is 1) to the drop;
    none is gained in truth. As in ``shortest``, every other drop d is told from the truth by no test better than Neyman
    and Pearson's of the one way of being d that is most like the truth: all losses as many times more or less frequent,
    and the rest losses (or gains, of which there were none to be seen) of a sample's whole weight. ``missed``: how
    often an end may lie on the wrong side of d.
    """
    weights, means = np.asarray(weights, float), samples * np.asarray(rates, float)
    seen = np.array([x for x in product(range(8), repeat=len(means)) if sum(x) <= 9])
    here, truth = np.exp(poisson.logpmf(seen, means).sum(axis=1)), (weights * means).sum() / samples
    drops = np.linspace(-6 / samples, truth + 12 / samples, points)

    def told(scale, d):
        rest = (d - truth * scale) * samples
        there = means * scale + np.eye(len(means))[0] * max(rest, 0.0)
        chance = np.exp(poisson.logpmf(seen, there).sum(axis=1) - max(-rest, 0.0))
        order = np.argsort(-here / np.maximum(chance, 1e-300))
        whole = np.cumsum(chance[order])
        inside = np.searchsorted(whole, missed, side="right")
        rejected = here[order][:inside].sum()
        if inside == len(order):
            return rejected
        spent = whole[inside - 1] if inside else 0.0
        return rejected + here[order[inside]] * (missed - spent) / max(chance[order[inside]], 1e-300)

    most = [min(1.0, *(told(scale, d) for scale in SCALES)) for d in drops]
    return float((1 - np.array(most)).sum() * (drops[1] - drops[0]))
