"""What may become of a record, one row a status: whose failure it is, and how it counts in every number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CRASH",
    "INVALID",
    "LATE",
    "OK",
    "PERTURBATION_ERROR",
    "RATE_LIMITED",
    "REFUSAL",
    "STATUSES",
    "TIMEOUT",
    "UNASKED",
    "UNCHANGED",
    "UNPARSED",
    "WRITTEN",
    "Status",
    "answered",
    "failures",
    "flags",
    "names",
    "unsettled",
]


@dataclass(frozen=True)
class Status:
    """A status: its name in the records, whose failure it is, and how a record with it counts.

    ``answered`` records count with what was answered. ``failed`` ones are the model's failures: they stay in every
    denominator and earn what the metric says of a failure. ``left out`` ones say nothing of the model: they are in no
    numerator and no denominator, and are only listed. ``acted`` is false where no perturbation could act. Failures are
    asked ``again`` when a run goes on, but for those that an answer was measured to be.
    """

    name: str
    counts: Literal["answered", "failed", "left out"]
    about: str
    fault: Literal["model", "perturbation", "endpoint"] | None = None
    acted: bool = True
    again: bool = True


OK = Status("ok", "answered", "a usable answer")
UNCHANGED = Status("unchanged", "answered", "a usable answer, but no perturbation could act", acted=False)
CRASH = Status("crash", "failed", "the model raised", fault="model")
INVALID = Status("invalid", "failed", "not a usable answer", fault="model")
TIMEOUT = Status("timeout", "failed", "no answer in time", fault="model")
LATE = Status("late", "failed", "an answer after the deadline of its cell", fault="model", again=False)
RATE_LIMITED = Status("rate_limited", "failed", "the endpoint refused for its load, to the end", fault="endpoint")
REFUSAL = Status("refusal", "failed", "the model declined to answer", fault="model")
UNPARSED = Status("unparsed", "failed", "the declared rule finds no answer in what the model wrote", fault="model")
PERTURBATION_ERROR = Status(
    "perturbation_error", "left out", "a perturbation raised: the model was not asked", fault="perturbation"
)

STATUSES = (OK, UNCHANGED, CRASH, INVALID, TIMEOUT, LATE, RATE_LIMITED, REFUSAL, UNPARSED, PERTURBATION_ERROR)
"""All statuses. Records hold names, so that the order here means nothing to a run that is read."""


WRITTEN = (REFUSAL.name, UNPARSED.name)
"""Statuses of a model that has spoken, and given no answer: some do on clean input, and can be tested all the same."""
UNASKED = "unasked"
"""What becomes of a question that must not be sent: a budget is spent, or a key is refused. No record has it: the run
ends."""


def names() -> tuple[str, ...]:
    """Return the names of all statuses; a status is a position in these in arrays, which are never stored."""
    return tuple(status.name for status in STATUSES)


def failures() -> tuple[str, ...]:
    """Return the names of the statuses that count as failures of the model."""
    return tuple(status.name for status in STATUSES if status.counts == "failed")


def unsettled() -> tuple[str, ...]:
    """Return the names of the failures that are asked again when a run goes on."""
    return tuple(status.name for status in STATUSES if status.counts == "failed" and status.again)


def answered() -> tuple[str, ...]:
    """Return the names of the statuses of usable answers."""
    return tuple(status.name for status in STATUSES if status.counts == "answered")


def flags(holds: Callable[[Status], bool]) -> NDArray[np.bool_]:
    """Return for which statuses, by position, something holds."""
    return np.array([holds(status) for status in STATUSES], bool)
