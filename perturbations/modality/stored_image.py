"""A picture's file: what is wrong with it by its header, and its pixels, upright."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations.errors import InputError
from perturbations.modality import Limits, Stored
from perturbations.modality._headers import dimensions, format_of, orientation, unsupported

__all__ = ["STORED", "decoded", "upright"]

_ENDINGS = (
    ".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".avif",
    ".gif", ".heic", ".heif", ".mp4",
)  # fmt: skip
_READ = "JPEG, PNG, WebP, TIFF, BMP, JPEG 2000, AVIF and PNM are read"


def _problem(content: bytes, limits: Limits) -> str | None:
    if not content:
        return "is an empty file"
    kind = format_of(content)
    if kind is None:
        return f"is not an image that can be read ({_READ})"
    if (name := unsupported(content, kind)) is not None:
        return f"is {name}, which is not supported ({_READ}). Convert it first"
    if (size := dimensions(content, kind)) is None or min(size) < 1:
        return "is damaged: its header does not say how large the image is"
    if size[0] * size[1] > limits.megapixels * 1e6:
        wanted = f"at most {limits.megapixels:g} megapixels (--max-megapixels)"
        return f"must have {wanted}, got {size[0]} × {size[1]} pixels"
    return None


def decoded(content: bytes, who: str, limits: Limits) -> NDArray[Any]:
    """Return a picture's pixels as they are stored, upright: of any depth, with 1, 3 or 4 channels (RGB, RGBA)."""
    import cv2

    if (problem := _problem(content, limits)) is not None:
        raise InputError(f"{who} {problem}.")
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        found = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        found = None
    if found is None:
        raise InputError(f"{who} is damaged: it has the header of an image, but cannot be decoded.")
    if found.ndim == 2:
        found = found[..., None]
    elif found.shape[2] == 4:
        found = cv2.cvtColor(found, cv2.COLOR_BGRA2RGBA)
    else:
        found = cv2.cvtColor(found, cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(upright(found, orientation(content)))


def upright(pixels: NDArray[Any], turned: int) -> NDArray[Any]:
    """Return the picture as its EXIF orientation says that it is to be seen (CIPA DC-008, 4.6.4)."""
    if turned >= 5:
        pixels = pixels.swapaxes(0, 1)
    if turned in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if turned in (2, 3, 6, 7) else pixels


def _decode(content: bytes, who: str, limits: Limits) -> tuple[NDArray[np.uint8], str | None]:
    found = decoded(content, who, limits)
    if found.dtype != np.uint8:
        hint = "Convert it first, or load it by stress.image(array, range=(low, high))."
        raise InputError(f"{who} must have 8 bits a channel, got {found.dtype}. {hint}")
    if found.shape[2] == 4:
        if found[..., 3].min() < 255:
            hint = "Flatten it first, or load it by stress.image(file, background=(255, 255, 255))."
            raise InputError(f"{who} is partly transparent. {hint}")
        found = np.ascontiguousarray(found[..., :3])
    return found, None


STORED = Stored(in_file=True, decode=_decode, endings=_ENDINGS)
