"""What flows through the house: one image, one recording, one text, and the sample that holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from perturbations.errors import InputError, short
from perturbations.labels import label
from perturbations.modality.series import Series

__all__ = ["Audio", "Dataset", "Image", "Sample", "Series", "Value"]

Image: TypeAlias = NDArray[np.uint8]
"""``uint8 (height, width, channels)``: RGB (3 channels) or grey (1), any size from 1×1 up."""


@dataclass(frozen=True, eq=False)
class Audio:
    """A recording: ``samples`` is ``float32 (channels, frames)`` with full scale ±1, ``rate`` is in hertz.

    One-dimensional samples are taken as one channel and float64 is converted; integers are refused, because
    their full scale is not known. Any length is valid, zero frames too.
    """

    samples: NDArray[np.float32]
    rate: int

    def __post_init__(self) -> None:
        samples = self.samples
        if not isinstance(samples, np.ndarray) or samples.dtype.kind != "f":
            raise InputError(
                f"Audio: samples must be a float array with full scale ±1, got {short(samples)}. "
                "Divide 16-bit integers by 32768."
            )
        if isinstance(samples, np.ma.MaskedArray):
            raise InputError("Audio: samples must be a plain array, got a masked one. Fill it: samples.filled(0).")
        if samples.ndim == 1:
            samples = samples[None, :]
        if samples.ndim != 2 or samples.shape[0] < 1:
            raise InputError(f"Audio: samples must have the shape (channels, frames), got {short(samples)}.")
        if isinstance(self.rate, bool) or not isinstance(self.rate, int | np.integer) or self.rate < 1:
            raise InputError(f"Audio: rate must be a whole number of hertz above 0, got {short(self.rate)}.")
        object.__setattr__(self, "samples", np.ascontiguousarray(samples, dtype=np.float32))
        object.__setattr__(self, "rate", int(self.rate))

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        """Number of frames: samples in each channel."""
        return int(self.samples.shape[1])

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.frames / self.rate


Value: TypeAlias = Image | Audio | str | Series | None
"""The value of one stream; ``None`` is a lost stream."""


@dataclass(frozen=True, init=False)
class Sample:
    """One thing the model is asked about: its streams, and what is known of it.

    ``groups`` are for slices (``{"speaker": "f03"}``); ``sequence`` names the recording it is part of and ``time``
    (seconds) its place there; ``alternates`` holds the same stream in other languages:
    ``{"caption": {"de": "…", "fr": "…"}}``. Ids, groups and sequences that are numbers are taken as their text: 17 is
    ``"17"``; a group or sequence that is missing (``None``, NaN) is left out.
    """

    id: str
    streams: Mapping[str, Value]
    target: Any
    groups: Mapping[str, str]
    sequence: str | None
    time: float | None
    alternates: Mapping[str, Mapping[str, Value]]

    def __init__(
        self,
        id: str,  # noqa: A002 - the name of the field
        streams: Mapping[str, Value],
        target: Any = None,
        groups: Mapping[str, str] | None = None,
        sequence: str | None = None,
        time: float | None = None,
        alternates: Mapping[str, Mapping[str, Value]] | None = None,
    ) -> None:
        if not isinstance(id, str):
            id = _name(id)  # noqa: A001
        if sequence is not None and not isinstance(sequence, str):
            sequence = label(sequence, f"Sample {id!r}: sequence")
        fields = self.__dict__  # filled by hand: millions are made, and a frozen class sets each field by a call
        fields["id"], fields["streams"], fields["target"] = id, streams, target
        fields["groups"] = _named(groups, id) if groups else {}
        fields["sequence"], fields["time"], fields["alternates"] = sequence, time, alternates or {}

    def with_streams(self, changed: Mapping[str, Value]) -> Sample:
        """Return a copy with some streams replaced."""
        return self._with("streams", {**self.streams, **changed})

    @staticmethod
    def holding(samples: Sequence[Sample], streams: Sequence[Mapping[str, Value]]) -> list[Sample]:
        """Return copies of samples with other streams, all of each: of millions, without a call for each."""
        made = []
        for sample, values in zip(samples, streams):
            copy = _new(Sample)
            fields = copy.__dict__
            fields.update(sample.__dict__)  # which are checked already
            fields["streams"] = values
            made.append(copy)
        return made

    def with_target(self, target: Any) -> Sample:
        """Return a copy with another target."""
        return self._with("target", target)

    def _with(self, name: str, value: Any) -> Sample:
        made = _new(Sample)
        fields = made.__dict__
        fields.update(self.__dict__)  # which are checked already
        fields[name] = value
        return made


_new = object.__new__


def _name(value: Any) -> str:
    name = label(value, "Sample: id")
    if name is None:
        raise InputError(f"Sample: id must be a text or a whole number, got {short(value)}.")
    return name


def _named(groups: Mapping[str, Any], who: str) -> Mapping[str, str]:
    """Return the groups as texts, without those that are missing; the same mapping where all are texts."""
    if all(isinstance(value, str) for value in groups.values()):
        return groups
    named = {k: v if isinstance(v, str) else label(v, f"Sample {who!r}: group {k}") for k, v in groups.items()}
    return {k: v for k, v in named.items() if v is not None}


@runtime_checkable
class Dataset(Protocol):
    """What a fault may ask of the data set: who is in it, cheaply, and any sample, at the price of loading it."""

    streams: Mapping[str, str]
    """Modality of each stream."""
    ids: Sequence[str]
    targets: Sequence[Any]
    sequences: Sequence[str | None]
    times: Sequence[float | None]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def __iter__(self) -> Iterator[Sample]: ...

    def position(self, sample: str) -> int:
        """Return the index of a sample's id."""
        ...

    def remember(self, key: tuple[Any, ...], compute: Any) -> Any:
        """Return ``compute()``, worked out once per key for the life of the data set."""
        ...
