"""A run in trackers: every number is there at its severity, files too; a tracker that fails costs nothing."""

import json
import math
import re
import socket
import sys
import time
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stress
from stress.cli import main
from stress.gate import judge, loads_gates, report_data, save
from stress.trackers import MLflow, TensorBoard, WandB, points_of, track, tracker_of
from stress.trackers._points import _Names
from tests.test_examples import example

RNG = np.random.default_rng(3)
PICTURES = [RNG.integers(0, 60, (8, 8, 3), dtype=np.uint8) + np.uint8(150 * (i % 2)) for i in range(8)]
SUITE = {
    "suite": "tracked@1",
    "severities": [1, 2],
    "scenarios": {
        "noise": {"image": "gaussian_noise"},
        "lost": {"image": "missing"},
        "both": {"image": "gaussian_noise", "text": "keyboard_typos", "grid": "product"},
        "each": {"image": "gaussian_noise", "text": "keyboard_typos", "grid": "each"},
        "between": {"image": "gaussian_noise", "severities": [0.5, 1]},
    },
}


def brightness(batch):
    return [[0.2, 0.8] if x is not None and x.mean() > 100 else [0.9, 0.1] for x in batch["image"]]


brightness.classes = ["dark", "bright"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    names = ["dark", "bright"]
    data = [stress.Sample(f"s{i}", {"image": p, "text": "some words"}, names[i % 2]) for i, p in enumerate(PICTURES)]
    made = stress.run(brightness, data, SUITE, tmp_path_factory.mktemp("tracked") / "v1", workers=1, examples=0)
    gates = loads_gates("gates:\n  - {metric: accuracy, on: {scenario: noise}, min: 0.5}\n")
    save(made.path / "gate.json", report_data(judge(made, gates)))
    made.report()
    return made


class Kept:
    """A tracker that keeps what it is given, and raises where it is told to."""

    def __init__(self, breaks=""):
        self.breaks, self.calls, self.ends = breaks, [], []

    def _call(self, name):
        self.calls.append(name)
        if name == self.breaks:
            raise ValueError("the server\nis gone: http://me:secret@example.org/x")

    def begin(self, suite, name, facts):
        self.opened = (suite, name, facts)
        self._call("begin")

    def points(self, points):
        self.got = points
        self._call("points")

    def files(self, files):
        self.kept = {name: path.read_bytes() for name, path in files.items()}
        self._call("files")

    def end(self, whole):
        self.ends.append(whole)
        self._call("end")
        return "there"


def expected(run):
    """Every defined number of the tables, by cell, metric and end of the interval."""
    found = {}
    for row in run.table("cells").to_pylist():
        for column in ("value", "low", "high"):
            if row[column] is not None and math.isfinite(row[column]):
                found[row["cell"], row["metric"], column] = row[column]
    return found


# -- what is told


def test_the_four_calls_come_in_order_and_say_who_was_run_on_what(run):
    tracker = Kept()
    assert track(run, tracker) == "there"
    assert tracker.calls == ["begin", "points", "files", "end"]
    assert tracker.ends == [True]
    suite, name, facts = tracker.opened
    assert (suite, name) == ("tracked", "v1")
    assert facts["model"] == "brightness"
    assert facts["samples"] == "8"
    assert facts["records"] == str(run.count)
    assert all(isinstance(value, str) for value in facts.values())
    assert tracker.kept["report/index.html"] == (run.path / "report" / "index.html").read_bytes()
    assert json.loads(tracker.kept["gate.json"])["outcome"] in ("pass", "fail", "undecided")


def test_every_number_of_every_cell_is_a_point_and_steps_are_severities(run):
    points = points_of(run)
    by_curve = {}
    for point in points:
        assert point.step not in by_curve.setdefault(point.curve, {}), "two numbers at one place"
        assert math.isfinite(point.value)
        by_curve[point.curve][point.step] = point.value
    ends = {"value": "", "low": "_low", "high": "_high"}
    numbers = expected(run)
    for (cell, metric, column), value in numbers.items():
        scenario, _, severity = cell.partition(":")
        if cell == "clean":
            place, step = "clean", 0
        elif scenario == "noise":
            place, step = scenario, int(severity)
        elif scenario == "between":
            place, step = "between severity_in_thousandths", round(1000 * float(severity))
        elif scenario == "each":
            continue  # looked at below
        else:
            place, step = re.sub(r"[=,]", "_", cell), 0
        assert by_curve[f"{place}/{metric}{ends[column]}"][step] == value
    assert set(by_curve["noise/accuracy"]) == {0, 1, 2}
    assert set(by_curve["between severity_in_thousandths/accuracy"]) == {0, 500, 1000}
    drawn = [name for name in by_curve if name.startswith("each ") and name.endswith("/accuracy")]
    assert len(drawn) == 2, "the two curves of one scenario"
    assert all(set(by_curve[name]) == {0, 1, 2} for name in drawn)


@settings(max_examples=50)
@given(st.lists(st.text("aA.:/ é=,\n-_", min_size=1, max_size=8), unique=True, max_size=6), st.integers(1, 300))
def test_names_fit_and_different_curves_stay_different(names, times):
    names = [f"{'long' * times if i % 2 else ''}{name}" for i, name in enumerate(names)]
    named = _Names()
    found = [named.of(f"{name}/accuracy") for name in names]
    assert len(set(found)) == len(names)
    assert found == [named.of(f"{name}/accuracy") for name in names]
    for name in found:
        assert re.fullmatch(r"[A-Za-z0-9_ .:/-]{1,250}", name)
        assert ".." not in name.split("/")
        assert name == name.strip("/ .")
        assert "//" not in name


def test_each_call_leaves_the_run_as_it_is(run):
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    track(run, Kept())
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


# -- what fails


@pytest.mark.parametrize("where", ["begin", "points", "files", "end"])
def test_a_tracker_that_fails_is_one_line_without_keys(run, where):
    tracker = Kept(breaks=where)
    with pytest.raises(stress.InputError) as error:
        run.track(tracker)
    said = str(error.value)
    assert said.startswith("track: Kept did not take the run: ValueError")
    assert "\n" not in said
    assert "secret" not in said
    assert tracker.ends[-1] is False


def test_a_run_without_records_is_refused(tmp_path, run):
    from shutil import copytree

    copytree(run.path, tmp_path / "empty")
    for part in (tmp_path / "empty" / "records").iterdir():
        part.unlink()
    tracker = Kept()
    with pytest.raises(stress.RunError, match="must have records"):
        stress.open(tmp_path / "empty").track(tracker)
    assert not tracker.calls


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("mlfow:sqlite:///x.db", "Did you mean mlflow"),
        ("mlflow", "must be mlflow:URI"),
        ("", "must be mlflow:URI"),
        (3, "must have the calls begin, points, files, end"),
        (Kept, "must have the calls"),
        ("mlflow:http://me:secret@example.org", "without a user or a password"),
        ("mlflow:tracking.db", r"sqlite:///FILE"),
        ("tensorboard:", "must be followed by a folder"),
        ("wandb:", "must be followed by a project"),
        ("wandb:a/b", "without / "),
    ],
)
def test_what_is_no_tracker_is_refused_before_any_work(to, says):
    with pytest.raises(stress.InputError, match=says) as error:
        tracker_of(to)
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_mlflow_without_a_uri(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(stress.InputError, match="followed by a URI"):
        tracker_of("mlflow:")


@pytest.mark.parametrize(("name", "place"), [("mlflow", "sqlite:///x.db"), ("wandb", "p"), ("tensorboard", "logs")])
def test_a_package_that_is_missing_names_its_extra(name, place, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    for module in [each for each in sys.modules if each.startswith(f"{name}.")]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "")
    with pytest.raises(stress.InputError, match=rf"multimodal-stress\[{name}\]"):
        tracker_of(f"{name}:{place}")


# -- one of another package


def installed(monkeypatch, folder, name, value):
    """A package with an entry point, as an installer leaves it."""
    about = folder / "some_tracker-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: some-tracker\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[multimodal_stress.trackers]\n{name} = {value}\n")
    monkeypatch.syspath_prepend(str(folder))


