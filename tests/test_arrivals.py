"""How values come: whether a stream stands still, and how old its value is – whatever the batch, shard or order."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perturbations
import scenarios
import stress
from perturbations import InputError, Sample
from perturbations.modality import MOST, arrivals
from stress import policy as policies
from stress.models import Batch
from stress.records.frame import Frame
from tests.little import Data

SUITE = """
suite: age@1
severities: [1, 5]
fallbacks: [drop]
scenarios:
  frozen: {camera: frozen}
  stale: {camera: stale}
  lagging: {camera: lagging}
  behind: {camera: out_of_step}
  order: {camera: out_of_order}
  noise: {camera: [frozen, gaussian_noise]}
  other: {camera: {name: wrong_pairing, partner: any}}
  loose: {camera: {name: intermittent, fill: previous}}
  lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}
"""


def picture(k):
    """A picture that tells which sample it is of, and is never black."""
    return np.full((6, 6, 1), k + 1, np.uint8)


def model(batch):
    """Right about the camera's picture; without it, about three of four that the other stream has."""
    numbers = [int(np.asarray(s if v is None else v).flat[0]) - 1 for v, s in zip(batch["camera"], batch["other"])]
    return ["ab"[(k + (v is None and k % 4 == 0)) % 2] for k, v in zip(numbers, batch["camera"])]


model.classes = ["a", "b"]


def film(count=60):
    """Three sequences, mixed and of uneven clocks, a sample of none, and one stretch that stands still by itself."""
    found = []
    for k in range(count):
        shown = 30 if k in (30, 33, 36, 39) else k  # four in a row of the first sequence
        streams = {"camera": picture(shown), "other": picture(k)}
        alone = k == count - 1
        found.append(Sample(f"s{k}", streams, "ab"[k % 2], {}, None if alone else "xyz"[k % 3], k / 4 + (k % 5) / 50))
    return found


def made(folder, count=60, **options):
    options = {"preflight": False, "workers": 1} | options
    return stress.run(options.pop("model", model), film(count), scenarios.loads(SUITE), folder, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return made(tmp_path_factory.mktemp("age") / "run")


def table(run):
    frame = Frame(run)
    names = [f"signal.camera.{name}" for name in arrivals.all]
    columns = [frame.column(name) for name in names]
    return {
        (frame.ids[cell], frame.samples[sample]): tuple(float(column[i]) for column in columns)
        for i, (cell, sample) in enumerate(zip(frame.cell, frame.sample))
    }


def test_repetitions_and_age_are_what_the_whole_sequence_shows(run):
    """By hand: every sequence is perturbed from its beginning, and each picture says whose it is."""
    found, data = table(run), stress.data.load_data(film())
    plan = scenarios.expand(scenarios.loads(SUITE), data.streams, has={"data", "sequence", "target"})
    names = [sample.sequence for sample in film()]
    checked = 0
    for cell in plan.cells:
        if "camera" in cell.streams and cell.fallback:
            continue
        for name in ("x", "y", "z"):
            before, count = None, 0
            for k in [k for k in range(60) if names[k] == name]:
                value = scenarios.perturb(cell, data[k], data, 0).streams["camera"]
                if value is None:
                    assert np.isnan(found[cell.id, f"s{k}"]).all()
                    before, count = None, 0
                    continue
                count = count + 1 if before is not None and np.array_equal(before, value) else 0
                before = value
                repeats, late = found[cell.id, f"s{k}"]
                assert repeats == count, (cell.id, k)
                source = int(value[0, 0, 0]) - 1
                if cell.scenario not in ("clean", "noise") and source != 30:
                    of = film()[source]
                    expected = film()[k].time - of.time if of.sequence == name else np.nan
                    assert late == pytest.approx(expected, abs=1e-5, nan_ok=True), (cell.id, k)
                    checked += 1
                elif cell.scenario == "clean":
                    assert late == 0
    assert checked > 500
    assert all(np.isnan(found[cell.id, "s59"]).all() for cell in plan.cells), "it is in no sequence"
    assert found["clean", "s39"] == (3.0, 0.0), "what stands still by itself, shows"


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 7, "workers": 2}, {"seed": 0, "limit": 40}])
def test_records_do_not_depend_on_how_the_work_is_cut(run, tmp_path, options):
    whole, part = table(run), table(made(tmp_path / "run", **options))
    assert len(part) > 500
    for key, value in part.items():
        assert value == pytest.approx(whole[key], abs=0, nan_ok=True), key


