"""A tracker by name: ``mlflow:URI``, ``wandb:PROJECT``, ``tensorboard:FOLDER``, or one that a package installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from typing import Any

from perturbations import InputError, StressError
from perturbations.errors import named_keywords, nearest, short
from stress.trackers._mlflow import MLflow
from stress.trackers._tensorboard import TensorBoard
from stress.trackers._tracker import Tracker
from stress.trackers._wandb import WandB

__all__ = ["GROUP", "tracker_of"]

GROUP = "multimodal_stress.trackers"
"""Entry-point group: each entry names a callable that returns a ``Tracker``, given what stands after ``NAME:``."""
_CALLS = ("begin", "points", "files", "end")
_OWN: dict[str, Callable[[str], Tracker]] = {
    "mlflow": MLflow,
    "tensorboard": TensorBoard,
    "wandb": WandB,
    "wandb-online": lambda project: WandB(project, online=True),
}


@named_keywords
def tracker_of(to: Tracker | str) -> Tracker:
    """Return the tracker that a name means, or the one that was given; nothing is written or asked yet.

    Raises InputError for a name that is not known, a place that it cannot use, or a package that is not installed.
    """
    if not isinstance(to, str):
        if isinstance(to, type) or not all(callable(getattr(to, name, None)) for name in _CALLS):
            raise InputError(
                f"track: a tracker must have the calls {', '.join(_CALLS)}, got {short(to)}. By name: {_known()}."
            )
        return to
    name, colon, place = to.partition(":")
    if name in _OWN and colon:
        return _OWN[name](place)
    entries = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    if name not in entries or not colon:
        raise InputError(
            f"track: must be {_known()} or NAME:PLACE of an installed tracker, got {short(name)}. "
            f"{nearest(name, [*_OWN, *entries])}"
        )
    try:
        made = entries[name].load()(place)
    except StressError:
        raise
    except Exception as error:
        raise InputError(f"track: the installed tracker {name} cannot be made: {error!r}.") from error
    return tracker_of(made) if not isinstance(made, str) else _refuse(name, made)


def _refuse(name: str, made: Any) -> Tracker:
    raise InputError(f"track: the installed tracker {name} must return a tracker, got {short(made)}.")


def _known() -> str:
    return "mlflow:URI, wandb:PROJECT, wandb-online:PROJECT, tensorboard:FOLDER"
