"""What streams are worth, whom the model follows, who is hurt, what flips – in worlds whose truth is known."""

import itertools
import json
import math

import numpy as np
import pytest

from perturbations import InputError
from stress.measure import compare, reliance, summary, table
from stress.measure._compare import holm, mcnemar
from stress.measure._contributions import interaction_weights, shapley_weights
from stress.measure._stability import variance_parts
from tests._runs import DIGITS, LABELS, STREAMS, answers, cell, graded, grid, nested, predicted, subsets, write

CLASSES = ("yes", "no", "maybe")
TASK = {"task": "classification", "classes": list(CLASSES), "answers": "labels", "keep": "none"}


def rows(run, name, **options):
    return table(run, name, **options).to_pylist()


def pick(found, **wanted):
    (row,) = [r for r in found if all(r[k] == v for k, v in wanted.items())]
    return row


def accuracies(worth):
    """The cells' accuracies, in the order of ``subsets``, from a function of the set of present streams."""
    lost = [row["lost"] for row in subsets()]
    return [worth(frozenset(STREAMS) - set(gone)) for gone in lost]


def world(path, rates, n=1000, seed=0, **more):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, n)
    given = answers(target, nested(n, rates, seed=seed) > 0, 3, rng)
    run = write(path, subsets(), predicted(given, target, CLASSES), [CLASSES[t] for t in target], TASK, LABELS, **more)
    return run, given, target


ADDITIVE = {"image": 0.3, "audio": 0.2, "text": 0.1}


@pytest.fixture(scope="module")
def additive(tmp_path_factory):
    rates = accuracies(lambda s: 1 / 3 + sum(ADDITIVE[name] for name in s))
    return world(tmp_path_factory.mktemp("streams") / "run", rates)


def test_weights_are_shapleys_and_sum_to_the_total():
    total = {}
    for name in STREAMS:
        for subset, weight in shapley_weights(STREAMS, name).items():
            total[subset] = total.get(subset, 0) + weight
    everything = frozenset(STREAMS)
    for subset, weight in total.items():
        assert weight == pytest.approx((subset == everything) - (not subset))


def test_shapley_is_the_mean_over_all_orders():
    """By definition: what a stream adds when streams arrive in a random order."""
    values = {frozenset(s): np.sin(7 * len(s) + 3 * sum(map(len, s))) for k in range(4) for s in _subsets_of(k)}
    for name in STREAMS:
        gains = []
        for order in itertools.permutations(STREAMS):
            before = frozenset(order[: order.index(name)])
            gains.append(values[before | {name}] - values[before])
        weighted = sum(w * values[s] for s, w in shapley_weights(STREAMS, name).items())
        assert weighted == pytest.approx(np.mean(gains))


def _subsets_of(size):
    return itertools.combinations(STREAMS, size)


def test_interaction_of_two_streams_is_what_both_add_beyond_each():
    weights = interaction_weights(("a", "b"), "a", "b")
    assert weights == {frozenset("ab"): 1, frozenset(): 1, frozenset("a"): -1, frozenset("b"): -1}


def test_contributions_of_an_additive_model(additive):
    run, given, target = additive
    found = rows(run, "contributions")
    accuracy = (given == target[:, None]).mean(axis=0)
    total = pick(found, measure="total")["value"]
    assert total == pytest.approx(accuracy[0] - accuracy[-1])
    shapley = {name: pick(found, measure="shapley", stream=name) for name in STREAMS}
    assert sum(r["value"] for r in shapley.values()) == pytest.approx(total)
    for name, worth in ADDITIVE.items():
        assert shapley[name]["value"] == pytest.approx(worth, abs=0.04)
        assert shapley[name]["low"] < shapley[name]["value"] < shapley[name]["high"]
        assert pick(found, measure="necessity", stream=name)["value"] == pytest.approx(worth, abs=0.05)
        assert pick(found, measure="shapley_share", stream=name)["value"] == pytest.approx(worth / 0.6, abs=0.06)
    assert pick(found, measure="dominance")["stream"] == "image"
    assert pick(found, measure="alone", stream="image")["value"] == pytest.approx(accuracy[6])
    for r in found:
        if r["measure"] in ("synergy", "redundancy"):
            assert 0 <= r["low"] <= r["value"] <= r["high"]
            assert r["value"] < 0.08


