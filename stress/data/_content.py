"""What the rows of a manifest and the files they name hold: looked at once, and loaded whenever they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

from perturbations import InputError, Sample, Value
from perturbations.files import path_shown
from perturbations.modality import modality
from stress.data._index import Index
from stress.data._known import Known, Seen
from stress.data._reading import (
    READER,
    File,
    Reading,
    in_parallel,
    listed,
    look_at,
    outside,
    path_of,
    remarks,
    skipped,
    stamped,
    value_of,
)
from stress.data._tables import Rows

__all__ = ["Column", "Content"]


@dataclass(frozen=True)
class Column:
    """What a column holds: a stream's value, or the same in another language."""

    column: str
    stream: str
    modality: str
    language: str | None

    @property
    def in_file(self) -> bool:
        """Whether the cells name files."""
        return modality(self.modality).stored.in_file


@dataclass(frozen=True)
class _Looked:
    """What a row and its files were when they were decoded: a digest of all, the files by key, what is wrong."""

    digest: str
    files: Mapping[str, File] = field(default_factory=dict)
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class Content:
    """What the rows of a manifest and the files they name hold."""

    table: Rows
    columns: Sequence[Column]
    reading: Reading
    looked: dict[int, _Looked] = field(default_factory=dict)
    """What was found in the rows that were looked at."""

    def only(self, kept: Sequence[int]) -> Content:
        """Return the content of some of the rows."""
        rows, lines = [self.table.rows[i] for i in kept], [self.table.lines[i] for i in kept]
        looked = {new: self.looked[old] for new, old in enumerate(kept) if old in self.looked}
        return replace(self, table=replace(self.table, rows=rows, lines=lines), looked=looked)

    def _cells(self, position: int) -> Iterator[tuple[Column, Any, str]]:
        """Give each column with its cell and where that stands."""
        row, where = self.table.rows[position], self.table.where(position)
        for column in self.columns:
            yield column, row[column.column], f"{where}: {column.column}"

    @cached_property
    def _folder(self) -> str:
        """What the files that cells name are relative to; nothing where that is where the process is."""
        return os.fspath(self.table.folder) if self.table.folder.parts else ""

    @cached_property
    def _order(self) -> Sequence[str]:
        """The columns in the order in which a row is digested: that of their names as texts."""
        return sorted(self.table.names, key=repr)

    def look(self, position: int) -> _Looked:
        """Return what a row and its files are, each decoded."""
        cells = self.table.rows[position]
        row = repr([(name, cells[name]) for name in self._order]).encode("utf-8", "surrogatepass")
        digest = blake2b(b"%d\x1f" % READER + row, digest_size=8)
        files: dict[str, File] = {}
        problems = []
        for column, cell, who in self._cells(position):
            try:
                if not column.in_file:
                    value_of(cell, column.modality, self._folder, who, self.reading.limits)
                elif cell not in (None, ""):
                    key, file = look_at(cell, column.modality, self._folder, who, self.reading)
                    digest.update(file.digest.encode())
                    files[key] = file
            except InputError as error:
                problems.append(str(error))
        return _Looked(digest.hexdigest(), files, problems)

    def seen(self, positions: Sequence[int]) -> tuple[tuple[int, ...], Seen]:
        """Look at some rows: return at which positions they cannot be used, and what was found.

        Raises InputError with all that cannot be used, unless such samples are left out.
        """
        for position, found in zip(positions, in_parallel(self.look, positions, self.reading)):
            self.looked[position] = found
        each = [self.looked[position] for position in positions]
        bad = {i: "; ".join(found.problems) for i, found in zip(positions, each) if found.problems}
        if bad and not (self.reading.skip_bad and len(bad) < len(positions)):
            listed([problem for found in each for problem in found.problems], len(bad))
        files = self.files(each)
        notes = [*remarks(files.values()), *skipped(list(bad.values()))]
        return tuple(bad), Seen([found.digest for found in each], files, notes)

    @staticmethod
    def files(looked: Iterable[_Looked]) -> dict[str, File]:
        """Return the files of some rows by key."""
        return {key: file for found in looked for key, file in found.files.items()}

    def known(self, given: bool) -> Known:
        """Return what is known of each sample; what is proven later is compared by size and time before its bytes.

        A worker, which is ``given`` what the samples must be, has no digests of its own.
        """

        def prove(position: int, _: Sample) -> str:
            found = self.looked.get(position)
            if found is not None and all(stamped(key, file) for key, file in found.files.items()):
                return found.digest
            return self.look(position).digest

        own = [column for column in self.columns if column.language is None]
        there = ["".join("01"[self._there(row[c.column], c)] for c in own) for row in self.table.rows]
        if given:
            return Known([], there, prove)
        found = [self.looked[i].digest if i in self.looked else None for i in range(len(there))]
        return Known(found, there, prove, lambda positions: self.seen(positions)[1])

    @staticmethod
    def _there(cell: Any, column: Column) -> bool:
        return cell is not None and not (cell == "" and column.in_file)

    def outside(self) -> list[str]:
        """Return a note of the files outside the manifest's folder. Raises InputError where they are refused."""
        cells = (row[column.column] for row in self.table.rows for column in self.columns if column.in_file)
        named = (cell for cell in cells if isinstance(cell, str) and cell and "\0" not in cell)
        paths = [path_of(cell, self._folder, "") for cell in named]
        found = list(dict.fromkeys(outside(paths, self.table.folder)))
        if not found:
            return []
        shown = ", ".join(path_shown(path) for path in found[:3]) + (" …" if len(found) > 3 else "")
        if self.reading.inside:
            raise InputError(f"{self.table.name}: files must lie in its folder, got {len(found):,} outside: {shown}.")
        return [f"{len(found):,} files lie outside the manifest's folder: {shown}"]

    def sample(self, index: Index, position: int) -> Sample:
        """Return a sample, its files decoded."""
        streams: dict[str, Value] = {}
        alternates: dict[str, dict[str, Value]] = {}
        for column, cell, who in self._cells(position):
            value, _ = value_of(cell, column.modality, self._folder, who, self.reading.limits)
            if column.language is None:
                streams[column.stream] = value
            elif value is not None:
                alternates.setdefault(column.stream, {})[column.language] = value
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
