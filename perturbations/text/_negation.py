"""How an English clause is negated, or its negation taken back: which words become which, or that it is left alone.

*Not* comes after an auxiliary (is not here, he's not here), after the pronoun in a question (Is he not here? Who is it
not?), in one word with the auxiliary in other questions (Isn't the man here? Who isn't there?), and *don't* before a
command (Do it. – Don't do it.). *Do* and *have* are auxiliaries only where another verb follows; as full verbs they are
left alone, like all full verbs. So are clauses that another word makes negative already (is never late, nobody is here,
has seen nothing), comparisons (than I am, as is usual), nouns (a can, his will, in May), and what has no usual form.
"""

from __future__ import annotations

from perturbations.text._clause import MODALS, Clause, plain
from perturbations.text._english import one_of
from perturbations.text._lexicon import like
from perturbations.text.data import table

__all__ = ["turned"]

_NARROW = {"only", "just", "merely", "simply", "necessarily"}
_NOUNS = {"a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "free", "good", "last", "in", "of"}
_FIXED = {"but", "help"}
_PRONOUNS = {
    "i'm", "you're", "we're", "they're", "he's", "she's", "it's", "that's", "there's", "i've", "you've", "we've",
    "they've", "i'll", "you'll", "he'll", "she'll", "it'll", "we'll", "they'll", "i'd", "you'd", "he'd", "she'd",
    "we'd", "they'd", "let's",
}  # fmt: skip
_ONLY_NEGATED = {"either", "ever", "yet", "anymore", "nor", "until", "whatsoever", "much"}
_SOME = {"any": "some", "anyone": "someone", "anybody": "somebody", "anything": "something", "anywhere": "somewhere"}

Edit = dict[int, str]


def turned(parts: list[str], place: int) -> Edit | None:
    """Return what pieces of a text become where the verb at a place is negated or cleared; nothing if it is left."""
    word = plain(parts[place])
    if word in _PRONOUNS:
        return _short(Clause(parts, place))
    if word in table("english")["negated"]:
        return _cleared(Clause(parts, place), table("english")["negated"][word])
    if word == "be":
        clause = Clause(parts, place)
        return _dont(clause) if clause.command_starts() and clause.word_at(2) else None
    if word not in table("english")["auxiliaries"]:
        return None
    clause = Clause(parts, place)
    if (step := clause.not_follows()) != 0:
        return _without_not(clause, step)
    if clause.is_full_verb():
        return _command(clause)
    if clause.is_inside_group() or clause.is_negative() or _compares(clause) or clause.word_at(2) in _FIXED:
        return None
    if clause.subject_follows():
        first = clause.word_at(-2)
        return None if first in ("so", "neither", "nor") else _after(clause, 2)
    return _negated(clause)


def _compares(clause: Clause) -> bool:
    """Whether the clause is compared with (than I am, as was said), or an aside (that is, …; here is …)."""
    first, second = clause.word_at(-2), clause.word_at(-4)
    if first in ("than", "as", "here") or (second in ("than", "as") and first in one_of("subjects")):
        return True
    return first == "that" and clause.word == "is" and clause.parts[clause.place + 1].startswith(",")


def _without_any(clause: Clause) -> Edit | None:
    """Return what becomes of any in a clause that is no longer negative; nothing where it cannot be said."""
    if clause.asks():
        return {}
    edit: Edit = {}
    for number, word in enumerate(clause.words(1)):
        where = clause.place + 2 * number + 2
        if word in _ONLY_NEGATED or (
            word == "at" and plain(clause.parts[min(where + 2, len(clause.parts) - 1)]) == "all"
        ):
            return None
        if word in _SOME:
            edit[where] = like(_SOME[word], clause.parts[where])
    return edit


def _short(clause: Clause) -> Edit | None:
    """Return the clause of a pronoun and its verb in one word (he's, I'll, they'd) with *not* after it, or without."""
    word, following = clause.parts[clause.place], clause.word_at(2)
    if (
        not following
        or following in {*one_of("subjects") - {"it", "that"}, *_FIXED}
        or clause.word_at(-2) in ("than", "as")
    ):
        return None
    step = clause.not_follows()
    if step:
        return _without_not(clause, step)
    if clause.is_negative() or (clause.word == "let's" and not clause.starts_clause()):
        return None
    if following in ("better", "rather") and clause.word.endswith("'d"):
        return _after(clause, 2)
    loud = word.isupper() and clause.parts[clause.place + 2].isupper()
    return {clause.place: f"{word} {'NOT' if loud else 'not'}"}


def _after(clause: Clause, step: int) -> Edit:
    """Return *not* put after the word so many pieces on."""
    word = clause.parts[clause.place + step]
    return {clause.place + step: f"{word} {'NOT' if clause.parts[clause.place].isupper() else 'not'}"}


def _cleared(clause: Clause, short: str) -> Edit | None:
    """Return the clause without its n't."""
    following = clause.word_at(2)
    edit = _without_any(clause)
    if following in _NARROW | _FIXED | {"not"} or edit is None:
        return None
    if clause.word == "don't" and clause.command_starts() and following and following not in ("you", "it"):
        return None if following == "even" else _dropped(clause, 2) | edit
    word = "am" if following == "i" and short == "are" else short
    return {clause.place: like(word, clause.parts[clause.place])} | edit


def _without_not(clause: Clause, step: int) -> Edit | None:
    """Return the clause without the *not* so many pieces away; a command without its *do not*."""
    edit = _without_any(clause)
    if clause.word_at(step + 2) in _NARROW | {"but"} or edit is None:
        return None
    if clause.word == "do" and step == 2 and clause.command_starts() and clause.word_at(4):
        return _dropped(clause, 4) | edit
    return {clause.place + step - 1: "", clause.place + step: ""} | edit


def _dropped(clause: Clause, step: int) -> Edit:
    """Return the command whose verb stands so many pieces on, with the capital of what it follows."""
    verb, first = clause.parts[clause.place + step], clause.parts[clause.place]
    gone = dict.fromkeys(range(clause.place, clause.place + step), "")
    return {**gone, clause.place + step: verb[0].upper() + verb[1:] if first[0].isupper() else verb}


def _dont(clause: Clause) -> Edit:
    """Return a command with *don't* before its verb."""
    word = clause.parts[clause.place]
    return {clause.place: like("don't", word) + " " + (word if len(word) > 1 and word.isupper() else word.lower())}


def _command(clause: Clause) -> Edit | None:
    """Return a command with *don't* before it, if this is one."""
    word, following = clause.parts[clause.place], clause.word_at(2)
    if clause.word not in ("do", "have") or not clause.command_starts():
        return None
    if following in one_of("objects"):
        return _dont(clause)
    plain_command = clause.word == "do" and following in one_of("commands")
    return {clause.place: like("don't", word)} if plain_command else None


def _negated(clause: Clause) -> Edit | None:
    """Return the clause with *not*, or with the auxiliary in one word with it."""
    word, following = clause.parts[clause.place], clause.word_at(2)
    elliptic = not clause.starts() or clause.asks() or following in ("", "as", "be", "have", "well")
    if clause.word in ("can", "will", "might", "must", "may") and (clause.word_at(-2) in _NOUNS or not elliptic):
        return None  # a can, his will; Can openers are useful
    if word in ("May", "Will") and not (clause.starts() and word == "Will" and clause.asks()):
        return None
    if clause.asks() or clause.asks_for():
        short = {"can": "can't", "will": "won't", "shall": "shan't"}.get(clause.word, f"{clause.word}n't")
        if short in table("english")["negated"]:
            return {clause.place: like(short, word)}
        if clause.starts_clause() or clause.asks_for():
            return None
    if (following == "better" and clause.word == "had") or (following == "rather" and clause.word in MODALS):
        return _after(clause, 2)
    joined = "not" if clause.word == "can" else " not"
    return {clause.place: word + (joined.upper() if len(word) > 1 and word.isupper() else joined)}
