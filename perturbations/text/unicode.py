"""One text, many code points: what copying, hiding and decorating do to characters that look alike or are unseen."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache

from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Choice, Param
from perturbations.text.data import table
from perturbations.text.segments import Where, graphemes, hit, hit_numbered, is_keycap, phrases, pieces, words

__all__ = [
    "bidi_marks",
    "bidi_reordering",
    "emoji",
    "full_width",
    "homoglyphs",
    "normalisation_form",
    "odd_spaces",
    "smart_punctuation",
    "stacked_marks",
    "zero_width",
]


def _letters(meaning: str) -> Param:
    return Param(meaning, "of letters", 0, 1, clean=0, levels=(0.02, 0.05, 0.1, 0.2, 0.4))


def _words(meaning: str) -> Param:
    return Param(meaning, "of words", 0, 1, clean=0, levels=(0.05, 0.1, 0.2, 0.4, 0.8))


_LETTER = Where(lambda cluster: cluster[0].isalpha())


@cache
def _doubles() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for group in table("homoglyphs")["groups"]:
        for character in group:
            found[character] = found.get(character, "") + group.replace(character, "")
    return {character: others for character, others in found.items() if others}


_DOUBLED = Where(lambda cluster: cluster[0] in _doubles() and not is_keycap(cluster))


@text_corruption(
    cite=("unicode_tr39", "boucher2022"),
    version=2,
    share=Param("share of the characters with a look-alike that are replaced", "of such characters", 0, 1, clean=0,
                levels=(0.02, 0.05, 0.1, 0.2, 0.4)),
)  # fmt: skip
def homoglyphs(text: str, rng: Generator, *, share: float) -> str:
    """A spoofed name or a filter dodged: characters give way to look-alikes of other scripts (Latin a, Cyrillic а)."""
    units, places = _DOUBLED(text)
    doubles = _doubles()
    for place, pick in hit_numbered(rng, places, share):
        others = doubles[units[place][0]]
        units[place] = others[pick % len(others)] + units[place][1:]
    return "".join(units)


_INVISIBLE = "\u200b\u2060\ufeff\u00ad"


@text_corruption(cite="boucher2022", share=_letters("share of the letters after which something invisible comes"))
def zero_width(text: str, rng: Generator, *, share: float) -> str:
    """Copied from a web page, or hidden on purpose: zero-width spaces, word joiners and soft hyphens inside words.

    Joiners (U+200C, U+200D) are not used: they would change letters that are drawn joined.
    """
    units, places = _LETTER(text)
    for place, pick in hit_numbered(rng, places, share):
        units[place] += _INVISIBLE[pick % len(_INVISIBLE)]
    return "".join(units)


_MARKS = ("\u200e{}", "\u200f{}", "{}\u200e", "{}\u200f", "\u2068{}\u2069", "\u202a{}\u202c", "\u202b{}\u202c")


@text_corruption(cite="unicode_uax9", version=2, share=_words("share of the words that get directional marks"))
def bidi_marks(text: str, rng: Generator, *, share: float) -> str:
    """Pasted from a mixed-direction document: words carry invisible direction marks; the logical order stays.

    Scripts that set off no words by spaces are left alone.
    """
    parts, places = words(text)
    for place, pick in hit_numbered(rng, places, share):
        parts[place] = _MARKS[pick % len(_MARKS)].format(parts[place])
    return "".join(parts)


@text_corruption(
    cite="boucher2022", version=2, share=_words("share of the left-to-right words that are stored backwards")
)
def bidi_reordering(text: str, rng: Generator, *, share: float) -> str:
    """An attacker hides behind direction controls: a word is stored backwards, and shown as it was.

    Words of right-to-left scripts keep their logical order: they are left alone, as are scripts without spaces.
    """
    parts, each = words(text)
    places = [p for p in each if len(parts[p]) > 1 and not _right_to_left(parts[p])]
    for place in hit(rng, places, share):
        parts[place] = f"\u202e{''.join(reversed(graphemes(parts[place])[0]))}\u202c"
    return "".join(parts)


def _right_to_left(word: str) -> bool:
    return not word.isascii() and any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in word)


def _composed() -> str:
    return "Zoë (Zoe\u0308) ﬁled № ½ at ２ o'clock: Å, Å, 각, ｶﾞ."


@text_corruption(
    cite="unicode_uax15",
    witness=_composed,
    form=Choice("Unicode normalisation form", ("NFC", "NFD", "NFKC", "NFKD"), axis=True),
)
def normalisation_form(text: str, *, form: str) -> str:
    """Another system stores the same text in another normal form: é as one code point or as two, ﬁ as fi."""
    return unicodedata.normalize(form, text)  # type: ignore[arg-type] # the declaration allows these four only


_WIDE = Where(lambda cluster: "!" <= cluster[0] <= "~" and all(unicodedata.combining(mark) for mark in cluster[1:]))
"""ASCII characters, with their accents if they are decomposed; not the keys of emoji, and not what has a variant."""


@text_corruption(
    cite="unicode_uax15",
    version=2,
    share=Param("share of the ASCII characters that are typed full-width", "of ASCII characters", 0, 1, clean=0,
                levels=(0.05, 0.1, 0.25, 0.5, 1.0)),
)  # fmt: skip
def full_width(text: str, rng: Generator, *, share: float) -> str:
    """An East Asian input method left on: Latin letters and digits in their full-width forms (Ａ１).

    Accents of a decomposed letter stay on it.
    """
    units, places = _WIDE(text)
    for place in hit(rng, places, share):
        unit = units[place]
        units[place] = chr(ord(unit[0]) + 0xFEE0) + unit[1:]
    return "".join(units)


_SPACE = Where(" ".__eq__)
_ODD = "\u00a0\u2009\u202f\u2002\u3000\t"


@text_corruption(
    cite="unicode_uax14",
    share=Param("share of the spaces that become another kind", "of spaces", 0, 1, clean=0,
                levels=(0.05, 0.1, 0.25, 0.5, 1.0)),
)  # fmt: skip
def odd_spaces(text: str, rng: Generator, *, share: float) -> str:
    """Copied from a web page or a table: no-break, thin and ideographic spaces and tabs stand for plain ones."""
    units, places = _SPACE(text)
    for place, pick in hit_numbered(rng, places, share):
        units[place] = _ODD[pick % len(_ODD)]
    return "".join(units)


@text_corruption(cite="unicode_uax14")
def smart_punctuation(text: str) -> str:
    """A word processor improves what is typed: straight quotes become curly, hyphens dashes, three points one."""
    parts = pieces(text)
    before = " "
    for place, part in enumerate(parts):
        if place % 2:
            part = part.replace("'", "’")
        elif not ("<" in part or "://" in part):  # the gap holds markup or a link
            part = _curled(part, before)
        parts[place] = part
        before = part[-1:] or before
    return "".join(parts)


def _curled(gap: str, before: str) -> str:
    result = []
    for character in gap.replace("...", "…").replace(" - ", " – ").replace("--", "—"):
        opening = before.isspace() or before in "([{—"
        if character == '"':
            character = "“" if opening else "”"
        elif character == "'":
            character = "‘" if opening else "’"
        result.append(character)
        before = character
    return "".join(result)


_STACK = tuple(chr(code) for code in range(0x0300, 0x0345))


@text_corruption(cite="eger2020", share=_letters("share of the letters that are decorated"))
def stacked_marks(text: str, rng: Generator, *, share: float) -> str:
    """Decorated "glitch" text of social media: letters carry one to three accents that do not belong there."""
    units, places = _LETTER(text)
    for place, pick in hit_numbered(rng, places, share):
        for _ in range(1 + pick % 3):
            pick >>= 8
            units[place] += _STACK[pick % len(_STACK)]
    return "".join(units)


_EMOJI = (
    *"😀😂🙏🔥🎉😢🤔✨💯😅👀",
    "👍\U0001f3fd",  # with a skin tone
    "❤\ufe0f",
    "👨\u200d👩\u200d👧\u200d👦",  # one cluster of seven code points
    "\U0001f1e9\U0001f1ea",  # a flag is two letters
    "🤷\U0001f3fb\u200d♀\ufe0f",
)


@text_corruption(cite="dhole2023", version=2, share=_words("share of the words after which an emoji comes"))
def emoji(text: str, rng: Generator, *, share: float) -> str:
    """A message from a phone: emoji, with skin tones, families and flags, stand between the words.

    Where a script sets off no words by spaces, they stand where a phrase ends.
    """
    parts, places = phrases(text, ends=True)
    for place, pick in hit_numbered(rng, places, share):
        parts[place] += f" {_EMOJI[pick % len(_EMOJI)]}"
    return "".join(parts)
