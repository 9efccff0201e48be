"""Which keys lie side by side: the layouts of data/keyboards.json as tables of neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from perturbations.text.data import table

__all__ = ["LAYOUTS", "is_on", "neighbours", "slip"]

LAYOUTS = (
    "auto", "arabic", "azerty", "bengali", "danish", "dvorak", "greek", "hebrew", "hindi", "italian", "japanese",
    "korean", "persian", "portuguese", "qwerty", "qwertz", "russian", "spanish", "swedish", "thai",
    "turkish", "ukrainian",
)  # fmt: skip
"""Names of the layouts; ``auto`` takes each letter's most widespread one."""

_STAGGER = (0.0, 1.5, 1.75, 2.25)
"""Where each row of keys begins, in key widths (ANSI keyboards)."""
_REACH = 1.3
"""Keys whose centres are this near, in key widths, are side by side: two in the row, two above and two below."""

_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"


@cache
def neighbours(layout: str) -> Mapping[str, str]:
    """Return, for each letter of a layout, the letters on the keys beside it, in both cases where there are two."""
    if layout == "auto":
        merged: dict[str, str] = {}
        for each in table("keyboards")["auto"]:
            merged = {**neighbours(each), **merged}
        return merged
    near: dict[str, str] = {}
    for rows in table("keyboards")["layouts"][layout]:
        near |= _layer(rows)
    dotted = str.maketrans({"i": "İ"}) if layout == "turkish" else {}
    upper = {
        capital: "".join(c.upper() for c in beside.translate(dotted) if len(c.upper()) == 1)
        for key, beside in near.items()
        if len(capital := key.translate(dotted).upper()) == 1 and capital != key
    }
    return {**upper, **near}


def _layer(rows: list[str]) -> dict[str, str]:
    place = {
        key: (line, _STAGGER[line] + column)
        for line, keys in enumerate(rows)
        for column, key in enumerate(keys)
        if key.isalpha() and key != "\u0e33"  # Thai sara am is a letter to Unicode, and joins the letter before it
    }
    near = {
        key: "".join(o for o, (r, c) in place.items() if o != key and (r - row) ** 2 + (c - x) ** 2 <= _REACH**2)
        for key, (row, x) in place.items()
    }
    return {key: beside for key, beside in near.items() if beside}


def slip(cluster: str, pick: int, near: Mapping[str, str]) -> str:
    """Return a cluster whose letter was struck one key aside; the marks that belong to it stay.

    A Hangul syllable is typed letter by letter: its consonant or its vowel slips.
    """
    beside = near.get(cluster[0])
    if beside:
        return beside[pick % len(beside)] + cluster[1:]
    code = ord(cluster[0]) - 0xAC00
    lead, vowel, tail = code // 588, code // 28 % 21, code % 28
    first, pick = pick % 2 == 0, pick >> 1
    letter, order = (_LEADS[lead], _LEADS) if first else (_VOWELS[vowel], _VOWELS)
    options = [order.index(c) for c in near.get(letter, "") if c in order]
    if not options:
        return cluster
    other = options[pick % len(options)]
    code = (other * 21 + vowel) * 28 + tail if first else (lead * 21 + other) * 28 + tail
    return chr(0xAC00 + code) + cluster[1:]


def is_on(cluster: str, near: Mapping[str, str]) -> bool:
    """Tell whether a cluster is typed with a letter of the layout."""
    return cluster[0] in near or ("ㅂ" in near and "가" <= cluster[0] <= "힣")
