"""Words beside a number that change what it means: signs, counts, money, and whether a temperature is a difference."""

from __future__ import annotations

import re

__all__ = [
    "COUNTED",
    "MINUS",
    "VULGAR",
    "ambiguous",
    "goes_on_from",
    "is_difference",
    "is_money",
    "is_name",
    "name_pattern",
]

MINUS = (
    "minus", "negative", "moins", "menos", "meno", "минус", "мінус", "мінуса", "miinus", "mínus", "mínusz", "minusz",
    "μείον", "eksi", "منفی", "ناقص", "מינוס", "माइनस", "零下", "负", "負", "マイナス", "氷点下", "영하",
)  # fmt: skip
"""How languages say that a number is below zero."""

_ONES = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
_TENS = "(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-[a-z]{3,5})?|hundred|thousand|[mb]illion|dozen|half|quarter"
COUNTED = f"(?:{_ONES}|{_TENS}|third|couple|few|several)"
"""English words for numbers and parts."""

VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_NUMBER_BEFORE = re.compile(rf"(?:[0-9]['’\"″′%]?\s|[{VULGAR}⁄]\s?|[\\^@#&_$£€¥₹=°\"″′]\s?)\Z")
_LIST_BEFORE = re.compile(r"[0-9],\s\Z")
_LONG_LIST_BEFORE = re.compile(r"[0-9],\s[0-9.,/]+,\s\Z")
_COUNTED_BEFORE = re.compile(rf"\b{COUNTED}(?:-|\s(?:and|to|or|by|point|x)\s|\s)(?:an?\s)?\Z", re.IGNORECASE)
_OTHER_UNIT_BEFORE = re.compile(
    r"[0-9¼½¾]\s?(?:stones?|st|tons?|hundredweights?|cwt|furlongs?|chains?|fathoms?|gallons?|quarts?|qts?|pints?|pts?|cups?"
    r"|(?:table|tea)spoons?|tbsp|tsp)\.?,?\s(?:and\s)?\Z",
    re.IGNORECASE,
)
"""A quantity in parts whose first unit is none of ours: 11 stone 4 lb."""


def goes_on_from(near: str, joined: bool) -> bool:
    """Tell whether what comes before a quantity makes it a part of more: numbers, words for them, units, lists."""
    before = (_NUMBER_BEFORE, _COUNTED_BEFORE, _OTHER_UNIT_BEFORE, _LONG_LIST_BEFORE)
    return any(pattern.search(near) for pattern in before) or (joined and _LIST_BEFORE.search(near) is not None)


_NAME_AFTER = re.compile(r"[ -][A-Z][a-z]")


def is_name(text: str, start: int, end: int, language: str) -> bool:
    """Tell whether a quantity is part of a name by its capitals (10 Mile Road); German nouns have them anyway."""
    capital = re.search(r"[^\W\d]", text[start:end])
    named = capital is not None and capital[0].isupper() and language not in ("de", "gsw", "lb", "nds")
    return named and _NAME_AFTER.match(text, end) is not None


_AMBIGUOUS = frozenset(("in", "m", "g", "l", "h", "t", "a", "po", "pi", "livre", "livres"))
"""Names that are words, letters or other things too: 12 in a row, dix livres."""
_MY = frozenset(["ca", "eo", "es", "fr", "gl", "it", "oc", "pt", "ro", "sw"])
"""Languages in which the short form of miles is a word: mi amor."""


def ambiguous(language: str) -> frozenset[str]:
    """Return the names of units that mean one for certain only beside a larger unit."""
    return _AMBIGUOUS | {"mi"} if language in _MY else _AMBIGUOUS


_MONEY = re.compile(
    r"[$£€¥₹]|\b(?:cost|costs|costing|paid|pay|pays|paying|price|priced|prices|spend|spends|spent|earn|earns|earned|worth|"
    r"fee|fees|fine|fined|wage|wages|salary|budget|tax|rent|debt|debts|loan|lend|lent|owe|owes|owed|charge|charged|sold|"
    r"sell|sells|buy|buys|bought|bid|bet|won|money|cash|bank|banknote|banknotes|coin|coins|bill|bills|penny|pence|"
    r"shilling|shillings|sterling|quid|dollars?|euros?|invest|invested|saved?|savings|donat\w*|cheap\w*|expensive|"
    r"note|notes|refund\w*|deposit\w*|ticket|tickets|profit|profits|exchange)\b",
    re.IGNORECASE,
)
_STERLING = re.compile(
    r"[\s-](?:de\s)?(?:(?:e?st[eé]r|szter|šter)l[ií]n|st[eé]rl|стерлинг|стерлінг|στερλ|note|coin|bill|gorra)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?\n]\s")


