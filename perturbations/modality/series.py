"""Measurements over time: ``Series(samples: float32 (frames, channels), rate, names)``, each channel in its own unit.

Accelerometers, sensor logs, physiological signals. Channels share no full scale, so what is said of one is said in its
own standard deviations.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations.errors import InputError, short
from perturbations.modality import Limits, Look, Modality, Stored
from perturbations.modality._layout import Layout
from perturbations.modality.series_signals import SIGNALS

__all__ = ["MODALITY", "Series", "spread"]

_LARGEST = 1e30
"""Beyond it squares and noise would leave the range of the numbers."""
_UNEVEN = 0.25
"""How far a frame of a file may be from where an even rate puts it, in periods: times are often rounded."""


@dataclass(frozen=True, eq=False)
class Series:
    """Measurements over time: ``samples`` is ``float32 (frames, channels)``, ``rate`` in hertz, ``names`` of channels.

    One-dimensional samples are taken as one channel; without names, channels are called ``0``, ``1`` and so on. Any
    length is valid, zero frames too. Raises InputError for numbers that are not finite, or beyond ±1e30.
    """

    samples: NDArray[np.float32]
    rate: float
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        samples, rate = self.samples, self.rate
        if not isinstance(samples, np.ndarray) or samples.dtype.kind not in "fiu":
            raise InputError(f"Series: samples must be an array of real numbers, got {short(samples)}.")
        if samples.ndim == 1:
            samples = samples[:, None]
        if samples.ndim != 2 or samples.shape[1] < 1:
            raise InputError(f"Series: samples must have the shape (frames, channels), got {short(samples)}.")
        real = isinstance(rate, int | float | np.integer | np.floating) and not isinstance(rate, bool)
        if not real or not 0 < rate < np.inf:
            raise InputError(f"Series: rate must be a number of hertz above 0, got {short(rate)}.")
        names = tuple(self.names) or tuple(map(str, range(samples.shape[1])))
        fine = not isinstance(self.names, str) and all(isinstance(name, str) and name for name in names)
        if not fine or len(set(names)) != samples.shape[1] or len(names) != samples.shape[1]:
            wanted = f"{samples.shape[1]} different names, one a channel"
            raise InputError(f"Series: names must be {wanted}, got {short(self.names)}.")
        if samples.size and not np.abs(samples).max() <= _LARGEST:  # false for NaN, too
            raise InputError("Series: samples must be finite and within ±1e30. Fill gaps first, or cut them out.")
        object.__setattr__(self, "samples", np.ascontiguousarray(samples, dtype=np.float32))
        object.__setattr__(self, "rate", float(rate))
        object.__setattr__(self, "names", names)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[1])

    @property
    def frames(self) -> int:
        """Number of frames: measurements in each channel."""
        return int(self.samples.shape[0])

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.frames / self.rate

    def with_samples(self, samples: NDArray[Any]) -> Series:
        """Return other measurements of the same channels at the same rate."""
        return Series(samples, self.rate, self.names)


_LAYOUT = Layout(
    axes=("frames", "channels"),
    extent=(0,),
    dtype=np.float32,
    array=lambda value: value.samples,
    build=lambda samples, facts: Series(samples, facts["rate"], tuple(facts["names"])),
    facts=lambda value: {"rate": value.rate, "names": value.names},
    remedies={
        "frames": "Give frames=N: each is cut, or padded with zeros, to that length.",
        "rate": "Resample the series to one rate in the model.",
        "names": "Choose the same channels, in one order, in the model.",
    },
)


def _holds(value: object) -> bool:
    return isinstance(value, Series)


def _check(value: Any, who: str) -> None:
    if not isinstance(value, Series):
        raise InputError(f"{who}: a series must be Series(samples, rate, names), got {short(value)}.")
    if value.samples.size and not np.abs(value.samples).max() <= _LARGEST:  # written to since it was made
        raise InputError(f"{who}: samples must be finite and within ±1e30, got {short(value.samples)}.")


def _digest(value: Series) -> bytes:
    return f"{value.rate!r} {value.names!r} {value.samples.shape}".encode("utf-8", "surrogatepass") + (
        value.samples.tobytes()
    )


def _mean(values: Iterable[Series], like: Series) -> Series:
    """Return the frame-wise mean of the series with this rate and these channels, cut or padded to this length."""
    total = np.zeros(like.samples.shape, np.float64)
    count = 0
    for value in values:
        if (value.rate, value.names) != (like.rate, like.names):
            continue
        frames = min(value.frames, like.frames)
        total[:frames] += value.samples[:frames]
        count += 1
    return like.with_samples(total / max(count, 1))


def _level(values: Sequence[Series]) -> Mapping[str, tuple[float, float]]:
    """Return mean and standard deviation of each channel, each the mean over a data set's series."""
    found: dict[str, list[tuple[float, float]]] = {}
    for value in (value for value in values if value.frames):
        means = value.samples.mean(axis=0, dtype=np.float64)
        for name, mean, deviation in zip(value.names, means.tolist(), spread(value).tolist()):
            found.setdefault(name, []).append((mean, deviation))
    return {name: (float(np.mean(pairs, axis=0)[0]), float(np.mean(pairs, axis=0)[1])) for name, pairs in found.items()}


