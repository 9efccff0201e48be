"""Quantities read whole: how much, with sign, range, tolerance and fraction, and of which unit – or not at all.

What is one quantity, and is read as one:

- a number of the locale (1,234.5), a fraction (3/4, 2 1/2, 2-1/2, ½, 2½), with its sign: hyphen-minus, U+2212, plus, or
  the word (minus, moins, …). A hyphen after a letter or digit is no sign, a dash before a temperature may be one;
- a range or a choice (10-20, 10 – 20, 10 to 20, 5 or 6, between 10 and 20), both ends before one unit, the lower first
  (or after *from*); a tolerance (10 ± 0.5, +/-); sides (3 by 4 feet, 3 x 4 inches; 4 x 100 yards is no side);
- parts in falling units of one system (6 ft 2 in, 5'10", 2 pounds and 3 ounces), each less than one of the former;
- the unit glued, spaced or joined by a hyphen, by the names and short forms that the locale data have. Short forms that
  are words, letters or other things too (12 in a row, 5 m) count inside such parts only.

What is left alone, all of it: numbers that are malformed in the locale, of more than 15 digits, or part of an
identifier, a version, a date, a time, a power of ten, a list; ranges whose other end has no unit after it (10 miles
to 20); numbers half in words (ten to 20 miles); rates and products (per, /, ·, foot-pounds, ft²); sums of money (pounds
sterling, it cost 5 pounds); temperatures above or below zero, or with a sign that may be a dash. A temperature is a
point unless a difference is said (by 10 °F, 10 °F warmer, ± 2 °F), in English, German and French.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from math import gcd
from typing import Literal, TypeAlias

from perturbations.text import _said
from perturbations.text._numbers import (
    DASHES,
    FREE,
    RANGE_WORDS,
    amount_pattern,
    language_of,
    leads_in,
    leads_on,
    value_of,
)
from perturbations.text._said import COUNTED, MINUS, VULGAR, ambiguous, is_difference, name_pattern

__all__ = ["Amount", "Names", "Quantity", "quantities"]

Width: TypeAlias = Literal["short", "long"]
Names: TypeAlias = Mapping[str, tuple[str, Width]]
"""Of each name of a unit, in small letters, the unit and the width of the name."""

_GAP = r"[^\S\n]"
_MOST_DIGITS = 15
_SIDES = {"length-inch", "length-foot", "length-centimeter"}
_PARTS = {
    ("length-mile", "length-yard"): 1760, ("length-mile", "length-foot"): 5280, ("length-yard", "length-foot"): 3,
    ("length-yard", "length-inch"): 36, ("length-foot", "length-inch"): 12, ("mass-pound", "mass-ounce"): 16,
    ("length-kilometer", "length-meter"): 1000, ("length-meter", "length-centimeter"): 100,
    ("mass-kilogram", "mass-gram"): 1000,
}  # fmt: skip
"""Units of which one is given in parts of the other, and how many make one."""
_USUAL_PARTS = {("length-foot", "length-inch"), ("mass-pound", "mass-ounce")}


@dataclass(frozen=True)
class Amount:
    """A number with its sign as it stands in the text; digits are those that it was given with."""

    sign: str
    size: Decimal
    digits: int

    @property
    def value(self) -> Decimal:
        """The number with its sign."""
        return self.size if self.sign.strip() in ("", "+") else -self.size


@dataclass(frozen=True)
class Quantity:
    """A quantity of a text: one amount, two with what joins them, or parts of which each has a unit."""

    start: int
    end: int
    amounts: tuple[Amount, ...]
    joint: str
    units: tuple[str, ...]
    width: Width
    certain: bool = True
    difference: bool = False

    @property
    def is_temperature(self) -> bool:
        """Whether its zero is not nothing."""
        return self.units[0].startswith("temperature")


def quantities(text: str, names: Names, source: str) -> list[Quantity]:
    """Return the quantities of a text that can be read whole, in order; ``names`` are those of all known units."""
    grammar = _Grammar.of(tuple(names), source)
    groups: list[list[_Found]] = []
    for match in grammar.token.finditer(text):
        found = _Found(match.start(), match.end(), _quantity(match, names, source))
        if groups and _touches(text, groups[-1][-1], found):
            groups[-1].append(found)
        else:
            groups.append([found])
    read: list[Quantity | None] = []
    for place, group in enumerate(groups):
        follows = groups[place + 1][0].start if place + 1 < len(groups) else len(text) + 99
        quantity = group[0].quantity if len(group) == 1 else _in_parts(text, group)
        read.append(quantity if quantity and grammar.stands_alone(text, quantity, follows) else None)
    gaps = [text[one[-1].end : other[0].start] for one, other in pairwise(groups)]
    ranges = [place for place, gap in enumerate(gaps) if grammar.joint.fullmatch(gap)]
    for one, other in [*((p, p + 1) for p in ranges), *((p + 1, p) for p in reversed(ranges))]:
        read[other] = read[other] if read[one] else None  # both ends, or none
    return [known for quantity in read if quantity and (known := grammar.with_difference(text, quantity))]


@dataclass(frozen=True)
class _Found:
    """Where something like a quantity stands, and the quantity if it can be read."""

    start: int
    end: int
    quantity: Quantity | None


def _touches(text: str, one: _Found, other: _Found) -> bool:
    """Tell whether two things that were found are parts of one: 6 ft 2 in, 6 feet and 2 inches; not 5 feet, 2 lb."""
    joint = text[one.end : other.start]
    if joint in ("", "-") or joint.isspace() or (joint.startswith(".") and joint[1:].isspace() and _short(one)):
        return True
    if one.quantity is None or other.quantity is None:
        return False
    units = (one.quantity.units[-1], other.quantity.units[0])
    return units in _USUAL_PARTS if joint == ", " else _AND.fullmatch(joint) is not None and units in _PARTS


def _short(found: _Found) -> bool:
    return found.quantity is not None and found.quantity.width == "short"


def _in_parts(text: str, group: list[_Found]) -> Quantity | None:
    """Return the quantity that two parts make, or nothing where they do not fit."""
    one, other = group[0].quantity, group[-1].quantity
    if len(group) != 2 or one is None or other is None or one.joint or other.joint or other.amounts[0].sign:
        return None
    units = (one.units[0], other.units[0])
    many = _PARTS.get(units)
    said = _AND.fullmatch(text[one.end : other.start]) is not None
    if many is None or other.amounts[0].size >= many or one.amounts[0].size % 1 or (said and units not in _USUAL_PARTS):
        return None
    return replace(one, end=other.end, amounts=one.amounts + other.amounts, units=units)


_AND = re.compile(r",?\s(?:and|und|et|y|e|en|и)\s")


def _quantity(match: re.Match[str], names: Names, source: str) -> Quantity | None:
    """Return what a match says, or nothing where a number is not well formed or a range does not rise."""
    if match["feet"]:
        amounts = tuple(_amount("", match[part], source) for part in ("feet", "inches"))
        feet, inches = amounts
        if feet is None or inches is None or inches.size >= 12:
            return None
        return Quantity(*match.span(), (feet, inches), "", ("length-foot", "length-inch"), "short")
    name = _plain(match["unit"])
    unit, width = names[name]
    last = _amount(match["sign2"], match["number2"], source)
    first = _amount(match["sign1"], match["number1"], source) if match["number1"] else None
    if last is None or (match["number1"] and first is None):
        return None
    joint = (match["mark"] or "") + (match["joint"] or "")
    quantity = Quantity(
        *match.span(),
        (first, last) if first else (last,),
        joint,
        (unit,),
        width,
        name not in ambiguous(language_of(source)),
    )
    return quantity if not first or _is_range(match, quantity, source) else None


def _plain(name: str) -> str:
    """Return a name as the table of names has it."""
    return " ".join(re.sub(r"°\s", "°", name.lower()).split())


def _amount(sign: str | None, raw: str, source: str) -> Amount | None:
    """Return a number or a fraction of a text, or nothing where it is not one that is read."""
    whole, fraction = "", None
    if (parts := re.fullmatch(r"(?:([0-9]+)[\s-])?([0-9]+)[/⁄]([0-9]+)", raw)) is not None:
        top, bottom = int(parts[2]), int(parts[3])
        if not 0 < top < bottom or bottom > 128 or parts[2][0] == "0" or parts[3][0] == "0":
            return None
        if gcd(top, bottom) > 1 and bottom & (bottom - 1):  # 10/20 miles: one or the other; 4/8 inch is on rulers
            return None
        whole, fraction = parts[1] or "0", Decimal(top) / Decimal(bottom)
    elif raw[-1] in VULGAR:
        whole, fraction = raw[:-1].rstrip(" \u00a0-") or "0", Decimal(str(unicodedata.numeric(raw[-1])))
    size = (value_of(raw, source)[0]) if fraction is None else Decimal(whole) + fraction
    digits = re.sub(r"[^0-9]", "", raw if fraction is None else whole)
    if len(digits) > _MOST_DIGITS or (digits[0] == "0" and digits != "0" and size >= 1):
        return None
    return Amount(sign or "", size, max(2, len(digits.lstrip("0"))) if fraction is None else max(2, len(whole) + 1))


def _is_range(match: re.Match[str], quantity: Quantity, source: str) -> bool:
    """Tell whether two amounts before one unit are a range, a choice, a tolerance, or sides."""
    text, joint = match.string, match["joint"].strip().lower()
    first, last = (amount.value for amount in quantity.amounts)
    language = language_of(source)
    to, either, both, between, by = RANGE_WORDS.get(language, ("",) * 5)
    before = text[max(0, match.start() - 12) : match.start()].lower().split()
    if joint in ("±", "+/-", "+-"):
        return not quantity.amounts[1].sign
    if joint in ("x", "×", by):
        return quantity.units[0] in _SIDES and min(first, last) > 0
    if match["mark"] and not quantity.is_temperature:
        return False
    if joint == both:
        return bool(before) and before[-1] == between and first < last
    if joint == to:
        return first < last or (bool(before) and before[-1] in ("from", "von", "de", "da", "van", "от", "с"))
    return joint == either or first < last


_DASH_BEFORE = re.compile(rf"[{DASHES}]\s?\Z")


@dataclass(frozen=True)
class _Grammar:
    """What finds things like quantities, and tells whether they stand alone, in a locale."""

    language: str
    token: re.Pattern[str]
    joint: re.Pattern[str]
    goes_on: re.Pattern[str]
    counted_unit: re.Pattern[str]

    @staticmethod
    @lru_cache(32)
    def of(names: tuple[str, ...], source: str) -> _Grammar:
        """Return the grammar of a locale with its names of units."""
        language = language_of(source)
        name = "|".join(map(name_pattern, sorted(names, key=len, reverse=True))) or "(?!)"
        clear = "|".join(
            name_pattern(each) for each in sorted(names, key=len, reverse=True) if each not in ambiguous(language)
        )
        number = (
            rf"(?:[0-9]+[\s-]?[{VULGAR}]|(?:[0-9]+[ \u00a0-])?[0-9]+[/⁄][0-9]+|[{VULGAR}]|{amount_pattern(source)})"
        )
        sign = rf"[-+\u2212]|(?:{'|'.join(MINUS)})\s?"
        said = "".join(f"|{_GAP}{re.escape(word)}{_GAP}" for word in RANGE_WORDS.get(language, ()))
        joint = rf"{_GAP}?(?:[{DASHES}~～±×]|\+/?-){_GAP}?|{_GAP}?x{_GAP}?{said}"
        token = (
            rf"{FREE}(?:(?P<feet>[0-9]{{1,2}})\s?['’′]\s?(?P<inches>{number})\s?(?:[\"″”]|''|’’|′′)(?!\w)"
            rf"|(?:(?P<sign1>{sign})?(?P<number1>{number})(?P<mark>\s?°)?(?P<joint>{joint}))??"
            rf"(?P<sign2>{sign})?(?P<number2>{number})(?:{_GAP}|-)?(?P<unit>{name})(?!\w))"
        )
        goes_on = (
            rf"{_GAP}?[\^²³⁰-⁹/·⋅*]|{_GAP}?-?[0-9{VULGAR}]|\.\w|{_GAP}(?:per|pro|par|por|squared|cubed)\b"
            rf"|[ -](?:{clear or '(?!)'})(?!\w)|[·⋅-](?:{name})(?!\w)|,?{_GAP}(?:and{_GAP})?(?:an?{_GAP})?{COUNTED}\b"
            rf"|{_GAP}(?:below|above|under|over){_GAP}(?:zero|freezing)"
        )
        return _Grammar(
            language,
            re.compile(token, re.IGNORECASE),
            re.compile(joint, re.IGNORECASE),
            re.compile(goes_on, re.IGNORECASE),
            re.compile(rf"\b{COUNTED}[\s-](?:{name})\.?,?\s(?:and\s)?\Z", re.IGNORECASE),
        )

    def stands_alone(self, text: str, quantity: Quantity, follows: int) -> bool:
        """Tell whether a quantity is no part of something larger; ``follows`` is where the next one starts."""
        start, end, unit = quantity.start, quantity.end, quantity.units[0]
        near = text[max(0, start - 40) : start]
        if _said.goes_on_from(near, bool(quantity.joint)) or self.counted_unit.search(near):
            return False
        if leads_in(text, start, self.language):
            return False
        if quantity.width == "long" and _said.is_name(text, start, end, self.language):
            return False
        if self.goes_on.match(text, end) or (leads_on(text, end, self.language) and follows > end + 6):
            return False
        if quantity.width == "short" and re.compile(rf"\.{_GAP}?[0-9]").match(text, end):
            return False
        if unit == "mass-pound" and len(quantity.units) == 1 and _said.is_money(text, start, end):
            return False
        if quantity.is_temperature and _DASH_BEFORE.search(near):
            return False
        return quantity.certain or len(quantity.units) > 1

    def with_difference(self, text: str, quantity: Quantity) -> Quantity | None:
        """Return a quantity with what is said of its being a difference, or nothing where that is open."""
        if not quantity.is_temperature:
            return quantity
        difference = is_difference(text, quantity.start, quantity.end, self.language)
        return None if difference is None else replace(quantity, difference=difference)
