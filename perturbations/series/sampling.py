"""Measurements that do not arrive, not when they should, or on the wrong line."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from perturbations._declare import series_corruption
from perturbations._params import Choice, Param
from perturbations.modality.series import Series

__all__ = ["channels_swapped", "dropout", "time_jitter"]


@series_corruption(
    cite="perkins2003",
    rate=Param("share of the packets that are lost", "of packets", 0, 1, clean=0, levels=(0.05, 0.1, 0.2, 0.4, 0.6)),
    packet_ms=Param("time that a packet holds", "ms", 1, 3.6e6, scale="log", default=100),
    fill=Choice("what stands in for a lost packet", ("hold", "zeros"), default="hold"),
)
def dropout(series: Series, rng: Generator, *, rate: float, packet_ms: float, fill: str) -> Series:
    """A weak radio link: packets of measurements are lost, each with the same chance, and something takes their place.

    ``hold`` repeats the last frame that arrived (zeros, before there was one); ``zeros`` gives zeros. Packets lost at a
    low rate are lost at every higher one. A packet holds one frame at least.
    """
    length = max(1, round(packet_ms * series.rate / 1000))
    draws = rng.random(-(-series.frames // length))
    lost = np.repeat(draws < rate, length)[: series.frames]
    if not lost.any():
        return series
    samples = series.samples.copy()
    last = np.maximum.accumulate(np.where(lost, -1, np.arange(series.frames)))
    samples[lost] = np.where(last[lost, None] < 0, 0, samples[last[lost]]) if fill == "hold" else 0
    return series.with_samples(samples)


@series_corruption(
    cite="stisen2015",
    jitter=Param("standard deviation of the moment of measurement", "of the sampling period", 0, 100, clean=0,
                 levels=(0.1, 0.25, 0.5, 1.0, 2.0)),
)  # fmt: skip
def time_jitter(series: Series, rng: Generator, *, jitter: float) -> Series:
    """A busy device reads its sensor too early or too late: frames are not from the moments that their rate says.

    Between measurements, the signal is taken to run straight; all channels of a frame are read at one moment.
    """
    frames = np.arange(series.frames)
    moments = frames + jitter * rng.standard_normal(series.frames)
    if series.frames == 0:
        return series
    read = [np.interp(moments, frames, series.samples[:, channel]) for channel in range(series.channels)]
    return series.with_samples(np.stack(read, axis=1))


@series_corruption(cite="sculley2015")
def channels_swapped(series: Series, rng: Generator) -> Series:
    """Two wires, or two columns of a log, change places: two channels, drawn for each sample, bear each other's name.

    A series of one channel stays as it is.
    """
    one, other = rng.random(2)
    if series.channels == 1:
        return series
    first = int(one * series.channels)
    second = int(other * (series.channels - 1))
    second += second >= first
    order = np.arange(series.channels)
    order[[first, second]] = second, first
    return series.with_samples(series.samples[:, order])
