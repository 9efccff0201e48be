"""What the network needs worked out before it: hashed character n-grams of a text, and the mel filters of an ear."""

from __future__ import annotations

import unicodedata
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

STREAMS: Final = ("image", "audio", "text")
IMAGE_PIXELS: Final = 32
MAP_PIXELS: Final = IMAGE_PIXELS // 2
RATE_HZ: Final = 8000
FRAMES: Final = 8000
BUCKETS: Final = 1024
MEL_BANDS: Final = 32
WINDOW: Final = 256
HOP: Final = 100
_LONGEST = 4


def ngrams(text: str) -> list[int]:
    """Hash every run of one to four characters, and every word, to a bucket: the same in every process and machine.

    A typo then changes a few n-grams, not the whole word. The empty text has one n-gram, the boundary mark.
    """
    words = unicodedata.normalize("NFC", text).lower().split() or [""]
    marked = [f"^{word.strip('.,:;?!¿¡。，？！')}$" for word in words]
    found = list(marked)
    for word in marked:
        for length in range(1, _LONGEST + 1):
            found.extend(word[start : start + length] for start in range(len(word) - length + 1))
    return [crc32(gram.encode("utf-8", "surrogatepass")) % BUCKETS for gram in found]


def resizing(size: int) -> NDArray[np.float32]:
    """Make a row or column of any size one of 32: a matrix (32, size) of triangular weights, each row adding up to 1.

    Bilinear where it is enlarged; where it is made smaller, the triangle is as wide as what becomes one pixel.
    """
    scale = size / IMAGE_PIXELS
    centres = (np.arange(IMAGE_PIXELS) + 0.5) * scale
    away = np.abs(np.arange(size) + 0.5 - centres[:, None]) / max(scale, 1.0)
    weights = np.maximum(0, 1 - away)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def hann() -> NDArray[np.float32]:
    """Make the window of a short-time spectrum: (256,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


def mel_filters(window: int = WINDOW, rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """Make triangular filters evenly spaced in mel, from 60 Hz to just under half the rate: (32, window / 2 + 1).

    The mel scale is O'Shaughnessy's (1987), 2595 log10(1 + f / 700).
    """
    mels = np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 0.475 * rate_hz / 700), MEL_BANDS + 2)
    edges_hz = 700 * (10 ** (mels / 2595) - 1)
    bins_hz = np.linspace(0, rate_hz / 2, window // 2 + 1)
    rising = (bins_hz - edges_hz[:-2, None]) / (edges_hz[1:-1] - edges_hz[:-2])[:, None]
    falling = (edges_hz[2:, None] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
