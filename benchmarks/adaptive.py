"""What stopping early saves, and how often it is wrong: ``python -m benchmarks adaptive [--tables FILE.csv ...]``.

Each world is a suite of cells whose true accuracies are known; answers are drawn from them, half of each sample's luck
being shared by all cells, and each cell is judged against one bar by four ways of stopping:

- ``bets``: what ``stress run --until`` does (question by question, with the ordinary look at the end);
- ``beta mixture``: the confidence sequence of the table ``sequences``, corrected for the number of cells;
- ``narrow Wilson``: the ordinary 95 % interval, looked at after every 32 samples, until it clears the bar;
- ``100 samples``: the share of the first 100, above or below the bar.

Printed are the share of the full grid's calls, verdicts equal to the full grid's, and those that contradict the truth:
of all verdicts, and worlds with any. ``--tables`` are RobustBench's accuracies for each corruption and severity
(``*_unaggregated.csv``); without them rates are drawn from a beta distribution, which is said.

``--baseline C`` judges rules against an earlier run instead (max_drop .02 and .05 in every cell): a share C of the
answers has changed since, and true drops are 0 to .1.

``--replay RUN`` asks the records of a stored whole run instead, in ``--worlds`` orders: what would have been asked for
four gate files, and said (``--cluster``: also with a group's samples as one observation; see ``_replay.py``).

``--truth N`` draws N worlds a method (rates, scores, clusters of 1 to 50, pairs, shared samples, perturbations that do
nothing; see ``benchmarks/_stopping.py``) and prints how often files of rules are wrong, whenever one stops.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from benchmarks._bound import fewest
from benchmarks._replay import replay_table
from benchmarks._stopping import table

SHARD, FLOOR, LEVEL = 32, 64, 0.025


def rates_of(paths):
    """Return the accuracies of each model (models × cells) of some tables."""
    found = []
    for path in paths:
        rows = list(csv.reader(Path(path).read_text().splitlines()))[2:]
        for row in rows:
            values = np.array([float(v) for v in row[1:] if v not in ("", "nan")])
            if len(values) == 75:
                found.append(values / (100 if values.max() > 1 else 1))
    return found


def answers(rates, count, rng):
    """Return (samples × cells) yes-or-no answers."""
    own, shared = rng.random((count, len(rates))), rng.random((count, 1))
    together = rng.random((count, 1)) < 0.5
    return (np.where(together, shared, own) < rates).astype(np.float64)


def full(right, bar):
    """Return the verdict of the whole grid on each cell: 1 kept, −1 broken, 0 undecided."""
    from stress.statistics.corrections import adjusted
    from stress.statistics.rates import at_least, at_most

    hits, count = right.sum(axis=0), len(right)
    broken = adjusted(np.asarray(at_most(hits, count, bar)), "holm") <= LEVEL
    kept = np.asarray(at_least(hits, count, bar)) <= LEVEL
    return np.where(broken, -1, np.where(kept, 1, 0))


def by_bets(right, bar):
    """Return the verdicts, and how many samples each cell took."""
    from stress.adaptive import Question, sides_of
    from stress.gate import Form, Rule
    from stress.records.metric import Metric
    from stress.statistics.rates import at_least, at_most

    count, cells = right.shape
    rule, form = Rule("accuracy", "min", bar, "benchmark", per="cell"), Form("rate", Metric("accuracy", top="score"))
    verdict, taken = np.zeros(cells, int), np.zeros(cells, int)
    for cell in range(cells):
        question = Question(rule, str(cell), (str(cell),), (cell,), (), form, 1.0, count, sides_of(rule))
        for start in range(0, count, SHARD):
            mine = right[start : start + SHARD, cell]
            rows = np.stack([mine, np.ones(len(mine)), np.zeros(len(mine)), np.zeros(len(mine))], axis=1)
            question.add(rows)
            taken[cell] = start + len(mine)
            question.judge(cells, "holm")
            if question.outcome:
                break
        verdict[cell] = {"pass": 1, "fail": -1}.get(question.outcome, 0)
        if not question.outcome:  # all samples are there: the ordinary look, at the other half of the error
            hits = right[:, cell].sum()
            broken = float(at_most(hits, count, bar)) <= LEVEL / 2 / cells
            verdict[cell] = -1 if broken else int(float(at_least(hits, count, bar)) <= LEVEL / 2)
    return verdict, np.maximum(taken, min(FLOOR, count))


def by_intervals(right, ends):
    """Return the verdicts of intervals (hits, counts) → (kept, broken) looked at after every shard."""
    count, cells = right.shape
    looks = np.unique(np.append(np.arange(SHARD, count + 1, SHARD), count))
    hits = np.cumsum(right, axis=0)[looks - 1]
    kept, broken = ends(hits, np.broadcast_to(looks[:, None].astype(float), hits.shape))
    said = kept | broken
    first = np.where(said.any(axis=0), said.argmax(axis=0), len(looks) - 1)
    at = np.arange(cells)
    return np.where(broken[first, at], -1, kept[first, at].astype(int)), np.maximum(looks[first], min(FLOOR, count))


def by_mixture(right, bar):
    from scipy.special import betaln

    def ends(s, n):
        mixture = betaln(1 + s, 1 + n - s) - s * np.log(bar) - (n - s) * np.log1p(-bar)
        out = mixture >= -np.log(2 * LEVEL / right.shape[1])
        return out & (s / n > bar), out & (s / n < bar)

    return by_intervals(right, ends)


def by_wilson(right, bar):
    def ends(s, n):
        z = 1.959964
        middle = (s + z**2 / 2) / (n + z**2)
        half = z / (n + z**2) * np.sqrt(s * (n - s) / n + z**2 / 4)
        return middle - half >= bar, middle + half <= bar

    return by_intervals(right, ends)


def by_hundred(right, bar):
    share = right[:100].mean(axis=0)
    return np.where(share >= bar, 1, -1), np.full(right.shape[1], min(100, len(right)))


WAYS = {"bets": by_bets, "beta mixture": by_mixture, "narrow Wilson": by_wilson, "100 samples": by_hundred}


def world(rates, count, bar, rng):
    """Return for each way: share of calls, equal to the full grid's where it decides, contradicting the truth."""
    right = answers(rates, count, rng)
    whole, truth = full(right, bar), np.where(rates >= bar, 1, -1)
    found = {}
    for name, way in WAYS.items():
        verdict, taken = way(right, bar)
        wrong = (verdict != 0) & (verdict != truth)
        found[name] = (
            taken.mean() / count,
            (verdict == whole).mean(),
            wrong.mean(),
            (verdict == -whole)[whole != 0].mean(),
            float(wrong.any()),
        )
    return found


