"""A stream that does not arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perturbations._core import Stream
from perturbations._declare import fault
from perturbations._params import Choice
from perturbations._values import Audio, Dataset, Value

__all__ = ["missing"]


def _values(data: Dataset, name: str) -> Iterator[Any]:
    return (value for sample in data if (value := sample.streams[name]) is not None)


def _mean(stream: Stream) -> Value:
    """Return the mean of the stream over the declared data set, in the shape of the value it replaces."""
    data, value = stream.data, stream.value
    if data is None or value is None:  # apply and suites make sure that there is a data set
        return None
    samples = value.samples if isinstance(value, Audio) else value
    key = ("mean", stream.name, getattr(samples, "shape", ()), getattr(value, "rate", 0))
    mean = data.remember(key, lambda: stream.modality.mean(_values(data, stream.name), value))
    return stream.modality.copy(mean)


@fault(
    cite="ma2022",
    needs=("data",),
    fill=Choice("what the model is given instead", ("none", "zeros", "mean"), default="none"),
)
def missing(stream: Stream, *, fill: str) -> Value:
    """A sensor, cable or service is down: the stream is lost, and a fill rule says what the model sees.

    ``none`` gives the model nothing, ``zeros`` a black picture, silence or an empty text of the same size, ``mean``
    the mean of the declared data set (of texts, the most typical one). A stream lost already stays lost.
    """
    if fill == "none" or stream.value is None:
        return None
    return stream.modality.zeros(stream.value) if fill == "zeros" else _mean(stream)
