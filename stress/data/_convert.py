"""Pictures and recordings as other libraries hold them, turned into values: whoever converts says what is meant.

Nothing is guessed: numbers in 0..1 and in 0..255, channels first and last, transparency over white and over black look
alike to a program, and a wrong guess changes every result without a word.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import Audio, Image, InputError
from perturbations.errors import named_keywords, short
from perturbations.files import path_shown, read_regular
from perturbations.modality import Limits, modality
from perturbations.modality.stored_audio import waveform
from perturbations.modality.stored_image import decoded

__all__ = ["audio", "image"]

LayoutName = Literal["channels_last", "channels_first"]


@named_keywords
def image(
    source: Any,
    *,
    range: tuple[float, float] | None = None,  # noqa: A002 - it is what the numbers' range is called
    layout: LayoutName = "channels_last",
    background: int | Sequence[int] | None = None,
) -> Image:
    """Return a picture – a file, a PIL image, an array or a tensor – as ``uint8 (height, width, 1 or 3)``.

    ``range`` are the numbers that mean black and white: ``(0, 1)``, ``(0, 65535)``; numbers of 8 bits need none.
    ``layout`` says where the channels are. ``background`` is what lies behind transparent pixels, 0..255, one number or
    three. A file's EXIF orientation, and a PIL picture's, is applied. Raises InputError where something must be said,
    or numbers lie outside the range.
    """
    pixels = _pixels(source)
    if layout not in ("channels_last", "channels_first"):
        raise InputError(f"image: layout must be channels_last or channels_first, got {short(layout)}.")
    if pixels.ndim == 3 and layout == "channels_first":
        pixels = np.moveaxis(pixels, 0, 2)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4):
        raise InputError(f"image: must have 1 to 4 channels, {layout.replace('_', ' ')}, got {short(source)}.")
    scaled = _in_eight_bits(pixels, range, source)
    found = np.rint(_flat(scaled, background)).astype(np.uint8)
    modality("image").check(found, "image")
    return np.ascontiguousarray(found)


def _pixels(source: Any) -> NDArray[Any]:
    """Return the array that a source holds."""
    if isinstance(source, str | os.PathLike):
        who = f"image: {path_shown(source)}"
        return decoded(read_regular(Path(source), "image"), who, Limits())
    if type(source).__module__.startswith("PIL."):
        from PIL import ImageOps

        turned: Any = ImageOps.exif_transpose(source)
        clear = "transparency" in turned.info or turned.mode in ("LA", "PA", "RGBa", "La")
        wanted = "RGBA" if clear else {"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "LAB": "RGB"}
        mode = wanted if isinstance(wanted, str) else wanted.get(turned.mode, turned.mode)
        return np.asarray(turned if mode == turned.mode else turned.convert(mode))
    return _array(source, "image")


def _array(source: Any, who: str) -> NDArray[Any]:
    """Return an array or a tensor of any library as numbers of NumPy."""
    found = source
    for name in ("detach", "cpu"):
        found = getattr(found, name)() if hasattr(found, name) else found
    if "bfloat16" in str(getattr(found, "dtype", "")):
        found = found.float()
    found = np.asarray(found)
    if found.dtype.kind not in "uifb" or found.size == 0:
        raise InputError(f"{who}: must be a file, a picture, or an array of numbers, got {short(source)}.")
    return found


def _in_eight_bits(pixels: NDArray[Any], given: tuple[float, float] | None, source: Any) -> NDArray[np.float64]:
    """Return the numbers on the scale 0..255. Raises InputError where their range is not said, or left."""
    if given is None:
        if pixels.dtype != np.uint8:
            hint = "range=(0, 1) or (0, 255) are usual" if pixels.dtype.kind == "f" else "range=(0, 65535) is usual"
            raise InputError(f"image: range must be given for numbers of {pixels.dtype}, got {short(source)}. {hint}.")
        return pixels.astype(np.float64)
    try:
        low, high = map(float, given)
    except (TypeError, ValueError):
        raise InputError(f"image: range must be two numbers, got {short(given)}.") from None
    if not low < high or not np.isfinite([low, high]).all():
        raise InputError(f"image: range must be two finite numbers, the lower first, got {short(given)}.")
    numbers = pixels.astype(np.float64)
    found = (float(numbers.min()), float(numbers.max()))
    slack = 1e-3 * (high - low)
    if not (found[0] >= low - slack and found[1] <= high + slack):  # false for NaN, too
        raise InputError(f"image: numbers must lie in the range [{low:g}, {high:g}], got [{found[0]:g}, {found[1]:g}].")
    return np.clip((numbers - low) * (255 / (high - low)), 0, 255)


def _flat(pixels: NDArray[np.float64], background: int | Sequence[int] | None) -> NDArray[np.float64]:
    """Return the colours over the background (a plain average weighted by alpha, as browsers show it)."""
    if pixels.shape[2] in (1, 3):
        return pixels
    colour, alpha = pixels[..., :-1], pixels[..., -1:] / 255
    if alpha.min() == 1 and background is None:
        return colour
    if background is None:
        raise InputError("image: background must be given: some pixels are transparent. (255, 255, 255) is white.")
    behind = np.atleast_1d(np.asarray(background, np.float64))
    if behind.shape not in ((1,), (3,)) or not ((behind >= 0) & (behind <= 255)).all():
        raise InputError(f"image: background must be one or three numbers in 0..255, got {short(background)}.")
    return colour * alpha + behind * (1 - alpha)


@named_keywords
def audio(
    source: Any,
    rate: int | None = None,
    *,
    layout: LayoutName = "channels_first",
    full_scale: float | None = None,
    clip: bool = False,
) -> Audio:
    """Return a recording – a file, an array or a tensor, with its ``rate`` in hertz – as ``Audio``.

    ``layout`` says whether the frames come last (channels_first) or first. ``full_scale`` is the number that means full
    scale: 32768 for 16 bits; floats whose full scale is 1 need none. ``clip`` cuts what goes beyond it. Raises
    InputError where something must be said.
    """
    if isinstance(source, str | os.PathLike):
        if rate is not None:
            raise InputError(f"audio: rate must not be given for a file, which has its own, got {short(rate)}.")
        content = read_regular(Path(source), "audio")
        samples, rate = waveform(content, f"audio: {path_shown(source)}", Limits())
        samples = samples.T
    else:
        samples = _array(source, "audio")
        if layout not in ("channels_last", "channels_first"):
            raise InputError(f"audio: layout must be channels_last or channels_first, got {short(layout)}.")
        samples = samples.T if samples.ndim == 2 and layout == "channels_last" else samples
    if samples.dtype.kind != "f" and full_scale is None:
        raise InputError(f"audio: full_scale must be given for whole numbers, got {short(source)}. 16 bits: 32768.")
    if full_scale is not None and not 0 < full_scale < np.inf:
        raise InputError(f"audio: full_scale must be a number above 0, got {short(full_scale)}.")
    scaled = (samples.astype(np.float64) / (full_scale or 1.0)).astype(np.float32)
    found = Audio(np.clip(scaled, -1, 1) if clip else scaled, rate)  # type: ignore[arg-type] # Audio says what is wrong
    modality("audio").check(found, "audio")
    return found
