"""A run: equal records however it is done, findings instead of crashes, and folders that are never mixed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import perturbations
import scenarios
import stress
from stress.data import from_samples
from stress.engine import Settings, execute, plan_run
from tests.worlds import SUITE, brightness, model, samples

ROOT = Path(__file__).resolve().parents[1]


def suite():
    return scenarios.loads(SUITE)


def records(run, *without):
    return run.records().drop_columns(["seconds", *without])


def assert_equal(one: pa.Table, other: pa.Table):
    assert one.schema.names == other.schema.names
    for name in one.schema.names:
        assert one[name].to_pylist() == other[name].to_pylist(), name


def test_records_are_equal_for_any_number_of_workers(tmp_path):
    runs = [
        stress.run(model(), samples(), suite(), tmp_path / str(workers), workers=workers, batch_size=8)
        for workers in (1, 4)
    ]
    assert_equal(*(records(run) for run in runs))
    one, other = (run.path / "records" / "part-000000.parquet" for run in runs)
    assert one.exists()
    assert other.exists()


def test_answers_do_not_depend_on_the_batch_size(tmp_path):
    one, other = (
        stress.run(model(), samples(), suite(), tmp_path / str(size), batch_size=size, workers=1) for size in (1, 64)
    )
    one, other = records(one, "batch"), records(other, "batch")
    assert one["prediction"].to_pylist() == other["prediction"].to_pylist()
    for name in ("confidence", "nll", "brier", "margin"):
        np.testing.assert_allclose(one[name].to_numpy(), other[name].to_numpy(), atol=1e-5)


def test_a_limit_keeps_the_records_that_it_keeps(tmp_path):
    whole = stress.run(brightness, samples(), suite(), tmp_path / "whole", workers=1)
    part = stress.run(brightness, samples(), suite(), tmp_path / "part", workers=1, limit=7)
    kept = set(part.records()["sample"].to_pylist())
    assert len(kept) == 7
    chosen = [sample in kept for sample in whole.records()["sample"].to_pylist()]
    assert_equal(records(part, "batch"), records(whole, "batch").filter(pa.array(chosen)))


def test_only_some_scenarios_keep_their_records(tmp_path):
    whole = stress.run(brightness, samples(), suite(), tmp_path / "whole", workers=1)
    part = stress.run(brightness, samples(), suite(), tmp_path / "part", workers=1, only=["hiss"])
    cells = part.cells["cell"].to_pylist()
    assert cells == ["clean", "hiss:1", "hiss:3"]
    chosen = [cell in cells for cell in whole.records()["cell"].to_pylist()]
    assert_equal(records(part), records(whole).filter(pa.array(chosen)))


SLOW_RUN = """
import sys, time
import stress.engine._writer as writer
writer._SHORTEST_S = 0.0
from pathlib import Path
from stress.engine import Settings, execute, plan_run
from tests.test_run import suite
from tests.worlds import brightness, samples
import stress.engine._plan as plan
plan._SHARD_SAMPLES = 8

asked = []

def slowly(batch):
    # Where a number is given, stand still at that question: there it is killed, however busy the machine.
    asked.append(1)
    if len(asked) == int(sys.argv[2]):
        time.sleep(3600)
    return brightness(batch)

