"""How a picture becomes the numbers that a network was trained on: declared, so that it can be shown and checked.

Nothing is guessed: a picture in 0..1 and one in 0..255, red first and blue first look alike to a program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import short

__all__ = ["DTYPES", "Pixels", "numbers", "one_of"]

_INTERPOLATIONS = ("linear", "cubic", "area", "nearest", "lanczos")
_LAYOUTS = ("channels_first", "channels_last", "flat")
DTYPES = ("float32", "float64", "float16", "uint8", "int16", "int32", "int64")
"""Numbers that a network may take."""


@dataclass(frozen=True)
class Pixels:
    """Pictures as a network sees them: decoded, brought to one size, scaled and normalised.

    ``size`` is ``(height, width)`` or one number for both, ``None`` as they come; ``fit`` says how: ``stretch``, or
    ``crop`` (the shorter side to ``shorter`` – the size, where none is given – and the centre cut out).
    ``channels`` is ``rgb``, ``bgr`` or ``grey`` (ITU-R BT.601). Black and white become ``range``, and then every
    channel ``(x - mean) / std``. ``layout`` is ``channels_first`` (C, H, W), ``channels_last`` or ``flat``. ``to`` is
    the model's name of the input (the stream's, or its only one), ``mask`` an input that is 1 where it is there.
    """

    size: int | tuple[int, int] | None = None
    fit: Literal["stretch", "crop"] = "stretch"
    shorter: int | None = None
    channels: Literal["rgb", "bgr", "grey"] = "rgb"
    range: tuple[float, float] = (0.0, 1.0)
    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0
    layout: Literal["channels_first", "channels_last", "flat"] = "channels_first"
    interpolation: Literal["linear", "cubic", "area", "nearest", "lanczos"] = "linear"
    dtype: str = "float32"
    to: str = ""
    mask: str = ""
    modality = "image"

    def __post_init__(self) -> None:
        one_of("Pixels", "fit", self.fit, ("stretch", "crop"))
        one_of("Pixels", "channels", self.channels, ("rgb", "bgr", "grey"))
        one_of("Pixels", "layout", self.layout, _LAYOUTS)
        one_of("Pixels", "interpolation", self.interpolation, _INTERPOLATIONS)
        one_of("Pixels", "dtype", self.dtype, DTYPES)
        if self.size is not None:
            both = (self.size, self.size) if isinstance(self.size, int) else tuple(self.size)
            if len(both) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in both):
                raise InputError(f"Pixels: size must be (height, width) in pixels, got {short(self.size)}.")
            object.__setattr__(self, "size", both)
        elif self.fit == "crop":
            raise InputError("Pixels: fit 'crop' needs a size.")
        low_high = numbers("Pixels", "range", self.range, 2)
        object.__setattr__(self, "range", low_high)
        count = 1 if self.channels == "grey" else 3
        object.__setattr__(self, "mean", numbers("Pixels", "mean", self.mean, count))
        object.__setattr__(self, "std", numbers("Pixels", "std", self.std, count))
        if low_high[0] == low_high[1] or min(map(abs, self.std)) == 0:  # type: ignore[arg-type] # a tuple by now
            raise InputError("Pixels: range must have two ends and std must not be 0.")

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of one prepared picture, with None where it comes from the picture."""
        height, width = self.size if isinstance(self.size, tuple) else (None, None)
        count = 1 if self.channels == "grey" else 3
        if self.layout == "flat":
            return (None if height is None or width is None else height * width * count,)
        return (count, height, width) if self.layout == "channels_first" else (height, width, count)

    def of(self, value: Any, who: str) -> NDArray[Any]:
        """Return a picture as the network takes it."""
        low, high = self.range
        pixels = self._sized(self._coloured(value)).astype(np.float32)
        scaled = low + pixels * np.float32((high - low) / 255)
        found = (scaled - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        if np.dtype(self.dtype).kind in "iu":
            found = np.rint(found)
        if self.layout == "channels_first":
            found = found.transpose(2, 0, 1)
        return np.ascontiguousarray(found.ravel() if self.layout == "flat" else found, self.dtype)

    def _coloured(self, value: NDArray[Any]) -> NDArray[Any]:
        if self.channels == "grey":
            if value.shape[2] == 1:
                return value
            return (value.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
        colour = np.repeat(value, 3, axis=2) if value.shape[2] == 1 else value
        return colour[..., ::-1] if self.channels == "bgr" else colour

    def _sized(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return a picture of the size that the network takes."""
        if not isinstance(self.size, tuple) or pixels.shape[:2] == self.size:
            return pixels
        height, width = self.size
        if self.fit == "stretch":
            return self._resized(pixels, height, width)
        times = (self.shorter or min(height, width)) / min(pixels.shape[:2])
        tall, wide = (max(least, round(n * times)) for n, least in zip(pixels.shape[:2], self.size))
        whole = self._resized(pixels, tall, wide)
        top, left = (tall - height) // 2, (wide - width) // 2
        return whole[top : top + height, left : left + width]

    def _resized(self, pixels: NDArray[Any], height: int, width: int) -> NDArray[Any]:
        import cv2

        methods = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_NEAREST, cv2.INTER_LANCZOS4)
        method = dict(zip(_INTERPOLATIONS, methods))[self.interpolation]
        sized: Any = cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=method)
        return sized.reshape(height, width, pixels.shape[2])

    def blank(self, rule: str, who: str) -> NDArray[np.uint8]:
        """Return the picture that stands for a lost one: black (``zeros``), or the mean colour in 8 bits (``mean``)."""
        if not isinstance(self.size, tuple):
            raise InputError(f"{who}: missing {rule!r} needs Pixels with a size.")
        low, high = self.range
        colour = np.zeros(3) if rule == "zeros" else (np.asarray(self.mean) - low) / (high - low) * 255
        colour = colour[::-1] if self.channels == "bgr" else colour
        return np.broadcast_to(np.clip(np.rint(colour), 0, 255).astype(np.uint8), (*self.size, 3)).copy()

    def says(self) -> str:
        """Return what is done, in words."""
        size = "as they come" if not isinstance(self.size, tuple) else f"{self.size[0]}×{self.size[1]} ({self.fit})"
        mean, std = (" ".join(f"{n:g}" for n in part) for part in (self.mean, self.std))  # type: ignore[union-attr]
        return f"{size}, {self.channels}, {self.range[0]:g}..{self.range[1]:g}, (x - {mean}) / {std}, {self.layout}"


def one_of(who: str, name: str, value: Any, known: Sequence[str]) -> None:
    """Raise InputError for a word that is not known."""
    if value not in known:
        raise InputError(f"{who}: {name} must be {', '.join(known[:-1])} or {known[-1]}, got {short(value)}.")


def numbers(who: str, name: str, value: Any, count: int) -> tuple[float, ...]:
    """Return so many finite numbers, of one or of as many as are asked for."""
    try:
        found = tuple(float(n) for n in np.atleast_1d(np.asarray(value, np.float64)))
    except (TypeError, ValueError):
        found = ()
    found = found * count if len(found) == 1 and name != "range" else found
    if len(found) != count or not np.isfinite(found).all():
        raise InputError(f"{who}: {name} must be {count} finite number{'s' * (count > 1)}, got {short(value)}.")
    return found
