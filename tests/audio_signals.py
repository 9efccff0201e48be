"""Signals and measurements for the audio tests: written from their definitions, independent of the code under test."""

from itertools import pairwise

import numpy as np

from perturbations import Audio


def tone(hertz, rate=16_000, seconds=1.0, level_db=-12.0, channels=1):
    time = np.arange(round(seconds * rate)) / rate
    one = 10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * time)
    return Audio(np.tile(one.astype(np.float32), (channels, 1)), rate)


def noise(rate=16_000, seconds=4.0, level_db=-26.0, channels=1, seed=0):
    draws = np.random.default_rng(seed).standard_normal((channels, round(seconds * rate)))
    return Audio((10 ** (level_db / 20) * draws).clip(-1, 1).astype(np.float32), rate)


def db(power):
    return 10 * np.log10(power)


def power(samples):
    return float(np.mean(np.square(samples, dtype=np.float64)))


def spectrum(samples, rate, length=8192):
    """Return frequencies and Welch's power density of the first channel."""
    from scipy.signal import welch

    return welch(samples[0].astype(np.float64), rate, nperseg=min(length, samples.shape[1]))


def slope_db_per_octave(samples, rate, low, high):
    """Return the straight line through the third-octave densities, by least squares."""
    hertz, density = spectrum(samples, rate)
    edges = low * 2 ** (np.arange(0, np.log2(high / low) + 1e-9, 1 / 3))
    bands = [(np.sqrt(a * b), density[(hertz >= a) & (hertz < b)].mean()) for a, b in pairwise(edges)]
    octaves, level = np.log2([b[0] for b in bands]), db(np.array([b[1] for b in bands]))
    return float(np.polyfit(octaves, level, 1)[0])


def pitch_of(samples, rate):
    """Return the frequency of a tone, by the peak of a padded Blackman spectrum and a parabola through it."""
    one = samples[0].astype(np.float64)
    size = 1 << (len(one) - 1).bit_length() + 2
    level = np.log(np.abs(np.fft.rfft(one * np.blackman(len(one)), size)) + 1e-12)
    k = int(level[1:-1].argmax()) + 1
    a, b, c = level[k - 1 : k + 2]
    return (k + 0.5 * (a - c) / (a - 2 * b + c)) * rate / size


def rt60_of(response, rate):
    """Return the reverberation time of an impulse response: Schroeder's integral, −5 to −35 dB, twice that."""
    energy = np.square(response.astype(np.float64))
    decay = db(np.maximum(np.cumsum(energy[::-1])[::-1] / energy.sum(), 1e-30))
    inside = np.flatnonzero((decay <= -5) & (decay >= -35))
    return -60 / np.polyfit(inside / rate, decay[inside], 1)[0]


def loudness_lufs(samples, rate):
    """Return the integrated loudness of ITU-R BS.1770-4: K weighting, 400 ms blocks, both gates."""
    from scipy.signal import lfilter

    def biquad(gain_db, corner, quality, high):
        k = np.tan(np.pi * corner / rate)
        if high:
            b, a = [1, -2, 1], [1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k]
            return np.array(b), np.array(a) / a[0]
        boost = 10 ** (gain_db / 20)
        slope = boost**0.4996667741545416
        b = [boost + slope * k / quality + k * k, 2 * (k * k - boost), boost - slope * k / quality + k * k]
        a = [1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k]
        return np.array(b) / a[0], np.array(a) / a[0]

    stages = [
        biquad(3.999843853973347, 1681.974450955533, 0.7071752369554196, False),
        biquad(0, 38.13547087602444, 0.5003270373238773, True),
    ]
    weighted = samples.astype(np.float64)
    for b, a in stages:
        weighted = lfilter(b, a, weighted)
    length, step = round(0.4 * rate), round(0.1 * rate)
    starts = range(0, samples.shape[1] - length + 1, step)
    blocks = np.array([np.square(weighted[:, s : s + length]).mean(axis=1).sum() for s in starts])
    blocks = blocks[-0.691 + db(np.maximum(blocks, 1e-30)) > -70]
    return -0.691 + db(blocks[-0.691 + db(blocks) > -0.691 + db(blocks.mean()) - 10].mean())
