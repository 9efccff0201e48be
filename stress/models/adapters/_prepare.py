"""How sounds, texts and series become the numbers that a network was trained on: declared, and so checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import Audio, InputError, ModelError
from perturbations.errors import short
from stress.models.adapters._pixels import DTYPES, Pixels, numbers, one_of

__all__ = ["PREPARATIONS", "Frames", "Pixels", "Prepared", "Texts", "Waveform", "settings_of"]


@dataclass(frozen=True)
class Waveform:
    """Recordings as a network hears them: at its rate, mixed to one channel, of one length where it needs one.

    ``rate`` in hertz is the one it was trained on: a recording at another is refused, or resampled (polyphase) where
    ``resample`` says so. ``frames`` cuts or pads with silence at the end; ``None`` keeps the length. ``full_scale`` is
    the number that full scale becomes (32768 for networks of 16-bit samples); ``standardised`` brings each recording
    to mean 0 and deviation 1, as wav2vec 2.0 takes it. ``layout`` is ``frames`` (n, frames) or ``channels_first``
    (n, 1, frames).
    """

    rate: int
    frames: int | None = None
    resample: bool = False
    full_scale: float = 1.0
    standardised: bool = False
    layout: Literal["frames", "channels_first"] = "frames"
    dtype: str = "float32"
    to: str = ""
    mask: str = ""
    modality = "audio"

    def __post_init__(self) -> None:
        one_of("Waveform", "layout", self.layout, ("frames", "channels_first"))
        one_of("Waveform", "dtype", self.dtype, DTYPES)
        for name, value in (("rate", self.rate), ("frames", self.frames)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise InputError(f"Waveform: {name} must be a whole number above 0, got {short(value)}.")
        if not 0 < self.full_scale < np.inf:
            raise InputError(f"Waveform: full_scale must be a number above 0, got {short(self.full_scale)}.")

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of one prepared recording, with None where it comes from the recording."""
        return (self.frames,) if self.layout == "frames" else (1, self.frames)

    def of(self, value: Audio, who: str) -> NDArray[Any]:
        """Return a recording as the network takes it. Raises InputError where it has another rate."""
        if value.rate != self.rate and not self.resample:
            raise InputError(
                f"{who}: the rate must be {self.rate} Hz, as the model was trained on, got {value.rate} Hz. "
                "Waveform(resample=True) resamples."
            )
        mono = value.samples.mean(axis=0) if value.channels > 1 else value.samples[0]
        if value.rate != self.rate and mono.size:
            from scipy.signal import resample_poly

            ratio = Fraction(self.rate, value.rate)
            mono = resample_poly(mono, ratio.numerator, ratio.denominator)
        if self.frames is not None:
            mono = np.pad(mono[: self.frames], (0, max(0, self.frames - mono.size)))
        if self.standardised and mono.size:
            mono = (mono - mono.mean()) / np.sqrt(mono.var() + 1e-7)
        mono = mono * np.float32(self.full_scale)
        if np.dtype(self.dtype).kind in "iu":
            limits = np.iinfo(self.dtype)
            mono = np.clip(np.rint(mono), limits.min, limits.max)
        found = mono if self.layout == "frames" else mono[None]
        return np.ascontiguousarray(found, self.dtype)

    def blank(self, rule: str, who: str) -> Audio:
        """Return silence: of the length that the network takes, or of one second."""
        return Audio(np.zeros((1, self.frames or self.rate), np.float32), self.rate)

    def says(self) -> str:
        """Return what is done, in words."""
        length = "any length" if self.frames is None else f"{self.frames} frames"
        more = ", standardised" if self.standardised else ""
        return f"{self.rate} Hz{' (resampled)' if self.resample else ''}, mono, {length}, ±{self.full_scale:g}{more}"


@dataclass(frozen=True)
class Texts:
    """Texts as a network reads them: as they are, or encoded by ``encode(text)`` into numbers of one shape a text."""

    encode: Callable[[str], Any] | None = None
    to: str = ""
    mask: str = ""
    modality = "text"
    dtype = "str"
    shape = None

    def of(self, value: str, who: str) -> NDArray[Any]:
        """Return a text as the network takes it."""
        if self.encode is None:
            return np.array(value, object)
        found = np.asarray(self.encode(value))
        if found.dtype.kind not in "iufb":
            raise ModelError(f"{who}: encode must return numbers, got {short(found)}.")
        return found

    def blank(self, rule: str, who: str) -> str:
        """Return the empty text, for ``zeros``; there is no mean of texts."""
        if rule == "mean":
            raise InputError(f"{who}: missing 'mean' is for pictures and sounds; name a text: ('fixed', '…').")
        return ""

    def says(self) -> str:
        """Return what is done, in words."""
        return "as they are" if self.encode is None else f"by {getattr(self.encode, '__name__', 'encode')}"


@dataclass(frozen=True)
class Frames:
    """Series of numbers as a network takes them: ``(x - mean) / std`` a channel, frames first or channels first."""

    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0
    frames: int | None = None
    layout: Literal["frames_first", "channels_first", "flat"] = "frames_first"
    dtype: str = "float32"
    to: str = ""
    mask: str = ""
    modality = "series"
    shape = None

    def __post_init__(self) -> None:
        one_of("Frames", "layout", self.layout, ("frames_first", "channels_first", "flat"))
        one_of("Frames", "dtype", self.dtype, DTYPES)
        for name, value in (("mean", self.mean), ("std", self.std)):
            object.__setattr__(self, name, numbers("Frames", name, value, max(1, np.size(value))))

    def of(self, value: Any, who: str) -> NDArray[Any]:
        """Return a series as the network takes it: (frames, channels), of one length where it needs one."""
        raw = np.asarray(value.samples, np.float32)
        if self.frames is not None:
            raw = np.pad(raw[: self.frames], ((0, max(0, self.frames - len(raw))), (0, 0)))
        found = (raw - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        if self.layout != "frames_first":
            found = found.ravel() if self.layout == "flat" else found.T
        return np.ascontiguousarray(found, self.dtype)

    def blank(self, rule: str, who: str) -> Any:
        """A series has as many channels as its data: nothing stands for a lost one but what is named."""
        raise InputError(f"{who}: missing {rule!r} is not known for series; name one: ('fixed', series).")

    def says(self) -> str:
        """Return what is done, in words."""
        return f"(x - {self.mean}) / {self.std}, {self.layout}"


Prepared = Pixels | Waveform | Texts | Frames
PREPARATIONS = {"pixels": Pixels, "waveform": Waveform, "texts": Texts, "frames": Frames}
"""By the name that a description file uses."""


def settings_of(prepared: Any) -> dict[str, Any]:
    """Return what a preparation declares, as plain data, for a run's identity; of a function its name."""
    found = {each.name: getattr(prepared, each.name) for each in fields(prepared)}
    named = {name: getattr(value, "__qualname__", value) for name, value in found.items()}
    plain = (str, int, float, bool, tuple, type(None))
    return {"as": type(prepared).__name__, **{name: v for name, v in named.items() if isinstance(v, plain)}}
