"""A stretch of a value: of its pixels, its frames or its words. Longer stretches hold the shorter ones."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["span", "words"]


def span(length: int, share: float, where: float) -> tuple[int, int]:
    """Return the bounds of a stretch of this share of a length, at least one long; ``where`` in [0, 1) is its place.

    For one place the stretches are nested: as the share grows, each end moves outwards or stays.
    """
    count = min(length, max(1, round(share * length))) if length and share > 0 else 0
    start = int(where * (length - count))
    return start, start + count


def words(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text begin and end; in a run of over 40 characters, as in a script without spaces,
    every character is one. A character is a letter with its marks, or an emoji with its joiners.
    """
    pieces: list[tuple[int, int]] = []
    for match in re.finditer(r"\S+", text):
        start, end = match.span()
        if end - start <= 40 or match[0].isascii():
            pieces.append((start, end))
            continue
        edges = [i for i in range(start + 1, end) if not _joined(text[i - 1], text[i])]
        pieces += zip([start, *edges], [*edges, end], strict=True)
    return pieces


def _joined(before: str, after: str) -> bool:
    """Whether two code points belong to one character: marks, joiners, skin tones and flags stay together."""
    if unicodedata.category(after).startswith("M") or "\u200d" in (before, after):
        return True
    flag = "\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff"
    return flag or "\U0001f3fb" <= after <= "\U0001f3ff"
