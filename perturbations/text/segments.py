"""The units that text perturbations touch: grapheme clusters and words. White space, links and markup are never units.

A cluster is what a reader calls one character (UAX #29): a Devanagari letter with its vowel sign, a flag, a family
emoji. ASCII, and the many scripts in which every code point is a cluster of its own, take a path without a library.
A word is a run of letters, marks and digits with the apostrophes, points and hyphens inside it; where a script
sets off no words by spaces (Han, kana, Thai, Lao, Khmer, Burmese, Tibetan and others) a piece is one cluster, or a run
of them, and no word: telling words apart there takes a dictionary. What is done to words is not done there
(``words``); what is done to letters is. Entries of a lexicon are found there, the longest first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = [
    "Places",
    "Where",
    "graphemes",
    "hit",
    "hit_numbered",
    "is_keycap",
    "may_keep",
    "outside",
    "phrases",
    "pieces",
    "sentences",
    "spaced",
    "words",
]

Places: TypeAlias = NDArray[np.intp] | Sequence[int]
"""Indices of what may be hit."""

_KEPT = (
    r"(?i:https?|ftp)://[^\s<>\"]*[^\s<>\".,;:!?)\]}']|(?<!\w)www\.[^\s<>\"]*\w"
    r"|(?<![\w.+-])[\w.+-]{1,64}@\w[\w-]{0,62}(?:\.\w[\w-]{0,62})+"
    r"|</?[A-Za-z][^<>]{0,2000}>|<!--[^<>]{0,2000}-->|&(?:[A-Za-z]{2,31}|\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6});"
)
_NO_SPACES = r"\u3041-\u3096\u309b-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_SIMPLE = re.compile(
    r"[\x00-\u02ff\u0370-\u0482\u048a-\u0556\u0561-\u0587\u05d0-\u05ea\u0620-\u064a\u0660-\u066f\u0671-\u06d3"
    r"\u06f0-\u06f9\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2100-\u218b\u3001-\u3029"
    r"\u3041-\u3096\u309b-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff9d]*"
)
_PLAIN = b" 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ASCII_WORD = re.compile(r"([$#0-9A-Z_a-z]++(?:['.,:\-][0-9A-Z_a-z]++)*+)")
_SIMPLE_WORD = re.compile(rf"([{_NO_SPACES}]|[$#£€¥₹]?[^\W{_NO_SPACES}]+(?:['’.,:-][^\W{_NO_SPACES}]+)*)")
_SIMPLE_KEPT = re.compile(rf"({_KEPT})|[\s\S]")
_SIMPLE_KEPT_WORD = re.compile(rf"(?:{_KEPT})|{_SIMPLE_WORD.pattern}")
_KEPT_SPLIT = re.compile(f"({_KEPT})")
_ABBREVIATED = "|".join(
    rf"(?<=\b{word})" for word in ("Dr", "Mr", "Ms", "St", "Mrs", "Prof", "[A-Z]", r"e\.g", r"i\.e")
)
_SENTENCE = re.compile(
    rf"[^.!?。！？।؟…\n]*(?:(?:[.!?؟…](?=[^\s\"'”’»)\]])|(?:{_ABBREVIATED})\.)[^.!?。！？।؟…\n]*)*"
    r"(?:[.!?।؟…]+[\"'”’»)\]]*|[。！？]+[」』”）]*|\n|$)\s*"
)
"""A sentence ends at its mark, unless text goes on without a space or the point is an abbreviation's."""


def is_keycap(cluster: str) -> bool:
    """Tell whether a cluster is an emoji of a key: a digit or sign with the mark that encloses it."""
    return cluster[-1] == "\u20e3"


def may_keep(text: str) -> bool:
    """Tell, at the cost of a few substring searches, whether there may be a link, an address or markup."""
    return "<" in text or "@" in text or "://" in text or "&" in text or "www." in text


@cache
def _library() -> tuple[Any, Any, Any]:
    """Return the patterns for any script: a cluster, a cluster or something kept, and a word or something kept."""
    import regex

    no_spaces = r"\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    inside = rf"(?:(?=[[\p{{L}}\p{{N}}_]--[{no_spaces}]])\X)+"
    word = rf"(?=[[\p{{L}}\p{{N}}]&&[{no_spaces}]])\X|[$#£€¥₹]?{inside}(?:['’.,:-](?=[\p{{L}}\p{{N}}]){inside})*"
    flags = regex.V1
    return (
        regex.compile(r"\X", flags),
        regex.compile(rf"({_KEPT})|\X", flags),
        regex.compile(rf"(?:{_KEPT})|({word})|\X", flags),
    )


