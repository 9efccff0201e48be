"""A stretch of a value: of its pixels, its frames or its words. Longer stretches hold the shorter ones."""

from __future__ import annotations

__all__ = ["span"]


def span(length: int, share: float, where: float) -> tuple[int, int]:
    """Return the bounds of a stretch of this share of a length, at least one long; ``where`` in [0, 1) is its place.

    For one place the stretches are nested: as the share grows, each end moves outwards or stays.
    """
    count = min(length, max(1, round(share * length))) if length and share > 0 else 0
    start = int(where * (length - count))
    return start, start + count
