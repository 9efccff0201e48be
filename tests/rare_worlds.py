"""Worlds in which errors, samples of a class, or clusters are few: what each interval is asked to hold.

``python -m tests.rare_worlds`` prints, for every measure in every world, how often its 95 % interval held the truth
and how long it was on average; the slow tests check the same numbers.
"""

import sys
from collections import defaultdict

import numpy as np

from stress.measure.core.bygroup import by_group
from stress.measure.core.heldsums import ratio
from stress.measure.session.registry import context_of
from stress.measure.tables.calibration import calibration_table
from stress.measure.tables.contributions import contribution_rows
from stress.measure.tables.counts import count_table
from stress.measure.tables.groups import gap_rows
from stress.measure.tables.widening import widening
from stress.records.metric import Metric
from stress.statistics.bootstrap import Clusters, Draw
from stress.statistics.counts import MEASURES, Marginals
from stress.statistics.ranks import aurc
from tests._runs import STREAMS, graded, subsets
from tests.coverage_worlds import LETTERS, WORLDS, each, many, nested, rng_of, template, together

SIZES = np.array([120, 56, 20, 4])
TAKEN = {
    "usual": np.array([[0.85, 0.1, 0.03, 0.02], [0.1, 0.8, 0.05, 0.05], [0.1, 0.15, 0.7, 0.05], [0.2, 0.1, 0.1, 0.6]]),
    "near 1": np.array(
        [[0.98, 0.01, 0.005, 0.005], [0.02, 0.97, 0.005, 0.005], [0.01, 0.02, 0.96, 0.01], [0.02, 0.02, 0.01, 0.95]]
    ),
}
COUNTED = ("recall_macro", "balanced_accuracy", "precision_macro", "f1_macro", "precision_weighted", "f1_weighted")


class Found:
    """Intervals by name, each with its truth."""

    def __init__(self):
        self.rows = defaultdict(list)

    def add(self, name, low, high, truth):
        low, high = (np.nan if end is None else float(end) for end in (low, high))
        self.rows[name].append((low, high, truth))

    def table(self):
        """Return how often each held the truth (one without ends does not), its mean length, and how many have none."""
        for name, rows in self.rows.items():
            low, high, truth = np.array(rows).T
            inside = (low <= truth + 1e-12) & (truth - 1e-12 <= high)
            yield name, float(inside.mean()), float(np.nanmean(high - low)), float(np.isnan(low).mean())

    def held(self):
        return {name: share for name, share, *_ in self.table()}

    def lengths(self):
        return {name: length for name, _, length, _ in self.table()}


def named(member):
    return {} if member is None else {"speaker": member}


def rare_class(world, groups=None, sizes=SIZES):
    """The rarest of four classes has four of two hundred samples; the truth is that of these very sizes."""
    rng, found, taken = rng_of(f"rare class {world} {groups}"), Found(), TAKEN[world]
    target = np.repeat(np.arange(4), sizes)[rng.permutation(sizes.sum())]
    member = None if groups is None else np.arange(len(target)) * groups // len(target)
    answer = (together(rng, (len(target), WORLDS), member)[..., None] > taken.cumsum(axis=1)[target][:, None, :-1]).sum(
        axis=2
    )
    counts = sizes[:, None] * taken * 1e6
    m = Marginals(np.diagonal(counts)[None], counts.sum(0)[None], counts.sum(1)[None], counts.sum()[None])
    columns = {"prediction": answer, "score": (answer == target[:, None]) * 1.0}
    run = many(columns, targets=LETTERS[target], groups=named(member))
    context = context_of(run, **({"cluster": "speaker"} if groups else {}))
    for name in (*COUNTED, "mcc"):
        for row in count_table(context, name).to_pylist():
            found.add(name, row["low"], row["high"], float(MEASURES[name](m).value[0]))
    return found


def few_errors(n, errors, groups=None):
    """AURC where so many of n answers are wrong on average, most of them among the less sure."""
    rng, found = rng_of(f"few errors {n} {errors} {groups}"), Found()
    member = None if groups is None else np.arange(n) * groups // n

    def world(shape, who=None):
        sure = rng.beta(8, 1, shape)
        chance = np.minimum(2 * errors / n * (1 - sure) * 9, 1) * 0.75 + 0.25 * errors / n
        return sure, (together(rng, shape, who) < chance) * 1.0

    truth = float(np.mean([aurc(*world(400_000))[0] for _ in range(10)]))
    sure, wrong = world((n, WORLDS), member)
    columns = {"confidence": sure, "score": 1 - wrong, "prediction": np.zeros((n, WORLDS), int)}
    context = context_of(many(columns, groups=named(member)), **({"cluster": "speaker"} if groups else {}))
    for row in calibration_table(context).to_pylist():
        if row["metric"] == "aurc":
            found.add("aurc", row["low"], row["high"], truth)
    return found


def calibrated(n, rate, spread, groups=None):
    """A model as sure as it should be and nearly always right: its calibration error is truly 0."""
    rng, found = rng_of(f"calibrated {n} {rate} {spread} {groups}"), Found()
    member = None if groups is None else np.arange(n) * groups // n
    shape = (n, WORLDS)
    sure = {
        "one": np.full(shape, rate),
        "near": rng.beta(20 * rate, 20 * (1 - rate), shape),
        "wide": np.where(rng.random(shape) < 0.9, 1 - (1 - rate) / 10, 1 - (1 - rate) * 9.1),
    }[spread]
    right = (together(rng, shape, member) < sure) * 1.0
    columns = {"confidence": sure, "score": right, "prediction": np.zeros(shape, int)}
    context = context_of(many(columns, groups=named(member)), **({"cluster": "speaker"} if groups else {}))
    for row in calibration_table(context).to_pylist():
        if row["metric"] in ("ece", "ece_equal_mass"):
            found.add(row["metric"], row["low"], row["high"], 0.0)
    return found


