"""A data set of Python samples: each is looked at once, checked, and fingerprinted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from perturbations import InputError, Sample
from perturbations.errors import named_keywords, short
from perturbations.modality import MODALITIES, modality_of
from stress.data._dataset import Samples
from stress.data._index import Index, check_index
from stress.data._known import Known, digest_of, fingerprint_of
from stress.data._python import made_of, tidy, untidy
from stress.data._reading import Reading, listed, skipped

__all__ = ["from_samples"]


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


@named_keywords
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
    with reading.progress(len(rows)) as advance:
        counted = (_counted(sample, advance) for sample in all_of)
        found, index, known, languages = index_of(counted, name, streams or {}, reading, bad)
    kept = [i for i in range(len(rows)) if i not in bad]
    load = (lambda i: rows[kept[i]]) if bad else rows.__getitem__
    whole = fingerprint_of(known.digests)
    made = Samples(name, found, index, load, whole, languages, cluster=cluster, known=known, reading=reading)
    made.left_out, made.notes = tuple(bad), skipped(list(bad.values()))
    return made


def _counted(sample: Any, advance: Callable[[int], None]) -> Any:
    advance(1)
    return sample
