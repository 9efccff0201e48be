"""Signals: what they claim to measure, beside the truth, over every value, and in the records of a run."""

import json
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import perturbations
import scenarios
import stress
from perturbations import Audio, InputError, Series, apply
from perturbations.modality import MODALITIES, modality
from perturbations.modality.audio_signals import SIGNALS as HEARD
from perturbations.modality.image_signals import SIGNALS as SEEN
from perturbations.modality.text_signals import SIGNALS as READ
from tests.audio_signals import db, loudness_lufs, power, tone


@cache
def demo():
    from stress.data import load_data

    return list(load_data("demo"))[:80]


@cache
def photos():
    from skimage import data

    return [each()[:224, 100:324].copy() for each in (data.astronaut, data.coffee, data.chelsea, data.rocket)]


def wave(frames, seed):
    return np.random.default_rng(seed).normal(0, 1, (1, frames)).astype(np.float32)


def speech():
    return [sample.streams["audio"] for sample in demo() if sample.streams["audio"] is not None]


IMAGES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1)).map(
    lambda t: np.random.default_rng(t[3]).integers(0, 256, t[:3], np.uint8) // (1 + t[3] % 255)
)
RECORDINGS = st.tuples(st.integers(1, 2), st.integers(0, 3000), st.sampled_from([1, 50, 8000, 44_100]),
                       st.sampled_from([0.0, 1e-6, 0.3, 1.0])).map(
    lambda t: Audio(np.clip(wave(max(t[1], 1), t[1])[:, : t[1]].repeat(t[0], 0) * t[3], -1, 1), t[2])
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=60), st.lists(st.sampled_from(["the", "THE", "naïve", "ü", "1", "", "日本", "Ã¼"])).map(" ".join)
)
SERIES = st.tuples(st.integers(0, 50), st.integers(1, 3)).map(
    lambda t: Series(np.random.default_rng(t[0]).normal(size=t), 10.0)
)
VALUES = {"image": IMAGES, "audio": RECORDINGS, "text": TEXTS, "series": SERIES}


@pytest.mark.parametrize("name", MODALITIES)
class TestEverySignal:
    def test_it_says_what_it_is(self, name):
        least = {"image": 12, "audio": 10, "text": 8, "series": 5}[name]
        signals = modality(name).signals
        assert len(signals.all) >= least
        for key, one in signals.all.items():
            assert one.name == key
            assert one.unit
            assert one.meaning.endswith(".")
            assert one.low < one.high
        cheap = [one.name for one in signals.chosen("cheap")]
        assert set(cheap) <= set(signals.all)
        assert len(cheap) >= 5

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_it_stays_in_its_range_on_any_value_and_leaves_it_alone(self, name, data):
        kind = modality(name)
        value = data.draw(VALUES[name])
        before = kind.digest(value)
        found = kind.signals(value)
        assert kind.digest(value) == before
        for key, number in found.items():
            one = kind.signals.all[key]
            assert math.isnan(number) or one.low - 1e-9 <= number <= one.high + 1e-9, (key, number)
            assert number not in (math.inf, -math.inf)
        cheap = kind.signals(value, "cheap")
        assert all(cheap[key] == found[key] or math.isnan(found[key]) for key in cheap)


@pytest.mark.parametrize("name", ["image", "audio", "text"])
def test_four_of_five_graded_perturbations_are_seen_by_a_signal_that_grows_with_severity(name):
    """Spearman's correlation of severity with a signal's mean over real values; also of those that need no extra."""
    kind = modality(name)
    some = {"image": photos, "audio": lambda: speech()[:4], "text": lambda: [s.streams["text"] for s in demo()[:24]]}
    values, seen, blind = some[name](), 0, []
    for each in perturbations.names(name):
        try:
            rows = [[list(kind.signals(v).values()) for v in values]]
            for severity in range(1, 6):
                changed = [apply(each, v, severity=severity, sample=str(i)) for i, v in enumerate(values)]
                rows.append([list(kind.signals(v).values()) for v in changed])
        except perturbations.StressError:  # an extra that is not installed, or no scale of severities
            continue
        with np.errstate(all="ignore"):
            means = np.ma.masked_invalid(np.array(rows)).mean(axis=1).filled(0.0)
        if not any(len(set(column)) > 3 for column in means.T.tolist()):
            continue  # it does not act on these values, or has one level
        found = [abs(spearmanr(range(6), column)[0]) for column in means.T.tolist() if len(set(column)) > 1]
        seen, blind = seen + (max(found) >= 0.9), blind + [each] * bool(max(found) < 0.9)
    print(name, seen, blind)
    assert seen >= 20
    assert seen >= 0.8 * (seen + len(blind)), blind


