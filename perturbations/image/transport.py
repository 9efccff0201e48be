"""What coding a picture and sending it over a line does to it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._declare import image_corruption
from perturbations._params import Choice, Param
from perturbations._values import Image
from perturbations.errors import InputError
from perturbations.image._draw import chosen
from perturbations.image._levels import published

__all__ = ["bit_errors", "jpeg_compression", "packet_loss", "recompression", "webp_compression"]

_BLOCK = 16
"""Side of what JPEG and video codecs code together when colour has half the resolution, in pixels."""


def _coded(image: Image, kind: str, quality: int) -> Image:
    """Return the image after a lossy codec; JPEG stores colour at half resolution, as most encoders do."""
    grey = image.shape[2] == 1
    setting = cv2.IMWRITE_JPEG_QUALITY if kind == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    picture = image if grey else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(kind, picture, [setting, quality])
    if not done:
        raise InputError(f"image codec {kind}: cannot code an image of {image.shape[1]}×{image.shape[0]} pixels.")
    decoded: Any = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
    return decoded.reshape(image.shape) if grey else cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)


@image_corruption(
    cite="hendrycks2019",
    version=2,
    quality=Param(
        "quality setting of the encoder",
        "of 100",
        1,
        100,
        scale="integer",
        clean=100,
        levels=published((25, 18, 15, 10, 7), (80, 65, 58, 50, 40), (65, 58, 50, 40, 25), (23, 16, 13, 8, 5)),
    ),
)
def jpeg_compression(image: Image, *, quality: int) -> Image:
    """A picture saved too small as JPEG: 8×8 blocks, ringing at edges, colour at half resolution."""
    return _coded(image, ".jpg", quality)


@image_corruption(
    cite="michaelis2019",
    version=2,
    quality=Param(
        "quality setting of the encoder", "of 100", 1, 100, scale="integer", clean=100, levels=(40, 20, 10, 5, 1)
    ),
)
def webp_compression(image: Image, *, quality: int) -> Image:
    """A picture saved too small as WebP: smooth areas melt, textures turn to paste."""
    return _coded(image, ".webp", quality)


@image_corruption(
    cite="dodge2016",
    version=2,
    times=Param(
        "number of times the picture is saved again", "times", 1, 100, scale="integer", levels=(2, 4, 7, 11, 16)
    ),
    quality=Param("quality of the worst save", "of 100", 1, 100, scale="integer", levels=(55, 40, 28, 18, 11)),
)
def recompression(image: Image, rng: Generator, *, times: int, quality: int) -> Image:
    """A picture passed on from app to app: saved as JPEG again and again, on another grid and at another quality."""
    moves, extra = rng.integers(0, 8, (100, 2)), rng.integers(0, 25, 100)
    for number in range(times):
        y, x = moves[number] if number else (0, 0)
        padded = cv2.copyMakeBorder(image, int(y), 0, int(x), 0, cv2.BORDER_REPLICATE)
        worse = min(100, quality + int(extra[number]) * (number < times - 1))
        image = _coded(padded.reshape(*padded.shape[:2], -1), ".jpg", worse)[y:, x:]
    return np.ascontiguousarray(image)


def _grid(image: Image) -> tuple[int, int]:
    return -(-image.shape[0] // _BLOCK), -(-image.shape[1] // _BLOCK)


def _large_witness() -> Image:
    """Sixteen pictures in one: of the blocks of a small one, the first two levels hit as many."""
    from perturbations.modality.image import MODALITY

    return np.tile(MODALITY.witness(), (4, 4, 1))


def _enlarged(blocks: NDArray[Any], image: Image) -> NDArray[Any]:
    """Return a value for each block as a value for each pixel."""
    height, width, _ = image.shape
    return blocks.repeat(_BLOCK, axis=0)[:height].repeat(_BLOCK, axis=1)[:, :width]


@image_corruption(
    cite="kar2022",
    witness=_large_witness,
    share=Param(
        "share of coded blocks with a bit error", "fraction", 0, 1, clean=0, levels=(0.01, 0.03, 0.06, 0.12, 0.25)
    ),
)
def bit_errors(image: Image, rng: Generator, *, share: float) -> Image:
    """Bit errors in a coded stream: from a hit block to the end of its row, brightness, colour and place are wrong.

    Modelled on baseline JPEG with a restart marker after each row of 16×16 blocks: a wrong bit puts a false pattern
    into its block, an offset onto the predicted mean of all later blocks of the row, and moves them by some blocks. At
    least one block is hit.
    """
    rows, columns = _grid(image)
    hit = chosen(rng, rows * columns, share).reshape(rows, columns)
    jumps = rng.normal(0, 1, (rows, columns, 3)) * np.array([40, 25, 25])
    slips = rng.integers(-1, 3, (rows, columns))
    waves = rng.integers(1, 8, (rows, columns, 2))
    height, width, channels = image.shape
    slip = _enlarged(np.cumsum(slips * hit, axis=1), image) * _BLOCK
    source = np.clip(np.arange(width) + slip, 0, width - 1)
    moved = np.take_along_axis(image, source[..., None], axis=1)
    offset = _enlarged(np.cumsum(jumps * hit[..., None], axis=1), image).astype(np.float32)
    phase_y, phase_x = (np.arange(n) % _BLOCK + 0.5 for n in (height, width))
    wave_y, wave_x = (_enlarged(waves[..., i] * hit, image) for i in (0, 1))
    pattern = np.cos(wave_y * phase_y[:, None] * (np.pi / _BLOCK)) * np.cos(wave_x * phase_x * (np.pi / _BLOCK))
    offset[..., 0] += (70 * pattern * _enlarged(hit, image)).astype(np.float32)
    if channels == 1:
        return cv2.add(moved, offset[..., :1].copy(), dtype=cv2.CV_8U).reshape(image.shape)
    inverse = np.array([[1, 1.402, 0], [1, -0.714, -0.344], [1, 0, 1.772]], np.float32)  # Y, Cr, Cb to RGB
    return cv2.add(moved, cv2.transform(offset, inverse), dtype=cv2.CV_8U)


@image_corruption(
    cite="wang1998",
    witness=_large_witness,
    share=Param("share of packets lost", "fraction", 0, 1, clean=0, levels=(0.03, 0.08, 0.15, 0.28, 0.45)),
    length=Param("blocks of 16×16 pixels in a packet", "blocks", 1, 10000, scale="integer", default=5),
    fill=Choice("what the decoder shows instead", ("grey", "repeat"), default="grey"),
)
def packet_loss(image: Image, rng: Generator, *, share: float, length: int, fill: str) -> Image:
    """Packets lost on the way: runs of blocks stay grey, or repeat the pixels above. At least one packet is lost."""
    rows, columns = _grid(image)
    packets = chosen(rng, -(-rows * columns // length), share)
    lost = packets.repeat(length)[: rows * columns].reshape(rows, columns)
    result = image.copy()
    for row in range(rows):
        top, bottom = row * _BLOCK, min((row + 1) * _BLOCK, image.shape[0])
        where = lost[row].repeat(_BLOCK)[: image.shape[1]]
        repeat = fill == "repeat" and row
        result[top:bottom, where] = result[top - 1, where] if repeat else np.uint8(128)
    return result