@pytest.mark.parametrize(("worth", "measure"), [(lambda s: 0.9 if s else 0.3, "redundancy"),
                                                (lambda s: 0.9 if len(s) == 3 else 0.3, "synergy")])  # fmt: skip
def test_redundant_and_synergetic_streams_are_told_apart(tmp_path, worth, measure):
    run, _, _ = world(tmp_path / "a", accuracies(worth))
    found = [r for r in rows(run, "contributions") if r["measure"] == measure]
    assert len(found) == 3
    assert all(r["low"] > 0.1 for r in found)
    other = {"redundancy": "synergy", "synergy": "redundancy"}[measure]
    assert all(r["value"] == 0 for r in rows(run, "contributions") if r["measure"] == other)


def test_goals_get_a_verdict(additive):
    run, _, _ = additive
    goals = {"image": 0.5, "audio": 0.33, "text": 0.8, "tolerance": 0.12}
    found = rows(run, "contributions", goals=goals)
    verdicts = {name: pick(found, measure="shapley_share", stream=name)["verdict"] for name in STREAMS}
    assert verdicts == {"image": "within", "audio": "within", "text": "outside"}
    tight = pick(
        rows(run, "contributions", goals={"image": 0.5, "tolerance": 0.001}), measure="shapley_share", stream="image"
    )
    assert tight["verdict"] == "undecided"
    with pytest.raises(InputError, match="Did you mean image"):
        rows(run, "contributions", goals={"imaje": 0.5})


def test_missing_subsets_are_named(tmp_path):
    cells = subsets()[:4]
    run = write(tmp_path / "a", cells, grid(nested(50, [0.9, 0.7, 0.6, 0.5])), ["yes"] * 50, TASK, LABELS)
    found = rows(run, "contributions")
    assert pick(found, measure="necessity", stream="image")["value"] is not None
    row = pick(found, measure="shapley", stream="image")
    assert row["value"] is None
    assert row["note"].startswith("the run has no cell with only")
    one = rows(
        write(tmp_path / "b", graded(), grid(nested(50, [0.9] * 6)), ["yes"] * 50, TASK, LABELS), "contributions"
    )
    assert "no cell in which streams are lost" in one[0]["note"]


def test_whom_the_model_follows(tmp_path):
    """Image and audio contradict each other on 40 of 100 samples; there the model says what the image says 30 times."""
    n, cells = 100, subsets()
    target = np.zeros(n, int)
    given = np.zeros((n, len(cells)), int)
    only = {name: next(i for i, c in enumerate(cells) if set(c["lost"]) == set(STREAMS) - {name}) for name in STREAMS}
    given[:40, only["audio"]] = 1
    given[:6, 0] = 1
    given[6:10, 0] = 2
    run = write(tmp_path / "a", cells, predicted(given, target, CLASSES), ["yes"] * n, TASK, LABELS)
    found = rows(run, "consistency")
    assert pick(found, metric="conflict_rate", one="image", other="audio")["value"] == pytest.approx(0.4)
    assert pick(found, metric="pair_agreement", one="image", other="text")["value"] == 1
    clean = [r for r in found if r["cell"] == "clean"]
    assert pick(clean, metric="follows", one="image", other="audio")["value"] == pytest.approx(30 / 40)
    assert pick(clean, metric="follows", one="audio", other="image")["value"] == pytest.approx(6 / 40)
    assert pick(clean, metric="follows_neither", one="audio", other="image")["value"] == pytest.approx(4 / 40)
    assert pick(clean, metric="agreement", one="image")["value"] == pytest.approx(0.9)
    same = pick(clean, metric="follows", one="image", other="text")
    assert same["value"] is None
    assert "never contradict" in same["note"]


