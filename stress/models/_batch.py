"""What a model is called with: the streams of some samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import Audio, InputError, Sample, Value
from perturbations.errors import nearest

__all__ = ["Batch"]


class Batch(Mapping[str, list[Value]]):
    """Streams by name, each a list with one value a sample; a lost stream is ``None`` there."""

    def __init__(self, streams: Mapping[str, Sequence[Value]]) -> None:
        self._streams = {name: list(values) for name, values in streams.items()}

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Batch:
        """Return the batch of some samples, which all have the same streams."""
        return cls({name: [sample.streams[name] for sample in samples] for name in samples[0].streams})

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
        return Batch({name: values[row : row + 1] for name, values in self._streams.items()})

    def present(self, stream: str) -> NDArray[np.bool_]:
        """Return which samples have the stream, ``bool (size,)``."""
        return np.array([value is not None for value in self[stream]], bool)

    def stack(self, stream: str, frames: int | None = None) -> NDArray[Any]:
        """Return a stream as one new array: images ``(n, height, width, channels)``, audio ``(n, channels, frames)``.

        Recordings of different lengths need ``frames``: they are cut or padded with silence to that length – never
        to the longest of the batch, which would make answers depend on who else is in it. Raises InputError where a
        value is lost (see ``present``) or where shapes differ.
        """
        values = self[stream]
        if any(value is None for value in values):
            lost = sum(value is None for value in values)
            raise InputError(
                f"stack: stream {stream!r} is lost in {lost} of {len(values)} samples. Ask present() first."
            )
        arrays = [value.samples if isinstance(value, Audio) else value for value in values]
        if frames is not None:
            arrays = [_fit(array, frames) for array in arrays]  # type: ignore[arg-type]
        if len({getattr(array, "shape", None) for array in arrays}) > 1:
            hint = "Give frames=N." if isinstance(values[0], Audio) else "Resize in the model."
            raise InputError(f"stack: the values of stream {stream!r} differ in shape. {hint}")
        return np.stack(arrays)  # type: ignore[arg-type]


def _fit(samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    fitted = np.zeros((samples.shape[0], frames), np.float32)
    length = min(frames, samples.shape[1])
    fitted[:, :length] = samples[:, :length]
    return fitted
