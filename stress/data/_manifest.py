"""A manifest: a table with one row a sample, whose columns name files, texts, the label and groups.

A stream's column is named by its modality – ``image``, ``audio``, ``text`` – or ``image:front_camera``,
``audio:speech``, ``text:caption`` where it has a name of its own; ``text:caption@de`` is the same text in another
language. ``label`` is the right answer; ``id``, ``sequence``, ``time`` and ``split`` are optional; ``group:speaker``
declares a group, ``cluster:speaker`` one whose samples are alike, so that intervals resample them together. Texts stand
in the table; the values of other modalities are files, relative to the manifest. Columns with other names are not used.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from perturbations import InputError, Sample, Value
from perturbations.errors import gather, nearest
from perturbations.modality import MODALITIES, modality
from stress.data._dataset import Index, Samples, check_index
from stress.data._files import decode, looks_right
from stress.data._known import Known, fingerprint_of

__all__ = ["from_manifest"]

_PLAIN = ("id", "label", "sequence", "time", "split")
_SHOWN = 5
"""Problems of one kind that an error lists before it only counts them."""


@dataclass(frozen=True)
class _Column:
    """What a column holds: a stream's value, or the same in another language."""

    column: str
    stream: str
    modality: str
    language: str | None


def from_manifest(path: str | Path, fingerprint: str | None = None) -> Samples:
    """Return the data set of a CSV, JSON Lines or Parquet manifest. Raises InputError with file and line.

    All files are read once, to check that they are what their names say and to fingerprint their content – unless
    the ``fingerprint`` is known already.
    """
    path = Path(path)
    rows, lines = _read(path)
    if not rows:
        raise InputError(f"{path}: must have at least one sample, got no rows.")
    columns = _columns(path, list(rows[0]))
    cluster = _cluster(path, list(rows[0]))
    index = _index(path, rows, lines)
    known = _Content(path, rows, lines, columns).known(fingerprint is None)
    fingerprint = fingerprint or fingerprint_of(known.digests)
    streams = {c.stream: c.modality for c in columns if c.language is None}
    languages = sorted({c.language for c in columns if c.language is not None})

    def load(position: int) -> Sample:
        return _sample(path, rows[position], lines[position], columns, index, position)

    return Samples(path.name, streams, index, load, fingerprint, languages, cluster=cluster, known=known)


