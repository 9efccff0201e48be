"""What a continued run may reuse: records of this model, of these samples, and of nothing that failed."""

import functools
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import scenarios
import stress
from stress.cli import main
from stress.engine import Settings, execute, plan_run
from stress.engine._canaries import canaries
from stress.engine._plan import job_of
from stress.models import load_model, source_of
from tests.worlds import SUITE, brightness, loose, samples

ROOT = Path(__file__).resolve().parents[1]
SMALL = """
suite: small@1
severities: [3]
scenarios:
  noise: {image: gaussian_noise}
  no-sound: {audio: missing}
"""

MODEL = '''"""A model that breaks without sound."""
from helper import level
from tests.worlds import brightness

def predict(batch):
    """Answer."""
    scores = brightness(batch)
    for row, sound in enumerate(batch["audio"]):
        scores[row] += level(sound)
    return scores
'''
HELPER = """import numpy as np

def level(sound):
    return float(np.abs(sound.samples).mean())
"""
MENDED = HELPER.replace("    return", "    if sound is None:\n        return 0.0\n    return")


def world():
    return samples(20)


def suite(text=SMALL):
    return scenarios.loads(text)


def content(run):
    return sorted(map(repr, run.records().drop_columns(["seconds", "batch"]).to_pylist()))


def run(out, model=brightness, data=None, text=SMALL, **settings):
    """Return the outcome of a run of one worker."""
    settings = Settings(**{"workers": 1, "preflight": False, "batch_size": 8, **settings})
    return execute(plan_run(model, samples(20) if data is None else data, suite(text), None, settings), out)


@pytest.mark.parametrize("backend", ["threads", pytest.param("processes", marks=pytest.mark.slow)])
def test_a_mended_model_on_the_command_line(tmp_path, monkeypatch, capsys, backend):
    """The first thing everybody does: a crash, a line mended in a helper, the same command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "suite.yaml").write_text(SMALL)

    def go(name, helper, *more):
        """Run a model's folder as it is now, as a new process would: nothing of it is imported."""
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "model.py").write_text(MODEL.replace("helper", f"helper_{name}_{backend}"))
        (folder / f"helper_{name}_{backend}.py").write_text(helper)
        for module in [n for n, m in sys.modules.items() if str(getattr(m, "__file__", "")).startswith(str(folder))]:
            del sys.modules[module]
        command = ["run", "suite.yaml", "--model", f"{name}/model.py:predict", "--data", "tests.test_continuing:world"]
        workers = "1" if backend == "processes" else "2"  # each is a process that has everything to import
        status = main(
            [*command, "--workers", workers, "--backend", backend, "--no-report", "--out", f"runs-{name}", *more]
        )
        said = capsys.readouterr()
        return status, " ".join((said.out + said.err).split())

    def statuses(out):
        return set(stress.open(tmp_path / out).records(cells=["no-sound"])["status"].to_pylist())

    assert go("mended", HELPER)[0] == 0
    assert statuses("runs-mended") == {"crash"}
    status, said = go("mended", MENDED)
    assert status == 2
    assert f"helper_mended_{backend} has changed" in said
    assert "--fresh" in said
    assert "--accept-model" in said
    assert statuses("runs-mended") == {"crash"}
    assert go("mended", MENDED, "--fresh")[0] == 0
    assert statuses("runs-mended") == {"crash"}
    assert statuses("runs-mended-2") == {"ok"}
    status, said = go("mended", MENDED, "--accept-model", "lost sound is silence now")
    assert status == 0
    assert "asked again: 20 failed records" in said
    assert "continued: 2 of 3 units were there already (begun" in said
    assert statuses("runs-mended") == {"ok"}
    info = stress.open("runs-mended").info
    assert [each["why"] for each in info["mixed"]] == ["lost sound is silence now"]
    assert (info["reused"]["units"], info["reused"]["failures_asked_again"]) == (2, 20)
    page = stress.open("runs-mended").report().read_text(encoding="utf-8")
    assert "Mixed run." in page
    assert "lost sound is silence now" in page
    assert "20 failed records asked again" in page
    Path("gate.yaml").write_text("gates: [{metric: accuracy, on: clean, min: 0}]")
    assert main(["gate", "runs-mended", "gate.yaml"]) == 3
    assert "--allow-mixed" in capsys.readouterr().out
    assert main(["gate", "runs-mended", "gate.yaml", "--allow-mixed"]) == 0


