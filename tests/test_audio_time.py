"""Pitch within 5 cents, tempo within 1 %, on tones and on speech-like sound; what sweeps sweeps as fast as asked."""

from itertools import pairwise

import numpy as np
import pytest

from perturbations import Audio, apply
from perturbations.modality.audio import MODALITY
from tests.audio_signals import db, noise, pitch_of, power, spectrum, tone


def cents(one, other):
    return 1200 * np.log2(one / other)


def clicks(rate=16_000, seconds=4.0, every=0.25):
    """Return short bursts, one every quarter of a second: a rhythm that tempo can be read from."""
    frames = round(rate * seconds)
    time = np.arange(frames) / rate
    burst = np.exp(-(((time % every) - every / 2) ** 2) / (2 * 0.005**2))
    return Audio((0.5 * burst * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)[None, :], rate)


def beat(samples, rate):
    """Return the period of the rhythm in seconds, by the strongest line in the envelope's spectrum."""
    envelope = np.convolve(np.abs(samples[0]), np.hanning(rate // 10), "same")
    return float(1 / pitch_of((envelope - envelope.mean())[None, :], rate))


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("hertz", [220.0, 440.0, 1000.0])
@pytest.mark.parametrize("semitones", [-12, -7, -3, -1, 1, 3, 6, 12])
def test_pitch_of_a_tone(rate, hertz, semitones):
    name = "audio.pitch_up" if semitones > 0 else "audio.pitch_down"
    clean = tone(hertz, rate, 1.0)
    after = apply(name, clean, semitones=semitones)
    assert after.samples.shape == clean.samples.shape
    assert cents(pitch_of(after.samples, rate), hertz) == pytest.approx(100 * semitones, abs=5)
    middle = slice(rate // 4, 3 * rate // 4)
    assert db(power(after.samples[:, middle]) / power(clean.samples)) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("semitones", [-6, -2, 2, 6])
def test_pitch_keeps_the_rhythm(semitones):
    after = apply("audio.pitch_up" if semitones > 0 else "audio.pitch_down", clicks(), semitones=semitones)
    assert beat(after.samples, 16_000) == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize("factor", [0.5, 0.625, 0.8, 0.9, 1.1, 1.35, 1.75, 2.0])
def test_tempo_keeps_the_pitch(factor):
    name = "audio.tempo_up" if factor > 1 else "audio.tempo_down"
    clean = tone(440, seconds=2.0)
    after = apply(name, clean, factor=factor)
    assert after.frames == round(clean.frames / factor)
    assert cents(pitch_of(after.samples, 16_000), 440) == pytest.approx(0, abs=5)
    assert beat(apply(name, clicks(), factor=factor).samples, 16_000) == pytest.approx(0.25 / factor, rel=0.01)


@pytest.mark.parametrize("factor", [0.5, 0.75, 0.9, 1.1, 1.25, 2.0])
def test_speed_moves_pitch_and_time_together(factor):
    name = "audio.speed_up" if factor > 1 else "audio.slow_down"
    clean = tone(440, seconds=2.0)
    after = apply(name, clean, factor=factor)
    assert after.rate == clean.rate
    assert after.seconds == pytest.approx(clean.seconds / factor, rel=0.001)
    assert cents(pitch_of(after.samples, 16_000), 440 * factor) == pytest.approx(0, abs=5)


def test_resampling_is_clean():
    """What a lower rate cannot hold must not come back as another pitch: images and aliases 75 dB down."""
    from fractions import Fraction

    from perturbations.audio._signal import resample

    for rate, to, hertz in ((16_000, 44_100, 7000.0), (44_100, 16_000, 12_000.0), (16_000, 8000, 1000.0)):
        after = resample(tone(hertz, rate, 1.0, level_db=-0.1).samples, Fraction(to, rate))
        kept = after[:, to // 4 : 3 * to // 4].astype(float)
        level = db(np.abs(np.fft.rfft(kept[0] * np.blackman(kept.shape[1]))) ** 2 + 1e-12)
        at = np.fft.rfftfreq(kept.shape[1], 1 / to)
        wanted = np.abs(at - hertz) < 40
        full = db((0.42 * kept.shape[1] / 2) ** 2)
        assert level[~wanted].max() - full < -75
        if hertz < to / 2:
            assert level[wanted].max() - full == pytest.approx(-0.1, abs=0.1)


def test_resampling_keeps_time_zero():
    from fractions import Fraction

    from perturbations.audio._signal import resample

    for ratio in (Fraction(1, 2), Fraction(441, 160), Fraction(160, 441), Fraction(4, 5)):
        time = np.arange(8000) / 16_000
        smooth = np.exp(-((time - 0.2) ** 2) / (2 * 0.004**2)).astype(np.float32)[None, :]
        after = resample(smooth, ratio)
        centre = np.average(np.arange(after.shape[1]), weights=np.abs(after[0]) ** 2)
        assert centre / (16_000 * ratio) == pytest.approx(0.2, abs=2e-6)


def test_stretch_follows_speech_like_sound():
    """The witness has syllables and a moving pitch: its loudness over time is stretched, not smeared away."""
    clean = MODALITY.witness()

    def envelope(samples, points=50):
        edges = np.linspace(0, samples.shape[1], points + 1).astype(int)
        return np.array([np.sqrt(power(samples[:, a:b])) for a, b in pairwise(edges)])

    for factor in (0.7, 1.35):
        after = apply("audio.tempo_up" if factor > 1 else "audio.tempo_down", clean, factor=factor)
        assert np.corrcoef(envelope(clean.samples), envelope(after.samples))[0, 1] > 0.97
        assert db(power(after.samples) / power(clean.samples)) == pytest.approx(0, abs=1)


def test_start_and_end():
    clean = noise(16_000, 1.0)
    assert np.array_equal(apply("audio.late_start", clean, share=0.25).samples, clean.samples[:, 4000:])
    assert np.array_equal(apply("audio.truncation", clean, share=0.25).samples, clean.samples[:, :12_000])
    later = apply("audio.start_offset", clean, delay_ms=100.0).samples
    assert np.array_equal(later[:, 1600:], clean.samples[:, :-1600])
    assert not later[:, :1600].any()
    assert not apply("audio.start_offset", clean, delay_ms=5000.0).samples.any()


def test_tremolo_depth_and_speed():
    ones = Audio(np.full((1, 32_000), 0.5, np.float32), 16_000)
    after = apply("audio.tremolo", ones, depth=0.66).samples
    assert (after.min() / 0.5, after.max() / 0.5) == pytest.approx((0.34, 1.0), abs=1e-3)
    hertz, density = spectrum(after - after.mean(), 16_000, 32_000)
    assert hertz[density.argmax()] == pytest.approx(20, abs=0.5)


def test_chorus_copies_come_when_they_should():
    impulse = np.zeros((1, 16_000), np.float32)
    impulse[0, 0] = 0.5
    after = apply("audio.chorus", Audio(impulse, 16_000), delay_ms=30.0, wet=1.0).samples[0]
    assert after[0] == pytest.approx(0.315)
    ms = np.flatnonzero(after[1:]) / 16
    assert ((ms >= 29.9) & (ms <= 32.1) | (ms >= 39.9) & (ms <= 42.1)).all()
    assert float(after[1:].sum()) == pytest.approx(0.5 * (0.36 + 0.27), rel=0.05)


def test_phaser_is_a_feedback_comb():
    """At a standstill the comb 1 / (1 − g z^−d) has peaks of 1 / (1 − g) and troughs of 1 / (1 + g)."""
    clean = noise(16_000, 4.0, level_db=-40)
    after = apply("audio.phaser", clean, decay=0.7, speed_hz=0.05)
    part = slice(0, 4096)
    ratio = np.abs(np.fft.rfft(after.samples[0, part])) / np.abs(np.fft.rfft(clean.samples[0, part]))
    high, low = np.quantile(ratio, [0.97, 0.03])
    assert 20 * np.log10(high / low) == pytest.approx(20 * np.log10(1.7 / 0.3), abs=3)


@pytest.mark.parametrize("jitter_ms", [3.0, 20.0])
def test_jitter_moves_time_by_as_much_as_asked(jitter_ms):
    """Read from the phase of a slow tone: how late each moment is, in milliseconds."""
    from scipy.signal import hilbert

    clean = tone(10, 8000, 60.0)
    after = apply("audio.jitter", clean, jitter_ms=jitter_ms, wander_s=0.5)
    phases = [np.unwrap(np.angle(hilbert(a.samples[0])))[8000:-8000] for a in (clean, after)]
    late = (phases[0] - phases[1]) / (2 * np.pi * 10) * 1000
    knots = np.std(late) / np.sqrt(2 / 3)  # straight lines between independent draws keep two thirds of the variance
    assert knots == pytest.approx(jitter_ms, rel=0.3)


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("name", ["speed_up", "slow_down", "tempo_up", "tempo_down"])
def test_of_a_frame_something_remains_at_any_speed(name, frames):
    clean = noise(frames, 1.0)
    for severity in range(1, 6):
        assert apply(f"audio.{name}", clean, severity).frames >= 1
