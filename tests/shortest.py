"""How short an interval can be that holds the truth as often as it says: no method, known or not, is shorter."""

from itertools import permutations

import numpy as np

__all__ = ["largest_gap", "largest_share", "shortest"]


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
