"""Where the records of each cell stand: which row groups of which files, so that a reader can leave out the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perturbations import RunError
from stress.records.parts import open_part

__all__ = ["Layout", "codes", "keys_of", "layout", "presence", "together"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """The row groups of a run's files, in order, the cells that have records in each, and each cell's records."""

    places: tuple[tuple[Path, int], ...]
    held: tuple[Ints, ...]
    count: Ints

    def having(self, cells: Iterable[int]) -> Iterator[tuple[Path, list[int]]]:
        """Yield the files with records of these cells (positions in the plan), and in which of their row groups."""
        wanted = np.zeros(len(self.count), bool)
        wanted[list(cells)] = True
        found: dict[Path, list[int]] = {}
        for (path, group), there in zip(self.places, self.held):
            if wanted[there].any():
                found.setdefault(path, []).append(group)
        yield from found.items()


def together(sizes: Sequence[float], room: float) -> Iterator[list[int]]:
    """Yield runs of positions whose sizes add up to no more than there is room for; one alone may be larger."""
    some: list[int] = []
    held = 0.0
    for place, size in enumerate(sizes):
        if some and held + size > room:
            yield some
            some, held = [], 0.0
        some.append(place)
        held += size
    if some:
        yield some


def codes(values: pa.ChunkedArray, names: Sequence[str]) -> Ints:
    """Return positions in ``names`` for a dictionary (or string) column, −1 for what is not among them."""
    return positions(values, {name: i for i, name in enumerate(names)})


def positions(values: pa.ChunkedArray, position: Mapping[str, int]) -> Ints:
    """Return ``codes`` of names whose positions are known."""
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    found = [np.zeros(0, np.int64)]
    for chunk in values.chunks:
        lookup = np.array([*(position.get(str(name), -1) for name in chunk.dictionary.to_pylist()), -1], np.int64)
        found.append(lookup[pc.fill_null(chunk.indices, len(chunk.dictionary)).to_numpy()])
    return np.concatenate(found)


def layout(parts: Sequence[Path], cells: Sequence[str]) -> Layout:
    """Look through one column of all files. Raises RunError where a record names a cell that is not among ``cells``."""
    places: list[tuple[Path, int]] = []
    held: list[Ints] = []
    count = np.zeros(len(cells), np.int64)
    position = {name: i for i, name in enumerate(cells)}
    for path in parts:
        with open_part(path) as file:
            for group in range(file.num_row_groups):
                found = positions(file.read_row_group(group, columns=["cell"])["cell"], position)
                if found.min(initial=0) < 0:
                    raise RunError(f"{path.resolve()}: records must name cells that the run knows.")
                here, many = np.unique(found, return_counts=True)
                count[here] += many
                places.append((path, group))
                held.append(here)
    return Layout(tuple(places), tuple(held), count)


def keys_of(parts: Sequence[Path]) -> Iterator[pa.Table]:
    """Yield the cell and the sample of all records, a row group at a time."""
    for path in parts:
        with open_part(path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=["cell", "sample"])


def presence(tables: Iterable[pa.Table], cells: Sequence[str], orders: Ints) -> NDArray[np.bool_]:
    """Return (cells × samples) whether there is a record; ``orders`` are the samples' names in the records."""
    place = np.full(int(orders.max(initial=-1)) + 1, -1, np.int64)
    place[orders] = np.arange(len(orders))
    found = np.zeros((len(cells), len(orders)), bool)
    for table in tables:
        found[codes(table["cell"], cells), place[table["sample"].to_numpy()]] = True
    return found