def graphemes(text: str) -> tuple[list[str], frozenset[int]]:
    """Return the grapheme clusters of a text, and the places among them of links and markup, each kept as one unit."""
    simple = text.isascii() or _SIMPLE.fullmatch(text) is not None
    if not may_keep(text):
        return (list(text) if simple else _library()[0].findall(text)), frozenset()
    units: list[str] = []
    kept = []
    for match in (_SIMPLE_KEPT if simple else _library()[1]).finditer(text):
        if match.lastindex:
            kept.append(len(units))
        units.append(match.group())
    return units, frozenset(kept)


_REMEMBERED, _SHORT = 512, 1024
"""How many texts are remembered in pieces, of at most so many characters: a run visits the same 256 for every cell."""


def pieces(text: str) -> list[str]:
    """Return gap, word, gap, word, …, gap: the words stand at the odd places, and joining gives the text."""
    return _remembered_pieces(text).copy() if len(text) <= _SHORT else _pieces(text)


def _pieces(text: str) -> list[str]:
    ascii_only = text.isascii()
    if ascii_only and not text.encode().translate(None, _PLAIN):
        words = text.split(" ")  # as transcripts and searches are
        if all(words):  # no space is doubled, or at an end
            plain = [" "] * (2 * len(words) + 1)
            plain[0] = plain[-1] = ""
            plain[1::2] = words
            return plain
    simple = ascii_only or _SIMPLE.fullmatch(text) is not None
    if simple and not may_keep(text):
        return (_ASCII_WORD if ascii_only else _SIMPLE_WORD).split(text)
    result: list[str] = []
    end = 0
    for match in (_SIMPLE_KEPT_WORD if simple else _library()[2]).finditer(text):
        if match.lastindex:
            result += (text[end : match.start()], match.group())
            end = match.end()
    result.append(text[end:])
    return result


_remembered_pieces = lru_cache(_REMEMBERED)(_pieces)