class TestImages:
    @pytest.mark.parametrize("sigma", [0.03, 0.06, 0.1, 0.15])
    def test_noise_is_estimated_within_15_percent(self, sigma):
        rng = np.random.default_rng(3)
        off = []
        for photo in photos():
            grey = photo.mean(axis=2, keepdims=True)
            grey = 60 + grey * 0.5  # inside the scale, so that what is added is what arrives
            noisy = np.clip(np.rint(grey + rng.normal(0, 255 * sigma, grey.shape)), 0, 255).astype(np.uint8)
            off.append(SEEN(noisy)["noise"] / sigma - 1)
        assert abs(np.median(off)) < 0.15, off

    def test_a_flat_picture_has_neither_noise_nor_detail(self):
        found = SEEN(np.full((64, 64, 3), 77, np.uint8))
        assert found["noise"] == found["detail"] == found["contrast"] == found["motion"] == found["entropy"] == 0
        assert found["blockiness"] == 1

    def test_blocks_of_a_codec_show_at_any_size(self):
        for size in (96, 200, 224, 700):
            photo = np.tile(photos()[0], (4, 4, 1))[:size, :size]
            worse = apply("image.jpeg_compression", photo, quality=8)
            assert SEEN(worse)["blockiness"] > 1.5 * SEEN(photo)["blockiness"]

    def test_motion_has_a_direction_and_noise_has_none(self):
        picture = np.random.default_rng(0).integers(0, 256, (128, 128, 1), np.uint8)
        assert SEEN(picture)["motion"] < 0.05
        moved = np.repeat(picture.mean(axis=1, keepdims=True), 128, axis=1).astype(np.uint8)
        assert SEEN(moved)["motion"] > 0.95

    def test_light_and_colour(self):
        red = np.zeros((20, 20, 3), np.uint8)
        red[..., 0] = 255
        found = SEEN(red)
        assert found["saturation"] == 1
        assert found["colour_cast"] == 1
        assert found["haze"] == 0
        assert found["clipped_dark"] == found["clipped_bright"] == 0
        assert SEEN(np.full((9, 9, 1), 255, np.uint8))["clipped_bright"] == 1


