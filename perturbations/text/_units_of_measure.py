"""Quantities with units, found by their names in a locale and given in the other system of units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from perturbations.text._extra import need
from perturbations.text._numbers import DASHES, decimal_pattern, locale_of
from perturbations.text._quantities import Amount, Names, Quantity, Width, quantities

__all__ = ["converted"]

_PAIRS = (
    ("length-mile", "length-kilometer", "1.609344"),
    ("length-foot", "length-meter", "0.3048"),
    ("length-yard", "length-meter", "0.9144"),
    ("length-inch", "length-centimeter", "2.54"),
    ("mass-pound", "mass-kilogram", "0.45359237"),
    ("mass-ounce", "mass-gram", "28.349523125"),
    ("volume-gallon", "volume-liter", "3.785411784"),
    ("volume-gallon-imperial", "volume-liter", "4.54609"),
    ("area-acre", "area-hectare", "0.40468564224"),
    ("area-square-mile", "area-square-kilometer", "2.589988110336"),
    ("speed-mile-per-hour", "speed-kilometer-per-hour", "1.609344"),
)
"""Imperial unit, metric unit, and how many of the second the first is: exact, by definition."""
_FAHRENHEIT, _CELSIUS = "temperature-fahrenheit", "temperature-celsius"
_METRES = {"length-mile": "1609.344", "length-yard": "0.9144", "length-foot": "0.3048", "length-inch": "0.0254",
           "length-kilometer": "1000", "length-meter": "1", "length-centimeter": "0.01"}  # fmt: skip
_KILOGRAMS = {"mass-pound": "0.45359237", "mass-ounce": "0.028349523125", "mass-kilogram": "1", "mass-gram": "0.001"}
_USUAL = {
    "lbs": "mass-pound",
    "ozs": "mass-ounce",
    "yds": "length-yard",
    "kgs": "mass-kilogram",
    "kms": "length-kilometer",
}
"""Short forms that English has and the locale data lack."""
_POINT = re.compile(r"\.(?=[^\S\n][a-z])")
"""The point of a short form inside a sentence (8 oz. steak)."""
_BASE = {unit: Decimal(size) for unit, size in (_METRES | _KILOGRAMS).items()}
"""How large the units are that a quantity is given in parts of, in metres and kilograms."""


@lru_cache(32)
def _names(locale_name: str) -> Names:
    """Return the unit and the width of each name; a locale's own names come before those of British English."""
    locale = locale_of(locale_name)
    units = [*(unit for pair in _PAIRS for unit in pair[:2]), _FAHRENHEIT, _CELSIUS]
    names: dict[str, tuple[str, Width]] = {}
    widths: tuple[Width, ...] = ("long", "short")
    for each in (locale, locale_of("en_GB")) if locale.language == "en" else (locale,):
        for unit in units:
            for width in widths:
                for pattern in _written(each, unit, width):
                    name = " ".join(pattern.replace("{0}", "").lower().split())
                    if name and pattern.strip().startswith("{0}"):
                        names.setdefault(name, (unit, width))
    if locale.language == "en":
        names.update({name: (unit, "short") for name, unit in _USUAL.items()})
    return names


def _written(locale: Any, unit: str, width: Width) -> Iterator[str]:
    """Yield the patterns of a unit for one thing or many, and not those of rates."""
    table = dict(locale._data["unit_patterns"][unit][width])
    yield from (p for key, p in table.items() if isinstance(p, str) and key not in ("per", "gender"))


def converted(text: str, to: str, source: str) -> str:
    """Return a text with its quantities in the other system, to as many digits as they were given with."""
    side = 1 if to == "imperial" else 0
    units = {pair[side] for pair in _PAIRS} | {(_FAHRENHEIT, _CELSIUS)[side]}
    parts: list[str] = []
    end = 0
    for quantity in quantities(text, _names(source), source):
        if quantity.units[0] in units:
            parts += (text[end : quantity.start], _Writer(source, quantity).write())
            end = quantity.end + (quantity.width == "short" and _POINT.match(text, quantity.end) is not None)
    return "".join((*parts, text[end:]))


