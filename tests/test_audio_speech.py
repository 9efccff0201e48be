"""On recorded speech: pitch and tempo as asked, level and length kept, and the same for every run of it."""

import numpy as np
import pytest

from perturbations import Audio, apply
from tests.audio_signals import db, power
from tests.avdigits_world import clips_of, columns

RATE = 8000


@pytest.fixture(scope="module")
def speech():
    """A minute of spoken digits by six speakers, one after the other."""
    clips = clips_of(columns())
    return Audio(np.concatenate(clips[::22])[None, : 60 * RATE], RATE)


def pitches(samples, every=400, length=640):
    """Return the pitch of each voiced frame, NaN elsewhere: the autocorrelation's peak, by a parabola."""
    starts = np.arange(0, samples.shape[1] - length, every)
    frames = samples[0, starts[:, None] + np.arange(length)] * np.hanning(length)
    shape = np.abs(np.fft.rfft(np.hanning(length), 2048)) ** 2
    own = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048)) ** 2)[:, : length // 2]
    own /= np.maximum(own[:, :1], 1e-12)
    own /= (np.fft.irfft(shape) / np.fft.irfft(shape)[0])[: length // 2]
    low, high = RATE // 400, RATE // 70
    k = own[:, low:high].argmax(axis=1) + low
    rows = np.arange(len(k))
    a, b, c = own[rows, k - 1], own[rows, k], own[rows, k + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        lag = k + 0.5 * (a - c) / (a - 2 * b + c)
    loud = (frames**2).mean(axis=1) > 1e-4
    return np.where((b > 0.85) & loud & (k > low) & (k < high - 1), RATE / lag, np.nan)


@pytest.mark.parametrize("semitones", [-4, -2, -1, 1, 2, 4])
def test_pitch_of_speech(speech, semitones):
    name = "audio.pitch_up" if semitones > 0 else "audio.pitch_down"
    after = apply(name, speech, semitones=semitones)
    cents = 1200 * np.log2(pitches(after.samples) / pitches(speech.samples))
    near = cents[np.isfinite(cents) & (np.abs(cents - 100 * semitones) < 300)]
    assert len(near) > 100
    assert np.median(near) == pytest.approx(100 * semitones, abs=5)
    assert db(power(after.samples) / power(speech.samples)) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("factor", [0.7, 0.9, 1.1, 1.35])
def test_tempo_of_speech(speech, factor):
    """Time runs as fast as asked, everywhere: each five seconds are found where they belong, at their pitch."""
    name = "audio.tempo_up" if factor > 1 else "audio.tempo_down"
    after = apply(name, speech, factor=factor)

    def envelope(samples, step):
        edges = np.arange(0, samples.shape[1] - step, step).astype(int)
        return np.sqrt(np.add.reduceat(np.square(samples[0].astype(float)), edges))

    before, later = envelope(speech.samples, 80.0), envelope(after.samples, 80.0 / factor)
    places = []
    for start in range(100, len(before) - 700, 500):
        wanted = before[start : start + 500] - before[start : start + 500].mean()
        found = [np.dot(wanted, later[s : s + 500]) for s in range(start - 100, min(start + 101, len(later) - 500))]
        places.append((start, start - 100 + int(np.argmax(found))))
    slope = np.polyfit(*np.array(places, float).T, 1)[0]
    assert slope == pytest.approx(1, abs=0.01)
    assert np.nanmedian(pitches(after.samples)) == pytest.approx(np.nanmedian(pitches(speech.samples)), rel=0.04)


def test_noise_ratio_on_speech(speech):
    """The ratio is to the parts that sound; the pauses of these digits are few, so the plain one is within 2 dB."""
    after = apply("audio.white_noise", speech, snr_db=20.0)
    assert db(power(speech.samples) / power(after.samples - speech.samples)) == pytest.approx(20, abs=2)


def test_active_level_is_that_of_p56(speech):
    """ITU-T P.56 (method B): envelope of 30 ms, 200 ms of hangover, 15.9 dB between level and threshold."""
    from scipy.signal import lfilter

    from perturbations.modality.audio import active_power

    one = speech.samples[0].astype(float)
    keep = np.exp(-1 / (RATE * 0.03))
    envelope = lfilter([1 - keep], [1, -keep], lfilter([1 - keep], [1, -keep], np.abs(one)))
    levels = []
    for exponent in range(-15, 0):
        active = envelope >= 2.0**exponent
        last = np.maximum.accumulate(np.where(active, np.arange(len(one)), -(10**9)))
        held = (np.arange(len(one)) - last) <= round(0.2 * RATE)
        if held.any():
            levels.append((db(np.square(one).sum() / held.sum()), 20 * np.log10(2.0**exponent)))
    margin = np.array([level - threshold - 15.9 for level, threshold in levels])
    cross = int(np.flatnonzero(margin <= 0)[0])
    share = margin[cross - 1] / (margin[cross - 1] - margin[cross])
    standard = levels[cross - 1][0] + share * (levels[cross][0] - levels[cross - 1][0])
    assert db(active_power(speech)) == pytest.approx(standard, abs=2)
