"""How an English clause is negated, or its negation taken back: which words become which, or that it is left alone.

*Not* comes after an auxiliary (is not here), after the pronoun in a question (Is he not here?), in one word with the
auxiliary before another subject (Isn't the man here?), and *don't* before a command (Do it. – Don't do it.). *Do* and
*have* are auxiliaries only where another verb follows; as full verbs they are left alone, like all full verbs. So are
clauses that are negative already (is never late), nouns (a can, his will, in May), and what has no usual form.
"""

from __future__ import annotations

import re

from perturbations.text._english import is_participle, one_of
from perturbations.text._lexicon import like
from perturbations.text.data import table

__all__ = ["turned"]

_NEGATIVE = {"never", "no", "none", "nothing", "nobody", "nowhere", "neither", "hardly", "scarcely", "barely", "seldom"}
_NARROW = {"only", "just", "merely", "simply", "necessarily"}
_NOUNS = {"a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "free", "good", "last", "in", "of"}
_MODALS = {"can", "could", "may", "might", "must", "shall", "should", "will", "would"}
_SHORTER = {"can": "can't", "will": "won't", "shall": "shan't"}
_END = re.compile(r"[.!?…\n]")

Edit = dict[int, str]


def turned(parts: list[str], place: int) -> Edit | None:
    """Return what pieces of a text become where the verb at a place is negated or cleared; nothing if it is left."""
    clause = _Clause(parts, place)
    if clause.word in table("english")["negated"]:
        return clause.cleared(table("english")["negated"][clause.word])
    if clause.word not in table("english")["auxiliaries"] or clause.word_at(2) in _NEGATIVE:
        return None
    if clause.word_at(2) == "not":
        return clause.without_not(2)
    if clause.is_main_verb():
        return clause.command()
    if clause.word_at(2) in one_of("subjects") and clause.comes_first():
        return clause.without_not(4) if clause.word_at(4) == "not" else {place + 2: f"{parts[place + 2]} not"}
    return clause.negated()


class _Clause:
    """The words around an auxiliary; ``word_at`` counts pieces, of which every second one is a word."""

    def __init__(self, parts: list[str], place: int) -> None:
        self.parts, self.place = parts, place
        self.word = _plain(parts[place])

    def word_at(self, step: int) -> str:
        """Return the word so many pieces away, with nothing but white space between; an empty one if there is none."""
        where = self.place + step
        if not 0 < where < len(self.parts):
            return ""
        gaps = self.parts[min(self.place, where) + 1 : max(self.place, where) : 2]
        return _plain(self.parts[where]) if all(gap.isspace() for gap in gaps) else ""

    def starts(self) -> bool:
        """Whether a sentence starts here."""
        gap = self.parts[self.place - 1]
        return self.place == 1 or _END.search(gap) is not None

    def asks(self) -> bool:
        """Whether the sentence ends with a question mark."""
        for gap in self.parts[self.place + 1 :: 2]:
            if (end := _END.search(gap)) is not None:
                return "?" in gap[end.start() :]
        return False

    def comes_first(self) -> bool:
        """Whether the subject comes after this word."""
        first = self.word_at(-2)
        if self.word_at(2) in one_of("ambiguous_subjects"):
            return not first or first in one_of("questions") or first in ("and", "or", "but")
        return True

    def command_starts(self) -> bool:
        """Whether this is the first word of a command."""
        return self.starts() and not self.asks() and self.word_at(2) not in one_of("subjects") - {"it", "you"}

    def cleared(self, plain: str) -> Edit | None:
        """Return the clause without its n't."""
        following = self.word_at(2)
        if following in _NARROW:
            return None
        if self.word == "don't" and self.command_starts() and following and following not in ("you", "it"):
            return self._dropped(2)
        return {self.place: like("am" if following == "i" and plain == "are" else plain, self.parts[self.place])}

    def without_not(self, step: int) -> Edit | None:
        """Return the clause without the *not* so many pieces away; a command without its *do not*."""
        if self.word_at(step + 2) in _NARROW:
            return None
        if self.word == "do" and step == 2 and self.command_starts() and self.word_at(4):
            return self._dropped(4)
        return {self.place + step - 1: "", self.place + step: ""}

    def _dropped(self, step: int) -> Edit:
        """Return the sentence that starts so many pieces on."""
        verb = self.parts[self.place + step]
        return {
            **dict.fromkeys(range(self.place, self.place + step), ""),
            self.place + step: verb[0].upper() + verb[1:],
        }

    def is_main_verb(self) -> bool:
        """Whether *do* or *have* is no auxiliary here, so far as its neighbours show."""
        following = self.word_at(2)
        if self.word in ("do", "does", "did"):
            asked = self.asks() and (self.starts() or self.word_at(-2) in one_of("questions"))
            return not asked and not (following in one_of("subjects") - {"it", "you"} and not self.starts())
        if self.word not in ("have", "has", "had"):
            return False
        if self.word_at(-2) in _MODALS | {"to", "have", "has", "had", "do", "does", "did", "not"}:
            return True
        step = 2
        while self.word_at(step) in one_of("adverbs") | one_of("subjects"):
            step += 2
        asked = self.asks() and (self.starts() or self.word_at(-2) in one_of("questions"))
        return not (is_participle(self.word_at(step)) or following == "better" or asked)

    def command(self) -> Edit | None:
        """Return a command with don't before it, if this is one."""
        word, following = self.parts[self.place], self.word_at(2)
        if self.word not in ("do", "have") or not self.command_starts():
            return None
        if following in one_of("objects"):
            return {self.place: like("don't", word) + " " + (word if word.isupper() else word.lower())}
        return {self.place: like("don't", word)} if self.word == "do" and following in one_of("commands") else None

    def negated(self) -> Edit | None:
        """Return the clause with *not*, or with the auxiliary in one word with it."""
        word, following = self.parts[self.place], self.word_at(2)
        if self.word in ("can", "will", "might", "must", "may") and self.word_at(-2) in _NOUNS:
            return None
        if word in ("May", "Will") and not (self.starts() and word == "Will" and self.asks()):
            return None
        if self.asks() and (self.starts() or self.word_at(-2) in ("why", "how", "where", "when", "what", "which")):
            shorter = (
                f"{self.word}n't".replace("cann't", "can't").replace("willn't", "won't").replace("shalln't", "shan't")
            )
            return {self.place: like(shorter, word)} if shorter in table("english")["negated"] else None
        if following in ("better", "rather"):
            return {self.place + 2: f"{self.parts[self.place + 2]} {like('not', word) if word.isupper() else 'not'}"}
        joined = "not" if self.word == "can" else " not"
        return {self.place: word + (joined.upper() if len(word) > 1 and word.isupper() else joined)}


def _plain(word: str) -> str:
    return word.lower().replace("’", "'")
