"""What a model wrote, read as an answer: by a declared rule, and unparsed where it does not fit – never just wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from perturbations import InputError
from perturbations.errors import printable, short
from stress.models._unanswered import Unanswered

__all__ = ["parser", "rule_identity"]

_VERSION = 1
"""Rises when a rule reads the same text in another way; it is part of a run's identity."""
_RULES = ("text", "labels", "choice_letter", "json:FIELD", "regex:PATTERN")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def rule_identity(rule: str) -> str:
    """Return what a rule adds to who a model is: its name and the version of how it reads."""
    return f" parse {rule} {_VERSION}"


def parser(rule: str, classes: Sequence[str], who: str) -> Callable[[str], Any]:
    """Return what reads a text. Raises InputError for a rule that is not known, or needs classes and has none.

    ``text``: as it is. ``labels``: the one class that is named, as whole words, whatever the case. ``choice_letter``:
    the letter of a class in order (``A``, ``(b)``, ``C.``), at the beginning or after ``answer``. ``json:FIELD``: a
    field of the one JSON object in it. ``regex:PATTERN``: the one group of the last match. Where there are classes,
    what was found must be one of them.
    """
    kind, _, detail = rule.partition(":") if isinstance(rule, str) else ("", "", "")
    if kind in ("labels", "choice_letter") and not classes:
        raise InputError(f"{who}: parse {kind!r} needs classes.")
    if kind == "text" and not detail:
        return lambda text: text
    if kind == "labels" and not detail:
        return lambda text: _one_label(text, classes)
    if kind == "choice_letter" and not detail:
        if len(classes) > len(_LETTERS):
            raise InputError(f"{who}: parse 'choice_letter' is for at most 26 classes, got {len(classes)}.")
        return lambda text: _letter(text, classes)
    if kind == "json" and detail:
        return lambda text: _field(text, detail, classes)
    if kind == "regex" and detail:
        try:
            pattern = re.compile(detail)
        except re.error as error:
            raise InputError(f"{who}: parse: the pattern {short(detail)} cannot be read: {error}.") from error
        if pattern.groups != 1:
            raise InputError(f"{who}: parse: the pattern must have one group, got {pattern.groups} in {short(detail)}.")
        return lambda text: _matched(text, pattern, classes)
    raise InputError(f"{who}: parse must be one of {', '.join(_RULES)}, got {short(rule)}.")


def _unread(text: str, why: str) -> Unanswered:
    return Unanswered("unparsed", f"{why}: {printable(short(text, 160))}")


def _one_label(text: str, classes: Sequence[str]) -> Any:
    """Return the class that is named; of names within names (``car``, ``sports car``) the longer one."""
    by_length = sorted(classes, key=len, reverse=True)
    found, left = set(), text
    for name in by_length:
        words = r"\s+".join(map(re.escape, name.split()))
        left, count = re.subn(rf"(?<!\w){words}(?!\w)", "\0", left, flags=re.IGNORECASE)
        if count:
            found.add(name)
    if len(found) == 1:
        return found.pop()
    return _unread(text, f"names {len(found)} classes" if found else "names no class")


def _letter(text: str, classes: Sequence[str]) -> Any:
    last = _LETTERS[len(classes) - 1]
    letter = rf"\W*([A-{last}a-{last.lower()}])(?=\s*(?:[).:,;*\]]|$))"  # "A car" is a word, not a choice
    begins = re.match(letter, text)
    said = re.findall(rf"(?i:\banswer)(?:\s+is)?\s*:?{letter}", text)
    found = {each.upper() for each in ([begins[1]] if begins else said)}
    if len(found) == 1:
        return classes[_LETTERS.index(found.pop())]
    return _unread(text, f"{len(found)} letters" if found else f"no letter A to {last}")


def _field(text: str, field: str, classes: Sequence[str]) -> Any:
    start, stop = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[start : stop + 1])
    except (ValueError, RecursionError):
        return _unread(text, "no JSON object")
    value = found.get(field) if isinstance(found, dict) else None
    return _unread(text, f"no field {field!r}") if value is None else _known(text, value, classes)


def _matched(text: str, pattern: re.Pattern[str], classes: Sequence[str]) -> Any:
    found = [match[1] for match in pattern.finditer(text) if match[1] is not None]
    return _known(text, found[-1], classes) if found else _unread(text, "no match")


def _known(text: str, value: Any, classes: Sequence[str]) -> Any:
    if not classes:
        return value
    alike = [name for name in classes if name.casefold() == str(value).strip().casefold()]
    return alike[0] if len(alike) == 1 else _unread(text, f"{short(str(value))} is no class")
