"""One line of the table that is printed before a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Check", "check_of"]


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it is as it must be, and what was seen."""

    name: str
    outcome: Literal["ok", "warning"]
    says: str


def check_of(name: str, wrong: str | None, fine: str) -> Check:
    """Return a check of a model under attack, with what is wrong, where anything is, or what was looked at."""
    outcome: Literal["ok", "warning"] = "ok" if wrong is None else "warning"
    return Check(f"attack: {name}", outcome, wrong or fine)
