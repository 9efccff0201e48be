"""The monitor: what is clean raises no alarm, what is degraded is found, named and placed on the run's scale."""

import io
import json
import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stress
from perturbations import InputError, RunError
from stress import policy as policies
from stress.monitor import (
    Monitor,
    MonitorOptions,
    RefusedError,
    fit_severities,
    line_arrivals,
    open_history,
    read_item,
    read_reference,
)
from stress.monitor._harm import Harm
from tests import monitor_world as world


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return world.write(tmp_path_factory.mktemp("run") / "watched")


@pytest.fixture(scope="module")
def reference(run):
    return read_reference(run)


@pytest.fixture(scope="module")
def laws(reference):
    return laws_of(reference)


@pytest.fixture(scope="module")
def clean():
    return world.rows(300)


GERMAN = ["der", "die", "und", "den", "von", "zu", "das", "mit", "sich", "auf", "ist"]
GREEK = ["και", "το", "να", "του", "η", "της", "με", "που", "την", "από"]


LAWS = []


def laws_of(reference):
    """The severities of a reference, fitted once."""
    known = next((laws for one, laws in LAWS if one is reference), None)
    if known is None:
        known = fit_severities(reference)
        LAWS.append((reference, known))
    return known


def watch(reference, rows, path, **options):
    """Events of a monitor that takes some rows, and its history."""
    content = rows if isinstance(rows, bytes) else world.lines(rows)
    history = open_history(path / "h.sqlite", writer=True, monitor=True)
    try:
        monitor = Monitor(reference, history, MonitorOptions(**{"window": 50, **options}), None, laws_of(reference))
        events = list(monitor.watch(line_arrivals(io.BytesIO(content), "line"), "lines"))
        found = {
            name: history.rows(f"SELECT * FROM {name}")  # noqa: S608
            for name in ("windows", "alerts", "signals", "exceptions", "collect")
        }
    finally:
        history.close()
    return events, found


def kinds(found):
    return {row["kind"] for row in found["alerts"]}


def exceptions(found):
    return {row["kind"]: row["count"] for row in found["exceptions"]}


def test_clean_production_raises_no_alarm_and_is_called_clean(reference, clean, tmp_path):
    events, found = watch(reference, clean, tmp_path)
    assert not found["alerts"]
    assert [row["n"] for row in found["windows"]] == [50] * 6
    assert {row["scenario"] for row in found["windows"]} == {"clean"}
    truth = reference.scenes[0].score
    assert all(row["low"] <= truth <= row["high"] for row in found["windows"])
    assert [event["id"] for event in events] == [row["id"] for row in found["windows"]]


@pytest.mark.parametrize(
    ("perturbation", "scenario", "signal"),
    [
        ("image.low_light", "low-light", "image."),
        ("image.gaussian_noise", "sensor-noise", "image."),
        ("audio.white_noise", "hiss", "audio."),
        ("text.keyboard_typos", "typos", "text."),
    ],
)
@pytest.mark.parametrize("severity", [3, 5])
def test_damage_is_found_and_placed_on_the_scale_of_the_run(
    reference, clean, tmp_path, perturbation, scenario, signal, severity
):
    after = world.rows(100, seed=2, perturbation=perturbation, severity=severity)
    _, found = watch(reference, clean[:100] + after, tmp_path)
    alarms = [row for row in found["alerts"] if row["kind"] == "alarm"]
    assert alarms
    assert all(row["window"] >= 3 for row in alarms)
    assert all(name.startswith(signal) for row in alarms for name in json.loads(row["detail"])["signals"])
    last = found["windows"][-1]
    assert last["scenario"] == scenario
    assert abs(last["severity"] - severity) <= 1
    scores = {(s.cell.scenario, s.cell.severity): s.score for s in reference.scenes}
    assert last["low"] <= scores[scenario, float(severity)] <= last["high"]
    assert {row["why"] for row in found["collect"] if row["window"] == last["id"]} == {"most unlike"}


