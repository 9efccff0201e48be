"""English grammar turned: contracted forms, and negation, which changes what is said.

What is short for two things is read by what follows: *he's been* has, *he's here* is, *she'd gone* had, *she'd go*
would; where both are possible (he's finished, she'd put) it is left. A verb is contracted only where something follows
in its clause (I know who he is), and spelled out only where its subject comes first (not: isn't he).
"""

from __future__ import annotations

import re
from functools import cache

from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Choice, Param
from perturbations.text._english import after, before, is_inverted, is_or_has, is_participle, may_contract, would_or_had
from perturbations.text._lexicon import like
from perturbations.text._negation import turned
from perturbations.text.data import table
from perturbations.text.segments import hit, outside, pieces

__all__ = ["contractions", "negation"]


@cache
def _forms(form: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """Return a pattern that finds what can be turned into a form, and what each becomes."""
    known: dict[str, str] = table("english")["contractions"]
    if form == "contracted":
        forms = dict(known)
    else:
        forms = {}
        for full, short in known.items():
            forms.setdefault(short.lower(), "cannot" if short == "can't" else full)
    ordered = sorted(forms, key=len, reverse=True)
    pattern = "|".join(re.escape(each).replace("'", "['’]") + _unless_not(each) for each in ordered)
    return re.compile(rf"(?<![\w'’<>/@])(?:{pattern})(?![\w'’])", re.IGNORECASE), forms


def _unless_not(full: str) -> str:
    """I will not is I won't, and not I'll not."""
    return r"(?!\snot\b)" if full.endswith((" will", " would", " have")) else ""


@text_corruption(
    cite="ribeiro2020",
    version=2,
    form=Choice("which form the text is brought to", ("contracted", "expanded"), axis=True),
)
def contractions(text: str, *, form: str) -> str:
    """Another register of English: does not becomes doesn't in speech, and the other way round in print.

    What is ambiguous (he's finished: is or has) or has no other form (I know who he is) is left.
    """
    pattern, forms = _forms(form)
    change = _contracted if form == "contracted" else _expanded

    def other(match: re.Match[str]) -> str:
        found = match.group()
        full = change(match, forms[found.replace("’", "'").lower()])
        return like(full, found) if full else found

    return outside(text, lambda part: pattern.sub(other, part))


def _contracted(match: re.Match[str], short: str) -> str:
    """Return the short form, or nothing where it is not said."""
    text, (start, end), full = match.string, match.span(), match.group().lower()
    if full.endswith("not"):
        return "" if after(text, end) in ("only", "just", "merely", "simply", "necessarily") else short
    if full == "let us":
        return "" if before(text, start) else short
    if full.endswith(" have") and not is_participle(after(text, end, adverbs=True)):
        return ""
    return short if may_contract(text, start, end) else ""


def _expanded(match: re.Match[str], full: str) -> str:
    """Return the full form, or nothing where it can be one of two or is not said."""
    text, (start, end) = match.string, match.span()
    short = match.group().lower().replace("’", "'")
    subject = full.rpartition(" ")[0]
    if short.endswith("n't"):
        return "" if is_inverted(text, start, end) else full
    if short.endswith("'d"):
        verb = would_or_had(text, end)
    elif short.endswith("'s") and short != "let's":
        verb = is_or_has(text, end, subject)
    else:
        return full
    return f"{subject} {verb}" if verb else ""


@text_corruption(
    cite="ribeiro2020",
    version=3,
    changes_meaning=True,
    witness=lambda: (
        "The tram is late and the doors are open. She will not wait here; he can see the square. They have arrived, it "
        "isn't cold, and nobody was hurt. Is it far? We don't know, but you should ask."
    ),
    share=Param("share of the verbs with an auxiliary that are negated, or cleared of their not", "of such verbs", 0, 1,
                clean=0, levels=(0.2, 0.4, 0.6, 0.8, 1.0)),
)  # fmt: skip
def negation(text: str, rng: Generator, *, share: float) -> str:
    """The opposite is said: is becomes is not, will not becomes will, Do it. becomes Don't do it.

    English, short forms too (he's here, he's not here). Full verbs without an auxiliary are left alone, and what is
    negative already by another word (is never late, nobody is here).
    """
    parts = pieces(text)
    edits = {place: edit for place in range(1, len(parts), 2) if (edit := turned(parts, place)) is not None}
    changed = parts.copy()
    for place in hit(rng, list(edits), share):
        for where, piece in edits[place].items():
            changed[where] = piece
    return "".join(changed)
