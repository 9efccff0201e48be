"""What scanners, typesetting and wrong encodings make of a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Choice, Param
from perturbations.text._units import Where, choose, clusters, may_keep, pieces
from perturbations.text.data import table

__all__ = ["hyphenation", "line_breaks", "lost_characters", "mojibake", "ocr_confusions", "ocr_page_noise"]

SCRIPTS = (
    "all",
    "arabic",
    "bengali",
    "cyrillic",
    "devanagari",
    "greek",
    "han",
    "hangul",
    "hebrew",
    "kana",
    "latin",
    "thai",
)


@cache
def _confusions(script: str) -> Mapping[str, tuple[str, ...]]:
    """Return what each character, or pair of characters, may be taken for."""
    tables = table("ocr")
    scripts = [name for name in tables if name != "source"] if script == "all" else [script]
    found: dict[str, tuple[str, ...]] = {}
    for name in scripts:
        for line in tables[name]:
            seen, *taken = line.split(" ")
            found[seen] = (*found.get(seen, ()), *taken)
    return found


@cache
def _pattern(script: str) -> re.Pattern[str]:
    """Return the pattern that splits an ASCII text at what may be confused, pairs of letters first."""
    seen = sorted((s for s in _confusions(script) if s.isascii()), key=lambda s: (-len(s), s))
    return re.compile("(" + "|".join(map(re.escape, seen)) + ")" if seen else "(?!)()")


@cache
def _readable(script: str) -> Where:
    taken = _confusions(script)
    return Where(lambda cluster: cluster[0] in taken)


@text_corruption(
    cite=("rigaud2019", "nguyen2021"),
    share=Param("share of the confusable characters that are misread", "of confusable characters", 0, 1, clean=0,
                levels=(0.02, 0.05, 0.1, 0.2, 0.4)),
    script=Choice("script whose confusions are used", SCRIPTS, "all"),
)  # fmt: skip
def ocr_confusions(text: str, rng: Generator, *, share: float, script: str) -> str:
    """A worn print or a poor scan: characters are read as others of nearly the same shape (rn → m, l → 1, ر → ز)."""
    taken = _confusions(script)
    units, places = _split(text, script)
    hits, picks = choose(rng, len(places), share)
    for hit, pick in zip(hits, picks):
        place = places[hit]
        unit = units[place]
        options = taken.get(unit)
        if options is None:  # a letter with marks of its own: the letter is misread, the marks stay
            options = tuple(other + unit[1:] for other in taken[unit[0]])
        units[place] = options[pick % len(options)]
    return "".join(units)


def _split(text: str, script: str) -> tuple[list[str], list[int]]:
    """Return a text in parts, and the places of the parts that may be misread."""
    if text.isascii() and not may_keep(text):
        parts = _pattern(script).split(text)
        return parts, list(range(1, len(parts), 2))
    units, found = _readable(script)(text)
    places = found.tolist()
    taken = _confusions(script)
    pairs = [p for p, q in zip(places, [*places[1:], -1]) if q == p + 1 and units[p] + units[q] in taken]
    for place in pairs:
        if units[place] and units[place] + units[place + 1] in taken:
            units[place], units[place + 1] = units[place] + units[place + 1], ""
    return units, [place for place in places if units[place]]


_SPECKS = (".", ",", "'", "`", "-", "_", "~", "^", "*", "|", "·", "°", ";", ":")


@text_corruption(
    cite="rigaud2019",
    share=Param("share of the characters beside which dirt is read as a mark", "of characters", 0, 1, clean=0,
                levels=(0.01, 0.02, 0.05, 0.1, 0.2)),
)  # fmt: skip
def ocr_page_noise(text: str, rng: Generator, *, share: float) -> str:
    """Dust, stains and bleed-through: specks on the page are read as punctuation that nobody wrote."""
    units, kept = clusters(text)
    hits, picks = choose(rng, len(units), share)
    for place, pick in zip(hits, picks):
        if place not in kept and not units[place].isspace():
            units[place] += _SPECKS[pick % len(_SPECKS)]
    return "".join(units)


@text_corruption(
    cite="rigaud2019",
    share=Param("share of the longer words that are broken at the end of a line", "of words of five letters or more",
                0, 1, clean=0, levels=(0.05, 0.1, 0.2, 0.4, 0.8)),
)  # fmt: skip
def hyphenation(text: str, rng: Generator, *, share: float) -> str:
    """Narrow columns copied with their line ends: words are broken by a hyphen and a new line."""
    parts = pieces(text)
    places = [place for place in range(1, len(parts), 2) if len(parts[place]) > 4 and parts[place].isalpha()]
    for hit, pick in zip(*choose(rng, len(places), share)):
        units = clusters(parts[places[hit]])[0]
        if len(units) > 4:
            at = 2 + pick % (len(units) - 3)
            parts[places[hit]] = f"{''.join(units[:at])}-\n{''.join(units[at:])}"
    return "".join(parts)


@text_corruption(
    cite="rigaud2019",
    share=Param("share of the spaces between words that become line ends", "of spaces", 0, 1, clean=0,
                levels=(0.05, 0.1, 0.2, 0.4, 0.8)),
)  # fmt: skip
def line_breaks(text: str, rng: Generator, *, share: float) -> str:
    """Text copied from a page, a poem or a mail keeps the page's line ends in the middle of its sentences."""
    units, places = _SPACE(text)
    for place in places[choose(rng, len(places), share)[0]].tolist():
        units[place] = "\n"
    return "".join(units)


