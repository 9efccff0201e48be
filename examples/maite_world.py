"""Ours in MAITE's world: what its tasks, its metrics and nrtk's harnesses take."""

import stress.maite


def augmentation(seed):
    """Fog of severity 3 over batches of pictures from 0 to 1."""
    return stress.maite.augmentation("image.fog", severity=3, range=(0, 1), seed=seed)


def dataset(samples, predict):
    """Samples as a data set: floats from 0 to 1, channels first, one-hot targets in the order of a model's classes."""
    return stress.maite.as_dataset(samples, predict.classes, range=(0, 1))


def model(predict):
    """A ``predict`` of scores as a model."""
    return stress.maite.as_model(predict, range=(0, 1))