def _noise(value: Series, level: Mapping[str, tuple[float, float]], rng: Generator) -> Series:
    known = np.array([level.get(name, (0.0, 0.0)) for name in value.names])
    return value.with_samples(rng.standard_normal(value.samples.shape) * known[:, 1] + known[:, 0])


def spread(value: Series) -> NDArray[np.float64]:
    """Return the standard deviation of each channel, ``float64 (channels,)``; 0 for a series without frames."""
    return value.samples.std(axis=0, dtype=np.float64) if value.frames else np.zeros(value.channels)


def _distortion(clean: Series, perturbed: Series) -> Mapping[str, float]:
    """Root mean square error over the standard deviation of each channel, and the root mean square of these.

    A channel that does not vary is measured by its own size, or by 1 where it is zero. Undefined where the length, the
    rate or the channels changed.
    """
    if _LAYOUT.shape(clean) != _LAYOUT.shape(perturbed):
        return {"nrmse": float("nan")}
    if clean.frames == 0:
        return {"nrmse": 0.0}
    scale, size = spread(clean), np.abs(clean.samples).max(axis=0).astype(np.float64)
    scale = np.where(scale > 0, scale, np.where(size > 0, size, 1.0))
    error = np.square(perturbed.samples.astype(np.float64) - clean.samples).mean(axis=0)
    return {"nrmse": float(np.sqrt(np.mean(error / np.square(scale))))}


def _witness() -> Series:
    """Four seconds of something like walking with an accelerometer at 50 Hz: steps, their harmonics, gravity, m/s²."""
    time = np.arange(200) / 50
    step = 2 * np.pi * 1.9 * time
    x = 1.2 * np.sin(step / 2) + 0.4 * np.sin(3 * step + 0.5)
    y = 0.3 + 1.6 * np.sin(step + 1) + 0.7 * np.sin(2 * step)
    z = 9.81 + 2.8 * np.sin(step) + 1.1 * np.sin(2 * step + 0.8) + 0.5 * np.sin(5 * step)
    return Series(np.stack([x, y, z], axis=1), 50, ("x", "y", "z"))


def _header(line: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line]), [])] or [""]
    except csv.Error:  # it is no text at all
        return [""]


def _decode(content: bytes, who: str, limits: Limits) -> tuple[Series, str | None]:
    """Return the series in a CSV file: a column ``time`` in seconds, evenly spaced, and one for each channel."""
    names = _header(content[:100_000].partition(b"\n")[0].decode("utf-8-sig", "replace").strip())
    if names[0] != "time" or len(names) < 2:
        raise InputError(f"{who} is not a series: its first line must be time,CHANNEL,… with the time in seconds.")
    if (numbers := content.count(b",")) > (most := int(limits.megapixels * 1e6)):
        raise InputError(f"{who} must have at most {most:,} numbers (--max-megapixels), got {numbers:,}.")
    try:
        rows = [row for row in content.decode("utf-8-sig").splitlines()[1:] if row.strip()]
        table = np.loadtxt(rows, delimiter=",", ndmin=2, dtype=np.float64, comments=None) if rows else np.empty((0, 0))
    except ValueError:  # what it says would show what is in the file
        raise InputError(f"{who} must hold numbers in every row after its first, one for each name.") from None
    if len(table) < 2 or table.shape[1] != len(names):
        got = f"{table.shape[0]} of {table.shape[1]}"
        raise InputError(f"{who} must have 2 or more rows of {len(names)} numbers, got {got}.")
    if (rate := _rate(table[:, 0])) is None:
        raise InputError(f"{who} must have evenly spaced times, in seconds. Resample it first.")
    samples: NDArray[Any] = table[:, 1:]
    try:
        return Series(samples, rate, tuple(names[1:])), None
    except InputError as error:
        raise InputError(f"{who}: {error}") from None


