"""Signals of a value's age: what shows only beside the values before it in its sequence, or on a clock."""

from __future__ import annotations

from dataclasses import dataclass

from perturbations.modality._signal import Signals, signal

__all__ = ["MOST", "Arrival", "arrivals"]

MOST = 100
"""Repetitions that are counted at most: a stream that has stood still for so long stands still."""


@dataclass(frozen=True)
class Arrival:
    """How a value came: how many before it were the same, and how long ago it was captured; NaN where unknown."""

    repeats: float
    late_s: float


@signal("frames", 0, MOST, cheap=True)
def frozen(arrival: Arrival) -> float:
    """How many values before this one, in a row in its sequence, were the very same; counted up to 100.

    A hung driver repeats its last value to the bit, which no working sensor does: its noise is new each time. Undefined
    of a sample without a sequence.
    """
    return arrival.repeats


@signal("s", cheap=True)
def late(arrival: Arrival) -> float:
    """How long before the sample's time the value was captured; negative, where it is of a later moment.

    What a time stamp on the value tells: one behind a slow network, or of a source that stands still, is old. Undefined
    where there is no time or sequence, and of values that were captured at no time, such as a fill.
    """
    return arrival.late_s


arrivals = Signals(lambda arrival: arrival, frozen, late)
"""Signals of how a value came, the same for all modalities: they are recorded of data that come in sequences."""
