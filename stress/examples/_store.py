"""The examples of a run on disk: ``examples/examples.parquet``, written whole or not at all, at most ten megabytes.

Kept is an excerpt of each value: a picture of a few hundred pixels, a few seconds, a few hundred characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from perturbations import InputError, RunError, Sample, StressError, Value
from perturbations.errors import named_keywords, short
from perturbations.modality import MODALITIES, modality
from scenarios import Cell
from stress.data import Samples
from stress.examples._choose import Answer, Choice, answers_of, choose
from stress.examples._make import shown_again
from stress.records.folder import Folder
from stress.records.writing import write_table

__all__ = ["MOST", "Example", "Shown", "check_count", "example_of", "forget", "keep", "stored"]

MOST = 24
"""Examples that a run keeps, where nothing else is asked for."""
_ROOM = 10_000_000
"""Bytes that they may take."""
_FILE = ("examples", "examples.parquet")

_SCHEMA = pa.schema(
    {
        "sample": pa.string(),
        "cell": pa.string(),
        "why": pa.string(),
        "target": pa.string(),
        "before": pa.string(),  # JSON: the answer on clean input
        "after": pa.string(),  # JSON: the answer in this cell
        "breaks_at": pa.float64(),
        "streams": pa.string(),  # JSON: for each stream its modality, facts, and where its bytes lie in "content"
        "content": pa.binary(),
    }
)


@dataclass(frozen=True)
class Shown:
    """One stream of an example: excerpts of the value as it is and as the model met it; None where it is lost."""

    stream: str
    modality: str
    clean: Value
    after: Value
    touched: bool


@dataclass(frozen=True)
class Example:
    """One sample in one cell, with all its streams."""

    sample: str
    cell: str
    why: str
    target: str
    before: Answer
    after: Answer
    breaks_at: float | None
    streams: Sequence[Shown]


@named_keywords
def keep(run: Folder, cells: Sequence[Cell], data: Samples, seed: int, most: int = MOST) -> list[str]:
    """Choose up to ``most`` examples of a finished run, store them, and return why some could not be shown.

    With ``most`` 0 nothing is stored, and what an earlier start left is taken away.
    """
    check_count(most)
    forget(run)
    if most == 0:
        return []
    by_id = {cell.id: cell for cell in cells}
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    used = 0
    for choice in choose(run, most, seed):
        try:
            row = _row(*shown_again(run, by_id[choice.cell], data, choice.position, seed), choice, by_id, data)
        except StressError as error:
            problems.append(str(error))
            continue
        used += len(row["content"])
        if used > _ROOM:
            problems.append(f"{run.path}: examples beyond {_ROOM / 1e6:.0f} MB are left out.")
            break
        rows.append(row)
    if rows:
        folder = run.path / _FILE[0]
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise RunError(f"{folder}: cannot be made: {error.strerror or error}.") from error
        write_table(folder / _FILE[1], pa.Table.from_pylist(rows, schema=_SCHEMA))
    return problems


@named_keywords
def check_count(most: object) -> None:
    """Raise InputError for what is no number of examples."""
    if isinstance(most, bool) or not isinstance(most, int) or most < 0:
        raise InputError(f"run: examples must be a whole number of at least 0, got {short(most)}.")


@named_keywords
def forget(run: Folder) -> None:
    """Take away the examples of a run: they are of records that may have been asked again."""
    path = run.path.joinpath(*_FILE)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be taken away: {error.strerror or error}.") from error


@named_keywords
def example_of(run: Folder, cell: Cell, data: Samples, position: int, seed: int) -> Example | None:
    """Return a sample in a cell with its whole values, made again; None where the run has no record of it.

    Raises RunError where it cannot be made again as it was.
    """
    after, before = answers_of(run, cell.id, position), answers_of(run, "clean", position)
    if after is None:
        return None
    clean, met = shown_again(run, cell, data, position, seed)
    streams = [
        Shown(name, kind, clean.streams[name], met.streams[name], name in cell.streams)
        for name, kind in data.streams.items()
    ]
    return Example(clean.id, cell.id, "", _target(clean), before or after, after, None, streams)


def _target(sample: Sample) -> str:
    return "" if sample.target is None else str(sample.target)[:200]


def _row(clean: Sample, after: Sample, choice: Choice, cells: Mapping[str, Cell], data: Samples) -> dict[str, Any]:
    touched, content, streams = cells[choice.cell].streams, b"", {}
    for name, kind in data.streams.items():
        about: dict[str, Any] = {"modality": kind, "touched": name in touched}
        for which, value in (("clean", clean.streams[name]), ("after", after.streams[name])):
            if value is None or (which == "after" and name not in touched):
                continue
            packed, facts = modality(kind).pack(modality(kind).look.excerpt(value))
            about[which] = {"at": len(content), "size": len(packed), "facts": dict(facts)}
            content += packed
        streams[name] = about
    return {
        "sample": clean.id,
        "cell": choice.cell,
        "why": choice.why,
        "target": _target(clean),
        "before": json.dumps(_plain(choice.before)),
        "after": json.dumps(_plain(choice.after)),
        "breaks_at": choice.breaks_at,
        "streams": json.dumps(streams),
        "content": content,
    }


def _plain(answer: Answer) -> dict[str, Any]:
    score = answer.score if abs(answer.score) < float("inf") else None
    return {"text": answer.text[:400], "score": score, "confidence": answer.confidence, "failed": answer.failed}


@named_keywords
def stored(run: Folder) -> list[Example]:
    """Return the examples that a run has kept; none, where it has kept none. Raises RunError for a damaged file."""
    path = run.path.joinpath(*_FILE)
    if not path.is_file():
        return []
    try:
        rows = parquet.read_table(path, schema=_SCHEMA, page_checksum_verification=True).to_pylist()
        return [_example(row) for row in rows]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, InputError) as error:
        raise RunError(
            f"{path}: must hold the examples of a run, got a damaged file ({str(error)[:200]}). Delete it, or run "
            "the suite's command again: it makes them anew."
        ) from None


def _example(row: Mapping[str, Any]) -> Example:
    streams = []
    for name, about in json.loads(row["streams"]).items():
        if about["modality"] not in MODALITIES:
            raise InputError(f"{name}: {about['modality']!r} is no modality")
        clean, met = (_value(row["content"], about, which) for which in ("clean", "after"))
        streams.append(Shown(name, about["modality"], clean, met if about["touched"] else clean, about["touched"]))
    before, after = (Answer(**{**(said := json.loads(row[k])), "score": _score(said)}) for k in ("before", "after"))
    return Example(row["sample"], row["cell"], row["why"], row["target"], before, after, row["breaks_at"], streams)


def _score(answer: Mapping[str, Any]) -> float:
    return float("-inf") if answer["score"] is None else float(answer["score"])


def _value(content: bytes, about: Mapping[str, Any], which: str) -> Value:
    if which not in about:
        return None
    kind, where = modality(about["modality"]), about[which]
    value = kind.unpack(content[where["at"] : where["at"] + where["size"]], where["facts"])
    kind.check(value, "example")
    found: Value = value
    return found
