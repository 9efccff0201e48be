"""Equal severities: rising fits, levels where their true curves say, suites that hold what they promise."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

import scenarios
import stress
from perturbations import InputError, get
from stress.calibrate import (
    Curve,
    Curves,
    calibrate,
    calibrated,
    clean_distances,
    distances,
    losses,
    save,
    suite_of,
)
from stress.calibrate._curves import ratios
from stress.calibrate._levels import Scale, spreads
from stress.cli import main
from stress.data import load_data
from stress.models.demo import load as load_model
from stress.records.cells import CellRow
from stress.report import write_report
from stress.statistics.bootstrap import clusters
from stress.statistics.isotonic import reached_at, rising
from tests._runs import cell, graded, grid, write
from tests.test_measure_large import answered, heard, measured

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"
numbers = st.lists(st.floats(-5, 5, allow_nan=False), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(numbers, st.floats(-5, 5, allow_nan=False))
def test_a_rising_fit_is_the_least_squares_fit(values, floor):
    """Against the pool-adjacent-violators algorithm of another library, and projected gradients for the floor."""
    array = np.array(values)
    np.testing.assert_allclose(rising(array), isotonic_regression(array).x, atol=1e-9)
    bounded = rising(array, floor)
    assert (np.diff(bounded) >= 0).all()
    assert (bounded >= floor).all()
    better = np.sort(np.maximum(bounded + np.random.default_rng(0).normal(0, 0.3, (200, len(array))), floor), axis=1)
    assert ((array - better) ** 2).sum(axis=1).min() >= ((array - bounded) ** 2).sum() - 1e-9
    np.testing.assert_allclose(rising(np.stack([array, -array])), [rising(array), rising(-array)], atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(numbers, st.floats(-6, 6, allow_nan=False))
def test_a_value_is_reached_at_the_first_place_where_the_curve_has_it(values, target):
    curve = np.sort(np.array(values))
    places = np.arange(len(values)) * 1.5
    found = float(reached_at(places, curve[None], target)[0])
    if target > curve[-1]:
        assert found == np.inf
    elif target < curve[0]:
        assert found == -np.inf
    else:
        assert np.interp(found, places, curve) == pytest.approx(target, abs=1e-6)
        before = places[places < found - 1e-9]
        assert (curve[: len(before)] < target + 1e-9).all()


def row_of(name, kind="image", perturbation="image.gaussian_noise"):
    conditions = ({"stream": kind, "perturbation": perturbation, "profile": "", "severity": 5.0},)
    about = ("joint", kind, (kind,), (), None, perturbation, "", 5.0, None, {"severity": 5.0}, None, conditions)
    return CellRow(name, 0, name, *about)


def curves_of(loss, rows=None, samples=100, number=100):
    """Curves of scenarios a, b …: (scenarios × models × severities) losses."""
    rows = loss[:, :, None] if rows is None else rows
    made = tuple(
        Curve(
            chr(97 + s),
            "image",
            row_of(chr(97 + s)),
            np.arange(1.0, loss.shape[2] + 1),
            loss[s],
            rows[s],
            measure="loss",
        )
        for s in range(len(loss))
    )
    return Curves("loss", tuple(f"m{m}" for m in range(loss.shape[1])), samples, number, made, {}, {})


def test_levels_are_where_the_true_curves_have_them():
    """Two straight lines and a bent one: the severities can be worked out by hand."""
    lines = np.array(
        [[[0.1, 0.2, 0.3, 0.4, 0.5]] * 3, [[0.05, 0.1, 0.15, 0.2, 0.25]] * 3, [[0.0, 0.0, 0.2, 0.4, 0.6]] * 3]
    )
    found = calibrated(curves_of(lines), "loss", 5, 0.25)
    assert found.targets == {"image": pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25])}
    places = {name: [level.severity for level in found.of(name)] for name in "abc"}
    assert places["a"] == pytest.approx([0.5, 1, 1.5, 2, 2.5])
    assert places["b"] == pytest.approx([1, 2, 3, 4, 5])
    assert places["c"] == pytest.approx([2.25, 2.5, 2.75, 3, 3.25])
    assert all(level.expected == pytest.approx(level.target) for level in found.levels)
    assert all(level.without == pytest.approx((level.severity, level.severity)) for level in found.levels)
    assert all(row.after == pytest.approx(0, abs=1e-12) for row in found.unseen)  # all models are alike
    assert all(row.before > 0.01 for row in found.unseen)


def test_a_level_that_is_not_reached_says_so_and_is_no_severity():
    lines = np.array([[[0.1, 0.2, 0.3]] * 3, [[0.01, 0.02, 0.03]] * 3])
    levels = calibrated(curves_of(lines), "loss", 3, 0.3).of("b")
    assert [level.severity for level in levels] == [None, None, None]
    assert "0.03" in levels[0].note
    assert [level.severity for level in calibrated(curves_of(lines), "loss", 3, 0.03).of("b")] == pytest.approx(
        [1, 2, 3]
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(2, 5), st.integers(1, 9))
def test_severities_rise_with_the_level_whatever_the_curves(seed, models, many, levels):
    """Also where measured losses fall, or are below 0."""
    loss = np.random.default_rng(seed).normal(0.1, 0.2, (many, models, 5))
    found = calibrated(curves_of(loss), "loss", levels)
    for name in {level.scenario for level in found.levels}:
        places = [level.severity for level in found.of(name) if level.severity is not None]
        assert (np.diff(places) >= 0).all()
        assert all(0 < place <= 5 for place in places)
    assert found.levels or set(found.left_out) == {chr(97 + s) for s in range(many)}


def test_intervals_hold_the_true_severity():
    """Worlds with a known true curve, on which samples are drawn: clusters of alike samples count as clusters."""
    true, place = np.array([0.1, 0.25, 0.4, 0.55, 0.7]), 2.0 + 1 / 3
    held = []
    for world in range(150):
        rng = np.random.default_rng(world)
        bar = np.repeat(rng.random(60), 5)[:, None]  # five alike samples a cluster: all right or all wrong
        lost = (bar < np.concatenate([[0.0], true])).astype(float)
        own = clusters([f"s{i}" for i in range(300)], [str(i // 5) for i in range(300)], "who", 400, world)
        point, rows = ratios(own, lost, np.ones_like(lost))
        loss = point[1:] - point[0], rows[:, 1:] - rows[:, [0]]
        made = curves_of(loss[0][None, None], loss[1][None, None], 300, 60)
        level = calibrated(made, "loss", 1, 0.3).levels[0]
        held.append(level.low is not None and level.high is not None and level.low <= place <= level.high)
    assert np.mean(held) >= 0.9


# what was published of other models


def published():
    """Losses of 23 models under the 15 corruptions of CIFAR-10-C at five severities, and their names."""
    table, reported = (
        REFERENCE / "robustbench_cifar10_c_unaggregated.csv",
        REFERENCE / "robustbench_cifar10_c_reported.json",
    )
    if not table.is_file():
        pytest.skip("published results are not here")
    lines = list(csv.reader(table.open(encoding="utf-8")))
    models = [line[0] for line in lines[2:]]
    right = np.array([[float(x) for x in line[1:]] for line in lines[2:]]).reshape(len(models), 15, 5)
    clean = json.loads(reported.read_text(encoding="utf-8"))
    return np.array([float(clean[name]["clean_acc"]) / 100 for name in models])[:, None, None] - right, right, models


def equal(loss, panel, top=None):
    rest = [m for m in range(len(loss)) if m not in panel]
    ordered = loss[[*panel, *rest]].transpose(1, 0, 2)
    if top is None:  # what every corruption reaches
        top = min(rising(each[: len(panel)].mean(axis=0), 0.0)[-1] for each in ordered)
    return calibrated(curves_of(ordered), "loss", 5, top, others=len(rest)), loss[rest].mean(axis=0)


def test_published_severities_are_unequal():
    _, right, models = published()
    wrong = 1 - right[models.index("Standard")][:, 2]
    assert (round(wrong.min(), 2), round(wrong.max(), 2)) == (0.06, 0.61)


def test_levels_fitted_to_five_published_models_bring_corruptions_together_on_the_eighteen_others():
    """Five of the models, evenly spaced in rank; then every draw of five: on the median, and how much it depends."""
    loss, right, _ = published()
    rank = np.argsort((1 - right).mean(axis=(1, 2)))
    found, others = equal(loss, [int(rank[i]) for i in (2, 7, 11, 15, 20)])
    assert all(np.diff([level.severity for level in found.of(chr(97 + s))]).min() >= 0 for s in range(15))
    assert all(row.scenarios == 15 for row in found.judged)
    for row in found.judged:  # against the severities as they are published, and against those that cost as much
        assert row.widest_after < 0.3 * np.ptp(others[:, row.level - 1])
        assert row.after < 0.55 * row.before
        assert row.each_after < 0.65 * row.each_before
    cuts, rng = [], np.random.default_rng(0)
    while len(cuts) < 15:
        made, _ = equal(loss, rng.permutation(len(loss))[:5].tolist(), None)
        if made.judged:
            cuts.append(1 - np.mean([row.after for row in made.judged]) / np.mean([row.before for row in made.judged]))
    assert np.median(cuts) > 0.55
    assert np.quantile(cuts, 0.1) > 0.1


def test_no_common_table_brings_single_models_together_by_seventy_percent():
    """Levels fitted to the eighteen judged models themselves: the best that one table can do for each of them."""
    loss, right, _ = published()
    rank = np.argsort((1 - right).mean(axis=(1, 2)))
    rest = [m for m in range(len(loss)) if m not in {int(rank[i]) for i in (2, 7, 11, 15, 20)}]
    own = loss[rest].transpose(1, 0, 2)
    scales = [Scale.of(curve) for curve in curves_of(own).curves]
    wanted = np.linspace(0, min(scale.fit[-1] for scale in scales), 6)[1:].tolist()
    rows = spreads(scales, wanted, curves_of(own).curves)
    assert len(rows) == 5
    assert all(1 - row.after / row.before > 0.95 for row in rows)  # of their mean it is nearly all
    assert all(0.4 < 1 - row.each_after / row.each_before < 0.6 for row in rows)


# runs, suites, the command line

SUITE = {
    "suite": "little@3",
    "severities": [1, 3, 5],
    "scenarios": {
        "noise": {"image": "gaussian_noise"},
        "dark": {"image": [{"name": "low_light"}, {"name": "hue_shift", "severity": 1}]},
        "white": {"audio": "white_noise"},
        "typos": {"text": {"name": "keyboard_typos", "levels": {"share": [0.1, 0.2, 0.3, 0.4, 0.5]}}},
        "evening": {"image": "low_light", "audio": "traffic_noise"},
        "lost": {"image": "missing"},
        "crossed": {"image": "gaussian_noise", "audio": "white_noise", "grid": "product"},
    },
}


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    """Three runs of one suite, one for each of the demo's fusions."""
    folder = tmp_path_factory.mktemp("panel")
    names = ("late", "early", "intermediate")
    return [stress.run(load_model(name), "demo", SUITE, folder / name, limit=60, preflight=False) for name in names]


