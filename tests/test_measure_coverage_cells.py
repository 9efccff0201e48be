"""95 % intervals hold the truth: cells, classes, calibration, groups – worlds as the cells of a few runs."""

import numpy as np
import pytest
from scipy.stats import norm

from stress.measure import compare
from stress.measure.core.heldsums import ratio
from stress.measure.session.registry import context_of, make
from stress.measure.tables.calibration import calibration_table
from stress.measure.tables.classes import class_table
from stress.measure.tables.confidence import _probabilities, reliability_table, risk_table
from stress.measure.tables.counts import count_table
from stress.measure.tables.detection import detection_rows, macro_rows
from stress.measure.tables.distortion import distortion_rows
from stress.measure.tables.groups import gap_rows
from stress.measure.tables.operation import latency_rows
from stress.measure.tables.signals import signal_rows
from stress.records.metric import Metric
from stress.statistics.bootstrap import Clusters, Draw
from stress.statistics.counts import MEASURES, Marginals, measure_by_class
from stress.statistics.ranks import aurc, auroc, average_precision, risk_coverage
from tests._runs import graded
from tests.coverage_worlds import (
    CLASSIFICATION,
    LETTERS,
    PARTS,
    WORLDS,
    Tally,
    drawn,
    each,
    many,
    rng_of,
    template,
    together,
)

pytestmark = pytest.mark.slow
CHANCE = np.array([0.4, 0.3, 0.2, 0.1])
TAKEN = np.array([[0.8, 0.1, 0.05, 0.05], [0.1, 0.7, 0.1, 0.1], [0.1, 0.2, 0.6, 0.1], [0.2, 0.1, 0.1, 0.6]])
HALF = WORLDS // PARTS


