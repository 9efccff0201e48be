"""Slips of the fingers on a keyboard."""

from __future__ import annotations

from functools import cache

from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Choice, Param
from perturbations.text._keyboards import LAYOUTS, is_on, neighbours, slip
from perturbations.text.segments import Where, hit, hit_numbered, pieces

__all__ = [
    "dropped_letters",
    "extra_spaces",
    "inserted_letters",
    "keyboard_typos",
    "missing_spaces",
    "repeated_letters",
    "split_words",
    "swapped_letters",
]

SHARE = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Shares of characters; people at keyboards get 1 to 3 characters in a hundred wrong, harsher levels find limits."""


def _letters(meaning: str) -> Param:
    return Param(f"share of the letters that are {meaning}", "of letters", 0, 1, clean=0, levels=SHARE)


@cache
def _on(layout: str) -> Where:
    near = neighbours(layout)
    return Where(lambda cluster: is_on(cluster, near))


_LETTER = Where(lambda cluster: cluster[0].isalpha())


def _is_letter(unit: str) -> bool:
    """Tell whether a unit is a letter with its marks, and not a link or an address that begins with one."""
    return unit[0].isalpha() and (len(unit) == 1 or not ("." in unit or "/" in unit))


_LAYOUT = Choice("layout of the keyboard; auto takes the most usual one of each letter's script", LAYOUTS, "auto")


@text_corruption(cite=("belinkov2018", "grudin1983"), version=2, share=_letters("hit"), layout=_LAYOUT)
def keyboard_typos(text: str, rng: Generator, *, share: float, layout: str) -> str:
    """A finger lands on the next key: letters are replaced by a neighbour on the keyboard.

    ``share`` is of the letters that are on the layout. Marks that belong to a letter stay with it. Han characters
    are typed through an input method, and have no keys.
    """
    units, places = _on(layout)(text)
    near = neighbours(layout)
    for place, pick in hit_numbered(rng, places, share):
        unit = units[place]
        beside = near.get(unit)
        units[place] = beside[pick % len(beside)] if beside else slip(unit, pick, near)
    return "".join(units)


@text_corruption(cite=("belinkov2018", "grudin1983"), share=_letters("struck too early"))
def swapped_letters(text: str, rng: Generator, *, share: float) -> str:
    """Two hands fall out of step: a letter changes places with the one after it in the word.

    The last letter of a word changes places with the one before it; a letter takes part in one swap only.
    """
    units, places = _LETTER(text)
    clean = units.copy()
    last = -1
    for place in sorted(hit(rng, places, share)):
        first = place if place + 1 < len(clean) and _is_letter(clean[place + 1]) else place - 1
        if first > last and _is_letter(clean[first]) and clean[first] != clean[first + 1]:
            units[first], units[first + 1] = clean[first + 1], clean[first]
            last = first + 1
    return "".join(units)


@text_corruption(cite="belinkov2018", share=_letters("missed"))
def dropped_letters(text: str, rng: Generator, *, share: float) -> str:
    """A key is not pressed far enough: letters are missing."""
    units, places = _LETTER(text)
    for place in hit(rng, places, share):
        units[place] = ""
    return "".join(units)


@text_corruption(cite="grudin1983", share=_letters("struck together with the next key"), layout=_LAYOUT)
def inserted_letters(text: str, rng: Generator, *, share: float, layout: str) -> str:
    """A finger strikes two keys at once: a letter of a neighbouring key comes before or after the one meant.

    ``share`` is of the letters that are on the layout.
    """
    units, places = _on(layout)(text)
    near = neighbours(layout)
    for place, pick in hit_numbered(rng, places, share):
        unit = units[place]
        beside = near.get(unit)
        extra = beside[(pick >> 1) % len(beside)] if beside else slip(unit, pick >> 1, near)
        units[place] = unit + extra if pick & 1 else extra + unit
    return "".join(units)


@text_corruption(cite="belinkov2018", share=_letters("held too long"))
def repeated_letters(text: str, rng: Generator, *, share: float) -> str:
    """A key bounces or is held: letters come two to four times."""
    units, places = _LETTER(text)
    for place, pick in hit_numbered(rng, places, share):
        units[place] *= 2 + (pick % 8 == 0) + (pick % 16 == 0)
    return "".join(units)


def _gaps(parts: list[str]) -> list[int]:
    """Return the places of the gaps between two words that are white space alone."""
    return [place for place in range(2, len(parts) - 1, 2) if parts[place].isspace()]


def _spaces(meaning: str) -> Param:
    return Param(meaning, "of spaces", 0, 1, clean=0, levels=(0.05, 0.1, 0.2, 0.4, 0.8))


@text_corruption(cite="rychalska2019", share=_spaces("share of the spaces between words that are missed"))
def missing_spaces(text: str, rng: Generator, *, share: float) -> str:
    """The space bar is missed: words run together."""
    parts = pieces(text)
    places = _gaps(parts)
    for place in hit(rng, places, share):
        parts[place] = ""
    return "".join(parts)


@text_corruption(cite="rychalska2019", share=_spaces("share of the spaces between words that are doubled"))
def extra_spaces(text: str, rng: Generator, *, share: float) -> str:
    """The space bar is struck too often, or columns were aligned by hand: two to four spaces stand for one."""
    parts = pieces(text)
    places = _gaps(parts)
    for place, pick in hit_numbered(rng, places, share):
        parts[place] += " " * (1 + (pick % 4 == 0) + (pick % 8 == 0))
    return "".join(parts)


@text_corruption(cite="rychalska2019", share=Param("share of the letters beside which a space slips in", "of letters",
                                                   0, 1, clean=0, levels=SHARE))  # fmt: skip
def split_words(text: str, rng: Generator, *, share: float) -> str:
    """The thumb touches the space bar inside a word: words fall apart.

    The space comes after a letter, or before the last letter of a word; words of one letter stay.
    """
    units, places = _LETTER(text)
    clean = units.copy()
    for place in hit(rng, places, share):
        if place + 1 < len(clean) and _is_letter(clean[place + 1]):
            units[place] += " "
        elif place and _is_letter(clean[place - 1]):
            units[place] = f" {units[place]}"
    return "".join(units)
