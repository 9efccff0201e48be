"""How the world came to camera and microphone: a cheap camera in any light, a microphone in a room, good or poor."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

POOR_SHARE: Final = 0.2
# Ranges of what varies from one sample to the next, in a good moment and in a poor one.
_CONTRAST: Final = {False: (0.3, 0.8), True: (0.12, 0.25)}
_VEIL: Final = 40
_GRAIN: Final = {False: (10.0, 40.0), True: (30.0, 50.0)}
_SHIFT: Final = 5.0
_SNR_DB: Final = {False: (20.0, 40.0), True: (0.0, 8.0)}


def seen(image: NDArray[np.uint8], poor: bool, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Not quite in the middle, on a grey veil, with the grain of a small sensor; (height, width, channels) kept.

    In a poor moment little light reaches the sensor: the contrast is weak.
    """
    shift = np.rint(rng.normal(0, _SHIFT, 2)).astype(int)
    height, width = image.shape[:2]
    moved = np.zeros_like(image)
    rows, columns = (slice(max(0, s), min(n, n + s)) for s, n in zip(shift, (height, width), strict=True))
    back = tuple(slice(max(0, -s), min(n, n - s)) for s, n in zip(shift, (height, width), strict=True))
    moved[rows, columns] = image[back]
    contrast, veil, grain = rng.uniform(*_CONTRAST[poor]), rng.uniform(0, _VEIL), rng.uniform(*_GRAIN[poor])
    light = veil + contrast * moved + grain * rng.standard_normal(image.shape)
    pixels: NDArray[np.uint8] = np.rint(np.clip(light, 0, 255)).astype(np.uint8)
    return pixels


def heard(clip: NDArray[np.float32], poor: bool, rng: np.random.Generator) -> NDArray[np.float32]:
    """A rumble beside the speaker, traffic or a fan, which in a poor moment is as loud; (frames,) kept.

    The rumble is brown noise: its power falls with the square of the frequency. Lowered where it would clip.
    """
    rumble = np.cumsum(rng.standard_normal(len(clip)))
    rumble -= np.linspace(rumble[0], rumble[-1], len(clip))
    rumble *= np.sqrt(np.mean(np.square(clip, dtype=np.float64)) / np.mean(np.square(rumble)))
    loud = clip + rumble * 10 ** (-rng.uniform(*_SNR_DB[poor]) / 20)
    return (loud / max(1.0, float(np.abs(loud).max()))).astype(np.float32)


def to_learn_from(
    image: NDArray[np.uint8], clip: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Capture a picture and a clip to learn from: in any light, but the voice in a quiet room, as collections are."""
    return seen(image, bool(rng.random() < POOR_SHARE), rng), heard(clip, False, rng)
