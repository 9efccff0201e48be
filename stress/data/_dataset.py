"""A data set: who is in it, known before anything is loaded, and any sample on demand."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from perturbations import InputError, Sample, StressError
from perturbations.errors import nearest, short
from perturbations.labels import any_missing, label, names_of
from perturbations.modality import modality
from stress.data._index import Index
from stress.data._known import Known, fingerprint_of
from stress.data._python import tidy, together, untidy
from stress.data._reading import File, Reading

__all__ = ["Samples"]


class Samples:
    """A data set as the rest of the house sees it: an index, a loader and a fingerprint of the content.

    ``load(i)`` may be called from several threads. ``alternates`` are the languages that some stream has other
    versions in; ``spec`` is what worker processes load it by, where it was named. ``cluster`` names the group (or
    ``sequence``) whose samples are alike – speakers, patients – so that they make one cluster in intervals. Samples
    come out with read-only arrays: whoever writes to one writes to a copy. ``notes`` say what a reader should know of
    how the data were read, ``left_out`` where the bad samples stood that were skipped, ``files`` what was decoded by
    key.
    """

    def __init__(
        self,
        name: str,
        streams: Mapping[str, str],
        index: Index,
        load: Callable[[int], Sample],
        fingerprint: str,
        alternates: Sequence[str] = (),
        classes: Sequence[str] | None = None,
        cluster: str | None = None,
        known: Known | None = None,
        reading: Reading | None = None,
    ) -> None:
        self.known = known
        self.limits = (reading or Reading()).limits
        self.notes: tuple[str, ...] = ()
        self.left_out: tuple[int, ...] = ()
        self.files: Mapping[str, File] = {}
        self.name, self.index, self.fingerprint = name, index, fingerprint
        self.streams: Mapping[str, str] = dict(streams)
        kinds = {name: modality(kind) for name, kind in streams.items()}
        self._kinds = [(name, kind, None if kind.array is None else kind.freeze) for name, kind in kinds.items()]
        self.spec: str | None = None
        self.alternates, self._classes, self._load = tuple(alternates), classes, load
        self.ids, self.targets, self.sequences, self.times = index.ids, index.targets, index.sequences, index.times
        self.check_cluster(cluster, name)
        self.cluster = cluster
        self._read: Sequence[Any] | None = None
        self._memory: dict[tuple[Any, ...], Any] = {}
        self._lock = threading.RLock()

    def with_targets(self, targets: Sequence[Any]) -> Samples:
        """Return the same data with targets as a task reads them, one for each sample."""
        made = copy.copy(self)
        made.index, made._memory = replace(self.index, targets=targets), {}  # which held what came of the old targets
        made.targets = made._read = targets
        return made

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> Sample:
        return self._as_read(position, self.given(position))

    def given(self, position: int) -> Sample:
        """Return a sample with the target as it was given."""
        return self._checked(position, *self._loaded([position]))

    def _loaded(self, positions: Sequence[int]) -> list[Sample]:
        position, loaded = 0, []
        try:
            for position in positions:
                loaded.append(self._load(position))
        except StressError:
            raise
        except Exception as error:  # a user's loader can raise anything
            raise InputError(f"{self.name}: sample {self.ids[position]!r} cannot be loaded: {error!r}.") from error
        return loaded

    def _checked(self, position: int, sample: Any) -> Sample:
        """Return a sample as it was loaded, found to be one, with arrays that cannot be written to."""
        if not isinstance(sample, Sample):
            raise InputError(f"{self._who(position)}: must be a perturbations.Sample, got {short(sample)}.")
        if untidy(sample):
            sample = tidy(sample, self.streams, self._who(position), self.limits)
        streams, frozen = sample.streams, {}
        for name, kind, freeze in self._kinds:
            value = streams.get(name)
            if value is None:
                continue
            if not kind.holds(value):
                raise InputError(f"{self._who(position)}, stream {name}: must be {kind.takes}, got {short(value)}.")
            if freeze is not None and (safe := freeze([value])[0]) is not value:
                frozen[name] = safe
        return sample.with_streams(frozen) if frozen else sample

    def _who(self, position: int) -> str:
        return f"{self.name}: sample {self.ids[position]!r}"

    def _as_read(self, position: int, sample: Sample) -> Sample:
        if self._read is None:
            return sample
        read, given = self._read[position], sample.target
        return sample if type(read) is type(given) is str and read == given else sample.with_target(read)

    def proven(self, positions: Sequence[int], digests: Sequence[str] = ()) -> list[Sample]:
        """Return samples that are what they were when the data were first looked at (``digests``: elsewhere).

        Raises InputError where one is not: its loader gives another picture each time, or a file changed.
        """
        loaded = self._loaded(positions)
        found = together(loaded, self._kinds) or list(map(self._checked, positions, loaded))
        self._prove(positions, found, digests)
        if self._read is None:
            return found
        read, given = [self._read[position] for position in positions], [sample.target for sample in found]
        if set(map(type, read)) == set(map(type, given)) == {str} and read == given:
            return found
        return list(map(self._as_read, positions, found))

    def _prove(self, positions: Sequence[int], found: Sequence[Sample], digests: Sequence[str]) -> None:
        known, ids = self.known, [self.ids[position] for position in positions]
        there = [sample.id for sample in found]
        wrong = [] if there == ids else [i for i, name in enumerate(ids) if there[i] != name]
        if known is not None and (digests or known.digests):
            wanted: Sequence[str | None] = (
                list(digests) if digests else [known.digests[position] for position in positions]
            )
            looked = [i for i, digest in enumerate(wanted) if digest is not None]
            wrong += [i for i in looked if known.prove(positions[i], found[i]) != wanted[i]]
        if wrong:
            raise InputError(
                f"{self.name}: sample {ids[min(wrong)]!r} is not what it was when the data were first looked at. "
                "Hint: load the same content each time (augmentation off), and leave the files alone during a run."
            )

    def looked(self, positions: Iterable[int]) -> Samples:
        """Return the data after the samples at some positions were looked at, those that were not before.

        Raises InputError with all of them that cannot be used.
        """
        known = self.known
        if known is None or known.look is None:
            return self
        new = sorted({int(position) for position in positions if known.digests[int(position)] is None})
        if not new:
            return self
        seen, digests = known.look(new), list(known.digests)
        for position, digest in zip(new, seen.digests):
            digests[position] = digest
        made = copy.copy(self)
        made.known, made.fingerprint = replace(known, digests=digests), fingerprint_of(digests)
        made.notes, made.files = (*self.notes, *seen.notes), {**self.files, **seen.files}
        return made

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {sample: i for i, sample in enumerate(self.ids)}

    def position(self, sample: str) -> int:
        """Return the index of a sample's id."""
        return self._positions[sample]

    def check_cluster(self, cluster: str | None, who: str) -> None:
        """Raise InputError where ``cluster`` is neither a group of the data nor its sequences."""
        if cluster is None:
            return
        known = [*self.index.groups, *(["sequence"] if any(s is not None for s in self.sequences) else [])]
        if cluster not in known:
            raise InputError(f"{who}: cluster must be a group of the data, got {cluster!r}. {nearest(cluster, known)}")

    def remember(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """Return ``compute()``, worked out once per key, also when several threads ask at once."""
        with self._lock:
            if key not in self._memory:
                self._memory[key] = compute()
            return self._memory[key]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes: as declared or, failing that, the distinct targets as ``perturbations.labels`` orders them."""
        if self._classes is not None:
            return tuple(str(label(name, f"{self.name}: class")) for name in self._classes)
        return names_of(self.targets)

    @property
    def has(self) -> frozenset[str]:
        """What faults may need and this data set has: data, target, sequence, alternates, and ``alternates:de``."""
        found = {"data"}
        if not any_missing(self.targets):
            found.add("target")
        if any(s is not None for s in self.sequences) and any(t is not None for t in self.times):
            found.add("sequence")
        if self.alternates:
            found |= {"alternates", *(f"alternates:{language}" for language in self.alternates)}
        return frozenset(found)
