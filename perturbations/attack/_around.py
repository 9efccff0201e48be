"""Budgets drawn around the values of a batch: pictures by their channels, recordings by their steps of 16 bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from perturbations._values import Audio, Image
from perturbations.attack._budget import EnergyBall, Flat, Layout, MaxBall, PatchBall
from perturbations.modality.audio import active_power

__all__ = ["Budget", "image_energy", "image_maximum", "image_patch", "recording_energy"]

Budget: TypeAlias = float | Sequence[float] | NDArray[Any]
"""One for all samples, or one for each."""
_STEPS = 32768.0
"""Steps of 16-bit audio in full scale."""


def _layout(sizes: Sequence[int]) -> Layout:
    return Layout(np.array([max(1, size) for size in sizes], np.int64))


def _flat(parts: Sequence[NDArray[Any] | None]) -> Flat:
    filled = [np.zeros(1, np.float32) if p is None or not p.size else p.reshape(-1) for p in parts]
    return np.concatenate(filled).astype(np.float32)


def _image(part: NDArray[np.float32], like: Image) -> Image:
    return part.astype(np.uint8).reshape(like.shape)


def _recording(part: NDArray[np.float32], like: Audio) -> Audio:
    return Audio((part * np.float32(1 / _STEPS)).reshape(like.samples.shape), like.rate)


def _each(budget: Budget, count: int) -> list[float]:
    """Return every sample's budget: the same for all, or its own."""
    return [float(one) for one in np.broadcast_to(np.asarray(budget, np.float64), count)]


def image_maximum(images: Sequence[Image | None], epsilon: Budget) -> MaxBall:
    """Return the images whose every number is within ``epsilon`` levels of 255 of the clean one."""
    radius = [0.0 if image is None else np.floor(most) for image, most in zip(images, _each(epsilon, len(images)))]
    layout = _layout([0 if image is None else image.size for image in images])
    return MaxBall(_flat(images), layout, np.array(radius, np.float32), 0.0, 255.0, images, _image)


def image_patch(images: Sequence[Image | None], share: Budget) -> PatchBall:
    """Return the images with another square of this part of them in the lower right corner, where it hides least."""
    masks = []
    for image, part in zip(images, _each(share, len(images))):
        height, width, channels = (1, 1, 1) if image is None else image.shape
        mask = np.zeros((height, width, channels), bool)
        side = 0 if image is None else int((part * height * width) ** 0.5)
        if side:  # as much of it as there is room for
            mask[max(0, height - side) :, max(0, width - side) :] = True
        masks.append(mask.reshape(-1))
    radius = np.array([255.0 * mask.any() for mask in masks], np.float32)
    layout = _layout([0 if image is None else image.size for image in images])
    return PatchBall(_flat(images), layout, radius, 0.0, 255.0, images, _image, np.concatenate(masks))


def image_energy(images: Sequence[Image | None], rms: Budget) -> EnergyBall:
    """Return the images whose change has a root mean square of at most ``rms`` levels of 255."""
    sizes = [0 if image is None else image.size for image in images]
    radius = _below([most * size**0.5 for most, size in zip(_each(rms, len(images)), sizes)])
    return EnergyBall(_flat(images), _layout(sizes), radius, 0.0, 255.0, images, _image)


def recording_energy(recordings: Sequence[Audio | None], snr_db: Budget) -> EnergyBall:
    """Return the 16-bit recordings whose active part lies at least ``snr_db`` above the change."""
    sizes = [0 if one is None else one.samples.size for one in recordings]
    shares = [10 ** (-least / 10) for least in _each(snr_db, len(recordings))]
    power = [0.0 if one is None else active_power(one) for one in recordings]
    radius = _below([(p * share * size) ** 0.5 * _STEPS for p, share, size in zip(power, shares, sizes)])
    flat = _flat([None if one is None else one.samples * np.float32(_STEPS) for one in recordings])
    return EnergyBall(flat, _layout(sizes), radius, -_STEPS, _STEPS - 1, recordings, _recording)


def _below(radius: Sequence[float]) -> NDArray[np.float32]:
    """Return numbers as float32, rounded down."""
    single = np.array(radius, np.float64).astype(np.float32)
    return np.where(single > np.array(radius), np.nextafter(single, np.float32(0)), single)
