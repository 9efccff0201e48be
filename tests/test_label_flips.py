"""How far wrong labels can move measures by class: beside all ways in which labels can be wrong, and known flips."""

import itertools

import numpy as np
import pytest

from stress.measure.core.context import Context, options
from stress.measure.tables.labelnoise import label_noise_rows
from stress.records.frame import Frame
from stress.statistics.counts import Macro, Marginals, measure_by_class
from stress.statistics.flips import class_ends, macro_ends
from tests._amount import amount
from tests.coverage_worlds import LETTERS, many

CLASSES = ("recall", "precision", "f1")
MEANS = ("recall", "f1")


def counted(labels, answers, classes):
    """Counts of many labellings at once, (labellings × classes); an answer of ``classes`` is none."""
    one = np.eye(classes + 1)[:, :classes]
    given, told = one[np.atleast_2d(labels)], one[answers]
    width = np.full(len(given), float(given.shape[1]))
    return Marginals((given * told).sum(axis=1), np.tile(told.sum(axis=0), (len(given), 1)), given.sum(axis=1), width)


@pytest.mark.parametrize("seed", range(amount(12, 200)))
def test_ends_beside_every_way_to_be_wrong(seed):
    """Of a class they are reached; of a mean over classes they are not passed."""
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 5))
    n = int(rng.integers(2, 8 if classes < 4 else 6))
    k = int(rng.integers(0, n + 1))
    labels = rng.integers(0, classes, n)
    answers = np.where(rng.random(n) < 0.6, labels, rng.integers(0, classes + 1, n))
    every = np.array(list(itertools.product(range(classes), repeat=n)))
    every = counted(every[(every != labels).sum(axis=1) <= k], answers, classes)
    given, wrong = counted(labels, answers, classes), np.array([float(k)])
    for name in CLASSES:
        values = measure_by_class(name, every).value
        low, high = (ends[0] for ends in class_ends(name, given, wrong))
        for c in np.flatnonzero(np.isfinite(values).any(axis=0)):
            assert low[c] == pytest.approx(np.nanmin(values[:, c]))
            assert high[c] == pytest.approx(np.nanmax(values[:, c]))
    for name in MEANS:
        values = Macro(name)(every).value
        low, high = macro_ends(name, given, wrong)
        assert low[0] <= values.min() + 1e-9
        assert values.max() - 1e-9 <= high[0]


def test_without_wrong_labels_there_is_one_number_and_with_all_of_them_none():
    given = counted(np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0, 1, 1, 1, 2, 0, 3]), 3)
    for name in MEANS:
        point = Macro(name)(given).value
        assert np.allclose(macro_ends(name, given, np.zeros(1)), [point, point])
        assert np.allclose(macro_ends(name, given, np.array([7.0])), [[0.0], [1.0]])
        lows, highs = zip(*(macro_ends(name, given, np.array([float(k)])) for k in range(8)))
        assert np.all(np.diff(np.concatenate(lows)) <= 1e-3)
        assert np.all(np.diff(np.concatenate(highs)) >= -1e-3)


def test_means_of_many_are_narrow():
    """A hundredth of the labels moves F1 over four classes by some two hundredths, not by the sum over classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 2000)
    given = counted(labels, np.where(rng.random(2000) < 0.8, labels, rng.integers(0, 4, 2000)), 4)
    point = Macro("f1")(given).value
    low, high = macro_ends("f1", given, np.array([20.0]))
    assert 0.005 < point[0] - low[0] < 0.025
    assert 0.005 < high[0] - point[0] < 0.025


WORLDS = amount(200, 1000)
NOISE = np.array([[0.9, 0.1, 0, 0], [0, 0.95, 0.05, 0], [0, 0, 1, 0], [0.03, 0, 0.07, 0.9]])


def flipped(seed, n, how):
    """True labels, answers, and the labels that are given, some wrong: by the matrix, or where it tells most."""
    rng = np.random.default_rng(seed)
    true = rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])
    answers = np.where(rng.random(n) < rng.uniform(0.5, 0.95), true, rng.integers(0, 4, n))
    if how == "matrix":
        return true, answers, (rng.random(n)[:, None] > NOISE[true].cumsum(axis=1)).sum(axis=1)
    wanted = (answers == true) if how == "hides" else (answers != true)
    there = np.flatnonzero(wanted)
    hit = there[: min(len(there), int(0.08 * n))]
    given = true.copy()
    given[hit] = (true[hit] + rng.integers(1, 4, len(hit))) % 4 if how == "hides" else answers[hit]
    return true, answers, given


def truths(true, answers):
    """Every number under the true labels, by metric and class."""
    counts = counted(true, answers, 4)
    found = {("accuracy", None): float((true == answers).mean())}
    for name in CLASSES:
        each = measure_by_class(name, counts).value[0]
        found |= {(name, str(label)): float(each[k]) for k, label in enumerate(LETTERS)}
    means = {"balanced_accuracy": "recall", "recall_macro": "recall", "f1_macro": "f1"}
    return found | {(metric, None): float(Macro(name)(counts).value[0]) for metric, name in means.items()}


def rows_of(worlds, **assumed):
    """The table of worlds that lie one after the other in a run: each is a cell with samples of its own."""
    n = len(worlds[0][0])
    there = np.kron(np.eye(len(worlds), dtype=bool), np.ones((n, 1), bool))
    place = np.tile(np.concatenate([answers for _, answers, _ in worlds])[:, None], (1, len(worlds)))
    given = np.concatenate([labels for *_, labels in worlds])
    columns = {"prediction": place, "score": (place == given[:, None]).astype(float)}
    run = many(columns, there, targets=LETTERS[given])
    return label_noise_rows(Context(Frame(run, 10**9), options({"resamples": 50, **assumed})))


@pytest.mark.parametrize("how", ["matrix", "hides", "flatters"])
def test_the_true_number_is_within_the_bounds_in_a_thousand_worlds(how):
    """Whichever labels are wrong, the number of these very samples is there in all worlds, and the interval in most."""
    seen, inside = 0, {}
    for part in range(0, WORLDS, 50):
        worlds = [flipped(seed, 150, how) for seed in range(part, part + 50)]
        rate = max(float((true != given).mean()) for true, _, given in worlds)
        known = [truths(true, answers) for true, answers, _ in worlds]
        for row in rows_of(worlds, label_error=rate):
            truth = known[int(row["cell"].partition("w")[2] or 0)] if row["cell"].startswith("w") else None
            if truth is None or (row["metric"], row.get("class")) not in truth or row.get("least") is None:
                continue
            value = truth[row["metric"], row.get("class")]
            if not np.isfinite(value) or not np.isfinite(row["least"]):
                continue
            seen += 1
            assert row["least"] - 1e-9 <= value <= row["most"] + 1e-9, row
            if row.get("low") is not None:
                inside.setdefault(row["metric"], []).append(row["low"] - 1e-9 <= value <= row["high"] + 1e-9)
    assert seen > 10 * WORLDS
    assert {"accuracy", "recall", "f1", "f1_macro"} <= set(inside)
    assert min(np.mean(each) for each in inside.values()) >= 0.95
