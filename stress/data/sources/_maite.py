"""Data sets of MAITE: triples of a picture, channels first, a one-hot row and metadata with an id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perturbations import InputError, Sample
from perturbations.errors import nearest, short
from stress.data._dataset import Samples
from stress.data._listed import from_samples
from stress.data._reading import Reading
from stress.data.sources._arrays import Rows, converted

__all__ = ["is_maite_dataset", "maite"]


def maite(
    dataset: Any,
    *,
    range: tuple[float, float] | None = None,  # noqa: A002 - it is what the numbers' range is called
    stream: str = "image",
    classes: Sequence[Any] | None = None,
    groups: Sequence[str] = (),
    cluster: str | None = None,
    reading: Reading | None = None,
) -> Samples:
    """Return an image classification data set of MAITE's protocol as samples; the package itself is not needed.

    ``range`` are the numbers that mean black and white, as for ``stress.image``: MAITE does not say. The classes are
    those of ``index2label``, or ``classes`` in their order; ids those of the metadata, of which ``groups`` (and
    ``cluster``) name fields that become groups. Raises InputError where an item is no such triple, a target is not
    one-hot – soft labels, boxes –, or a field is not there.
    """
    who = "stress.data.maite"
    if not is_maite_dataset(dataset):
        raise InputError(
            f"{who}: must be a data set with a length, places and metadata that has an id, got {short(dataset)}."
        )
    labels = dataset.metadata.get("index2label")
    names = list(classes) if classes is not None else None
    wanted = [*groups, *([cluster] if cluster and cluster not in groups else [])]

    def make(position: int) -> Sample:
        where, item = f"{who}: item {position}", dataset[position]
        if not isinstance(item, tuple | list) or len(item) != 3 or not isinstance(item[2], Mapping):
            raise InputError(f"{where} must be a triple of picture, target and metadata, got {short(item)}.")
        picture, target, about = item
        if "id" not in about:
            raise InputError(f"{where}: metadata must have an id, got {', '.join(map(str, about)) or 'none'}.")
        value = converted(picture, "image", {"range": range, "layout": "channels_first"}, where)
        place = _place(target, where)
        for name in wanted:
            if name not in about:
                raise InputError(f"{where}: metadata must have {name!r}. {nearest(name, map(str, about))}")
        fields = {name: about[name] for name in wanted}
        return Sample(str(about["id"]), {stream: value}, target=_named(place, names, labels, where), groups=fields)

    return from_samples(Rows(len(dataset), make), str(dataset.metadata["id"]), cluster=cluster, reading=reading)


def is_maite_dataset(found: Any) -> bool:
    """Return whether something has the form of a data set of MAITE."""
    about = getattr(found, "metadata", None)
    return isinstance(about, Mapping) and "id" in about and hasattr(found, "__getitem__") and hasattr(found, "__len__")


def _place(target: Any, where: str) -> int:
    """Return the place of the one in a one-hot row."""
    for name in ("detach", "cpu"):
        target = getattr(target, name)() if hasattr(target, name) else target
    try:
        row = np.asarray(target, np.float64)
    except (TypeError, ValueError):
        row = np.empty(0)
    if row.ndim != 1 or not row.size or np.count_nonzero(row) != 1 or row.max() != 1:
        raise InputError(f"{where}: target must be one-hot, a 1 among zeros, got {short(target)}.")
    return int(row.argmax())


def _named(place: int, names: list[Any] | None, labels: Any, where: str) -> Any:
    if names is not None:
        if place >= len(names):
            raise InputError(f"{where}: target must be one of {len(names)} classes, got place {place}.")
        return names[place]
    if labels is None:
        return place
    if place not in labels:
        raise InputError(f"{where}: index2label must name every place, got none for {place}.")
    return str(labels[place])
