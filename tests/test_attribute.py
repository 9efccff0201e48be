"""Attribution: complete, equal to another library's, right where the truth is known, and flagged where it misleads."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import stress
from perturbations import InputError, ModelError, RunError, Series
from stress.attribute import attribute, load_judgements
from stress.attribute._asking import Asker
from stress.attribute._coalitions import by_gradients, occluded, together
from stress.attribute._deletion import stream_curves
from stress.attribute._measured import verdict
from stress.attribute._paths import COMPLETE, integrated
from stress.attribute._shares import sized
from stress.cli import main
from stress.models import ModelOracle
from stress.statistics.agreement import krippendorff, spearman
from tests.attribution_world import for_show, only_picture, only_together

PUBLISHED = Path(__file__).parent / "published" / "captum_integrated_gradients.json"
SUITE = {
    "suite": "rests@1",
    "severities": [1, 5],
    "scenarios": {"gone": {"all": "missing", "grid": "subsets"}, "noisy": {"picture": "gaussian_noise"}},
}


def smooth_weights():
    rng = np.random.default_rng(7)
    return {"first": rng.normal(0, 0.5, (20, 12)), "second": rng.normal(0, 1.5, (12, 3))}


def smooth_cases(count=6):
    rng = np.random.default_rng(11)
    rows = [
        {
            "picture": rng.integers(0, 256, (4, 4, 1)).astype(np.uint8),
            "signal": Series(rng.normal(0, 1, (4, 1)).astype(np.float32), 10.0),
        }
        for _ in range(count)
    ]
    return rows, rng.integers(0, 3, count)


class Smooth:
    """A network of two layers in numpy, with its own pullback: no torch, and gradients in double precision."""

    classes = ("a", "b", "c")
    kinks = False

    def __init__(self, kinks=False):
        self.w, self.kinks = smooth_weights(), kinks

    def _scores(self, batch):
        rows = zip(batch["picture"], batch["signal"])
        x = np.array([np.concatenate([p.ravel() / 255, s.samples.ravel()]) for p, s in rows], np.float64)
        before = x @ self.w["first"]
        inner = np.maximum(before, 0) if self.kinks else np.tanh(before)
        return inner @ self.w["second"], (before > 0) * 1.0 if self.kinks else 1 - inner**2

    def loss_gradient(self, batch, streams, loss):
        scores, slope = self._scores(batch)
        by_x = ((loss(scores)[1] @ self.w["second"].T) * slope) @ self.w["first"].T
        parts = {"picture": by_x[:, :16].reshape(-1, 4, 4, 1) / 255, "signal": by_x[:, 16:].reshape(-1, 4, 1)}
        return scores, {name: parts[name] for name in streams}

    def __call__(self, batch):
        return self._scores(batch)[0]


def asker(model, classes=("a", "b", "c")):
    return Asker(ModelOracle(model, classes, "logits", 32))


def begun(rows):
    zeros = {"picture": np.zeros((4, 4, 1), np.uint8), "signal": Series(np.zeros((4, 1), np.float32), 10.0)}
    return [dict(zeros) for _ in rows]


def test_integrated_gradients_are_those_of_captum():
    """Recorded from captum, whose version stands in the file: every number of every sample to 1e-5."""
    rows, labels = smooth_cases()
    found = integrated(asker(Smooth()), rows, begun(rows), ("picture", "signal"), labels, within=1e-5)
    for k, theirs in enumerate(json.loads(PUBLISHED.read_text())["attributions"]):
        for name, numbers in theirs.items():
            np.testing.assert_allclose(found.parts[name][k].ravel(), numbers, atol=1e-5)


@pytest.mark.parametrize("kinks", [False, True])
def test_attributions_add_up_to_what_the_answer_moves_by(kinks):
    rows, labels = smooth_cases(40)
    ask = asker(Smooth(kinks))
    found = integrated(ask, rows, begun(rows), ("picture", "signal"), labels)
    moved = ask.worth(rows, labels) - ask.worth(begun(rows), labels)
    np.testing.assert_allclose(found.total("picture") + found.total("signal"), moved, atol=COMPLETE)
    assert (found.gap <= COMPLETE).all()


def test_an_answer_that_jumps_is_not_called_complete():
    class Jumping(Smooth):
        def _scores(self, batch):
            scores, slope = super()._scores(batch)
            return 4 * np.round(scores), slope

    rows, labels = smooth_cases(2)
    found = integrated(asker(Jumping()), rows, begun(rows), ("picture", "signal"), labels)
    assert (found.gap > COMPLETE).any()


class WithText:
    """A picture's level times a word's sign, and something of each alone."""

    classes = ("no", "yes")

    def _parts(self, batch):
        level = np.array([p.mean() / 255 for p in batch["picture"]], np.float64)
        return level, np.array([0.0 if t is None else 1.0 if t == "yes" else -1.0 for t in batch["text"]])

    def _scores(self, level, word):
        odds = level + 0.5 * word + 2 * level * word
        return np.stack([-odds, odds], axis=1)

    def loss_gradient(self, batch, streams, loss):
        level, word = self._parts(batch)
        scores = self._scores(level, word)
        by_odds = loss(scores)[1] @ np.array([-1.0, 1.0])
        each = by_odds * (1 + 2 * word) / (255 * 16)
        return scores, {"picture": np.broadcast_to(each[:, None, None, None], (len(each), 4, 4, 1))}

    def __call__(self, batch):
        return self._scores(*self._parts(batch))


def test_a_stream_without_gradients_is_there_or_not_and_all_still_adds_up():
    """One picture and one text are two players: what each adds is its Shapley value."""
    rng = np.random.default_rng(2)
    rows = [
        {"picture": rng.integers(0, 256, (4, 4, 1)).astype(np.uint8), "text": ("yes", "no")[k % 2]} for k in range(8)
    ]
    starts = [{"picture": np.zeros((4, 4, 1), np.uint8), "text": None} for _ in rows]
    labels = np.ones(8, np.int64)
    ask = asker(WithText(), ("no", "yes"))
    parts, way = by_gradients(ask, rows, starts, ("picture", "text"), ("picture",), labels)
    worth = {
        (p, t): ask.worth([{**(s, r)[p], "text": (s, r)[t]["text"]} for r, s in zip(rows, starts)], labels)
        for p in (0, 1)
        for t in (0, 1)
    }  # fmt: skip
    picture = (worth[1, 0] - worth[0, 0] + worth[1, 1] - worth[0, 1]) / 2
    np.testing.assert_allclose(parts[:, 0], picture, atol=COMPLETE)
    np.testing.assert_allclose(parts.sum(axis=1), worth[1, 1] - worth[0, 0], atol=COMPLETE)
    assert (way.gap <= COMPLETE).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4), st.integers(0, 2**31))
def test_what_sets_add_sums_to_what_they_are_worth(streams, seed):
    worth = np.random.default_rng(seed).normal(size=(3, 2**streams))
    adds = together(worth)
    for number in range(2**streams):
        inside = [s for s in range(2**streams) if s & number == s]
        np.testing.assert_allclose(adds[:, inside].sum(axis=1), worth[:, number], atol=1e-9)
    np.testing.assert_allclose(occluded(worth)[:, 0], worth[:, -1] - worth[:, -2])
    first, last = stream_curves(worth, np.abs(occluded(worth)))
    for curve in (first, last):
        np.testing.assert_allclose(curve[:, [0, -1]], worth[:, [-1, 0]])
    np.testing.assert_allclose(sized(adds).sum(axis=1), 1)


def test_agreement_is_that_of_the_books():
    """Krippendorff's worked example of four coders and twelve units (2011): alpha of interval data is .849."""
    nan = np.nan
    ratings = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
    ).T
    assert krippendorff(ratings) == pytest.approx(0.849, abs=5e-4)
    twice = np.full(12, 2)
    doubled = np.repeat(ratings, 2, axis=0)
    assert krippendorff(ratings, twice) == pytest.approx(krippendorff(doubled))
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 6, 50).astype(float), rng.integers(0, 6, 50).astype(float)
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)
    assert np.isnan(spearman(one, np.zeros(50)))
    assert krippendorff(rng.normal(size=(4000, 2))) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (-0.05, 0.05, "agrees"),
        (0.11, 0.3, "disagrees"),
        (-0.4, -0.2, "disagrees"),
        (0.05, 0.3, "undecided"),
        (-0.3, 0.3, "undecided"),
        (None, None, "undecided"),
    ],
)
def test_a_difference_is_judged_by_its_interval(low, high, says):
    assert verdict(low, high, 0.1) == says


