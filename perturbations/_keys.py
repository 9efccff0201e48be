"""Randomness is an argument: a generator for a key, the same bytes whoever asks, in whatever order.

A key names the draw – seed, perturbation, version, profile, stream, step, sample, draw – and nothing about how hard
the perturbation hits (severity) or where it is computed (cell, worker, batch). One sample therefore sees the *same*
noise, louder, as severity rises. The generator is Philox (Salmon et al. 2011), keyed by a hash: re-keying costs two
microseconds, so every sample of every cell has a stream of its own.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from perturbations.errors import InputError, named_keywords, short

__all__ = ["Key", "call_keyed", "generator", "raw_words"]

T = TypeVar("T")


class Key(NamedTuple):
    """The name of one draw. ``stream`` is replaced by a shared name where two streams see one event.

    A tuple, because one is made for every draw: a frozen data class takes three times as long.
    """

    seed: int
    perturbation: str
    version: int = 1
    profile: str = ""
    stream: str = ""
    step: int = 0
    sample: str = ""
    draw: int = 0

    def digest(self) -> bytes:
        """Return 16 bytes that depend on every field; fields cannot run into each other."""
        return _hashed(self).digest()


def _hashed(key: Key) -> blake2b:
    """Return the hash of all fields; the sample stands last, so that many samples can share all that is before it."""
    seed, perturbation, version, profile, stream, step, sample, draw = key
    hashed = _begun(seed, perturbation, version, profile, stream, step, draw).copy()
    hashed.update(sample.encode("utf-8", "surrogatepass"))
    return hashed


@lru_cache(maxsize=256, typed=True)  # typed: 1 and True are equal, and written in two ways
def _begun(seed: int, perturbation: str, version: int, profile: str, stream: str, step: int, draw: int) -> blake2b:
    """Return the hash of all fields but the sample, to be copied: of the samples of a cell, it is the same."""
    length = len(stream) if stream.isascii() else len(stream.encode("utf-8", "surrogatepass"))
    text = f"{seed}\x1f{perturbation}\x1f{version}\x1f{profile}\x1f{step}\x1f{draw}\x1f{length}:{stream}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)


_WORDS = struct.Struct("<2Q").unpack
_ZERO = (0, 0, 0, 0)


class _Keyed:
    """A generator and the state it is re-keyed by; plain numbers, which numpy takes faster than its own arrays."""

    __slots__ = ("_bits", "_inner", "_state", "rng")

    def __init__(self) -> None:
        self._bits = np.random.Philox(0)
        self.rng = np.random.Generator(self._bits)
        self._inner: dict[str, tuple[int, ...]] = {"counter": _ZERO, "key": (0, 0)}
        self._state = {"bit_generator": "Philox", "state": self._inner, "buffer": _ZERO, "buffer_pos": 4,
                       "has_uint32": 0, "uinteger": 0}  # fmt: skip

    def start(self, key: Key) -> np.random.Generator:
        """Return the generator, at the beginning of a key."""
        return self.begin(key.digest())

    def begin(self, digest: bytes) -> np.random.Generator:
        """Return the generator, at the beginning of the key that hashes to this."""
        self._inner["key"] = _WORDS(digest)
        self._bits.state = self._state  # type: ignore[assignment] # tuples of numbers will do for arrays
        return self.rng


class _Pool(threading.local):
    """Generators of this thread that are free."""

    def __init__(self) -> None:
        self.free: list[_Keyed] = []


_pool = _Pool()


def call_keyed(key: Key, function: Callable[..., T], subject: object, settings: Mapping[str, Any]) -> T:
    """Return ``function(subject, rng, **settings)`` with a generator that starts at ``key``.

    Generators are kept per thread and re-keyed; a nested use gets another one, so no two draws are ever interleaved.
    The function must not keep it.
    """
    free = _pool.free
    lent = free.pop() if free else _Keyed()
    try:
        return function(subject, lent.begin(_hashed(key).digest()), **settings)
    finally:
        free.append(lent)


@named_keywords
def raw_words(
    key: Key, samples: Sequence[str], words: int, out: NDArray[np.uint64] | None = None
) -> NDArray[np.uint64]:
    """Return (samples × words) raw numbers: each row is what a generator gives first for ``key`` with that sample.

    For many samples: half as long as a call for each. ``out`` is an array of that shape to write them into: whoever
    asks again and again saves the making of new ones, which takes nearly as long as the numbers.
    """
    found = np.empty((len(samples), words), np.uint64) if out is None else out
    if found.shape != (len(samples), words):
        raise InputError(f"raw_words: out must be ({len(samples)}, {words}), got {short(found.shape)}.")
    keyed, shared = _Keyed(), _hashed(key._replace(sample=""))
    numbers = keyed.rng.bit_generator.random_raw
    for row, sample in zip(found, samples):
        own = shared.copy()
        own.update(sample.encode("utf-8", "surrogatepass"))
        keyed.begin(own.digest())
        row[:] = numbers(words)
    return found


def generator(key: Key) -> np.random.Generator:
    """Return a new generator that starts at ``key`` and is the caller's to keep."""
    return _Keyed().start(key)
