"""95 % intervals of differences between two releases hold the truth about 95 times in 100, in simulated worlds.

A world is a cell: its answers are drawn anew. Releases answer alike in most cases, which is what pairing is for.
"""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.gates import (
    BARS,
    COUNTS,
    LEVEL,
    RULES,
    clustered,
    expected,
    false_fail,
    false_pass,
    gap_of_groups,
    most_powerful,
    power,
    surely_below,
)
from perturbations._keys import Key, generator
from stress.gate import Check, loads_gates
from stress.gate._exact import exactly, p_value
from stress.measure import Number
from stress.measure.between.changes import change, gap_change
from stress.measure.between.difference import _compared, less, retained
from stress.measure.between.influences import Measure
from stress.measure.between.matching import match
from stress.records.pairing import paired
from stress.statistics.calibration import calibration_error
from stress.statistics.ranks import auroc, average_precision
from stress.statistics.rates import clopper_pearson
from tests._amount import amount
from tests._runs import LABELS, NUMBERS, cell, write
from tests.coverage_worlds import LUCK, WORLDS

N = 300
ACCENTS = ("north", "east", "south", "west")
LOSS = {"one": 0.0, "two": 0.25}
"""How much weaker the signal of either release is."""


def answers(rng, target, group, loss, shared):
    """(worlds × samples) answers and confidences of a two-class model; ``shared`` is the noise of both releases."""
    own = rng.normal(0, 0.5, shared.shape)
    logit = (2 * target - 1) * (1.3 - loss - 0.15 * group) + shared + own
    given = (logit > 0).astype(int)
    return given, 1 / (1 + np.exp(-1.6 * np.abs(logit)))