def made(world, folder, **options):
    model, data = world()
    return stress.run(model, data, SUITE, folder, workers=1, preflight=False, examples=0, **options), model, data


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    run, model, data = made(only_picture, tmp_path_factory.mktemp("rests") / "picture")
    return run, model, data, attribute(run, model, data, samples=40)


def test_what_rests_on_one_stream_has_it_all(picture):
    *_, found = picture
    for cell in ("clean", "noisy:5"):
        for method in ("integrated_gradients", "occlusion", "together"):
            assert found.of(cell, method)["picture"].low >= 0.95, (cell, method)
    assert found.gaps["clean"] <= COMPLETE
    assert not found.rests_together
    assert {row.verdict for row in found.beside if row.cell == "clean"} == {"agrees"}
    assert not found.disagreeing


def test_what_only_both_together_tell_is_flagged(tmp_path):
    run, model, data = made(only_together, tmp_path / "run")
    found = attribute(run, model, data, samples=40, cells=["clean"])
    assert found.of("clean", "together")["picture+signal"].low >= 0.95
    assert found.of("clean", "together")["picture"].high <= 0.05
    assert found.rests_together == ("clean",)
    assert found.of("clean", "integrated_gradients")["picture"].value == pytest.approx(0.5, abs=0.1)


def test_what_moves_the_probability_and_not_the_answer_disagrees_with_the_records(tmp_path):
    run, model, data = made(for_show, tmp_path / "run")
    found = attribute(run, model, data, samples=40, cells=["clean"])
    worst = {(row.method, row.stream) for row in found.disagreeing}
    assert ("occlusion", "signal") in worst
    assert all(row.measured == pytest.approx(float(row.stream == "picture")) for row in found.beside)


