"""What stands beside an English auxiliary tells what it is: is or has, would or had, a statement or a question."""

from __future__ import annotations

import re
from functools import cache

from perturbations.text.data import table

__all__ = ["after", "before", "is_inverted", "is_or_has", "is_participle", "may_contract", "one_of", "would_or_had"]

_WORD = r"[A-Za-z]+(?:['’-][A-Za-z]+)*"
_AFTER = re.compile(rf"\s+[\"“'‘(]?({_WORD})")
_BEFORE = re.compile(rf"({_WORD})\s+\Z")


@cache
def one_of(kind: str) -> frozenset[str]:
    """Return the words of a kind, in small letters."""
    return frozenset(table("english")[kind].split())


def after(text: str, end: int, adverbs: bool = False) -> str:
    """Return the word after a place, with nothing but white space between; of several, the first that is no adverb."""
    while (match := _AFTER.match(text, end)) is not None:
        word = match[1].lower().replace("’", "'")
        if not adverbs or not _is_adverb(word):
            return word
        end = match.end()
    return ""


def _is_adverb(word: str) -> bool:
    return word in one_of("adverbs") or (word.endswith("ly") and word not in one_of("verbs_in_ly"))


def before(text: str, start: int) -> str:
    """Return the word before a place, with nothing but white space between; nothing at the start of a clause."""
    match = _BEFORE.search(text, max(0, start - 40), start)
    return match[1].lower().replace("’", "'") if match else ""


def is_participle(word: str) -> bool:
    """Tell whether a word can be a past participle."""
    regular = word.endswith("ed") and len(word) > 3 and word not in one_of("ends_in_ed")
    return regular or word in one_of("participles") or word in one_of("same_form")


def is_or_has(text: str, end: int, subject: str) -> str:
    """Return what 's stands for before a place: is, has, or nothing where it can be either (he's finished)."""
    word = after(text, end, adverbs=True)
    if word in one_of("has_only"):
        return "has"
    asks = subject in one_of("questions") and word in one_of("subjects")  # what's he want, what's he done
    return "" if not word or asks or is_participle(word) else "is"


def would_or_had(text: str, end: int) -> str:
    """Return what 'd stands for before a place: would, had, or nothing where it can be either (she'd put)."""
    word = after(text, end, adverbs=True)
    if word in ("better", "best"):
        return "had"
    if not word or word in one_of("same_form") or word in one_of("not_subject_of_verb"):
        return ""
    return "had" if is_participle(word) else "would"


def is_inverted(text: str, start: int, end: int) -> bool:
    """Tell whether the word between two places is an auxiliary before its subject: Isn't he …, Why don't people …"""
    word, first, following = text[start:end].lower().replace("’", "'"), before(text, start), after(text, end)
    if not first:
        return following in one_of("subjects") or word not in ("do", "don't")
    if first in ("why", "how", "where", "when"):
        return True
    if following in one_of("ambiguous_subjects"):
        return first in one_of("questions") or first in ("and", "or", "but", "so")
    return following in one_of("subjects")


def may_contract(text: str, start: int, end: int) -> bool:
    """Tell whether a pronoun and its verb can be one word: something follows (not: who he is, than I am)."""
    following, first = after(text, end), before(text, start)
    asks = text[start:end].split()[0].lower() in one_of("questions") and following in one_of("subjects")  # what is it
    if not following or asks or following in one_of("stops") or text[end : end + 2].strip()[:1] in tuple("\"“'‘("):
        return False
    return first not in one_of("questions") and first not in ("than", "as", "who", "whoever", "whatever", "wherever")