def against(rates, count, bar, changed, rng):
    """Return for bets on pairs with a whole baseline: share of calls, equal to the whole grid's, any wrong, by cell.

    And the least share that any method could do with (see ``_bound.py``), of cells that the whole grid decides. The
    share ``changed`` of a cell's answers is drawn anew in either direction, so that its drop is what it is.
    """
    from scipy.special import ndtr

    from stress.adaptive import Question, sides_of
    from stress.gate import Form, Rule
    from stress.records.metric import Metric

    before, drops = answers(rates, count, rng), rng.choice([0.0, 0.0, 0.01, 0.05, 0.1], len(rates))
    drops = np.minimum(drops, rates / 2)
    lost = np.minimum((np.maximum(changed, drops) + drops) / 2 / rates, 1.0)
    won = np.clip((np.maximum(changed, drops) - drops) / 2 / (1 - rates), 0.0, 1.0)
    truth = lost * rates - won * (1 - rates)
    luck = rng.random(before.shape)
    now = np.where(before == 1, luck >= lost, luck < won).astype(np.float64)
    rule = Rule("accuracy", "max_drop", bar, "benchmark", per="cell")
    form, found = Form("lost", Metric("accuracy", top="score")), []
    kept = max(int((truth <= bar).sum()), 1)
    for cell in range(len(rates)):
        rows = np.stack([now[:, cell], np.ones(count), before[:, cell], np.ones(count)], axis=1)
        question = Question(rule, "x", ("x",), (cell,), (), form, 1.0, count, sides_of(rule))
        for start in range(0, count, SHARD):
            question.add(rows[start : start + SHARD])
            question.judge(len(rates), "holm")
            if question.outcome:
                break
        lost_by = before[:, cell] - now[:, cell]
        z = (lost_by.mean() - bar) / max(lost_by.std() / np.sqrt(count), 1e-9)
        whole = -1 if ndtr(-z) <= LEVEL / len(rates) else int(ndtr(z) <= LEVEL)
        half = -1 if ndtr(-z) <= LEVEL / 2 / len(rates) else int(ndtr(z) <= LEVEL / 2)
        said = {"pass": 1, "fail": -1, "hopeless": 0}.get(question.outcome, half)
        least = FLOOR
        if whole:
            level = LEVEL if truth[cell] <= bar else LEVEL / kept
            least = fewest(rates[cell], lost[cell], won[cell], bar, level)
        found.append((
            max(question.count, min(FLOOR, count)) / count,
            said == whole,
            said == (1 if truth[cell] > bar else -1),
            min(max(least, FLOOR), count) / count,
        ))  # fmt: skip
    return np.array(found, np.float64)