class _Writer:
    """What writes a quantity in the other system, in the locale's format."""

    def __init__(self, source: str, quantity: Quantity) -> None:
        self.locale = locale_of(source)
        self.quantity = quantity
        self.unit = _counterpart(quantity.units[0], self.locale)

    def write(self) -> str:
        """Return the quantity: its number or numbers, and the unit once, at the end."""
        quantity, unit = self.quantity, self.unit
        joint, amounts = quantity.joint, quantity.amounts
        if len(quantity.units) > 1:
            return self._with_unit(*self._number(_sum(quantity)))
        tolerance = any(sign in joint for sign in ("±", "+/", "+-"))
        last = self._number(amounts[-1], quantity.difference or tolerance)
        if not joint:
            return self._with_unit(*last)
        first = self._written(*self._number(amounts[0], quantity.difference))
        if last[0] and joint.strip(" \u00a0°") in DASHES:
            joint = f"{'°' if '°' in joint and unit == _CELSIUS else ''} – "
        return f"{first}{joint}{self._with_unit(*last)}"

    def _number(self, amount: Amount, difference: bool = False) -> tuple[str, Decimal, str]:
        """Return the sign, the size and the pattern of a number in the other unit."""
        result = _other(amount.value, self.quantity.units[0], self.unit, difference)
        places = max(amount.digits - 1 - result.adjusted(), 0) if result else 0
        result = round(result, places)
        sign = amount.sign if (amount.value < 0) == (result < 0) or not amount.size else ""
        if result < 0 and not sign:
            sign = self.locale.number_symbols["latn"]["minusSign"]
        return sign if result else "", abs(result), decimal_pattern(self.locale, "#" * places)

    def _written(self, sign: str, size: Decimal, pattern: str) -> str:
        numbers = need("babel.numbers", "text.unit_system")
        return sign + str(numbers.format_decimal(size, pattern, locale=self.locale, numbering_system="latn"))

    def _with_unit(self, sign: str, size: Decimal, pattern: str) -> str:
        """Return a number with its unit in the form that the number asks for."""
        format_unit = need("babel.units", "text.unit_system").format_unit
        whole = str(format_unit(size, self.unit, self.quantity.width, pattern, locale=self.locale))
        number = self._written("", size, pattern)
        return whole.replace(number, sign + number, 1)


def _sum(quantity: Quantity) -> Amount:
    """Return parts as one amount of the first unit; it counts as given to three digits at least."""
    large, small = (_BASE[unit] for unit in quantity.units)
    first, second = quantity.amounts
    in_small = (first.size * large / small) + second.size
    digits = len(str(int(in_small))) + max(second.digits - len(str(int(second.size))) - 1, 0)
    return Amount(first.sign, in_small * small / large, max(3, digits))


def _counterpart(unit: str, locale: Any) -> str:
    """Return the unit of the other system; litres become the gallons of the country."""
    if unit in (_FAHRENHEIT, _CELSIUS):
        return _CELSIUS if unit == _FAHRENHEIT else _FAHRENHEIT
    if unit == "volume-liter" and locale.territory in ("GB", "IE"):
        return "volume-gallon-imperial"
    return next(
        metric if unit == imperial else imperial for imperial, metric, _ in _PAIRS if unit in (imperial, metric)
    )


def _other(value: Decimal, unit: str, to: str, difference: bool) -> Decimal:
    """Return a value in the other system."""
    if unit == _FAHRENHEIT:
        return (value - (0 if difference else 32)) * 5 / 9
    if unit == _CELSIUS:
        return value * 9 / 5 + (0 if difference else 32)
    factor = next(Decimal(f) for imperial, metric, f in _PAIRS if {unit, to} == {imperial, metric})
    return value * factor if unit == next(pair[0] for pair in _PAIRS if {unit, to} == set(pair[:2])) else value / factor
