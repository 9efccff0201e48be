"""Numbers, dates, times and amounts of money, found by one locale's formats and written in another's."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from perturbations.errors import nearest
from perturbations.text._extra import need
from perturbations.text._scripts import ZEROS, with_digits
from perturbations.text._units import outside

__all__ = ["Reader", "locale_of", "locale_problem"]

_WHO = "text: a locale"
_SIGNS = {"€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH", "฿": "THB",
          "₫": "VND", "₪": "ILS", "₦": "NGN", "zł": "PLN", "Kč": "CZK", "US$": "USD", "$": "USD"}  # fmt: skip
_DOLLARS = {"US": "USD", "CA": "CAD", "AU": "AUD", "NZ": "NZD", "MX": "MXN", "SG": "SGD", "HK": "HKD", "CL": "CLP",
            "CO": "COP", "AR": "ARS"}  # fmt: skip
_CODES = "AUD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|MYR|NOK|NZD|PHP|PLN|RON|RUB|" \
         "SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR"  # fmt: skip


def locale_problem(value: str) -> str | None:
    """Return what is wrong with the name of a locale, or nothing."""
    if value in ("de_DE", "en_US"):  # the defaults are known without loading Babel
        return None
    core = need("babel.core", _WHO)
    try:
        core.Locale.parse(value.replace("-", "_"))
    except (core.UnknownLocaleError, ValueError):
        known = need("babel.localedata", _WHO).locale_identifiers()
        return f"must be a locale as in de_DE, got {value!r}. {nearest(value.replace('-', '_'), known)}"
    return None


@lru_cache(64)
def locale_of(name: str) -> Any:
    """Return Babel's locale of that name."""
    return need("babel", _WHO).Locale.parse(name.replace("-", "_"))


def _any_of(names: Any) -> str:
    return "|".join(re.escape(name).replace(r"\ ", r"\s") for name in sorted(names, key=len, reverse=True))


def amount_pattern(locale: Any) -> str:
    """Return the pattern of a number as a locale writes it, with Latin digits."""
    symbols = locale.number_symbols["latn"]
    group = r"[ \u00a0\u202f]" if symbols["group"].isspace() else re.escape(symbols["group"])
    point = re.escape(symbols["decimal"])
    return rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})+(?:{point}[0-9]+)?|[0-9]+{point}[0-9]+|[0-9]+)"


@dataclass(frozen=True)
class Reader:
    """What finds the numbers, dates, times and amounts of money in a text of one locale."""

    name: str
    pattern: re.Pattern[str]
    months: dict[str, int]
    order: tuple[int, int, int]

    @staticmethod
    @lru_cache(32)
    def of(name: str) -> Reader:
        """Return the reader of a locale."""
        locale = locale_of(name)
        months = {
            month.lower().rstrip("."): number
            for context in ("format", "stand-alone")
            for width in ("wide", "abbreviated")
            for number, month in locale.months[context][width].items()
        }
        days = {day.lower() for width in ("wide", "abbreviated") for day in locale.days["format"][width].values()}
        letters = re.sub(r"[^dMy]", "", locale.date_formats["short"].pattern)
        order = tuple(sorted(range(3), key=lambda part: letters.index("dMy"[part])))
        pattern = _pattern(amount_pattern(locale), _any_of(months), _any_of(days))
        return Reader(name, re.compile(pattern, re.IGNORECASE), months, order)  # type: ignore[arg-type]

    def rewrite(self, text: str, to: str, kinds: tuple[str, ...]) -> str:
        """Return a text with what is of some kinds written as another locale writes it."""
        writer = _Writer(self, locale_of(to))
        write: dict[str, Callable[[re.Match[str]], str | None]] = {
            "date": writer.date, "time": writer.time, "money": writer.money, "number": writer.number,
        }  # fmt: skip

        def written(match: re.Match[str]) -> str:
            kind = match.lastgroup or ""
            other = write[kind](match) if kind in kinds else None
            return match.group() if other is None else other

        return outside(text, lambda part: self.pattern.sub(written, part))

    def exchange(self, text: str, have: str, want: str, rate: Decimal) -> str:
        """Return a text with the amounts in one currency given in another, in this locale's own format."""
        writer = _Writer(self, locale_of(self.name))

        def written(match: re.Match[str]) -> str:
            if match.lastgroup != "money" or self.currency(match) != have:
                return match.group()
            return writer.price(self.value(match["paid"] or match["due"])[0] * rate, want, None, True)

        return outside(text, lambda part: self.pattern.sub(written, part))

    def value(self, raw: str) -> tuple[Decimal, int, bool]:
        """Return a number's value, its decimals, and whether its thousands are set off."""
        point = locale_of(self.name).number_symbols["latn"]["decimal"]
        whole, _, fraction = raw.partition(point)
        digits = re.sub(r"[^0-9]", "", whole)
        return Decimal(f"{digits}.{fraction}" if fraction else digits), len(fraction), digits != whole

    def currency(self, match: re.Match[str]) -> str:
        """Return the code of the currency of an amount."""
        sign = (match["sign"] or match["mark"]).strip()
        if sign == "$":
            return _DOLLARS.get(locale_of(self.name).territory or "US", "USD")
        if sign == "¥" and locale_of(self.name).language == "zh":
            return "CNY"
        return _SIGNS.get(sign, sign.upper())

    def date(self, match: re.Match[str]) -> datetime.date | None:
        """Return a date that was found, or nothing where there is no such day."""
        month = match["month"] or match["month2"]
        parts: tuple[str | int, ...]
        if month:
            parts = (
                match["year"] or match["year2"],
                self.months[month.lower().rstrip(".")],
                match["day"] or match["day2"],
            )
        elif match["han"]:
            parts = (match["han"], match["han2"], match["han3"])
        else:
            numbers = [match["one"], match["two"], match["three"]]
            day, number, year = (numbers[self.order.index(part)] for part in range(3))
            parts = (f"20{year}" if len(year) == 2 else year, number, day)
        try:
            return datetime.date(*map(int, parts))
        except ValueError:
            return None


