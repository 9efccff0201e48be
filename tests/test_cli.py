"""What people type and read: exit statuses, errors, and what is left behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

import perturbations
import stress
from stress.cli import main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a manifest of two real files, a suite and a model, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        cv2.imwrite(f"{name}.png", rng.integers(0, 255, (20, 20, 3), np.uint8))
        soundfile.write(f"{name}.wav", np.sin(np.arange(4000) / 7) * 0.3, 8000)
    Path("data.csv").write_text(
        "id,image,audio,text,label,group:who\n1,a.png,a.wav,hello there,x,ann\n2,b.png,b.wav,good bye,y,bob\n"
    )
    Path("suite.yaml").write_text("suite: mine@1\nscenarios:\n  noise: {image: gaussian_noise}\n")
    Path("model.py").write_text(
        "import numpy as np\n"
        "def predict(batch):\n"
        "    level = [0.5 if v is None else v.mean() / 255 for v in batch['image']]\n"
        "    return np.stack([level, 1 - np.array(level)], axis=1)\n"
    )
    return tmp_path


def run(*extra, suite="suite.yaml", data="data.csv", model="model.py:predict"):
    return main(["run", suite, "--model", model, "--data", data, "--workers", "1", *extra])


def test_a_project_of_ones_own(project, capsys):
    assert run() == 0
    assert (project / "runs" / "mine" / "report" / "index.html").exists()
    assert "12 records" in capsys.readouterr().out
    assert main(["measure", "runs/mine"]) == 0
    assert main(["report", "runs/mine"]) == 0
    assert main(["cite", "runs/mine"]) == 0
    assert "hendrycks2019" in capsys.readouterr().out


def test_init_writes_what_runs_can_start_from(project, capsys):
    assert main(["init", "new"]) == 0
    assert main(["validate", "new/stress.yaml"]) == 0
    mine = project / "new" / "stress_model.py"
    before = mine.read_text()
    mine.write_text(before + "# edited\n")
    assert main(["init", "new"]) == 0
    assert mine.read_text().endswith("# edited\n")


def damage_csv(old, new):
    return lambda: Path("data.csv").write_text(Path("data.csv").read_text().replace(old, new))


def damage_suite(text):
    return lambda: Path("suite.yaml").write_text(text)


BAD_INPUT = {
    "a misspelt perturbation": (
        damage_suite("suite: mine@1\nscenarios:\n  noise: {image: gausian_noise}\n"),
        ("suite.yaml:3:", "gausian_noise", "gaussian_noise"),
    ),
    "severity 7": (
        damage_suite("suite: mine@1\nseverities: [1, 7]\nscenarios:\n  noise: {image: gaussian_noise}\n"),
        ("suite.yaml:", "7", "[0, 5]"),
    ),
    "a duplicate key": (
        damage_suite("suite: mine@1\nscenarios:\n  noise: {image: gaussian_noise}\n  noise: {image: low_light}\n"),
        ("suite.yaml:4:", "noise"),
    ),
    "a missing file": (damage_csv("b.png", "nowhere.png"), ("data.csv:3:", "nowhere.png")),
    "no label column": (damage_csv("label", "labl"), ("data.csv:1:", "label", "labl")),
    "an empty data set": (
        lambda: Path("data.csv").write_text("id,image,audio,text,label\n"),
        ("data.csv", "at least one"),
    ),
    "a text file named .png": (
        lambda: Path("b.png").write_text("not a picture"),
        ("data.csv:3:", "b.png", "not an image"),
    ),
    "a broken WAV": (
        lambda: Path("b.wav").write_bytes(b"RIFF1234WAVEjunk"),
        ("data.csv:3:", "b.wav", "not a recording"),
    ),
    "two samples with one id": (damage_csv("\n2,", "\n1,"), ("data.csv", "line 3", "'1'", "line 2")),
    "no such model": (lambda: Path("model.py").write_text("x = 1\n"), ("model", "predict")),
    "a model that breaks": (
        lambda: Path("model.py").write_text("def predict(batch):\n    return 1 / 0\n"),
        ("model", "ZeroDivisionError"),
    ),
    "a model that answers too little": (
        lambda: Path("model.py").write_text("def predict(batch):\n    return [[0.5, 0.5]]\n"),
        ("model", "n = 2"),
    ),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_gives_one_clear_error(project, capsys, case):
    damage, expected = BAD_INPUT[case]
    damage()
    before = sorted(p.name for p in project.rglob("*") if "__pycache__" not in str(p))
    assert run() == 2
    said = capsys.readouterr()
    for part in expected:
        assert part in said.err, said.err
    assert "Traceback" not in said.err
    assert sorted(p.name for p in project.rglob("*") if "__pycache__" not in str(p)) == before


@pytest.mark.parametrize(
    ("task", "labels", "answer", "metric"),
    [
        ("regression", ("1.5", "-2"), "[1.0 for _ in batch['text']]", "mae"),
        ("transcription", ("hello there", "good day"), "[t or '' for t in batch['text']]", "wer"),
        ("free_text", ("hello", "bye"), "[t or '' for t in batch['text']]", "token_f1"),
        ("captioning", ("hello", "bye"), "[t or '' for t in batch['text']]", "chrf"),
        ("vqa", ("hello", "bye"), "[t or '' for t in batch['text']]", "vqa_accuracy"),
        ("multilabel", ("a|b", "b"), "[['b'] for _ in batch['text']]", "f1_samples"),
        ("retrieval", ("a", "b"), "[[0.9, 0.1] for _ in batch['text']]", "mrr"),
    ],
)
def test_other_tasks_by_name(project, capsys, task, labels, answer, metric):
    Path("data.csv").write_text(f"id,image,text,label\n1,a.png,hello there,{labels[0]}\n2,b.png,good bye,{labels[1]}\n")
    Path("model.py").write_text(f"def predict(batch):\n    return {answer}\n")
    damage_suite("suite: mine@1\nscenarios:\n  typos: {text: dropped_letters, severities: [5]}\n")()
    assert run("--task", task) == 0, capsys.readouterr().err
    assert main(["measure", "runs/mine", "--table", "cells"]) == 0
    assert f'"{metric}"' in capsys.readouterr().out
    assert run("--task", "clasification", "--out", "other") == 2
    assert "Did you mean classification" in capsys.readouterr().err


def test_the_help_names_every_task():
    from stress.cli import _options
    from stress.tasks import TASKS

    assert _options.TASKS == TASKS


def test_wrong_usage_is_status_2(project, capsys):
    assert main(["run"]) == 2
    assert main(["rnu", "demo"]) == 2
    assert run("--workers", "0") == 2
    assert run("--limit", "-3") == 2
    assert run(suite="nosuch") == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_fault_of_ours_says_so(project, capsys, monkeypatch):
    monkeypatch.setattr("stress.engine._execute.preflight", lambda *_: 1 / 0)
    assert run() == 70
    assert "report it" in capsys.readouterr().err


def test_an_interrupt_is_status_130(project, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("stress.engine._execute.preflight", interrupt)
    assert run() == 130


def test_dry_run_writes_nothing(project, capsys):
    assert run("--dry-run") == 0
    assert "12 records" in capsys.readouterr().out
    assert not (project / "runs").exists()


def test_what_was_paid_to_get_going_is_paid_again(project, monkeypatch, capsys):
    """A dry run's range holds what loading took: a factory that takes 1,000 s, by a clock that says so."""
    from stress.cli import _run

    now = _run.time.monotonic()
    moments = iter([now - 1000])  # when it began
    monkeypatch.setattr(_run.time, "monotonic", lambda: next(moments, now))
    assert run("--dry-run") == 0
    said = capsys.readouterr().out
    assert "between 12 min and 23 min" in said, said  # 0.7 and 1.4 times 1,000 s


