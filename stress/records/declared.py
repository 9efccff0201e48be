"""What the task of a run said of itself when it ran, so that its records can be read without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Declared"]


@dataclass(frozen=True)
class Declared:
    """The task's name, its classes (none where it has none), whether a record has one label of them, its headline."""

    task: str
    classes: tuple[str, ...]
    single: bool
    headline: str

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Declared:
        """Return what ``run.json`` says of the task."""
        classes = tuple(map(str, info.get("classes") or ()))
        return cls(str(info.get("task", "")), classes, info.get("labels") == "one", str(info.get("headline", "")))
