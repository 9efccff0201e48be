"""The words around an English auxiliary: where its clause ends, whether it asks, what is negative already."""

from __future__ import annotations

import re

from perturbations.text._english import is_participle, one_of
from perturbations.text.data import table

__all__ = ["MODALS", "Clause", "plain"]

MODALS = {"can", "could", "may", "might", "must", "shall", "should", "will", "would"}
_NEGATIVE = {
    "never", "no", "none", "nothing", "nobody", "nowhere", "neither", "nor", "hardly", "scarcely", "barely", "seldom",
    "rarely", "few", "without",
}  # fmt: skip
_BEFORE_QUESTIONS = {"and", "or", "but", "so", "then", "to", "for", "with", "of", "at", "in", "on", "from", "by"}
_VERB_GROUP = MODALS | {"to", "have", "has", "had", "do", "does", "did", "not", "having", "cannot"}
_MODAL = MODALS | {f"{word}n't" for word in MODALS} | {"can't", "won't", "shan't", "cannot"}
_PERFECT = {"have", "has", "had", "having"}
_FINITE = {"am", "is", "are", "was", "were", "does", "did", "has"}
_SHORTENED = ("'ll", "'d", "'ve", "n't")
_INVERTED_ALWAYS = {"is", "are", "was", "were", "does", "did"}
_END = re.compile(r"[.!?…\n]")
_BREAK = re.compile(r"[^\s'’-]")
_REACH = 80
"""Pieces of a text, half of them words, that are looked at to either side: sentences are shorter."""


def plain(word: str) -> str:
    """Return a word in small letters, with a straight apostrophe."""
    return word.lower().replace("’", "'")