def test_the_losses_are_those_of_the_tables(panel):
    found = losses(panel)
    assert [curve.scenario for curve in found.curves] == ["noise", "dark", "white", "typos", "evening"]
    assert set(found.left_out) == {"lost", "crossed"}
    for m, run in enumerate(panel):
        rows = {row["cell"]: row for row in run.table("cells").to_pylist() if row["metric"] == "drop"}
        for curve in found.curves:
            cells = [f"{curve.scenario}:{severity:g}" for severity in curve.severities]
            assert curve.loss[m] == pytest.approx([rows[name]["value"] for name in cells])


@pytest.mark.parametrize(
    ("world", "metric"), [(heard, "wer"), (measured, "mae"), (measured, "rmse"), (answered, "nll")]
)
def test_losses_of_every_kind_of_metric_are_those_of_the_tables(tmp_path, world, metric):
    """Errors rise, ratios have their own denominators, a root is taken after the mean, failures count as they do."""
    runs = [world(tmp_path / name) for name in ("a", "b")]
    (curve,) = losses(runs, metric).curves
    rows = stress.measure.table(runs[1], "cells", metric=metric).to_pylist()
    drops = {row["cell"]: row["value"] for row in rows if row["metric"] == "drop"}
    assert curve.loss[1] == pytest.approx([drops[f"noise-{severity:g}"] for severity in curve.severities])