def test_an_installed_tracker_is_known_by_its_name(run, tmp_path, monkeypatch):
    module = types.ModuleType("some_tracker")
    module.kept = []
    module.make = lambda place: module.kept.append((place, Kept())) or module.kept[-1][1]
    monkeypatch.setitem(sys.modules, "some_tracker", module)
    installed(monkeypatch, tmp_path, "some", "some_tracker:make")
    assert run.track("some:place:1") == "there"
    assert module.kept[0][0] == "place:1"
    assert len(module.kept[0][1].got) == len(points_of(run))


@pytest.mark.parametrize(
    ("make", "says"),
    [(lambda place: 1 / 0, "cannot be made: ZeroDivisionError"), (lambda place: 3, "calls"), (str, "must return")],
)
def test_an_installed_tracker_that_is_none_is_one_error(make, says, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "some_tracker", types.SimpleNamespace(make=make))
    installed(monkeypatch, tmp_path, "some", "some_tracker:make")
    with pytest.raises(stress.InputError, match=says):
        tracker_of("some:x")


# -- the command line


def test_the_command_tracks_in_all_and_tells_what_failed(run, tmp_path, monkeypatch, capsys):
    kept = [Kept(), Kept(breaks="points"), Kept()]
    monkeypatch.setitem(sys.modules, "some_tracker", types.SimpleNamespace(make=lambda place: kept[int(place)]))
    installed(monkeypatch, tmp_path, "some", "some_tracker:make")
    assert main(["track", str(run.path), "--to", "some:0", "--to", "some:1", "--to", "some:2"]) == 2
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["there", "there"]
    assert "did not take the run" in shown.err
    assert "secret" not in shown.err
    assert main(["track", str(run.path), "--to", "some:0"]) == 0


