"""How often a policy's promise is broken: ``python -m benchmarks promises [--repeats N] [--sizes …] [--risks …]``.

Worlds of two kinds of input (families), with and without clusters, whose errors depend on confidence: a threshold is
calibrated on some inputs, and the true error of all answers above it is worked out. Beside it stands the error in a
third kind of input that had no part in the promise, and how many clusters' worth of evidence two p-values ask for: the
one that is used for clusters (betting), and Hoeffding–Bentkus.
"""

import argparse
import functools

import numpy as np

DELTA, EACH, SPREAD = 0.1, 5, 0.3
WORLDS = {"one by one": 1, f"in clusters of {EACH}": EACH}


def world(rng, size, each):
    """Return the evidence of a calibration: two families of ``size`` inputs, of which ``each`` stand together."""
    from stress.policy._evidence import Evidence

    count = 2 * size
    member = np.tile(np.arange(size) // each, 2)
    shift = rng.normal(size=size // each + 1)[member] * (SPREAD if each > 1 else 0)
    sure = rng.random((count, 1))
    right = (rng.random((count, 1)) >= chance(sure, shift[:, None])).astype(float)
    scenario = np.repeat([0, 1], size)
    return Evidence(
        actions=("keep",), signals=("s",), values=np.zeros((count, 1)), loss=1 - right, confidence=sure, right=right,
        weight=np.full(count, 1 / count), sample=np.tile(np.arange(size), 2), cell=scenario, cells=(),
        scenario=scenario, scenarios=("clean", "damaged"), member=member, clustered="cluster" if each > 1 else None,
    )  # fmt: skip


def chance(sure, shift, worse=0.0):
    """Return how likely an answer of this confidence is to be wrong."""
    return 1 / (1 + np.exp(6 * sure - 1.0 - worse + shift))


def true_error(threshold, each, worse=0.0):
    """Return the share of wrong answers above a threshold, over all inputs and clusters."""
    sure = np.linspace(threshold, 1, 200)
    spread = np.random.default_rng(1).normal(size=(2000, 1)) * (SPREAD if each > 1 else 0)
    return float(chance(sure, spread, worse).mean())


def hoeffding_bentkus(losses, risk):
    """Return the p-value of Angelopoulos et al. 2021 (proposition 4) of losses from 0 to 1."""
    from scipy.stats import binom

    n, mean = len(losses), min(float(np.mean(losses)), risk)
    part = mean * np.log(mean / risk) if mean > 0 else 0.0
    hoeffding = np.exp(-n * (part + (1 - mean) * np.log((1 - mean) / (1 - risk))))
    return float(min(1, hoeffding, np.e * binom.cdf(np.ceil(n * float(np.mean(losses)) - 1e-9), n, risk)))


@functools.cache
def enough(risk, each, worse=0.0):
    """Return the threshold from which at most this share of all answers is wrong, to 1e-9; more than 1 where none is.

    The surer the answers, the fewer are wrong: whether a threshold keeps its promise is whether it lies above this one.
    """
    low, high = 0.0, 1.0
    if true_error(high, each, worse) > risk:
        return 2.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if true_error(middle, each, worse) > risk else (low, middle)
    return high


def broken(size, risk, each, repeats):
    """Return how often a threshold was given, was too low, and how often it was so for the third kind of input."""
    from stress.policy._guarantee import calibrated

    found = [
        calibrated(world(np.random.default_rng([seed, size, each]), size, each), 0, risk, DELTA).threshold
        for seed in range(repeats)
    ]
    limits = np.array([limit for limit in found if limit is not None])
    return len(limits), *(int((limits < enough(risk, each, worse)).sum()) for worse in (0.0, 1.0))


def main(arguments):
    """Print a line for each world."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks promises", description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[200, 1000, 5000])
    parser.add_argument("--risks", type=float, nargs="*", default=[0.05, 0.1, 0.2])
    options = parser.parse_args(arguments)
    from perturbations import InputError
    from stress.statistics.risk import betting

    bar = DELTA + 3 * np.sqrt(DELTA * (1 - DELTA) / options.repeats)
    print(f"A promise may fail with probability {DELTA}; with {options.repeats} repetitions up to {bar:.3f} is chance.")
    print("| inputs | calibrated on | risk | threshold given | broken | broken in damage of another kind |")
    print("|---|---|---|---|---|---|")
    for name, each in WORLDS.items():
        for size in options.sizes:
            for risk in options.risks:
                try:
                    given, failed, outside = broken(size, risk, each, options.repeats)
                except InputError as error:  # fewer inputs than any rule could pass with: said, and no promise
                    print(f"| {name} | {size} | {risk} | {str(error)[:60]}… | – | – |", flush=True)
                    continue
                shares = (f"{100 * part / options.repeats:.1f} %" for part in (given, failed, outside))
                print(f"| {name} | {size} | {risk} | {' | '.join(shares)} |", flush=True)
    rng = np.random.default_rng(0)
    print("\nclusters that show a risk of 0.1 where it is 0.05 (p ≤ 0.025), 5 answers each: betting, Hoeffding–Bentkus")
    for size in (50, 100, 200, 400):
        draws = [rng.binomial(5, 0.05, size) / 5 for _ in range(200)]
        power = [
            np.mean([p(d) <= 0.025 for d in draws])
            for p in (lambda d: betting(d, 0.1, 0.025), lambda d: hoeffding_bentkus(d, 0.1))
        ]
        print(f"  {size} clusters: {power[0]:.2f}, {power[1]:.2f}")
