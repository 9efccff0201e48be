"""Signals of recordings: level, loudness, noise, clipping, gaps, bandwidth, hum and room."""

from __future__ import annotations

import numpy as np

from perturbations.modality._heard import (
    ACTIVE_DB,
    FRAME_S,
    Heard,
    decibels,
    k_weighting,
    noise_floor,
    power_spectra,
)
from perturbations.modality._signal import Signals, signal

__all__ = ["SIGNALS"]

_FLOOR_DB = -60.0
_LEAST_RATE = 4000
_NAN = float("nan")


@signal("dB of full scale", high=0.01, cheap=True)
def level_dbfs(heard: Heard) -> float:
    """Level of the part where something sounds (frames of 20 ms within 40 dB of the loudest); undefined for silence."""
    return decibels(heard.power)


@signal("dB", low=0, cheap=True)
def crest_db(heard: Heard) -> float:
    """Peak over the level of the active part: low where peaks were clipped or compressed, high where something pops."""
    if heard.power == 0:
        return _NAN
    return max(0.0, decibels(heard.peak**2 / heard.power))


@signal("share", 0, 1, cheap=True)
def clipped(heard: Heard) -> float:
    """Share of the samples at full scale (within a thousandth)."""
    return float((np.abs(heard.value.samples) >= 0.999).mean()) if heard.peak >= 0.999 else 0.0


@signal("share", 0, 1, cheap=True)
def silence(heard: Heard) -> float:
    """Share of the frames of 20 ms under −60 dB of full scale, or 40 dB under the loudest; 1 of an empty recording."""
    quiet = ~heard.active | (heard.frames < 10 ** (_FLOOR_DB / 10))
    return float(quiet.mean()) if len(quiet) else 1.0


@signal("seconds", 0, cheap=True)
def seconds(heard: Heard) -> float:
    """Duration."""
    return heard.value.frames / heard.rate


@signal("hertz", 1, cheap=True)
def rate(heard: Heard) -> float:
    """Sample rate: another one comes from another device."""
    return float(heard.rate)


@signal("share", 0, 1, cheap=True)
def gaps(heard: Heard) -> float:
    """Share of the samples in stretches of 5 ms or longer that do not move at all, within what sounds: lost packets."""
    samples, least = heard.value.samples, max(2, round(0.005 * heard.rate))
    alike = (samples[:, 1:] == samples[:, :-1]).all(axis=0)
    if not heard.active.any() or np.count_nonzero(alike) < least - 1:  # as of nearly every recording
        return 0.0
    step = np.abs(np.diff(samples, axis=1)).max(axis=0)
    moves = np.flatnonzero(step)  # from the first to the last: what lies outside is a pause
    if len(moves) < 2:
        return 0.0
    still, torn = np.diff(moves), step[moves] > 0.1 * np.sqrt(heard.power)
    lost = (still >= least) & (torn[:-1] | torn[1:])  # a pause fades out and in, a lost packet has an edge
    return float(still[lost].sum() / (moves[-1] - moves[0]))


@signal("correlation", -1, 1)
def alike_channels(heard: Heard) -> float:
    """Least correlation of a channel with the first: 1 of one channel, or of a copied one; near 0 where one is dead."""
    samples = heard.value.samples.astype(np.float64)
    if len(samples) == 1 or heard.value.frames < 2:
        return 1.0
    centred = samples - samples.mean(axis=1, keepdims=True)
    size = np.sqrt(np.square(centred).sum(axis=1))
    known = size * size[0] > 0
    found = np.where(known, centred @ centred[0] / np.where(known, size * size[0], 1), 0.0)
    return float(np.clip(found[1:].min(), -1, 1))


@signal("dB", -20, 100, source="low quantiles of the spectrogram, after Martin 2001 (minimum statistics)")
def snr_estimate_db(heard: Heard) -> float:
    """Estimated signal-to-noise ratio, of the active part: noise is what is there most of the time at most frequencies.

    Of coloured noise, and of music that never pauses, it is a rank rather than a number. Undefined for silence.
    """
    if heard.power == 0:
        return _NAN
    power = heard.spectra.sum(axis=1)
    signal_and_noise = power[power >= power.max() * 10 ** (-ACTIVE_DB / 10)].mean() / heard.spectra.shape[1]
    floor = noise_floor(heard)
    window = float(np.square(np.hanning(heard.length)).sum())
    there, noise = signal_and_noise / window, floor / window
    if noise <= 0:
        return 100.0
    return float(np.clip(10 * np.log10(max(there - noise, 1e-2 * noise) / noise), -20, 100))