def clustered(n, groups):
    """Each sample's cluster, and the options that say so; none without groups."""
    return (np.arange(n) * groups // n, {"cluster": "speaker"}) if groups else (None, {})


def named(member, **more):
    return more | ({} if member is None else {"speaker": member})


@pytest.mark.parametrize(("n", "groups", "rate"), [(200, 20, 0.5), (200, 20, 0.95), (250, 25, 0.9), (400, 50, 0.8)])
def test_rates_of_clustered_answers(n, groups, rate):
    member, given = clustered(n, groups)
    right = (together(rng_of(f"rate {n} {groups} {rate}"), (n, WORLDS), member) < rate) * 1.0
    context, tally = context_of(many({"score": right}, groups=named(member)), **given), Tally()
    found = context.values(context.headline).bounds()
    assert found.method == "mid-p, effective n"
    for low, high in zip(found.low, found.high):
        tally.add(f"accuracy, {groups} clusters, {rate}", low, high, rate)
    tally.holds(most=0.97 if rate < 0.95 else 0.99)  # of ten wrong answers clusters say little: on the safe side


@pytest.mark.parametrize("count", [8, 25, 200])
@pytest.mark.parametrize("rate", [0.8, 0.95, 0.99])
def test_rates_of_unequal_clusters(count, rate):
    """Lognormal sizes, intraclass correlation .3: bootstrap percentiles hold 86 to 89 % here."""
    size = np.maximum(np.round(np.exp(np.random.default_rng(1).normal(0, 1, count)) * 12), 1).astype(int)
    rng, share = rng_of(f"unequal {count} {rate}"), 0.7 / 0.3
    right = rng.binomial(size[:, None], rng.beta(rate * share, (1 - rate) * share, (count, WORLDS)))
    top = right.astype(float)
    who = Clusters(tuple(f"c{i}" for i in range(count)), np.arange(count), False)
    below = np.repeat(size[:, None].astype(float), WORLDS, axis=1)
    values = ratio(Metric("accuracy", top="score"), top, below, who, Draw(), 0.95)
    found, tally = values.bounds(), Tally()
    for low, high in zip(found.low, found.high):
        tally.add(f"accuracy, {count} unequal clusters, {rate}", low, high, rate)
    tally.holds(least=0.94, most=1.0)


def test_rates_over_several_draws():
    """Five draws of each of 200 samples: samples that are hard are hard in each draw."""
    rng = rng_of("draws")
    top = rng.binomial(5, rng.beta(3, 1, (200, WORLDS))).astype(float)
    context, tally = context_of(many({"score": top})), Tally()
    found = context.ratio(context.headline, top, np.full(top.shape, 5.0)).bounds()
    for low, high in zip(found.low, found.high):
        tally.add("accuracy, five draws", low, high, 0.75)
    tally.holds()


@pytest.mark.parametrize("groups", [None, 25])
@pytest.mark.parametrize("name", ["nll", "mean_confidence", "rmse", "wer"])
def test_means_roots_and_ratios(name, groups):
    rng, n = rng_of(f"{name} {groups}"), 250
    member, given = clustered(n, groups)
    shared = 0 if member is None else rng.normal(0, 0.5, (groups, WORLDS))[member]
    normal = (rng.normal(size=(n, WORLDS)) + shared) / (1 if member is None else np.sqrt(1.25))
    words = rng.integers(5, 20, n)[:, None] * np.ones((1, WORLDS))
    columns, truth, task = {
        "nll": ({"nll": np.exp(normal / 2), "score": normal}, np.exp(1 / 8), CLASSIFICATION),
        "mean_confidence": ({"confidence": 0.7 + 0.08 * normal, "score": normal}, 0.7, CLASSIFICATION),
        "rmse": ({"residual": normal, "score": normal}, 1.0, {"task": "regression"}),
        "wer": (
            {"word_errors": np.floor(words * 0.2 * np.exp(normal / 2)), "words": words},
            None,
            {"task": "transcription"},
        ),
    }[name]
    if truth is None:  # one very large population
        size, z = rng.integers(5, 20, 2_000_000), rng.normal(size=2_000_000)
        truth = np.floor(size * 0.2 * np.exp(z / 2)).sum() / size.sum()
    context, tally = context_of(many(columns, groups=named(member), task=task), **given), Tally()
    found = context.values(context.metric(name)).bounds()
    assert found.method == "bootstrap"
    for low, high in zip(found.low, found.high):
        tally.add(f"{name}, clusters {groups}", low, high, truth)
    tally.holds()


def truths_of_counts():
    counts = (CHANCE[:, None] * TAKEN * 1e9)[None]
    m = Marginals(np.diagonal(counts, axis1=1, axis2=2), counts.sum(1), counts.sum(2), counts.sum((1, 2)))
    one = {name: float(f(m).value[0]) for name, f in MEASURES.items()}
    return one, {(n, k): measure_by_class(n, m).value[0, k] for n in ("recall", "precision", "f1") for k in range(4)}


@pytest.mark.parametrize("groups", [None, 25])
def test_measures_of_counts_and_of_classes(groups):
    """Truth in closed form. Each world draws its samples, so that the classes' sizes vary too."""
    rng, (whole, by_class), tally, classes = rng_of(f"counts {groups}"), truths_of_counts(), Tally(), Tally()
    for _ in range(PARTS):
        pool = 2500
        target, member = rng.choice(4, pool, p=CHANCE), clustered(pool, groups and 250)[0]
        there = drawn(rng, pool, groups or 250, HALF, member)
        answer = (together(rng, there.shape, member)[..., None] > TAKEN.cumsum(axis=1)[target][:, None]).sum(axis=2)
        columns = {"prediction": answer, "score": (answer == target[:, None]) * 1.0}
        run = many(columns, there, targets=LETTERS[target], groups=named(member))
        context = context_of(run, **({"cluster": "speaker"} if groups else {}))
        for name in MEASURES:
            tally.rows(count_table(context, name).to_pylist(), whole)
        for row in class_table(context).to_pylist():
            key = row["metric"], list(LETTERS).index(row["class"])
            classes.add(key, row["low"], row["high"], by_class[key])
    tally.holds()
    classes.holds(most=0.99, missing=0.01)  # where right answers are few clusters say little: on the safe side


def confident(rng, shape, kind, member=None):
    """Confidence and whether right: as sure as it should be, 15 points too sure, or so above .8 only."""
    confidence = 0.25 + 0.75 * rng.beta(4, 1.5, shape)
    too_sure = {"calibrated": 0.0, "over": 0.15, "partly": 0.15 * (confidence > 0.8)}[kind]
    chance = np.clip(confidence - too_sure, 0, 1)
    return confidence, chance, (together(rng, shape, member) < chance) * 1.0


@pytest.mark.parametrize(("kind", "groups"), [("calibrated", None), ("over", None), ("partly", None), ("over", 25)])
def test_calibration(kind, groups):
    """The calibration error over the bins: never under 93 %; on the safe side where bins are off (its upper end)."""
    rng, n = rng_of(f"calibration {kind} {groups}"), 300
    member, given = clustered(n, groups)
    sure, chance, right = (part[:, 0] for part in confident(rng, (500_000, 1), kind))
    bins = np.minimum((sure * 15).astype(int), 14)
    error = np.abs(np.bincount(bins, weights=sure - chance)).sum() / len(sure)
    exact = {"overconfidence": (sure - chance).mean(), "aurc": aurc(sure, 1 - right)[0]}
    exact["auroc_confidence"] = auroc(sure, right > 0.5)[0]
    columns = dict(zip(("confidence", "chance", "score"), confident(rng, (n, WORLDS), kind, member)))
    columns["prediction"] = np.zeros((n, WORLDS), int)
    context = context_of(many(columns, groups=named(member)), **given)
    rows, plain, biased = calibration_table(context).to_pylist(), Tally(), Tally()
    plain.rows(rows, exact)
    plain.holds()
    biased.rows(rows, {"ece": error, "ece_equal_mass": error})
    biased.holds(most=1.0)
    if kind == "over":
        reliability(context, bins, chance, most=0.99 if groups else 0.98)
        risks(context, sure, 1 - chance)


def reliability(context, bins, chance, most):
    """Bins of equal width that hold 5 % of the answers, given how many they hold; of few clusters on the safe side."""
    size, tally = np.bincount(bins, minlength=15), Tally()
    truth = np.bincount(bins, weights=chance, minlength=15) / np.maximum(size, 1)
    for row in reliability_table(context).to_pylist():
        k = round(row["from"] * 15)
        if row["bins"] == "width" and size[k] > 0.05 * len(bins):
            tally.add(f"reliability, bin {k}", row["low"], row["high"], truth[k])
    tally.holds(most=most, missing=0.01)


def risks(context, sure, wrong):
    tally, coverages = Tally(), np.arange(1, 21) / 20
    truth, _ = risk_coverage(sure, wrong, coverages)
    for row in risk_table(context).to_pylist():
        k = round(row["coverage"] * 20) - 1
        if k in (4, 9, 14, 19):  # 75 answers kept and more
            tally.add(f"risk at coverage {coverages[k]:.2f}", row["low"], row["high"], truth[k])
    tally.holds(most=0.975)


@pytest.mark.parametrize("groups", [None, 25])
def test_areas_by_class(groups):
    """AUROC and average precision of each class and their means; n = 300, the rarest class has thirty samples."""
    rng, n, pool, tally = rng_of(f"areas {groups}"), 300, 3000, Tally()
    chance = np.array([0.6, 0.3, 0.1])

    def shares(target, common):
        logits = 0.8 * rng.normal(size=(*target.shape, 3)) + 0.6 * common + 1.2 * (target[..., None] == np.arange(3))
        share = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return share / share.sum(axis=-1, keepdims=True)

    everybody = rng.choice(3, 1_000_000, p=chance)
    world = shares(everybody, rng.normal(size=(1_000_000, 3)))
    measures = {"auroc": auroc, "average_precision": average_precision}
    truth = {(m, k): f(world[:, k], everybody == k)[0] for m, f in measures.items() for k in range(3)}
    for _ in range(PARTS):
        target, member = rng.choice(3, pool, p=chance), clustered(pool, groups and 250)[0]
        there = drawn(rng, pool, groups or n, HALF, member)
        common = rng.normal(size=(250 if groups else pool, HALF, 3))
        share = shares(np.broadcast_to(target[:, None], there.shape), common[member] if groups else common)
        columns = {"confidence": share.max(axis=2), "score": share.max(axis=2), "prediction": share.argmax(axis=2)}
        task = CLASSIFICATION | {"classes": list("abc")}
        run = many(columns, there, targets=LETTERS[target], groups=named(member), task=task)
        context = context_of(run, **({"cluster": "speaker"} if groups else {}))
        context.frame.__dict__["schema"] = (*context.frame.schema, "probabilities")
        context._memo._known[_probabilities, (), ()] = (
            share.transpose(1, 0, 2)[there.T],
            target[np.nonzero(there.T)[1]],
        )
        for row in detection_rows(context):
            key = row["metric"], "abc".index(row["class"])
            tally.add(key, row.get("low"), row.get("high"), truth[key])
        tally.rows(macro_rows(context), {f"{m}_macro": np.mean([truth[m, k] for k in range(3)]) for m in measures})
    tally.holds(missing=0.01)


@pytest.mark.parametrize(("n", "missing"), [(200, 0.0)])
def test_latency(n, missing):
    """Quantiles of log-normal times; order statistics are discrete, so a little on the safe side."""
    seconds = rng_of("latency").lognormal(0, 1, (n, WORLDS)) / 1000
    tally = Tally()
    truth = {"latency_p50_ms": 1.0, "latency_p95_ms": float(np.exp(1.6448536269514722))}
    tally.rows(latency_rows(context_of(many({"seconds": seconds, "score": seconds}))), truth)
    tally.holds(missing=missing)


@pytest.mark.parametrize("groups", [None, 25])
def test_distortion(groups):
    rng, n = rng_of(f"distortion {groups}"), 250
    member, given = clustered(n, groups)
    decibels = (
        20 + 4 * rng.gumbel(size=(n, WORLDS)) + (0 if member is None else rng.normal(size=(groups, WORLDS))[member])
    )
    run, tally = many({"distortion.image.psnr": decibels, "score": decibels}, groups=named(member)), Tally()
    tally.rows(distortion_rows(context_of(run, **given)), {"psnr": 20 + 4 * np.euler_gamma})
    tally.holds()


@pytest.mark.parametrize("groups", [None, 25])
@pytest.mark.parametrize("apart", [0.3, 2.0])
def test_signals_of_the_same_samples(groups, apart):
    """A signal of clean values and of the same values degraded: alike in each sample, and in its cluster."""
    rng, n, tally = rng_of(f"signals {groups} {apart}"), 250, Tally()
    member, given = clustered(n, groups)
    luck = rng.normal(size=(n, 1, WORLDS))
    if member is not None:
        luck = 0.8 * luck + 0.6 * rng.normal(size=(groups, 1, WORLDS))[member]
    values = luck + rng.normal(size=(n, 2, WORLDS))
    values[:, 1] += apart
    run = template(graded(severities=(3,)), n, ("score", "signal.image.noise"), groups=named(member))
    for context in each(run, {"score": np.ones((n, 2, WORLDS)), "signal.image.noise": values}, **given):
        tally.rows(signal_rows(context), {"auroc": norm.cdf(apart / 2)})
    tally.holds()


@pytest.mark.parametrize("groups", [None, 25])
@pytest.mark.parametrize("rates", [(0.95, 0.8, 0.6), (0.8, 0.8, 0.8)])
def test_groups_and_the_gap_between_them(rates, groups):
    """Three groups of about 200 samples, drawn with the samples, in 25 clusters each. The gap is simultaneous."""
    rng, rates, tally, gaps = rng_of(f"groups {rates} {groups}"), np.array(rates), Tally(), Tally()
    for _ in range(PARTS):
        pool = 6000
        size = 8 if groups else 1
        ward = np.repeat(rng.integers(0, 3, pool // size), size)
        member = np.arange(pool) // size if groups else None
        there = drawn(rng, pool, 75 if groups else 600, HALF, member)
        right = (together(rng, there.shape, member) < rates[ward][:, None]) * 1.0
        run = many({"score": right}, there, groups=named(member, ward=ward))
        context = context_of(run, by=["ward"], **({"cluster": "speaker"} if groups else {}))
        for row in make(context, "groups").to_pylist():
            k = int(row["group"])
            rest = rates[k] - np.delete(rates, k).mean()
            truth = rest if row["metric"] == "minus_rest" else rates[k]
            tally.add((row["metric"], rates[k], k), row["low"], row["high"], truth)
        gaps.rows((r for r in gap_rows(context) if r["metric"] == "gap"), {"gap": rates.max() - rates.min()})
    tally.holds(most=0.985)
    gaps.holds(least=0.95, most=1.0)


@pytest.mark.parametrize("kind", ["rate", "score"])
@pytest.mark.parametrize("groups", [None, 25])
def test_compared_runs(kind, groups):
    rng, n = rng_of(f"compare {kind} {groups}"), 250
    member, given = clustered(n, groups)
    luck = together(rng, (n, WORLDS), member)
    sides = [(np.where(rng.random(luck.shape) < 0.5, rng.random(luck.shape), luck) < rate) * 1.0 for rate in (0.9, 0.8)]
    if kind == "score":
        sides = [0.5 * side + 0.5 * rng.beta(2, 2, luck.shape) for side in sides]
    runs = {name: many({"score": side}, groups=named(member)) for name, side in zip("ab", sides)}
    tally = Tally()
    for row in compare(runs, **given).to_pylist():
        tally.add(row["method"], row["low"], row["high"], 0.1 if kind == "rate" else 0.05)
    tally.holds()