def unequal(count, rate):
    """Accuracy of clusters of lognormal sizes, intraclass correlation .3."""
    size = np.maximum(np.round(np.exp(np.random.default_rng(1).normal(0, 1, count)) * 12), 1).astype(int)
    rng, share, found = rng_of(f"unequal {count} {rate}"), 0.7 / 0.3, Found()
    right = rng.binomial(size[:, None], rng.beta(rate * share, (1 - rate) * share, (count, WORLDS))).astype(float)
    who = Clusters(tuple(f"c{i}" for i in range(count)), np.arange(count), False)
    below = np.repeat(size[:, None].astype(float), WORLDS, axis=1)
    ends = ratio(Metric("accuracy", top="score"), right, below, who, Draw(), 0.95).bounds()
    for low, high in zip(ends.low, ends.high):
        found.add("accuracy", low, high, rate)
    return found


def ten_groups(apart):
    """The gap of ten groups of eighty at .9: equal, or the first worse and the last better by so much."""
    rng, found = rng_of(f"ten groups {apart}"), Found()
    rates = np.full(10, 0.9) + np.r_[-apart / 2, np.zeros(8), apart / 2]
    ward = np.repeat(np.arange(10), 80)
    right = (rng.random((800, WORLDS)) < rates[ward][:, None]) * 1.0
    for row in gap_rows(context_of(many({"score": right}, groups={"ward": ward}), by=["ward"])):
        if row["metric"] == "gap":
            found.add("gap", row["low"], row["high"], apart)
            found.add("its length without chance", 0.0, row["value"], apart)
    return found


def widened(clean, now, spread=0.0, worlds=WORLDS):
    """How much wider the gap of ten groups of eighty became than the same two groups' on clean input.

    All have one rate, and ``spread`` more or less for the first and the last. Beside it the interval that these two
    groups would have, had they been named in advance.
    """
    rng, found = rng_of(f"widened {clean} {now} {spread}"), Found()
    ward, shift = np.repeat(np.arange(10), 80), np.r_[-spread, np.zeros(8), spread]
    run = template(graded(severities=(1,)), 800, groups={"ward": ward})
    luck = rng.random((800, 1, worlds))
    luck = np.where(rng.random((800, 2, worlds)) < 0.3, rng.random((800, 2, worlds)), luck)
    rates = np.stack([np.full(800, clean), now + shift[ward]], axis=1)
    for context in each(run, {"score": (luck < rates[..., None]) * 1.0}, by=["ward"]):
        s = by_group(context, "ward", context.headline)
        best, worst = int(s.own.value[:, 1].argmax()), int(s.own.value[:, 1].argmin())
        for name, among in (("widening", 10), ("two named in advance", 2)):
            row = widening(context, s, best, worst, 1, among)
            found.add(name, row["low"], row["high"], shift[best] - shift[worst])
    return found


def dominance(worth, worlds=WORLDS):
    """The largest Shapley share of three streams, each of which adds its part to the chance of being right."""
    rng, found, run = rng_of(f"dominance {worth}"), Found(), template(subsets(), 300, streams=STREAMS)
    rates = [0.1 + sum(w for name, w in zip(STREAMS, worth) if name not in row["lost"]) for row in subsets()]
    for context in each(run, {"score": nested(rng, 300, rates, worlds)}):
        for row in contribution_rows(context):
            if row["measure"] == "dominance":
                found.add("dominance", row["low"], row["high"], max(worth) / sum(worth))
            elif row["measure"] == "shapley_share" and row["stream"] == STREAMS[0]:
                found.add("a share named in advance", row["low"], row["high"], worth[0] / sum(worth))
    return found


def worlds():
    """Yield the name of each world and what makes it."""
    for world in TAKEN:
        for groups in (None, 25):
            yield f"rarest class 4 of 200, {world}, clusters {groups}", rare_class, (world, groups)
    for n, errors, groups in [*((200, k, None) for k in (2, 5, 10, 20, 40)), (1000, 5, None), (200, 10, 25)]:
        yield f"{errors} wrong of {n}, clusters {groups}", few_errors, (n, errors, groups)
    for n in (200, 1000):
        for rate in (0.98, 0.99, 0.998):
            for spread in ("one", "near", "wide"):
                yield f"calibrated at {rate}, n = {n}, {spread}", calibrated, (n, rate, spread)
    yield "calibrated at 0.98, n = 1000, near, clusters 25", calibrated, (1000, 0.98, "near", 25)
    for count in (8, 25, 200):
        for rate in (0.8, 0.9, 0.95, 0.99):
            yield f"{count} unequal clusters at {rate}", unequal, (count, rate)
    for apart in (0.0, 0.05, 0.15):
        yield f"ten groups, gap {apart}", ten_groups, (apart,)
    for clean, now, spread in ((0.9, 0.9, 0.0), (0.99, 0.8, 0.0), (0.9, 0.8, 0.1), (0.8, 0.9, 0.0)):
        yield f"ten groups from {clean} to {now} ± {spread}", widened, (clean, now, spread)
    for worth in ((0.25, 0.25, 0.25), (0.4, 0.15, 0.15)):
        yield f"streams worth {worth}", dominance, (worth,)


def main(words):
    for name, function, given in worlds():
        if all(word in name for word in words):
            for measure, held, length, none in function(*given).table():
                print(f"{name:48} {measure:28} {held:7.2%} {length:8.4f} {none:6.2%}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
