"""Models of MAITE: a call with a sequence of pictures, channels first, that answers a row of scores each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from perturbations import InputError, ModelError
from perturbations.errors import named_keywords, short
from stress.models._callable import digest_of, made_of
from stress.models.adapters._adapted import Adapted, Arrays, Streams
from stress.models.adapters._missing import Missing
from stress.models.adapters._pixels import Pixels
from stress.models.adapters._wired import checked

__all__ = ["MaiteModel", "is_maite_model", "maite"]


@runtime_checkable
class MaiteModel(Protocol):
    """A classifier of MAITE's protocol, by its form: the package itself is not needed."""

    metadata: Mapping[str, Any]

    def __call__(self, batch_input: Sequence[Any], /) -> Sequence[Any]:
        """Return the scores of each class for each picture ``(channels, height, width)``."""
        ...


@named_keywords
def maite(
    model: MaiteModel,
    streams: Streams,
    *,
    missing: Any = "refuse",
    classes: Sequence[Any] | None = None,
    batch: int | None = None,
) -> Adapted:
    """Return ``predict`` of a classifier of MAITE's protocol, as nrtk's users have one.

    ``streams`` says how the one stream becomes its pictures: ``{"image": Pixels(range=(0, 1))}``, channels first; MAITE
    does not say which numbers are black and white. ``classes`` are read from the ``index2label`` of its metadata. The
    rows that it answers are probabilities or logits, as their numbers show. Raises InputError where it is no such
    model, or its labels are not numbered from 0; a model of object detection is one that answers no rows, and refused
    when it does.
    """
    who = "stress.models.maite"
    if not is_maite_model(model):
        raise InputError(f"{who}: model must be a call with metadata that has an id, got {short(model)}.")
    declared = dict(checked(streams, who))
    (prepared,) = declared.values() if len(declared) == 1 else (None,)
    if not isinstance(prepared, Pixels) or prepared.layout != "channels_first":
        raise InputError(f"{who}: streams must be one of Pixels, channels first, got {short(dict(streams))}.")
    read = classes if classes is not None else _classes(model.metadata, who)
    gone = Missing(missing, declared, who)

    def call(arrays: Arrays) -> Any:
        (pictures,) = arrays.values()
        return _rows(model(list(pictures)), who)

    held = digest_of({"id": str(model.metadata["id"]), **made_of([model]).parts})
    return Adapted("maite", declared, gone, call, identity=held, classes=read, most=batch)


def is_maite_model(found: Any) -> bool:
    """Return whether something has the form of a model of MAITE."""
    about = getattr(found, "metadata", None)
    return callable(found) and not isinstance(found, type) and isinstance(about, Mapping) and "id" in about


def _classes(metadata: Mapping[str, Any], who: str) -> list[str] | None:
    labels = metadata.get("index2label")
    if labels is None:
        return None
    if not isinstance(labels, Mapping) or set(labels) != set(range(len(labels))):
        raise InputError(
            f"{who}: index2label must number its labels from 0, got {short(labels)}. classes=[…] says them."
        )
    return [str(labels[place]) for place in range(len(labels))]


def _rows(found: Any, who: str) -> Any:
    """Return what a model answers as an array of one row a picture."""
    rows = []
    for answer in found:
        for name in ("detach", "cpu"):
            answer = getattr(answer, name)() if hasattr(answer, name) else answer
        row = np.asarray(answer)
        if row.ndim != 1 or row.dtype.kind not in "fiu":
            raise ModelError(f"{who}: the model must answer one row of scores a picture, got {short(answer)}.")
        rows.append(row)
    if len({row.shape for row in rows}) > 1:
        raise ModelError(f"{who}: the model must answer as many scores for each picture, got rows of several lengths.")
    return np.stack(rows) if rows else np.empty((0, 0))
