"""What a monitor refuses before any work, and how it says an alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perturbations import InputError
from perturbations.errors import short
from stress.monitor._reference import Reference
from stress.policy import Policy
from stress.statistics.edetectors import least_looks, least_reference

__all__ = ["alert", "checked", "enough"]


def alert(
    kind: str, name: str, says: str, item: str, window: int, look: int, time: float | None, detail: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an alert as an event."""
    return {
        "event": "alert", "kind": kind, "name": name, "says": says, "item": item, "window": window, "look": look,
        "time": time, "detail": dict(detail),
    }  # fmt: skip


def checked(policy: Policy | None, reference: Reference) -> Policy | None:
    """Return a policy that these signals can decide. Raises InputError for another."""
    if policy is None:
        return None
    if policy.relative:
        raise InputError("monitor: the policy's thresholds are relative to a group: anchor it to one first.")
    if missing := [name for name in policy.asked if name not in reference.signals]:
        raise InputError(
            f"monitor: the policy asks for {short(', '.join(missing))}, which the run's signals do not have. Give the "
            "run that it was made from."
        )
    return policy


def enough(reference: Reference, alpha: float) -> None:
    """Raise InputError where no input whatever could raise an alarm."""
    count, signals = reference.blocks.shape
    if least_looks(count, signals, alpha) is not None:
        return
    raise InputError(
        f"monitor: the run must have at least {least_reference(signals, alpha)} independent clean inputs for an alarm "
        f"to be possible with {signals} signals and {alpha:g} false alarms a look, got {count} (those of one "
        f"{reference.block} count as one). Run the suite on more, allow more false alarms (--alpha), or, where such "
        "inputs are not alike, count each (--block sample)."
    )