def test_a_suite_of_equal_levels_has_the_parameters_that_its_table_names(panel, tmp_path):
    found = calibrate(panel)
    assert save(found, tmp_path / "equal.yaml") == "little-equal-loss@1"
    suite = scenarios.load(tmp_path / "equal.yaml")
    cells = {c.id: c for c in scenarios.expand(suite, panel[0].info["streams"]).cells}
    steps = {"noise": [("gaussian_noise", "image", "sigma", None)], "white": [("white_noise", "audio", "snr_db", None)]}
    steps["evening"] = [("low_light", "image", "light", None), ("traffic_noise", "audio", "snr_db", None)]
    reached = [level for level in found.levels if level.severity is not None]
    assert {level.scenario for level in reached} >= {"noise", "white", "evening"}
    for level in reached:
        conditions = {c.perturbation: c.settings for c in cells[f"{level.scenario}:{level.level}"].conditions}
        for name, family, parameter, profile in steps.get(level.scenario, ()):
            wanted = get(f"{family}.{name}").settings(level.severity, profile)[parameter]
            assert conditions[f"{family}.{name}"][parameter] == pytest.approx(wanted, rel=1e-5)
    missing = {f"{x.scenario}:{x.level}" for x in found.levels if x.severity is None}
    assert not missing & cells.keys()
    dark = next(c for c in cells.values() if c.scenario == "dark")  # what had a severity of its own keeps it
    assert next(c for c in dark.conditions if c.perturbation == "image.hue_shift").severity == 1