def test_changes_that_have_a_name_are_named(reference, clean, tmp_path):
    for name, rows, kind in (
        ("camera", world.rows(50, seed=3, side=40), "new camera"),
        ("rate", world.rows(50, seed=4, rate=16000), "changed sample rate"),
        ("lost", world.rows(50, seed=5), "missing stream"),
        (
            "german",
            world.rows(50, seed=6, words=GERMAN),
            "language shift",
        ),
        ("greek", world.rows(50, seed=7, words=GREEK), "language shift"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        if name == "lost":
            for one in rows:
                one["signals"] = {k: v for k, v in one["signals"].items() if not k.startswith("audio.")}
        _, found = watch(reference, clean[:50] + rows, folder)
        assert kind in kinds(found), name
        named = {row["kind"] for row in found["alerts"]} & {
            *("new camera", "changed sample rate", "missing stream", "language shift"),
        }
        assert named == {kind}, name
        assert not json.loads(found["windows"][0]["named"])


def test_what_the_run_has_never_seen_is_unlike_anything(reference, clean, tmp_path):
    strange = [{**one, "signals": dict.fromkeys(one["signals"], 1000000.0)} for one in world.rows(60, seed=8)]
    _, found = watch(reference, clean[:50] + strange, tmp_path)
    last = found["windows"][-1]
    assert last["unlike"]
    assert (last["low"], last["high"]) == (0, 1)  # nothing is promised
    assert "unlike" in kinds(found)


def test_the_expected_score_holds_in_scenarios_that_were_left_out_or_they_are_unlike(reference):
    laws = fit_severities(reference)
    rng = np.random.default_rng(0)
    held = []
    for i, scene in enumerate(reference.scenes[1:], 1):
        rows = rng.integers(0, len(scene.values), 100)
        found = laws.explain(scene.values[rows], without=laws.scenarios.index(scene.cell.scenario))
        held.append(laws.unlike(found) or abs(found.score - laws.scores[i]) <= laws.error(found))
    assert np.mean(held) >= laws.coverage


def test_less_is_promised_of_windows_that_are_farther_from_the_run(laws):
    near = laws.explain(laws.scenes[0].values)
    errors = [laws.error(replace(near, nearest=times * laws.usual)) for times in (0.1, 1.0, 4.0)]
    assert errors[0] == errors[1] < errors[2]
    assert errors[2] - errors[1] == pytest.approx(laws.off)  # the root of four times as far is twice


def test_ready_signals_and_values_are_the_same(reference, tmp_path):
    import soundfile
    from PIL import Image

    one = world.sample(0, 1)
    Image.fromarray(one.streams["image"]).save(tmp_path / "a.png")
    soundfile.write(tmp_path / "a.wav", one.streams["audio"].samples.T, 8000, subtype="FLOAT")
    given = {"image": "a.png", "audio:audio": "a.wav", "text": one.streams["text"], "id": 1}
    made, ready = read_item(given, reference, tmp_path), read_item(world.row(one, 0), reference, tmp_path)
    assert np.array_equal(made.signals, ready.signals, equal_nan=True)
    assert (made.id, made.lost) == ("1", ())
    assert read_item({"image": None, "text": "a"}, reference, tmp_path).lost == ("audio", "image")


GARBAGE = [
    (b"\xff\xfe\x00", "garbage"),
    (b"{", "garbage"),
    (b"[1, 2]", "garbage"),
    (b'"text"', "garbage"),
    (b"NaN", "garbage"),
    (b'{"id": 1, "id": 2}', "garbage"),
    (b"[" * 100_000, "garbage"),
    (b'{"id": "a"}', "no stream"),
    (b'{"camera": "x.png"}', "no stream"),
    (b'{"id": {"a": 1}, "text": "x"}', "bad id"),
    (b'{"image": "not/there.png", "id": "b"}', "unreadable image"),
    (b'{"image": 7, "id": "b"}', "unreadable image"),
    (b'{"image": "/dev/zero", "id": "b"}', "unreadable image"),
    (b'{"signals": [1], "id": "c"}', "bad signals"),
    (b'{"signals": {"image.brightness": "high"}, "id": "c"}', "bad signals"),
    (b'{"signals": {"image.brightness": true}, "id": "c"}', "bad signals"),
    (b'{"signals": {"image.brightness": 1e999}, "id": "c"}', "bad signals"),
    (b'{"signals": {"image.brightnes": 1}, "id": "c"}', "bad signals"),
    (b'{"text": "x", "confidence": 2, "id": "d"}', "bad confidence"),
    (b'{"id": "never seen", "label": "1"}', "label of nothing"),
]


def test_garbage_is_counted_by_kind_and_changes_nothing_else(reference, clean, tmp_path):
    (tmp_path / "mixed").mkdir()
    (tmp_path / "plain").mkdir()
    plain = world.lines(clean[:100]).splitlines(keepends=True)
    bad = [line + b"\n" for line, _ in GARBAGE]
    mixed = [part for i, line in enumerate(plain) for part in ([bad[i % len(bad)]] if i < len(bad) else []) + [line]]
    _, one = watch(reference, b"".join(plain), tmp_path / "plain")
    _, other = watch(reference, b"".join(mixed), tmp_path / "mixed")
    assert same(one) == same(other)
    wanted = [kind for _, kind in GARBAGE]
    assert exceptions(other) == {kind: wanted.count(kind) for kind in wanted}


def same(found):
    """What two histories must agree in: all but the moment when a window was closed."""
    drop = ("closed", "raised")
    names = ("windows", "alerts", "signals", "collect")
    return {name: [{k: v for k, v in row.items() if k not in drop} for row in found[name]] for name in names}


TEXTS = st.sampled_from(
    ["", "a", "1e999", "nan", "2026-01-01", "0001-01-01T00:00:00+23:59", "\ud800", "\0", "/dev/zero", ".", "audio.rate"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["id", "time", "sequence", "label", "prediction", "confidence", "score", "signals", "image", "audio:audio", "text",
     "signal.image.noise", "signal.audio.rate", "signal.", "image:", "text@de", "\ud800", ""]
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(KEYS, JSON, max_size=6))
def test_whatever_a_line_holds_it_is_an_input_or_refused_with_its_kind(reference, tmp_path, row):
    try:
        item = read_item(row, reference, tmp_path)
    except RefusedError:
        return
    if item.signals is not None:
        assert item.signals.shape == (len(reference.signals),)
        assert not np.isinf(item.signals).any()
    assert item.time is None or abs(item.time) < 1e11


def test_texts_that_are_no_unicode_are_written_down(reference, clean, tmp_path):
    odd = [{**clean[0], "id": "\ud800", "prediction": "\udfff"}, {"\ud800": 1}, {"id": "\ud800", "label": "\udfff"}]
    _, found = watch(reference, odd, tmp_path)
    assert found["windows"][0]["first_item"] == "?"
    assert exceptions(found) == {"no stream": 1}


POLICY = policies.Policy(
    {"signal": "image.brightness", "below": 0.25, "then": "drop image", "else": "keep"},
    ("keep", "drop image"),
    ("image.brightness",),
)


def test_the_window_says_what_the_policy_does_now(reference, tmp_path):
    bright = [{"id": f"b{i}", "signals": {"image.brightness": 0.4}} for i in range(50)]
    dark = [{"id": f"d{i}", "signals": {"image.brightness": 0.1 if i % 5 else 0.4}} for i in range(50)]
    history = open_history(tmp_path / "h.sqlite", writer=True, monitor=True)
    monitor = Monitor(reference, history, MonitorOptions(window=50), POLICY)
    list(monitor.watch(line_arrivals(io.BytesIO(world.lines(bright + dark)), "line"), "lines"))
    rows = history.rows("SELECT action, action_share FROM windows")
    assert [(row["action"], row["action_share"]) for row in rows] == [("keep", 1.0), ("drop image", 0.8)]
    said = history.rows("SELECT name FROM alerts WHERE kind = 'action'")
    assert said == [{"name": "drop image"}]  # what it changed to
    history.close()


def test_the_action_of_a_window_is_that_of_the_policy_on_the_records_of_the_run(reference, laws, tmp_path):
    """What the monitor says of a cell's inputs is what the policy decides on the run's own records of that cell."""
    assert len({scene.cell.scenario for scene in reference.scenes[::5]}) > 2
    for scene in reference.scenes[::5]:
        history = open_history(tmp_path / f"{scene.cell.order}.sqlite", writer=True, monitor=True)
        monitor = Monitor(reference, history, MonitorOptions(window=len(scene.values)), POLICY, laws)
        place = list(reference.signals).index("image.brightness")
        rows = [
            {"id": str(i), "signals": {k: None if v != v else v for k, v in zip(reference.signals, values.tolist())}}
            for i, values in enumerate(scene.values)
        ]
        list(monitor.watch(line_arrivals(io.BytesIO(world.lines(rows)), "line"), "lines"))
        found = history.rows("SELECT action, action_share FROM windows")[0]
        history.close()
        dropped = float(np.mean(scene.values[:, place] < 0.25))  # false of a lost picture, which is kept
        share = max(dropped, 1 - dropped)
        assert found["action_share"] == pytest.approx(share)
        assert found["action"] == ("drop image" if dropped > 0.5 else "keep")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"signals": ("lidar.range",), "rule": {"signal": "lidar.range", "below": 1.0, "then": "keep", "else": "keep"}},
         "lidar"),
        ({"rule": {"signal": "image.brightness", "below": 1.0, "position": 0.5, "then": "keep", "else": "keep"}},
         "anchor"),
    ],
)  # fmt: skip
def test_policies_that_these_signals_cannot_decide_are_refused(reference, tmp_path, change, says):
    history = open_history(tmp_path / "h.sqlite", writer=True, monitor=True)
    with pytest.raises(InputError, match=says):
        Monitor(reference, history, MonitorOptions(), replace(POLICY, **change))
    history.close()