def drawn(name, worlds, n):
    """Targets, groups and both releases' answers and confidences."""
    rng = generator(Key(0, f"gate {name}"))
    target, group = (np.arange(n) % 10 < 3).astype(int), (np.arange(n) // 10) % 4
    shared = rng.normal(0, 1, (worlds, n))
    return target, group, {k: answers(rng, target, group, loss, shared) for k, loss in LOSS.items()}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two releases with a cell for each world."""
    folder = tmp_path_factory.mktemp("worlds")
    target, group, both = drawn("worlds", WORLDS, N)
    task = {"task": "classification", "classes": ["0", "1"], "answers": "probabilities", "keep": "none"}
    cells = [cell(f"w{i}", "noise", float(i + 1)) for i in range(WORLDS)]
    runs = {}
    for name, (given, sure) in both.items():
        right = (given == target).ravel().astype(float)
        rows = {"cell": np.repeat(np.arange(WORLDS), N), "sample": np.tile(np.arange(N), WORLDS), "score": right}
        rows |= {"prediction": given.ravel().astype(str), "confidence": sure.ravel()}
        columns = {**LABELS, "confidence": NUMBERS["confidence"]}
        accent = {"accent": [ACCENTS[g] for g in group]}
        runs[name] = write(folder / name, cells, rows, target.astype(str), task, columns, accent)
    return match(paired(runs["one"], runs["two"]))


@pytest.fixture(scope="module")
def truth():
    """What the differences are, in a world of two million samples."""
    target, group, both = drawn("truth", 1, 2_000_000)
    return target, group, {name: (given[0], sure[0]) for name, (given, sure) in both.items()}


def by_class(name, target, given, k):
    hit, answer, true = ((given == k) & (target == k)).sum(), (given == k).sum(), (target == k).sum()
    return {"recall": hit / true, "precision": hit / answer, "f1": 2 * hit / (answer + true)}[name]


def true(name, target, given, sure, k=1):
    right = (given == target).astype(float)
    first = np.where(given == 1, sure, 1 - sure)
    if name in ("recall", "precision", "f1"):
        return by_class(name, target, given, k)
    if name == "f1_macro":
        return np.mean([by_class("f1", target, given, j) for j in (0, 1)])
    if name == "ece":
        return calibration_error(sure, right)[0]
    return {"auroc": auroc, "average_precision": average_precision}[name](first, target == 1)[0]


def held(found, expected):
    return float(np.mean([d.low <= expected <= d.high for d in found]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["recall", "precision", "f1", "auroc", "average_precision", "f1_macro", "ece"])
def test_metrics(pair, truth, name, capsys):
    target, _, both = truth
    one, two = (true(name, target, *both[k]) for k in ("one", "two"))
    label = None if name in ("f1_macro", "ece") else "1"
    found = [change(pair, name, [f"w{i}"], label=label) for i in range(WORLDS)]
    inside = held(found, two - one if name == "ece" else one - two)
    width = np.mean([d.high - d.low for d in found])
    with capsys.disabled():
        print(f"\n{name}: {inside:.1%} of {WORLDS:,} worlds, {width:.3f} wide")
    assert 0.93 - LUCK <= inside <= (1 if name == "ece" else 0.97 + LUCK)


@pytest.mark.slow
def test_gap_of_groups(pair, truth, capsys):
    """The two groups are chosen from the same records: the interval is about those that were chosen."""
    target, group, both = truth
    right = {name: (given == target) for name, (given, _) in both.items()}
    rates = {name: {a: r[group == g].mean() for g, a in enumerate(ACCENTS)} for name, r in right.items()}
    found = [gap_change(pair, "accent", [f"w{i}"]) for i in range(WORLDS)]
    inside = []
    for names, d in found:
        best, worst = names.split(" over ")
        gaps = {name: r[best] - r[worst] for name, r in rates.items()}
        inside.append(d.low <= gaps["two"] - gaps["one"] <= d.high)
    with capsys.disabled():
        print(f"\ngap: {np.mean(inside):.1%} of {WORLDS:,} worlds")
    assert 0.93 - LUCK <= np.mean(inside) <= 0.97 + LUCK


@pytest.mark.slow
@pytest.mark.parametrize(("name", "how", "better"), [("retention", retained, "higher"), ("drop", less, "lower")])
@pytest.mark.parametrize("scores", ["right", "graded"])
def test_retention_and_drop(name, how, better, scores, capsys):
    """A sample that is hard is hard in both cells and for both releases: four answers of it, all alike."""
    rng = generator(Key(0, f"gate {name} {scores}"))
    rates = {"one": (0.92, 0.78), "two": (0.90, 0.70)}

    def world(n):
        hard, found = rng.random(n), []
        for clean, noisy in rates.values():
            for rate in (clean, noisy):
                u = np.where(rng.random(n) < 0.7, hard, rng.random(n))
                found.append((u < rate).astype(float) if scores == "right" else np.clip(rate - (u - 0.5) / 2, 0, 1))
        return np.array(found)

    big = world(2_000_000).mean(axis=1)
    values = [how(big[k : k + 2])[0] for k in (0, 2)]
    expected = values[0] - values[1] if better == "higher" else values[1] - values[0]
    inside, rows = 0, np.arange(N)
    matched = SimpleNamespace(old=np.arange(2 * N), new=np.arange(2 * N), cluster=np.tile(rows, 2),
                              sample=np.tile(rows, 2), alone=True)  # fmt: skip
    for _ in range(WORLDS):
        four = world(N)
        sides = [_mean(np.concatenate(four[k : k + 2]), better) for k in (0, 2)]
        sign = 1.0 if better == "higher" else -1.0
        d = _compared(matched, sides, [rows, rows + N], how, sign, 0.95)
        inside += d["low"] <= expected <= d["high"]
    with capsys.disabled():
        print(f"\n{name} of {scores} answers: {inside / WORLDS:.1%} of {WORLDS:,} worlds")
    assert 0.93 - LUCK <= inside / WORLDS <= 0.97 + LUCK


def _mean(values, better):
    def of(rows):
        return float(values[rows].mean()), (values[rows] - values[rows].mean()) / len(rows)

    return Measure("score", of, np.ones(len(values), bool), better)


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(0.0, 0.0), (0.0, 0.1), (0.1, 0.0), (0.1, 0.1), (0.05, 0.15)])
@pytest.mark.parametrize("kind", ["width", "mass"])
def test_calibration_errors_are_biased_and_their_difference_says_so(before, after, kind):
    """A calibrated model has an error of chance alone: at least 95 in 100 hold the truth, whichever is calibrated."""
    from stress.statistics.calibration import excess_error

    rng, n, inside = generator(Key(0, f"ece {before} {after} {kind}")), 600, 0

    def world(n):
        sure, u = rng.beta(5, 1.5, n) * 0.6 + 0.4, rng.random(n)
        both = np.clip(sure + rng.normal(0, 0.05, n), 0.34, 1), np.where(rng.random(n) < 0.7, u, rng.random(n))
        return [(c, (v < c * (1 - over)) * 1.0) for c, v, over in ((sure, u, before), (*both, after))]

    one, two = (calibration_error(*side, kind=kind)[0] for side in world(2_000_000))
    rows, worlds = np.arange(n), amount(250, 700)
    matched = SimpleNamespace(old=rows, new=rows, cluster=rows, sample=rows, alone=True)
    for _ in range(worlds):
        sides = [
            Measure("ece", lambda r, s=s: calibration_error(*s, kind=kind), rows >= 0, "lower",
                    excess=lambda r, s=s: excess_error(*s, kind=kind)) for s in world(n)]  # fmt: skip
        d = _compared(matched, sides, [rows], lambda v: (float(v[0]), np.ones(1)), -1.0, 0.95)
        inside += d["low"] <= two - one <= d["high"]
    assert inside / worlds >= 0.935 - LUCK


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("bar", BARS)
def test_truths_on_the_bar_fail_and_pass_by_chance_in_one_case_of_forty_at_most(n, bar):
    """Summed over the binomial, for 1 to 300 rules after Holm's correction: the normal score test reaches 99 %."""
    for rules in RULES:
        assert false_fail(n, bar, rules) <= 0.025
    assert false_pass(n, bar) <= 0.025


@pytest.mark.parametrize("page", ["README.md", "docs/gates.md"])
def test_what_the_pages_let_one_expect(page):
    """The tables of what a rule ``min: 0.95`` says of a model are those that the binomial gives."""
    text = (Path(__file__).parents[1] / page).read_text()
    rows = re.findall(r"^\| (\.9\d)(?:, on the bar)? \| (.*?) \|$", text, re.M)
    told = {
        float(truth): [tuple(map(int, re.findall(r"\d+", cell))) for cell in cells.split(" | ")]
        for truth, cells in rows
    }
    assert len(told) == 6
    for truth, cells in expected(0.95, list(told)).items():
        assert told[truth] == [(round(100 * one), round(100 * other)) for one, other in cells]


@pytest.mark.parametrize(("n", "most"), [(200, 0.16), (720, 0.10), (5000, 0.05)])
def test_what_exactness_costs(n, most):
    """Of one rule, truth three standard errors under the bar, up to .99: power less than with the normal test."""
    for bar in (b for b in BARS if b <= 0.99):
        truth = bar - 3 * np.sqrt(bar * (1 - bar) / n)
        assert power(n, bar, truth, 1, exact=False) - power(n, bar, truth, 1) <= most


@pytest.mark.parametrize(("n", "most"), [(200, 0.08), (720, 0.14), (5000, 0.07)])
def test_no_valid_test_would_find_much_more(n, most):
    """Beside the most powerful test of the same false fails, of one rule and of one in 60, at bars from .5 to .999.

    What the normal test finds beyond that it finds by failing wrongly: of 60 rules at .99 of 200 samples, in 23 %.
    """
    for bar in BARS:
        truth = bar - 3 * np.sqrt(bar * (1 - bar) / n)
        for rules in (1, 60):
            assert 0 <= most_powerful(n, bar, truth, rules) - power(n, bar, truth, rules) <= most
    assert false_fail(200, 0.99, 60, exact=False) > 0.2


@pytest.mark.parametrize("rules", [1, 60])
def test_the_judge_decides_as_the_tables_say(rules):
    """What is summed above is what the gate does: the p value of each number of right answers, and the exact end."""
    rule = loads_gates("gates: [{metric: accuracy, min: 0.95}]").rules[0]
    for right in range(170, 201):
        number = Number(right / 200, 0.5, 1.0, n=200, trials=200.0)
        check = exactly(rule, Check.of("clean", number, samples=200, clusters=200))
        p = p_value(rule, check)
        assert (p <= LEVEL / rules) == surely_below(200, 0.95, LEVEL / rules)[right]
        assert check.low == pytest.approx(float(clopper_pearson(right, 200)[0]))


@pytest.mark.slow
@pytest.mark.parametrize(("icc", "bar"), [(0.05, 0.5), (0.05, 0.9), (0.3, 0.5), (0.3, 0.9), (0.3, 0.99)])
@pytest.mark.parametrize("sizes", [[10] * 20, 25, [5] * 100, 200], ids=str)
def test_clustered_truths_on_the_bar(sizes, icc, bar):
    if isinstance(sizes, int):
        spread = np.exp(np.random.default_rng(1).normal(0, 1, sizes))
        sizes = np.maximum(np.round(spread * 12), 1).astype(int)
    (one, many), passes = clustered(np.asarray(sizes), bar, icc, 10_000)
    assert max(one, many, passes) <= 0.025


@pytest.mark.slow
def test_a_gap_passes_by_each_pair(capsys):
    """One error in nine groups of 80: each pair is surely under .10. Where one pair is at .10 few worlds pass."""
    alike, together = gap_of_groups(np.full(9, 1 - 1 / 720), 80, 0.1, 4000)
    assert alike > 0.6
    assert alike > together
    for truths in ([0.9, *[1.0] * 8], [0.85, *[0.95] * 8], [0.8, 0.9]):
        assert gap_of_groups(np.array(truths), 80, 0.1, 4000)[0] <= 0.025
