"""Where inputs come from: a manifest, JSON lines on standard input, or a folder that is being filled."""

from __future__ import annotations

import csv
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any, BinaryIO

from perturbations import InputError
from perturbations.errors import named_keywords, short
from perturbations.files import open_regular, path_shown
from perturbations.modality import modality
from stress.monitor._reference import Reference

__all__ = ["Arrival", "folder_arrivals", "line_arrivals", "manifest_arrivals"]

_LONGEST_LINE = 8_000_000
_SETTLED_S = 2.0
"""A file that was changed this lately may still be written."""
_WAIT_S = 1.0


@dataclass(frozen=True)
class Arrival:
    """Something that came: a ``row``, or the ``problem`` with it and its kind; ``name`` is its id where it has none.

    ``place`` is how many came before it and with it: what a manifest is continued from.
    """

    name: str
    place: int
    row: Mapping[str, Any] | None = None
    kind: str = ""
    problem: str = ""


@named_keywords
def line_arrivals(stream: BinaryIO, name: str, start: int = 0, idle_s: float | None = None) -> Iterator[Arrival]:
    """Give JSON lines as they come, each read when it is whole; garbage is an arrival with a problem.

    With ``idle_s`` an arrival of nothing (``idle``) comes where no line did for so many seconds.
    """
    place, skipping = start, False
    for line in _read(stream) if idle_s is None else _awaited(stream, idle_s):
        if line is None:
            yield Arrival("", 0, kind="idle")
            continue
        whole = line.endswith(b"\n") or len(line) < _LONGEST_LINE
        if skipping:
            skipping = not whole
            continue
        if not line.strip():
            continue
        place += 1
        skipping = not whole
        yield _parsed(line, f"{name}#{place}", place, whole)


def _read(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(_LONGEST_LINE):
        yield line


def _awaited(stream: BinaryIO, seconds: float) -> Iterator[bytes | None]:
    """Give lines that a thread reads, and None whenever none came for a while."""
    waiting: Queue[bytes | Exception | None] = Queue(maxsize=1000)

    def work() -> None:
        try:
            for line in _read(stream):
                waiting.put(line)
            waiting.put(None)
        except (OSError, ValueError) as error:  # the stream was closed
            waiting.put(error)

    threading.Thread(target=work, name="standard input", daemon=True).start()
    while True:
        try:
            line = waiting.get(timeout=seconds)
        except Empty:
            yield None
            continue
        if isinstance(line, Exception):
            raise InputError(f"monitor: standard input cannot be read: {line}.") from None
        if line is None:
            return
        yield line


def _parsed(line: bytes, name: str, place: int, whole: bool = True) -> Arrival:
    if not whole:
        return Arrival(name, place, kind="garbage", problem=f"a line has more than {_LONGEST_LINE:,} bytes")
    try:
        row = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        said = f"{type(error).__name__}: {short(line[:200].decode('utf-8', 'replace'))}"
        return Arrival(name, place, kind="garbage", problem=f"must be a line of JSON, got {said}")
    if not isinstance(row, dict):
        return Arrival(name, place, kind="garbage", problem=f"must be a JSON object, got {short(row)}")
    return Arrival(name, place, row)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


@named_keywords
def manifest_arrivals(path: Path, reference: Reference, start: int = 0) -> Iterator[Arrival]:
    """Give the rows of a manifest after the first ``start``, without holding it. Raises InputError for what is none."""
    reader = {".csv": _csv_rows, ".jsonl": _json_rows, ".parquet": _parquet_rows}.get(path.suffix)
    if reader is None:
        got = path.suffix or "no ending"
        raise InputError(f"monitor: {path_shown(path)}: a manifest must be .csv, .jsonl or .parquet, got {got}.")
    for found in reader(path, reference):
        if found.place > start:
            yield found


def _json_rows(path: Path, _reference: Reference) -> Iterator[Arrival]:
    with open_regular(path, "monitor") as file:
        yield from line_arrivals(file, path.name)


def _csv_rows(path: Path, reference: Reference) -> Iterator[Arrival]:
    import io

    with open_regular(path, "monitor") as file:
        reader = csv.reader(io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline=""), strict=True)
        names: list[str] = []
        place = 0
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                place += 1
                yield Arrival(f"{path.name}#{place}", place, kind="garbage", problem=f"is not valid CSV: {error}")
                continue
            if not fields:
                continue
            if not names:
                names = fields
                _known(path, names, reference)
                continue
            place += 1
            name = f"{path.name}#{place}"
            if len(fields) != len(names):
                problem = f"line {reader.line_num} must have {len(names)} fields, got {len(fields)}"
                yield Arrival(name, place, kind="garbage", problem=problem)
            else:
                yield Arrival(name, place, {key: _cell(key, value) for key, value in zip(names, fields)})