def test_the_version_rises_when_levels_change_and_only_then(panel, tmp_path):
    path = tmp_path / "equal.yaml"
    found = calibrate(panel, levels=3)
    assert [save(found, path), save(found, path)] == ["little-equal-loss@1", "little-equal-loss@1"]
    text = path.read_text(encoding="utf-8")
    assert save(calibrate(panel, levels=4), path) == "little-equal-loss@2"
    assert path.read_text(encoding="utf-8") != text
    with pytest.raises(InputError, match="must be free, or hold other"):
        save(found, path, "other")
    (tmp_path / "letter.yaml").write_text("dear: reader", encoding="utf-8")
    with pytest.raises(InputError, match="must be free, or hold a suite"):
        save(found, tmp_path / "letter.yaml")
    assert (tmp_path / "letter.yaml").read_text(encoding="utf-8") == "dear: reader"


def test_at_equal_levels_of_distortion_inputs_are_equally_far(tmp_path):
    """The whole way round: calibrate on clean data, measure the suite that was written, on the same samples."""
    kept = {name: said for name, said in SUITE["scenarios"].items() if name != "crossed"}
    data, suite = load_data("demo"), {"suite": "little@3", "scenarios": kept}
    found = calibrated(clean_distances(data, scenarios.loads(suite), None, 40), "distortion", 4)
    assert found.measures == {"image": "ssim", "audio": "snr_db", "text": "cer"}
    again = clean_distances(data, scenarios.loads(suite_of(found)), None, 40)
    seen = {curve.scenario: curve for curve in again.curves}
    for level in found.levels:
        if level.severity is None:
            continue
        curve = seen[level.scenario]
        at = curve.severities.tolist().index(level.level)
        value = curve.shown(curve.loss[0, at])
        assert value == pytest.approx(level.target, abs=0.6 if level.modality == "audio" else 0.04), level


