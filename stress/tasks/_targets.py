"""Targets and lists of classes, as data and models write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import nearest, short
from perturbations.labels import label, vector

__all__ = ["class_names", "class_of", "classes_of", "hot"]

_WRITTEN = re.compile(
    r"b(['\"]).*\1|(tensor|array|np\.\w+|Decimal|Fraction|Timestamp)\(.*\)|<.* at 0x[0-9a-fA-F]+>|<.*function .*>"
    r"|\[\[\s*[-+0-9].*|\[['\"].*['\"]\]|\[-?[0-9.]+\]|\{['\"0-9-].*\}|\([-+0-9.e]+j\)|.*\n.*dtype: \w+",
    re.DOTALL,
)
"""What tables hold once an object that is no text was written to them."""


def class_names(classes: Iterable[Any], who: str) -> tuple[str, ...]:
    """Return the names of declared classes. Raises InputError where one is missing or there twice."""
    if isinstance(classes, str | bytes):
        raise InputError(f"{who}: classes must be a list of names, got {short(classes)}.")
    names = [label(name, f"{who}: a class") for name in classes]
    if odd := [name for name in names if name is not None and _WRITTEN.fullmatch(name)]:
        raise InputError(
            f"{who}: a class must be a name, got {short(odd[0])}: the text that Python shows of an object. Write what "
            "is in it (a tensor's .item(), bytes decoded, one label a cell)."
        )
    if None in names:
        raise InputError(f"{who}: a class must have a name, got {short(list(classes)[names.index(None)])}.")
    if doubled := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise InputError(f"{who}: classes must differ, got {doubled[0]!r} {names.count(doubled[0])} times.")
    return tuple(map(str, names))


def classes_of(targets: Sequence[Any], places: Mapping[str, int]) -> list[str]:
    """Return the class that each target names; ``places`` are the classes, in order, with their positions.

    Raises InputError where one is no class, or is several.
    """
    if set(map(type, targets)) == {str} and places.keys() >= set(targets):
        return list(targets)
    classes = tuple(places)
    return [class_of(target, classes) for target in targets]


def class_of(target: Any, classes: Sequence[str]) -> str:
    """Return the class that a target names, also as a one-hot vector of one entry a class.

    Raises InputError, which names the form, where it is missing, no class, or several at once.
    """
    if type(target) is str and target in classes:
        return target
    numbers = vector(target)
    if numbers is None:
        name = label(target, "classification: a target")
        if name is None:
            raise InputError(f"classification: a target must be {_one_of(classes)}, got none (missing).")
        if name not in classes:
            raise InputError(
                f"classification: a target must be {_one_of(classes)}, got {short(target)}. {nearest(name, classes)}"
            )
        return name
    ones = int((numbers == 1).sum())
    if not hot(numbers):
        form = "soft labels (shares of classes); give the class" if numbers.min() >= 0 else "a vector of numbers"
    elif ones != 1:
        form = f"a multi-hot vector ({ones} of {len(numbers)} are 1); that is task multilabel"
    elif len(numbers) != len(classes):
        form = f"a one-hot vector of {len(numbers)} entries"
    else:
        return classes[int(np.argmax(numbers))]
    raise InputError(f"classification: a target must be {_one_of(classes)}, got {form}.")


def _one_of(classes: Sequence[str]) -> str:
    """Say how many classes there are to choose from, in words that fit one of them."""
    return f"one of the {len(classes)} classes" if len(classes) != 1 else f"the only class, {short(classes[0])}"


def hot(numbers: Any) -> bool:
    """Return whether a vector holds zeros and ones alone."""
    return bool(np.all((numbers == 0) | (numbers == 1)))