def _rate(time: NDArray[np.float64]) -> float | None:
    """Return the rate of evenly spaced times, in hertz; nothing where they are not.

    It is the roundest number that the times allow for: those of a log are rounded, so files of one sensor would
    otherwise each have a rate of their own.
    """
    period = float(time[-1] - time[0]) / (len(time) - 1) if np.isfinite(time).all() else 0.0
    if not period > 0:
        return None

    def off(rate: float) -> float:
        return float(np.abs(time - time[0] - np.arange(len(time)) / rate).max())

    least = off(1 / period)
    if least > _UNEVEN * period:
        return None
    rounded = next((10.0**-digits for digits in range(9) if np.array_equal(np.round(time, digits), time)), 1e-9)
    tried = (float(f"{1 / period:.{digits}g}") for digits in range(1, 13))
    allowed = least + min(rounded, _UNEVEN * period)
    return next((rate for rate in tried if off(rate) <= allowed), 1 / period)


_INKS = ("#0067a8", "#b44a00", "#00755a", "#8f3f8f", "#7a6a00", "#5b5b9a")
_WIDE, _HIGH = 176, 72


def _draw(value: Series, clean: Series, words: str) -> str:
    """Return each channel as a line, on the clean one's scale of time and in ±3 of its standard deviations."""
    middle, scale = (clean.samples.mean(axis=0), spread(clean)) if clean.frames else (np.zeros(clean.channels),) * 2
    lines = []
    for channel in range(min(value.channels, clean.channels)):
        level = (value.samples[:, channel] - middle[channel]) / (scale[channel] or 1.0)
        x = np.arange(value.frames) * (_WIDE / max(clean.frames, 1))
        y = _HIGH / 2 - np.clip(level, -3, 3) * (_HIGH / 6)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))
        lines.append(f"<polyline points='{points}' fill='none' stroke='{_INKS[channel % len(_INKS)]}'/>")
    size = f"width='{_WIDE}' height='{_HIGH}' viewBox='0 0 {_WIDE} {_HIGH}'"
    return f"<svg {size} role='img' aria-label='{escape(words)}'>{''.join(lines)}</svg>"


_EXCERPT = 2_000
"""Frames of a series that are kept to be shown."""


def _excerpt(value: Series) -> Series:
    """Return the first frames."""
    return Series(value.samples[:_EXCERPT].copy(), value.rate, value.names)


MODALITY = Modality(
    name="series",
    takes="a Series(samples, rate, names)",
    holds=_holds,
    check=_check,
    shown=lambda value: f"{value.channels} × {value.rate:.4g} Hz",
    array=_LAYOUT.array,
    with_array=_LAYOUT.with_array,
    shape=_LAYOUT.shape,
    facts=_LAYOUT.facts,
    size=_LAYOUT.size,
    copy=_LAYOUT.copy,
    freeze=_LAYOUT.freeze,
    same=_LAYOUT.same,
    digest=_digest,
    pack=_LAYOUT.pack,
    unpack=_LAYOUT.unpack,
    stack=_LAYOUT.stack,
    zeros=_LAYOUT.zeros,
    mean=_mean,
    level=_level,
    noise=_noise,
    cut=_LAYOUT.cut,
    repeat=_LAYOUT.repeat,
    late=_LAYOUT.late,
    vary=lambda value, number: _LAYOUT.rolled(value, 7 * number),
    distortion=_distortion,
    falls=False,
    signals=SIGNALS,
    witness=_witness,
    stored=Stored(in_file=True, decode=_decode, endings=(".csv",)),
    look=Look("#7a6a00", "#d8c64a", "yellow4", "v", {"nrmse": "error, in standard deviations"}, _draw, _excerpt),
)
