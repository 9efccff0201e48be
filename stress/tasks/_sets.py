"""Targets that are several labels at once: lists, sets, texts, and one entry a class."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import short
from perturbations.labels import label, missing, ordered, vector
from stress.tasks._targets import hot

__all__ = ["labels_in", "labels_of", "multi_hot", "ordered_set"]


def labels_of(target: Any) -> tuple[str, ...]:
    """Return the labels of a target: a list, a list as text, or names joined by ``|``; empty means none.

    Raises InputError where one of several is missing, or is no label.
    """
    if missing(target):
        return ()
    if isinstance(target, str) and not isinstance(target, Enum):
        text = target.strip()
        if text.startswith(("[", "(")):
            return _labels(_list(text), target)
        return _labels([part for part in text.split("|") if part.strip()], target)
    listed = target.as_py() if hasattr(target, "as_py") else target.tolist() if hasattr(target, "tolist") else target
    if isinstance(listed, Iterable) and not isinstance(listed, str | bytes | Mapping | Enum):
        return _labels(ordered_set(listed), target)
    return _labels([target], target)


def ordered_set(listed: Iterable[Any]) -> list[Any]:
    """Return what is in a collection, in an order that does not follow the hash seed."""
    return sorted(listed, key=str) if isinstance(listed, set | frozenset) else list(listed)


def _labels(listed: Iterable[Any], target: Any) -> tuple[str, ...]:
    names = [label(each, "multilabel: a label") for each in listed]
    if None in names:
        raise InputError(f"multilabel: a target's labels must all be there, got {short(target)}.")
    return tuple(map(str, names))


def _list(text: str) -> Sequence[Any]:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        found = vector(text)
    if not isinstance(found, list | tuple | np.ndarray):
        raise InputError(
            f"multilabel: a target that starts with {text[0]} must be a list of labels, got {short(text)}."
        )
    return list(found)


def multi_hot(targets: Sequence[Any]) -> int | None:
    """Return the length of targets that are vectors of zeros and ones, one entry a class; nothing for lists of labels.

    Lists of labels name no label twice, so zeros and ones that repeat are entries. Raises InputError where targets of
    two entries can be read in both ways.
    """
    found = [vector(target) for target in targets]
    if not found or any(v is None or len(v) != len(found[0]) or not hot(v) for v in found):  # type: ignore[arg-type]
        return None
    truths = all(_flags(target) for target in targets)
    if len(found[0]) > 2 or truths or any(v[0] == v[1] for v in found):  # type: ignore[arg-type, index]
        return len(found[0])  # type: ignore[arg-type]
    raise InputError(
        f"multilabel: a target must be a list of labels, got {short(targets[0])}: the labels 0 and 1, or one entry for "
        "each of two classes? Write the names of the labels."
    )


def _flags(target: Any) -> bool:
    return bool(np.asarray(target).dtype == bool) if not isinstance(target, str) else False


def labels_in(targets: Sequence[Any]) -> tuple[str, ...]:
    """Return the distinct labels of all targets, in their order; of multi-hot targets, the places from 0."""
    width = multi_hot(targets)
    if width is not None:
        return tuple(map(str, range(width)))
    return ordered({name for target in targets for name in labels_of(target)})