def sourced(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return source_of(folder / "main.py")


def test_what_does_not_run_is_no_part_of_a_models_code(tmp_path):
    before = sourced(
        tmp_path, main="import beside\n\ndef f(x):\n    return beside.g(x) + 1\n", beside="def g(x): return x\n"
    )
    assert set(before) == {"main.py", "beside"}
    said = (
        '"""Say."""\n# a comment\n\nimport beside\n\n\ndef f(x):\n    """Do."""\n    return (beside.g(x)\n      + 1)\n'
    )
    assert sourced(tmp_path, main=said) == before
    for name, text in (
        ("main", "import beside\n\ndef f(x):\n    return beside.g(x) + 2\n"),
        ("beside", "def g(x): return 2 * x\n"),
    ):
        old = (tmp_path / f"{name}.py").read_text()
        assert sourced(tmp_path, **{name: text}) != before
        (tmp_path / f"{name}.py").write_text(old)
    assert source_of(tmp_path / "main.py") == before


def test_installed_packages_are_versions_and_imports_are_followed_wherever_they_stand(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "one.py").write_text("from . import two\nfrom .three import x\n")
    (tmp_path / "pack" / "two.py").write_text("import json\n")
    (tmp_path / "pack" / "three.py").write_text("x = 1\n")
    found = sourced(tmp_path, main="def f():\n    import numpy.linalg\n    from pack.one import two\n")
    assert set(found) == {"main.py", "numpy", "pack", "pack.one", "pack.two", "pack.three"}
    assert found["numpy"] == f"version {np.__version__}"


SCALE = 2
TABLE = {"a": [1, 2], "b": np.arange(3)}


def uses_globals(batch):
    return brightness(batch) * SCALE + TABLE["b"].sum()


def closed_over(threshold, how=None):
    calls = []

    def predict(batch):
        calls.append(batch.size)
        return brightness(batch) * threshold if how is None else how(batch)

    return predict


def shifted(batch, by):
    return np.roll(brightness(batch), by, axis=1)


class Weighted:
    def __init__(self, value):
        self.value = np.full(1000, value)

    def state_dict(self):
        return {"value": self.value}

    def __call__(self, batch):
        return brightness(batch) + self.value[0] * 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (closed_over(1), closed_over(1.0)),
        (closed_over(1, lambda b: brightness(b)), closed_over(1, lambda b: brightness(b) * 1)),
        (functools.partial(shifted, by=1), functools.partial(shifted, by=2)),
        (Weighted(1), Weighted(1 + 1e-12)),
        (lambda batch: 1, lambda batch: 2),
    ],
)
def test_callables_that_differ_in_code_or_data_are_others(one, other):
    one, other = load_model(one), load_model(other)
    assert (one.code, one.weights) != (other.code, other.weights)


def test_globals_belong_to_a_function(monkeypatch):
    before = load_model(uses_globals).code
    assert load_model(uses_globals).code == before
    monkeypatch.setitem(TABLE, "b", np.arange(3) + 1)
    changed = load_model(uses_globals).code
    assert changed != before
    monkeypatch.undo()
    monkeypatch.setattr("tests.test_continuing.SCALE", 3)
    assert load_model(uses_globals).code not in (before, changed)


def test_what_a_model_counts_while_it_answers_is_not_who_it_is(tmp_path):
    model = closed_over(1)
    assert run(tmp_path, model).reused == 0
    again = run(tmp_path, model)
    assert again.reused == again.run.info["units"]
    assert "model.calls" in again.run.info["model_unread"]
    with pytest.raises(stress.RunError, match=r"model\.threshold has changed"):
        run(tmp_path, closed_over(1.0))


def test_what_cannot_be_read_is_said(tmp_path):
    draws = iter([0] * 10_000)

    def predict(batch):
        return brightness(batch) + next(draws)

    checks = run(tmp_path, predict, preflight=True).checks
    (check,) = (check for check in checks if check.name.startswith("the model is recognised"))
    assert check.outcome == "warning"
    assert "model.draws" in check.says


def test_weights_that_a_model_names_are_part_of_it(tmp_path):
    file = tmp_path / "weights.bin"

    def predict(batch):
        return brightness(batch)

    predict.identity = [file]
    found = []
    for text in ("one", "two", "one"):
        file.write_text(text)
        found.append(load_model(predict).weights)
    assert found[0] == found[2] != found[1]


def fails_in_words(text):
    def predict(batch):
        if any(sound is None for sound in batch["audio"]):
            raise RuntimeError(text())
        return brightness(batch)

    return predict


def test_an_error_whose_text_varies_is_the_same_error(tmp_path):
    times = iter(range(10**6))
    model = fails_in_words(lambda: f"at {next(times)}")
    run(tmp_path, model)
    assert run(tmp_path, model, keep_failures=True).failed == 0
    assert run(tmp_path, model).failed == 20


