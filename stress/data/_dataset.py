"""A data set: who is in it, known before anything is loaded, and any sample on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

from perturbations import InputError, Sample, StressError, Value
from perturbations.errors import gather, nearest, short
from perturbations.modality import modality, modality_of
from stress.data._known import Known, fingerprint_of

__all__ = ["Index", "Samples", "from_samples", "index_of"]


@dataclass(frozen=True)
class Index:
    """What is known of every sample without loading it, one entry each, in order."""

    ids: Sequence[str]
    targets: Sequence[Any]
    sequences: Sequence[str | None]
    times: Sequence[float | None]
    splits: Sequence[str | None]
    groups: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


class Samples:
    """A data set as the rest of the house sees it: an index, a loader and a fingerprint of the content.

    ``load(i)`` may be called from several threads. ``alternates`` are the languages that some stream has other
    versions in; ``spec`` is what worker processes load it by, where it was named. ``cluster`` names the group (or
    ``sequence``) whose samples are alike – speakers, patients – so that intervals draw them together. Samples come out
    with read-only arrays: whoever writes to one writes to a copy.
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
    ) -> None:
        self.known = known
        self.name, self.index, self.fingerprint = name, index, fingerprint
        self.streams: Mapping[str, str] = dict(streams)
        kinds = {name: modality(kind) for name, kind in streams.items()}
        self._freeze = [(name, kind.freeze) for name, kind in kinds.items() if kind.array is not None]
        self.spec: str | None = None
        self.alternates, self._classes, self._load = tuple(alternates), classes, load
        self.ids, self.targets = index.ids, index.targets
        self.sequences, self.times = index.sequences, index.times
        self.check_cluster(cluster, name)
        self.cluster = cluster
        self._memory: dict[tuple[Any, ...], Any] = {}
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> Sample:
        try:
            sample = self._load(position)
        except StressError:
            raise
        except Exception as error:  # a user's loader can raise anything
            raise InputError(f"{self.name}: sample {self.ids[position]!r} cannot be loaded: {error!r}.") from error
        frozen = {}
        for name, freeze in self._freeze:
            value = sample.streams[name]
            if value is not None and (safe := freeze(value)) is not value:
                frozen[name] = safe
        return sample.with_streams(frozen) if frozen else sample

    def proven(self, position: int, digest: str | None = None) -> Sample:
        """Return a sample that is what it was when the data were first looked at; ``digest``: as another process says.

        Raises InputError where it is not: a loader that gives another picture each time, or files that changed.
        """
        sample, known = self[position], self.known
        if known is None:
            return sample
        wanted = digest or (known.digests[position] if known.digests else None)
        if sample.id != self.ids[position] or (wanted is not None and known.prove(position, sample) != wanted):
            raise InputError(
                f"{self.name}: sample {self.ids[position]!r} is not what it was when the data were first looked at. "
                "Hint: load the same content each time (augmentation off), and leave files alone while a run goes on."
            )
        return sample

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
        known = [*self.index.groups, *(["sequence"] if any(s is not None for s in self.sequences) else [])]
        if cluster is not None and cluster not in known:
            raise InputError(f"{who}: cluster must be a group of the data, got {cluster!r}. {nearest(cluster, known)}")

    def remember(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """Return ``compute()``, worked out once per key, also when several threads ask at once."""
        with self._lock:
            if key not in self._memory:
                self._memory[key] = compute()
            return self._memory[key]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes: as declared or, failing that, the distinct targets, in numerical or alphabetical order."""
        if self._classes is not None:
            return tuple(self._classes)
        names = {str(target) for target in self.targets if target is not None}
        whole = all(name.lstrip("-").isdecimal() for name in names)
        return tuple(sorted(names, key=int)) if whole else tuple(sorted(names))

    @property
    def has(self) -> frozenset[str]:
        """What faults may need and this data set has: data, target, sequence, alternates, and ``alternates:de``."""
        found = {"data"}
        if all(target is not None for target in self.targets):
            found.add("target")
        if any(s is not None for s in self.sequences) and any(t is not None for t in self.times):
            found.add("sequence")
        if self.alternates:
            found |= {"alternates", *(f"alternates:{language}" for language in self.alternates)}
        return frozenset(found)


def index_of(samples: Iterable[Sample], who: str) -> tuple[dict[str, str], Index, Known, tuple[str, ...]]:
    """Check every sample, and return streams, index, what each one was, and the alternate languages."""
    digests: list[str] = []
    present: list[str] = []
    streams: dict[str, str] = {}
    rows: list[Sample] = []
    languages: set[str] = set()
    for position, sample in enumerate(samples):
        if not isinstance(sample, Sample):
            raise InputError(f"{who}[{position}]: must be a perturbations.Sample, got {short(sample)}.")
        _note_streams(sample, streams, f"{who}: sample {sample.id!r}", first=position == 0)
        digests.append(_digest(position, sample))
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
    check_index(index, who)
    if missing := [name for name, kind in streams.items() if not kind]:
        raise InputError(f"{who}: stream {missing[0]!r} is None in every sample: its modality cannot be known.")
    return streams, index, Known(digests, present, _digest), tuple(sorted(languages))


def _note_streams(sample: Sample, streams: dict[str, str], who: str, first: bool) -> None:
    """Add the streams of a sample to what is known, and raise where they do not agree with it."""
    if not sample.streams:
        raise InputError(f"{who}: must have at least one stream.")
    if not first and sample.streams.keys() != streams.keys():
        raise InputError(f"{who}: must have the streams {', '.join(streams)}, got {', '.join(sample.streams)}.")
    for name, value in sample.streams.items():
        if value is None:
            streams.setdefault(name, "")
            continue
        kind = modality_of(value, f"{who}, stream {name}")
        kind.check(value, f"{who}, stream {name}")
        if streams.setdefault(name, kind.name) not in ("", kind.name):
            raise InputError(f"{who}, stream {name}: must be {streams[name]} as before, got {kind.name}.")
        streams[name] = kind.name


def _digest(_position: int, sample: Sample) -> str:
    return blake2b(_content(sample), digest_size=8).hexdigest()


def _content(sample: Sample) -> bytes:
    """Return bytes that change with anything about a sample."""
    head = [sample.id, str(sample.target), repr(sorted(sample.groups.items())), str(sample.sequence), str(sample.time)]
    parts = ["\x1f".join(head).encode("utf-8", "surrogatepass")]
    values: dict[str, Value] = dict(sample.streams)
    values |= {f"{name}@{code}": v for name, versions in sample.alternates.items() for code, v in versions.items()}
    for name, value in sorted(values.items()):
        parts += [name.encode(), b"\x00" if value is None else modality_of(value).digest(value)]
    return b"\x1e".join(parts)


def check_index(index: Index, who: str, where: Callable[[int], str] = "#{}".format) -> None:
    """Raise InputError for an empty data set or a doubled id; ``where`` says where the sample at a position stands."""
    if not index.ids:
        raise InputError(f"{who}: must have at least one sample, got none.")
    seen: dict[str, int] = {}
    problems = []
    for position, sample in enumerate(index.ids):
        if sample in seen:
            problems.append(f"{where(position)}: id {sample!r} was given already at {where(seen[sample])}.")
        seen.setdefault(sample, position)
    gather([f"{who}: ids must be unique. {problem}" for problem in problems[:5]], InputError)


def from_samples(samples: Iterable[Sample], name: str = "samples", cluster: str | None = None) -> Samples:
    """Return a data set of Python samples: a list, or any sequence that makes each sample when it is asked for.

    ``cluster`` declares the group (or ``sequence``) whose samples form one cluster in intervals; a sequence may have
    it as an attribute. Every sample is looked at once, to check it and to fingerprint its content; a sequence with a
    ``fingerprint`` attribute of its own and an ``index`` (``stress.data.Index``) with ``streams`` is believed instead.
    """
    rows: Any = samples
    cluster = cluster or getattr(rows, "cluster", None)
    if not (hasattr(samples, "__getitem__") and hasattr(samples, "__len__")):
        if not isinstance(samples, Iterable):
            raise InputError(f"{name}: must be samples – a list, or a sequence that makes them – got {short(samples)}.")
        rows = list(samples)
    declared = getattr(rows, "index", None)
    if isinstance(declared, Index):
        check_index(declared, name)
        return Samples(name, rows.streams, declared, rows.__getitem__, rows.fingerprint, cluster=cluster)
    streams, index, known, languages = index_of((_made(rows, i, name) for i in range(len(rows))), name)
    whole = fingerprint_of(known.digests)
    return Samples(name, streams, index, rows.__getitem__, whole, languages, cluster=cluster, known=known)


def _made(rows: Any, position: int, who: str) -> Any:
    try:
        return rows[position]
    except StressError:
        raise
    except Exception as error:  # a user's sequence can raise anything
        raise InputError(f"{who}[{position}]: cannot be loaded: {error!r}.") from error
