"""A label is one thing, however it is spelled: ``3``, ``3.0``, ``" 3"``, ``b"3"``, a NumPy or torch scalar are class 3.

Targets, classes and answers come from files, frames and tensors, each of which writes the same class in its own way.
Everything here that names a class passes through ``label`` once, so that two spellings can never be two classes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations.errors import InputError, short

__all__ = [
    "alike",
    "any_missing",
    "gaps",
    "label",
    "missing",
    "names_of",
    "ordered",
    "plain",
    "storable",
    "vector",
    "whole",
]

_WHOLE_TEXT = re.compile(r"(-?)(0|[1-9][0-9]*)\.0+")
"""A whole number as tables write it once a column has a gap: ``3.0``. ``03`` and ``1.10`` are names, and stay."""
_LARGE_TEXT = re.compile(r"-?[0-9](\.[0-9]+)?e\+[0-9]{2}")
_INTEGER = re.compile(r"[+-]?\d{1,1000}")  # of any script; Python reads no more than some 4,000 digits
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.IGNORECASE)
_GAP = re.compile(r"\s*(?:[+-]?nan|<na>|nat)\s*", re.IGNORECASE)
"""How a missing number is written."""
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[ T]00:00(?::00(?:\.0+)?)?")
"""A day as tables write it in a column of times."""
_UNSEEN = "\ufeff\u200b\u2060\u200e\u200f"
"""Byte-order mark, zero-width space, word joiner, marks of direction: at the ends of a text they are space."""
_MISSING_TYPES = ("NAType", "NaTType", "MaskedConstant")  # of pandas, which is not imported for this, and NumPy
_SOLID = frozenset({str, int, bool, bytes})
"""Types of which no value is missing, but for none of them."""
_ZEROS = re.compile(r"\0(?:\+[0-9]|-?(?:0[0-9]|[0-9]+\.)|-0(?:\0|$))")
"""What a number looks like, among names of which each follows a NUL, that may be written in another way."""


def missing(value: Any) -> bool:
    """Return whether a value stands for nothing: ``None``, NaN, NaT, pandas' ``NA``, NumPy's ``masked``."""
    if type(value) in _SOLID:
        return False
    if type(value) is float:
        return value != value
    if value is None or type(value).__name__ in _MISSING_TYPES:
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    if hasattr(value, "as_py"):  # a scalar of Arrow
        return missing(value.as_py())
    if getattr(value, "shape", None) == () and not isinstance(value, np.generic):
        value = plain(value)
    return bool(value != value) if isinstance(value, float | complex | np.inexact | Decimal) else False


def any_missing(values: Iterable[Any]) -> bool:
    """Return whether one of some values stands for nothing; plain types are not looked at one by one."""
    values = values if isinstance(values, list) else list(values)
    return not set(map(type, values)) <= _SOLID and any(map(missing, values))


def gaps(values: Iterable[Any]) -> set[str]:
    """Return the texts that are written for a missing number (``nan``), where every other value is a number: there they
    are one. Among names they are names: ``nan`` is a language.
    """
    texts: set[str] = set()
    count = 0
    for value in values:
        if isinstance(value, str):
            texts.add(value)
        elif not missing(value):
            count += 1
            if not isinstance(value, Number | np.number):
                return set()
    found = set(filter(_GAP.fullmatch, texts))
    others = {text for text in texts - found if text.strip()}
    return found if (others or count) and all(map(_NUMBER.fullmatch, others)) else set()


def plain(value: Any) -> Any:
    """Return a scalar without its wrapping: of NumPy, of torch, of Arrow, of an array or list with one element."""
    if hasattr(value, "as_py"):
        return plain(value.as_py())
    if isinstance(value, Enum) or not (hasattr(value, "shape") or isinstance(value, list | tuple)):
        return value
    if isinstance(value, np.floating):
        return value  # which writes itself as short as it can: 0.1, not 0.10000000149
    if isinstance(value, list | tuple):
        return plain(value[0]) if len(value) == 1 else value
    if hasattr(value, "detach"):
        value = value.detach()
    try:
        if int(np.prod(tuple(value.shape))) != 1:
            return value
        if isinstance(value, np.datetime64 | np.timedelta64):
            return _moment(value)
        single = "float32" in str(value.dtype)
        return np.float32(value.item()) if single else value.item()
    except (TypeError, ValueError, AttributeError, RuntimeError):
        return value


def _moment(value: Any) -> Any:
    """Return a date or time of NumPy as Python's, also one in nanoseconds, which NumPy hands out as a bare number."""
    coarse = value.astype(f"{'m' if isinstance(value, np.timedelta64) else 'M'}8[us]")
    found = value.item()
    if not isinstance(found, int):
        return found
    return coarse.item() if coarse == value else str(value)


def whole(value: Any) -> int | None:
    """Return the whole number that a number is, also as a float; nothing for a text, a truth value or a fraction."""
    value = plain(value)
    if isinstance(value, bool | np.bool_ | Enum) or not isinstance(value, Number | np.number) or missing(value):
        return None
    try:
        number = int(value)  # type: ignore[arg-type]
        return number if value == number else None
    except (TypeError, ValueError, OverflowError):
        return None


