"""Series: the physics of their perturbations, files of them, and a run from a manifest to the report."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import perturbations
import scenarios
import stress
from perturbations import InputError, Series, apply
from perturbations.modality import Limits, modality
from perturbations.modality.series import _rate
from stress.data import from_manifest

KIND = modality("series")
NAMES = perturbations.names("series")


def signal(frames=20_000, rate=100.0, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / rate
    turn = 2 * np.pi * time
    waves = [9.8 + 3 * np.sin(1.3 * turn), 200 * np.sin(0.7 * turn + 1), rng.normal(5, 2, frames)]
    return Series(np.stack(waves, axis=1), rate, ("g", "mV", "dust"))


def deviations(series):
    return series.samples.astype(float).std(axis=0)


def error(after, before):
    return after.samples.astype(float) - before.samples.astype(float)


class TestPhysics:
    @pytest.mark.parametrize("sigma", [0.05, 0.4])
    def test_noise_has_its_level_in_every_unit(self, sigma):
        clean = signal()
        off = error(apply("series.noise", clean, sigma=sigma), clean)
        assert off.std(axis=0) / deviations(clean) == pytest.approx([sigma] * 3, rel=0.03)
        assert np.corrcoef(off.T)[0, 1] == pytest.approx(0, abs=0.03)

    def test_drift_begins_at_nothing_and_ends_at_its_reach(self):
        clean = signal()
        off = error(apply("series.drift", clean, reach=0.5), clean) / deviations(clean)
        assert np.abs(off[0]).max() < 1e-5
        assert np.abs(off[-1]) == pytest.approx([0.5] * 3, rel=1e-3)
        assert np.abs(off[len(off) // 2]) == pytest.approx([0.25] * 3, rel=1e-2)

    def test_drift_goes_either_way(self):
        clean = Series(np.arange(100.0), 10)
        ends = [error(apply("series.drift", clean, reach=1, sample=str(i)), clean)[-1, 0] > 0 for i in range(200)]
        assert 70 < sum(ends) < 130

    @pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
    def test_one_channel_stands_still_to_the_end(self, share):
        clean = signal(1000)
        after = apply("series.stuck_channel", clean, share=share)
        moved = np.flatnonzero((error(after, clean) != 0).any(axis=0))
        assert len(moved) == 1
        channel, start = after.samples[:, moved[0]], 1000 - round(1000 * share)
        assert np.unique(channel[max(start - 1, 0) :]).size == 1
        assert np.array_equal(channel[:start], clean.samples[:start, moved[0]])

    def test_every_channel_gets_stuck(self):
        clean = signal(50)
        each = [apply("series.stuck_channel", clean, share=1, sample=str(i)) for i in range(60)]
        assert {int(np.flatnonzero(error(after, clean).any(axis=0))[0]) for after in each} == {0, 1, 2}

    def test_what_is_within_the_range_is_untouched(self):
        clean = signal()
        after = apply("series.saturation", clean, limit=0.6)
        low, high = clean.samples.min(axis=0), clean.samples.max(axis=0)
        reach = (after.samples.max(axis=0) - after.samples.min(axis=0)) / (high - low)
        assert reach == pytest.approx([0.6] * 3, rel=1e-4)
        inside = np.abs(clean.samples - (low + high) / 2) < 0.59 * (high - low) / 2
        assert np.array_equal(after.samples[inside], clean.samples[inside])

    @pytest.mark.parametrize("bits", [4, 7])
    def test_a_converter_has_its_levels_and_the_error_of_a_uniform_step(self, bits):
        clean = signal()
        after = apply("series.quantisation", clean, bits=bits)
        step = (clean.samples.max(axis=0) - clean.samples.min(axis=0)) / (2**bits - 1)
        for channel in range(3):
            assert len(np.unique(after.samples[:, channel])) <= 2**bits
        assert np.abs(error(after, clean)).max(axis=0) == pytest.approx(step / 2, rel=0.02)
        assert error(after, clean)[:, 2].std() == pytest.approx(step[2] / 12**0.5, rel=0.05)

    def test_packets_are_lost_at_their_rate_and_the_same_ones_first(self):
        clean, lost = signal(50_000), {}
        for rate in (0.1, 0.4):
            after = apply("series.dropout", clean, rate=rate, packet_ms=250, fill="zeros")
            lost[rate] = ~after.samples.any(axis=1)
            assert lost[rate].mean() == pytest.approx(rate, abs=0.03)
            packets = lost[rate].reshape(-1, 25)  # 250 ms at 100 Hz
            assert (packets.all(axis=1) | ~packets.any(axis=1)).all()
        assert (lost[0.4] | ~lost[0.1]).all()

    def test_a_receiver_holds_the_last_frame_that_arrived(self):
        clean = signal(5000)
        held, zeros = (apply("series.dropout", clean, rate=0.4, fill=fill).samples for fill in ("hold", "zeros"))
        last = np.zeros(3, np.float32)
        for frame, (one, other) in enumerate(zip(held, zeros, strict=True)):
            last = clean.samples[frame] if other.any() else last
            assert np.array_equal(one, last)

    def test_jitter_reads_the_slope(self):
        """On a ramp of one unit a period, a frame that is read σ periods off is off by σ units."""
        ramp = Series(np.arange(20_000.0)[:, None] * [1, -2], 50)
        off = error(apply("series.time_jitter", ramp, jitter=0.5), ramp)[10:-10]
        assert off[:, 0].std() == pytest.approx(0.5, rel=0.03)
        np.testing.assert_allclose(off[:, 1], -2 * off[:, 0], atol=0.02)

    def test_two_channels_change_places_and_keep_their_names(self):
        clean = signal(100)
        pairs = set()
        for i in range(60):
            after = apply("series.channels_swapped", clean, severity=1, sample=str(i))
            assert after.names == clean.names
            columns = [clean.samples[:, k].tobytes() for k in range(3)]
            came = [columns.index(after.samples[:, k].tobytes()) for k in range(3)]
            assert sorted(came) == [0, 1, 2]
            assert sum(a != b for a, b in enumerate(came)) == 2
            pairs.add(tuple(came))
        assert len(pairs) == 3

    def test_distortion_of_noise_is_its_level(self):
        clean = signal()
        found = KIND.distortion(clean, apply("series.noise", clean, sigma=0.3))["nrmse"]
        assert found == pytest.approx(0.3, rel=0.02)

    def test_signals_show_what_is_wrong(self):
        clean = signal()
        signals = {name: KIND.signals(apply(f"series.{name}", clean, severity=5)) for name in ("noise", "saturation")}
        stuck = KIND.signals(apply("series.stuck_channel", clean, share=0.9))
        assert signals["noise"]["roughness"] > 1.3 * KIND.signals(clean)["roughness"]
        assert signals["saturation"]["at_limit"] > 0.3 > KIND.signals(clean)["at_limit"]
        assert stuck["repeated"] == pytest.approx(0.3, abs=0.01)


@given(
    name=st.sampled_from(NAMES),
    frames=st.integers(0, 60),
    channels=st.integers(1, 4),
    rate=st.sampled_from([0.01, 1 / 3, 1.0, 50.0, 48_000.0]),
    severity=st.integers(0, 5),
    scale=st.sampled_from([0.0, 1e-30, 1.0, 1e6, 1e28]),
    seed=st.integers(0, 2**31),
)
def test_anything_goes(name, frames, channels, rate, severity, scale, seed):
    samples = np.random.default_rng(seed).normal(0, 1, (frames, channels)) * scale
    clean = Series(samples, rate)
    before = KIND.digest(clean)
    after = apply(name, clean, min(severity, perturbations.get(name).top()), seed=seed)
    KIND.check(after, name)
    assert KIND.shape(after) == KIND.shape(clean)
    assert KIND.digest(clean) == before
    assert not np.shares_memory(after.samples, clean.samples)
    KIND.signals(after)
    assert KIND.distortion(clean, after)["nrmse"] >= 0
    if severity == 0 or scale == 0:
        assert KIND.same(after, clean)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([1, 2], 10), "must be an array of real numbers"),
        ((np.zeros(3, bool), 10), "must be an array of real numbers"),
        ((np.zeros(3, complex), 10), "must be an array of real numbers"),
        ((np.zeros((3, 0)), 10), r"must have the shape \(frames, channels\)"),
        ((np.zeros((3, 2, 2)), 10), r"must have the shape \(frames, channels\)"),
        ((np.array([0, np.nan]), 10), "must be finite"),
        ((np.array([0, np.inf]), 10), "must be finite"),
        ((np.array([0, 1e31]), 10), "within ±1e30"),
        ((np.zeros(3), 0), "a number of hertz above 0"),
        ((np.zeros(3), -1.0), "a number of hertz above 0"),
        ((np.zeros(3), np.nan), "a number of hertz above 0"),
        ((np.zeros(3), True), "a number of hertz above 0"),
        ((np.zeros((3, 2)), 10, ("x",)), "2 different names"),
        ((np.zeros((3, 2)), 10, ("x", "x")), "2 different names"),
        ((np.zeros((3, 2)), 10, "xy"), "2 different names"),
        ((np.zeros((3, 2)), 10, ("x", "")), "2 different names"),
    ],
)
def test_bad_series_are_refused(arguments, says):
    with pytest.raises(InputError, match=says):
        Series(*arguments)


def written(path, series, digits=9):
    frames = enumerate(series.samples.tolist())
    rows = [f"{i / series.rate:.{digits}f},{','.join(map(repr, row))}" for i, row in frames]
    path.write_text("\n".join([f"time,{','.join(series.names)}", *rows, ""]), encoding="utf-8")


class TestFiles:
    @pytest.mark.parametrize(("rate", "digits"), [(50, 6), (60, 3), (0.2, 1)])
    def test_a_file_holds_what_was_written(self, tmp_path, rate, digits):
        series = Series(signal(300).samples, rate, ("x", "y", "z"))
        written(tmp_path / "a.csv", series, digits)
        found = KIND.stored.decode((tmp_path / "a.csv").read_bytes(), "here", Limits())[0]
        assert found.names == series.names
        assert found.rate == pytest.approx(rate, rel=1e-3)
        assert np.array_equal(found.samples, series.samples)

    @given(
        rate=st.sampled_from([0.1, 1.0, 12.5, 47.0, 49.9, 50.0, 60.0, 100.0, 200.0]),
        start=st.sampled_from([0.0, 12.345, 1_700_000_000.123]),
        frames=st.integers(60, 500),
        digits=st.sampled_from([3, 4, 6]),
    )
    def test_files_of_one_sensor_have_one_rate(self, rate, start, frames, digits):
        times = np.round(start + np.arange(frames) / rate, digits)
        found = _rate(times)
        assert found == pytest.approx(rate, rel=2.1 * 10.0**-digits * rate / frames)
        if rate != 49.9:  # which is told from 50 by long files only
            assert found == rate

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("time,x\n0,1\n", "2 or more rows of 2 numbers, got 1 of 2"),
            ("time,x\n", "2 or more rows"),
            ("time,x\n0,1,5\n1,2,5\n", "rows of 2 numbers, got 2 of 3"),
            ("time,x\n0,1\n1,\n", "must hold numbers in every row"),
            ("time,x\n0,1\n1,n/a\n", "must hold numbers in every row"),
            ("time,x\n0,1\n# 1,2\n2,3\n", "must hold numbers in every row"),
            ("time,x\n0,1\n1,nan\n", "must be finite"),
            ("time,x\n0,1\nnan,1\n", "evenly spaced"),
            ("time,x\n0,1\ninf,1\n", "evenly spaced"),
            ("time,x\n0,1\n0,1\n", "evenly spaced"),
            ("time,x\n2,1\n1,1\n0,1\n", "evenly spaced"),
            ("time,x\n0,1\n1,1\n3,1\n4,1\n", "evenly spaced"),
            ("time,x,x\n0,1,1\n1,1,1\n", "2 different names"),
        ],
    )
    def test_damaged_files_are_refused_with_their_place(self, tmp_path, content, says):
        (tmp_path / "a.csv").write_text(content)
        (tmp_path / "all.csv").write_text("series,label\na.csv,yes\n")
        with pytest.raises(InputError, match=says) as caught:
            from_manifest(tmp_path / "all.csv")
        assert "all.csv:2: series" in str(caught.value)

    @pytest.mark.parametrize("content", ["x,y\n1,2\n", "", "time\n1\n", "time;x\n0;1\n", "\x00\r\x01", "x" * 200_000])
    def test_other_files_are_refused_at_once(self, tmp_path, content):
        (tmp_path / "a.csv").write_text(content)
        (tmp_path / "all.csv").write_text("series,label\na.csv,yes\n")
        with pytest.raises(InputError, match=r"all.csv:2: series: .*a.csv is not a series: its first line must"):
            from_manifest(tmp_path / "all.csv")


SUITE = """
suite: wearable@1
severities: [1, 5]
scenarios:
  noise: {series: noise}
  stuck: {series: stuck_channel}
  swapped: {series: channels_swapped}
  lost: {series: missing}
  mean: {series: {name: missing, fill: mean}}
  level: {series: {name: missing, fill: noise}}
  frozen: {series: frozen}
  late: {series: late}
  torn: {series: partly_missing}
  twice: {series: duplicated}
  mismatched: {series: wrong_pairing}
