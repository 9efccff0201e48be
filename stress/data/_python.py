"""What a Python sample may hold beside values: nothing, in any of its spellings, and the path of a file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter, is_not
from typing import Any, TypeAlias

import numpy as np

from perturbations import InputError, Sample, StressError
from perturbations.errors import MissingExtraError, short
from perturbations.modality import Limits, Modality, modality
from stress.data._missing import missing, seconds
from stress.data._reading import value_of

__all__ = ["made_of", "named_badly", "tidy", "together", "untidy"]

Freeze: TypeAlias = Callable[[Sequence[Any]], list[Any]]

_LIKE: Mapping[str, str] = {
    **dict.fromkeys(("image", "images", "img", "picture", "photo", "frame", "pixels"), "image"),
    **dict.fromkeys(("audio", "wav", "waveform", "sound", "speech", "recording", "mp3", "flac"), "audio"),
    "series": "series",
}
"""Words in a stream's name that say that its values are no texts."""


_PLAIN = frozenset({str, int, bool, type(None)})
_NEVER = frozenset({None, type(None)})
_STREAMS, _TARGET, _GROUPS, _SEQUENCE, _TIME = map(attrgetter, ("streams", "target", "groups", "sequence", "time"))


def untidy(sample: Sample) -> bool:
    """Whether a sample has to be looked at closely: whether it holds more than arrays, and names that are there."""
    return any(type(value) is not np.ndarray and value is not None for value in sample.streams.values()) or _odd(sample)


def _odd(sample: Sample) -> bool:
    for value in sample.groups.values():
        if type(value) is not str or not value:
            return True
    named = type(sample.target) in _PLAIN and type(sample.sequence) in _PLAIN
    return not named or sample.sequence == "" or not (sample.time is None or _is_time(sample.time))


def _any_odd(samples: Sequence[Sample]) -> bool:
    """Return whether ``_odd`` holds for any of some samples: what most are is seen at a look at all of them."""
    plain = set(map(type, map(_TARGET, samples))) <= _PLAIN
    bare = not any(map(_GROUPS, samples)) and {*map(_SEQUENCE, samples), *map(type, map(_TIME, samples))} <= _NEVER
    return not (plain and bare) and any(map(_odd, samples))


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and value == value


def together(samples: Sequence[Any], kinds: Sequence[tuple[str, Modality, Freeze | None]]) -> list[Sample] | None:
    """Return samples with arrays that cannot be written to, where a look at all of them at once shows that none has to
    be looked at closely; nothing where it does not.

    ``kinds`` are the streams' names, modalities and what forbids writing, where the value is an array. A modality tells
    by a value's type alone whether it is one: it is asked about one value of each type.
    """
    if set(map(type, samples)) != {Sample}:
        return None
    streams = list(map(_STREAMS, samples))
    if set(map(len, streams)) != {len(kinds)}:
        return None
    if _any_odd(samples):
        return None
    columns, moved = [], False
    for name, kind, freeze in kinds:
        if freeze is None:
            return None
        try:
            values = [each[name] for each in streams]
        except KeyError:
            return None
        one_each = dict(zip(map(type, values), values))
        if not all(kind.holds(value) for value in one_each.values() if value is not None):
            return None
        columns.append(freeze(values))
        moved = moved or any(map(is_not, columns[-1], values))
    if not moved:
        return list(samples)
    frozen = streams
    for (name, _, _), column in zip(kinds, columns):
        frozen = [{**each, name: value} for each, value in zip(frozen, column)]
    return Sample.holding(samples, frozen)


def tidy(sample: Sample, streams: Mapping[str, str], who: str, limits: Limits) -> Sample:
    """Return a sample in which whatever is missing is None, and files of declared streams are loaded.

    Raises InputError where a stream whose modality is not declared holds the path of a file: it would pass for a text.
    """
    changed: dict[str, Any] = {}
    for name, value in sample.streams.items():
        if value is None:
            continue
        if isinstance(value, str | os.PathLike):
            kind = streams.get(name, "")
            if kind and modality(kind).stored.in_file:
                changed[name] = value_of(value, kind, "", f"{who}, stream {name}", limits)[0]
            elif (of := _of_a_file(name, value)) is not None:
                raise _refused(value, of, f"{who}, stream {name}")
        elif not hasattr(value, "flags") and missing(value):
            changed[name] = None
    if changed:
        sample = sample.with_streams(changed)
    about = {"target": sample.target, "sequence": sample.sequence or None}
    nothing: dict[str, Any] = {name: None for name, value in about.items() if value is None or missing(value)}
    if sample.time is not None and not _is_time(sample.time):
        nothing["time"] = seconds(sample.time, who)
    if any(missing(value) or value == "" for value in sample.groups.values()):
        nothing["groups"] = {name: v for name, v in sample.groups.items() if not missing(v) and v != ""}
    return replace(sample, **nothing) if nothing else sample


def _of_a_file(stream: str, value: Any) -> str | None:
    """Return the modality of the file that a value names, or nothing where it is a text."""
    if isinstance(value, os.PathLike):
        ending = os.path.splitext(os.fspath(value))[1]
        return _by_ending(ending) or _LIKE.get(stream, "image")
    meant = next((of for word in re.split(r"[\W_]+", stream.lower()) if (of := _LIKE.get(word))), None)
    of = _by_ending(os.path.splitext(value)[1]) if len(value) < 4096 and "\n" not in value else None
    if stream in _LIKE:
        return of or meant
    return of if of is not None and (meant is not None or _is_file(value)) else None


def _by_ending(ending: str) -> str | None:
    return next((of for of in ("image", "audio") if ending.lower() in modality(of).stored.endings), None)


def _is_file(value: str) -> bool:
    try:
        return os.path.isfile(value)
    except ValueError:
        return False


def _refused(value: Any, of: str, who: str) -> InputError:
    shown = short(os.fspath(value), 120)
    declared = f"declare the stream: from_samples(…, streams={{…: '{of}'}})"
    how = f"Load it by stress.{of}(file), or {declared}" if of in ("image", "audio") else declared.capitalize()
    wanted = {"image": "an image", "audio": "a recording"}.get(of, f"a {of}")
    return InputError(f"{who}: must be {wanted}, got the text {shown}, which would run as a text. {how}.")


def named_badly(what: str, values: Sequence[Any]) -> list[tuple[int, str]]:
    """Return where a name – an id, a label, a group – holds what no table and no terminal can show, and why."""
    texts = [value for value in values if isinstance(value, str)]
    if "".join(texts).isprintable():
        return []
    found = []
    for position, value in enumerate(values):
        odd = isinstance(value, str) and not value.isprintable()
        if odd and ("\0" in value or any("\ud800" <= c <= "\udfff" for c in value)):
            found.append((position, f"{what} must be Unicode text without NUL, got {short(value)}"))
    return found


def made_of(rows: Any, position: int, who: str) -> Any:
    """Return a sample, or the error that says why there is none."""
    try:
        return rows[position]
    except MissingExtraError:
        raise
    except StressError as error:
        return InputError(str(error))
    except Exception as error:  # noqa: BLE001 - a user's sequence can raise anything
        return InputError(f"{who}[{position}]: cannot be loaded: {short(error, 200)}.")