def test_what_came_before_is_dropped(reference, clean, tmp_path):
    _, found = watch(reference, clean[:60] + clean[:60], tmp_path)
    assert sum(row["n"] for row in found["windows"]) == 60
    assert exceptions(found) == {"seen before": 60}


def test_restarting_gives_what_one_monitor_gives(reference, clean, tmp_path):
    rows = clean[:130] + world.rows(70, seed=2, perturbation="image.low_light")
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    _, whole = watch(reference, rows, tmp_path / "whole")
    for start, end in ((0, 37), (37, 41), (41, 133), (133, 200)):
        history = open_history(tmp_path / "cut" / "h.sqlite", writer=True, monitor=True)
        monitor = Monitor(reference, history, MonitorOptions(window=50), None, laws_of(reference))
        for arrival in line_arrivals(io.BytesIO(world.lines(rows[start:end])), "line", start):
            list(monitor.take(arrival, "lines"))
        list(monitor.flush())
        history.close()
    _, cut = watch(reference, b"", tmp_path / "cut")
    assert same(cut) == same(whole)


def test_a_monitor_that_dies_loses_and_doubles_nothing(reference, clean, tmp_path):
    """It dies at any moment, twenty times; a manifest is read on from where the history says that it was read to."""
    content = world.lines(clean[:150] + world.rows(50, seed=2, perturbation="image.low_light"))
    (tmp_path / "whole").mkdir()
    _, whole = watch(reference, content, tmp_path / "whole")
    rng = np.random.default_rng(0)
    kills = 0
    while True:
        history = open_history(tmp_path / "h.sqlite", writer=True, monitor=True)
        monitor = Monitor(reference, history, MonitorOptions(window=50), None, laws_of(reference))
        start = monitor.memory.places["lines"]
        rest = list(line_arrivals(io.BytesIO(content), "line"))[start:]
        if kills == 20:
            list(monitor.watch(rest, "lines"))
            found = {name: history.rows(f"SELECT * FROM {name}") for name in whole}  # noqa: S608
            history.close()
            break
        for arrival in rest[: rng.integers(0, 25)]:
            list(monitor.take(arrival, "lines"))
        if kills % 3 == 0:
            list(monitor.flush())  # else what was taken since the last writing is taken again
        history.close()
        kills += 1
    assert same(found) == same(whole)
    assert not found["exceptions"]


