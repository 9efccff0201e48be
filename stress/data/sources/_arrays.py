"""Arrays in memory as samples: one stream a name, one value a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from perturbations import InputError, Sample, Value
from perturbations.errors import nearest, short
from perturbations.labels import label as label_of
from stress.data._convert import audio, image
from stress.data._dataset import Samples
from stress.data._listed import from_samples
from stress.data._reading import Reading

__all__ = ["Rows", "converted", "names_of_classes", "numpy"]

CONVERTERS: Mapping[str, Callable[..., Any]] = {"image": image, "audio": audio}


class Rows(Sequence[Sample]):
    """Samples that are made when they are asked for."""

    def __init__(self, count: int, make: Callable[[int], Sample]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: Any) -> Any:
        if not 0 <= position < self._count:
            raise IndexError(position)
        return self._make(position)


def converted(value: Any, modality: str, how: Mapping[str, Any], who: str) -> Value:
    """Return a value of another library as ours; a lost one is None. Raises InputError that says whose it is."""
    if value is None:
        return None
    if modality == "text":
        if not isinstance(value, str):
            raise InputError(f"{who}: must be a text, got {short(value)}.")
        return value
    try:
        found: Value = CONVERTERS[modality](value, **how)
    except InputError as error:
        raise InputError(f"{who}: {error}") from error
    except TypeError as error:
        raise InputError(f"{who}: stress.{modality} takes no such setting: {short(str(error), 120)}.") from error
    return found


def known_modality(modality: Any, who: str) -> str:
    """Return a modality that can be made of an array or a text. Raises InputError for another."""
    known = (*CONVERTERS, "text")
    if modality not in known:
        raise InputError(
            f"{who}: modality must be {', '.join(known)}, got {short(modality)}. {nearest(str(modality), known)}"
        )
    return str(modality)


def names_of_classes(classes: Any, who: str) -> Callable[[Any], Any]:
    """Return what names a label: its class, where labels are positions. Raises InputError for one that is none."""
    if classes is None:
        return lambda given: given.item() if isinstance(given, np.generic) else given
    names = list(classes)

    def named(given: Any) -> Any:
        place = label_of(given, f"{who}: label")
        if place is None or not place.isdecimal() or int(place) >= len(names):
            raise InputError(f"{who}: a label must be a position of one of {len(names)} classes, got {short(given)}.")
        return names[int(place)]

    return named


def numpy(
    values: Any,
    labels: Sequence[Any] | None,
    *,
    modality: str = "image",
    stream: str | None = None,
    classes: Sequence[Any] | None = None,
    groups: Mapping[str, Sequence[Any]] | None = None,
    name: str = "arrays",
    reading: Reading | None = None,
    **how: Any,
) -> Samples:
    """Return arrays as samples: ``values[i]`` is a picture (or a recording, or a text), ``labels[i]`` its label.

    ``how`` says what its numbers mean, as for ``stress.image`` (``range=(0, 1)``, ``layout="channels_first"``) and
    ``stress.audio`` (``rate=16000``). ``classes`` are names, where labels are positions among them; ``groups`` are
    columns as long as the values. Raises InputError where lengths differ, there are no labels, or a value cannot be
    read as it is said.
    """
    who, kind = "stress.data.numpy", known_modality(modality, "stress.data.numpy")
    if labels is None:
        raise InputError(f"{who}: must have labels, one for each value, got none.")
    columns = {"labels": labels, **(groups or {})}
    for column, given in columns.items():
        if len(given) != len(values):
            raise InputError(f"{who}: {column} must be {len(values):,}, one for each value, got {len(given):,}.")
    named, key = names_of_classes(classes, who), stream or kind

    def make(position: int) -> Sample:
        value = converted(values[position], kind, how, f"{who}: value {position}")
        about = {column: str(given[position]) for column, given in (groups or {}).items()}
        return Sample(f"{position:06d}", {key: value}, target=named(labels[position]), groups=about)

    return from_samples(Rows(len(values), make), name, streams={key: kind} if kind == "text" else None, reading=reading)
