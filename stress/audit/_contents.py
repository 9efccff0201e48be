"""Every sample is loaded once; of each content its digest and its marks are kept, and what is wrong with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, Value
from perturbations.modality import modality
from stress.audit import _pictures, _sounds, _texts
from stress.audit._tail import Pairs, bar
from stress.data import Samples
from stress.engine import one_thread_each

__all__ = ["NEAR", "Contents", "contents_of", "families"]

NEAR = {"image": _pictures, "audio": _sounds, "text": _texts}
"""Modalities whose near duplicates are looked for; of the others only exact ones are."""
_CHUNK = 32
"""Samples that a thread takes at once."""


@dataclass
class Contents:
    """The distinct values of one stream over all parts: where each sample's stands, and what is known of each.

    ``place`` is -1 where the stream is lost; ``empty`` says of a value what is wrong with it (silent, constant).
    """

    kind: str
    place: list[int] = field(default_factory=list)
    known: dict[bytes, int] = field(default_factory=dict)
    marks: list[Any] = field(default_factory=list)
    empty: list[str | None] = field(default_factory=list)

    def add(self, digest: bytes | None, mark: Any, empty: str | None) -> None:
        """Note the next sample's value."""
        if digest is None:
            self.place.append(-1)
            return
        if digest not in self.known:
            self.known[digest] = len(self.marks)
            self.marks.append(mark)
            self.empty.append(empty)
        self.place.append(self.known[digest])


def _seen(kind: str, value: Value) -> tuple[bytes | None, Any, str | None]:
    """Return a value's digest, its marks, and what is wrong with it."""
    if value is None:
        return None, None, None
    digest = modality(kind).digest(value)
    mark: Any = NEAR[kind].reduced(value) if kind in NEAR else None
    return digest, mark.astype(np.float16) if kind == "image" else mark, _empty(kind, value)


def _empty(kind: str, value: Any) -> str | None:
    if kind == "text":
        return None if str(value).strip() else "blank"
    array = value.samples if kind == "audio" else np.asarray(value) if hasattr(value, "shape") else None
    if array is None:
        return None
    if not array.size:
        return "without a frame"
    if kind == "audio" and float(np.abs(array).max()) < 1e-4:
        return "silent"
    return "constant" if array.min() == array.max() else None


def contents_of(
    parts: Sequence[Samples], streams: dict[str, str], workers: int = 2
) -> tuple[dict[str, Contents], list[tuple[str, str]]]:
    """Return the contents of each stream, over all samples of all parts in order, and samples that cannot be read.

    Those stand in no stream; each comes with what is wrong with it.
    """
    found = {name: Contents(kind) for name, kind in streams.items()}
    broken: list[tuple[str, str]] = []

    def one(at: tuple[Samples, int]) -> list[tuple[bytes | None, Any, str | None]]:
        try:
            sample = at[0].given(at[1])
        except InputError as error:
            broken.append((at[0].ids[at[1]], str(error)))
            return [(None, None, None)] * len(streams)
        return [_seen(kind, sample.streams.get(name)) for name, kind in streams.items()]

    def some(chunk: Sequence[tuple[Samples, int]]) -> list[list[tuple[bytes | None, Any, str | None]]]:
        return [one(at) for at in chunk]

    everyone = [(part, position) for part in parts for position in range(len(part))]
    with one_thread_each(), ThreadPoolExecutor(workers) as pool:
        for rows in _in_order(pool, some, everyone, ahead=2 * workers):
            for row in rows:
                for contents, seen in zip(found.values(), row):
                    contents.add(*seen)
    return found, sorted(broken)


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Sequence[Any]], Any], everyone: Sequence[Any], ahead: int
) -> Iterator[Any]:
    """Yield what becomes of each chunk; only so many are worked on before they are asked for."""
    begun: deque[Future[Any]] = deque()
    for start in range(0, len(everyone), _CHUNK):
        begun.append(pool.submit(work, everyone[start : start + _CHUNK]))
        if len(begun) > ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def families(contents: Contents) -> tuple[NDArray[np.int64], dict[tuple[int, int], float], list[float]]:
    """Return which contents are one (a number each), how alike those pairs are, and the bar of each way of looking."""
    family = np.arange(len(contents.marks))
    if contents.kind not in NEAR or len(contents.marks) < 2:
        return family, {}, []
    marks: Any = np.stack(contents.marks).astype(np.float32) if contents.kind == "image" else contents.marks
    likes: dict[tuple[int, int], float] = {}
    bars = []
    for pairs in NEAR[contents.kind].near(marks):
        bars.append(bar(pairs))
        for one, other, much in _above(pairs, bars[-1]):
            likes[one, other] = max(much, likes.get((one, other), 0.0))
    return _joined(len(family), list(likes)), likes, bars


def _above(pairs: Pairs, least: float) -> list[tuple[int, int, float]]:
    some = pairs.where(pairs.alike >= least)
    return list(zip(some.one.tolist(), some.other.tolist(), some.alike.tolist()))


def _joined(n: int, pairs: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Return a number for each content, the same for all that are linked by pairs."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not pairs:
        return np.arange(n)
    one, other = np.array(pairs, np.int64).T
    graph = coo_matrix((np.ones(len(pairs), bool), (one, other)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