def _pattern(amount: str, months: str, days: str) -> str:
    """Return the pattern of everything that is found; the name of the outermost group is its kind."""
    signs, free, end = _any_of(_SIGNS), r"(?<![\w.,:/-])", r"(?![\w:/]|[.,-]\d)"
    return (
        rf"{free}(?:(?P<weekday>{days})\.?,?\s+)?(?:(?P<month>{months})\.?\s+(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?,?\s+"
        rf"(?P<year>[0-9]{{4}})|(?P<day2>[0-9]{{1,2}})(?:\.|st|nd|rd|th|er)?\s+(?:of\s+|de\s+)?(?P<month2>{months})\.?,?"
        rf"\s+(?:del?\s+)?(?P<year2>[0-9]{{4}})|(?P<one>[0-9]{{1,4}})(?P<separator>[/.])(?P<two>[0-9]{{1,2}})"
        rf"(?P=separator)(?P<three>[0-9]{{4}}|[0-9]{{2}})|(?P<han>[0-9]{{4}})[年년]\s?(?P<han2>[0-9]{{1,2}})[月월]\s?"
        rf"(?P<han3>[0-9]{{1,2}})[日일])(?P<date>){end}"
        rf"|{free}(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))?"
        rf"(?:\s?(?P<half>[ap])\.?m\b\.?)?(?P<time>){end}"
        rf"|(?:(?<![\w$])(?P<sign>{signs}|(?:{_CODES})\s)\s?(?P<paid>{amount})"
        rf"|{free}(?P<due>{amount})\s?(?P<mark>{signs}|(?:{_CODES})\b))(?P<money>)(?!\w|[.,]\d)"
        rf"|{free}(?P<bare>{amount})(?P<number>){end}"
    )


@dataclass(frozen=True)
class _Writer:
    """What writes, in a locale, what a reader found."""

    reader: Reader
    locale: Any

    def _digits(self, text: str) -> str:
        system = self.locale.default_numbering_system
        return with_digits(text, system) if system in ZEROS and system != "latn" else text

    def date(self, match: re.Match[str]) -> str | None:
        found = self.reader.date(match)
        if found is None:
            return None
        style = "full" if match["weekday"] else "long"
        if match["one"]:
            style = re.sub("y+", "y", self.locale.date_formats["short"].pattern)
        return self._digits(need("babel.dates", _WHO).format_date(found, style, locale=self.locale))

    def time(self, match: re.Match[str]) -> str | None:
        hour, half = int(match["hour"]), (match["half"] or "").lower()
        if half:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + 12 * (half == "p")
        found = datetime.time(hour, int(match["minute"]), int(match["second"] or 0))
        style = "medium" if match["second"] else "short"
        return self._digits(need("babel.dates", _WHO).format_time(found, style, locale=self.locale))

    def number(self, match: re.Match[str]) -> str:
        value, decimals, grouped = self.reader.value(match["bare"])
        if not decimals and not grouped:
            return self._digits(match["bare"])
        return self.plain(value, decimals, grouped)

    def plain(self, value: Decimal, decimals: int, grouped: bool) -> str:
        """Return a number with so many decimals."""
        pattern = self.locale.decimal_formats[None].pattern.partition(".")[0] + (
            "." + "0" * decimals if decimals else ""
        )
        format_decimal = need("babel.numbers", _WHO).format_decimal
        text = format_decimal(
            value, pattern, locale=self.locale, group_separator=grouped, numbering_system=_system(self.locale)
        )
        return self._digits(text)

    def money(self, match: re.Match[str]) -> str:
        value, decimals, grouped = self.reader.value(match["paid"] or match["due"])
        return self.price(value, self.reader.currency(match), decimals, grouped or value < 1000)

    def price(self, value: Decimal, currency: str, decimals: int | None, grouped: bool) -> str:
        """Return an amount of money, with so many decimals or with those of the currency."""
        pattern = self.locale.currency_formats["standard"].pattern
        if decimals is not None:
            pattern = re.sub(r"0\.0+", "0" + ("." + "0" * decimals if decimals else ""), pattern)
        text = need("babel.numbers", _WHO).format_currency(
            value, currency, pattern, locale=self.locale, currency_digits=decimals is None,
            group_separator=grouped, numbering_system=_system(self.locale),
        )  # fmt: skip
        return self._digits(text)


def _system(locale: Any) -> str:
    """Return the numbering system whose separators are used; systems without separators of their own use Latin ones."""
    system = locale.default_numbering_system
    return system if locale.number_symbols.get(system, {}).get("decimal") else "latn"
