"""Small real worlds for tests: a part of the demo's, and models that misbehave on purpose."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from perturbations import Sample
from stress.data import demo
from stress.models import load_model

CLASSES = tuple("0123456789")
"""What ``brightness`` answers; fewer samples than ten are of fewer classes, and it must be said."""
SUITE = """
suite: small@1
severities: [1, 3]
scenarios:
  noise: {image: gaussian_noise}
  hiss: {audio: white_noise}
  typos: {text: keyboard_typos}
  night: {image: low_light, audio: white_noise}
  no-sound: {audio: missing}
"""


@functools.cache
def samples(count: int = 40) -> tuple[Sample, ...]:
    """Return samples of the demo's test split, one class after the other."""
    by_class: dict[str, list[Sample]] = {}
    for sample in demo.load():
        by_class.setdefault(sample.target, []).append(sample)
    return tuple(by_class[str(i % 10)][i // 10] for i in range(count))


@functools.cache
def loose(count: int = 20) -> tuple[Sample, ...]:
    """Return samples that are in no sequence, so that shards can be as small as one likes."""
    return tuple(replace(sample, sequence=None, time=None) for sample in samples(count))


@functools.cache
def model(fusion: str = "late"):
    """Return the demo model's callable."""
    return load_model(f"demo:{fusion}").predict


def brightness(batch):
    """Answer by the mean brightness of the picture: a model that is instant, and that noise and darkness move."""
    scores = np.full((batch.size, 10), -1.0)
    for row, value in enumerate(batch["image"]):
        level = 0.0 if value is None else float(value.mean()) / 256
        sound = batch["audio"][row]
        scores[row, int(10 * level)] = 1 + (0 if sound is None else float(np.abs(sound.samples).mean()))
        scores[row] += len(batch["text"][row] or "") / 1000
    return scores
