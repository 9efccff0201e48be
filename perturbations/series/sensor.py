"""A sensor that does not measure what is there: noise, drift, a stuck channel, too small a range, too few bits."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from perturbations._declare import series_corruption
from perturbations._params import Param
from perturbations.modality.series import Series, spread

__all__ = ["drift", "noise", "quantisation", "saturation", "stuck_channel"]


@series_corruption(
    cite="ni2009",
    sigma=Param("noise standard deviation", "of the channel's own", 0, 10, clean=0, levels=(0.05, 0.1, 0.2, 0.4, 0.8)),
)
def noise(series: Series, rng: Generator, *, sigma: float) -> Series:
    """A cheap or badly connected sensor: independent normal noise on every channel and frame.

    At 0.1 the signal-to-noise ratio is 20 dB in every channel that varies; one that does not stays as it is.
    """
    return series.with_samples(series.samples + rng.standard_normal(series.samples.shape) * (sigma * spread(series)))


@series_corruption(
    cite=("ni2009", "stisen2015"),
    reach=Param("offset at the end of the series", "of the channel's standard deviation", 0, 100, clean=0,
                levels=(0.1, 0.25, 0.5, 1.0, 2.0)),
)  # fmt: skip
def drift(series: Series, rng: Generator, *, reach: float) -> Series:
    """A calibration that is lost as the sensor warms up or ages: an offset that grows from nothing over the series.

    Whether a channel drifts up or down is drawn. One that does not vary stays as it is.
    """
    sign = np.where(rng.random(series.channels) < 0.5, -1.0, 1.0)
    ramp = np.arange(series.frames)[:, None] / max(series.frames - 1, 1)
    return series.with_samples(series.samples + ramp * (sign * reach * spread(series)))


@series_corruption(
    cite="ni2009",
    not_monotone="how far the value that is held lies from those that follow depends on the moment it is held from",
    share=Param("share of the series in which the channel stands still, at its end", "of the series", 0, 1, clean=0,
                levels=(0.2, 0.4, 0.6, 0.8, 1.0)),
)  # fmt: skip
def stuck_channel(series: Series, rng: Generator, *, share: float) -> Series:
    """A sensor hangs: from a moment on one channel, drawn for each sample, repeats its last value until the end.

    At a share of 1 its first value is all that ever comes.
    """
    channel = int(rng.random() * series.channels)
    samples = series.samples.copy()
    last = max(series.frames - 1 - int(share * series.frames), 0)
    if series.frames and share > 0:
        samples[last:, channel] = samples[last, channel]
    return series.with_samples(samples)


@series_corruption(
    cite="ni2009",
    limit=Param("range that the sensor has, about the middle of the channel's own", "of the channel's range", 0, 1,
                clean=1, levels=(0.9, 0.75, 0.6, 0.45, 0.3)),
)  # fmt: skip
def saturation(series: Series, *, limit: float) -> Series:
    """A sensor set to too small a range: what goes beyond it is cut off at its end, below and above."""
    if series.frames == 0:
        return series
    low, high = (series.samples.astype(np.float64).min(axis=0), series.samples.astype(np.float64).max(axis=0))
    middle, half = (low + high) / 2, (high - low) / 2 * limit
    return series.with_samples(np.clip(series.samples, middle - half, middle + half))


@series_corruption(
    cite="widrow2008",
    version=2,
    bits=Param(
        "bits of the converter, over the channel's range", "bits", 1, 24, scale="integer", levels=(7, 6, 5, 4, 3)
    ),
)
def quantisation(series: Series, *, bits: int) -> Series:
    """A converter with few bits: every channel takes one of 2^bits evenly spaced values over its own range.

    The error's standard deviation is a step over √12, as long as the signal crosses many steps.
    """
    if series.frames == 0:
        return series
    samples = series.samples.astype(np.float64)
    low = samples.min(axis=0)
    step = (samples.max(axis=0) - low) / (2**bits - 1)
    steps = np.rint(np.divide(samples - low, step, out=np.zeros_like(samples), where=step > 0))
    return series.with_samples(low + steps * step)
