"""A bad moment for camera and microphone alike: poor light and a loud room, so that errors of the two come together."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

POOR_SHARE: Final = 0.14
_CONTRAST, _VEIL, _GRAIN = 0.24, 20, 41
_SNR_DB = 3.0


def poor_light(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Little light reaches the sensor: weak contrast on a grey veil, with grain; (height, width, channels) kept."""
    seen = _VEIL + _CONTRAST * image + _GRAIN * rng.standard_normal(image.shape)
    pixels: NDArray[np.uint8] = np.rint(np.clip(seen, 0, 255)).astype(np.uint8)
    return pixels


def loud_room(clip: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A fan runs beside the speaker: white noise 3 dB below the speech; (frames,) kept, lowered where it would clip."""
    noise = rng.standard_normal(len(clip)) * np.sqrt(np.mean(np.square(clip, dtype=np.float64)))
    heard = clip + noise * 10 ** (-_SNR_DB / 20)
    return (heard / max(1.0, float(np.abs(heard).max()))).astype(np.float32)
