"""Randomness is an argument: a generator for a key, the same bytes whoever asks, in whatever order.

A key names the draw – seed, perturbation, version, profile, stream, step, sample, draw – and nothing about how hard
the perturbation hits (severity) or where it is computed (cell, worker, batch). One sample therefore sees the *same*
noise, louder, as severity rises. The generator is Philox (Salmon et al. 2011), keyed by a hash: re-keying costs two
microseconds, so every sample of every cell has a stream of its own.
"""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

__all__ = ["Key", "generator", "keyed"]


@dataclass(frozen=True)
class Key:
    """The name of one draw. ``stream`` is replaced by a shared name where two streams see one event."""

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
        head = f"{self.seed}\x1f{self.perturbation}\x1f{self.version}\x1f{self.profile}\x1f{self.step}\x1f{self.draw}"
        stream, sample = self.stream.encode("utf-8", "surrogatepass"), self.sample.encode("utf-8", "surrogatepass")
        return blake2b(b"%b\x1f%d:%b%b" % (head.encode(), len(stream), stream, sample), digest_size=16).digest()


_free = threading.local()
_ZERO = (0, 0, 0, 0)


class keyed:  # noqa: N801 - used as a function is; a class, because contextlib's would double the cost of a short text
    """Lend a generator that starts at ``key``, for a ``with`` block.

    Generators are kept per thread and re-keyed; a nested use gets another one, so no two draws are ever interleaved.
    Do not keep the generator after the ``with`` block.
    """

    __slots__ = ("_key", "_pool", "_rng")

    def __init__(self, key: Key) -> None:
        self._key = key

    def __enter__(self) -> np.random.Generator:
        self._pool: list[np.random.Generator] = _free.__dict__.setdefault("pool", [])
        self._rng = self._pool.pop() if self._pool else np.random.Generator(np.random.Philox(0))
        _rekey(self._rng, self._key.digest())
        return self._rng

    def __exit__(self, *error: object) -> None:
        self._pool.append(self._rng)


def generator(key: Key) -> np.random.Generator:
    """Return a new generator that starts at ``key`` and is the caller's to keep."""
    rng = np.random.Generator(np.random.Philox(0))
    _rekey(rng, key.digest())
    return rng


def _rekey(rng: np.random.Generator, digest: bytes) -> None:
    rng.bit_generator.state = {  # plain numbers: numpy takes them three times faster than its own arrays
        "bit_generator": "Philox",
        "state": {"counter": _ZERO, "key": struct.unpack("<2Q", digest)},
        "buffer": _ZERO,
        "buffer_pos": 4,
        "has_uint32": 0,
        "uinteger": 0,
    }
