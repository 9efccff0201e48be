"""English grammar turned: contracted forms, and negation, which changes what is said."""

from __future__ import annotations

import re
from functools import cache

from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Choice, Param
from perturbations.text._lexicon import like
from perturbations.text._units import hit, outside, pieces
from perturbations.text.data import table

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
    pattern = "|".join(re.escape(each).replace("'", "['’]") for each in ordered)
    return re.compile(rf"(?<![\w'’<>/@])(?:{pattern})(?![\w'’])", re.IGNORECASE), forms


@text_corruption(
    cite="ribeiro2020",
    form=Choice("which form the text is brought to", ("contracted", "expanded"), axis=True),
)
def contractions(text: str, *, form: str) -> str:
    """Another register of English: does not becomes doesn't in speech, and the other way round in print."""
    pattern, forms = _forms(form)

    def turned(match: re.Match[str]) -> str:
        found = match.group()
        return like(forms[found.replace("’", "'").lower()], found)

    return outside(text, lambda part: pattern.sub(turned, part))


@text_corruption(
    cite="ribeiro2020",
    changes_meaning=True,
    share=Param("share of the verbs with an auxiliary that are negated, or cleared of their not", "of such verbs", 0, 1,
                clean=0, levels=(0.2, 0.4, 0.6, 0.8, 1.0)),
)  # fmt: skip
def negation(text: str, rng: Generator, *, share: float) -> str:
    """The opposite is said: is becomes is not, and will not becomes will; the right answer may be another one.

    English. Full verbs without an auxiliary are left alone.
    """
    words = table("english")
    parts = pieces(text)
    found = [
        p for p in range(1, len(parts), 2) if (w := _plain(parts[p])) in words["negated"] or w in words["auxiliaries"]
    ]
    places = [p for p in found if _plain(parts[p]) != "have" or _plain(_before(parts, p)) not in words["auxiliaries"]]
    for place in hit(rng, places, share):
        word = _plain(parts[place])
        if word in words["negated"]:
            parts[place] = like(words["negated"][word], parts[place])
        elif place + 2 < len(parts) and _plain(parts[place + 2]) == "not":
            parts[place + 1] = parts[place + 2] = ""
        else:
            parts[place] += " not"
    return "".join(parts)


def _plain(word: str) -> str:
    return word.lower().replace("’", "'")


def _before(parts: list[str], place: int) -> str:
    return parts[place - 2] if place > 2 else ""