def test_canaries_stay_under_a_megabyte():
    wide = np.random.default_rng(0).random((20, 100_000))
    long = ["a" * 400_000] * 20
    for answer in (lambda batch: wide[: batch.size], lambda batch: long[: batch.size], lambda batch: wide[0, 0]):
        planned = plan_run(answer, samples(20), suite(SUITE), None, Settings(workers=1))
        job = job_of(planned, planned.task)
        found = canaries(job, samples(8), planned.plan.cells, 1)
        assert len(json.dumps(found)) < 2**20
        assert {cell.partition(":")[0] for cell in found} == {"clean", "noise", "hiss", "typos", "night", "no-sound"}
        assert all(found[cell] is not None for cell in found)


@pytest.mark.parametrize("data", [samples, loose])
@pytest.mark.parametrize("steps", [(7, 13, 20, 7, None, 3, 20), (20, 3, 13)])
def test_a_limit_grows_and_shrinks_over_one_folder(tmp_path, data, steps, monkeypatch):
    monkeypatch.setattr("stress.engine._plan._SHARD_SAMPLES", 5)
    asked = []

    def counting(batch):
        asked.append(batch.size)
        return brightness(batch)

    asked_of = {}
    for number, limit in enumerate(steps):
        asked.clear()
        found = run(tmp_path / "run", counting, data(20), limit=limit)
        asked_of[number] = sum(asked)
        assert content(found.run) == content(run(tmp_path / f"alone-{number}", data=data(20), limit=limit).run)
        assert found.run.samples.num_rows == (limit or 20)
    last = len(steps) - 1
    assert asked_of[last] < asked_of[0]  # the canaries alone, where all was there already


def shuffled(given):
    return [given[i] for i in np.random.default_rng(1).permutation(len(given))]


def test_data_in_another_order_go_on_and_can_be_compared(tmp_path):
    first = run(tmp_path / "run")
    again = run(tmp_path / "run", data=shuffled(samples(20)))
    assert again.reused == again.run.info["units"]
    assert content(again.run) == content(first.run)
    other = run(tmp_path / "other", data=shuffled(samples(20)))
    assert other.run.info["identity"]["data"]["content"] == first.run.info["identity"]["data"]["content"]
    assert main(["compare", str(tmp_path / "run"), str(tmp_path / "other")]) == 0


TEXTS = "suite: t@1\nscenarios: {typos: {text: {name: keyboard_typos}, severities: [3]}, other: {text: mismatch}}"


@pytest.mark.parametrize("samples", [samples, loose])
def test_samples_that_are_added_are_done_and_the_old_ones_kept(tmp_path, samples, monkeypatch):
    monkeypatch.setattr("stress.engine._plan._SHARD_SAMPLES", 7)
    first = run(tmp_path / "run", data=samples(20))
    extended = [*reversed(samples(40)[20:]), *shuffled(samples(20))]
    found = run(tmp_path / "run", data=extended)
    assert found.reused == first.run.info["units"]
    assert found.run.samples.num_rows == 40
    one = {(r["id"], r["cell"]): r["score"] for r in by_id(found.run)}
    whole = run(tmp_path / "whole", data=samples(40)).run
    assert one == {(r["id"], r["cell"]): r["score"] for r in by_id(whole)}
    assert run(tmp_path / "run", data=extended).reused == found.run.info["units"]


def by_id(found):
    ids = dict(zip(found.samples["order"].to_pylist(), found.samples["id"].to_pylist(), strict=True))
    return [{**row, "id": ids[row["sample"]]} for row in found.records().to_pylist()]


def test_a_refusal_names_the_first_sample_that_differs(tmp_path):
    run(tmp_path)
    changed = list(samples(20))
    changed[3] = changed[3].with_streams({"text": "other"})
    with pytest.raises(stress.RunError, match=rf"sample '{changed[3].id}' \(number 4 of 20\) has other content"):
        run(tmp_path, data=changed)
    with pytest.raises(stress.RunError, match=rf"sample '{samples(20)[19].id}' .* is no longer in the data"):
        run(tmp_path, data=samples(19))


def test_the_ways_out_in_python(tmp_path):
    given = {"out": tmp_path / "run", "workers": 1, "preflight": False}
    stress.run(closed_over(1), samples(20), suite(), **given)
    with pytest.raises(stress.RunError, match="--fresh"):
        stress.run(closed_over(2), samples(20), suite(), **given)
    assert stress.run(closed_over(2), samples(20), suite(), **given, fresh=True).path == tmp_path / "run-2"
    mixed = stress.run(closed_over(2), samples(20), suite(), **given, accept_model="twice as sure is as right")
    assert mixed.info["mixed"][0]["why"] == "twice as sure is as right"
    assert stress.run(closed_over(2), samples(20), suite(), **given).info["mixed"] == mixed.info["mixed"]
    with pytest.raises(stress.InputError, match="must say why"):
        stress.run(closed_over(3), samples(20), suite(), **given, accept_model=" ")
