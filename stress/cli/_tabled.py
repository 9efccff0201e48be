"""A table beside pictures and recordings: which of its columns name files, texts, labels and groups."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stress.cli._found import Files, Found, kind_of

__all__ = ["Table", "read_table", "samples_of"]

_NAMES = {
    "label": (
        "label",
        "class",
        "target",
        "category",
        "y",
        "answer",
        "sentiment",
        "intent",
        "emotion",
        "topic",
        "gold",
        "ground_truth",
    ),
    "text": (
        "text",
        "caption",
        "transcript",
        "sentence",
        "utterance",
        "question",
        "review",
        "comment",
        "message",
        "query",
        "document",
        "content",
        "prompt",
        "tweet",
    ),
    "id": ("id", "sample_id", "uid"),
    "split": ("split", "subset", "fold"),
    "sequence": ("sequence", "session", "recording"),
    "time": ("time", "timestamp"),
}
_GROUPS = 50
"""Different values up to which another column of a table counts as a group."""
_ENOUGH = 0.5
"""Share of a column's names that must be files here; rows of the others are left out, and told."""
_MARKS = ",;\t|"


@dataclass(frozen=True)
class Table:
    """A table that was read: ``streams`` are columns that name files, by modality; ``roles`` columns by what for."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Mapping[str, str]]
    streams: Mapping[str, str]
    roles: Mapping[str, str]
    problems: Sequence[str]

    @property
    def fits(self) -> bool:
        """Whether there are samples in it: files that are here, or texts with labels."""
        return bool(self.rows) and bool(self.streams or {"text", "label"} <= self.roles.keys())


def read_table(path: Path, files: Files) -> Table:
    """Return a table of which the columns that name files hold them as the manifest shall name them."""
    name = path.relative_to(files.folder).as_posix()
    try:
        data = path.read_bytes()
        text = data.decode("utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        return Table(name, (), (), {}, {}, [f"{name} was not read: {error}"])
    mark = max(_MARKS, key=text.partition("\n")[0].count)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark)
        every = list(reader)
    except csv.Error as error:
        return Table(name, (), (), {}, {}, [f"{name} was not read: {error}"])
    columns = list(reader.fieldnames or ())
    whole = [row for row in every if None not in row and None not in row.values()]
    problems = [] if len(whole) == len(every) else [f"{name}: {len(every) - len(whole)} rows of another width left out"]
    if len(set(columns)) < len(columns) or any(files.named(column, path.parent) for column in columns):
        return Table(name, (), (), {}, {}, [f"{name} was not read: its first line must name its columns, each once"])
    places = _places(columns, whole, files, path.parent)
    kept = [i for i in range(len(whole)) if all(found[i] is not None for found in places.values())]
    if len(kept) < len(whole):
        problems.append(f"{name}: {len(whole) - len(kept)} of {len(whole)} rows name files that are not here: left out")
    rows = [whole[i] | {column: found[i] or "" for column, found in places.items()} for i in kept]
    streams = {column: kind for column in places if (kind := _kind(row[column] for row in rows))}
    roles = {role: found for role, like in _NAMES.items() if (found := _named(columns, like, streams))}
    ids = [row[roles["id"]] for row in rows] if "id" in roles else [""]
    if not all(ids) or len(set(ids)) < len(ids):  # a column of that name that tells no samples apart
        roles.pop("id", None)
    return Table(name, columns, rows, streams, roles, problems)


def _places(
    columns: Sequence[str], rows: Sequence[Mapping[str, str]], files: Files, beside: Path
) -> dict[str, list[str | None]]:
    """Return the files of each column that names some: with their endings or, if no column does, one without.

    An empty cell stays empty, where it is a lost stream; ``None`` is a file that is not here.
    """
    found: dict[str, list[str | None]] = {}
    for column in columns:
        paths = [files.named(row[column], beside) for row in rows]
        given = [row[column].strip() for row in rows]
        if paths and sum(path is not None for path in paths) >= max(1, _ENOUGH * sum(map(bool, given))):
            found[column] = [files.written(p) if p else None if value else "" for p, value in zip(paths, given)]
    if found:
        return found
    for column in columns:
        stems = [files.stem(row[column]) for row in rows]
        if stems and all(stems):
            return {column: [files.written(path) for path in stems if path]}
    return {}


def _kind(paths: Iterable[str]) -> str | None:
    """Return the modality of a column of files, where it is one."""
    kinds = {kind_of(path) for path in paths if path}
    return kinds.pop() if len(kinds) == 1 else None


def samples_of(table: Table) -> Found:
    """Return the samples of a table that fits."""
    streams, roles = table.streams, table.roles
    used = {*streams, *roles.values()}
    groups = [name for name in table.columns if name not in used and _is_group([row[name] for row in table.rows])]
    kinds = tuple(dict.fromkeys([*streams.values(), *(["text"] if "text" in roles else [])]))
    several = [kind for kind in kinds if list(streams.values()).count(kind) > 1]
    titles = {name: f"{kind}:{name}" if kind in several else kind for name, kind in streams.items()}
    titles |= {name: role for role, name in roles.items()} | {name: f"group:{name}" for name in groups}
    chosen = [name for name in table.columns if name in titles]
    rows = [tuple(row[name] for name in chosen) for row in table.rows]
    columns = tuple(titles[name] for name in chosen)
    if "id" not in columns:
        columns, rows = ("id", *columns), [(str(i), *row) for i, row in enumerate(rows, start=1)]
    problems = list(table.problems)
    if "label" in roles:
        given = [row[roles["label"]] for row in table.rows]
        if not all(given):
            problems.append(f"{given.count('')} of {len(given)} samples have no label yet")
    else:
        given = []
        columns, rows = (*columns, "label"), [(*row, "") for row in rows]
        problems.append(f"no column of {table.name} is named like a label ({', '.join(_NAMES['label'])})")
    labels = tuple(sorted({label for label in given if label}))
    return Found(f"{len(rows)} samples from {table.name}", columns, rows, kinds, labels, problems)


def _named(names: Iterable[str], like: Sequence[str], streams: Iterable[str]) -> str | None:
    return next((name for name in names if name.strip().lower() in like and name not in streams), None)


def _is_group(values: Sequence[str]) -> bool:
    return 1 < len(set(values)) <= min(_GROUPS, max(len(values) // 2, 2))
