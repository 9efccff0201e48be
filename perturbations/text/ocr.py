"""What scanners, typesetting and wrong encodings make of a page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Choice, Param
from perturbations.text.data import table
from perturbations.text.segments import Where, graphemes, hit, hit_numbered, is_keycap, words

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
def _readable(script: str) -> Where:
    taken = _confusions(script)
    return Where(lambda cluster: cluster[0] in taken and not is_keycap(cluster))


@text_corruption(
    cite=("rigaud2019", "nguyen2021"),
    version=2,
    share=Param("share of the confusable characters that are misread", "of confusable characters", 0, 1, clean=0,
                levels=(0.02, 0.05, 0.1, 0.2, 0.4)),
    script=Choice("script whose confusions are used", SCRIPTS, "all"),
)  # fmt: skip
def ocr_confusions(text: str, rng: Generator, *, share: float, script: str) -> str:
    """A worn print or a poor scan: characters are read as others of nearly the same shape (rn → m, l → 1, ر → ز)."""
    taken = _confusions(script)
    units, places = _readable(script)(text)
    pairs = []
    clean = units.copy()
    for place, pick in hit_numbered(rng, places, share):
        unit = clean[place]
        pair = unit + clean[place + 1] if pick & 1 and place + 1 < len(clean) else unit
        if pair != unit and pair in taken:
            pairs.append((place, taken[pair], pick >> 1))
        elif options := taken.get(unit):
            units[place] = options[(pick >> 1) % len(options)]
        elif options := taken.get(unit[0]):  # a letter with marks of its own: the letter is misread, the marks stay
            units[place] = options[(pick >> 1) % len(options)] + unit[1:]
    return "".join(_with_pairs(units, pairs) if pairs else units)


def _with_pairs(units: list[str], pairs: list[tuple[int, tuple[str, ...], int]]) -> list[str]:
    """Misread pairs of characters as one thing; of two pairs that overlap, the first is."""
    last = -1
    for place, options, pick in sorted(pairs):
        if place > last:
            units[place], units[place + 1] = options[pick % len(options)], ""
            last = place + 1
    return units


_SPECKS = (".", ",", "'", "`", "-", "_", "~", "^", "*", "|", "·", "°", ";", ":")


@text_corruption(
    cite="rigaud2019",
    share=Param("share of the characters beside which dirt is read as a mark", "of characters", 0, 1, clean=0,
                levels=(0.01, 0.02, 0.05, 0.1, 0.2)),
)  # fmt: skip
def ocr_page_noise(text: str, rng: Generator, *, share: float) -> str:
    """Dust, stains and bleed-through: specks on the page are read as punctuation that nobody wrote."""
    units, kept = graphemes(text)
    for place, pick in hit_numbered(rng, range(len(units)), share):
        if place not in kept and not units[place].isspace():
            units[place] += _SPECKS[pick % len(_SPECKS)]
    return "".join(units)


@text_corruption(
    cite="rigaud2019",
    version=2,
    share=Param("share of the longer words that are broken at the end of a line", "of words of five letters or more",
                0, 1, clean=0, levels=(0.05, 0.1, 0.2, 0.4, 0.8)),
)  # fmt: skip
def hyphenation(text: str, rng: Generator, *, share: float) -> str:
    """Narrow columns copied with their line ends: words are broken by a hyphen and a new line.

    Scripts that set off no words by spaces are left alone: they break without a hyphen.
    """
    parts, each = words(text)
    places = [place for place in each if len(parts[place]) > 4 and parts[place].isalpha()]
    for place, pick in hit_numbered(rng, places, share):
        units = graphemes(parts[place])[0]
        if len(units) > 4:
            at = 2 + pick % (len(units) - 3)
            parts[place] = f"{''.join(units[:at])}-\n{''.join(units[at:])}"
    return "".join(parts)


@text_corruption(
    cite="rigaud2019",
    share=Param("share of the spaces between words that become line ends", "of spaces", 0, 1, clean=0,
                levels=(0.05, 0.1, 0.2, 0.4, 0.8)),
)  # fmt: skip
def line_breaks(text: str, rng: Generator, *, share: float) -> str:
    """Text copied from a page, a poem or a mail keeps the page's line ends in the middle of its sentences."""
    units, places = _SPACE(text)
    for place in hit(rng, places, share):
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
    for place in hit(rng, places, share):
        units[place] = "" if shown == "nothing" else shown
    return "".join(units)
