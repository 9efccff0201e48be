"""How often gates fail or pass wrongly where the truth lies on the bar, and how often they find what is worse.

``python -m benchmarks gates [--worlds 4000]``. Independent answers are summed over the binomial, not simulated; groups
and clusters are simulated.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from stress.statistics.clustered import cluster_counts
from stress.statistics.intervals import Bounds, mover, sidak
from stress.statistics.rates import at_least, at_most, clopper_pearson, effective, rates, student_tail

__all__ = [
    "BARS",
    "COUNTS",
    "RULES",
    "clustered",
    "expected",
    "false_fail",
    "false_pass",
    "gap_of_groups",
    "main",
    "most_powerful",
    "passing",
    "power",
]

RULES, BARS, COUNTS = (1, 10, 60, 300), (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999), (200, 720, 5000)
LEVEL = 0.025
Floats = NDArray[Any]


def surely_below(n: int, bar: float, level: float, exact: bool = True) -> Floats:
    """Return for each number of right answers whether a gate says that the rate is below the bar."""
    k = np.arange(n + 1)
    if exact:
        return np.asarray(at_most(k, n, bar) <= level)
    return np.asarray(norm.cdf((k / n - bar) / np.sqrt(bar * (1 - bar) / n)) <= level)  # the normal score test


def false_fail(n: int, bar: float, rules: int, exact: bool = True) -> float:
    """Return how often any of so many rules fails, all truths on the bar, after Holm's correction."""
    once = binom.pmf(np.arange(n + 1), n, bar)[surely_below(n, bar, LEVEL / rules, exact)].sum()
    return float(1 - (1 - once) ** rules)


def passing(n: int, bar: float, truth: float) -> float:
    """Return how often a rule passes."""
    k = np.arange(n + 1)
    return float(binom.pmf(k, n, truth)[clopper_pearson(k, n)[0] >= bar].sum())


def false_pass(n: int, bar: float) -> float:
    """Return how often a rule passes whose truth is on the bar."""
    return passing(n, bar, bar)


def expected(bar: float, truths: Sequence[float]) -> dict[float, list[tuple[float, float]]]:
    """Return how often one rule passes and fails for each truth, by number of samples."""
    return {truth: [(passing(n, bar, truth), power(n, bar, truth, 1)) for n in COUNTS] for truth in truths}


def power(n: int, bar: float, truth: float, rules: int, exact: bool = True) -> float:
    """Return how often one of so many rules fails whose truth is below the bar."""
    return float(binom.pmf(np.arange(n + 1), n, truth)[surely_below(n, bar, LEVEL / rules, exact)].sum())


def most_powerful(n: int, bar: float, truth: float, rules: int) -> float:
    """Return the power that no valid test exceeds: of the exact test that draws lots on its bound (Neyman–Pearson)."""
    k, level = np.arange(n + 1), LEVEL / rules
    sure, null, other = surely_below(n, bar, level), binom.pmf(k, n, bar), binom.pmf(k, n, truth)
    last = int(sure.sum())
    return float(other[sure].sum() + other[last] * (level - null[sure].sum()) / null[last])


def clustered(
    sizes: Floats, bar: float, icc: float, worlds: int, rules: Sequence[int] = (1, 60), seed: int = 0
) -> tuple[list[float], float]:
    """Return how often clustered answers, truly on the bar, fail (for each number of rules) and pass.

    ``sizes`` are the clusters', ``icc`` is the correlation of two answers of one.
    """
    rng = np.random.default_rng(seed)
    share = (1 - icc) / icc
    right = rng.binomial(sizes, rng.beta(bar * share, (1 - bar) * share, (worlds, len(sizes)))).T.astype(float)
    records, (size, squared) = float(sizes.sum()), cluster_counts(sizes[:, None].astype(float))[:, 0].tolist()
    value = right.sum(axis=0) / records
    square = np.square((right - value * sizes[:, None]) / records).sum(axis=0)
    variance, many = square * size / (size - 1), np.full(worlds, records)
    found = effective(value, variance, np.full(worlds, size), many, squared=np.full(worlds, squared))
    k = value * found.trials
    below = student_tail(at_most(k, found.trials, bar), found.freedom)
    passes = student_tail(at_least(k, found.trials, bar), found.freedom) <= LEVEL
    return [1 - (1 - float((below <= LEVEL / m).mean())) ** m for m in rules], float(passes.mean())