_SPACE = Where(" ".__eq__)

_READINGS = {
    "utf-8 as windows-1252": ("utf-8", "windows-1252"),
    "utf-8 as windows-1251": ("utf-8", "windows-1251"),
    "utf-8 as mac-roman": ("utf-8", "mac_roman"),
    "utf-8 as shift-jis": ("utf-8", "shift_jis"),
    "utf-8 as gbk": ("utf-8", "gbk"),
    "utf-8 as ascii": ("utf-8", "ascii"),
    "utf-8 twice as windows-1252": ("utf-8", "windows-1252"),
    "windows-1252 as utf-8": ("windows-1252", "utf-8"),
    "windows-1252 as mac-roman": ("windows-1252", "mac_roman"),
}


def _read_as(text: str, written: str, read: str) -> str:
    """Write a text in one encoding and read the bytes in another, as programs do that guess wrong.

    What cannot be written becomes a question mark. Bytes that are not assigned become the control characters of
    the same number in windows-1252, as browsers have it, and U+FFFD in other encodings.
    """
    data = text.encode(written, "replace")
    if read != "windows-1252":
        return data.decode(read, "replace")
    return "".join(_WINDOWS[byte] for byte in data)


_WINDOWS = [bytes([byte]).decode("windows-1252", "ignore") or chr(byte) for byte in range(256)]


@text_corruption(
    cite="w3c_encoding",
    encodings=Choice("encoding that the text was written in, and the one it is read in", tuple(_READINGS), axis=True),
)
def mojibake(text: str, *, encodings: str) -> str:
    """A file is opened in the wrong encoding: é becomes Ã©, whole scripts become nonsense; ASCII is not touched.

    A real round trip through the encoder and the decoder, so the result is what users see.
    """
    written, read = _READINGS[encodings]
    if "twice" in encodings:
        text = _read_as(text, written, read)
    return _read_as(text, written, read)


def _foreign() -> str:
    return "Zoë paid 12 € for “crème brûlée” – и чай, 世界, नमस्ते, 👍🏽."


_FOREIGN = Where(lambda cluster: not cluster.isascii())


@text_corruption(
    cite="w3c_encoding",
    witness=_foreign,
    share=Param("share of the characters outside ASCII that are lost", "of such characters", 0, 1, clean=0,
                levels=(0.1, 0.25, 0.5, 0.75, 1.0)),
    shown=Choice("what stands in their place", ("�", "?", "□", "_", "nothing"), "�"),
)  # fmt: skip
def lost_characters(text: str, rng: Generator, *, share: float, shown: str) -> str:
    """An old database, printer or font does not know the characters: a box or a question mark stands for each."""
    units, places = _FOREIGN(text)
    for place in places[choose(rng, len(places), share)[0]].tolist():
        units[place] = "" if shown == "nothing" else shown
    return "".join(units)