settings = Settings(workers=1, batch_size=4, preflight=False)
outcome = execute(plan_run(slowly, samples(), suite(), None, settings), Path(sys.argv[1]))
print(outcome.reused)
"""


def slow_run(folder, until=0):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SLOW_RUN, str(folder), str(until)]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    uninterrupted = slow_run(tmp_path / "whole")
    assert uninterrupted.communicate()[0].strip() == "0"
    process = slow_run(tmp_path / "killed", until=60)
    while len(list((tmp_path / "killed" / "records").glob("part-*"))) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = slow_run(tmp_path / "killed")
    reused = int(again.communicate()[0])
    one, other = stress.open(tmp_path / "whole"), stress.open(tmp_path / "killed")
    assert 0 < reused < one.info["units"]
    assert_equal(records(one), records(other))
    whole = (tmp_path / "whole" / "records" / "part-000000.parquet").stat().st_size
    assert whole > 0


def test_a_finished_run_is_not_done_again(tmp_path):
    calls = []

    def counted(batch):
        calls.append(batch.size)
        return brightness(batch)

    settings = Settings(workers=1, preflight=False)
    execute(plan_run(counted, samples(), suite(), None, settings), tmp_path / "run")
    first = len(calls)
    outcome = execute(plan_run(counted, samples(), suite(), None, settings), tmp_path / "run")
    assert outcome.reused == outcome.run.info["units"]
    assert len(calls) - first < first


@pytest.mark.parametrize("damage", ["truncated", "emptied", "foreign"])
def test_a_damaged_part_is_done_again(tmp_path, damage):
    planned = plan_run(brightness, samples(), suite(), None, Settings(workers=1, preflight=False))
    good = records(execute(planned, tmp_path / "run").run)
    part = tmp_path / "run" / "records" / "part-000000.parquet"
    content = part.read_bytes()
    if damage == "truncated":
        part.write_bytes(content[: len(content) // 2])
    elif damage == "emptied":
        part.write_bytes(b"")
    else:
        other = plan_run(brightness, samples(), suite(), None, Settings(workers=1, preflight=False, seed=5))
        execute(other, tmp_path / "other")
        part.write_bytes((tmp_path / "other" / "records" / "part-000000.parquet").read_bytes())
    outcome = execute(planned, tmp_path / "run")
    assert outcome.reused == 0
    assert len(outcome.thrown) == 1
    assert_equal(good, records(outcome.run))


def test_two_streams_of_one_modality_get_different_draws(tmp_path):
    seen = {}

    def watching(batch):
        seen.setdefault("left", []).extend(batch["left"])
        seen.setdefault("right", []).extend(batch["right"])
        return np.tile(np.array([[1.0, 0.0]]), (batch.size, 1))

    grey = np.full((24, 24, 3), 128, np.uint8)
    world = [perturbations.Sample(str(i), {"left": grey, "right": grey}, target=i % 2) for i in range(2)]
    one = scenarios.loads("suite: two@1\nscenarios: {noise: {image: gaussian_noise, severities: [3]}}")
    stress.run(watching, world, one, tmp_path, workers=1, preflight=False)
    left, right = (v[-1].astype(float) - 128 for v in (seen["left"], seen["right"]))
    assert left.std() > 20
    assert abs(np.corrcoef(left.ravel(), right.ravel())[0, 1]) < 0.1


def test_a_sample_sees_the_same_noise_louder():
    grey = np.full((64, 64, 3), 128, np.uint8)
    noise = [
        perturbations.apply("image.gaussian_noise", grey, s, sample="7").astype(float).ravel() - 128 for s in (1, 3)
    ]
    assert np.corrcoef(*noise)[0, 1] >= 0.95


def faulty(batch):
    """Raise where a text is misspelt beyond letters known to the clean set, answer NaN where the picture is dark."""
    scores = brightness(batch)
    for row, (picture, sound) in enumerate(zip(batch["image"], batch["audio"], strict=True)):
        if sound is None:
            raise RuntimeError("no sound <script>alert(1)</script>")
        if picture is not None and picture.max() < 60:
            scores[row] = np.nan
    return scores


DARK = SUITE + "  dark: {image: {name: low_light, light: 0.002, gain: 0}}\n"


def test_failures_are_findings(tmp_path):
    run = stress.run(faulty, samples(), scenarios.loads(DARK), tmp_path / "run", workers=2, batch_size=8)
    rows = run.records().to_pylist()
    crashed = [row for row in rows if row["cell"] == "no-sound"]
    assert {row["status"] for row in crashed} == {"crash"}
    assert all(row["score"] is None and "no sound" in row["error"] for row in crashed)
    dark = [row for row in rows if row["cell"] == "dark"]
    assert {row["status"] for row in dark} == {"invalid"}
    others = [row for row in rows if row["cell"] not in ("no-sound", "dark")]
    assert {row["status"] for row in others} <= {"ok", "unchanged"}
    assert run.info["finished"]


def test_one_bad_sample_does_not_take_its_batch_along(tmp_path):
    def picky(batch):
        if any(sound.samples[0, :50].std() > 0 for sound in batch["audio"]) and batch.size > 1:
            raise ValueError("only alone")
        return brightness(batch)

    one = scenarios.loads("suite: one@1\nscenarios: {hiss: {audio: white_noise, severities: [1]}}")
    steady = stress.Audio(np.full((1, 800), 0.1, np.float32), 8000)
    quiet = [sample.with_streams({"audio": steady}) for sample in samples()]
    run = stress.run(picky, quiet, one, tmp_path, workers=1, batch_size=40)
    assert set(run.records()["status"].to_pylist()) == {"ok"}
    assert set(run.records(cells=["hiss:1"])["batch"].to_pylist()) == {1}
    assert set(run.records(cells=["clean"])["batch"].to_pylist()) == {40}


def test_a_model_that_hangs_is_timed_out(tmp_path):
    def hanging(batch):
        if any(value is None for value in batch["audio"]):
            time.sleep(7)
        return brightness(batch)

    run = stress.run(
        hanging,
        samples(10),
        suite(),
        tmp_path,
        workers=1,
        timeout=2,
        preflight=False,
        only=["no-sound"],
        batch_size=8,
    )
    lost = run.records(cells=["no-sound"])
    assert set(lost["status"].to_pylist()) == {"timeout"}


def test_another_model_is_refused(tmp_path):
    stress.run(model("late"), samples(), suite(), tmp_path, workers=1)
    with pytest.raises(stress.RunError, match=r"model\.weights was"):
        stress.run(model("early"), samples(), suite(), tmp_path, workers=1)


def test_another_model_of_the_same_name_and_without_a_hash_is_refused(tmp_path):
    class Served:
        """What is behind it – another process, a service – cannot be read."""

        def __init__(self, fusion):
            self.behind = iter([model(fusion)] * 10_000)

        def __call__(self, batch):
            return next(self.behind)(batch)

    stress.run(Served("late"), samples(), suite(), tmp_path, workers=1)
    stress.run(Served("late"), samples(), suite(), tmp_path, workers=1)
    with pytest.raises(stress.RunError, match="answers as another one would"):
        stress.run(Served("intermediate"), samples(), suite(), tmp_path, workers=1)


def test_other_data_another_suite_or_seed_are_refused(tmp_path):
    stress.run(brightness, samples(), suite(), tmp_path, workers=1)
    changed = [samples()[0].with_streams({"text": "another text"}), *samples()[1:]]
    with pytest.raises(stress.RunError, match=rf"sample '{changed[0].id}' .*has other content"):
        stress.run(brightness, changed, suite(), tmp_path, workers=1)
    with pytest.raises(stress.RunError, match="seed was 0, now is 1"):
        stress.run(brightness, samples(), suite(), tmp_path, workers=1, seed=1)
    other = scenarios.loads(SUITE.replace("[1, 3]", "[1, 4]"))
    with pytest.raises(stress.RunError, match=r"cell noise:3 is gone(.|\n)*cell noise:4 is new"):
        stress.run(brightness, samples(), other, tmp_path, workers=1)


def test_chosen_samples_and_a_limit_belong_to_a_run(tmp_path):
    chosen = tuple(sample.id for sample in samples()[:7])
    run = stress.run(brightness, samples(), suite(), tmp_path, workers=1, samples=chosen)
    assert len(run.records(cells=["clean"])) == 7
    with pytest.raises(stress.RunError, match="chosen was"):
        stress.run(brightness, samples(), suite(), tmp_path, workers=1)
    with pytest.raises(stress.InputError, match="must be ids of the data"):
        stress.run(brightness, samples(), suite(), tmp_path / "b", workers=1, samples=("nobody",))


def test_samples_that_belong_together_are_drawn_together(tmp_path):
    alone = stress.run(brightness, samples(), suite(), tmp_path / "a", workers=1)
    together = stress.run(brightness, samples(), suite(), tmp_path / "b", workers=1, cluster="voice")
    assert together.info["cluster"] == "voice"
    methods = [{row["method"] for row in run.table("curves").to_pylist()} for run in (alone, together)]
    assert methods[0] != methods[1]
    with pytest.raises(stress.InputError, match=r"cluster must be a group of the data.*voice"):
        stress.run(brightness, samples(), suite(), tmp_path / "c", workers=1, cluster="voce")


def test_a_folder_in_use_or_of_somebody_else_is_refused(tmp_path):
    from stress.engine._lock import lock

    with lock(tmp_path), pytest.raises(stress.RunError, match="in use"):
        stress.run(brightness, samples(10), suite(), tmp_path, workers=1)
    (tmp_path / "thesis.docx").write_text("ten years of work")
    with pytest.raises(stress.RunError, match="must be empty or a run folder"):
        stress.run(brightness, samples(10), suite(), tmp_path, workers=1)


def test_preflight_calls_a_non_deterministic_model_by_name(tmp_path):
    rng = np.random.default_rng(0)

    def moody(batch):
        return brightness(batch) + rng.random((batch.size, 10))

    outcome = execute(plan_run(moody, samples(10), suite(), None, Settings(workers=1)), tmp_path)
    warnings = [check for check in outcome.checks if check.outcome == "warning"]
    assert any("non-deterministic" in check.says for check in warnings)
    assert any(check["outcome"] == "warning" for check in json.loads((tmp_path / "run.json").read_text())["preflight"])


def test_preflight_finds_a_model_that_looks_at_its_neighbours(tmp_path):
    def sociable(batch):
        scores = brightness(batch)
        return scores + scores.mean(axis=0) * 3

    outcome = execute(plan_run(sociable, samples(10), suite(), None, Settings(workers=1)), tmp_path)
    assert any("alone and together" in check.says for check in outcome.checks)


def test_an_unchanged_input_is_said_so(tmp_path):
    world = [s.with_streams({"text": "1234 5678"}) for s in samples(10)]
    run = stress.run(brightness, world, suite(), tmp_path, workers=1, only=["typos"])
    assert set(run.records(cells=["typos:3"])["status"].to_pylist()) == {"unchanged"}


class Made:
    """Samples that are made when they are asked for; one of them cannot be, from some time on."""

    def __init__(self, broken=None):
        self.broken = broken

    def __len__(self):
        return 12

    def __getitem__(self, position):
        if position == self.broken:
            raise OSError("the disk is gone")
        return samples(12)[position]


def needs_an_argument(count):
    return samples(count)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (5, "must be samples .* got 5"),
        ({"a": 1}, r"samples\[0\]: cannot be loaded: KeyError"),
        (Made(7), r"samples\[7\]: cannot be loaded: OSError.*the disk is gone"),
        ("tests.test_run:needs_an_argument", "needs_an_argument must return samples when it is called, but raised"),
    ],
)
def test_data_that_cannot_be_loaded_are_told_before_any_work(tmp_path, data, says):
    with pytest.raises(stress.InputError, match=says):
        stress.run(brightness, data, suite(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_sample_that_is_lost_on_the_way_is_named_and_the_run_goes_on_when_it_is_back(tmp_path):
    made = Made()
    data = from_samples(made)
    made.broken = 11
    settings = {"workers": 1, "preflight": False}
    with pytest.raises(stress.InputError, match=r"sample '.*' cannot be loaded: OSError"):
        stress.run(brightness, data, suite(), tmp_path / "run", **settings)
    made.broken = None
    run = stress.run(brightness, data, suite(), tmp_path / "run", **settings)
    whole = stress.run(brightness, samples(12), suite(), tmp_path / "other", **settings)
    assert run.records().drop_columns("seconds").equals(whole.records().drop_columns("seconds"))


def test_a_module_that_fails_when_it_is_imported_is_named(tmp_path, monkeypatch):
    (tmp_path / "failing_here.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(stress.InputError, match="model: failing_here cannot be imported: it raised ZeroDivisionError"):
        stress.run("failing_here:model", samples(12), suite(), tmp_path / "run")