def test_windows_end_by_time_and_a_clock_that_goes_back_is_counted(reference, clean, tmp_path):
    rows = [{**one, "time": at} for one, at in zip(clean, [*range(30), *range(100, 120), 3e9, *range(120, 140), 119])]
    del rows[5]["time"]
    rows[6]["time"] = "yesterday"
    rows[7]["time"] = "1970-01-01T00:00:07+00:00"
    _, found = watch(reference, rows, tmp_path, every=40.0)
    assert [row["n"] for row in found["windows"]] == [30, 20, 1, 21]
    assert exceptions(found) == {"no time": 1, "bad time": 1, "clock went back": 1, "late": 1}


def test_labels_that_come_late_show_a_harmful_shift_and_only_then(reference, clean, tmp_path):
    for name, right in (("good", 1.0), ("harmful", 0.3)):
        folder = tmp_path / name
        folder.mkdir()
        rng = np.random.default_rng(0)
        given = [{**one, "prediction": "1", "confidence": 0.9} for one in clean[:200]]
        late = [{"id": one["id"], "label": "1" if rng.random() < right else "0"} for one in given]
        _, found = watch(reference, [*given, *late, *late[:3]], folder)
        assert ("harmful shift" in kinds(found)) == (name == "harmful")
        assert exceptions(found) == {"labelled before": 3}
        assert [row["labelled"] for row in found["windows"]] == [50] * 4
        assert np.mean([row["seen"] for row in found["windows"]]) == pytest.approx(right, abs=0.1)
        assert {row["why"] for row in found["collect"]} == {"most unlike", "least sure"}


