"""The rows of a manifest – CSV, JSON Lines, Parquet, a data frame – with every kind of empty cell as None."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import short
from perturbations.files import path_shown, read_regular
from stress.data._missing import missing

__all__ = ["Rows", "is_frame", "read_rows"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rows:
    """A manifest's rows: ``where(position)`` says where one stands, ``folder`` is what its files are relative to."""

    name: str
    folder: Path
    names: Sequence[str]
    rows: Sequence[Row]
    lines: Sequence[int]

    def where(self, position: int) -> str:
        """Return where a row stands, as the beginning of a message."""
        return f"{self.name}:{self.lines[position]}"


def is_frame(source: object) -> bool:
    """Whether a value is a table of pandas, polars or Arrow."""
    return type(source).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow") and hasattr(source, "columns")


def read_rows(source: Any) -> Rows:
    """Return the rows of a manifest or a data frame; rows as they are.

    Raises InputError with the line where one cannot be read.
    """
    if isinstance(source, Rows):
        return source
    if is_frame(source):
        return _of_frame(source)
    path = Path(source)
    if path.suffix not in (".csv", ".jsonl", ".parquet"):
        got = f"got {path.suffix or 'no ending'}"
        raise InputError(f"{path}: a manifest must be a .csv, .jsonl or .parquet file, {got}.")
    if "\0" in str(path) or not os.path.exists(path):
        raise InputError(f"{path_shown(path)}: does not exist. A manifest is a .csv, .jsonl or .parquet file.")
    content = read_regular(path, "data", most=2**34)
    if path.suffix == ".parquet":
        return _of_parquet(path, content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: must be UTF-8, got byte {error.object[error.start]:#x} at {error.start}.") from None
    return _of_csv(path, text) if path.suffix == ".csv" else _of_jsonl(path, text)


def _once(names: Sequence[str], where: str) -> None:
    """Raise InputError where a column is there twice: the last would win, without a word."""
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(
            f"{where}: a column must be given once, got {short(doubled[0])} {names.count(doubled[0])} times."
        )


def _of_csv(path: Path, text: str) -> Rows:
    before = csv.field_size_limit(sys.maxsize if sys.maxsize < 2**31 else 2**31 - 1)
    try:
        return _csv_rows(path, text)
    finally:
        csv.field_size_limit(before)


def _csv_rows(path: Path, text: str) -> Rows:
    """Lines end at CR and LF alone: other separators of Unicode are text."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    lines: list[int] = []
    names: list[str] = []
    try:
        for fields in reader:
            if not fields:
                continue
            if not names:
                names = fields
                _once(names, f"{path}:{reader.line_num}")
                continue
            if fields == names:
                raise InputError(f"{path}:{reader.line_num}: repeats the names of the columns: two files in one?")
            if len(fields) != len(names):
                raise InputError(f"{path}:{reader.line_num}: must have {len(names)} fields, as line 1.")
            rows.append({name: field or None for name, field in zip(names, fields)})
            lines.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: is not valid CSV: {error}.") from None
    return Rows(str(path), path.parent, names, rows, lines)


def _of_jsonl(path: Path, text: str) -> Rows:
    rows: list[Row] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        row = _object(line, f"{path}:{number}")
        if rows and row.keys() != rows[0].keys():
            odd = short(", ".join(sorted(row.keys() ^ rows[0].keys())), 200)
            raise InputError(f"{path}:{number}: must have the fields of line {lines[0]}; these differ: {odd}.")
        rows.append({name: None if missing(value) else value for name, value in row.items()})
        lines.append(number)
    return Rows(str(path), path.parent, list(rows[0]) if rows else [], rows, lines)


def _object(line: str, where: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _once([name for name, _ in pairs], where)
        return dict(pairs)

    try:
        row = json.loads(line, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}:{error.colno}: is not valid JSON: {error.msg}.") from None
    except RecursionError:
        raise InputError(f"{where}: must not be nested this deeply.") from None
    except ValueError:  # of a whole number of more digits than Python reads
        raise InputError(f"{where}: is not valid JSON: a number has thousands of digits.") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: must be a JSON object, got {type(row).__name__}.")
    return row


def _of_parquet(path: Path, content: bytes) -> Rows:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        _once(file.schema_arrow.names, f"{path}:1")
        table = file.read()
        return _of_arrow(table, str(path), path.parent)
    except (pa.ArrowException, OSError) as error:
        reason = short(str(error).partition("\n")[0], 200)
        raise InputError(f"{path}: is not a readable Parquet file: {reason}.") from None


def _of_arrow(table: Any, name: str, folder: Path) -> Rows:
    _once(list(table.column_names), f"{name}:1")
    names = list(table.column_names)
    return Rows(name, folder, names, _rows(names, map(_of_column, table.columns)), range(1, table.num_rows + 1))


def _of_column(column: Any) -> Any:
    """Return the values of a column; single and half precision stay what they are: 0.1, not 0.10000000149."""
    if str(getattr(column, "type", getattr(column, "dtype", ""))) in ("float", "halffloat", "float32", "float16"):
        return list(column.to_numpy())
    return column.to_pylist() if hasattr(column, "to_pylist") else column.to_list()


def _rows(names: Sequence[str], columns: Iterable[Any]) -> list[Row]:
    return [{n: None if missing(value) else _sorted(value) for n, value in zip(names, row)} for row in zip(*columns)]


def _sorted(value: Any) -> Any:
    """Return a set as a list in one order, which does not follow the process's hash seed."""
    return sorted(value, key=str) if isinstance(value, set | frozenset) else value


def _of_frame(frame: Any) -> Rows:
    """Return the rows of a data frame; the files it names are relative to here."""
    if type(frame).__module__.startswith("pyarrow"):
        return _of_arrow(frame, "table", Path())
    names = [str(name) for name in frame.columns]
    _once(names, "data frame")
    rows = _rows(names, [_of_column(frame[name]) for name in frame.columns])
    return Rows("data frame", Path(), names, rows, range(len(rows)))