def test_deletion_curves_fall_sooner_by_a_faithful_attribution(picture):
    *_, found = picture
    by = {(row.method, row.of): row for row in found.deleted if row.cell == "clean"}
    assert by["integrated_gradients", "streams"].advantage.low > 0.2
    assert by["integrated_gradients", "picture"].advantage.low > 0.05
    assert by["integrated_gradients", "signal"].advantage.value == pytest.approx(0, abs=0.01)
    assert by["integrated_gradients", "picture"].first[0] > 0.9
    assert by["integrated_gradients", "picture"].first[-1] == pytest.approx(0.5, abs=0.01)


def test_attention_is_called_attention_and_judged_by_nothing(picture):
    run, model, data, _ = picture
    model.attention = lambda batch: {"picture": np.full(batch.size, 1.0), "signal": np.full(batch.size, 3.0)}
    try:
        found = attribute(run, model, data, samples=5, cells=["clean"])
        assert found.of("clean", "attention")["signal"].value == pytest.approx(0.75)
        assert "attention" not in {row.method for row in (*found.beside, *found.deleted)}
        model.attention = lambda batch: {"picture": np.full(batch.size, -1.0), "signal": np.zeros(batch.size)}
        with pytest.raises(ModelError, match="attention"):
            attribute(run, model, data, samples=5, cells=["clean"])
    finally:
        del model.attention


