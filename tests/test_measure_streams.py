"""What streams are worth to a model and whom it follows – in worlds whose truth is known."""

import itertools
import json

import numpy as np
import pytest

import stress
from perturbations import InputError, Sample, SpecError
from stress.gate import judge, loads_gates
from stress.measure import reliance, summary
from stress.statistics.shapley import interaction_weights, shapley_weights
from tests._runs import (
    LABELS,
    STREAMS,
    answers,
    cell,
    graded,
    grid,
    nested,
    pick,
    predicted,
    rows,
    subsets,
    write,
)

CLASSES = ("yes", "no", "maybe")
TASK = {"task": "classification", "classes": list(CLASSES), "answers": "labels", "keep": "none"}


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
        if r["measure"] in ("net_synergy", "net_redundancy"):
            assert 0 <= r["low"] <= r["value"] <= r["high"]
            assert r["value"] < 0.08


@pytest.mark.parametrize(("worth", "measure"), [(lambda s: 0.9 if s else 0.3, "net_redundancy"),
                                                (lambda s: 0.9 if len(s) == 3 else 0.3, "net_synergy")])  # fmt: skip
def test_redundant_and_synergetic_streams_are_told_apart(tmp_path, worth, measure):
    run, _, _ = world(tmp_path / "a", accuracies(worth))
    found = [r for r in rows(run, "contributions") if r["measure"] == measure]
    assert len(found) == 3
    assert all(r["low"] > 0.1 for r in found)
    other = {"net_redundancy": "net_synergy", "net_synergy": "net_redundancy"}[measure]
    assert all(r["value"] == 0 for r in rows(run, "contributions") if r["measure"] == other)


def test_goals_get_a_verdict(additive):
    run, _, _ = additive
    goals = {"image": 0.36, "audio": 0.24, "text": 0.4, "tolerance": 0.17}
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


def test_every_draw_of_a_degraded_cell_counts_in_whom_the_model_follows(tmp_path):
    """Alone the picture says yes and the sound no; in two draws of noise the model says the one, then the other."""
    n, cells = 50, [*subsets(), cell("noise", "noise", 3.0)]
    only = {name: next(i for i, c in enumerate(cells) if set(c["lost"]) == set(STREAMS) - {name}) for name in STREAMS}
    given = np.zeros((n, len(cells)), int)
    given[:, only["audio"]] = 1
    records = predicted(given, np.zeros(n, int), CLASSES)
    more = {
        "cell": np.full(n, len(cells) - 1),
        "sample": np.arange(n),
        "score": np.zeros(n),
        "status": np.full(n, "ok"),
    }
    more = {**more, "prediction": np.array(["no"] * n), "draw": np.ones(n, int)}
    records["draw"] = np.zeros(len(records["cell"]), int)
    records = {
        name: np.concatenate([np.asarray(values, more[name].dtype), more[name]]) for name, values in records.items()
    }
    found = [r for r in rows(write(tmp_path / "a", cells, records, ["yes"] * n, TASK, LABELS), "consistency")
             if r["cell"] == "noise"]  # fmt: skip
    for one, other in (("image", "audio"), ("audio", "image")):
        follows = pick(found, metric="follows", one=one, other=other)
        assert (follows["value"], follows["n"]) == (0.5, 2 * n)
    assert pick(found, metric="agreement", one="image")["value"] == 0.5


def test_a_stream_that_is_useless_alone_is_a_warning(tmp_path):
    run, _, _ = world(tmp_path / "a", accuracies(lambda s: 0.97 if "image" in s else 0.34))
    said = " ".join(summary(run)["warnings"])
    assert "accuracy paradox: clean accuracy is" in said
    assert "with audio alone" in said
    assert "with image alone" not in said


def test_no_groups_is_said(additive):
    run, _, _ = additive
    assert rows(run, "groups")[0]["note"] == "the samples carry no group"
    assert rows(run, "gaps")[0]["note"] == "the samples carry no group"


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


SWAPPED = {
    "suite": "swapped@1",
    "scenarios": {
        "lost": {"all": "missing", "grid": "subsets"},
        "clue": {"clue": {"name": "wrong_pairing", "partner": ["any", "same_class", "other_class"]}},
        "chatter": {"chatter": {"name": "wrong_pairing", "partner": "any"}},
        "both": {"clue": "wrong_pairing", "chatter": "wrong_pairing"},
    },
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A model that answers by the clue's first letter, and by nothing when there is none; 200 samples of four kinds."""
    kinds = ["abcd"[i % 4] for i in range(200)]
    samples = [
        Sample(f"s{i:03d}", {"clue": f"{kind} is what {i} says", "chatter": f"number {i}"}, kind)
        for i, kind in enumerate(kinds)
    ]

    def predict(batch):
        return ["a" if clue is None else clue[0] for clue in batch["clue"]]

    out = tmp_path_factory.mktemp("swapped") / "run"
    return stress.run(model=predict, data=samples, suite=SWAPPED, out=out, progress="quiet")


def test_the_perceptual_score_is_what_another_samples_stream_costs(reader):
    """Of 199 others 49 are of the same kind: so many answers stay right by chance. Ablation keeps one kind in four."""
    found = rows(reader, "contributions")

    def score(stream, partner, kind="raw"):
        return pick(found, measure="perceptual_score", stream=stream, fill=partner, kind=kind)

    away = score("clue", "any")
    assert away["value"] == pytest.approx(1 - 49 / 199, abs=0.09)
    assert away["low"] < 1 - 49 / 199 < away["high"]
    assert score("clue", "same_class")["value"] == score("chatter", "any")["value"] == 0
    assert score("clue", "other_class")["value"] == score("clue", "other_class", "relative")["value"] == 1
    assert score("clue+chatter", "any")["value"] == away["value"]
    assert pick(found, measure="necessity", stream="clue")["value"] == 0.75


def test_it_is_the_drop_of_its_cell_and_a_rule(reader):
    found = [r for r in rows(reader, "contributions") if r["measure"] == "perceptual_score"]
    cells = rows(reader, "cells")
    name = next(r["cell"] for r in cells if r["scenario"] == "clue" and r["category"] == "any")
    drop, kept = (pick(cells, cell=name, metric=m) for m in ("drop", "retention"))
    raw, relative = (pick(found, stream="clue", fill="any", kind=kind) for kind in ("raw", "relative"))
    assert [raw[k] for k in ("value", "low", "high", "method")] == [drop[k] for k in ("value", "low", "high", "method")]
    assert [relative[k] for k in ("value", "low", "high")] == pytest.approx(
        [1 - kept[k] for k in ("value", "high", "low")]
    )
    gates = "gates: [{metric: perceptual_score, stream: [clue], max: 0.5}]"
    (verdict,) = judge(reader, loads_gates(gates, "gates.yaml")).verdicts
    assert [check.subject for check in verdict.checks] == [
        f"clue, partner {k}" for k in ("any", "same_class", "other_class")
    ]
    assert [check.outcome for check in verdict.checks] == ["fail", "pass", "fail"]
    with pytest.raises(SpecError, match=r"in \[-1, 1\], got 50. Did you mean 0.5"):
        judge(reader, loads_gates(gates.replace("0.5", "50"), "gates.yaml"))