def test_a_stream_that_is_useless_alone_is_a_warning(tmp_path):
    run, _, _ = world(tmp_path / "a", accuracies(lambda s: 0.97 if "image" in s else 0.34))
    said = " ".join(summary(run)["warnings"])
    assert "accuracy paradox: clean accuracy is" in said
    assert "with audio alone" in said
    assert "with image alone" not in said


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """Ten speakers of each of three languages; in Welsh, noise hurts three times as much. Breton has nine samples."""
    rng, n = np.random.default_rng(4), 909
    language = np.array(["en", "de", "cy"])[np.arange(n) % 3].astype(object)
    language[900:] = "br"
    hurt = np.where(language == "cy", 0.45, 0.15)
    right = np.stack([rng.random(n) < 0.95, rng.random(n) < 0.95 - hurt], axis=1).astype(float)
    groups = {"language": language, "speaker": [f"{v}-{i % 30}" for i, v in enumerate(language)]}
    groups["sex"] = [("f", "m")[i // 3 % 2] for i in range(n)]
    path = tmp_path_factory.mktemp("voices") / "run"
    return write(path, graded(severities=[1]), grid(right), ["1"] * n, columns=LABELS, groups=groups), right, language


def test_groups(voices):
    run, right, language = voices
    found = rows(run, "groups", by=["language"])
    for name in ("en", "de", "cy", "br"):
        row = pick(found, group=name, cell="noise-1", metric="accuracy")
        assert row["value"] == pytest.approx(right[language == name, 1].mean())
        assert row["low"] < row["value"] <= row["high"]
        rest = pick(found, group=name, cell="noise-1", metric="minus_rest")
        assert rest["value"] == pytest.approx(row["value"] - right[language != name, 1].mean())
    assert pick(found, group="br", cell="clean", metric="accuracy")["note"] == "small group: 9 samples"
    assert pick(found, group="cy", cell="noise-1", metric="minus_rest")["high"] < 0


def test_intersections_come_by_themselves(voices):
    run, right, language = voices
    by = {r["by"] for r in rows(run, "groups")}
    assert {"language", "sex", "language*sex", "speaker"} <= by
    row = pick(rows(run, "groups"), by="language*sex", group="cy × f", cell="noise-1", metric="accuracy")
    chosen = (language == "cy") & (np.arange(909) // 3 % 2 == 0)
    assert row["value"] == pytest.approx(right[chosen, 1].mean())


def test_gaps_widen_under_stress(voices):
    run = voices[0]
    for options in ({}, {"cluster": "speaker"}):
        found = [r for r in rows(run, "gaps", by=["language"], **options) if r["cell"] == "noise-1"]
        gap, wider = pick(found, metric="gap"), pick(found, metric="widening")
        assert gap["worst"] == "cy"
        assert gap["low"] > 0.15
        assert wider["low"] > 0.1
        assert "left out, small: br (9 samples)" in gap["note"]
        clean = pick(rows(run, "gaps", by=["language"], **options), cell="clean", metric="gap")
        assert clean["low"] == 0


def test_gaps_are_fairlearns(voices):
    fairlearn = pytest.importorskip("fairlearn.metrics")
    run, right, language = voices
    keep = language != "br"
    frame = fairlearn.MetricFrame(
        metrics=lambda t, p: float(np.mean(t == p)),
        y_true=np.ones(keep.sum()),
        y_pred=right[keep, 1],
        sensitive_features=language[keep],
    )
    gap = pick(rows(run, "gaps", by=["language"]), cell="noise-1", metric="gap")
    assert gap["value"] == pytest.approx(frame.difference())


def test_equal_groups_rarely_show_a_gap(tmp_path):
    """The interval allows for the choice of best and worst: of 60 cells of equals, few may exclude 0."""
    rng = np.random.default_rng(0)
    right = (rng.random((600, 61)) < 0.8).astype(float)
    groups = {"ward": [i % 6 for i in range(600)]}
    run = write(
        tmp_path / "a", graded(severities=range(1, 61)), grid(right), ["1"] * 600, columns=LABELS, groups=groups
    )
    found = [r for r in rows(run, "gaps") if r["metric"] == "gap"]
    assert sum(r["low"] > 0 for r in found) <= 7


def test_measures_of_counts_by_group(tmp_path):
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    target, group = rng.integers(0, 3, 600), np.arange(600) % 2
    right = rng.random((600, 2)) < np.array([0.9, 0.5])[None, :] + 0.1 * group[:, None]
    given = answers(target, right, 3, rng)
    names = [CLASSES[t] for t in target]
    records = predicted(given, target, CLASSES)
    run = write(tmp_path / "a", graded(severities=[1]), records, names, TASK, LABELS, {"half": group})
    found = rows(run, "groups", metric="f1_macro")
    f1 = {g: f1_score(target[group == g], given[group == g, 1], average="macro") for g in (0, 1)}
    for g in (0, 1):
        row = pick(found, group=str(g), cell="noise-1", metric="f1_macro")
        assert row["value"] == pytest.approx(f1[g])
        assert row["low"] < f1[g] < row["high"]
        against = pick(found, group=str(g), cell="noise-1", metric="minus_rest")
        assert against["value"] == pytest.approx(f1[g] - f1[1 - g])
    gaps = rows(run, "gaps", metric="f1_macro")
    assert pick(gaps, cell="noise-1", metric="gap")["value"] == pytest.approx(abs(f1[0] - f1[1]))
    assert pick(gaps, cell="noise-1", metric="widening")["low"] is not None


def test_no_groups_is_said(additive):
    run, _, _ = additive
    assert rows(run, "groups")[0]["note"] == "the samples carry no group"
    assert rows(run, "gaps")[0]["note"] == "the samples carry no group"


def test_variance_parts_are_those_that_went_in():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, (4000, 1)) + rng.normal(0, 1, (4000, 5))
    between, within = variance_parts(scores)
    assert (between, within) == (pytest.approx(4, rel=0.06), pytest.approx(1, rel=0.06))
    assert variance_parts(rng.normal(0, 1, (4000, 5)))[0] == pytest.approx(0, abs=0.05)


def drawn(path, chance, draws=4, n=300):
    """Clean once, noise ``draws`` times; each answer of noise is right with the sample's own chance."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 10, n)
    right = rng.random((draws, n)) < chance[None, :]
    wrong = (target[None, :] + rng.integers(1, 10, (draws, n))) % 10
    given = np.concatenate([target[None, :], np.where(right, target[None, :], wrong)])
    records = {
        "cell": np.repeat([0] + [1] * draws, n),
        "draw": np.repeat([0, *range(draws)], n),
        "sample": np.tile(np.arange(n), draws + 1),
        "score": (given == target).astype(float).ravel(),
        "prediction": [DIGITS[k] for k in given.ravel()],
    }
    return write(path, graded(severities=[1]), records, target, columns=LABELS), given, target


def test_draws_tell_luck_from_difficulty(tmp_path):
    luck, _, _ = drawn(tmp_path / "a", np.full(300, 0.5))
    hard, _, _ = drawn(tmp_path / "b", (np.arange(300) % 2).astype(float))
    one = pick(rows(luck, "draws"), cell="noise-1")
    other = pick(rows(hard, "draws"), cell="noise-1")
    assert one["share_of_draws"] > 0.9
    assert other["share_of_draws"] == 0
    assert (other["lowest"], other["highest"]) == (0.5, 0.5)
    assert one["error_draws"] == pytest.approx(math.sqrt(0.25 / 4 / 300), rel=0.05)
    assert pick(rows(luck, "draws"), cell="clean")["note"] == "one draw only: nothing to compare"


def test_flips(tmp_path):
    run, given, target = drawn(tmp_path / "a", np.full(300, 0.7))
    found = rows(run, "stability")
    flip = pick(found, cell="noise-1", metric="flip_rate")
    assert flip["value"] == pytest.approx((given[1:] != given[0]).mean())
    assert flip["method"] == "linearised"
    lost = pick(found, cell="noise-1", metric="lost")
    assert lost["value"] == pytest.approx((given[1:] != target).mean())
    between = pick(found, cell="noise-1", metric="draw_flip_rate")
    assert between["value"] == pytest.approx((given[2:] != given[1]).mean())


def test_steps_and_returns(tmp_path):
    given = np.array([[1, 1, 1], [1, 2, 1], [1, 2, 2], [1, 1, 2]])
    run = write(tmp_path / "a", graded(severities=[1, 2]), predicted(given, [1] * 4, DIGITS), [1] * 4, columns=LABELS)
    found = rows(run, "stability")
    assert [pick(found, cell=f"noise-{s}", metric="step_flip_rate")["value"] for s in (1, 2)] == [0.5, 0.5]
    assert pick(found, cell="noise-2", metric="returned")["value"] == 0.5
    assert pick(found, cell="noise-1", metric="returned")["value"] is None


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = [0.01, 0.04, 0.03, 0.005, 0.9, 0.03]
    assert holm(p) == pytest.approx(list(multipletests(p, method="holm")[1]))
    assert holm([0.01, float("nan"), 0.04])[::2] == pytest.approx([0.02, 0.04])
    assert holm([]) == []


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (5, 5), (10, 3), (1, 12), (130, 70), (4000, 4200)])
def test_mcnemar_is_exact_minus_half_the_observed(gained, lost):
    from scipy.stats import binom

    few, total = min(gained, lost), gained + lost
    exact = min(2 * binom.cdf(few, total, 0.5), 1) if total else 1.0
    expected = exact if not total else min(2 * binom.cdf(few, total, 0.5) - binom.pmf(few, total, 0.5), 1)
    if total and gained == lost:
        expected = 1 - binom.pmf(few, total, 0.5)
    assert mcnemar(np.array([float(gained)]), np.array([float(lost)]))[0] == pytest.approx(expected, abs=1e-9)


def two(tmp_path, better=0.1, n=500, shift=0):
    rng = np.random.default_rng(0)
    target = rng.integers(0, 10, n)
    rates = np.array([0.95, 0.9, 0.85, 0.8, 0.7, 0.6])
    runs = []
    for k, extra in enumerate((better, 0.0)):
        given = answers(target, nested(n, np.minimum(rates + extra, 1), seed=9) > 0, 10, np.random.default_rng(k))
        keep = slice(shift * k, None)
        runs.append(write(tmp_path / f"m{k}", graded(), predicted(given[keep], target[keep], DIGITS), target[keep],
                          columns=LABELS, groups={"speaker": [i % 50 for i in range(len(target[keep]))]}))  # fmt: skip
    return {"late": runs[0], "early": runs[1]}


@pytest.mark.parametrize("options", [{}, {"cluster": "speaker"}, {"metric": "f1_macro"}, {"metric": "mcc"}])
def test_comparison_finds_the_better_model(tmp_path, options):
    found = compare(two(tmp_path), **options).to_pylist()
    assert len(found) == 6
    row = pick(found, cell="noise-4")
    assert row["value"] == pytest.approx(row["value_one"] - row["value_other"])
    assert row["low"] < row["value"] < row["high"]
    assert row["verdict"] == "better"
    assert row["p_holm"] >= row["p"]


def test_comparison_counts_flips_and_pairs(tmp_path):
    runs = two(tmp_path)
    row = pick(compare(runs).to_pylist(), cell="noise-5")
    assert row["only_other"] == 0
    assert row["only_one"] == pytest.approx(row["value"] * 500)
    turned = pick(compare({"early": runs["early"], "late": runs["late"]}).to_pylist(), cell="noise-5")
    assert turned["verdict"] == "worse"
    assert turned["value"] == pytest.approx(-row["value"])


def test_equal_models_are_unknown(tmp_path):
    runs = two(tmp_path, better=0.0)
    assert {r["verdict"] for r in compare(runs).to_pylist()} == {"unknown"}


def test_comparison_is_over_shared_samples(tmp_path):
    runs = two(tmp_path, shift=100)
    # ids are positions: run "early" calls its samples s00000 … s00399, which are other samples than late's
    found = compare(runs).to_pylist()
    assert {r["n"] for r in found} == {400}


def test_comparison_of_strangers_is_refused(tmp_path, additive):
    runs = two(tmp_path)
    with pytest.raises(InputError, match="at least two"):
        compare({"late": runs["late"]})
    other = write(tmp_path / "r", graded(), {**grid(np.zeros((5, 6)))}, [1.0] * 5, {"task": "regression"})
    with pytest.raises(InputError, match="of one task"):
        compare({"late": runs["late"], "other": other})


def test_tables_survive_json(additive):
    run, _, _ = additive
    for name in ("contributions", "consistency", "stability", "groups", "gaps", "relative", "sequences", "draws"):
        assert json.loads(json.dumps(rows(run, name))) == rows(run, name)


@pytest.mark.parametrize("options", [{}, {"cluster": "ward"}])
def test_over_reliance_on_a_stream_is_found_between_models(tmp_path, options):
    """The late model lives on all three; the early one falls without the picture."""
    groups = {"groups": {"ward": [i % 12 for i in range(1000)]}}
    even = accuracies(lambda s: 0.35 + 0.2 * len(s))
    leaning = accuracies(lambda s: 0.35 + (0.5 if "image" in s else 0.0) + (0.05 * (len(s - {"image"}))))
    late, _, _ = world(tmp_path / "late", even, **groups)
    early, _, _ = world(tmp_path / "early", leaning, **groups)
    found = reliance({"early": early, "late": late}, **options).to_pylist()
    image = pick(found, stream="image", measure="shapley")
    assert image["value"] == pytest.approx(0.3, abs=0.04)
    assert image["low"] > 0.2
    assert pick(found, stream="text", measure="shapley")["high"] < -0.05
    assert pick(found, stream="audio+text", measure="interaction")["low"] < 0.05
    with pytest.raises(InputError, match="at least two"):
        reliance({"early": early})


def test_flip_rates_over_a_reference_runs(tmp_path):
    runs = two(tmp_path)
    found = table(runs["late"], "relative", reference=runs["early"]).to_pylist()
    row = pick(found, measure="flip_rate_ratio")
    flips = {name: [r["value"] for r in rows(run, "cells") if r["metric"] == "flip_rate" and r["cell"] != "clean"]
             for name, run in runs.items()}  # fmt: skip
    assert row["value"] == pytest.approx(np.mean(flips["late"]) / np.mean(flips["early"]))
    assert row["low"] < row["value"] < row["high"]


def test_cells_that_differ_in_another_axis_are_points_of_different_curves(tmp_path):
    cells = [cell()]
    for fill in ("zeros", "mean"):
        for s in (1, 2):
            axes = json.dumps({"severity": s, "fill": fill})
            cells.append(cell(f"fog:{s},{fill}", "fog", float(s), axes=axes))
    right = nested(100, [0.9, 0.8, 0.7, 0.6, 0.5])
    run = write(tmp_path / "a", cells, grid(right), ["1"] * 100, columns=LABELS)
    areas = [r for r in rows(run, "robustness") if r["measure"] == "area"]
    means = right.mean(axis=0)
    expected = [np.trapezoid(means[[0, 1, 2]]) / 2, np.trapezoid(means[[0, 3, 4]]) / 2]
    assert [r["value"] for r in areas] == pytest.approx(expected)
