"""A manifest: a table with one row a sample, whose columns name files, texts, the label and groups.

A stream's column is named by its modality – ``image``, ``audio``, ``text`` – or ``image:front_camera``,
``audio:speech``, ``text:caption`` where it has a name of its own; ``text:caption@de`` is the same text in another
language. ``label`` is the right answer; ``id``, ``sequence``, ``time`` and ``split`` are optional; ``group:speaker``
declares a group, ``cluster:speaker`` one whose samples are alike, so that intervals resample them together. Texts stand
in the table; the values of other modalities are files, relative to the manifest. Columns with other names are not used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import gather, meant, named_keywords, nearest, short
from perturbations.labels import gaps, missing
from perturbations.modality import MODALITIES
from stress.data._content import Column, Content
from stress.data._dataset import Samples
from stress.data._index import Index, check_index
from stress.data._known import fingerprint_of
from stress.data._missing import present, seconds, target
from stress.data._reading import Reading
from stress.data._tables import Rows, read_rows

__all__ = ["from_manifest"]

_QUOTED = re.compile(r'\s+".*"\s*', re.DOTALL)
_PLAIN = ("id", "label", "sequence", "time", "split")
_SHOWN = 5
"""Problems of one kind that an error lists before it only counts them."""


@named_keywords
def from_manifest(source: Any, fingerprint: str | None = None, reading: Reading | None = None) -> Samples:
    """Return the data set of a CSV, JSON Lines or Parquet manifest, or of a data frame with the same columns.

    Every value is decoded once, to check it and to fingerprint its content – unless the ``fingerprint`` is known
    already. Raises InputError with file and line of all that cannot be used.
    """
    reading = reading or Reading()
    table = read_rows(source)
    if not table.rows:
        raise InputError(f"{table.name}: must have at least one sample, got no rows.")
    columns = _columns(table.name, table.names)
    cluster = _cluster(table.name, table.names)
    index = _index(table)
    notes = _unused(table.names)
    left_out: Sequence[int] = reading.left_out
    content = Content(table, columns, reading)
    everyone = range(len(table.rows))
    if fingerprint is None:
        notes += content.outside()
        if not reading.later or reading.skip_bad:  # whom to leave out is known once all were looked at
            left_out, found = content.seen(everyone)
            notes += found.notes
    kept = [i for i in everyone if i not in set(left_out)]
    content, index = content.only(kept), _only(index, kept)
    known = content.known(given=fingerprint is not None)
    streams = {c.stream: c.modality for c in columns if c.language is None}
    languages = sorted({c.language for c in columns if c.language is not None})
    made = Samples(
        Path(table.name).name,
        streams,
        index,
        lambda position: content.sample(index, position),
        fingerprint or fingerprint_of(known.digests),
        languages,
        cluster=cluster,
        known=known,
        reading=reading,
    )
    made.notes, made.left_out = tuple(notes), tuple(left_out)
    made.files = content.files(content.looked.values())
    return made


def _columns(path: str, names: Sequence[str]) -> list[Column]:
    found = []
    for name in names:
        kind, _, rest = name.partition(":")
        if kind in MODALITIES:
            stream, _, language = rest.partition("@")
            found.append(Column(name, stream or kind, kind, language or None))
    who = f"{path}:1"
    if "label" not in names:
        raise InputError(f"{who}: must have a column 'label', got {', '.join(names)}. {nearest('label', names)}")
    streams = [c.stream for c in found if c.language is None]
    if not streams:
        known = f"{', '.join(MODALITIES[:-1])} or {MODALITIES[-1]}"
        raise InputError(f"{who}: must have a column {known} (or {MODALITIES[0]}:NAME …), got {', '.join(names)}.")
    if doubled := [name for name in streams if streams.count(name) > 1]:
        raise InputError(f"{who}: two columns name the stream {doubled[0]!r}.")
    for column in found:
        if column.stream not in streams:
            raise InputError(f"{who}: {column.column!r} is another version of a stream that has no column of its own.")
    return found


def _cluster(path: str, names: Sequence[str]) -> str | None:
    """Return the group that a column declares as the cluster, if there is one."""
    found = [name.partition(":")[2] for name in names if name.startswith("cluster:")]
    if len(found) > 1:
        raise InputError(f"{path}:1: must declare one cluster, got {', '.join(found)}. Others are groups: group:NAME.")
    if "group:" in names:
        raise InputError(f"{path}:1: a column of a group must be called group:NAME, got 'group:'.")
    if found and (not found[0] or f"group:{found[0]}" in names):
        raise InputError(f"{path}:1: a column cluster:NAME is a group of that name too, got {', '.join(names)}.")
    return found[0] if found else None


def _unused(names: Sequence[str]) -> list[str]:
    """Return a note for a column that is not used and is called nearly as one that would be."""
    found = []
    for name in names:
        kind, _, rest = name.partition(":")
        used = name in _PLAIN or (kind in (*MODALITIES, "group", "cluster") and (rest or kind in MODALITIES))
        near = meant(kind.strip().lower(), [*MODALITIES, *_PLAIN, "group", "cluster"]) if not used else ""
        if near:
            found.append(f"column {short(name)} is not used. {near}")
    return found


def _index(table: Rows) -> Index:
    def column(name: str) -> list[Any]:
        if name not in table.names:
            return [None] * len(table.rows)
        cells = [row.get(name) for row in table.rows]
        void = {"", *gaps(cells)}
        return [None if isinstance(value, str) and value in void else value for value in cells]

    csv_cell = table.name.endswith(".csv")  # where an empty cell is a missing one; "" in JSON and Parquet is a text

    def named(name: str) -> list[str | None]:
        if name not in table.names:
            return [None] * len(table.rows)
        return [present(value, f"{table.where(i)}: {name}", csv_cell) for i, value in enumerate(column(name))]

    given = [row.get("label") for row in table.rows]
    void = gaps(given) | ({""} if csv_cell else set())
    labels = [None if missing(value) or (isinstance(value, str) and value in void) else value for value in given]
    empty = [i for i, label in enumerate(labels) if label is None]
    gather([f"{table.where(i)}: label is {_shown(given[i])}." for i in empty[:_SHOWN]], InputError)
    if csv_cell:
        quoted = [i for i, label in enumerate(labels) if isinstance(label, str) and _QUOTED.fullmatch(label)]
        wrong = "label is quoted after a space, and would have the quotes in its name: write none before a quote."
        gather([f"{table.where(i)}: {wrong}" for i in quoted[:_SHOWN]], InputError)
    index = Index(
        ids=[value if value is not None else f"{number}" for number, value in enumerate(named("id"))],
        targets=[target(label, f"{table.where(i)}: label") for i, label in enumerate(labels)],
        sequences=named("sequence"),
        times=[seconds(value, table.where(i)) for i, value in enumerate(column("time"))],
        splits=named("split"),
        groups={n.partition(":")[2]: named(n) for n in table.names if n.startswith(("group:", "cluster:"))},
    )
    check_index(index, table.name, lambda position: f"line {table.lines[position]}")
    return index


def _shown(label: Any) -> str:
    return f"{label!r} among numbers: a missing one" if isinstance(label, str) and label.strip() else "empty"


def _only(index: Index, kept: Sequence[int]) -> Index:
    """Return the index of some of the samples."""
    if len(kept) == len(index.ids):
        return index

    def some(values: Sequence[Any]) -> list[Any]:
        return [values[i] for i in kept]

    groups = {name: some(values) for name, values in index.groups.items()}
    return Index(
        some(index.ids), some(index.targets), some(index.sequences), some(index.times), some(index.splits), groups
    )