def storable(text: str) -> bool:
    """Return whether a text can be written as UTF-8: a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def label(value: Any, who: str = "label") -> str | None:
    """Return the one name of a label, however it is spelled, and ``None`` where it is missing.

    Whole numbers lose their decimals (``3.0`` → ``3``), a moment at midnight its time (``2020-01-01``), texts the space
    around them and differences of Unicode composition (NFC); bytes are UTF-8; an ``Enum`` member goes by its name. A
    text of spaces is missing. ``label`` of a label is that label. Raises InputError for what is no single label: a
    list, a mapping, a complex number, an object without a text.
    """
    if missing(value) or missing(value := plain(value)):
        return None
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            value = bytes(value).decode()
        except UnicodeDecodeError:
            raise InputError(f"{who}: bytes must be UTF-8, got {short(value)}.") from None
    if isinstance(value, str):
        return _text(value, who)
    if isinstance(value, complex | np.complexfloating):
        raise InputError(f"{who}: must be one label (a text or a number), got the complex {short(value)}.")
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if (number := whole(value)) is not None:
        return str(number)
    listed = isinstance(value, Sequence | Mapping | AbstractSet) or getattr(value, "shape", ()) != ()
    bare = "__str__" not in {name for kind in type(value).__mro__[:-1] for name in vars(kind)}
    if listed or (bare and not isinstance(value, Number | np.number)):
        raise InputError(f"{who}: must be one label (a text or a number), got {short(value)}.")
    return _text(str(value), who)


def _text(value: str, who: str) -> str | None:
    text = value.strip()
    if not text.isascii():
        while text != (bare := text.strip(_UNSEEN).strip()):
            text = bare
        if not storable(text):
            raise InputError(f"{who}: must be a text without lone surrogates, got {short(value)}.")
        text = unicodedata.normalize("NFC", text)
    if text[:1] in "-0123456789":
        if found := _MIDNIGHT.fullmatch(text):
            return found[1]
        if found := _WHOLE_TEXT.fullmatch(text):
            return found[2] if found[2] == "0" else found[1] + found[2]
        if _LARGE_TEXT.fullmatch(text) and float(text).is_integer():
            return str(int(float(text)))
    return text or None


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return distinct names in the one order they have: numbers by size, where all are numbers, else by their text.

    Equal numbers go by length, then by text: ``1``, ``01``, ``001``.
    """
    found = set(names)
    if all(map(_INTEGER.fullmatch, found)):
        return tuple(sorted(found, key=lambda name: (int(name), len(name), name)))
    if all(map(_DECIMAL.fullmatch, found)):
        return tuple(sorted(found, key=lambda name: (float(name), len(name), name)))
    return tuple(sorted(found))


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return groups of different names that may be meant as one: leading zeros, capitals, inner space, composition."""
    found = dict.fromkeys(names)
    if len(found) < 2 or _all_apart(found):
        return []
    groups: dict[Any, set[str]] = {}
    for name in found:
        text = "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if not _is_blank(c))
        groups.setdefault(_number(text) if _DECIMAL.fullmatch(text) else text, set()).add(name)
    return [ordered(group) for group in groups.values() if len(group) > 1]


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def _all_apart(names: Collection[str]) -> bool:
    """Return whether a look at all names at once shows that no two are alike; if not, they are looked at singly."""
    joined = "\0".join(names)
    folded = joined.lower()
    if not folded.isascii() or folded.split(maxsplit=1) != [folded] or _ZEROS.search("\0" + folded):
        return False
    if folded.count("\0") != len(names) - 1:
        return False
    return folded == joined or len(set(folded.split("\0"))) == len(names)


def _number(text: str) -> tuple[str, str, str]:
    """Return sign and digits before and after the point of a number; unlike in a float, none of many digits is lost."""
    sign, digits = (text[0].strip("+"), text[1:]) if text[0] in "+-" else ("", text)
    digits = "".join(c if c == "." else str(unicodedata.digit(c)) for c in digits)
    before, _, after = digits.partition(".")
    whole, part = before.lstrip("0"), after.rstrip("0")
    return (sign if whole or part else "", whole, part)


def vector(target: Any) -> NDArray[np.float64] | None:
    """Return the numbers of a target that is several at once – an array, a list, a list as text – or nothing."""
    if isinstance(target, str):
        text = target.strip()
        if text[:1] + text[-1:] not in ("[]", "()"):
            return None
        target = text[1:-1].replace(",", " ").split()
        try:
            numbers = [float({"True": 1, "False": 0}.get(each, each)) for each in target]
        except ValueError:
            return None
        return np.array(numbers) if len(numbers) > 1 else None
    target = _listed(target)
    if not isinstance(target, list | tuple) or len(target) < 2:
        return None
    values = [plain(each) for each in target]
    if not all(isinstance(each, bool | np.bool_ | Number | np.number) for each in values):
        return None
    if any(isinstance(each, complex | np.complexfloating | Enum) for each in values):  # members are names
        return None
    return np.array(values, np.float64)


def _listed(value: Any) -> Any:
    if isinstance(value, memoryview):  # bytes, which are a text
        return value
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if hasattr(value, "as_py"):
        return value.as_py()
    return value.tolist() if hasattr(value, "tolist") else value


def names_of(targets: Iterable[Any]) -> tuple[str, ...]:
    """Return the distinct labels of targets in their order; of vectors with one entry a class, the places ``0`` …"""
    found: set[str] = set()
    targets = targets if isinstance(targets, list) else list(targets)
    if len(kinds := set(map(type, targets))) == 1 and kinds <= _SOLID:
        targets = list(set(targets))  # equal values of one type have one label
    for target in targets:
        if (numbers := vector(target)) is not None:
            found.update(map(str, range(len(numbers))))
        elif (name := label(target)) is not None:
            found.add(name)
    if void := gaps(found):
        raise InputError(
            f"label: {', '.join(map(repr, sorted(void)))} beside numbers stands for a missing one. Leave such samples "
            "out, or name the classes if it is one."
        )
    return ordered(found)
