"""Rooms: the decay that was asked for, levels by distance, echoes where they belong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perturbations import Audio, InputError, apply
from tests.audio_signals import db, noise, power, rt60_of, tone


def impulse(rate, seconds, at=0, level=0.2):
    samples = np.zeros((1, round(rate * seconds)), np.float32)
    samples[0, at] = level
    return Audio(samples, rate)


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.parametrize("rt60_s", [0.2, 0.4, 0.8, 1.5, 3.0])
def test_reverberation_time(rate, rt60_s):
    heard = apply("audio.reverb", impulse(rate, rt60_s * 1.5), rt60_s=rt60_s, direct_db=-10.0, seed=1).samples[0]
    assert rt60_of(heard, rate) == pytest.approx(rt60_s, rel=0.1)


@pytest.mark.parametrize("direct_db", [10.0, 0.0, -6.0])
def test_direct_to_reverberant_ratio(direct_db):
    heard = apply("audio.reverb", impulse(16_000, 1.0), rt60_s=0.5, direct_db=direct_db).samples[0].astype(float)
    assert db(heard[0] ** 2 / np.square(heard[1:]).sum()) == pytest.approx(direct_db, abs=0.1)


def test_reverb_keeps_the_power():
    clean = noise(level_db=-30)
    assert db(power(apply("audio.reverb", clean, 5).samples) / power(clean.samples)) == pytest.approx(0, abs=0.05)


def test_rooms_differ_between_clips_and_not_between_severities():
    clean = impulse(16_000, 0.5)
    rooms = {apply("audio.reverb", clean, 3, sample=str(i)).samples.tobytes() for i in range(40)}
    assert 8 < len(rooms) <= 16
    tails = [apply("audio.reverb", clean, s).samples[0, 1:2000] for s in (2, 3)]
    assert np.corrcoef(np.sign(tails[0]), np.sign(tails[1]))[0, 1] > 0.99


@pytest.mark.parametrize("distance_m", [0.6, 1.2, 4.0])
def test_far_field_follows_the_critical_distance(distance_m):
    """Kuttruff: direct and diffuse sound are equal at 0.057 √(V / T) m; the direct one falls 6 dB a doubling."""
    far = apply("audio.far_field", impulse(16_000, 1.0, level=0.5), distance_m=distance_m, volume_m3=60.0)
    heard = far.samples[0].astype(float)
    assert 20 * np.log10(heard[0] / 0.5) == pytest.approx(20 * np.log10(0.3 / distance_m), abs=0.01)
    ratio = 20 * np.log10(0.057 * np.sqrt(60 / 0.5) / distance_m)
    assert db(heard[0] ** 2 / np.square(heard[1:]).sum()) == pytest.approx(ratio, abs=0.1)
    assert rt60_of(heard[1:], 16_000) == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_echo_comes_when_and_as_loud_as_asked(rate):
    heard = apply("audio.echo", impulse(rate, 1.0), delay_ms=125.0, level_db=-8.52).samples[0]
    assert np.flatnonzero(heard).tolist() == [0, round(0.125 * rate)]
    assert 20 * np.log10(heard[round(0.125 * rate)] / heard[0]) == pytest.approx(-8.52, abs=0.01)
    assert pytest.approx(10 ** (-8.52 / 20), rel=1e-3) == 0.3 / 0.8, "Speech Robust Bench's mixture"


def draws(taps):
    """Return an impulse response of that many independent draws."""
    return (np.random.default_rng(int(taps)).standard_normal(int(taps)) / taps**0.5).astype(np.float32)


@settings(max_examples=100, deadline=None)
@given(
    taps=st.one_of(st.integers(1, 300), st.sampled_from([2047, 2048, 2049, 8000])),
    frames=st.one_of(st.integers(1, 600), st.sampled_from([1600, 2047, 2048, 2049, 50_000])),
    channels=st.integers(1, 3),
    symmetric=st.booleans(),
)
def test_filters_are_convolutions(taps, frames, channels, symmetric):
    """Whatever the blocks: beside numpy's sum of products, in double precision."""
    from perturbations.audio._signal import convolve

    clean = noise(16_000, 4.0, channels=channels).samples[:, :frames]
    lead = taps // 2 if symmetric else 0
    response = draws(taps).astype(float)
    expected = [np.convolve(row.astype(float), response)[lead : lead + frames] for row in clean]
    assert np.abs(convolve(clean, draws, taps, symmetric=symmetric) - expected).max() < 1e-6


class TestMeasuredRoom:
    @pytest.fixture
    def response(self, tmp_path):
        import soundfile

        samples = np.zeros(4800)
        samples[480] = 1.0  # the direct sound arrives after 10 ms
        samples[480 + 960] = 0.5  # and a wall 20 ms later
        soundfile.write(tmp_path / "room.wav", samples, 48_000)
        return tmp_path

    def test_resampled_and_aligned_with_the_direct_sound(self, response):
        clean = noise(16_000, 2.0, level_db=-30)
        heard = apply("audio.impulse_response", clean, response=str(response), wet=1.0).samples[0].astype(float)
        expected = clean.samples[0].astype(float)
        expected[320:] += 0.5 * clean.samples[0, :-320]
        assert np.corrcoef(heard, expected)[0, 1] > 0.99
        assert power(heard) == pytest.approx(power(clean.samples), rel=0.01)

    def test_silence_is_no_impulse_response(self, tmp_path):
        import soundfile

        soundfile.write(tmp_path / "silent.wav", np.zeros(100), 16_000)
        with pytest.raises(InputError, match="must hold sound, got silence from start to end"):
            apply("audio.impulse_response", tone(440), response=str(tmp_path), wet=1.0)

    def test_nothing_there(self, tmp_path):
        with pytest.raises(InputError, match="got none"):
            apply("audio.impulse_response", tone(440), response=str(tmp_path), wet=1.0)
