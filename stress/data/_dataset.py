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
from perturbations.labels import label, missing, names_of
from perturbations.modality import MODALITIES, modality, modality_of
from stress.data._index import Index, check_index
from stress.data._known import Known, digest_of, fingerprint_of
from stress.data._python import made_of, tidy, together, untidy
from stress.data._reading import File, Reading, listed, skipped

__all__ = ["Index", "Samples", "from_samples", "index_of"]


class Samples:
    """A data set as the rest of the house sees it: an index, a loader and a fingerprint of the content.

    ``load(i)`` may be called from several threads. ``alternates`` are the languages that some stream has other
    versions in; ``spec`` is what worker processes load it by, where it was named. ``cluster`` names the group (or
    ``sequence``) whose samples are alike – speakers, patients – so that intervals draw them together. Samples come out
    with read-only arrays: whoever writes to one writes to a copy. ``notes`` say what a reader should know of how the
    data were read, ``left_out`` where the bad samples stood that were skipped, ``files`` what was decoded by key.
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
        return self._checked(position, self._loaded(position))

    def _loaded(self, position: int) -> Sample:
        try:
            return self._load(position)
        except StressError:
            raise
        except Exception as error:  # a user's loader can raise anything
            raise InputError(f"{self.name}: sample {self.ids[position]!r} cannot be loaded: {error!r}.") from error

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
            if freeze is not None and (safe := freeze(value)) is not value:
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
        loaded = list(map(self._loaded, positions))
        found = together(loaded, self._kinds) or list(map(self._checked, positions, loaded))
        self._prove(positions, found, digests)
        return found if self._read is None else list(map(self._as_read, positions, found))

    def _prove(self, positions: Sequence[int], found: Sequence[Sample], digests: Sequence[str]) -> None:
        known, ids = self.known, [self.ids[position] for position in positions]
        wrong = [i for i, name in enumerate(ids) if found[i].id != name]
        if known is not None and (digests or known.digests):
            wanted = digests or [known.digests[position] for position in positions]
            wrong += [i for i, at in enumerate(positions) if known.prove(at, found[i]) != wanted[i]]
        if wrong:
            raise InputError(
                f"{self.name}: sample {ids[min(wrong)]!r} is not what it was when the data were first looked at. "
                "Hint: load the same content each time (augmentation off), and leave the files alone during a run."
            )

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
        if not any(map(missing, self.targets)):
            found.add("target")
        if any(s is not None for s in self.sequences) and any(t is not None for t in self.times):
            found.add("sequence")
        if self.alternates:
            found |= {"alternates", *(f"alternates:{language}" for language in self.alternates)}
        return frozenset(found)


def index_of(
    samples: Iterable[Sample], who: str, declared: Mapping[str, str], reading: Reading, bad: dict[int, str]
) -> tuple[dict[str, str], Index, Known, tuple[str, ...]]:
    """Check every sample, and return streams, index, what each one was, and the alternate languages.

    What cannot be used is noted in ``bad``, by position, and left out of all that is returned.
    """
    digests: list[str] = []
    present: list[str] = []
    streams: dict[str, str] = {}
    rows: list[Sample] = []
    languages: set[str] = set()
    for position, sample in enumerate(samples):
        try:
            if isinstance(sample, InputError):
                raise sample
            if not isinstance(sample, Sample):
                raise InputError(f"{who}[{position}]: must be a perturbations.Sample, got {short(sample)}.")
            name = f"{who}: sample {short(sample.id)}"
            sample = tidy(sample, declared, name, reading.limits) if untidy(sample) else sample
            streams = _note_streams(sample, streams, declared, name, first=not rows)
        except InputError as error:
            bad[position] = str(error)
            continue
        digests.append(digest_of(position, sample))
        present.append("".join(str(int(sample.streams[name] is not None)) for name in streams))
        languages.update(code for versions in sample.alternates.values() for code in versions)
        rows.append(Sample(sample.id, {}, sample.target, sample.groups, sample.sequence, sample.time))
    names = sorted({name for row in rows for name in row.groups})
    index = Index(
        ids=[row.id for row in rows],
        targets=[row.target for row in rows],
        sequences=[row.sequence for row in rows],
        times=[row.time for row in rows],
        splits=[row.groups.get("split") for row in rows],
        groups={name: [row.groups.get(name) for row in rows] for name in names if name != "split"},
    )
    if bad and not (reading.skip_bad and rows):
        listed(list(bad.values()), len(bad))
    check_index(index, who)
    if missing := [name for name, kind in streams.items() if not kind]:
        raise InputError(f"{who}: stream {missing[0]!r} is None in every sample: its modality cannot be known.")
    return streams, index, Known(digests, present, digest_of), tuple(sorted(languages))


def _note_streams(
    sample: Sample, known: Mapping[str, str], declared: Mapping[str, str], who: str, first: bool
) -> dict[str, str]:
    """Return what is known of the streams with those of a sample, and raise where they do not agree with it."""
    streams = dict(known)
    if not sample.streams:
        raise InputError(f"{who}: must have at least one stream.")
    if not first and sample.streams.keys() != streams.keys():
        raise InputError(f"{who}: must have the streams {', '.join(streams)}, got {', '.join(sample.streams)}.")
    for name, value in sample.streams.items():
        if value is None:
            streams.setdefault(name, declared.get(name, ""))
            continue
        kind = modality_of(value, f"{who}, stream {name}")
        kind.check(value, f"{who}, stream {name}")
        if streams.setdefault(name, kind.name) not in ("", kind.name):
            raise InputError(f"{who}, stream {name}: must be {streams[name]} as before, got {kind.name}.")
        if declared.get(name, kind.name) != kind.name:
            raise InputError(f"{who}, stream {name}: must be {declared[name]} as declared, got {kind.name}.")
        streams[name] = kind.name
    return streams


def from_samples(
    samples: Iterable[Sample],
    name: str = "samples",
    cluster: str | None = None,
    streams: Mapping[str, str] | None = None,
    reading: Reading | None = None,
) -> Samples:
    """Return a data set of Python samples: a list, or any sequence that makes each sample when it is asked for.

    ``cluster`` declares the group (or ``sequence``) whose samples form one cluster in intervals; a sequence may have
    it as an attribute. Every sample is looked at once, to check it and to fingerprint its content; a sequence with a
    ``fingerprint`` attribute of its own and an ``index`` (``stress.data.Index``) with ``streams`` is believed instead.
    ``streams`` declares the modality of streams by name: a text or a path there is a file, and loaded. Raises
    InputError with all samples that cannot be used, or leaves them out where ``reading`` says so.
    """
    rows: Any = samples
    cluster = cluster or getattr(rows, "cluster", None)
    if not (hasattr(samples, "__getitem__") and hasattr(samples, "__len__")):
        if not isinstance(samples, Iterable):
            raise InputError(f"{name}: must be samples – a list, or a sequence that makes them – got {short(samples)}.")
        rows = list(samples)
    declared = getattr(rows, "index", None)
    reading = reading or Reading()
    if isinstance(declared, Index):
        check_index(declared, name)
        return Samples(
            name, rows.streams, declared, rows.__getitem__, rows.fingerprint, cluster=cluster, reading=reading
        )
    for stream, kind in (streams or {}).items():
        if kind not in MODALITIES:
            raise InputError(
                f"{name}: stream {short(stream)} must be one of {', '.join(MODALITIES)}, got {short(kind)}."
            )
    bad: dict[int, str] = {}
    all_of = (made_of(rows, i, name) for i in range(len(rows)))
    with reading.progress(len(rows)) as told:
        told_of = (_told(sample, told) for sample in all_of)
        found, index, known, languages = index_of(told_of, name, streams or {}, reading, bad)
    kept = [i for i in range(len(rows)) if i not in bad]
    load = (lambda i: rows[kept[i]]) if bad else rows.__getitem__
    whole = fingerprint_of(known.digests)
    made = Samples(name, found, index, load, whole, languages, cluster=cluster, known=known, reading=reading)
    made.left_out, made.notes = tuple(bad), skipped(list(bad.values()))
    return made


def _told(sample: Any, told: Callable[[int], None]) -> Any:
    told(1)
    return sample
