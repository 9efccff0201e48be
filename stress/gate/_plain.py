"""A number as people read it."""

from __future__ import annotations

import math

__all__ = ["number"]


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as it is shown: three decimals, or three digits where it is large."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.0f}"
    return text.replace("-", "−")
