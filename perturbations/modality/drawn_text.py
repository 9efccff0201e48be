"""How a text is drawn: what is new is marked, what is gone has a sign, what cannot be seen shows its code point."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from html import escape

__all__ = ["draw_text", "visible"]

_UNSEEN = re.compile(
    "[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00a0\u2002\u2009\u202f\u3000\t\x7f-\x9f]"
)


def draw_text(after: str, before: str, words: str) -> str:
    """Return a text with its changes marked; ``words`` are not needed, as a text can be read."""
    from perturbations.text.segments import graphemes

    one, other = graphemes(before)[0], graphemes(after)[0]
    parts = []
    for kind, start, end, place, stop in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        here = visible("".join(other[place:stop]))
        if kind == "equal":
            parts.append(here)
        elif kind == "delete":
            parts.append(f"<del title='{escape(''.join(one[start:end]), quote=True)}'>‸</del>")
        else:
            parts.append(f"<mark>{here}</mark>")
    return "".join(parts)


def visible(text: str) -> str:
    """Return a text as HTML; what cannot be seen is shown by its code point."""
    parts = []
    end = 0
    for match in _UNSEEN.finditer(text):
        parts.append(escape(text[end : match.start()]))
        parts.append(f"<code>{ord(match.group()):04X}</code>")
        end = match.end()
    return "".join([*parts, escape(text[end:])]).replace("\n", "<code>↵</code><br>")
