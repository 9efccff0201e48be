"""One line of the table that is printed before a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Check"]


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it is as it must be, and what was seen."""

    name: str
    outcome: Literal["ok", "warning"]
    says: str
