"""The samples of a run, by position: ids, targets, groups, and what their records say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import nearest
from stress.records.layout import codes
from stress.records.source import Source

__all__ = ["SampleTable"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SampleTable:
    """What is known of a run's samples: read once, however many portions of its cells are looked at."""

    run: Source
    classes: Sequence[str] = ()
    _stated: dict[str, Floats] = field(default_factory=dict)
    _coded: dict[str, tuple[NDArray[np.int64], tuple[str, ...]]] = field(default_factory=dict)

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """Position of the sample of each ``order``; −1 where there is none."""
        order = self.run.samples["order"].to_numpy().astype(np.int64)
        place = np.full(int(order.max(initial=-1)) + 1, -1, np.int64)
        place[order] = np.arange(len(order))
        return place

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the samples."""
        return [str(value) for value in self.run.samples["id"].to_pylist()]

    @cached_property
    def targets(self) -> list[Any]:
        """Targets of the samples."""
        return cast(list[Any], self.run.samples["target"].to_pylist())

    @cached_property
    def truths(self) -> NDArray[np.int64]:
        """Position of each sample's target among the declared classes; −1 where it is none of them."""
        names = [str(name) for name in self.classes]
        return codes(pa.chunked_array([pc.cast(c, pa.string()) for c in self.run.samples["target"].chunks]), names)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups that samples carry."""
        names = self.run.samples.column_names
        return tuple(name.removeprefix("group.") for name in names if name.startswith("group."))

    def group(self, name: str) -> list[str | None]:
        """Return a group's value for each sample; ``sequence`` and ``split`` can be asked for like a group."""
        return [None if v is None else str(v) for v in self._group(name).to_pylist()]

    def _group(self, name: str) -> pa.ChunkedArray:
        column = name if name in ("sequence", "split") else f"group.{name}"
        if column not in self.run.samples.column_names:
            known = [*self.groups, "sequence", "split"]
            raise InputError(f"measure: group must be one that the samples carry, got {name!r}. {nearest(name, known)}")
        return self.run.samples[column]

    def coded(self, by: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Return each sample's group as a position (-1: none), and the groups' names; ``*`` joins an intersection."""
        if by not in self._coded:
            self._coded[by] = self._codes([by] if by in self.groups else by.split("*"))
        return self._coded[by]

    def _codes(self, names: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        code, each = np.zeros(len(self.run.samples), np.int64), [""]
        for k, name in enumerate(names):
            encoded = self._group(name).combine_chunks().dictionary_encode()
            encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
            values = [str(value) for value in encoded.dictionary.to_pylist()]
            own = pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64)
            both = np.where((code < 0) | (own < 0), -1, code * len(values) + own)
            used, place = np.unique(both, return_inverse=True)
            code = place - int((used[:1] < 0).any())  # those that lack a group come first
            pairs = [divmod(int(one), len(values)) for one in used if one >= 0]
            each = [values[j] if not k else f"{each[i]} × {values[j]}" for i, j in pairs]
        known = tuple(sorted(set(each)))
        position = {name: i for i, name in enumerate(known)}
        place = np.array([*(position[name] for name in each), -1], np.int64)
        return place[code], known

    def stated(self, name: str) -> Floats:
        """Return what a stored column says of each sample in any record of the run; NaN where none does."""
        if name not in self._stated:
            found = np.full(len(self.run.samples), np.nan)
            for batch in self.run.batches(["sample", name]):
                values = pc.cast(batch[name], pa.float64()).to_numpy()
                rows = np.flatnonzero(~np.isnan(values))
                found[self.place[batch["sample"].to_numpy()[rows]]] = values[rows]
            self._stated[name] = found
        return self._stated[name]