"""
QUIET, LOUD = "still", "walking"


def world(folder):
    """Write a manifest of wearers that stand or walk, twelve windows each, and return its path."""
    rows = ["id,series,label,sequence,time"]
    for i in range(24):
        walks = i // 12
        rng = np.random.default_rng(i)
        time = np.arange(100) / 50
        wave = np.sin(2 * np.pi * 2 * time + rng.uniform(0, 6))[:, None] * (1.5 if walks else 0.2) * [1, 0.5, 2]
        written(folder / f"{i}.csv", Series(wave + rng.normal(0, 0.05, (100, 3)) + [0, 0, 9.8], 50, ("x", "y", "z")))
        rows.append(f"w{i},{i}.csv,{(QUIET, LOUD)[walks]},wearer{walks},{i % 12 * 2}")
    (folder / "all.csv").write_text("\n".join([*rows, ""]))
    return folder / "all.csv"


def swing(batch):
    """Answer by how much the vertical channel swings: over half a unit, the wearer walks."""
    answers = np.full((batch.size, 2), 0.5)
    there = batch.present("series")
    if there.any():
        stacked = type(batch)({"series": [value for value in batch["series"] if value is not None]}).stack("series")
        walks = 1 / (1 + np.exp(-8 * (stacked[:, :, 2].std(axis=1) - 0.6)))
        answers[there] = np.stack([1 - walks, walks], axis=1)
    return answers


swing.classes = (QUIET, LOUD)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    return stress.run(swing, world(folder), scenarios.loads(SUITE), folder / "run", workers=2, signals="all")


def test_a_run_meets_every_cell_without_a_failure(run):
    records = run.records().to_pylist()
    assert {row["status"] for row in records} <= {"ok", "unchanged"}
    assert len(records) == 24 * len({row["cell"] for row in records})
    clean = [row for row in records if row["cell"] == "clean"]
    assert all(row["score"] == 1 for row in clean)


def test_tables_say_what_happened(run):
    value = {(row["cell"], row["metric"]): row["value"] for row in run.table("cells").to_pylist()}
    assert value["clean", "accuracy"] == 1
    assert 0.2 < value["lost", "accuracy"] < 0.8  # a tie of two classes: one draw a sample
    assert value["noise:1", "accuracy"] > 0.9
    far = {row["cell"]: row["value"] for row in run.table("distortion").to_pylist() if row["metric"] == "nrmse"}
    assert far["noise:1"] == pytest.approx(0.05, rel=0.05)
    assert far["noise:5"] == pytest.approx(0.8, rel=0.05)
    curves = {row["modality"] for row in run.table("curves").to_pylist()}
    assert curves == {"series"}


def test_the_mean_fill_is_the_mean_of_the_data(run):
    data = from_manifest(run.path.parent / "all.csv")
    mean = np.mean([sample.streams["series"].samples for sample in data], axis=0)
    filled = apply("stream.missing", data[3], severity=1, stream="series", data=data, fill="mean").streams["series"]
    np.testing.assert_allclose(filled.samples, mean, rtol=1e-5, atol=1e-5)


def test_a_frozen_stream_repeats_the_first_of_its_sequence(run):
    data = from_manifest(run.path.parent / "all.csv")
    frozen = apply("stream.frozen", data[15], stream="series", data=data, share=1).streams["series"]
    assert KIND.same(frozen, data[12].streams["series"])


def test_the_report_shows_it_in_its_own_colour(run):
    page = run.report().read_text(encoding="utf-8")
    assert ".series { --hue: #7a6a00; }" in page
    assert 'class="dot series' in page
    assert run.plot("curves", modality="series").axes


@pytest.mark.parametrize("data", ["files", "samples"])
def test_processes_leave_the_same_records(run, tmp_path, monkeypatch, data):
    from pathlib import Path

    root = Path(__file__).resolve().parents[1]
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", str(root))
    source = run.path.parent / "all.csv"
    source = list(from_manifest(source)) if data == "samples" else source
    other = stress.run("tests.test_series:swing", source, scenarios.loads(SUITE), tmp_path / "run",
                       backend="processes", workers=2, signals="all", preflight=False)  # fmt: skip
    one, two = (found.records().drop_columns(["seconds"]).to_pylist() for found in (run, other))
    order = lambda rows: sorted(json.dumps(row, sort_keys=True, default=str) for row in rows)  # noqa: E731
    assert order(one) == order(two)
