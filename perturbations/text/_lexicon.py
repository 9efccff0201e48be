"""Word lists that replace words: a user's file, read once per content, and the replacing itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import compress

from numpy.random import Generator

from perturbations.errors import InputError, short
from perturbations.files import open_regular, read_regular
from perturbations.text.segments import hit_numbered, pieces, spaced

__all__ = ["like", "read_lexicon", "read_lines", "replace_words"]


def read_lines(path: str) -> tuple[str, ...]:
    """Return the lines of a UTF-8 text file. Raises InputError where it cannot be read, with the line at fault."""
    data = read_regular(path, "lexicon")
    try:
        return tuple(data.decode("utf-8-sig").splitlines())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: must be UTF-8, got the byte 0x{data[error.start]:02x}.") from None


def read_lexicon(path: str) -> Mapping[str, tuple[str, ...]]:
    """Return the words of a file and what replaces each, in the file's order.

    A line holds a word, a tab or a space, and its replacement (MUSE dictionaries are written so); a word may come on
    several lines, and with tabs the replacement may have several words. Empty lines and lines that start with ``#``
    are left out. Raises InputError with the number of the first line that does not fit.
    """
    with open_regular(path, "lexicon") as file:
        about = os.fstat(file.fileno())
    return _read(path, about.st_mtime_ns, about.st_size)


@lru_cache(16)
def _read(path: str, modified: int, size: int) -> Mapping[str, tuple[str, ...]]:
    del modified, size  # they are part of the cache's key: a file that was changed is read again
    found: dict[str, list[str]] = {}
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) != 2 or not all(field.strip() for field in fields):
            raise InputError(
                f"{path}:{number}: must be a word, a tab and its replacement, got {short(line)}. Comments start with #."
            )
        found.setdefault(fields[0].strip().lower(), []).append(fields[1].strip())
    if not found:
        raise InputError(f"{path}: must hold at least one word and its replacement, got none.")
    return {word: tuple(dict.fromkeys(others)) for word, others in found.items()}


def like(word: str, model: str) -> str:
    """Return a word with the capitals of another: all of them, the first one, or as it is."""
    if model.islower():
        return word
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word


_LONGEST = 8
"""Characters of a word in a script without spaces, at most."""


def _longest_words(parts: list[str], table: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the pieces with characters of scripts without spaces joined to the longest words that the table has."""
    joined = parts[:1]
    place = 1
    while place < len(parts):
        end = place
        if not spaced(parts[place]):
            word, reach = parts[place], place + 2
            while reach < min(len(parts), place + 2 * _LONGEST) and not parts[reach - 1]:
                word += parts[reach]
                end = reach if word in table else end
                reach += 2
        joined += ("".join(parts[place : end + 1]), parts[end + 1])
        place = end + 2
    return joined


def replace_words(
    text: str,
    rng: Generator,
    share: float,
    table: Mapping[str, tuple[str, ...]],
    dress: Callable[[str, str], str] = like,
) -> str:
    """Return the text with a share of its words that are in the table replaced by one of their entries there.

    In scripts without spaces the longest words that the table has are found, from the left.
    """
    parts = pieces(text) if text.isascii() else _longest_words(pieces(text), table)
    small = parts[1::2] if text.islower() else [*map(str.lower, parts[1::2])]
    places = [*compress(range(1, len(parts), 2), map(table.__contains__, small))]
    for place, pick in hit_numbered(rng, places, share):
        others = table[small[place >> 1]]
        parts[place] = dress(others[pick % len(others)], parts[place])
    return "".join(parts)
