"""Images: ``uint8 (height, width, channels)``, RGB or grey."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._values import Image
from perturbations.errors import InputError, short
from perturbations.modality import Look, Modality
from perturbations.modality._layout import Layout
from perturbations.modality.image_signals import SIGNALS
from perturbations.modality.stored_image import STORED

__all__ = ["MODALITY", "luma", "ssim"]


def _holds(value: object) -> bool:
    return isinstance(value, np.ndarray)


def _check(value: Any, who: str) -> None:
    if not isinstance(value, np.ndarray):
        raise InputError(f"{who}: an image must be a uint8 array (height, width, channels), got {short(value)}.")
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(f"{who}: an image must have every pixel, got a masked array. Fill it: array.filled(0).")
    if value.size == 0:
        raise InputError(f"{who}: an image must have at least one pixel, got {short(value)}.")
    if value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] not in (1, 3):
        raise InputError(f"{who}: {_mismatch(value)}")


def _mismatch(value: NDArray[Any]) -> str:
    """Return what an array is instead of an image, as far as its shape and type tell, and what makes it one."""
    got = f"got {short(value)}"
    if value.ndim == 1 or (value.ndim == 2 and value.dtype.kind == "f" and min(value.shape) <= 2 < max(value.shape)):
        return f"an array is read as an image, but this looks like a waveform: {got}. Give stress.audio(array, rate)."
    if value.ndim == 3 and value.shape[0] in (1, 3, 4) and value.shape[2] not in (1, 3):
        hint = "The channels come first: stress.image(array, layout='channels_first'"
        return f"an image must be uint8 (height, width, channels), {got}. {hint}{_range(value)})."
    if value.ndim == 3 and value.shape[2] == 4:
        hint = "Four channels hold transparency: stress.image(array, background=(255, 255, 255)"
        return f"an image must have 1 or 3 channels, {got}. {hint}{_range(value)})."
    if value.dtype != np.uint8:
        return (
            f"an image must be uint8 in 0..255, {got}. Say what its numbers mean: stress.image(array{_range(value)})."
        )
    hint = (
        "Grey images keep a last axis of 1: image[..., None]." if value.ndim < 4 else "One picture a sample, no batch."
    )
    return f"an image must have the shape (height, width, 1 or 3 channels), {got}. {hint}"


def _range(value: NDArray[Any]) -> str:
    """Return the argument that says what a picture's numbers mean, as far as its type tells."""
    if value.dtype == np.uint8:
        return ""
    likely = {
        "f": "(0, 1)",
        "b": "(0, 1)",
        "u": "(0, 65535)" if value.dtype.itemsize == 2 else "(0, 255)",
        "i": "(0, 255)",
    }
    return f", range={likely.get(value.dtype.kind, '(low, high)')}"


_LAYOUT = Layout(
    axes=("height", "width", "channels"),
    extent=(0, 1),
    dtype=np.uint8,
    array=lambda value: value,
    build=lambda array, facts: array,
    remedies={
        "height": "Resize the pictures in the model.",
        "width": "Resize the pictures in the model.",
        "channels": "Turn the pictures grey, or to three channels, in the model.",
    },
)


def _digest(value: Image) -> bytes:
    return repr(value.shape).encode() + np.ascontiguousarray(value).tobytes()


def _mean(values: Iterable[Image], like: Image) -> Image:
    """Return the pixel-wise mean of a data set, every image brought to the size of ``like`` first."""
    import cv2

    height, width, channels = like.shape
    total = np.zeros(like.shape, np.float64)
    count = 0
    for value in values:
        scaled = cv2.resize(value, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, -1)
        total += scaled if scaled.shape[2] == channels else scaled.mean(axis=2, keepdims=True)
        count += 1
    return np.rint(total / max(count, 1)).astype(np.uint8)


def _level(values: Sequence[Image]) -> tuple[np.float32, np.float32] | None:
    """Return mean and deviation of a data set's pixels, each the mean over its pictures."""
    found = np.array([(value.mean(), value.std()) for value in values])
    return (np.float32(found[:, 0].mean()), np.float32(found[:, 1].mean())) if len(found) else None


def _noise(value: Image, level: tuple[np.float32, np.float32] | None, rng: Generator) -> Image:
    mean, deviation = level or (np.float32(0), np.float32(0))
    noise = rng.standard_normal(value.shape, dtype=np.float32) * deviation + mean
    return np.clip(np.rint(noise), 0, 255).astype(np.uint8)


