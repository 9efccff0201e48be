"""Signals of texts: length, language, letters that seldom meet, mixed scripts, damaged encodings, repetition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache, cached_property, lru_cache

import numpy as np

from perturbations.modality._sentiment import sentiment_by
from perturbations.modality._signal import Signals, signal

__all__ = ["SIGNALS"]

_NAN = float("nan")
_LONG = 20_000
"""Characters of a longer text that are read, from its beginning; its length is that of the whole."""
_SMOOTHING = 0.05
"""Added to the count of every pair of letters, so that one never met is unlikely and not impossible."""


@cache
def _function_words() -> Mapping[str, tuple[str, ...]]:
    """Return the commonest words of each language that the tables of the product know."""
    from perturbations.text.data import table

    return {name: tuple(words.split()) for name, words in table("stopwords").items() if name != "source"}


@cache
def _languages() -> Mapping[str, tuple[str, ...]]:
    """Return the languages that each of these words is among the commonest of."""
    found: dict[str, list[str]] = {}
    for name, known in _function_words().items():
        for word in known:
            found.setdefault(word, []).append(name)
    return {word: tuple(names) for word, names in found.items()}


@lru_cache(maxsize=64)
def _pairs(language: str) -> tuple[Mapping[str, float], float]:
    """Return the bits that each pair of letters costs in a language's commonest words, and those of any other pair."""
    counts: Counter[str] = Counter()
    first: Counter[str] = Counter()
    for word in _function_words()[language]:
        for one, other in zip(f" {word}", f"{word} "):
            counts[one + other] += 1
            first[one] += 1
    letters = len(first) + 1
    bits = {pair: -np.log2((n + _SMOOTHING) / (first[pair[0]] + _SMOOTHING * letters)) for pair, n in counts.items()}
    return bits, float(np.log2((np.mean(list(first.values())) + _SMOOTHING * letters) / _SMOOTHING))


@cache
def _scripts() -> object:
    """Return an expression whose group tells the script of a letter."""
    import regex

    named = ("Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Bengali", "Thai", "Hangul")
    east = r"(?P<Han>[\p{Han}\p{Hiragana}\p{Katakana}]+)"
    each = "|".join(rf"(?P<{name}>\p{{{name}}}+)" for name in named)
    return regex.compile(rf"{each}|{east}|(?P<other>\p{{L}}+)")


class _Read:
    """A text, and what its signals share."""

    def __init__(self, text: str) -> None:
        self.characters = len(text)
        self.text = text[:_LONG]

    @cached_property
    def words(self) -> list[str]:
        """Words between white space, without the punctuation around them, in small letters."""
        found = (word.strip(".,;:!?\"'()[]{}«»“”‘’…–—-。，、！？").casefold() for word in self.text.split())
        return [word for word in found if word]

    @cached_property
    def language(self) -> tuple[str | None, float]:
        """The language most of whose function words occur, and their share of the words; none where none occurs."""
        if not self.fitting:
            return None, 0.0
        best, most = self.fitting.most_common(1)[0]
        return best, most / len(self.words)

    @cached_property
    def fitting(self) -> Counter[str]:
        """In how many words each language occurs, the earlier in the table first of those alike."""
        known, found = _languages(), Counter[str]()
        for word in self.words:
            if word in known:
                found.update(known[word])
        return found

    @cached_property
    def scripts(self) -> Counter[str]:
        """Letters of each script."""
        if self.text.isascii():
            return Counter(Latin=sum(map(str.isalpha, self.text)))
        found: Counter[str] = Counter()
        for match in _scripts().finditer(self.text):  # type: ignore[attr-defined]
            found[match.lastgroup] += len(match[0])
        return found


@signal("characters", 0, cheap=True)
def characters(read: _Read) -> float:
    """Length in characters."""
    return float(read.characters)


@signal("words", 0, cheap=True)
def words(read: _Read) -> float:
    """Number of words between white space."""
    return float(len(read.words))


@signal("yes or no", 0, 1, cheap=True)
def empty(read: _Read) -> float:
    """1 where there is nothing but white space."""
    return float(not read.text.strip())


@signal("share", 0, 1, cheap=True)
def letters(read: _Read) -> float:
    """Share of letters among the characters."""
    return sum(map(str.isalpha, read.text)) / len(read.text) if read.text else 0.0


