"""Ours in MAITE's world: perturbations as its augmentations, samples as its data sets, a ``predict`` as its model.

The other way – its models and data here – are ``stress.models.maite`` and ``stress.data.maite``. All go by the form of
the protocols (image classification); the package ``maite`` itself is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import perturbations
from perturbations import InputError, ModelError, Sample
from perturbations.errors import named_keywords, short
from stress.data import Samples, from_samples, image
from stress.models import Batch

__all__ = ["Augmentation", "Dataset", "Model", "as_dataset", "as_model", "augmentation"]

Range = tuple[float, float]
Triple = tuple[Sequence[Any], Sequence[Any], Sequence[Mapping[str, Any]]]


class Augmentation:
    """A perturbation as an augmentation of MAITE; ``augmentation`` makes one."""

    def __init__(self, name: str, severity: float | None, how: Range | None, seed: int, params: Mapping[str, Any]):
        self._name, self._severity, self._range, self._seed, self._params = name, severity, how, seed, dict(params)
        graded = "" if severity is None else f" severity {severity:g}"
        settings = "".join(f" {key}={value}" for key, value in params.items())
        self.metadata = {"id": f"{name}{graded}{settings} seed {seed}"}

    def __call__(self, batch: Triple, /) -> Triple:
        """Return the batch with perturbed pictures: same shapes, types and targets; the metadata say what was done."""
        pictures, targets, abouts = batch
        if not len(pictures) == len(targets) == len(abouts):
            raise InputError(
                f"augmentation: a batch must have as many pictures, targets and metadata, got {len(pictures)}, "
                f"{len(targets)} and {len(abouts)}."
            )
        done = {"perturbation": self._name, "severity": self._severity}
        found = [self._one(picture, about) for picture, about in zip(pictures, abouts)]
        return found, targets, [{**about, **done} for about in abouts]

    def _one(self, picture: Any, about: Mapping[str, Any]) -> Any:
        if "id" not in about:
            raise InputError("augmentation: metadata must have an id, which names the draw.")
        value = image(picture, range=self._range, layout="channels_first")
        changed = perturbations.apply(
            self._name, value, self._severity, seed=self._seed, sample=str(about["id"]), **self._params
        )
        return _like(_planes(changed, self._range), picture)


@named_keywords
def augmentation(
    name: str,
    severity: float | None = None,
    *,
    range: Range | None = None,  # noqa: A002 - it is what the numbers' range is called
    seed: int = 0,
    params: Mapping[str, Any] | None = None,
) -> Augmentation:
    """Return a perturbation of pictures as an augmentation of MAITE, for its tasks and nrtk's harnesses.

    ``range`` are the numbers that mean black and white (8 bits need none): pictures are taken to 8 bits, perturbed, and
    given back in that range and in their own type. The draw is named by ``seed`` and the id in a picture's metadata:
    equal ids give equal pixels, in whatever batch. ``params`` are physical parameters by name, in the severity's
    place. Raises InputError for a perturbation or a severity that there is not, before any picture.
    """
    found = perturbations.get(name)
    if "image" not in found.modalities:
        raise InputError(f"augmentation: must be a perturbation of pictures, got {name}, of {found.modalities[0]}.")
    if "data" in found.needs or "alternates" in found.needs or found.kind == "attack":
        raise InputError(f"augmentation: must be a perturbation of one picture alone, got {name}, which needs more.")
    made = Augmentation(found.name, severity, range, seed, params or {})
    grey = np.full((1, 16, 16), 128, np.uint8)
    Augmentation(found.name, severity, None, seed, params or {})(([grey], [None], [{"id": "0"}]))
    return made


class Dataset:
    """Samples as an image classification data set of MAITE; ``as_dataset`` makes one."""

    def __init__(self, samples: Samples, stream: str, classes: Sequence[str], how: Range) -> None:
        self._samples, self._stream, self._range = samples, stream, how
        self._place = {name: place for place, name in enumerate(classes)}
        self.metadata = {"id": samples.name, "index2label": dict(enumerate(classes))}

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._samples)

    def __getitem__(self, ind: int, /) -> tuple[NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Return picture ``(channels, height, width)``, one-hot target and metadata: the id and the groups."""
        if not -len(self) <= ind < len(self):
            raise IndexError(ind)
        sample = self._samples[ind % len(self)]
        value: Any = sample.streams[self._stream]
        if value is None:
            raise InputError(f"as_dataset: sample {sample.id!r} has lost its picture, which MAITE has no word for.")
        target = np.zeros(len(self._place), np.float32)
        target[self._place[str(sample.target)]] = 1
        return _planes(value, self._range), target, {"id": sample.id, **sample.groups}