def test_a_run_is_whole_although_its_tracker_fails(tmp_path, monkeypatch, capsys):
    kept = [Kept(), Kept(breaks="begin")]
    monkeypatch.setitem(sys.modules, "some_tracker", types.SimpleNamespace(make=lambda place: kept[int(place)]))
    installed(monkeypatch, tmp_path, "some", "some_tracker:make")
    asked = ["run", str(suite_file(tmp_path)), "--model", "demo", "--data", "demo", "--limit", "8", "--no-preflight"]
    quiet = ["--out", str(tmp_path / "r"), "--workers", "1", "--no-examples"]
    done = main([*asked, *quiet, "--track", "some:1", "--track", "some:0"])
    shown = " ".join(capsys.readouterr().out.split())
    assert done == 0
    assert "not tracked track: Kept did not take the run" in shown
    assert "tracked: there" in shown
    assert kept[0].ends == [True]
    assert stress.open(tmp_path / "r").info["finished"]


def suite_file(folder):
    path = folder / "little.yaml"
    path.write_text("suite: little@1\nseverities: [1]\nscenarios:\n  typos: {text: keyboard_typos}\n")
    return path


def test_an_unknown_tracker_ends_the_command_before_the_run(tmp_path, capsys):
    asked = ["run", str(suite_file(tmp_path)), "--model", "demo", "--data", "demo", "--out", str(tmp_path / "r")]
    assert main([*asked, "--track", "nothing:x", "--track", "tensorboard:"]) == 2
    said = capsys.readouterr().err
    assert "2 problems" in said
    assert not (tmp_path / "r").exists()


# -- the trackers themselves


