"""What each sample was when the data were first looked at: a digest of it, and whether it is still the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from perturbations import Sample

__all__ = ["Known", "fingerprint_of"]


@dataclass(frozen=True)
class Known:
    """One entry a sample: a digest of all that is in it, and which of its streams are there (``1``) or lost (``0``).

    ``prove(position, sample)`` returns the digest of what was just loaded.
    """

    digests: Sequence[str]
    present: Sequence[str]
    prove: Callable[[int, Sample], str]


def fingerprint_of(digests: Iterable[str]) -> str:
    """Return a digest of a whole data set; the order of its samples is no part of it."""
    found = blake2b(digest_size=16)
    for digest in sorted(digests):
        found.update(digest.encode())
    return found.hexdigest()
