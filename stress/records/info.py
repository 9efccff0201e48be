"""What run.json and its like hold, by form: a file that somebody else wrote can hold anything, and is read by many."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from perturbations.errors import StressError, short
from perturbations.files import read_regular

__all__ = ["json_beside", "misshapen"]

_MOST = 20_000_000
"""Bytes of a JSON file beside the records."""

Form = Callable[[Any], bool]


def _kind(*kinds: type) -> Form:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _or_none(form: Form) -> Form:
    return lambda value: value is None or form(value)


def _each(form: Form) -> Form:
    return lambda value: isinstance(value, list) and all(map(form, value))


def _by_name(form: Form) -> Form:
    return lambda value: isinstance(value, dict) and all(map(form, value.values()))


def _keys(required: tuple[str, ...] = (), **forms: Form) -> Form:
    """A mapping with some keys, of which those that are known have a form."""

    def fits(value: Any) -> bool:
        if not isinstance(value, dict) or not set(required) <= value.keys():
            return False
        return all(form(value[name]) for name, form in forms.items() if name in value)

    return fits


_TEXT, _NUMBER, _ANY = _kind(str), _kind(int, float), _kind(dict)
_LAST = 253_402_300_799
"""The last second of the year 9999: dates end there."""


def _moment(value: Any) -> bool:
    return _NUMBER(value) and 0 <= value <= _LAST


_NAMED = ("name", "module")
_FORMS: Mapping[str, tuple[Form, str]] = {
    "identity": (
        _keys(
            suite=_keys(name=_TEXT, cells=_by_name(_TEXT)),
            data=_keys(name=_or_none(_TEXT), streams=_by_name(_TEXT), extents=_each(_NUMBER)),
            model=_keys(name=_or_none(_TEXT), code=_or_none(_by_name(_TEXT)), canaries=_or_none(_ANY)),
            task=_ANY,
            perturbations=_ANY,
            plugins=_ANY,
        ),
        "a mapping that says who was run on what",
    ),
    "suite": (_kind(str, dict), "the suite, or its name"),
    "left_out": (_each(lambda pair: _each(_TEXT)(pair) and len(pair) == 2), "a list of pairs of texts"),
    "mixed": (
        _each(_keys(("why", "when"), why=_TEXT, when=_moment, differs=_each(_TEXT))),
        "a list of what was accepted",
    ),
    "preflight": (_each(_keys(("name", "outcome", "says"), name=_TEXT, outcome=_TEXT, says=_TEXT)), "a list of checks"),
    "settings": (_or_none(_ANY), "a mapping"),
    "command": (_or_none(_TEXT), "a text"),
    "cluster": (_or_none(_TEXT), "the name of a group"),
    "sources": (_by_name(_each(_TEXT)), "lists of keys of sources by perturbation"),
    "plugins": (_each(_TEXT), "a list of paths"),
    "metrics": (_each(_keys(_NAMED, name=_TEXT, module=_TEXT)), "a list of metrics by name and module"),
    "classes": (_each(_TEXT), "a list of labels"),
    "labels": (_or_none(_TEXT), "one or many"),
    "headline": (_TEXT, "the name of a metric"),
    "better": (_TEXT, "higher or lower"),
    "task": (_TEXT, "the name of a task"),
    "streams": (_by_name(_TEXT), "modalities by stream"),
    "packages": (_by_name(_TEXT), "versions by package"),
    "host": (_by_name(_or_none(_kind(str, int, float))), "a mapping"),
    "finished": (_kind(bool), "true or false"),
    "started": (_moment, "seconds since 1970"),
    "begun": (_moment, "seconds since 1970"),
    "seconds": (_NUMBER, "a number of seconds"),
    "records": (_NUMBER, "a number"),
    "run": (_TEXT, "a text"),
}


def misshapen(info: Mapping[str, Any]) -> str | None:
    """Return what is not as this package writes it, as the end of a sentence; keys that it does not know are free."""
    for name, (form, what) in _FORMS.items():
        if name in info and not form(info[name]):
            return f"{name} must be {what}, got {short(info[name])}"
    return None


def json_beside(path: Path) -> Any:
    """Return what a JSON file in a run's folder holds; None where there is none, or it cannot be read."""
    try:
        return json.loads(read_regular(path, "run", most=_MOST))
    except (StressError, ValueError, RecursionError):
        return None
