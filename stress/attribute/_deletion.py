"""Is an attribution faithful? What it says matters most is deleted first; the answer must fall sooner than by chance.

Deletion curves (Petsiuk, Das & Saenko 2018), over whole streams and over pieces of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import Key, call_keyed
from perturbations.modality import modality_of
from stress.attribute._asking import Asker, Row
from stress.statistics.arrays import Floats, Ints

__all__ = ["piece_curves", "stream_curves"]

_STEPS = 8
"""Deletions of an equal number of pieces, until nothing is left."""
_PIECES = 64


def stream_curves(worth: Floats, parts: Floats) -> tuple[Floats, Floats]:
    """Return the probability as whole streams are deleted, (samples × number deleted), most first and least first.

    ``worth`` is that of each set of streams; the order is that of each sample's own ``parts``, by size.
    """
    order = np.argsort(-np.abs(parts), axis=1, kind="stable")
    return _walk(worth, order), _walk(worth, order[:, ::-1])


def _walk(worth: Floats, order: NDArray[np.int64]) -> Floats:
    sets = np.full(len(worth), worth.shape[1] - 1)
    rows, found = np.arange(len(worth)), [worth[:, -1]]
    for step in range(order.shape[1]):
        sets = sets ^ (1 << order[:, step])
        found.append(worth[rows, sets])
    return np.stack(found, axis=1)


def piece_curves(
    asker: Asker, rows: Sequence[Row], starts: Sequence[Row], stream: str, parts: Sequence[Any], labels: Ints, seed: int
) -> tuple[Floats, Floats]:
    """Return the probability as pieces of one stream are deleted: the largest attribution first, and by chance.

    Pieces are some 64 blocks of equal size – of a picture, squares of an 8 × 8 grid; of a recording, stretches of time;
    what is deleted is as it was where the attribution began. The samples that have the stream alone have a row.
    """
    there = [place for place, part in enumerate(parts) if part is not None]
    first, chance = [], []
    for place in there:
        blocks = _blocks(parts[place].shape)
        size = np.bincount(blocks.ravel(), parts[place].ravel())
        first.append(np.argsort(-size, kind="stable"))
        key = Key(seed, "deletion", stream=stream, sample=str(place))
        chance.append(call_keyed(key, _shuffled, len(size), {}))
    own = labels[there]
    asked = [(rows[place], starts[place], _blocks(parts[place].shape)) for place in there]
    return _deleted(asker, asked, stream, first, own), _deleted(asker, asked, stream, chance, own)


def _shuffled(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.permutation(count)


def _deleted(
    asker: Asker,
    asked: Sequence[tuple[Row, Row, NDArray[np.int64]]],
    stream: str,
    orders: Sequence[NDArray[np.int64]],
    labels: Ints,
) -> Floats:
    found = np.empty((len(asked), _STEPS + 1))
    for step in range(_STEPS + 1):
        some = []
        for (row, start, blocks), order in zip(asked, orders):
            gone = np.isin(blocks, order[: round(len(order) * step / _STEPS)])
            kind = modality_of(row[stream])
            array: Any = kind.array
            build: Any = kind.with_array
            left = np.where(gone, array(start[stream]), array(row[stream]))
            some.append({**row, stream: build(row[stream], left)})
        found[:, step] = asker.worth(some, labels)
    return found


def _blocks(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the number of each entry's block: axes of eight entries or more are divided, others are not."""
    long = [axis for axis, size in enumerate(shape) if size >= 8]
    each = _PIECES if len(long) == 1 else 8
    number = np.zeros(shape, np.int64)
    for axis in long:
        count = min(each, shape[axis])
        along = np.arange(shape[axis]) * count // shape[axis]
        number = number * count + along.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return np.unique(number, return_inverse=True)[1].reshape(shape)