def luma(value: Image) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return brightness as the eye weighs it (ITU-R BT.601), float32 ``(height, width)`` in 0..255."""
    if value.shape[2] == 1:
        return value[..., 0].astype(np.float32)
    import cv2

    return cv2.cvtColor(value.astype(np.float32), cv2.COLOR_RGB2GRAY)


def _distortion(clean: Image, perturbed: Image) -> Mapping[str, float]:
    """Peak signal-to-noise ratio in dB and structural similarity; undefined where the size changed.

    The ratio is infinite and the similarity 1 where nothing changed.
    """
    if clean.shape != perturbed.shape:
        return {"psnr_db": float("nan"), "ssim": float("nan")}
    import cv2

    error = cv2.norm(clean, perturbed, cv2.NORM_L2SQR) / clean.size
    if error == 0:
        return {"psnr_db": float("inf"), "ssim": 1.0}
    return {"psnr_db": float(10 * np.log10(255.0**2 / error)), "ssim": ssim(luma(clean), luma(perturbed))}


def ssim(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the structural similarity of two grey pictures in 0..255 (Wang et al. 2004), 1 where they are equal.

    As there, in a Gaussian window of σ = 1.5 pixels, without the margin that the window does not fill, after scaling
    by whole numbers so that the shorter side is about 256 pixels.
    """
    import cv2

    step = max(1, round(min(one.shape) / 256))
    if step > 1:
        size = (one.shape[1] // step, one.shape[0] // step)
        one, other = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (one, other))

    def smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return cv2.GaussianBlur(values, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)

    mean_one, mean_other = smooth(one), smooth(other)
    square_one, square_other, product = mean_one * mean_one, mean_other * mean_other, mean_one * mean_other
    energy = smooth(one * one + other * other) - square_one - square_other
    shared = smooth(one * other) - product
    likeness = (2 * product + _C1) * (2 * shared + _C2) / ((square_one + square_other + _C1) * (energy + _C2))
    margin = 5 if min(one.shape) > 10 else 0
    inner = likeness[margin : likeness.shape[0] - margin, margin : likeness.shape[1] - margin]
    return float(inner.mean(dtype=np.float64))


_C1, _C2 = np.float32((0.01 * 255) ** 2), np.float32((0.03 * 255) ** 2)


def _witness() -> Image:
    """A coloured scene with edges, gradients and texture, on which every image perturbation shows."""
    height, width = 96, 128
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 120 + 80 * np.sin(x / 9) * np.cos(y / 7)
    green = 60 + 130 * y / height + 30 * np.sin((x + y) / 2.5)
    blue = 200 - 120 * x / width + 25 * np.cos(x * y / 150)
    picture = np.stack([red, green, blue], axis=-1)
    picture[20:50, 30:70] = (230, 200, 40)
    picture[60:80, 80:120] = (25, 40, 90)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _draw(value: Image, clean: Image, words: str) -> str:
    """Return the picture as a JPEG inside an element."""
    import cv2

    stored = value if value.shape[2] == 1 else value[..., ::-1]
    content = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    return f"<img alt='{escape(words)}' src='data:image/jpeg;base64,{b64encode(content).decode()}'>"


_EXCERPT = 224
"""Longest side of a picture that is kept to be shown, in pixels."""


def _excerpt(value: Image) -> Image:
    """Return the picture no larger than it is shown."""
    import cv2

    factor = _EXCERPT / max(value.shape[:2])
    if factor >= 1:
        return value
    size = max(1, round(value.shape[1] * factor)), max(1, round(value.shape[0] * factor))
    return cv2.resize(value, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1).astype(np.uint8)


MODALITY = Modality(
    name="image",
    takes="an image (uint8 array)",
    holds=_holds,
    check=_check,
    shown=lambda value: "×".join(map(str, value.shape)),
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
    late=None,
    vary=lambda value, number: _LAYOUT.rolled(value, 3 * number),
    distortion=_distortion,
    falls=True,
    signals=SIGNALS,
    witness=_witness,
    stored=STORED,
    look=Look("#0067a8", "#62b5f0", "blue", "o", {"psnr_db": "PSNR, dB"}, _draw, _excerpt),
)
