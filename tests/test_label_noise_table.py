"""The table of what numbers would be if labels were wrong, beside worlds whose true labels are known."""

import numpy as np
import pytest

import stress
from perturbations import InputError, Sample
from stress.data import from_samples

CLASSES = ("a", "b", "c")
NOISE = {"a": {"a": 0.8, "b": 0.2}, "b": {"b": 0.9, "c": 0.1}, "c": {"a": 0.05, "c": 0.95}}


def model(batch):
    """Answer what the text says, or nothing that can be used."""
    return [text if text in CLASSES else None for text in batch["text"]]


model.classes = CLASSES


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run whose labels are partly wrong, by the matrix, and the labels that would have been right."""
    rng = np.random.default_rng(7)
    matrix = np.array([[NOISE[t].get(g, 0.0) for g in CLASSES] for t in CLASSES])
    true = rng.integers(0, 3, 400)
    answers = np.where(rng.random(400) < 0.75, true, rng.integers(0, 3, 400))
    given = np.array([rng.choice(3, p=matrix[t]) for t in true])
    texts = [CLASSES[a] if i % 20 else "none" for i, a in enumerate(answers)]
    rows = [Sample(f"s{i}", {"text": t}, target=CLASSES[given[i]]) for i, t in enumerate(texts)]
    own = {"suite": "own@1", "severities": [1], "scenarios": {"typos": {"text": "lower_case"}}}
    run = stress.run(
        model=model, data=from_samples(rows), suite=own, out=tmp_path_factory.mktemp("n") / "run", preflight=False
    )
    right = np.array([texts[i] == CLASSES[true[i]] for i in range(400)])
    return run, right, (given != true).mean()


def clean(run, **options):
    rows = run.table("label_noise", **options).to_pylist()
    return {row["metric"]: row for row in rows if row["cell"] == "clean"}


def test_the_truth_is_within_the_bounds_at_the_true_rate(ran):
    run, right, rate = ran
    row = clean(run, label_error=float(rate))["accuracy"]
    assert row["as_given"] == pytest.approx(
        {r["metric"]: r["value"] for r in run.table("cells").to_pylist() if r["cell"] == "clean"}["accuracy"]
    )
    assert row["least"] <= right.mean() <= row["most"]
    assert row["low"] <= row["least"]
    assert row["most"] <= row["high"]
    assert row["most"] - row["least"] == pytest.approx(2 * rate)
    assert row["failed"] == 20


def test_failures_stay_failures_under_any_label(ran):
    run, _, _ = ran
    row = clean(run, label_error=1.0)["accuracy"]
    assert row["most"] - row["as_given"] <= 380 / 400
    none = clean(run, label_error=0.0)["accuracy"]
    assert none["least"] == none["as_given"] == none["most"]


def test_where_the_matrix_is_known_it_is_a_point(ran):
    run, right, _ = ran
    row = clean(run, label_matrix=NOISE)["accuracy"]
    assert row["least"] == row["value"] == row["most"]
    assert row["low"] < right.mean() < row["high"]
    assert abs(row["value"] - right.mean()) < abs(row["as_given"] - right.mean())
    same = clean(run, label_matrix={})["accuracy"]  # all labels are right
    assert same["value"] == pytest.approx(same["as_given"])


def test_nothing_is_assumed_that_is_not_said(ran):
    rows = ran[0].table("label_noise").to_pylist()
    assert [row["value"] for row in rows] == [None]
    assert "label_error" in rows[0]["note"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"label_error": 1.2}, r"label_error must be a share in \[0, 1\], got 1.2"),
        ({"label_matrix": {"a": {"d": 1.0}}}, "the matrix must name classes, got 'd'"),
        ({"label_matrix": {"a": {"a": 0.5}}}, "its rows of shares that sum to 1"),
        ({"label_matrix": {"a": {"b": 1.0}}}, "must tell classes apart"),
    ],
)
def test_what_cannot_be_assumed_is_refused(ran, options, says):
    with pytest.raises(InputError, match=says):
        ran[0].table("label_noise", **options)


def coverage(worlds):
    """Share of worlds in which the interval of the matrix, and that of the bounds, hold the population's accuracy."""
    from stress.statistics.labelnoise import unmixed, within_reach

    matrix = np.array([[NOISE[t].get(g, 0.0) for g in CLASSES] for t in CLASSES])
    undone, hits = unmixed(matrix), np.zeros(2)
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        skill, n = rng.uniform(0.4, 0.95), 400
        true = rng.integers(0, 3, n)
        answers = np.where(rng.random(n) < skill, true, (true + rng.integers(1, 3, n)) % 3)
        cumulative = matrix[true].cumsum(axis=1)
        given = (rng.random(n)[:, None] > cumulative).sum(axis=1)
        weights = undone[answers, given]
        reach = 1.96 * weights.std() / np.sqrt(n)
        hits[0] += abs(weights.mean() - skill) <= reach
        seen = answers == given
        plain = 1.96 * seen.std() / np.sqrt(n)
        rate = 1 - np.diag(matrix).mean()
        low, high = within_reach(seen.mean() - plain, seen.mean() + plain, rate, 0.0, 1.0)
        hits[1] += low <= skill <= high
    return hits / worlds


def test_intervals_hold_the_truth_in_worlds_with_known_flips(request):
    worlds = 1000 if request.config.getoption("--exhaustive", default=False) else 300
    matrix, bounds = coverage(worlds)
    slack = 3 * np.sqrt(0.95 * 0.05 / worlds)
    assert matrix >= 0.95 - slack
    assert bounds >= 0.95
