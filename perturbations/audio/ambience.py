"""Places that sound: synthesised, so that every clip hears its own, at any rate and length, without a folder of files.

Each is one source at a distance and therefore the same in all channels, unless its page says otherwise. What is
synthesised has the spectrum and the rhythm of the real sound, not its content; for that, see ``recorded_noise``.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import audio_corruption
from perturbations._params import Param
from perturbations._values import Audio
from perturbations.audio._signal import (
    Hertz,
    Samples,
    convolve,
    cycle,
    interpolate,
    look_up,
    mean_square,
    normals,
    shaped_noise,
)
from perturbations.audio.noise import mix, over, snr, wavetable

__all__ = ["babble", "crowd", "machinery", "music", "rain", "traffic_noise", "wind"]

_SPEECH_HZ = (63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000,
              5000, 6300, 8000, 10000, 12500, 16000)  # fmt: skip
_SPEECH_DB = (38.6, 43.5, 54.4, 57.7, 56.8, 60.2, 60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7, 53.0, 52.0, 48.7, 48.1,
              46.8, 45.6, 44.5, 44.3, 43.7, 43.4, 41.3, 40.7)  # fmt: skip
"""Long-term average speech spectrum in third-octave bands, dB for 70 dB in all (Byrne et al. 1994, table II)."""


def speech_spectrum(hertz: Hertz) -> Hertz:
    """Return the power density of average speech: the band levels over the bands' widths."""
    level = np.interp(np.log(np.maximum(hertz, 1)), np.log(_SPEECH_HZ), _SPEECH_DB, left=0.0)
    return np.where(hertz > 20, 10 ** (level / 10) / np.maximum(hertz, 1), 0.0)


def _steps(audio: Audio, per_second: float) -> int:
    """Return the number of points for a curve with so many of them a second: at least two."""
    return max(2, int(np.ceil(audio.seconds * per_second)) + 1)


def _swell(rng: Generator, audio: Audio, per_second: float, depth_db: float) -> Samples:
    """Return a gain that wanders: normal draws in decibels, so many a second, with straight lines between them."""
    points = normals(rng, 1, _steps(audio, per_second))[0]
    return 10 ** (interpolate(points, audio.frames) * np.float32(depth_db / 20))