class Clause:
    """The words around an auxiliary; ``word_at`` counts pieces, of which every second one is a word."""

    def __init__(self, parts: list[str], place: int) -> None:
        self.parts, self.place = parts, place
        self.word = plain(parts[place])

    def word_at(self, step: int) -> str:
        """Return the word so many pieces away, with nothing but white space between; an empty one if there is none."""
        where = self.place + step
        if not 0 < where < len(self.parts):
            return ""
        gaps = self.parts[min(self.place, where) + 1 : max(self.place, where) : 2]
        return plain(self.parts[where]) if all(gap.isspace() for gap in gaps) else ""

    def words(self, way: int) -> list[str]:
        """Return the words before (-1) or after (1) up to the next punctuation mark, the nearest first."""
        found = []
        for where in range(self.place + way, self.place + way * _REACH, 2 * way):
            if not 0 < where + way < len(self.parts) or _BREAK.search(self.parts[where]):
                break
            found.append(plain(self.parts[where + way]))
        return found

    def starts(self) -> bool:
        """Whether a sentence starts here."""
        gap = self.parts[self.place - 1]
        return self.place == 1 or _END.search(gap) is not None

    def starts_clause(self) -> bool:
        """Whether a sentence starts here, or something goes on after a comma, a colon, a quotation mark."""
        return self.starts() or _BREAK.search(self.parts[self.place - 1]) is not None

    def asks(self) -> bool:
        """Whether this is a question: by its mark, or by its first words where it has none (where is the station)."""
        for where in range(self.place + 1, min(self.place + _REACH, len(self.parts)), 2):
            gap = self.parts[where]
            if (end := _END.search(gap)) is not None:
                if "?" in gap[end.start() :]:
                    return True
                break
        first = self.place == 1 or (self.starts() and self.parts[self.place][0].isupper())  # not: the U.S. is
        return first and self.word in _INVERTED_ALWAYS

    def asks_for(self) -> str:
        """Return the question word that its clause begins with (how old, to whom, and who), if it is a question."""
        before = self.words(-1)[::-1]
        while before and before[0] in _BEFORE_QUESTIONS:
            before = before[1:]
        if not before or before[0] not in one_of("questions") | {"who"}:
            return ""
        first = before[0]
        alone = len(before) == 1
        if any(word in table("english")["auxiliaries"] for word in before[1:]):
            return ""
        if self.asks() or (alone and first in ("where", "when", "why", "how") and self._begins(before)):
            return first
        asked = (alone or first == "how") and not one_of("subjects") & {*before}
        return first if asked and self._begins(before) and self.word_at(2) in one_of("subjects") else ""

    def _begins(self, before: list[str]) -> bool:
        """Whether so many words back a sentence starts."""
        first = self.place - 2 * len(before)
        return first == 1 or _END.search(self.parts[first - 1]) is not None

    def subject_follows(self) -> bool:
        """Whether the pronoun after this word is its subject: is he, how old are you; not: who can it, he is that."""
        following = self.word_at(2)
        if following not in one_of("subjects"):
            return False
        if following not in one_of("ambiguous_subjects") or self.starts_clause() or self.asks_for():
            return True
        return self.word_at(-2) in one_of("questions") | {"and", "or", "but"}

    def command_starts(self) -> bool:
        """Whether this is the first word of a command, *please* left aside."""
        asked = self.word_at(-2) == "please" and Clause(self.parts, self.place - 2).starts()
        first = self.starts() or asked
        return first and not self.asks() and self.word_at(2) not in one_of("subjects") - {"it", "you"}

    def is_negative(self) -> bool:
        """Whether another word makes the clause negative: nobody is, not all are, is never, has seen nothing."""
        before = self.words(-1)[::-1]
        for words in (before, self.words(1)):
            for previous, word in zip(("", *words), words):
                if word in _NEGATIVE and not (word == "few" and previous in ("a", "the", "these", "those")):
                    return True
        return any(word == "not" and not _takes_not(previous) for previous, word in zip(("", *before), before))

    def not_follows(self) -> int:
        """Return how many pieces on the *not* of this verb stands, past its subject and adverbs; 0 if it has none."""
        step, seen = 2, False
        subject = one_of("subjects") | one_of("ambiguous_subjects")
        while word := self.word_at(step):
            if word == "not":
                return step
            named = not seen and word in subject
            if not (named or word in one_of("adverbs") or word in ("so", "rather", "better") or word.endswith("ly")):
                break
            seen = seen or named
            step += 2
        if not (self.asks() and self.starts_clause()) or self.word_at(2) in subject:
            return 0
        for place, word in enumerate(self.words(1)):  # Is the man not here?
            if word in table("english")["auxiliaries"]:
                return 0
            if word == "not":
                return 2 * place + 2
        return 0

    def is_inside_group(self) -> bool:
        """Whether another auxiliary of the same verb comes before: could (he) (well) have, I can can."""
        if self.word in _FINITE:
            return False
        if self.word == "have" and self.asks() and _MODAL & {*self.words(-1)}:
            return True  # Could the dog have gone?
        perfect = self.word == "had"
        step, seen = -2, False
        while word := self.word_at(step):
            if word in (_PERFECT if perfect else _VERB_GROUP) or word.endswith(_SHORTENED):
                return True
            named = not seen and word in one_of("subjects")
            if named:
                ahead = Clause(self.parts, self.place + step - 2).starts_clause() or self.asks()
                if not ahead:
                    return False
                seen = True
            elif not (word in one_of("adverbs") or word in ("well", "so") or word.endswith("ly")):
                return False
            step -= 2
        return False

    def is_full_verb(self) -> bool:
        """Whether *do* or *have* is no auxiliary here, so far as its neighbours show."""
        following, asked_for = self.word_at(2), self.asks_for()
        asked = (self.asks() and self.starts_clause()) or bool(asked_for)
        if self.word in ("do", "does", "did"):
            if asked_for in ("who", "what", "which") and following == "it":
                verb = self.word_at(4)
                return asked_for == "who" or not verb or verb in one_of("stops")
            if asked_for == "who" and following not in one_of("subjects"):
                return True
            return not asked and not (following in one_of("subjects") - {"it", "you"} and not self.starts())
        if self.word not in ("have", "has", "had"):
            return False
        step = 2
        while self.word_at(step) in one_of("adverbs") | one_of("subjects"):
            step += 2
        if is_participle(self.word_at(step)) or following == "better":
            return False
        named = asked_for in ("who", "what", "which", "whose") and not any(map(is_participle, self.words(1)))
        return not asked or named


def _takes_not(word: str) -> bool:
    return word in table("english")["auxiliaries"] or word.endswith(("'s", "'re", "'m", "'ve", "'ll", "'d"))