def outside(text: str, change: Callable[[str], str]) -> str:
    """Return the text with a change made to what stands outside of links, addresses and markup."""
    if not may_keep(text):
        return change(text)
    parts = _KEPT_SPLIT.split(text)
    parts[::2] = [change(part) if part else part for part in parts[::2]]
    return "".join(parts)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, each with the white space after it; joining gives the text."""
    return [sentence for sentence in _SENTENCE.findall(text) if sentence]


class Where:
    """The grapheme clusters that a perturbation may hit: those for which ``test`` holds, tabulated for ASCII."""

    def __init__(self, test: Callable[[str], bool]) -> None:
        self._test = test
        self._table: bytes | None = None
        self._remembered = lru_cache(_REMEMBERED)(self._kept)

    def __call__(self, text: str) -> tuple[list[str], NDArray[np.intp]]:
        """Return a text's grapheme clusters, a list of the caller's own, and the places of those that may be hit."""
        if len(text) > _SHORT:
            return self._found(text)
        units, places = self._remembered(text)
        return units.copy(), places

    def _kept(self, text: str) -> tuple[list[str], NDArray[np.intp]]:
        units, places = self._found(text)
        places.setflags(write=False)  # a third of the time that the flag's own attribute takes
        return units, places

    def _found(self, text: str) -> tuple[list[str], NDArray[np.intp]]:
        if text.isascii() and not may_keep(text):
            if self._table is None:
                self._table = bytes(self._test(chr(code)) for code in range(128)) + bytes(128)
            units, places = list(text), np.frombuffer(text.encode().translate(self._table), np.bool_).nonzero()[0]
        else:
            units, kept = graphemes(text)
            test = self._test
            found = [place for place, unit in enumerate(units) if test(unit) and place not in kept]
            places = np.array(found, np.intp)
        return units, places


_FEW, _HANDFUL = 64, 8
"""Up to 64 things, exactly the share is chosen; of more, each by itself. Up to 8, plain Python is the fastest."""


def hit_numbered(rng: Generator, places: Places, share: float) -> Iterable[tuple[int, int]]:
    """Choose a share of some places, each with a whole number in [0, 2⁶⁴) for further choices; in no order.

    One number is drawn for each place, whatever the share, and the places with the smallest numbers are chosen: what
    is chosen at a small share is chosen at a larger one, with the same number. Of few places the share is rounded up
    or down by a further draw, so that short texts are hit as often as they should be, and no more unevenly than must
    be. The low bits of the numbers are free for further choices (``number % options``); the high bits decided.
    """
    count, draw = len(places), rng.bit_generator.random_raw
    raw, rounds = draw(count), draw()
    if count <= _HANDFUL:
        wanted = int(share * count + (rounds >> 11) * 2**-53)
        if not wanted:
            return []
        numbers = raw.tolist()
        plain = places.tolist() if isinstance(places, np.ndarray) else places
        highest = sorted(numbers)[wanted - 1]
        return [pair for pair in zip(plain, numbers) if pair[1] <= highest]
    chosen = _chosen(raw, rounds, share)
    found = places[chosen].tolist() if isinstance(places, np.ndarray) else [places[i] for i in chosen.tolist()]
    return zip(found, raw[chosen].tolist())


def hit(rng: Generator, places: Places, share: float) -> list[int]:
    """Choose a share of some places, in no order; see ``hit_numbered``."""
    count, draw = len(places), rng.bit_generator.random_raw
    raw, rounds = draw(count), draw()
    if count <= _HANDFUL:
        wanted = int(share * count + (rounds >> 11) * 2**-53)
        if not wanted:
            return []
        numbers = raw.tolist()
        highest = sorted(numbers)[wanted - 1]
        plain = places.tolist() if isinstance(places, np.ndarray) else places
        return [place for place, number in zip(plain, numbers) if number <= highest]
    chosen = _chosen(raw, rounds, share)
    return places[chosen].tolist() if isinstance(places, np.ndarray) else [places[i] for i in chosen.tolist()]


def _chosen(raw: NDArray[np.uint64], rounds: int, share: float) -> NDArray[np.intp]:
    """Return the indices of what is chosen, by one number for each; ``rounds`` is the one that rounds their count."""
    count = len(raw)
    if count > _FEW:
        return (raw < int(share * 2**64)).nonzero()[0] if share < 1 else np.arange(count)
    return raw.argsort()[: int(share * count + (rounds >> 11) * 2**-53)]  # of so few, sooner done than a partition


_UNSPACED = re.compile(
    rf"[{_NO_SPACES}\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\u3005-\u3007"
    r"\u3021-\u3029\u303b\u30a0-\u312f\u31a0-\u31bf\u31f0-\u31ff\ua000-\ua4cf\ua980-\ua9df\ua9e0-\ua9ff\uaa60-\uaadf"
    r"\uff66-\uff9f\U00011700-\U0001174f\U00012000-\U0001467f\U00016fe0-\U00018d8f\U0001aff0-\U0001b2ff"
    r"\U00020000-\U0003ffff]"
)
"""Thai, Lao, Tibetan, Burmese, Khmer, Tai, Balinese, Javanese, Han, kana, bopomofo, Yi, Ahom, cuneiform, hieroglyphs,
Tangut, Khitan: scripts that set off no words by spaces."""


def spaced(word: str) -> bool:
    """Tell whether a piece is a word of a script that sets words off by spaces, and not letters of another."""
    return word.isascii() or _UNSPACED.search(word) is None


def words(text: str) -> tuple[list[str], Places]:
    """Return the pieces of a text and the places of the words among them.

    Where a script sets off no words by spaces, a piece is a letter or a run of letters, and no word: telling words
    apart there takes a dictionary, so what is done to words is not done there.
    """
    parts = pieces(text)
    places = range(1, len(parts), 2)
    if text.isascii() or _UNSPACED.search(text) is None:
        return parts, places
    return parts, [place for place in places if spaced(parts[place])]


def phrases(text: str, ends: bool = False) -> tuple[list[str], Places]:
    """Return the pieces of a text, and the places of its words and of letters at which a phrase begins (or ends).

    A phrase is what stands between white space and punctuation where a script sets off no words.
    """
    parts, places = words(text)
    if isinstance(places, range):
        return parts, places
    known = frozenset(places)
    edges = range(1, len(parts), 2)
    if ends:
        found = [p for p in edges if p in known or _breaks(parts[p + 1][:1] or ("" if p + 2 < len(parts) else " "))]
    else:
        found = [p for p in edges if p in known or _breaks(parts[p - 1][-1:] or ("" if p > 1 else " "))]
    return parts, found


def _breaks(character: str) -> bool:
    """Tell whether a character ends a phrase: white space or punctuation, but no mark and no Tibetan point."""
    if not character or character in "\u0f0b\u0f0c":
        return False
    return character.isspace() or character == "\u200b" or unicodedata.category(character)[0] in "PS"