def test_tensorboard_reads_every_number_at_its_step(run, tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    where = example("trackers").tensorboard(run.path, tmp_path / "logs")
    assert where == str(tmp_path / "logs" / "tracked" / "v1")
    read = reader.EventAccumulator(where, size_guidance={"scalars": 0, "tensors": 0})
    read.Reload()
    points = points_of(run)
    assert set(read.Tags()["scalars"]) == {point.curve for point in points}
    found = {(tag, each.step): each.value for tag in read.Tags()["scalars"] for each in read.Scalars(tag)}
    assert found == pytest.approx({(p.curve, p.step): p.value for p in points}, rel=1e-6)
    said = read.Tensors("gate.json")[0].tensor_proto.string_val[0].decode()
    assert json.loads(said) == json.loads((run.path / "gate.json").read_text())
    assert "brightness" in read.Tensors("run")[0].tensor_proto.string_val[0].decode()
    assert (tmp_path / "logs/tracked/v1/report/index.html").read_bytes() == (
        run.path / "report/index.html"
    ).read_bytes()
    assert run.track(TensorBoard(tmp_path / "logs")) == f"{where}-2", "nothing is overwritten"


def test_tensorboard_is_no_file(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "file").write_text("x")
    with pytest.raises(stress.InputError, match="got the file"):
        TensorBoard(tmp_path / "file")


@pytest.fixture
def no_network(monkeypatch):
    """Addresses other than this machine's raise: nothing phones home."""
    real = socket.socket.connect

    def connect(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a connection to {address}")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.mark.usefixtures("no_network")
def test_mlflow_has_every_number_at_its_step(run, tmp_path):
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    example("trackers").mlflow(run.path, tmp_path / "x.db")
    client = MlflowClient(f"sqlite:///{tmp_path / 'x.db'}")
    (experiment,) = [each for each in client.search_experiments() if each.name == "tracked"]
    (entry,) = client.search_runs([experiment.experiment_id])
    assert (entry.info.run_name, entry.info.status) == ("v1", "FINISHED")
    assert entry.data.params["model"] == "brightness"
    points = points_of(run)
    assert set(entry.data.metrics) == {point.curve for point in points}
    history = {each.step: each.value for each in client.get_metric_history(entry.info.run_id, "noise/accuracy")}
    assert history == {p.step: p.value for p in points if p.curve == "noise/accuracy"}
    assert {each.path for each in client.list_artifacts(entry.info.run_id)} == {"report", "gate.json", "run.json"}
    assert (tmp_path / "mlartifacts" / entry.info.run_id / "artifacts" / "report" / "index.html").is_file()
    run.track(MLflow(f"sqlite:///{tmp_path / 'x.db'}"))
    assert len(client.search_runs([experiment.experiment_id])) == 2


def logged(content):
    """The records of a log file of LevelDB's form: blocks of 32 KiB, each record whole, or first, middle and last."""
    place, parts = 7, []
    while place < len(content):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        parts.append(content[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (1, 4):
            yield b"".join(parts)
            parts = []


@pytest.mark.usefixtures("no_network")
def test_weights_and_biases_stays_offline_whatever_the_environment_says(run, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2 as pb

    monkeypatch.setenv("WANDB_MODE", "online")
    where = example("trackers").weights_and_biases(run.path, tmp_path)
    assert "offline-run-" in where
    (file,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    records = [pb.Record()]
    for _ in range(600):  # its own process writes the file, and ends it after the call that closes the run
        records = [pb.Record.FromString(content) for content in logged(file.read_bytes())]
        if records and records[-1].WhichOneof("record_type") == "exit":
            break
        time.sleep(0.1)
    found = {}
    for record in records:
        row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        found |= {(key, row["severity"]): value for key, value in row.items() if "/" in key}
    wanted = {(p.curve, p.step): p.value for p in points_of(run)}
    assert found == pytest.approx(wanted)


def test_wandb_online_must_be_said():
    pytest.importorskip("wandb")
    assert tracker_of("wandb:p")._online is False
    assert WandB("p")._online is False
    assert tracker_of("wandb-online:p")._online is True


def test_a_tracker_of_ones_own_takes_four_calls(run, tmp_path):
    file = tmp_path / "lines.txt"
    assert example("trackers").own(run.path, file) == str(file)
    first, *lines = file.read_text().splitlines()
    assert first == "tracked v1 brightness"
    assert len(lines) == len(points_of(run))
