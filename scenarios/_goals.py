"""What share of a model's worth each stream is meant to have: goals of balance, as they are declared."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from perturbations.errors import named_keywords, nearest, short

__all__ = ["Goals", "goals_of"]

KINDS = ("equal", "adaptive")
_FORMS = (
    "equal, adaptive, or shares by stream that add up to 1 (image=0.5,audio=0.5), with a tolerance if it is not 0.1 "
    "(goal=equal,tolerance=0.05)"
)
_ROUNDED = 0.011
"""How far shares may be from 1 in all: thirds are written as 0.33."""


@dataclass(frozen=True)
class Goals:
    """``kind``: ``equal`` – each stream the same share; ``proportional`` – the ``shares`` given, by stream; or
    ``adaptive`` – in proportion to what each stream achieves alone, on clean input and under each stress.

    A share within ``tolerance`` of its goal keeps it.
    """

    kind: str
    shares: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 0.1

    def __str__(self) -> str:
        shares = ", ".join(f"{name} {share:g}" for name, share in self.shares.items())
        return f"{shares or self.kind} ± {self.tolerance:g}"

    def mismatch(self, streams: Collection[str]) -> str | None:
        """Return what is wrong with the goals for a model of these streams, or nothing."""
        for name in self.shares:
            if name not in streams:
                return f"goals must name streams of the model, got {name!r}. {nearest(name, list(streams))}"
        total = sum(self.shares.values())
        if self.shares and set(self.shares) == set(streams) and abs(total - 1) > _ROUNDED:
            return _sum(self.shares, "add up to 1")
        return None


@named_keywords
def goals_of(given: Any) -> Goals | str:
    """Return declared goals, or what is wrong with them. A text may hold pairs: ``image=0.5,audio=0.5``."""
    if isinstance(given, Goals):
        return given
    if isinstance(given, str) and "=" in given:
        pairs = [part.partition("=") for part in given.split(",")]
        if len({name.strip() for name, _, _ in pairs}) < len(pairs):
            return f"goals must name each stream once, got {given!r}."
        given = {name.strip(): _number(value) for name, _, value in pairs}
    if isinstance(given, str):
        given = {"goal": given}
    if not isinstance(given, Mapping) or not given:
        return f"goals must be {_FORMS}, got {short(given)}."
    shares = {str(name): value for name, value in given.items() if name not in ("goal", "tolerance")}
    return _checked(given.get("goal"), shares, given.get("tolerance", 0.1))


def _checked(kind: Any, shares: Mapping[str, Any], tolerance: Any) -> Goals | str:
    if kind is not None and kind not in KINDS:
        return f"goals must be {_FORMS}, got {short(kind)}. {nearest(str(kind), KINDS)}".rstrip()
    if (kind is None) == (not shares):
        return f"goals must be {_FORMS}, got {'both' if shares else 'a tolerance alone'}."
    if not _share(tolerance) or not tolerance:
        return f"goals: tolerance must be in (0, 1], got {short(tolerance)}."
    for name, value in shares.items():
        if not _share(value):
            return f"goals must be shares in [0, 1], got {name}: {short(value)}."
    if sum(shares.values()) > 1 + _ROUNDED:
        return _sum(shares, "add up to 1, or to less where streams are left out")
    numbers = {name: float(value) for name, value in shares.items()}
    return Goals(kind or "proportional", numbers, float(tolerance))


def _share(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value <= 1


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.strip()


def _sum(shares: Mapping[str, float], must: str) -> str:
    total = sum(shares.values())
    meant = ", ".join(f"{name} {value / total:.3g}" for name, value in shares.items()) if total else "equal"
    return f"goals must {must}, got {total:g}. Did you mean {meant}?"
