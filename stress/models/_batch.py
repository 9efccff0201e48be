"""What a model is called with: the streams of some samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, Sample, Value
from perturbations.errors import nearest
from perturbations.modality import modality_of

__all__ = ["Batch"]


class Batch(Mapping[str, list[Value]]):
    """Streams by name, each a list with one value a sample; a lost stream is ``None`` there.

    ``ids`` are those of the samples, in the order of the values: to look up what was precomputed for a sample, or to
    say in a log which one is meant. An answer that depends on the id is none to the values; a batch that was made
    without samples has no ids. ``arrived`` says how the values came, by ``STREAM.frozen`` and ``STREAM.late`` (see
    ``stress list signals``), one number a sample: nothing, where samples are in no sequence; None, where nobody knows.
    """

    def __init__(
        self,
        streams: Mapping[str, Sequence[Value]],
        ids: Sequence[str] = (),
        arrived: Mapping[str, Sequence[float] | NDArray[np.float32]] | None = None,
    ) -> None:
        self._streams = {name: list(values) for name, values in streams.items()}
        if ids and len(ids) != self.size:
            raise InputError(f"Batch: ids must be one for each of {self.size} samples, got {len(ids)}.")
        self.ids: tuple[str, ...] = tuple(ids)
        self.arrived = arrived
        for name, numbers in (arrived or {}).items():
            if len(numbers) != self.size:
                raise InputError(
                    f"Batch: arrived {name} must be one for each of {self.size} samples, got {len(numbers)}."
                )

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Batch:
        """Return the batch of some samples, which all have the same streams."""
        streams = {name: [sample.streams[name] for sample in samples] for name in samples[0].streams}
        return cls(streams, [sample.id for sample in samples])

    def __getitem__(self, stream: str) -> list[Value]:
        try:
            return self._streams[stream]
        except KeyError:
            raise KeyError(f"batch has no stream {stream!r}. {nearest(stream, self._streams)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(next(iter(self._streams.values()), []))

    def only(self, row: int) -> Batch:
        """Return the batch of one of the samples."""
        arrived = self.arrived and {name: numbers[row : row + 1] for name, numbers in self.arrived.items()}
        streams = {name: values[row : row + 1] for name, values in self._streams.items()}
        return Batch(streams, self.ids[row : row + 1], arrived)

    def copied(self) -> Batch:
        """Return the same batch, ids too, with lists and arrays of its own."""
        made = Batch({}, ())
        made._streams = {name: _copies(values) for name, values in self._streams.items()}
        made.ids, made.arrived = self.ids, self.arrived
        return made

    def present(self, stream: str) -> NDArray[np.bool_]:
        """Return which samples have the stream, ``bool (size,)``."""
        return np.array([value is not None for value in self[stream]], bool)

    def stack(self, stream: str, frames: int | None = None) -> NDArray[Any]:
        """Return a stream as one new array: images ``(n, height, width, channels)``, audio ``(n, channels, frames)``,
        series ``(n, frames, channels)``.

        Recordings and series of different lengths need ``frames``: they are cut or padded with zeros to that length –
        never to the longest of the batch, which would make answers depend on who else is in it. Raises InputError where
        values cannot be one array: where one is lost (see ``present``), where they differ in shape, rate or channels,
        where they are texts.
        """
        values, who = self[stream], f"stack: stream {stream!r}"
        if not values:
            raise InputError(f"{who}: must have at least one sample, got none.")
        if lost := sum(value is None for value in values):
            raise InputError(f"{who} is lost in {lost} of {len(values)} samples. Ask present() first.")
        kinds = list(dict.fromkeys(modality_of(value, who).name for value in values))
        if len(kinds) > 1:
            raise InputError(f"{who}: the values must be of one modality, got {' and '.join(kinds)}.")
        return modality_of(values[0]).stack(values, who, frames)


def _copies(values: Sequence[Value]) -> list[Value]:
    kinds = set(map(type, values))
    if kinds == {np.ndarray}:
        arrays: Sequence[Any] = values
        return list(map(np.ndarray.__copy__, arrays))  # laid out as they are
    return list(values) if kinds <= {str, type(None)} else [_copy(value) for value in values]


def _copy(value: Value) -> Value:
    if value is None or isinstance(value, str):
        return value
    return np.array(value) if isinstance(value, np.ndarray) else deepcopy(value)
