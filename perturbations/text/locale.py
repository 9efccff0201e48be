"""The same facts as another country writes them: numbers, dates, times, currencies, units and names."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache

from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Choice, Param
from perturbations.errors import InputError
from perturbations.text._bilingual import LANGUAGES, spelled
from perturbations.text._formats import Reader, locale_problem
from perturbations.text._spelled import readable_numbers
from perturbations.text._units_of_measure import converted
from perturbations.text.segments import hit, outside, pieces

__all__ = [
    "currency_conversion",
    "date_format",
    "locale_format",
    "name_order",
    "number_format",
    "spelled_numbers",
    "unit_system",
]


def _to(what: str) -> Choice:
    return Choice(f"locale that {what} written in, as de_DE", default="de_DE", axis=True, test=locale_problem)


_FROM = Choice("locale that the text is written in", default="en_US", test=locale_problem)


@text_corruption(cite="cldr", version=3, to=_to("numbers, dates, times and currencies are"), source=_FROM)
def locale_format(text: str, *, to: str, source: str) -> str:
    """Users abroad: numbers, dates, times and amounts of money are written as another locale writes them.

    What is found by the source locale's own formats is written again by the other's (Unicode locale data, through
    Babel): 1,234.5 → 1.234,5; March 3, 2025 → 3. März 2025; 2:30 PM → 14:30. Values, currencies and time zones stay.
    Single integers without separators stay too, but for their digits; so do dates as ISO 8601 writes them.
    """
    return Reader.of(source).rewrite(text, to, ("date", "time", "money", "number"))


@text_corruption(cite="cldr", version=3, to=_to("numbers are"), source=_FROM)
def number_format(text: str, *, to: str, source: str) -> str:
    """A decimal comma read as a thousands point: numbers are written as another locale writes them.

    A number is read whole, by the source locale's own separators in their places, or left (25.00 is no German number).
    """
    return Reader.of(source).rewrite(text, to, ("number",))


@text_corruption(cite="cldr", version=3, to=_to("dates and times are"), source=_FROM)
def date_format(text: str, *, to: str, source: str) -> str:
    """Is 3/4 in March or in April: dates and times are written as another locale writes them."""
    return Reader.of(source).rewrite(text, to, ("date", "time"))


_RATE = re.compile(r"([A-Z]{3})>([A-Z]{3})=(\d+(?:\.\d+)?)")


def _rate_problem(value: str) -> str | None:
    match = _RATE.fullmatch(value)
    if match is None or not float(match[3]):
        return f"must be written like USD>EUR=0.92 with a rate above 0, got {value!r}."
    return None


@text_corruption(
    cite="cldr",
    version=3,
    rate=Choice("exchange rate, as USD>EUR=0.92; amounts in the first currency are converted", default="USD>EUR=0.92",
                axis=True, test=_rate_problem),
    source=_FROM,
)  # fmt: skip
def currency_conversion(text: str, *, rate: str, source: str) -> str:
    """Prices are given in another currency: amounts of one currency are converted at a rate, and written as before.

    The default rate is an example; give the one of your day.
    """
    match = _RATE.fullmatch(rate)
    if match is None:
        raise InputError(f"text.currency_conversion: rate {_rate_problem(rate)}")
    return Reader.of(source).exchange(text, match[1], match[2], Decimal(match[3]))


@text_corruption(
    cite="bipm2019",
    version=4,
    to=Choice("system that quantities are brought to", ("metric", "imperial"), axis=True),
    source=_FROM,
    witness=lambda: (
        "He ran 26.2 miles in 3 hours at 75 °F; the 5 kg bag fell 10 feet from 30 metres, 12 inches of snow."
    ),
)
def unit_system(text: str, *, to: str, source: str) -> str:
    """Miles or kilometres: quantities are given in the other system of units, at the precision they were given in.

    A quantity is read whole – sign, fraction, range, tolerance, parts (6 ft 2 in) – or left whole: what is malformed in
    the source locale, half in words, a rate, a sum of money (pounds) or otherwise open stays as it is. Temperatures are
    points, unless a difference is said (10 °F warmer).
    """
    return outside(text, lambda part: converted(part, to, source))


_TITLES = r"(?:Dr|Mr|Mrs|Ms|Prof|Sir|Herr|Frau|Señor|Señora|Sr|Sra|Monsieur|Madame|M|Mme|Mlle)\.?\s+"
_NAME = r"[^\W\d_a-zß-öø-ÿ][^\W\d_]+(?:['’-][^\W\d_]+)*|[^\W\d_a-z]['’][^\W\d_]+"


@cache
def _names() -> re.Pattern[str]:
    from perturbations.text.data import table

    given = "|".join(sorted(table("names")["given"].split()))
    return re.compile(
        rf"(?P<title>\b{_TITLES})?(?<!\w)(?P<given>{given})\s+(?P<family>(?:(?:van|von|de|da|del|bin|al)\s+)*(?:{_NAME}))"
    )


@text_corruption(
    cite="cldr",
    order=Choice(
        "how names are written", ("family first", "family, given", "initial"), default="family first", axis=True
    ),
)
def name_order(text: str, *, order: str) -> str:
    """Which is the family name: Anna O'Neil becomes O'Neil Anna, O'Neil, Anna, or A. O'Neil.

    Found by the given name, of which the 400 or so most frequent in a dozen languages are known.
    """

    def turned(match: re.Match[str]) -> str:
        title, given, family = match["title"] or "", match["given"], match["family"]
        if order == "initial":
            return f"{title}{given[0]}. {family}"
        return f"{title}{family}{',' if ',' in order else ''} {given}"

    return outside(text, lambda part: _names().sub(turned, part))


@text_corruption(
    cite="cldr",
    version=3,
    share=Param(
        "share of the numbers that are written out", "of numbers", 0, 1, clean=0, levels=(0.2, 0.4, 0.6, 0.8, 1.0)
    ),
    language=Choice("language of the text", LANGUAGES, "en"),
    witness=lambda: (
        "3 of 12 men had 7 horses and 25 dogs, 4 women had 9 cats, 60 sheep and 14 goats, and 2 boys saw 31 ducks, "
        "5 geese, 18 hens and 6 swans beside 11 boats."
    ),
)
def spelled_numbers(text: str, rng: Generator, *, share: float, language: str) -> str:
    """Speech and old print have no digits: numbers are written out in words (12 → twelve).

    Whole numbers and decimal fractions below a million million that count something; what may be a code, a version, a
    year, a date, a time or a part of a larger number stays (007, 3.10, 1984, 10-20, 50%).
    """
    parts = pieces(text)
    for place in hit(rng, readable_numbers(parts, language), share):
        word = parts[place]
        parts[place] = spelled(float(word) if "." in word else int(word), language)
    return "".join(parts)
