"""Everything that is raised on purpose, drawn as a tree.

    StressError
    ├── SpecError    the author of a perturbation, a suite or a gate file wrote something that cannot work
    ├── InputError   the data cannot be used: a value, a sample, a manifest, a parameter given to ``apply``
    │   └── MissingExtraError   a package that an extra brings is not installed
    ├── ModelError   the model cannot be loaded, or fails on clean input
    └── RunError     a run folder cannot be used: it is locked, damaged, or belongs to other inputs

Messages have one form: *who: what must be X, got Y. Hint.*
"""

from __future__ import annotations

import inspect
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

__all__ = [
    "InputError",
    "MissingExtraError",
    "ModelError",
    "RunError",
    "SpecError",
    "StressError",
    "gather",
    "meant",
    "named_keywords",
    "nearest",
    "printable",
    "short",
]

_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}
"""Unicode categories that are shown by code point: they can reorder, hide or break a line of what follows."""


Given = ParamSpec("Given")
Found = TypeVar("Found")


class StressError(Exception):
    """Base of every error that this project raises on purpose."""


class SpecError(StressError):
    """A declaration – a perturbation, a suite, a gate file – cannot work as it is written."""


class InputError(StressError):
    """A value, a sample, a data set or a parameter cannot be used as it was given."""


class MissingExtraError(InputError):
    """A package that an extra brings is not installed: nothing of this kind can work, whatever the input."""


class ModelError(StressError):
    """The model cannot be loaded, or does not answer clean input."""


class RunError(StressError):
    """A run folder cannot be used: it is locked, damaged, or was made from other inputs."""


def meant(name: str, known: Iterable[str]) -> str:
    """Return ``Did you mean …?`` with what is most alike among the known names, or nothing where nothing is alike."""
    import difflib

    options = sorted(set(known))
    alike = difflib.get_close_matches(name, options, n=3, cutoff=0.6)
    if not alike:  # "gaussian_noise" for "image.gaussian_noise": the tail is what people type
        tails = {option.rpartition(".")[2]: option for option in options}
        alike = [tails[tail] for tail in difflib.get_close_matches(name, list(tails), n=3, cutoff=0.6)]
    return f"Did you mean {' or '.join(alike)}?" if alike else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint for the end of an error message: what is most alike, or what is known where nothing is alike."""
    options = sorted(set(known))
    if hint := meant(name, options):
        return hint
    return f"Known: {', '.join(options[:12])}{' …' if len(options) > 12 else ''}." if options else "None is known."


def short(value: Any, length: int = 60) -> str:
    """Return ``repr(value)``, cut where an error message would become unreadable."""
    shape = getattr(value, "shape", None)
    if shape == () and type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item() if value.dtype.kind in "biufcUSO" else str(value)  # a scalar says what it is
    elif shape is not None:
        return f"{type(value).__name__} of {getattr(value, 'dtype', '?')} {tuple(shape)}"
    try:
        text = repr(value[: length + 1] if isinstance(value, str | bytes) else value)
    except Exception:  # noqa: BLE001 - a number of thousands of digits, a value that cannot say what it is
        text = f"a {type(value).__name__}"
    return text if len(text) <= length else f"{text[: length - 1]}…"


def printable(text: object, keep: str = "") -> str:
    """Return text in which every control, direction and separator character is written out by its code point.

    An escape sequence in an id, a label or a model's error would otherwise be obeyed by the terminal. ``keep`` are
    characters that stay as they are, such as the line breaks of our own messages.
    """
    found = str(text)
    if found.isprintable():
        return found
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _INVISIBLE and c not in keep else c for c in found)


def gather(problems: Sequence[str], kind: type[StressError]) -> None:
    """Raise one error that lists every problem found, or do nothing where there is none."""
    if problems:
        raise kind(problems[0] if len(problems) == 1 else "\n".join([f"{len(problems)} problems:", *problems]))


def named_keywords(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """Return a function that refuses keywords that it does not have with one error that names the nearest one.

    For what people call: Python's own TypeError says that a misspelt keyword is unexpected, but not what was meant.
    """
    known = [
        each.name
        for each in inspect.signature(function).parameters.values()
        if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD) and each.name != "self"
    ]
    names = frozenset(known)

    @wraps(function)
    def checked(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        if not kwargs.keys() <= names:
            name = next(each for each in kwargs if each not in names)
            raise InputError(f"{function.__name__}: has no option {short(name)}. {nearest(name, known)}")
        return function(*args, **kwargs)

    return checked