def test_help_is_light():
    code = (
        "import sys\nfrom stress.cli import main\nmain(['--help'])\n"
        "heavy = {'torch', 'scipy.stats', 'pandas', 'matplotlib', 'numpy', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert len(sys.modules) < 200, len(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, stdout=subprocess.DEVNULL)


def test_importing_is_light():
    code = (
        "import sys, stress, perturbations\n"
        "heavy = {'torch', 'scipy.stats', 'pandas', 'matplotlib'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_the_console_script_and_the_module_are_one():
    script = shutil.which("stress", path=str(Path(sys.executable).parent))
    commands = [[sys.executable, "-m", "stress", "--help"], *([[script, "--help"]] if script else [])]
    texts = {subprocess.run(c, check=True, capture_output=True, text=True, cwd=ROOT).stdout for c in commands}
    assert len(texts) == 1


@pytest.mark.parametrize("command", [["report", "nosuch"], ["measure", "nosuch"], ["cite", "nosuch"]])
def test_a_path_where_nothing_is_is_said_to_be_that(project, command, capsys):
    assert main(command) == 2
    assert "nosuch: must be a run folder, got a path where nothing is." in capsys.readouterr().err


def test_a_folder_of_files_is_pointed_to_init(project, capsys):
    (project / "pictures").mkdir()
    assert run(data="pictures") == 2
    said = capsys.readouterr().err
    assert "got the folder 'pictures'." in said
    assert "stress init" in said


@pytest.mark.parametrize("made", ["Net()", "load"])
def test_an_object_with_a_method_is_told_which_one(project, made, capsys):
    Path("own.py").write_text(
        "class Net:\n    def predict(self, batch):\n        return batch\n\ndef load():\n    return Net()\n"
        f"\nmodel = {made}\n"
    )
    assert run(model="own.py:model") == 2
    assert "got an object of class Net. Give its method: predict." in capsys.readouterr().err


@pytest.mark.parametrize("word", ["perturbation", "perturbations", "suite"])
def test_list_says_what_it_lists(word, capsys):
    assert main(["list", word]) == 2
    said = capsys.readouterr().err
    assert "suites" in said
    assert repr(word) in said


@pytest.mark.parametrize("what", [[], ["image"], ["suites"], ["signals"]])
def test_a_list_fits_80_columns(what, capsys):
    assert main(["list", *what]) == 0
    said = capsys.readouterr().out
    assert all(len(line) <= 80 for line in said.splitlines())
    if what in ([], ["image"]):
        family = said.split("image (")[1].split("\n\n")[0]
        shown = [line.split()[0] for line in family.splitlines()[1:] if line[2] != " "]
        assert [f"image.{name}" for name in shown] == list(perturbations.names("image"))


def test_sources_are_of_perturbations_metrics_and_data(project, capsys):
    assert run("--limit", "2") == 0
    capsys.readouterr()
    assert main(["cite", "runs/mine"]) == 0
    said = capsys.readouterr().out
    perturbed, measured = said.split("% metrics")
    assert perturbed.startswith("% perturbations")
    assert "{hendrycks2019," in perturbed
    assert "{guo2017," in measured
    assert said.count("{guo2017,") == 1
    assert "% data" not in said  # a manifest of one's own has no source that we know
    for name, key in (
        ("CIFAR-10 test", "krizhevsky2009"),
        ("CIFAR-10-C fog 3", "hendrycks2019"),
        ("demo", "alpaydin1998"),
    ):
        assert stress.data.cited(name) == (key,)
    assert stress.data.cited("demonstration") == ()


def test_every_source_of_a_metric_is_in_the_bibliography():
    from perturbations._citations import references
    from stress.tasks import METRICS

    sources = {key for rows in METRICS.values() for each in rows if each.source for key in each.source.split("; ")}
    assert len(sources) > 5
    assert sources <= set(references())


def test_list_still_guesses_at_names(capsys):
    assert main(["list", "gausian_noise"]) == 2
    assert "Did you mean image.gaussian_noise" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["a\0b", "", 3, ["runs"]])
def test_a_folder_that_cannot_be_one_is_refused_before_any_work(project, out):
    import stress

    with pytest.raises(stress.StressError, match="out must be the path of a folder"):
        stress.run("demo", "demo", "demo", out=out)
    assert not (project / "runs").exists()


@pytest.mark.parametrize("suite", [["quick"], 3, None, lambda batch: batch])
def test_what_is_no_suite_is_said_to_be_none(project, suite):
    import stress

    with pytest.raises(stress.StressError, match="suite: must be a built-in name, a YAML file, a mapping or a Suite"):
        stress.run("demo", "demo", suite)