def _voiced_filter(rate: int) -> Samples:
    """Return the filter that gives a sawtooth (−6 dB an octave) the spectrum of speech: 64 ms, symmetric."""
    taps = 2 * round(0.032 * rate) + 1
    hertz = np.fft.rfftfreq(taps, 1 / rate)
    response = np.fft.irfft(np.sqrt(speech_spectrum(hertz)) * hertz / 100, taps)
    return (np.roll(response, taps // 2) * np.hanning(taps + 2)[1:-1]).astype(np.float32)


def _pulses(rng: Generator, audio: Audio) -> Samples:
    """Return a voice's sawtooth: a pitch of 85 to 250 Hz that moves by ±12 % five times a second, in syllables."""
    base = 85 * 3 ** rng.random()
    pitch = base * (1 + np.float32(0.12) * interpolate(np.tanh(normals(rng, 1, _steps(audio, 5))[0]), audio.frames))
    phase = np.cumsum(pitch / np.float32(audio.rate), dtype=np.float64) + rng.random()
    phase -= np.floor(phase)
    syllables = interpolate(np.maximum(normals(rng, 1, _steps(audio, 9))[0] + np.float32(0.3), 0), audio.frames)
    return (phase.astype(np.float32) - np.float32(0.5)) * syllables


@audio_corruption(
    cite=("byrne1994", "shah2024"),
    version=2,
    snr_db=snr(),
    snr_over=over(),
    talkers=Param("number of voices", "voices", 1, 32, scale="integer", default=6),
)
def babble(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str, talkers: int) -> Audio:
    """A full restaurant: some voices at once, none of which can be followed.

    Each voice is a glottal sawtooth with its own moving pitch and syllables, with the consonants' noise; together
    they have the long-term average spectrum of speech.
    """
    if audio.frames == 0:
        return audio
    hiss = shaped_noise(rng, 1, audio.frames, audio.rate, speech_spectrum)
    hiss *= _swell(rng, audio, 8, 6)
    voices = sum(_pulses(rng, audio) for _ in range(talkers))
    voiced = convolve(np.asarray(voices)[None, :], _voiced_filter, audio.rate, symmetric=True)
    weight = mean_square(voiced)
    if weight > 0:
        hiss *= np.float32((0.15 * weight / max(mean_square(hiss), 1e-30)) ** 0.5)
    return mix(audio, voiced + hiss, snr_db, snr_over)


@audio_corruption(cite="byrne1994", version=2, snr_db=snr(), snr_over=over())
def crowd(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str) -> Audio:
    """A station hall or a stadium: hundreds of voices far away, a murmur with the spectrum of speech that swells."""
    murmur = shaped_noise(rng, 1, audio.frames, audio.rate, speech_spectrum)
    return mix(audio, murmur * _swell(rng, audio, 1.5, 4), snr_db, snr_over)


def road_spectrum(hertz: Hertz) -> Hertz:
    """Return the power density beside a road: engines below 100 Hz, tyres around 1 kHz, air above falls steeply."""
    engine = 1 / (1 + (np.maximum(hertz, 1) / 80) ** 4)
    tyre = np.exp(-0.5 * (np.log2(np.maximum(hertz, 1) / 900) / 0.9) ** 2)
    return np.where(hertz > 20, engine + 0.1 * tyre, 0.0)


@audio_corruption(cite="sandberg2002", snr_db=snr(), snr_over=over())
def traffic_noise(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str) -> Audio:
    """A street beside the talker: engines and tyres, and single vehicles that pass.

    A vehicle passes about every two seconds at 14 m/s, 8 m away; its power follows the inverse square of its
    distance. Between vehicles a tenth of the loudest remains.
    """
    count = int(np.ceil(audio.seconds / 2)) + 2
    at = rng.random(count) * (audio.seconds + 4) - 2
    steps = _steps(audio, 20)
    time = np.arange(steps) * (audio.seconds / max(steps - 1, 1))
    power = 0.1 + (1 / (1 + ((time[:, None] - at) * (14 / 8)) ** 2)).sum(axis=1)
    roar = shaped_noise(rng, 1, audio.frames, audio.rate, road_spectrum)
    return mix(audio, roar * interpolate(np.sqrt(power).astype(np.float32), audio.frames), snr_db, snr_over)


def wind_spectrum(hertz: Hertz) -> Hertz:
    """Return the power density of turbulence at a microphone: flat to 10 Hz, then −5/3 (Kolmogorov)."""
    return 1 / (1 + (hertz / 10) ** 2) ** (5 / 6)


@audio_corruption(cite="morgan1992", version=2, snr_db=snr(), snr_over=over())
def wind(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str) -> Audio:
    """Gusts on an unprotected microphone: low-frequency turbulence, which every channel has to itself."""
    rumble = shaped_noise(rng, audio.channels, audio.frames, audio.rate, wind_spectrum)
    return mix(audio, rumble * _swell(rng, audio, 2, 8), snr_db, snr_over)


def drop_spectrum(hertz: Hertz) -> Hertz:
    """Return the power density of drops on leaves and roofs: broad, strongest from 600 Hz to 6 kHz."""
    return 1 / (1 + (600 / np.maximum(hertz, 1)) ** 4) / (1 + (hertz / 6000) ** 4)


def _drop_filter(rate: int) -> Samples:
    """Return the sound of one drop: a click of 4 ms with the drops' spectrum."""
    taps = 2 * max(8, round(0.002 * rate)) + 1
    response = np.fft.irfft(np.sqrt(drop_spectrum(np.fft.rfftfreq(taps, 1 / rate))), taps)
    return (np.roll(response, taps // 2) * np.hanning(taps + 2)[1:-1]).astype(np.float32)


@audio_corruption(
    cite="bedoya2017",
    version=2,
    snr_db=snr(),
    snr_over=over(),
    drops_per_s=Param("drops near enough to be heard one by one", "1/s", 0, 2000, default=120),
)
def rain(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str, drops_per_s: float) -> Audio:
    """Rain on leaves or a roof: a hiss of countless drops, and clicks of the near ones."""
    if audio.frames == 0:
        return audio
    hiss = shaped_noise(rng, 1, audio.frames, audio.rate, drop_spectrum)
    hiss *= np.float32(mean_square(hiss) ** -0.5)
    count = int(np.ceil(drops_per_s * audio.seconds))
    place, size = rng.random(count), rng.standard_exponential(count)
    clicks = np.zeros((1, audio.frames), np.float32)
    np.add.at(clicks[0], (place * audio.frames).astype(np.intp), size.astype(np.float32))
    clicks = convolve(clicks, _drop_filter, audio.rate)
    power = mean_square(clicks)
    return mix(audio, hiss + clicks * np.float32(power**-0.5) if power > 0 else hiss, snr_db, snr_over)


def floor_spectrum(hertz: Hertz) -> Hertz:
    """Return the power density of gears and bearings: a broad hump around 500 Hz."""
    return np.exp(-0.5 * (np.log2(np.maximum(hertz, 1) / 500) / 1.5) ** 2)


@audio_corruption(
    cite="randall2011",
    snr_db=snr(),
    snr_over=over(),
    shaft_hz=Param("turns of the shaft", "Hz", 5, 200, scale="log", default=24.5),
)
def machinery(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str, shaft_hz: float) -> Audio:
    """A workshop: a shaft's harmonics, the stronger teeth of its gear, and the noise of bearings in its rhythm."""
    start, phases = rng.random(), rng.random(40)
    count = max(1, min(40, int(audio.rate / 2 / shaft_hz)))
    orders = np.arange(1, count + 1)
    strength = orders**-1.0 + np.where(orders % 12 == 0, 0.5, 0.0)  # twelve teeth
    table = wavetable(strength, phases[:count])
    turns = cycle(audio, shaft_hz, start)
    tones = look_up(table, turns)
    noise = shaped_noise(rng, 1, audio.frames, audio.rate, floor_spectrum)[0]
    noise *= np.float32(1.2) + np.cos(np.float32(2 * np.pi) * turns)
    level = mean_square(noise[None, :])
    if level > 0:
        noise *= np.float32((0.5 * mean_square(tones[None, :]) / level) ** 0.5)
    return mix(audio, (tones + noise)[None, :], snr_db, snr_over)


_SCALE = (0, 2, 4, 5, 7, 9, 11)
"""Semitones of the major scale."""


@audio_corruption(cite=("shah2024", "snyder2015"), version=2, snr_db=snr(srb=True), snr_over=over(srb=True))
def music(audio: Audio, rng: Generator, *, snr_db: float, snr_over: str) -> Audio:
    """A radio in the background: chords of a major key, a bass and a melody, note by note.

    Speech Robust Bench plays recordings (MUSAN); its levels are kept, the music is synthesised: four voices with six
    partials each, two notes a second (the melody four), which die away.
    """
    if audio.frames == 0:
        return audio
    key_hz, seconds = 110 * 2 ** rng.random(), audio.seconds
    roots = rng.integers(0, 7, int(np.ceil(2 * seconds)) + 1)
    melody = rng.integers(7, 15, int(np.ceil(4 * seconds)) + 1)
    total = np.zeros(audio.frames, np.float32)
    table = wavetable(1 / np.arange(1, 7) ** 1.5, np.zeros(6))
    for degrees, per_second, gain in ((roots - 7, 2, 1.0), (roots + 2, 2, 0.5), (roots + 4, 2, 0.5), (melody, 4, 0.8)):
        length = -(-audio.rate // per_second)
        total += np.float32(gain) * _notes(degrees, key_hz, length, audio, table)
    return mix(audio, total[None, :], snr_db, snr_over)


def _notes(degrees: NDArray[np.int64], key_hz: float, length: int, audio: Audio, table: Samples) -> Samples:
    """Return one voice: a note for each degree of the scale, all of one length, which die away."""
    semitones = np.take(_SCALE, degrees % 7) + 12 * (degrees // 7)
    hertz = np.minimum(key_hz * 2 ** (semitones / 12), audio.rate / 16)
    turns = hertz[:, None] * (np.arange(length) / audio.rate)
    turns -= np.floor(turns)
    notes = look_up(table, turns.astype(np.float32))
    time = np.arange(length, dtype=np.float32) / np.float32(audio.rate)
    notes *= np.exp(-8 * time) * np.minimum(1, np.minimum(time / 0.005, (time[-1] - time) / 0.02))
    sound = notes.reshape(-1)
    return np.pad(sound, (0, max(0, audio.frames - len(sound))))[: audio.frames]