def test_harm_that_begins_late_is_found_soon_and_none_is_found_where_there_is_none():
    """In all labels together, 300 good ones hide it: the risk of all is above the bar only after as many bad ones."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        harm = Harm(0.05, 200)
        for score in rng.random(300) >= 0.05:
            harm.take(float(score))
            assert not harm.harmful
        for label in range(1, 200):  # noqa: B007 - it is how long it took
            harm.take(float(rng.random() >= 0.5))
            if harm.harmful:
                break
        found.append(label)
        assert "of late" in harm.says
    assert np.median(found) <= 50
    assert max(found) <= 150


def test_late_harm_is_falsely_said_no_more_often_than_promised():
    rng = np.random.default_rng(1)
    false = 0
    for _ in range(100):
        harm = Harm(0.1, 200, alpha=0.01)
        for loss in rng.random(500) < harm.bar:  # as bad as can be without harm
            harm.take(float(not loss))
            if harm.late:
                false, harm.sums = false + 1, [0.0] * len(harm.sums)
    assert 0 < false <= 0.01 * 500 * 100


def test_frames_of_a_sequence_are_one_look(run, clean, tmp_path):
    apart = read_reference(run, "sample")
    rows = [{**one, "sequence": f"drive {i // 10}"} for i, one in enumerate(clean[:100])]
    history = open_history(tmp_path / "h.sqlite", writer=True, monitor=True)
    monitor = Monitor(read_reference(run), history, MonitorOptions(window=50))
    list(monitor.watch(line_arrivals(io.BytesIO(world.lines(rows)), "line"), "lines"))
    assert monitor.memory.detector.looks == 10
    assert history.rows("SELECT blocks FROM windows") == [{"blocks": 5}, {"blocks": 5}]
    history.close()
    other = open_history(tmp_path / "o.sqlite", writer=True, monitor=True)
    monitor = Monitor(apart, other, MonitorOptions(window=50))
    list(monitor.watch(line_arrivals(io.BytesIO(world.lines(rows)), "line"), "lines"))
    assert monitor.memory.detector.looks == 100
    other.close()


def test_a_second_monitor_is_refused_and_readers_are_not(reference, tmp_path):
    path = tmp_path / "h.sqlite"
    first = open_history(path, writer=True, monitor=True)
    with pytest.raises(RunError, match="another monitor"):
        open_history(path, writer=True, monitor=True)
    assert sqlite3.connect(path).execute("SELECT count(*) FROM windows").fetchone() == (0,)
    open_history(path).close()
    first.close()
    open_history(path, writer=True, monitor=True).close()


def test_a_database_of_somebody_else_is_left_alone(tmp_path):
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE customers (name TEXT)")
    (tmp_path / "text.sqlite").write_text("no database at all, but long enough to be read as one " * 30)
    for name, said in (("theirs", "customers"), ("text", "not a database"), ("none", "does not exist")):
        with pytest.raises(RunError, match=said):
            open_history(tmp_path / f"{name}.sqlite", writer=name != "none", monitor=name != "none")
    assert sqlite3.connect(path).execute("SELECT name FROM sqlite_master").fetchall() == [("customers",)]


def test_a_history_is_continued_with_the_same_run_and_options_only(reference, run, clean, tmp_path):
    watch(reference, clean[:60], tmp_path)
    with pytest.raises(RunError, match="same alpha"):
        watch(reference, clean[60:], tmp_path, alpha=1e-3)
    with pytest.raises(RunError, match="same block"):
        watch(read_reference(run, "sample"), clean[60:], tmp_path)


def test_runs_that_nothing_can_be_held_against_are_refused(run, tmp_path):
    small = world.write(tmp_path / "small", count=8)
    with pytest.raises(InputError, match=r"at least \d+ independent clean inputs.*got 8"):
        watch(read_reference(small), [], tmp_path)
    silent = world.write(tmp_path / "silent", count=8, signals="none")
    with pytest.raises(InputError, match="no signals"):
        read_reference(silent)
    with pytest.raises(InputError, match="block must be"):
        read_reference(run, "speaker")
    about = json.loads((run.path / "run.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    for part in run.path.iterdir():
        if part.name != "run.json":
            (other / part.name).symlink_to(part)
    about["identity"]["signals"]["image"]["brightness"] = 7
    (other / "run.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match=r"image\.brightness must be of version 1, got version 7"):
        read_reference(stress.open(other))


@pytest.mark.parametrize(
    "options", [{"alpha": 0}, {"alpha": True}, {"window": 3}, {"window": 20.0}, {"every": -1}, {"tolerance": 2}]
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        MonitorOptions(**options)