def judged(path, rows, head=("sample", "rater", "picture", "signal")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def test_people_who_say_what_is_so_agree_and_others_do_not(picture, tmp_path):
    run, model, data, _ = picture
    ids = [sample.id for sample in data]
    right = [(name, who, 9 + k % 2, k % 2) for k, name in enumerate(ids) for who in ("ann", "bob")]
    streams, known = ("picture", "signal"), run.samples["id"].to_pylist()
    for rows, good in ((right, True), ([(a, b, d, c) for a, b, c, d in right], False)):
        found = attribute(
            run, model, data, samples=40, cells=["clean"],
            judgements=load_judgements(judged(tmp_path / "said.csv", rows), streams, known),
        ).judged["integrated_gradients"]  # fmt: skip
        assert (found["alpha"].value > 0.9) is good
        assert (found["spearman"].low > 0) if good else (found["spearman"].high < 0)
        assert found["alpha_raters"].value == pytest.approx(1)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("other", "ann", 1, 0)], "must be one of the run's, got 'other'"),
        ([("s000", "ann", 1, 0), ("s000", "ann", 1, 0)], "twice"),
        ([("s000", "ann", 0, 0)], "one stream must count"),
        ([("s000", "ann", -1, 2)], "at least 0, got '-1'"),
        ([("s000", "ann", "much", 2)], "at least 0, got 'much'"),
        ([("s000", "ann", "nan", 2)], "at least 0, got 'nan'"),
        ([("s000", "ann", 1)], "at least 0, got None"),
        ([], "a row for each judgement"),
    ],
)
def test_judgements_that_cannot_be_used_are_refused(tmp_path, rows, says):
    with pytest.raises(InputError, match=says):
        load_judgements(judged(tmp_path / "said.csv", rows), ("picture", "signal"), ["s000", "s001"])


def test_judgements_of_other_streams_are_refused(tmp_path):
    path = judged(tmp_path / "said.csv", [("s000", 1)], ("sample", "pictur"))
    with pytest.raises(InputError, match="no picture"):
        load_judgements(path, ("picture", "signal"), ["s000"])
    path = judged(tmp_path / "more.csv", [("s000", 1, 1, 1)], ("sample", "picture", "signal", "sound"))
    with pytest.raises(InputError, match="got 'sound'"):
        load_judgements(path, ("picture", "signal"), ["s000"])


def test_what_cannot_be_attributed_is_refused(picture):
    run, model, data, _ = picture
    with pytest.raises(ModelError, match="must give gradients"):
        attribute(run, lambda batch: np.zeros((batch.size, 2)), data)
    with pytest.raises(RunError, match="must answer as it did in the run"):
        attribute(run, only_together()[0], data, samples=4, cells=["clean"])
    with pytest.raises(InputError, match="data without"):
        attribute(run, model, data[1:], samples=4)
    with pytest.raises(InputError, match="must be cells of the run"):
        attribute(run, model, data, cells=["nosy*"])
    for options, says in (
        ({"samples": 0}, "samples must be a whole number"),
        ({"confidence": 1.0}, "confidence must be between"),
        ({"tolerance": True}, "tolerance must be between"),
        ({"fill": "zero"}, "zeros"),
    ):
        with pytest.raises(InputError, match=says):
            attribute(run, model, data, **options)


def test_a_model_whose_gradients_are_not_its_own_has_null_and_the_reason(picture):
    run, _, data, _ = picture
    model = only_picture()[0]
    logits = model.logits
    model.logits = lambda inputs: (
        logits({name: (each * 8).round() / 8 for name, each in inputs.items()})
        + 0 * sum(each.sum() for each in inputs.values())
    )
    model.__class__ = type("Rounded", (type(model),), {"__call__": lambda self, batch: only_picture()[0](batch)})
    found = attribute(run, model, data, samples=2, cells=["clean"])
    share = found.of("clean", "integrated_gradients")["picture"]
    assert share.value is None
    assert "do not add up" in share.note
    assert found.of("clean", "occlusion")["picture"].value is not None


def test_the_command_on_the_demo(tmp_path, capsys):
    """A stream of text, a recording that begins at silence, and the demo found without being named."""
    suite = {"suite": "few@1", "scenarios": {"gone": {"all": "missing", "grid": "subsets"}}}
    run = stress.run("demo", "demo", suite, tmp_path / "run", limit=20, preflight=False, workers=1, examples=0)
    assert main(["attribute", str(run.path), "--samples", "2"]) == 0
    said = capsys.readouterr().out
    assert "integrated gradients" in said
    found = json.loads((run.path / "attribution.json").read_text())
    assert found["gaps"]["clean"] <= COMPLETE
    assert {row["stream"] for row in found["beside"]} == {"image", "audio", "text"}
    assert main(["attribute", str(run.path), "--model", "demo:early", "--samples", "3"]) == 2
    assert "the model must be the run's" in capsys.readouterr().err