class TestRecordings:
    @pytest.mark.parametrize("snr", [-5, 0, 5, 10, 15, 20, 25, 30])
    def test_snr_is_estimated_within_3_db(self, snr):
        """White noise under real speech, whose own noise counts: a recording at 30 dB gets no better than that."""
        rng, off = np.random.default_rng(snr + 5), []
        for clip in speech()[:40]:
            active = modality("audio").signals(clip)["level_dbfs"]
            level = 10 ** ((active - snr) / 20)
            wave = clip.samples + rng.normal(0, level, clip.samples.shape)
            noisy = Audio((wave / max(1, np.abs(wave).max())).astype(np.float32), clip.rate)
            own = HEARD(clip)["snr_estimate_db"]
            truth = -db(10 ** (-snr / 10) + 10 ** (-own / 10))
            off.append(HEARD(noisy)["snr_estimate_db"] - truth)
        assert abs(np.median(off)) < 3, np.median(off)

    @pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
    def test_loudness_is_that_of_the_standard(self, rate):
        for value in (wave(3 * rate, 1) * 0.1, tone(997, rate, 3.0, level_db=-20).samples):
            value = np.clip(value, -1, 1).astype(np.float32)
            value[:, rate : 2 * rate] *= 0.02  # the gate leaves it out
            assert HEARD(Audio(value, rate))["loudness_lufs"] == pytest.approx(loudness_lufs(value, rate), abs=0.15)

    def test_packets_and_clipping_and_hum(self):
        clip = Audio(np.clip(wave(16_000, 4) * 0.1, -1, 1), 16_000)
        assert HEARD(clip)["gaps"] == 0
        torn = clip.samples.copy()
        torn[:, 4000:7200] = 0
        assert HEARD(Audio(torn, 16_000))["gaps"] == pytest.approx(0.2, abs=0.01)
        loud = Audio(np.clip(clip.samples * 40, -1, 1), 16_000)
        assert HEARD(loud)["clipped"] == pytest.approx((np.abs(clip.samples * 40) >= 1).mean(), abs=0.01)
        assert HEARD(loud)["crest_db"] < 3 < HEARD(clip)["crest_db"]
        for mains in (50, 60):
            hum = sum(tone(mains * k, 16_000, 1.0, level_db=-30).samples for k in (1, 2, 3))
            assert HEARD(Audio(clip.samples + hum, 16_000))["hum_db"] > 6 + HEARD(clip)["hum_db"]

    def test_bandwidth_and_channels(self):
        clip = wave(16_000, 5) * 0.1
        low = apply("audio.low_pass", Audio(clip, 16_000), cutoff_hz=2000)
        assert HEARD(Audio(clip, 16_000))["bandwidth_hz"] > 7500 > 6000 > HEARD(low)["bandwidth_hz"]
        both = np.vstack([clip, np.zeros_like(clip)])
        assert HEARD(Audio(both, 16_000))["alike_channels"] == 0
        assert HEARD(Audio(np.vstack([clip, 0.5 * clip]), 16_000))["alike_channels"] == pytest.approx(1)
        assert power(clip) > 0
        assert HEARD(Audio(clip, 16_000))["flatness"] > 0.8

    def test_silence_has_no_level(self):
        found = HEARD(Audio(np.zeros((1, 8000), np.float32), 8000))
        assert found["silence"] == 1
        assert found["gaps"] == 0
        assert all(math.isnan(found[name]) for name in ("level_dbfs", "loudness_lufs", "snr_estimate_db", "hum_db"))


class TestTexts:
    def test_language_shows(self):
        english = READ("The weather is good and the price of the house is not high.")
        german = READ("Das Wetter ist gut und der Preis des Hauses ist nicht hoch.")
        assert english["english"] > 0.5 > 0.2 > german["english"]
        assert min(english["function_words"], german["function_words"]) >= 0.5

    def test_damage_shows(self):
        clean = "Crème brûlée für vier Gäste, über Nacht gekühlt."
        broken = clean.encode().decode("cp1252", "replace")
        assert READ(clean)["encoding_damage"] == 0 < READ(broken)["encoding_damage"]
        assert READ("Schmidt\ufffd")["encoding_damage"] > 0
        assert READ("раypal bank")["mixed_scripts"] > 0 == READ("paypal bank")["mixed_scripts"]
        assert READ("h3llo w0rld")["odd_words"] == 1
        assert READ("don't go")["odd_words"] == 0
        assert READ("the the cat cat")["repetition"] > 0.5 > READ("the cat sat")["repetition"]
        assert READ("t h e cat")["single_letters"] == 0.75
        assert READ("  ")["empty"] == 1
        assert READ("THE cat")["capitals"] == 0.5

    def test_letters_that_seldom_meet_surprise(self):
        assert READ("the weather is good")["surprise_bits"] < READ("tge weqther us gokd")["surprise_bits"]


SUITE = """
suite: signals@1
severities: [1, 5]
scenarios:
  noise: {image: gaussian_noise}
  hiss: {audio: white_noise}
  both: {image: gaussian_noise, audio: white_noise}
  lost: {image: missing}
"""


