"""Any recording goes through any perturbation: all rates, lengths and channels; bad ones are refused at once."""

from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import perturbations
from perturbations import Audio, InputError, Sample, apply
from perturbations.modality.audio import MODALITY
from stress.testing import witness_sample
from tests.audio_signals import noise, tone
from tests.avdigits_world import clips_of, columns

NAMES = perturbations.names("audio")
RATES = (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000)
_, OTHERS = witness_sample("audio")


def changed(name, audio, severity, **keywords):
    p = perturbations.get(name)
    sample = Sample("5", {"x": audio})
    return apply(p, sample, severity, stream="x", data=OTHERS, **p.examples, **keywords).streams["x"]


def holds(p, before, after):
    MODALITY.check(after, p.name)
    assert after.samples.dtype == np.float32
    assert after.samples.flags.c_contiguous
    assert after.rate == before.rate
    assert after.channels == before.channels
    if p.keeps_shape:
        assert after.frames == before.frames


def test_there_are_enough():
    assert len(NAMES) >= 35


@pytest.mark.parametrize("name", NAMES)
def test_short_clips(name):
    p = perturbations.get(name)
    for frames, channels in product((0, 1, 2, 7, 160, 1601), (1, 2, 8)):
        draws = np.random.default_rng(frames).uniform(-0.9, 0.9, (channels, frames)).astype(np.float32)
        for severity in {1, p.top()}:
            holds(p, Audio(draws, 16_000), changed(name, Audio(draws, 16_000), severity))


@pytest.mark.parametrize("name", NAMES)
def test_rates(name):
    p = perturbations.get(name)
    for rate in RATES:
        clip = noise(rate, 0.1, level_db=-20)
        for severity in {1, p.top()}:
            holds(p, clip, changed(name, clip, severity))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(NAMES),
    rate=st.one_of(st.sampled_from(RATES), st.integers(8000, 192_000)),
    frames=st.integers(0, 6000),
    channels=st.integers(1, 8),
    severity=st.floats(1, 5),
    kind=st.sampled_from(["noise", "silence", "full scale", "impulse"]),
    seed=st.integers(0, 2**31),
)
def test_anything_goes(name, rate, frames, channels, severity, kind, seed):
    rng = np.random.default_rng(seed)
    samples = np.zeros((channels, frames), np.float32)
    if kind == "noise":
        samples[:] = rng.uniform(-1, 1, samples.shape)
    elif kind == "full scale":
        samples[:] = np.sign(rng.standard_normal(samples.shape))
    elif frames:
        samples[:, rng.integers(frames)] = 1 if kind == "impulse" else 0
    p = perturbations.get(name)
    whole = any(getattr(row, "scale", "step") in ("step", "integer") for row in p.params.values() if row.tables)
    clip = Audio(samples, rate)
    holds(p, clip, changed(name, clip, round(severity) if whole else severity, seed=seed))


@pytest.mark.parametrize("name", NAMES)
def test_profiles_are_those_of_the_reference(name):
    """Speech Robust Bench: the values of its corruption_info.py after the clean one (a fact read there)."""
    snr, speed = (30, 20, 10, 0), (1.25, 1.5, 1.75, 2)
    slow = (0.875, 0.75, 0.625, 0.5)
    published = {
        "white_noise": ("snr_db", snr), "recorded_noise": ("snr_db", snr), "music": ("snr_db", snr),
        "crosstalk": ("snr_db", snr), "speed_up": ("factor", speed), "tempo_up": ("factor", speed),
        "slow_down": ("factor", slow), "tempo_down": ("factor", slow), "pitch_up": ("semitones", (3, 6, 9, 12)),
        "pitch_down": ("semitones", (-3, -6, -9, -12)), "resampling": ("rate_hz", (12_000, 8000, 4000, 2000)),
        "gain_up": ("gain_db", tuple(20 * np.log10([10, 20, 30, 40]))), "echo": ("delay_ms", (125, 250, 500, 1000)),
        "phaser": ("decay", (0.3, 0.5, 0.7, 0.9)), "chorus": ("delay_ms", (30, 50, 70, 90)),
        "tremolo": ("depth", (0.5, 0.66, 0.83, 1)), "treble": ("gain_db", (10, 23, 36, 50)),
        "bass": ("gain_db", (20, 30, 40, 50)), "low_pass": ("cutoff_hz", (4000, 2833, 1666, 500)),
        "high_pass": ("cutoff_hz", (500, 1333, 2166, 3000)),
    }  # fmt: skip
    p, short = perturbations.get(name), name.partition(".")[2]
    assert ("speech-robust-bench" in p.profiles) == (short in published)
    if short in published:
        parameter, values = published[short]
        assert p.params[parameter].tables["speech-robust-bench"] == pytest.approx(values, rel=1e-4)


class TestRefused:
    def test_integers_have_no_full_scale(self):
        with pytest.raises(InputError, match="Divide 16-bit integers by 32768"):
            Audio(np.zeros(100, np.int16), 16_000)

    def test_a_bare_array_has_no_rate(self):
        with pytest.raises(
            InputError, match=r"value must be an Audio\(samples, rate\), got ndarray of int16.* stress.audio"
        ):
            apply("audio.white_noise", np.zeros(100, np.int16), 3)

    @pytest.mark.parametrize("name", NAMES)
    def test_samples_that_no_converter_gives(self, name):
        for wrong in (np.nan, np.inf, 1.5, -3.0):
            samples = np.zeros((1, 200), np.float32)
            samples[0, 50] = wrong
            with pytest.raises(InputError, match=r"samples must be (finite|within ±1)"):
                changed(name, Audio(samples, 16_000), 1)

    def test_parameters_out_of_range(self):
        with pytest.raises(InputError, match=r"audio.white_noise: snr_db \(.*\) must be in \[-30, 100\] dB, got 200.0"):
            apply("audio.white_noise", tone(440), snr_db=200.0)
        with pytest.raises(InputError, match=r"severity must be in \[0, 4\] \(profile speech-robust-bench\)"):
            apply("audio.white_noise", tone(440), 5, profile="speech-robust-bench")
        with pytest.raises(InputError, match=r"low_hz must be below high_hz 500 Hz, got 600"):
            apply("audio.telephone", tone(440), low_hz=600.0, high_hz=500.0)


@cache
def some_clips():
    return clips_of(columns())[5:3000:500]


@pytest.mark.parametrize("name", NAMES)
def test_real_speech(name):
    """On spoken digits at 8 kHz: valid at every severity, and every clip is changed by one at least."""
    clips = [Audio(clip, 8000) for clip in some_clips()]
    p = perturbations.get(name)
    touched = 0
    for clip in clips:
        results = [changed(name, clip, severity) for severity in range(1, p.top() + 1)]
        for after in results:
            holds(p, clip, after)
        touched += not all(MODALITY.same(clip, after) for after in results)
    assert touched == len(clips)
