"""Weather between the scene and the lens, as ImageNet-C defines it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from perturbations._declare import image_corruption
from perturbations._params import Choice, Param
from perturbations._values import Image
from perturbations.image import _frost
from perturbations.image._bands import in_bands
from perturbations.image._draw import Field, normals, uniforms
from perturbations.image._filters import at_least, line_filter, line_taps, smooth, to_image, zoomed
from perturbations.image._levels import column, published
from perturbations.image._light import spread
from perturbations.image._photographs import unreadable
from perturbations.image._plasma import plasma, plasma_size

__all__ = ["fog", "frost", "snow", "spatter"]

_WHITENED = (np.arange(256) * 1.5 + 127.5).astype(np.float32)
"""Snow's light on each level of grey."""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_FOG = published(
    ((1.5, 2), (2.0, 2), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)),
    ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
    ((1.5, 2), (2, 2), (2.5, 1.8), (2.5, 1.6), (3, 1.5)),
)


@image_corruption(
    cite="hendrycks2019",
    version=2,
    thickness=Param("brightness of the densest fog", "of full scale", 0, 20, clean=0, levels=column(_FOG, 0)),
    decay=Param(
        "ratio of the fog's variation from one octave to the next finer one",
        "times",
        1,
        10,
        clean=2,
        levels=column(_FOG, 1),
    ),
)
def fog(image: Image, rng: Generator, *, thickness: float, decay: float) -> Image:
    """Fog in patches: a bright cloud lies over the scene and takes its contrast.

    The cloud is a diamond-square map of the next power of two (see ``plasma``), of which the top left is used.
    """
    height, width, _ = image.shape
    side = plasma_size(height, width)
    cloud = plasma(uniforms(rng, (side, side)), decay)[:height, :width]
    if cloud.shape != (height, width):
        cloud = np.pad(cloud, ((0, height - cloud.shape[0]), (0, width - cloud.shape[1])), mode="wrap")
    brightest = float(image.max()) / 255
    share = brightest / (brightest + thickness) if brightest else 0.0
    cloud = cloud * np.float32(255 * thickness * share)
    return in_bands(lambda band, before: _veiled(band, before, share), image, cloud)


def _veiled(image: Image, cloud: Field, share: float) -> Image:
    """Return a share of the scene, with a cloud's light added."""
    values = cv2.scaleAdd(image.astype(np.float32), share, spread(cloud, image))
    return cv2.convertScaleAbs(values).reshape(image.shape)


_FROST = published(
    ((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)),
    ((1, 0.2, 0.2), (1, 0.3, 0.2), (0.9, 0.4, 0.2), (0.85, 0.4, 0.2), (0.75, 0.45, 0.2)),
    ((1, 0.3, 0.3), (0.9, 0.4, 0.3), (0.8, 0.45, 0.3), (0.75, 0.5, 0.3), (0.7, 0.55, 0.3)),
    ((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)),
)


@image_corruption(
    cite="hendrycks2019",
    version=4,
    not_monotone="published: the scene is dimmed as ice is added, so a bright scene may come out closer to itself",
    scene=Param("share of the scene that is kept", "fraction", 0, 1, scale="step", levels=column(_FROST, 0)),
    ice=Param("share of the ice that is added", "fraction", 0, 1, scale="step", levels=column(_FROST, 1)),
    scale=Param("size of the crystals", "times", 0.02, 4, scale="step", levels=column(_FROST, 2)),
    folder=Choice(
        "folder of photographs of ice on a window, or one file; empty: textures that are grown here",
        default="",
        path=True,
        test=unreadable,
    ),
)
def frost(image: Image, rng: Generator, *, scene: float, ice: float, scale: float, folder: str) -> Image:
    """Ice on the window: crystals lie over the scene.

    One of five textures, cut at random. They are grown by rule: slopes of power spectra, shares of variance by octave
    band and quantiles are within 10 % of the reference's photographs, blocks within 20 to 40 %. A ResNet-56's error on
    CIFAR-10 differs by less than 2 points at severities 1 and 5 (``docs/measures.md``), which is not to the digit. For
    numbers that are, put the reference's photographs
    into a ``folder``; one is drawn for each picture, and one that is too small for it goes on mirrored.
    """
    which, top, left = rng.random(3)
    height, width, channels = image.shape
    piece = _frost.cut(folder, which, scale, top, left, height, width)
    if channels == 1:
        piece = cv2.cvtColor(piece, cv2.COLOR_RGB2GRAY)
    return cv2.addWeighted(image, scene, piece.reshape(image.shape), ice, 0).reshape(image.shape)