def sees(batch):
    return np.full(batch.size, "0", object)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signals")
    samples = [stress.Sample(s.id, {n: s.streams[n] for n in ("image", "audio")}, target=s.target) for s in demo()[:30]]
    sees.classes = [str(k) for k in range(10)]
    return stress.run(sees, samples, scenarios.loads(SUITE), folder / "run", signals="all", preflight=False, workers=1)


def test_records_hold_the_signals_of_what_the_model_was_given(run):
    records = {(r["cell"], r["sample"]): r for r in run.records().to_pylist()}
    data = demo()[:30]
    for k in (0, 7, 29):
        for name, number in SEEN(data[k].streams["image"]).items():
            for cell in ("clean", "hiss:1"):  # a stream that a cell leaves alone is as clean
                assert records[cell, k][f"signal.image.{name}"] == pytest.approx(np.float32(number), nan_ok=True)
        assert records["noise:5", k]["signal.image.noise"] > 1.5 * records["noise:1", k]["signal.image.noise"] > 0
        assert records["noise:5", k]["signal.image.noise"] == records["both:5", k]["signal.image.noise"]
        assert records["lost", k]["signal.image.noise"] is None
        assert records["lost", k]["signal.audio.level_dbfs"] is not None


def test_the_table_tells_which_signal_sees_what(run):
    rows = {(r["cell"], r["of"], r["signal"]): r for r in run.table("signals").to_pylist()}
    records = run.records().to_pylist()

    def of(cell):
        return [r["signal.audio.snr_estimate_db"] for r in records if r["cell"] == cell]

    clean, hiss = of("clean"), of("hiss:1")
    row = rows["hiss:1", "audio", "snr_estimate_db"]
    truth = roc_auc_score([0] * len(clean) + [1] * len(hiss), clean + hiss)
    assert row["value"] == pytest.approx(truth, abs=1e-9)
    assert row["low"] <= row["value"] <= row["high"]
    assert row["clean"] == pytest.approx(np.mean(clean))
    assert row["mean"] == pytest.approx(np.mean(hiss))
    assert rows["noise:5", "image", "noise"]["value"] == 1
    assert ("noise:5", "audio", "snr_estimate_db") not in rows
    assert ("lost", "image", "noise") not in rows
    assert {r["cell"] for r in rows.values()} == {"noise:1", "noise:5", "hiss:1", "hiss:5", "both:1", "both:5"}


def test_what_a_run_records_is_chosen_and_part_of_what_it_is(run, tmp_path):
    samples = [stress.Sample(s.id, {"image": s.streams["image"]}, target=s.target) for s in demo()[:6]]
    suite = scenarios.loads("suite: s@1\nseverities: [3]\nscenarios:\n  noise: {image: gaussian_noise}\n")
    given = {"preflight": False, "workers": 1}
    made = {
        which: stress.run(sees, samples, suite, tmp_path / which, signals=which, **given) for which in ("none", "cheap")
    }
    columns = {which: [n for n in r.records().schema.names if n.startswith("signal.")] for which, r in made.items()}
    assert columns["none"] == []
    assert columns["cheap"] == [f"signal.image.{one.name}" for one in SEEN.chosen("cheap")]
    assert json.loads((run.path / "run.json").read_text())["identity"]["signals"]["image"]["noise"] == 1
    with pytest.raises(InputError, match="signals must be none, cheap or all"):
        stress.run(sees, samples, suite, tmp_path / "x", signals=True)


def test_a_clean_value_is_measured_once(monkeypatch, tmp_path):
    from perturbations.modality._signal import Signals

    seen, plain = [], Signals.__call__
    monkeypatch.setattr(Signals, "__call__", lambda self, *given: seen.append(id(self)) or plain(self, *given))
    samples = [stress.Sample(s.id, {n: s.streams[n] for n in ("image", "audio")}, target=s.target) for s in demo()[:6]]
    stress.run(sees, samples, scenarios.loads(SUITE), tmp_path / "run", preflight=False, workers=1)
    clean, touched = 2 * 6, 6 * (2 + 2 + 4)  # two streams; two cells of noise, two of hiss, two of both
    assert len(seen) <= clean + touched