def _read(path: Path) -> tuple[Sequence[Mapping[str, Any]], Sequence[int]]:
    """Return the rows and the line each stands in."""
    if not path.is_file():
        raise InputError(f"{path}: does not exist. A manifest is a .csv, .jsonl or .parquet file.")
    if path.suffix == ".parquet":
        return _read_parquet(path)
    if path.suffix not in (".csv", ".jsonl"):
        raise InputError(
            f"{path}: a manifest must be a .csv, .jsonl or .parquet file, got {path.suffix or 'no ending'}."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: must be UTF-8, got byte {error.object[error.start]:#x} at {error.start}.") from None
    return _read_csv(path, text) if path.suffix == ".csv" else _read_jsonl(path, text)


def _read_csv(path: Path, text: str) -> tuple[list[dict[str, Any]], list[int]]:
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    rows, lines = [], []
    try:
        for row in reader:
            if None in row or None in row.values():
                raise InputError(
                    f"{path}:{reader.line_num}: must have {len(reader.fieldnames or ())} fields, as line 1."
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: is not valid CSV: {error}.") from None
    return rows, lines


def _read_jsonl(path: Path, text: str) -> tuple[list[dict[str, Any]], list[int]]:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:{number}:{error.colno}: is not valid JSON: {error.msg}.") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}:{number}: must be a JSON object, got {type(row).__name__}.")
        if rows and row.keys() != rows[0].keys():
            odd = ", ".join(sorted(row.keys() ^ rows[0].keys()))
            raise InputError(f"{path}:{number}: must have the fields of line {lines[0]}; these differ: {odd}.")
        rows.append(row)
        lines.append(number)
    return rows, lines


def _read_parquet(path: Path) -> tuple[list[dict[str, Any]], list[int]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        rows = parquet.read_table(path).to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: is not a readable Parquet file: {str(error).splitlines()[0]}.") from None
    return rows, list(range(1, len(rows) + 1))


def _columns(path: Path, names: Sequence[str]) -> list[_Column]:
    found = []
    for name in names:
        kind, _, rest = name.partition(":")
        if kind in MODALITIES:
            stream, _, language = rest.partition("@")
            found.append(_Column(name, stream or kind, kind, language or None))
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


def _cluster(path: Path, names: Sequence[str]) -> str | None:
    """Return the group that a column declares as the cluster, if there is one."""
    found = [name.partition(":")[2] for name in names if name.startswith("cluster:")]
    if len(found) > 1:
        raise InputError(f"{path}:1: must declare one cluster, got {', '.join(found)}. Others are groups: group:NAME.")
    if found and (not found[0] or f"group:{found[0]}" in names):
        raise InputError(f"{path}:1: a column cluster:NAME is a group of that name too, got {', '.join(names)}.")
    return found[0] if found else None


def _index(path: Path, rows: Sequence[Mapping[str, Any]], lines: Sequence[int]) -> Index:
    def column(name: str) -> list[Any]:
        return [None if row.get(name) in (None, "") else row[name] for row in rows]

    labels = column("label")
    gather(
        [f"{path}:{lines[i]}: label is empty." for i, label in enumerate(labels) if label is None][:_SHOWN], InputError
    )
    ids = [str(value) if value is not None else f"{number}" for number, value in enumerate(column("id"))]
    groups = {
        n.partition(":")[2]: [None if v is None else str(v) for v in column(n)]
        for n in rows[0]
        if n.startswith(("group:", "cluster:"))
    }
    index = Index(
        ids=ids,
        targets=[str(label) for label in labels],
        sequences=[None if value is None else str(value) for value in column("sequence")],
        times=[_number(path, lines[i], value) for i, value in enumerate(column("time"))],
        splits=[None if value is None else str(value) for value in column("split")],
        groups=groups,
    )
    check_index(index, str(path), lambda position: f"line {lines[position]}")
    return index


def _number(path: Path, line: int, value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise InputError(f"{path}:{line}: time must be a number of seconds, got {value!r}.") from None


@dataclass(frozen=True)
class _Content:
    """What the rows of a manifest and the files they name hold."""

    path: Path
    rows: Sequence[Mapping[str, Any]]
    lines: Sequence[int]
    columns: Sequence[_Column]

    def known(self, read: bool) -> Known:
        """Return what is known of each sample; all files are read once, in parallel, or none. Raises all problems."""
        positions = range(len(self.rows)) if read else ()
        with ThreadPoolExecutor(4) as pool:
            looked = list(pool.map(self._look, positions))
        problems = [problem for _, _, found in looked for problem in found]
        rest = [f"… and {len(problems) - _SHOWN} more."] if len(problems) > _SHOWN else []
        gather(problems[:_SHOWN] + rest, InputError)

        def prove(position: int, _: Sample) -> str:
            if looked and looked[position][1] == self._stamps(position):
                return looked[position][0]
            return self._look(position)[0]

        return Known([digest for digest, _, _ in looked], [self._present(row) for row in self.rows], prove)

    def _look(self, position: int) -> tuple[str, list[Any], list[str]]:
        """Return a digest of a row and its files, the files' sizes and times, and what is wrong with them."""
        stamps, problems = self._stamps(position), []
        content = repr(sorted(self.rows[position].items(), key=str)).encode("utf-8", "surrogatepass")
        digest = blake2b(content, digest_size=8)
        for column, file in self._files(position):
            who = f"{self.path}:{self.lines[position]}: {column.column}"
            content, problem = looks_right(file, column.modality, who)
            digest.update(content)
            problems += [problem] if problem is not None else []
        return digest.hexdigest(), stamps, problems

    def _files(self, position: int) -> list[tuple[_Column, Path]]:
        row = self.rows[position]
        named = [c for c in self.columns if modality(c.modality).stored.in_file and row[c.column] not in (None, "")]
        return [(column, self.path.parent / str(row[column.column])) for column in named]

    def _stamps(self, position: int) -> list[Any]:
        """Return size and time of each file of a sample; where one cannot be asked, nothing that was known before."""
        try:
            about = [file.stat() for _, file in self._files(position)]
        except (OSError, ValueError):
            return [object()]
        return [(each.st_size, each.st_mtime_ns) for each in about]

    def _present(self, row: Mapping[str, Any]) -> str:
        own = [column for column in self.columns if column.language is None]
        return "".join(str(int(row[column.column] not in (None, ""))) for column in own)


def _sample(
    path: Path, row: Mapping[str, Any], line: int, columns: Sequence[_Column], index: Index, position: int
) -> Sample:
    streams: dict[str, Value] = {}
    alternates: dict[str, dict[str, Value]] = {}
    for column in columns:
        decoded = decode(row[column.column], column.modality, path.parent, f"{path}:{line}: {column.column}")
        if column.language is None:
            streams[column.stream] = decoded
        elif decoded is not None:
            alternates.setdefault(column.stream, {})[column.language] = decoded
    groups = {name: values[position] for name, values in index.groups.items() if values[position] is not None}
    if index.splits[position] is not None:
        groups["split"] = index.splits[position]
    return Sample(
        index.ids[position],
        streams,
        index.targets[position],
        groups,  # type: ignore[arg-type]
        index.sequences[position],
        index.times[position],
        alternates,
    )
