"""What a tenth of the questions says of a whole grid: ``python -m benchmarks blocks [--worlds N] [--share .1]``.

Worlds are suites of scenarios with five severities whose true rates are known. Each sample has its own difficulty (a
normal one, ``--alike`` of the variance being shared by all of its cells), or all samples of a cluster one between them.
Of each world three ways to ask the same number of questions are looked at: balanced blocks (what
``stress run --until mean=P`` does), a tenth of the samples in all cells, and the whole grid. Printed are the length of
the interval over that of the whole grid, and how often it holds the truth, for the mean over cells, the mean area under
the curves, the corruption error (mCE) by AlexNet's, and one scenario's area. ``--narrow P`` stops where the half-width
of the mean is P, looked at each time an eighth more is known, and says how often the interval holds the truth then.
"""

import argparse

import numpy as np

SEVERITIES = 5


def rates_of(scenarios, rng):
    """True rates (scenarios × 5), falling with severity more or less."""
    start, fall = rng.uniform(0.75, 0.97, (scenarios, 1)), rng.uniform(0.0, 0.16, (scenarios, 1))
    return np.clip(start - fall * np.arange(SEVERITIES) + rng.normal(0, 0.01, (scenarios, SEVERITIES)), 0.03, 0.99)


def answers(rates, samples, alike, clusters, rng):
    """(samples × cells) yes-or-no answers with these rates, and each sample's cluster."""
    from scipy.special import ndtri

    member = np.arange(samples) if clusters is None else rng.integers(0, clusters, samples)
    shared = rng.normal(size=(member.max() + 1, 1))[member]
    luck = np.sqrt(alike) * shared + np.sqrt(1 - alike) * rng.normal(size=(samples, rates.size))
    return (luck < ndtri(rates.ravel())).astype(float), member


def measures(scenarios):
    """Weights of each measure over cells."""
    from stress.statistics.robustness import alexnet

    cells = scenarios * SEVERITIES
    trapezoid = np.array([1.5, 1, 1, 1, 0.5]) / SEVERITIES  # from clean, which is asked whole and left out here
    errors = list(alexnet().corruptions.values())
    denominators = np.array([sum(errors[i % len(errors)]) for i in range(scenarios)])
    one = np.zeros(cells)
    one[:SEVERITIES] = trapezoid
    return {
        "mean": np.full(cells, 1 / cells),
        "mean area": np.tile(trapezoid, scenarios) / scenarios,
        "mCE": np.repeat(1 / denominators, SEVERITIES) / scenarios,
        "one area": one,
    }


def some(right, member, row, cell, weights):
    """The estimate of each measure from some of the questions."""
    from stress.statistics.designs import jackknifed

    of, at = np.unique(np.stack([member[row], cell]), axis=1, return_inverse=True)
    top, bottom = np.bincount(at.ravel(), right[row, cell]), np.bincount(at.ravel()).astype(float)
    return {name: jackknifed(of[0], of[1], top, bottom, each) for name, each in weights.items()}


def questions(samples, cells, size, seed):
    """Rows and cells of all questions in the order of balanced blocks, of shards of so many samples in chance order."""
    from stress.statistics.designs import balanced_blocks

    order = np.array_split(np.random.default_rng([seed, 7]).permutation(samples), -(-samples // size))
    shard, cell = balanced_blocks(len(order), cells, seed)
    sizes = np.array([len(each) for each in order])
    return np.concatenate([order[i] for i in shard]), np.repeat(cell, sizes[shard])


def world(scenarios, samples, size, alike, clusters, share, seed):
    """For each way the estimates of each measure, and the truth of each."""
    rng = np.random.default_rng(seed)
    rates = rates_of(scenarios, rng)
    right, member = answers(rates, samples, alike, clusters, rng)
    cells, weights = rates.size, measures(scenarios)
    row, cell = questions(samples, cells, size, seed)
    few = int(share * samples)
    kept = int(share * len(row)) // cells * cells
    first = np.arange(few).repeat(cells), np.tile(np.arange(cells), few)
    every = np.arange(samples).repeat(cells), np.tile(np.arange(cells), samples)
    truth = {name: float(rates.ravel() @ each) for name, each in weights.items()}
    ways = {"blocks": (row[:kept], cell[:kept]), "all cells of a tenth": first, "whole": every}
    return truth, {name: some(right, member, *asked, weights) for name, asked in ways.items()}


def narrow(scenarios, samples, size, alike, clusters, half, seed):
    """Whether the mean's interval holds the truth where it is as narrow as wanted, and the share of questions."""
    rng = np.random.default_rng(seed)
    rates = rates_of(scenarios, rng)
    right, member = answers(rates, samples, alike, clusters, rng)
    cells = rates.size
    row, cell = questions(samples, cells, size, seed)
    weights = {"mean": np.full(cells, 1 / cells)}
    count = cells * 64
    while True:
        _, low, high = some(right, member, row[:count], cell[:count], weights)["mean"]
        if high - low <= 2 * half or count >= len(row):
            return low <= rates.mean() <= high, count / len(row)
        count = min(len(row), (count + max(cells * size, count // 8)) // cells * cells)


KINDS = {
    "60 cells, 720 samples": (12, 720, 2, 0.35, None),
    "60 cells, 720 samples, 24 clusters": (12, 720, 2, 0.35, 24),
    "75 cells, 2,000 samples": (15, 2000, 4, 0.35, None),
    "75 cells, 2,000, hardly alike": (15, 2000, 4, 0.05, None),
    "25 cells, 1,000, 200 clusters": (5, 1000, 2, 0.5, 200),
}


def main(arguments):
    """Print a table of lengths and of coverage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks blocks", description=__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--narrow", type=float)
    given = parser.parse_args(arguments)
    print("| world | measure | length, blocks | all cells of a part | holds the truth: blocks | part | whole |")
    print("|---|---|---|---|---|---|---|")
    for title, kind in KINDS.items():
        if given.narrow:
            held, share = np.mean([narrow(*kind, given.narrow, seed) for seed in range(given.worlds)], axis=0)
            print(f"| {title} | mean ± {given.narrow} | {share:.2f} of the questions | | {held:.3f} | | |", flush=True)
            continue
        worlds = [world(*kind, given.share, seed) for seed in range(given.worlds)]
        for name in worlds[0][0]:
            print(f"| {title} | {name} | {' | '.join(line(name, worlds))} |", flush=True)


def line(name, worlds):
    """Return the cells of a measure: lengths over the whole grid's, and how often the truth is held."""
    truth = np.array([each[name] for each, _ in worlds])
    ends = {way: np.array([found[way][name][1:] for _, found in worlds]) for way in worlds[0][1]}
    holds = [((each[:, 0] <= truth) & (truth <= each[:, 1])).mean() for each in ends.values()]
    whole = np.diff(ends.pop("whole"), axis=1)
    return [
        *(f"{np.median(np.diff(each, axis=1) / whole):.2f}" for each in ends.values()),
        *(f"{h:.3f}" for h in holds),
    ]


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