@named_keywords
def as_dataset(
    samples: Samples | Sequence[Sample],
    classes: Sequence[Any],
    *,
    stream: str | None = None,
    range: Range = (0.0, 1.0),  # noqa: A002 - it is what the numbers' range is called
) -> Dataset:
    """Return samples as a data set of MAITE: floats in ``range``, channels first, one-hot targets, ids and groups.

    ``classes`` are those of the model that will be asked, in its order: MAITE tells classes by their place alone.
    ``stream`` is the picture that is told, where there are several. Raises InputError where there is no picture, or a
    target is none of the classes.
    """
    data = samples if isinstance(samples, Samples) else from_samples(samples)
    pictures = [name for name, kind in data.streams.items() if kind == "image"]
    if (stream is None and len(pictures) != 1) or (stream is not None and stream not in pictures):
        raise InputError(f"as_dataset: stream must be one of the pictures {', '.join(pictures) or '(none)'}.")
    targets = [str(target) for target in data.targets]
    names = [str(name) for name in classes]
    if strange := [target for target in targets if target not in names]:
        raise InputError(f"as_dataset: every target must be one of {len(names)} classes, got {short(strange[0])}.")
    return Dataset(data, stream or pictures[0], names, range)


class Model:
    """A ``predict`` as an image classification model of MAITE; ``as_model`` makes one."""

    def __init__(self, predict: Callable[[Batch], Any], stream: str, classes: Sequence[str], how: Range | None):
        self._predict, self._stream, self._range, self._count = predict, stream, how, len(classes)
        name = str(getattr(predict, "__name__", type(predict).__name__))
        self.metadata = {"id": name, "index2label": dict(enumerate(classes))}

    def __call__(self, batch_input: Sequence[Any], /) -> Sequence[Any]:
        """Return the row of scores of each picture ``(channels, height, width)``."""
        values = [image(each, range=self._range, layout="channels_first") for each in batch_input]
        answers = self._predict(Batch({self._stream: values}))
        if isinstance(answers, Mapping) and len(answers) == 1:
            (answers,) = answers.values()
        rows = np.asarray(answers)
        if rows.shape != (len(values), self._count) or rows.dtype.kind not in "fiu":
            raise ModelError(
                f"as_model: the model must answer {len(values)} rows of {self._count} scores, got {short(answers)}."
            )
        return list(rows)


@named_keywords
def as_model(
    predict: Callable[[Batch], Any],
    *,
    classes: Sequence[Any] | None = None,
    stream: str = "image",
    range: Range | None = None,  # noqa: A002 - it is what the numbers' range is called
) -> Model:
    """Return a ``predict`` of scores as a model of MAITE, which its tasks and metrics can call.

    ``range`` are the numbers that mean black and white in what it will be given; ``classes`` its own, in its order,
    where it has no attribute of that name. Raises InputError where the classes are not known.
    """
    found = classes if classes is not None else getattr(predict, "classes", None)
    if not callable(predict) or found is None:
        raise InputError(
            f"as_model: predict must be a call with classes, or classes=[…] be given, got {short(predict)}."
        )
    return Model(predict, stream, [str(each) for each in found], range)


def _planes(value: NDArray[Any], how: Range | None) -> NDArray[Any]:
    """Return a picture with the channels first, in a range of floats; 8 bits where none is said."""
    planes = np.ascontiguousarray(value.transpose(2, 0, 1))
    if how is None:
        return planes
    low, high = how
    return (low + planes.astype(np.float32) * np.float32((high - low) / 255)).astype(np.float32)


def _like(planes: NDArray[Any], picture: Any) -> Any:
    """Return numbers in the type of a picture, and on its device where it is a tensor."""
    if hasattr(picture, "detach"):
        import torch

        return torch.from_numpy(planes).to(dtype=picture.dtype, device=picture.device)
    wanted = np.asarray(picture).dtype
    return (np.rint(planes) if wanted.kind in "iu" else planes).astype(wanted)
