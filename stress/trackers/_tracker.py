"""What a tracker has to do: four calls, in this order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

__all__ = ["Point", "Tracker"]


@dataclass(frozen=True)
class Point:
    """One number of a curve: ``step`` is the severity, 0 clean; ``value`` is finite."""

    curve: str
    step: int
    value: float


@runtime_checkable
class Tracker(Protocol):
    """Where the numbers of finished work are kept and looked at, beside those of training.

    ``begin``, ``points``, ``files`` and ``end`` are called once each, in this order; whatever one of them raises is
    one line that is shown, and costs no record. Nothing may be sent anywhere that the user did not name.
    """

    def begin(self, suite: str, name: str, facts: Mapping[str, str]) -> None:
        """Open an entry ``name`` in the experiment ``suite``; ``facts`` say who was run on what."""
        ...

    def points(self, points: Sequence[Point]) -> None:
        """Take the curves: names hold letters, digits, spaces and ``_ - . : /`` alone, 250 characters at most."""
        ...

    def files(self, files: Mapping[str, Path]) -> None:
        """Keep files – the report, ``gate.json`` – by their names there, as ``report/index.html``."""
        ...

    def end(self, whole: bool) -> str:
        """Close the entry and return where it is; ``whole`` is False where something before went wrong."""
        ...