def _cell(name: str, value: str) -> Any:
    """Return a cell of a CSV file: a number where the column is of a signal, nothing where it is empty."""
    if not name.startswith("signal."):
        return value or None
    try:
        return float(value) if value else None
    except ValueError:
        return value


def _known(path: Path, names: list[str], reference: Reference) -> None:
    """Raise InputError for a manifest that has nothing of what the run looks at."""
    streams = {name for key in names for name in (key, key.partition(":")[2] or key)}
    signals = {f"signal.{name}" for name in reference.signals}
    if len(set(names)) != len(names):
        raise InputError(f"monitor: {path_shown(path)}: a column must be given once, got {short(', '.join(names))}.")
    late = {"id"} <= set(names) and {"label", "score"} & set(names)
    if not streams & set(reference.streams) and not signals & set(names) and "signals" not in names and not late:
        known = ", ".join(reference.streams)
        raise InputError(
            f"monitor: {path_shown(path)}: must have a column of a stream of the run ({known}) or of its signals "
            f"(signal.STREAM.NAME), got {short(', '.join(names))}."
        )


def _parquet_rows(path: Path, reference: Reference) -> Iterator[Arrival]:
    import pyarrow as pa
    from pyarrow import parquet

    with open_regular(path, "monitor") as opened:
        try:
            file = parquet.ParquetFile(opened)
            _known(path, file.schema_arrow.names, reference)
            place = 0
            for batch in file.iter_batches(1024):
                for row in batch.to_pylist():
                    place += 1
                    yield Arrival(f"{path.name}#{place}", place, row)
        except (pa.ArrowException, OSError) as error:
            reason = short(str(error).partition("\n")[0], 200)
            raise InputError(f"monitor: {path_shown(path)} is not a readable Parquet file: {reason}.") from None


@named_keywords
def folder_arrivals(
    folder: Path, reference: Reference, known: Callable[[str], bool], follow: bool = False
) -> Iterator[Arrival]:
    """Give the files of a folder that is being filled, oldest first; ``known`` tells those that came before.

    A file is of the stream whose sub-folder it lies in, or of the only stream of its kind. Files of several streams
    with the same name, endings apart, are one input: it is taken when all are there, or when none was added for some
    seconds – the others are lost.
    """
    streams = _by_ending(reference)
    given: set[str] = set()  # what cannot be used is no known input, and is not to be tried for ever
    while True:
        now = time.time()
        ready = []
        listed = _listed(folder, reference, streams)
        given &= listed.keys()
        for name, parts in listed.items():
            last = max(changed for _, changed in parts.values())
            wait = _SETTLED_S if len(parts) == len(reference.streams) else 5 * _SETTLED_S
            if (not follow or now - last >= wait) and name not in given and not known(name):
                ready.append((last, name, {stream: path for stream, (path, _) in parts.items()}))
        for last, name, row in sorted(ready, key=lambda entry: entry[:2]):
            given.add(name)
            texts = {stream: _read_text(row.get(stream), stream, reference) for stream in reference.streams}
            yield Arrival(name, 0, {"id": name, "time": last, **texts})
        if not follow:
            return
        yield Arrival("", 0, kind="idle")
        time.sleep(_WAIT_S)


def _by_ending(reference: Reference) -> dict[str, str]:
    """Return the stream of each ending, where only one stream is of that kind."""
    kinds = list(reference.streams.values())
    found: dict[str, str] = {}
    for stream, kind in reference.streams.items():
        if kinds.count(kind) == 1:
            endings = modality(kind).stored.endings or ((".txt",) if kind == "text" else ())
            found |= dict.fromkeys(endings, stream)
    return found


def _listed(folder: Path, reference: Reference, streams: Mapping[str, str]) -> dict[str, dict[str, tuple[str, float]]]:
    """Return the files of each input by stream, with the time of their last change."""
    found: dict[str, dict[str, tuple[str, float]]] = {}
    places = [(folder, None), *((folder / stream, stream) for stream in reference.streams)]
    for place, stream in places:
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    stem, ending = os.path.splitext(entry.name)
                    of = stream or streams.get(ending.lower())
                    if of is None or entry.name.startswith(".") or not entry.is_file():
                        continue
                    found.setdefault(stem, {})[of] = (entry.path, entry.stat().st_mtime)
        except FileNotFoundError:
            if stream is None:
                raise InputError(f"monitor: {path_shown(folder)} does not exist.") from None
        except OSError as error:
            raise InputError(f"monitor: {path_shown(place)} cannot be read: {error.strerror}.") from None
    return found


def _read_text(value: Any, key: str, reference: Reference) -> Any:
    """Return a text out of its file; other values are left to whoever decodes them."""
    if value is None or reference.streams.get(key) != "text":
        return value
    try:
        with open_regular(value, key) as file:
            return file.read(_LONGEST_LINE).decode("utf-8-sig", "replace")
    except InputError:
        return None