_LARGE_SNOW = (
    (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
_SNOW = published(
    _LARGE_SNOW,
    (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
    ),
    _LARGE_SNOW,
)


_FLAKES = "published: errors of the reference fall from severity 2 to 3 and 4 to 5, flakes change size"


@image_corruption(
    cite="hendrycks2019",
    not_monotone={"imagenet-c": _FLAKES, "inception-299": _FLAKES},
    mean=Param(
        "mean of the field that flakes are cut from", "of full scale", -2, 2, scale="step", levels=column(_SNOW, 0)
    ),
    deviation=Param("its standard deviation", "of full scale", 0, 2, scale="step", levels=column(_SNOW, 1)),
    zoom=Param("size of the flakes", "pixels", 1, 20, scale="step", levels=column(_SNOW, 2)),
    threshold=Param(
        "what the field must exceed to be a flake", "of full scale", 0, 2, scale="step", levels=column(_SNOW, 3)
    ),
    radius=Param("half the length of a flake's trail", "pixels", 0, 200, scale="step", levels=column(_SNOW, 4)),
    sigma=Param("standard deviation of the trail's weights", "pixels", 0, 200, scale="step", levels=column(_SNOW, 5)),
    scene=Param("share of the scene that is not whitened", "fraction", 0, 1, scale="step", levels=column(_SNOW, 6)),
)
def snow(
    image: Image,
    rng: Generator,
    *,
    mean: float,
    deviation: float,
    zoom: float,
    threshold: float,
    radius: float,
    sigma: float,
    scene: float,
) -> Image:
    """Falling snow: streaks of flakes in front of a scene that is whitened itself.

    Flakes and the same flakes turned by 180° are added, as in the reference; they fall at 45 to 135 degrees.
    """
    angle = rng.uniform(-135, -45)
    field = normals(rng, image.shape[:2])
    if zoom > 1:
        field = zoomed(field, zoom)
    field *= np.float32(255 * deviation)
    field += np.float32(255 * mean)
    flakes = np.minimum(at_least(field, 255 * threshold), 255).astype(np.uint8)
    streaks = line_filter(flakes, *line_taps(radius, sigma, angle))
    snowfall = cv2.add(streaks, cv2.flip(streaks, -1))
    return in_bands(lambda band, falling: _snowed(band, falling, scene), image, snowfall)


def _snowed(image: Image, snowfall: Image, scene: float) -> Image:
    """Return the scene whitened, with snow before it: a mean with what is whiter, or else the scene itself."""
    grey = image[..., 0] if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    white = spread(cv2.LUT(grey, np.float32(1 - scene) * _WHITENED), image)
    whitened = cv2.convertScaleAbs(cv2.scaleAdd(image.astype(np.float32), scene, white)).reshape(image.shape)
    return cv2.add(cv2.max(whitened, image), spread(snowfall, image)).reshape(image.shape)


_SPATTER = published(
    (
        (0.65, 0.3, 4, 0.69, 0.6, "water"),
        (0.65, 0.3, 3, 0.68, 0.6, "water"),
        (0.65, 0.3, 2, 0.68, 0.5, "water"),
        (0.65, 0.3, 1, 0.65, 1.5, "mud"),
        (0.67, 0.4, 1, 0.65, 1.5, "mud"),
    ),
    (
        (0.62, 0.1, 0.7, 0.7, 0.5, "water"),
        (0.65, 0.1, 0.8, 0.7, 0.5, "water"),
        (0.65, 0.3, 1, 0.69, 0.5, "water"),
        (0.65, 0.1, 0.7, 0.69, 0.6, "mud"),
        (0.65, 0.1, 0.5, 0.68, 0.6, "mud"),
    ),
    (
        (0.62, 0.1, 0.7, 0.7, 0.6, "water"),
        (0.65, 0.1, 0.8, 0.7, 0.6, "water"),
        (0.65, 0.3, 1, 0.69, 0.6, "water"),
        (0.65, 0.1, 0.7, 0.68, 0.6, "mud"),
        (0.65, 0.1, 0.5, 0.67, 0.6, "mud"),
    ),
    (
        (0.65, 0.3, 4, 0.69, 0.9, "water"),
        (0.65, 0.3, 3.5, 0.68, 0.9, "water"),
        (0.65, 0.3, 3, 0.68, 0.8, "water"),
        (0.65, 0.3, 1.2, 0.65, 1.8, "mud"),
        (0.67, 0.4, 1.2, 0.65, 1.8, "mud"),
    ),
)
_WATER, _MUD = (175, 238, 238), (63, 42, 20)
_RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.float32)


@image_corruption(
    cite="hendrycks2019",
    not_monotone="published: three levels of water, then two of mud",
    mean=Param("mean of the liquid's depth", "of full scale", -2, 2, scale="step", levels=column(_SPATTER, 0)),
    deviation=Param(
        "its standard deviation before smoothing", "of full scale", 0, 2, scale="step", levels=column(_SPATTER, 1)
    ),
    smoothing=Param("standard deviation of the smoothing", "pixels", 0, 50, scale="step", levels=column(_SPATTER, 2)),
    threshold=Param(
        "depth above which there is liquid", "of full scale", 0, 2, scale="step", levels=column(_SPATTER, 3)
    ),
    amount=Param(
        "brightness of water (of full scale), or smoothing of mud (pixels)",
        "of full scale, or pixels",
        0,
        20,
        scale="step",
        levels=column(_SPATTER, 4),
    ),
    liquid=Choice("what splashes onto the lens", ("water", "mud"), levels=column(_SPATTER, 5)),
)
def spatter(
    image: Image,
    rng: Generator,
    *,
    mean: float,
    deviation: float,
    smoothing: float,
    threshold: float,
    amount: float,
    liquid: str,
) -> Image:
    """Splashes on the lens: bright drops of water at first, then blots of mud."""
    depth = smooth(normals(rng, image.shape[:2]), smoothing)
    depth *= np.float32(deviation)
    depth += np.float32(mean)
    if liquid == "mud":
        return _muddy(image, depth, threshold, amount)
    depth = np.minimum(at_least(depth, threshold), 1)
    depth *= np.float32(255)
    drops = depth.astype(np.uint8)
    shine = np.multiply(drops, _rims(drops), dtype=np.uint16)
    brightest = float(shine.max())
    if brightest == 0:
        return image
    parts = _colour(_WATER, image)
    light = {part: cv2.convertScaleAbs(shine, alpha=amount * part / brightest) for part in set(parts)}
    return cv2.add(image, cv2.merge([light[part] for part in parts]).reshape(image.shape)).reshape(image.shape)


def _rims(drops: Image) -> Image:
    """Return where drops shine: a relief of the distance to their rims, in 0..255."""
    distance = cv2.distanceTransform(255 - cv2.Canny(drops, 50, 150), cv2.DIST_L2, 5)
    near = cv2.blur(np.minimum(distance, np.float32(20), out=distance), (3, 3)).astype(np.uint8)
    relief = cv2.filter2D(cv2.equalizeHist(near), cv2.CV_8U, _RELIEF)
    return cv2.blur(relief, (3, 3))


def _muddy(image: Image, depth: Field, threshold: float, amount: float) -> Image:
    cover = smooth((depth > threshold).astype(np.float32), amount)
    cover[cover < 0.8] = 0
    values = image.astype(np.float32)
    for channel, level in enumerate(np.array(_colour(_MUD, image), np.float32)):
        plane = values[..., channel]
        plane += cover * (level - plane)
    return to_image(values, image)


def _colour(colour: tuple[int, int, int], image: Image) -> list[float]:
    """Return a colour's levels for the image's channels."""
    return [float(_GREY @ np.array(colour, np.float32))] if image.shape[2] == 1 else [float(c) for c in colour]