@signal("LUFS", high=10, source="ITU-R BS.1770-4")
def loudness_lufs(heard: Heard) -> float:
    """Integrated loudness: K weighting, blocks of 400 ms, both gates; of a shorter clip, all of it as one block.

    Undefined where no block is above −70 LUFS, and under 4 kHz, where the weighting has no room.
    """
    value = heard.value
    step = round(0.1 * value.rate)
    if value.frames == 0 or value.rate < _LEAST_RATE:
        return _NAN
    whole = value.samples if value.frames >= 4 * step else np.pad(value.samples, ((0, 0), (0, 4 * step - value.frames)))
    steps = whole[:, : whole.shape[1] // step * step].reshape(len(whole), -1, step)
    # By Parseval's theorem the power of each tenth of a second after the filter, without filtering.
    power = (power_spectra(steps) * k_weighting(value.rate, step)).sum(axis=(0, 2))
    blocks = np.convolve(power, np.full(4, 0.25), "valid") * max(1.0, 4 * step / value.frames)
    loud = blocks[blocks > 10 ** ((-70 + 0.691) / 10)]
    if len(loud):
        loud = loud[loud > loud.mean() * 0.1]
    return -0.691 + decibels(float(loud.mean())) if len(loud) else _NAN


@signal("hertz", 0)
def bandwidth_hz(heard: Heard) -> float:
    """Highest frequency within 50 dB of the loudest: telephone, a low bit rate, a covered microphone; 0 for silence."""
    spectrum = heard.spectrum
    if spectrum.max(initial=0.0) <= 0:
        return 0.0
    highest = int(np.flatnonzero(spectrum >= spectrum.max() * 1e-5)[-1])
    return highest * heard.rate / heard.length


@signal("hertz", 0)
def centroid_hz(heard: Heard) -> float:
    """Centre of gravity of the power spectrum: low behind a wall, high under hiss; 0 for silence."""
    spectrum = heard.spectrum
    total = float(spectrum.sum())
    return float(spectrum @ np.arange(len(spectrum))) / total * heard.rate / heard.length if total > 0 else 0.0


@signal("share", 0, 1, source="Johnston 1988, Transform coding of audio signals using perceptual noise criteria")
def flatness(heard: Heard) -> float:
    """Geometric over arithmetic mean of the power spectrum: near 0 of a tone, near 1 of white noise; 0 for silence."""
    spectrum = heard.spectrum[1:]
    total = float(spectrum.mean())
    return float(np.exp(np.log(np.maximum(spectrum, 1e-12 * total)).mean()) / total) if total > 0 else 0.0


@signal("dB")
def hum_db(heard: Heard) -> float:
    """Power at the mains (50 or 60 Hz, with two harmonics) over that beside it, the stronger of both; 0 without.

    Needs a fifth of a second; undefined in less.
    """
    wave = heard.middle
    if len(wave) < 0.2 * heard.rate or heard.power == 0:
        return _NAN
    # A strong hum stands out in a spectrum of a few hertz: one window over at most two seconds.
    part = wave[: 2 * heard.rate]
    power = power_spectra(part * np.hanning(len(part)).astype(np.float32))
    width = heard.rate / len(part)

    def at(hertz: float) -> float:
        place, reach = hertz / width, max(2, round(2.0 / width))
        low, high = round(place) - reach, round(place) + reach + 1
        far = 3 * reach + 2
        if low - far < 0 or high + far > len(power):
            return 0.0
        around = np.concatenate([power[low - far : low], power[high : high + far]])
        return float(power[low:high].max() / max(float(np.median(around)), 1e-20))

    found = max(np.mean([at(mains * order) for order in (1, 2, 3)]) for mains in (50, 60))
    return max(0.0, decibels(float(found))) if found > 0 else 0.0


@signal("dB a second", high=0)
def decay_db_s(heard: Heard) -> float:
    """How fast sound dies away: the steepest tenth of the falls of level over 60 ms; slower (nearer to 0) in a room.

    Undefined where the level never falls.
    """
    span = 3
    if len(heard.frames) < span + 2:
        return _NAN
    level = 10 * np.log10(np.maximum(heard.frames, 1e-10))
    falls = (level[span:] - level[:-span]) / (span * FRAME_S)
    falls = falls[falls < 0]
    return float(np.quantile(falls, 0.1)) if len(falls) else _NAN


SIGNALS = Signals(
    Heard,
    level_dbfs,
    crest_db,
    clipped,
    silence,
    seconds,
    rate,
    gaps,
    alike_channels,
    snr_estimate_db,
    loudness_lufs,
    bandwidth_hz,
    centroid_hz,
    flatness,
    hum_db,
    decay_db_s,
)
