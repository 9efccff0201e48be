"""Opens the one file with digit images and spoken digits that the demo is made of."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stress.data.demo._voices import Split

BUNDLE: Final = Path(__file__).with_name("speech.npz")
RATE_HZ: Final = 8000
IMAGE_PIXELS: Final = 32
# The 1,797 images, in their order.
IMAGES: Final = MappingProxyType({"train": slice(717), "validation": slice(717, 1077), "test": slice(1077, 1797)})


@dataclass(frozen=True)
class Bundle:
    """One split as it lies in the file: images (n, 8, 8) of levels 0 to 16, clips of 8 kHz speech, who spoke what."""

    images: NDArray[np.uint8]
    image_digits: NDArray[np.uint8]
    clips: tuple[NDArray[np.float32], ...]
    clip_digits: NDArray[np.uint8]
    voices: tuple[str, ...]
    languages: NDArray[np.uint8]


def read(split: Split) -> Bundle:
    """Read one split."""
    with np.load(BUNDLE, allow_pickle=False) as arrays:
        columns = ("ogg", "frames", "digit", "voice", "language", "voices")
        return join(images_of(split), {name: arrays[f"{split}_{name}"] for name in columns})


def images_of(*splits: Split) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the scans of splits, (n, 8, 8), and their digits, (n,)."""
    with np.load(BUNDLE, allow_pickle=False) as arrays:
        scans, digits = arrays["images"], arrays["digits"]
    parts = [IMAGES[split] for split in splits]
    return np.concatenate([scans[part] for part in parts]), np.concatenate([digits[part] for part in parts])


def join(images: tuple[NDArray[np.uint8], NDArray[np.uint8]], spoken: Mapping[str, NDArray[Any]]) -> Bundle:
    """Join scans and their digits with what was spoken: the columns that lie in the file for each split."""
    import soundfile

    samples, _ = soundfile.read(io.BytesIO(spoken["ogg"].tobytes()), dtype="int16")
    # Rounded to 16 bits, as the codec's floats may differ in the last place between processors.
    clips = np.split(samples.astype(np.float32) / 32768, np.cumsum(spoken["frames"])[:-1])
    names = spoken["voices"]
    return Bundle(
        images=images[0],
        image_digits=images[1],
        clips=tuple(clips),
        clip_digits=spoken["digit"],
        voices=tuple(str(names[voice]) for voice in spoken["voice"]),
        languages=spoken["language"],
    )


def enlarge(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge an 8×8 scan of 17 grey levels to a picture (32, 32, 1) of 256, by cubic interpolation."""
    import cv2

    full_range = image.astype(np.float32) * (255 / 16)
    large = cv2.resize(full_range, (IMAGE_PIXELS, IMAGE_PIXELS), interpolation=cv2.INTER_CUBIC)
    pixels: NDArray[np.uint8] = np.rint(np.clip(large, 0, 255)).astype(np.uint8)
    return pixels[:, :, np.newaxis]