@signal("share", 0, 1, cheap=True)
def white_space(read: _Read) -> float:
    """Share of white space among the characters: words run together, or torn apart."""
    return sum(map(str.isspace, read.text)) / len(read.text) if read.text else 0.0


@signal("share", 0, 1, cheap=True)
def non_ascii(read: _Read) -> float:
    """Share of characters outside ASCII: another script, look-alike letters, damaged encodings."""
    return 0.0 if read.text.isascii() else sum(ord(c) > 127 for c in read.text) / len(read.text)


@signal("share", 0, 1, cheap=True)
def capitals(read: _Read) -> float:
    """Share of capitals among the letters that can be either; 0 where none can."""
    upper, lower = sum(map(str.isupper, read.text)), sum(map(str.islower, read.text))
    return upper / (upper + lower) if upper + lower else 0.0


@signal("share", 0, 1, cheap=True)
def function_words(read: _Read) -> float:
    """Share of words that are among the commonest of the language that fits best: low of typos, lists, other languages.

    22 languages are known; scripts without spaces between words read 0.
    """
    return read.language[1]


@signal("share", 0, 1, cheap=True)
def english(read: _Read) -> float:
    """Share of words that are among the commonest of English: falls where the language shifts."""
    return read.fitting["en"] / len(read.words) if read.words else 0.0


@signal("bits a letter", 0, source="Shannon 1951, Prediction and entropy of printed English")
def surprise_bits(read: _Read) -> float:
    """How unlikely each letter is after the one before, in the commonest words of the language that fits best.

    High of typing errors, of characters read wrongly and of other languages. Undefined of a text without letters.
    """
    bits, other = _pairs(read.language[0] or "en")
    total, count = 0.0, 0
    for word in read.words:
        for one, next_one in zip(f" {word}", f"{word} "):
            total += bits.get(one + next_one, other)
            count += 1
    return total / count if count else _NAN


@signal("share", 0, 1)
def mixed_scripts(read: _Read) -> float:
    """Share of letters outside the script that most letters have: look-alike letters, a second language."""
    total = read.scripts.total()
    return 1 - max(read.scripts.values()) / total if total else 0.0


@signal("share", 0, 1)
def odd_words(read: _Read) -> float:
    """Share of words in which a digit or a sign stands between letters: characters read wrongly, or typed over."""
    if not read.words:
        return 0.0
    odd = sum(
        any(not c.isalpha() and c not in "'’-‑" for c in word) and any(map(str.isalpha, word)) for word in read.words
    )
    return odd / len(read.words)


@signal("share", 0, 1)
def single_letters(read: _Read) -> float:
    """Share of words of one letter: words that were torn apart."""
    return sum(len(word) == 1 and word.isalpha() for word in read.words) / len(read.words) if read.words else 0.0


@signal("share", 0, 1)
def encoding_damage(read: _Read) -> float:
    """Share of characters that come of a wrong decoding: the replacement character, controls, ``Ã¼`` for ``ü``."""
    text = read.text
    if text.isascii() and text.isprintable():
        return 0.0
    lost = sum(c == "\ufffd" or (c < " " and c not in "\t\n\r") or "\x7f" <= c <= "\x9f" for c in text)
    pairs = sum(one in "ÃÂâÅÄÐÑ" and two >= "\x80" and not two.isalpha() for one, two in zip(text, text[1:]))
    return min(1.0, (lost + 2 * pairs) / len(text))


@signal("share", 0, 1, cheap=True)
def repetition(read: _Read) -> float:
    """Share of words that are the same as the one before, or as the two before: stuttering, text delivered twice."""
    said = read.words
    pairs = list(zip(said, said[1:]))
    again = sum(one == other for one, other in pairs) + len(pairs) - len(set(pairs))
    return min(1.0, again / len(pairs)) if pairs else 0.0


SIGNALS = Signals(
    _Read,
    characters,
    words,
    empty,
    letters,
    white_space,
    non_ascii,
    capitals,
    function_words,
    english,
    surprise_bits,
    mixed_scripts,
    odd_words,
    single_letters,
    encoding_damage,
    repetition,
    by_lexicon=sentiment_by,
)
