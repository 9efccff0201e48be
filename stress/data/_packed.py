"""Python samples in one file that worker processes map into memory: no copy a worker, and no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perturbations import Sample, Value
from perturbations.modality import modality, modality_of
from stress.data._dataset import Samples
from stress.data._index import Index
from stress.data._known import Known

__all__ = ["pack", "unpack"]

_ALIGNED = 16
"""Every value begins at a multiple of so many bytes: arrays of numbers that do not are slow, or refused."""


def pack(data: Samples, folder: Path) -> Path:
    """Write every value of a data set to ``folder``: raw bytes in one file, and JSON that says where each lies."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with (folder / "values.bin").open("wb") as file:
        for position in range(len(data)):
            (sample,) = data.proven([position])
            place: dict[str, Any] = {name: _put(file, value) for name, value in sample.streams.items()}
            others = {
                name: {code: _put(file, value) for code, value in versions.items()}
                for name, versions in sample.alternates.items()
            }
            target = sample.target.tolist() if hasattr(sample.target, "tolist") else sample.target
            rows.append([sample.id, place, others, target, dict(sample.groups), sample.sequence, sample.time])
    head: dict[str, Any] = {
        "name": data.name,
        "streams": dict(data.streams),
        "fingerprint": data.fingerprint,
        "rows": rows,
    }
    head["present"] = list(data.known.present) if data.known else None
    (folder / "index.json").write_text(json.dumps(head), encoding="utf-8")
    return folder


def _put(file: Any, value: Value) -> list[Any] | None:
    """Append a value, and return where it lies and what it is."""
    if value is None:
        return None
    file.write(bytes(-file.tell() % _ALIGNED))
    start, kind = file.tell(), modality_of(value)
    content, packed = kind.pack(value)
    file.write(content)
    return [kind.name, start, len(content), packed]


def unpack(folder: Path) -> Samples:
    """Return the data set in a folder that ``pack`` wrote."""
    head = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    rows = head["rows"]
    size = (folder / "values.bin").stat().st_size
    memory = np.memmap(folder / "values.bin", np.uint8, "r") if size else np.zeros(0, np.uint8)

    def load(position: int) -> Sample:
        name, place, others, target, groups, sequence, time = rows[position]
        streams = {stream: _get(memory, at) for stream, at in place.items()}
        versions: Mapping[str, Mapping[str, Value]] = {
            stream: {code: _get(memory, at) for code, at in codes.items()} for stream, codes in others.items()
        }
        return Sample(name, streams, target, groups, sequence, time, versions)

    names = sorted({group for row in rows for group in row[4]} - {"split"})
    index = Index(
        [row[0] for row in rows],
        [row[3] for row in rows],
        [row[5] for row in rows],
        [row[6] for row in rows],
        [row[4].get("split") for row in rows],
        {group: [row[4].get(group) for row in rows] for group in names},
    )
    languages = sorted({code for row in rows for codes in row[2].values() for code in codes})
    known = Known([], head["present"], lambda position, sample: "") if head["present"] is not None else None
    return Samples(head["name"], head["streams"], index, load, head["fingerprint"], languages, known=known)


def _get(memory: Any, at: list[Any] | None) -> Value:
    if at is None:
        return None
    kind, start, length, packed = at
    value: Value = modality(kind).unpack(memory[start : start + length], packed)
    return value