def test_whole_numbers_are_not_rounded_to_another_cost():
    """A lag of .4 samples is none: levels are met where the parameter is what the scale says, or not at all."""
    kept = {"lag": {"image": "out_of_step"}, "jpeg": {"image": "jpeg_compression"}, "blur": {"image": "defocus_blur"}}
    data = load_data("demo")
    curves = clean_distances(data, scenarios.loads({"suite": "whole@1", "scenarios": kept}), None, 20)
    found = calibrated(curves, "distortion", 5)
    measured = {curve.scenario: curve for curve in curves.curves}
    for level in found.levels:
        if level.severity is None:
            continue
        (parameters,) = level.parameters
        if level.scenario == "blur":  # tabulated only
            assert level.severity == int(level.severity)
        else:
            table = get("stream.out_of_step" if level.scenario == "lag" else "image.jpeg_compression").params
            (name,) = parameters
            assert parameters[name] == int(parameters[name]) != table[name].clean
        curve = measured[level.scenario]
        between = np.interp(level.severity, [0, *curve.severities], [0, *rising(curve.loss[0], 0.0)])
        assert level.expected == pytest.approx(curve.shown(between))
    levels = [level for level in found.levels if level.severity is not None]
    assert {level.scenario for level in levels} >= {"jpeg"}
    step = abs(np.diff(found.targets["image"])[0])
    assert all(abs(level.expected - level.target) <= step / 2 + 1e-9 for level in levels)


@pytest.mark.parametrize("name", ["cifar-10-c", "speech-robust-bench", "typos", "sensor-faults", "release", "quick"])
def test_every_suite_of_the_library_can_be_levelled(name):
    """What is written is read again, has the levels that were found, and is near them on the same samples."""
    data = load_data("demo")
    found = calibrated(clean_distances(data, scenarios.load(name), None, 6), "distortion", 3)
    suite = scenarios.loads(suite_of(found))
    cells = {cell.id for cell in scenarios.expand(suite, data.streams, has=data.has).cells}
    assert {f"{x.scenario}:{x.level}" for x in found.levels if x.severity is not None} == cells - {"clean"}


def test_distortions_of_a_run_are_those_of_its_table(panel):
    found = distances(panel[0])
    rows = {(r["cell"], r["metric"]): r["value"] for r in panel[0].table("distortion").to_pylist()}
    for curve in found.curves:
        cells = [f"{curve.scenario}:{severity:g}" for severity in curve.severities]
        shown = [curve.shown(cost) for cost in curve.loss[0]]
        assert shown == pytest.approx([rows[name, curve.measure] for name in cells])
    assert {"evening", "lost", "crossed"} == set(found.left_out)


def test_the_table_of_severities_says_how_far_apart_scenarios_are(panel):
    run = panel[0]
    drops = {r["cell"]: r["value"] for r in run.table("cells").to_pylist() if r["metric"] == "drop"}
    rows = run.table("severities").to_pylist()
    assert {(r["modality"], r["severity"]) for r in rows} >= {("image", 1.0), ("image", 3.0), ("image", 5.0)}
    for row in rows:
        some = [f"{name}:{row['severity']:g}" for name in ("noise", "dark")] if row["modality"] == "image" else None
        if some:
            lost = [drops[name] for name in some]
            assert row["value"] == pytest.approx(max(lost) - min(lost))
            assert (row["harshest"], row["mildest"]) == pytest.approx((max(lost), min(lost)))
            assert row["low"] <= row["value"] <= row["high"]


def test_the_report_shows_them(panel):
    page = write_report(panel[0]).read_text(encoding="utf-8")
    assert 'id="severities"' in page
    assert "How unequal severities are" in page
    assert (panel[0].path / "report" / "tables" / "severities.csv").is_file()


def test_the_interval_of_the_spread_holds_the_true_one(tmp_path):
    """Ten equal scenarios and one that is harsher by .2: its lower end allows for having been chosen."""
    held, equal_held = [], []
    for world in range(40):
        rng = np.random.default_rng(world)
        for harsh, kept, true in ((0.4, held, 0.2), (0.2, equal_held, 0.0)):
            right = (rng.random((300, 12)) > np.array([0.0, *[0.2] * 10, harsh])).astype(float)
            cells = [cell(), *(cell(f"s{i}-3", f"s{i}", 3.0) for i in range(11))]
            run = write(tmp_path / f"{world}-{harsh}", cells, grid(right), list("01") * 150)
            row = stress.measure.table(run, "severities").to_pylist()[0]
            kept.append(row["low"] <= true <= row["high"])
    assert np.mean(held) >= 0.9
    assert np.mean(equal_held) >= 0.9