def test_what_comes_in_an_order_of_chance_is_the_same(run, tmp_path):
    """Each sample by itself: the one before is made again."""
    whole = table(run)
    for k in (30, 39, 58):
        for key, value in table(made(tmp_path / f"run{k}", samples=[f"s{k}"])).items():
            assert value == pytest.approx(whole[key], abs=0, nan_ok=True), key


def test_the_table_of_signals_shows_streams_that_stand_still_or_lag(run):
    rows = {(row["cell"], row["signal"]): row for row in run.table("signals").to_pylist()}
    assert rows["frozen:5", "frozen"]["value"] > 0.9
    assert rows["stale:5", "frozen"]["value"] > 0.85
    for cell in ("frozen:5", "lagging:5", "behind:5"):
        assert rows[cell, "late"]["value"] > 0.9
    assert 0.4 < rows["noise:5", "frozen"]["value"] < 0.55  # noise is new each time
    assert rows["noise:5", "late"]["value"] > 0.9


def test_without_a_sequence_there_is_nothing_to_say(tmp_path):
    data = [Sample(s.id, s.streams, s.target, {}, None, s.time) for s in film(12)]
    suite = scenarios.loads("suite: x@1\nseverities: [1]\nscenarios:\n  noise: {camera: gaussian_noise}\n")
    plain = stress.run(model, data, suite, tmp_path / "a", preflight=False, workers=1)
    assert not {f"signal.camera.{name}" for name in arrivals.all} & set(plain.records().column_names)
    data = [Sample(s.id, s.streams, s.target, {}, "x", None) for s in film(12)]
    timeless = table(stress.run(model, data, suite, tmp_path / "b", preflight=False, workers=1))
    assert timeless["clean", "s3"][0] == 0
    assert all(np.isnan(late) for _, late in timeless.values())
    silent = stress.run(model, film(12), suite, tmp_path / "c", preflight=False, workers=1, signals="none")
    assert not any(name.startswith("signal.") for name in silent.records().column_names)


@pytest.mark.parametrize("name", ["stream.frozen", "stream.stale", "stream.out_of_step", "stream.lagging",
                                  "stream.out_of_order", "stream.wrong_pairing"])  # fmt: skip
def test_a_fault_says_whose_value_it_delivers(name):
    """The declaration against the value: each picture is another, so that its bytes tell whose it is."""
    data = Data(24)
    for severity, sample in itertools.product((1, 3, 5), data):
        known = perturbations.get(name)
        one = {"partner": "other_class"} if name.endswith("pairing") else {}
        suite = scenarios.loads(f"suite: x@1\nseverities: [{severity}]\nscenarios:\n  a: {{image: {{name: {name}"
                                f"{', partner: other_class' if one else ''}}}}}\n")  # fmt: skip
        cell = scenarios.expand(suite, data.streams, has={"data", "sequence", "target"}).cells[1]
        value = scenarios.perturb_stream(sample, "image", cell.on("image"), data, 0)
        found = scenarios.captured(sample, "image", cell.on("image"), data, 0)
        there = data.position(sample.id) if found.position is None else found.position
        assert known.captured is not None
        assert np.array_equal(value, data[there].streams["image"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0, 1, None]), max_size=150))
def test_repetitions_are_counted_one_after_another(levels):
    came, before, count = policies.Arrivals(), None, 0
    for now, level in enumerate(levels):
        value = None if level is None else picture(level)
        found = came.next({"camera": value}, now=now, captured={"camera": now - 2})
        count = count + 1 if level is not None and level == before else 0
        before = level
        expected = {} if level is None else {"camera.frozen": min(count, MOST), "camera.late": 2}
        assert found == expected
    came.restart()
    assert came.next({"camera": picture(0)})["camera.frozen"] == 0