def gap_of_groups(truths: Floats, n: int, bar: float, worlds: int, seed: int = 0) -> tuple[float, float]:
    """Return how often the gap of groups of ``n`` passes: each pair by itself, and all pairs at once."""
    k = np.random.default_rng(seed).binomial(n, truths, (worlds, len(truths))).astype(float)
    passed = []
    for confidence in (0.95, sidak(0.95, len(truths) * (len(truths) - 1) // 2)):
        count, value = np.full(k.shape, float(n)), k / n
        ends = rates(k, count, confidence)
        if not passed:
            ends = Bounds(*clopper_pearson(k, count, confidence), "exact")
        one, other = ends.at(np.s_[:, :, None]), ends.at(np.s_[:, None, :])
        _, high = mover(value[:, :, None], one, value[:, None, :], other)
        passed.append(float((high.max(axis=(1, 2)) <= bar).mean()))
    return passed[0], passed[1]


def main(argv: list[str]) -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(prog="benchmarks gates")
    options.add_argument("--worlds", type=int, default=4000)
    worlds = options.parse_args(argv).worlds
    print("false fails in %, exact (normal score test), by number of rules; false passes of one rule")
    for n in COUNTS:
        for bar in BARS:
            cells = [f"{100 * false_fail(n, bar, m):5.2f} ({100 * false_fail(n, bar, m, False):5.1f})" for m in RULES]
            print(f"n {n:5d}  bar {bar:<6g}", *cells, f"  pass {100 * false_pass(n, bar):4.2f}")
    print(f"\nwhat to expect of one rule, min: 0.95: passes / fails in %, by samples {COUNTS}")
    for truth, row in expected(0.95, (0.99, 0.98, 0.97, 0.95, 0.93, 0.92, 0.9)).items():
        print(f"truth {truth:<5g}", *(f"{100 * one:6.1f} / {100 * other:5.1f}" for one, other in row))
    print("\npower in %, exact (most that a valid test can have; normal, with its own false fails in all rules),")
    print("of one rule and of one in 60, truth three standard errors under the bar")
    for n in COUNTS:
        for bar in BARS:
            truth = bar - 3 * np.sqrt(bar * (1 - bar) / n)
            cells = []
            for m in (1, 60):
                exact, most, normal = (
                    power(n, bar, truth, m),
                    most_powerful(n, bar, truth, m),
                    power(n, bar, truth, m, False),
                )
                wrong = false_fail(n, bar, m, False)
                cells.append(f"{100 * exact:5.1f} ({100 * most:5.1f}; {100 * normal:5.1f} with {100 * wrong:4.1f})")
            print(f"n {n:5d}  bar {bar:<6g} truth {truth:.4f}", *cells)
    print("\nclusters: false fails of 1 and of 60 rules, false passes, in %")
    rng = np.random.default_rng(1)
    uneven = {count: np.maximum(np.round(np.exp(rng.normal(0, 1, count)) * 12), 1).astype(int) for count in (25, 200)}
    for sizes in (np.full(20, 10), np.full(25, 8), uneven[25], np.full(100, 5), uneven[200]):
        for icc in (0.05, 0.3):
            for bar in (0.5, 0.9, 0.95, 0.99):
                (one, many), passed = clustered(sizes, bar, icc, worlds)
                shape = "of one size" if len(set(sizes.tolist())) == 1 else "lognormal"
                numbers = " ".join(f"{100 * share:5.2f}" for share in (one, many, passed))
                print(f"{len(sizes):4d} {shape:11s} icc {icc:<4g} bar {bar:<4g} {numbers}")
    print("\ngap of 9 groups of 80 under .10, each pair by itself (all pairs at once), in %")
    for name, truths in (("one error in all", np.full(9, 1 - 1 / 720)), ("truly at .10", np.array([0.9] + [1.0] * 8)),
                         ("truly at .10, lower", np.array([0.85] + [0.95] * 8))):  # fmt: skip
        one, other = gap_of_groups(truths, 80, 0.1, worlds)
        print(f"{name:20s} {100 * one:5.1f} ({100 * other:5.1f})")