def is_money(text: str, start: int, end: int) -> bool:
    """Tell whether pounds may be pounds sterling: said so, or in a sentence about money."""
    if _STERLING.match(text, end):
        return True
    stop = _SENTENCE_END.search(text, end)
    begin = max((match.end() for match in _SENTENCE_END.finditer(text, max(0, start - 300), start)), default=0)
    return _MONEY.search(text, max(begin, start - 300), stop.start() if stop else min(len(text), end + 300)) is not None


_ABOUT = r"(?:up to |about |around |at least |nearly |almost |only |over |roughly |approximately |some )?"
_CHANGES = (
    "warmer|cooler|hotter|colder|higher|lower|more|less|too (?:cold|cool|high|hot|low|warm)|difference|increase|"
    "decrease|rise|drop|fall|change|swing|jump|dip|gap|spread|margin|tolerance|variation|deviation|steps?|increments?"
)
_SPREADS = (
    "difference|increase|decrease|change|anomaly|warming|cooling|swing|tolerance|margin|error|accuracy|precision|"
    "uncertainty|resolution|deviation|variation|spread|gap|steps?|increments?|jump|dip"
)
_DIFFERENCES = {
    "en": (
        r"(?:\b(?:by|rose|rises|rise|fell|falls|dropped|drops|drop|climbed|climbs|increased|increases|decreased|warmed|"
        rf"cooled|within|another|additional|extra|every|each|per|(?:{_SPREADS}) of|(?:difference|tolerance|margin|"
        r"error|accuracy|precision|uncertainty|deviation)[^.!?\n]{0,40}\s(?:is|was))\s"
        rf"{_ABOUT}|\b(?:rise|drop|fall) of\s{_ABOUT}|±\s?|\+/?-\s?)\Z",
        rf"[\s-](?:{_CHANGES}|warming|cooling|(?:above|below|over|under) (?:the )?(?:norm|normal|average|usual))\b",
        r"\s(?:above|below|under|over|off)\b|\sof frost",
    ),
    "de": (
        r"(?:\b(?:um|unterschied von|anstieg von|rückgang von)\s|±\s?)\Z",
        r"\s(?:wärmer|kälter|höher|tiefer|niedriger|mehr|weniger|unterschied|differenz)\b",
        r"\s(?:über|unter|kälte|frost)\b",
    ),
    "fr": (
        r"(?:\b(?:écart|hausse|baisse|différence|augment[eé]\w*|baiss[eé]\w*) (?:de|d['’])\s?|±\s?)\Z",
        r"\sde (?:plus|moins|différence|hausse|baisse)\b",
        r"\s(?:au-dessus|au-dessous|en dessous|sous)\b",
    ),
}
"""By language: what comes before a difference, what after it, and what leaves it open."""
_OPEN_BEFORE = re.compile(
    rf"\b(?:up|down|range of|(?:increase|decrease|change|rise|drop|fall)[^.!?\n]{{0,40}}\s(?:is|was))\s{_ABOUT}\Z",
    re.IGNORECASE,
)
"""What leaves a temperature open in English: up 10 °F, in the range of 10 °F."""


def is_difference(text: str, start: int, end: int, language: str) -> bool | None:
    """Tell whether a temperature is said to be a difference; nothing where it may be one, or is counted from zero."""
    before, after, unclear = _DIFFERENCES.get(language, (r"±\s?\Z", r"(?!)", r"(?!)"))
    if re.compile(before, re.IGNORECASE).search(text, max(0, start - 60), start):
        return True
    if re.compile(after, re.IGNORECASE).match(text, end):
        return True
    is_open = language == "en" and _OPEN_BEFORE.search(text, max(0, start - 60), start)
    return None if is_open or re.compile(unclear, re.IGNORECASE).match(text, end) else False


def name_pattern(name: str) -> str:
    """Return the pattern of a name of a unit: any white space between its words, and after a degree sign."""
    return re.escape(name).replace(r"\ ", r"\s").replace("°", r"°\s?")
