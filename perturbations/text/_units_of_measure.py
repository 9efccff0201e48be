"""Quantities with units, found by their names in a locale and given in the other system of units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from perturbations.text._extra import need
from perturbations.text._formats import Reader, amount_pattern, locale_of

__all__ = ["converted"]

_PAIRS = (
    ("length-mile", "length-kilometer", "1.609344"),
    ("length-foot", "length-meter", "0.3048"),
    ("length-yard", "length-meter", "0.9144"),
    ("length-inch", "length-centimeter", "2.54"),
    ("mass-pound", "mass-kilogram", "0.45359237"),
    ("mass-ounce", "mass-gram", "28.349523125"),
    ("volume-gallon", "volume-liter", "3.785411784"),
    ("area-acre", "area-hectare", "0.40468564224"),
    ("area-square-mile", "area-square-kilometer", "2.589988110336"),
    ("speed-mile-per-hour", "speed-kilometer-per-hour", "1.609344"),
)
"""Imperial unit, metric unit, and how many of the second the first is: exact, by definition."""
_FAHRENHEIT, _CELSIUS = "temperature-fahrenheit", "temperature-celsius"
_AMBIGUOUS = {"in", "m", "g", "l", "h", "mi", "t", "a"}
"""Short forms that are words or letters too: 12 in a row."""


@lru_cache(32)
def _names(locale_name: str, to: str) -> tuple[re.Pattern[str], dict[str, tuple[str, str]]]:
    """Return a pattern that finds quantities to be changed, and the unit and the width of each name."""
    locale = locale_of(locale_name)
    side = 1 if to == "imperial" else 0
    units = [pair[side] for pair in _PAIRS] + [(_FAHRENHEIT, _CELSIUS)[side]]
    names: dict[str, tuple[str, str]] = {}
    for unit in units:
        for width in ("short", "long"):
            for pattern in _written(locale, unit, width):
                name = pattern.replace("{0}", "").strip()
                if name and pattern.strip().startswith("{0}") and name not in _AMBIGUOUS:
                    names.setdefault(name.lower(), (unit, width))
    either = "|".join(re.escape(name).replace("°", r"°\s?") for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<![\w.,])({amount_pattern(locale)})[\s-]?({either})(?!\w)", re.IGNORECASE), names


def _written(locale: Any, unit: str, width: str) -> Iterator[str]:
    """Yield the patterns of a unit; English texts may have its British spelling too."""
    for each in (locale, locale_of("en_GB")) if locale.language == "en" else (locale,):
        yield from (p for p in dict(each._data["unit_patterns"][unit][width]).values() if isinstance(p, str))


def converted(text: str, to: str, source: str) -> str:
    """Return a text with its quantities in the other system, to as many digits as they were given with."""
    pattern, names = _names(source, to)
    reader, locale = Reader.of(source), locale_of(source)
    format_unit = need("babel.units", "text.unit_system").format_unit

    def changed(match: re.Match[str]) -> str:
        unit, width = names[re.sub(r"°\s", "°", match[2].lower())]
        value = reader.value(match[1])[0]
        digits = max(2, len(str(value).replace(".", "").lstrip("0")))
        result, other = _other(value, unit)
        places = max(digits - 1 - result.adjusted(), 0) if result else 0
        pattern = "#,##0" + ("." + "#" * places if places else "")
        return str(format_unit(round(result, places), other, width, pattern, locale=locale))

    return pattern.sub(changed, text)


def _other(value: Decimal, unit: str) -> tuple[Decimal, str]:
    """Return a quantity in the other system: the value and the unit."""
    if unit == _FAHRENHEIT:
        return (value - 32) * 5 / 9, _CELSIUS
    if unit == _CELSIUS:
        return value * 9 / 5 + 32, _FAHRENHEIT
    for imperial, metric, factor in _PAIRS:
        if unit == imperial:
            return value * Decimal(factor), metric
        if unit == metric:
            return value / Decimal(factor), imperial
    raise KeyError(unit)  # names come from the same table