def told(each, count):
    """Yield what (worlds × cells × 4) rules against a baseline took: of both bars, and of each."""
    half = len(each) // 2
    for name, some in (("max_drop .02 and .05", each), (".02", each[:half]), (".05", each[half:])):
        worlds, (share, equal, wrong, least) = some.mean(axis=1), np.moveaxis(some, -1, 0)
        medians = [np.median(part) for part in (worlds[:, 0], worlds[:, 3], share, least)]
        yield (
            f"{count:,} samples, {name}: share of a file, median {medians[0]:.3f} (no method below {medians[1]:.3f}), "
            f"mean {share.mean():.3f} ({least.mean():.3f}); of a rule, median {medians[2]:.3f} ({medians[3]:.3f}); "
            f"equal {equal.mean():.3f}, files with a wrong verdict {wrong.any(axis=1).mean():.3f}"
        )


def main(arguments):
    """Print a table for each number of samples and bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks adaptive", description=__doc__)
    parser.add_argument("--tables", nargs="*", default=[])
    parser.add_argument("--samples", type=int, nargs="*", default=[2_000, 10_000])
    parser.add_argument("--bars", type=float, nargs="*", default=[0.5, 0.7, 0.85])
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truth", type=int, default=0)
    parser.add_argument("--baseline", type=float, metavar="C")
    parser.add_argument("--replay", metavar="RUN")
    parser.add_argument("--cluster")
    given = parser.parse_args(arguments)
    rng = np.random.default_rng(given.seed)
    if given.truth:
        for line in table(given.truth, given.seed):
            print(line, flush=True)
        return
    if given.replay:
        bars = (0.8, 0.5, 0.4, 0.7)
        for line in replay_table(given.replay, given.worlds, bars, dict.fromkeys([None, given.cluster])):
            print(line, flush=True)
        return
    models = rates_of(given.tables)
    if not models:
        print("no --tables: accuracies of 75 cells are drawn from a beta distribution (5, 2)")
        models = [rng.beta(5, 2, 75) for _ in range(given.worlds)]
    if given.baseline is not None:
        for count in given.samples:
            each = np.array([
                against(models[i % len(models)], count, bar, given.baseline, rng)
                for bar in (0.02, 0.05)
                for i in range(given.worlds)
            ])  # fmt: skip
            for line in told(each, count):
                print(line, flush=True)
        return
    print(
        f"{'samples':>8} {'bar':>5}  {'way':14} {'calls':>6} {'median':>7} {'equal':>6} "
        f"{'opposite':>9} {'wrong':>7} {'worlds':>7}"
    )
    for count in given.samples:
        shares = []
        for bar in given.bars:
            worlds = [world(models[i % len(models)], count, bar, rng) for i in range(given.worlds)]
            for name in WAYS:
                each = np.array([w[name] for w in worlds])
                shares += each[:, 0].tolist() if name == "bets" else []
                calls, equal, wrong, opposite, any_wrong = np.nanmean(each, axis=0)
                print(
                    f"{count:8,} {bar:5.2f}  {name:14} {calls:6.3f} {np.median(each[:, 0]):7.3f} {equal:6.3f} "
                    f"{opposite:9.4f} {wrong:7.4f} {any_wrong:7.3f}"
                )
        print(f"{count:8,}   all  bets: median share over all worlds and bars {np.median(shares):.3f}", flush=True)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