def test_repetitions_are_counted_up_to_a_hundred():
    came = policies.Arrivals()
    assert [came.next({"text": "same"})["text.frozen"] for _ in range(150)] == [*range(MOST), *[MOST] * 50]


RULE = {
    "signal": "camera.frozen",
    "below": 1.5,
    "then": {"signal": "camera.late", "below": 0.4, "then": "keep", "else": "drop camera"},
    "else": "drop camera",
}


class TestPolicies:
    policy = policies.Policy(RULE, ("keep", "drop camera"), ("camera.frozen", "camera.late"))

    def test_the_guarded_model_is_the_replay_record_by_record(self, run, tmp_path):
        replay = policies.replayed(run, self.policy)
        again = Frame(made(tmp_path / "run", model=policies.guard(model, self.policy), batch_size=7, preflight=True))
        seen = dict(zip(zip([again.ids[c] for c in again.cell], again.sample), again.column("score")))
        frame, acted = replay.frame, 0
        for record, action, right in zip(replay.record, replay.action, replay.right):
            assert seen[frame.ids[frame.cell[record]], frame.sample[record]] == right
            acted += action
        assert acted > 50

    def test_in_production_the_inputs_come_in_their_order(self, run):
        """Value by value along a sequence: what the guard decides there is what the records say."""
        data = stress.data.load_data(film())
        plan = scenarios.expand(scenarios.loads(SUITE), data.streams, has={"data", "sequence", "target"})
        cell = next(cell for cell in plan.cells if cell.id == "stale:5")
        only = policies.Policy(
            {"signal": "camera.frozen", "below": 1.5, "then": "keep", "else": "drop camera"},
            ("keep", "drop camera"), ("camera.frozen",),
        )  # fmt: skip
        replay = policies.replayed(run, only)
        frame = replay.frame
        mine = [frame.ids[c] == "stale:5" for c in replay.cell]
        right = dict(zip(frame.sample[replay.record[mine]].tolist(), replay.right[mine].tolist()))
        guarded = policies.guard(model, only, in_order=True)
        names = [sample.sequence for sample in film()]
        for name in ("x", "y", "z"):
            guarded.restart()
            rows = [k for k in range(60) if names[k] == name]
            for some in (rows[:5], rows[5:6], rows[6:]):
                changed = [scenarios.perturb(cell, data[k], data, 0) for k in some]
                answers = guarded(Batch.of(changed))
                assert [a == s.target for a, s in zip(answers, changed)] == [right[k] for k in some]

    def test_who_does_not_know_how_values_came_is_refused(self, tmp_path):
        guarded = policies.guard(model, self.policy)
        with pytest.raises(InputError, match=r"camera.frozen, which no value tells alone.*in_order=True"):
            guarded(Batch.of(film(4)))
        with pytest.raises(InputError, match="its data must come in sequences"):
            guarded(Batch(Batch.of(film(4)), arrived={}))
        numbers = {"camera.frozen": [0, 2, 0, 0], "camera.late": [0.0, 0.0, 1.0, float("nan")]}
        assert len(guarded(Batch(Batch.of(film(4)), arrived=numbers))) == 4
        with pytest.raises(InputError, match=r"camera.frozen must be one for each of 4 samples, got 1"):
            Batch(Batch.of(film(4)), arrived={"camera.frozen": [0]})
        with pytest.raises(InputError, match="now must be a time in seconds, got '12:00'"):
            policies.Arrivals().next({"camera": picture(1)}, now="12:00")

    def test_a_policy_on_age_is_fitted_where_a_driver_hangs(self, tmp_path):
        run = made(tmp_path / "run", 240, only=["frozen", "lost", "behind"])
        known = policies.fit(run, clean_loss=1)
        assert any(name.endswith((".frozen", ".late")) for name in known.policy.asked)
        assert known.on_clean.acts < 0.2
