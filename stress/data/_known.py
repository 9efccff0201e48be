"""What each sample was when the data were first looked at: a digest of it, and whether it is still the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from perturbations import Sample, Value
from perturbations.modality import modality_of
from stress.data._reading import File

__all__ = ["Known", "Seen", "digest_of", "fingerprint_of"]


@dataclass(frozen=True)
class Known:
    """One entry a sample: a digest of all that is in it, and which of its streams are there (``1``) or lost (``0``).

    ``prove(position, sample)`` returns the digest of what was just loaded. A digest is None where a sample has not been
    looked at yet: ``look(positions)`` does that, and raises InputError with all that cannot be used.
    """

    digests: Sequence[str | None]
    present: Sequence[str]
    prove: Callable[[int, Sample], str]
    look: Callable[[Sequence[int]], Seen] | None = None


@dataclass(frozen=True)
class Seen:
    """What was found where samples were looked at: a digest each, their files by key, and what a reader should know."""

    digests: Sequence[str]
    files: Mapping[str, File] = field(default_factory=dict)
    notes: Sequence[str] = ()


def fingerprint_of(digests: Iterable[str | None]) -> str:
    """Return a digest of all samples that were looked at; their order is no part of it."""
    found = blake2b(digest_size=16)
    for digest in sorted(digest for digest in digests if digest is not None):
        found.update(digest.encode())
    return found.hexdigest()


def digest_of(_position: int, sample: Sample) -> str:
    """Return a digest of all that is in a sample; the position is what other ways of proving go by."""
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
