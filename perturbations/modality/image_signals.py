"""Signals of images: light, contrast, colour, sharpness, noise, and the traces of codecs, haze and motion."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations._values import Image
from perturbations.modality._signal import Signals, signal

__all__ = ["SIGNALS"]

_WINDOW = 512
"""Side of the middle part that tells what is local; all of a smaller picture. A multiple of 8, from one on."""
_MIDDLE = 128
"""Side of the part that tells the noise, which is alike everywhere, and above which levels are counted in every second
row and column."""
_FEW = 64
"""Pixels that an estimate of noise needs."""


class _Seen:
    """A picture, and what its signals share."""

    def __init__(self, image: Image) -> None:
        self.pixels = image.shape[0] * image.shape[1]
        top, left = (max(0, side - _WINDOW) // 16 * 8 for side in image.shape[:2])
        self.image = np.ascontiguousarray(image[top : top + _WINDOW, left : left + _WINDOW])
        self.coloured = image.shape[2] == 3

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        """Luma (ITU-R BT.601), 0..255."""
        import cv2

        if not self.coloured:
            return self.image[..., 0]
        found: NDArray[Any] = cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY)
        return found.astype(np.uint8, copy=False)

    @cached_property
    def level(self) -> tuple[float, float]:
        """Mean and deviation of the luma."""
        import cv2

        mean, deviation = cv2.meanStdDev(self.grey)
        return float(mean[0, 0]), float(deviation[0, 0])

    @cached_property
    def histogram(self) -> NDArray[np.float64]:
        """Share of the pixels at each of the 256 levels of the luma."""
        import cv2

        step = 2 if min(self.grey.shape) > _MIDDLE else 1
        some = np.ascontiguousarray(self.grey[::step, ::step])
        found: NDArray[Any] = cv2.calcHist([some], [0], None, [256], [0, 256]).ravel()
        return found.astype(np.float64) / found.sum()

    @cached_property
    def chroma(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The least and the greatest channel of every pixel."""
        import cv2

        red, green, blue = cv2.split(self.image)
        return cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)

    @cached_property
    def slopes(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Steps of the luma to the right and down, float32."""
        grey = self.grey.astype(np.float32)
        return np.diff(grey, axis=1), np.diff(grey, axis=0)

    @cached_property
    def residual(self) -> NDArray[np.float64]:
        """How often each size of residual occurs: what passes a mask that no flat, sloped or curved surface passes.

        Counted where noise can move a pixel and its neighbours either way, if there are enough of those: at the ends of
        the scale it is cut off, and tells too little of itself (the mask is Immerkær's, 1996).
        """
        import cv2

        top, left = (max(0, side - _MIDDLE) // 2 for side in self.grey.shape)
        grey = np.ascontiguousarray(self.grey[top : top + _MIDDLE, left : left + _MIDDLE])
        mask, inner = np.array([1, -2, 1], np.float32), (slice(1, -1), slice(1, -1))
        size = np.abs(cv2.sepFilter2D(grey, cv2.CV_16S, mask, mask)[inner]).astype(np.uint16)
        if not size.size:
            return np.zeros(0)
        inside = cv2.erode(cv2.inRange(grey, 1, 254), np.ones((3, 3), np.uint8))[inner]
        enough = cv2.countNonZero(inside) >= _FEW
        counted = np.ascontiguousarray(inside) if enough else None
        found: NDArray[Any] = cv2.calcHist([np.ascontiguousarray(size)], [0], counted, [2048], [0, 2048])
        return found.ravel().astype(np.float64)


@signal("of full scale", 0, 1, cheap=True)
def brightness(seen: _Seen) -> float:
    """Mean luma: low at night or under a covered lens, high in glare."""
    return seen.level[0] / 255


@signal("of full scale", 0, 0.5, cheap=True)
def contrast(seen: _Seen) -> float:
    """Standard deviation of the luma: low in fog, behind a dirty pane, at night."""
    return seen.level[1] / 255


@signal("squared levels", 0, cheap=True, source="Pech-Pacheco et al. 2000, Diatom autofocusing")
def sharpness(seen: _Seen) -> float:
    """Variance of the Laplacian of the luma: low out of focus, high under noise."""
    import cv2

    found = cv2.Laplacian(seen.grey, cv2.CV_16S)
    return float(max(0.0, cv2.norm(found, cv2.NORM_L2SQR) / found.size - cv2.mean(found)[0] ** 2))


@signal("share", 0, 1)
def detail(seen: _Seen) -> float:
    """What a blur over 3 × 3 pixels takes from the luma, over the luma's deviation: low where small things are gone.

    Unlike sharpness it does not follow contrast.
    """
    import cv2

    if seen.level[1] == 0:
        return 0.0
    lost = cv2.norm(seen.grey, cv2.blur(seen.grey, (3, 3)), cv2.NORM_L2) / np.sqrt(seen.grey.size)
    return float(min(lost / seen.level[1], 1.0))


@signal("of full scale", 0, cheap=True, source="Immerkær 1996, Fast noise variance estimation; median of Donoho 1995")
def noise(seen: _Seen) -> float:
    """Standard deviation of white noise in the luma, estimated: what no surface explains, at its median.

    Flat parts tell most, so it is too high in a picture that is texture everywhere. Where nearly all pixels stand at
    an end of the scale, as around a drawn letter, it is estimated from all and too low.
    """
    counts = seen.residual
    if not len(counts):
        return 0.0
    below = np.cumsum(counts)
    half = below[-1] / 2
    at = int(np.searchsorted(below, half))
    # A median between whole numbers: within its step, in proportion. Where most pixels have no residual, there is none.
    middle = at - 0.5 + (half - below[at - 1]) / counts[at] if at else 0.0
    return float(middle / 0.6745 / 6 / 255)


@signal("share", 0, 1, cheap=True)
def clipped_dark(seen: _Seen) -> float:
    """Share of pixels without any light: underexposed, or covered."""
    return float(seen.histogram[0])


@signal("share", 0, 1, cheap=True)
def clipped_bright(seen: _Seen) -> float:
    """Share of pixels at the top of the scale (254 and 255): overexposed, glare, snow."""
    return float(seen.histogram[254:].sum())


@signal("bits", 0, 8, cheap=True, source="Shannon 1948")
def entropy(seen: _Seen) -> float:
    """Entropy of the luma's levels: low where a picture is nearly one grey, or has few levels left."""
    share = seen.histogram[seen.histogram > 0]
    return float(max(0.0, -(share * np.log2(share)).sum()))


@signal("pixels", 1, cheap=True)
def pixels(seen: _Seen) -> float:
    """Width times height: a smaller picture came from another camera, or was scaled down."""
    return float(seen.pixels)


@signal("of full scale", 0, 1, cheap=True, source="grey-world assumption, Buchsbaum 1980")
def colour_cast(seen: _Seen) -> float:
    """How far the means of the three channels lie apart: a wrong white balance, coloured light."""
    if not seen.coloured:
        return 0.0
    import cv2

    means = cv2.mean(seen.image)[:3]
    return float(max(means) - min(means)) / 255


@signal("share", 0, 1)
def saturation(seen: _Seen) -> float:
    """Mean saturation of the colours (of HSV): low in fog and at night, 0 without colour."""
    if not seen.coloured:
        return 0.0
    low, high = (each.astype(np.float32) for each in seen.chroma)
    return float(np.mean((high - low) / np.maximum(high, 1)))


@signal("ratio", 0, source="after Wang, Sheikh and Bovik 2002, No-reference perceptual quality assessment of JPEG")
def blockiness(seen: _Seen) -> float:
    """Steps between blocks of 8 × 8 pixels over the steps within them: about 1 without, higher under JPEG or H.264.

    1 where a picture has no steps, or no second block.
    """
    found = []
    for steps, axis in zip(seen.slopes, (1, 0)):
        mean = np.abs(steps).mean(axis=1 - axis)
        border = np.arange(len(mean)) % 8 == 7
        if border.any() and mean[~border].sum() > 0:
            found.append(mean[border].mean() / mean[~border].mean())
    return float(np.mean(found)) if found else 1.0


@signal("of full scale", 0, 1, source="dark channel prior, He, Sun and Tang 2009")
def haze(seen: _Seen) -> float:
    """Mean of the dark channel (the least of all channels within 15 pixels): near 0 outdoors, high in haze and fog."""
    import cv2

    dark = seen.chroma[0] if seen.coloured else seen.grey
    side = min(15, *dark.shape)
    return float(cv2.erode(dark, np.ones((side, side), np.uint8)).mean()) / 255


@signal("share", 0, 1, source="coherence of the structure tensor, Bigün and Granlund 1987")
def motion(seen: _Seen) -> float:
    """How far the steps of the luma point one way: high where the camera moved, or where all lines are parallel."""
    grey = seen.grey.astype(np.float32)
    right, down = grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1]
    if not right.size:
        return 0.0
    xx, yy, xy = (float((a * b).mean()) for a, b in ((right, right), (down, down), (right, down)))
    return float(np.hypot(xx - yy, 2 * xy) / (xx + yy)) if xx + yy > 0 else 0.0


SIGNALS = Signals(
    _Seen,
    brightness,
    contrast,
    sharpness,
    detail,
    noise,
    clipped_dark,
    clipped_bright,
    entropy,
    pixels,
    colour_cast,
    saturation,
    blockiness,
    haze,
    motion,
)
