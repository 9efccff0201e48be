"""``stress track`` and ``stress run --track``: a run, put into experiment trackers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import gather
from stress._face import Run, open_run
from stress.cli._display import safe, say
from stress.trackers import Tracker, tracker_of

__all__ = ["made", "track_after", "track_run"]


def made(names: Sequence[str]) -> list[Tracker]:
    """Return trackers by name. Raises InputError that lists all that cannot be used, before any work."""
    found, wrong = [], []
    for name in names:
        try:
            found.append(tracker_of(name))
        except InputError as error:
            wrong.append(str(error))
    gather(wrong, InputError)
    return found


def track_run(folder: Path, names: Sequence[str]) -> None:
    """Put a run into each of some trackers, and say where it lies; one that fails keeps the others from nothing."""
    run, trackers, wrong = open_run(folder), made(names), []
    for tracker in trackers:
        try:
            say(run.track(tracker))
        except InputError as error:
            wrong.append(str(error))
    gather(wrong, InputError)


def track_after(screen: Any, run: Run, trackers: Sequence[Tracker]) -> None:
    """Put a run that has just ended into trackers: one that fails is a line, and costs nothing."""
    for tracker in trackers:
        try:
            screen.print(safe(f"tracked: {run.track(tracker)}"), soft_wrap=True)
        except InputError as error:
            screen.print(safe("not tracked", "yellow") + safe(f" {error}"), soft_wrap=True)