def test_bad_input_is_one_clear_error(panel, tmp_path):
    with pytest.raises(InputError, match="two models at least"):
        calibrate(panel[0])
    with pytest.raises(InputError, match="two models at least"):
        calibrate(panel[:1], judge=panel[1:])
    with pytest.raises(InputError, match="one twice"):
        calibrate([panel[0], panel[0]])
    with pytest.raises(InputError, match="give one run"):
        calibrate(panel, by="distortion")
    with pytest.raises(InputError, match="by must be"):
        calibrate(panel, by="los")
    with pytest.raises(InputError, match="metric must be one of"):
        calibrate(panel, metric="accurcy")
    for levels in (0, 21, True, 2.5):
        with pytest.raises(InputError, match="levels must be"):
            calibrate(panel, levels=levels)
    for top in (0.0, -1.0, 2.0, float("nan")):
        with pytest.raises(InputError, match="top must lie between"):
            calibrate(panel, top=top)
    with pytest.raises(InputError, match="top must be of one measure"):
        calibrate(panel[0], by="distortion", top=0.5)
    with pytest.raises(InputError, match="confidence"):
        calibrate(panel, confidence=1.0)
    other = stress.run(
        load_model("late"), "demo", {**SUITE, "severities": [1, 2, 5]}, tmp_path / "o", limit=20, preflight=False
    )
    with pytest.raises(InputError, match="the same cells"):
        calibrate([panel[0], other])
    fewer = stress.run(load_model("early"), "demo", SUITE, tmp_path / "f", limit=20, preflight=False)
    with pytest.raises(InputError, match="the same samples"):
        calibrate([panel[0], fewer])


def test_a_stream_whose_size_changes_has_no_distortion(tmp_path):
    suite = {"suite": "sizes@1", "scenarios": {"slow": {"audio": "slow_down"}}}
    run = stress.run(load_model(), "demo", suite, tmp_path / "r", limit=10, preflight=False)
    with pytest.raises(InputError, match="slow: its snr_db is undefined: sizes changed"):
        calibrate(run, by="distortion")


def test_a_suite_without_severities_is_refused(tmp_path):
    runs = [
        write(tmp_path / name, [cell(), cell("x", "x", None)], grid(np.ones((4, 2))), list("0101"))
        for name in ("a", "b")
    ]
    with pytest.raises(InputError, match="scenario with severities"):
        calibrate(runs)


def test_where_nothing_is_lost_no_level_is_made_up(tmp_path):
    runs = [write(tmp_path / name, graded(), grid(np.ones((30, 6))), list("01") * 15) for name in ("a", "b")]
    found = calibrate(runs)
    assert not found.levels
    assert set(found.left_out) == {"noise"}
    assert main(["calibrate", *(str(run.path) for run in runs), "-o", str(tmp_path / "e.yaml")]) == 3
    assert not (tmp_path / "e.yaml").exists()


def test_the_command_writes_a_suite_and_its_numbers(panel, tmp_path, capsys):
    files = [str(run.path) for run in panel]
    out, numbers_file = tmp_path / "e.yaml", tmp_path / "e.json"
    assert main(["calibrate", *files[:2], "--judge", files[2], "-o", str(out), "--json", str(numbers_file)]) == 0
    shown = capsys.readouterr().out
    said = json.loads(numbers_file.read_text(encoding="utf-8"))
    assert said == json.loads(json.dumps(calibrate(panel[:2], judge=panel[2:]).data()))
    assert "a panel of two models" in shown.lower()
    assert said["judged"]
    assert main(["validate", str(out)]) == 0
    assert main(["calibrate", files[0]]) == 2
    assert main(["calibrate"]) == 2
    assert main(["calibrate", files[0], "--suite", "demo", "--data", "demo"]) == 2
    assert "stress: calibrate: " in capsys.readouterr().err
