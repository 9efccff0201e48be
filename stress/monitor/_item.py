"""One thing that production met, as it comes in: values or ready signals, when, and what was answered or right."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords, nearest, short
from perturbations.files import path_shown, read_regular
from perturbations.modality import Limits, modality
from stress.monitor._reference import Reference
from stress.statistics.arrays import Floats

__all__ = ["Item", "RefusedError", "read_item"]

_LONGEST = 500
"""Characters of a name that are kept."""
_PLAIN = ("id", "time", "sequence", "label", "prediction", "confidence", "score", "signals", "split")


class RefusedError(InputError):
    """Something that cannot be used, and its kind: it is counted, and the monitor goes on."""

    def __init__(self, kind: str, says: str) -> None:
        super().__init__(says)
        self.kind = kind


@dataclass(frozen=True)
class Item:
    """What came in. ``signals`` are in the reference's order, NaN where undefined; None of a late label alone.

    ``lost`` are streams that are not there. ``block`` names what it belongs to, where something is said.
    """

    id: str | None
    time: float | None
    block: str | None
    signals: Floats | None
    lost: tuple[str, ...]
    confidence: float | None
    prediction: str | None
    label: str | None
    score: float | None
    exceptions: tuple[str, ...] = field(default=())


@named_keywords
def read_item(row: Mapping[str, Any], reference: Reference, root: Path, limits: Limits | None = None) -> Item:
    """Return what a line of JSON or a row of a manifest holds. Raises RefusedError for what cannot be used.

    A stream's key is its name, or as in a manifest its modality and name (``image:front``): the path of a file (of a
    text: the text), or nothing where it is lost. Ready signals stand under ``signals`` as ``STREAM.SIGNAL``, or in
    columns ``signal.STREAM.SIGNAL``.
    """
    exceptions: list[str] = []
    ready = _ready(row, reference)
    values = {} if ready is not None else _values(row, reference)
    label, score = _text(row.get("label"), "label"), _share(row, "score")
    signals: Floats | None = None
    lost: tuple[str, ...] = ()
    if ready is not None:
        signals = ready
        lost = tuple(s for s in reference.streams if reference.of(s) and np.isnan(signals[reference.of(s)]).all())
    elif values:
        signals, lost = _measured(values, reference, root, limits or Limits())
    elif label is None and score is None:
        raise RefusedError("no stream", _no_stream(row, reference))
    time = _seconds(row.get("time"), exceptions)
    group = "sequence" if reference.block == "sequence" else f"group:{reference.block}"
    block = row.get(group, row.get(f"cluster:{reference.block}"))
    return Item(
        id=_text(row.get("id"), "id"),
        time=time,
        block=_text(block, group),
        signals=signals,
        lost=lost,
        confidence=_share(row, "confidence"),
        prediction=_text(row.get("prediction"), "prediction"),
        label=label,
        score=score,
        exceptions=tuple(exceptions),
    )


def _values(row: Mapping[str, Any], reference: Reference) -> dict[str, Any]:
    return {stream: row[key] for key in row if (stream := _stream_of(key, reference)) is not None}


def _stream_of(key: object, reference: Reference) -> str | None:
    """Return the stream that a key names: by its name, or by modality and name as in a manifest."""
    if not isinstance(key, str):
        return None
    if key in reference.streams:
        return key
    kind, _, name = key.partition(":")
    name = name or kind
    return name if reference.streams.get(name) == kind and "@" not in key else None


def _no_stream(row: Mapping[str, Any], reference: Reference) -> str:
    known = list(reference.streams)
    given = [str(key) for key in row if key not in _PLAIN and ":" not in str(key)]
    hint = nearest(given[0], known) if given else ""
    return f"must have one of the run's streams ({', '.join(known)}) or signals, got {short(', '.join(given))}. {hint}"


def _measured(
    values: Mapping[str, Any], reference: Reference, root: Path, limits: Limits
) -> tuple[Floats, tuple[str, ...]]:
    found = np.full(len(reference.signals), np.nan)
    lost = []
    for stream, kind in reference.streams.items():
        value = _value(values.get(stream), kind, root, stream, limits)
        if value is None:
            lost.append(stream)
            continue
        measured = modality(kind).signals(value, reference.which, reference.lexicon)
        for i in reference.of(stream):
            found[i] = np.float32(measured[reference.signals[i].rpartition(".")[2]])
    return found, tuple(lost)


def _value(cell: Any, kind: str, root: Path, stream: str, limits: Limits) -> Any:
    of = modality(kind)
    if cell is None or (cell == "" and of.stored.in_file) or (isinstance(cell, float) and math.isnan(cell)):
        return None
    content, who = cell, stream
    try:
        if of.stored.in_file:
            if not isinstance(cell, str):
                raise InputError(f"{stream}: must be the path of a file, got {short(cell)}.")
            path = os.path.join(root, cell)
            content, who = read_regular(path, stream), f"{stream}: {path_shown(path)}"
        value, _ = of.stored.decode(content, who, limits)
        of.check(value, who)
    except InputError as error:
        raise RefusedError(f"unreadable {stream}", str(error)) from None
    return value


def _ready(row: Mapping[str, Any], reference: Reference) -> Floats | None:
    """Return ready signals in order, NaN where one is not given; None where none is."""
    given = row.get("signals")
    if given is None:
        given = {key.removeprefix("signal."): row[key] for key in row if str(key).startswith("signal.")}
    if not isinstance(given, Mapping):
        raise RefusedError(
            "bad signals", f"signals must be a mapping from STREAM.SIGNAL to numbers, got {short(given)}."
        )
    if not given:
        return None
    place = reference.place
    if {float} >= set(map(type, each := list(map(given.get, reference.signals)))) and len(given) == len(place):
        plain = np.array(each, np.float32)  # all of them, and nothing else: what comes a million times a day
        if np.isfinite(plain).all():
            return plain.astype(np.float64)
    found = np.full(len(place), np.nan)
    known = False
    for name, value in given.items():
        if name not in place:
            continue  # production may measure more than the run did
        known = True
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise RefusedError("bad signals", f"signal {short(name)} must be a number or null, got {short(value)}.")
        found[place[name]] = _single(float(value), name)
    if not known:
        hint = nearest(str(next(iter(given))), place)
        raise RefusedError(
            "bad signals", f"signals must be those of the run, got {short(', '.join(map(str, given)))}. {hint}"
        )
    return found


def _single(value: float, name: object) -> float:
    """Return a number as a run records it. Raises RefusedError for infinite ones, and those beyond single floats."""
    if not abs(value) < 3.4e38 and not math.isnan(value):
        raise RefusedError("bad signals", f"signal {short(name)} must be finite, got {short(value)}.")
    return float(np.float32(value))


def _text(value: Any, who: str) -> str | None:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | int | float | str | np.integer | np.floating):
        return str(value)[:_LONGEST].encode("utf-8", "replace").decode()
    raise RefusedError(f"bad {who}", f"{who} must be a text or a number, got {short(value)}.")


def _share(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        found = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not 0 <= found <= 1:
        raise RefusedError(f"bad {name}", f"{name} must be a number from 0 to 1, got {short(value)}.")
    return found


def _seconds(value: Any, exceptions: list[str]) -> float | None:
    """Return a time in seconds since 1970, of a number or ISO 8601 (UTC where no zone is said); None where missing."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            try:
                found = float(value)
            except ValueError:
                moment = datetime.fromisoformat(value)
                found = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        elif isinstance(value, datetime):
            found = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        else:
            found = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError, OSError):
        found = float("nan")
    if not abs(found) < 1e11:
        exceptions.append("bad time")
        return None
    return found
