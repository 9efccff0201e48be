"""The same message in another language, in two at once, or in another script."""

from __future__ import annotations

import re

from numpy.random import Generator

from perturbations._core import Stream
from perturbations._declare import fault, text_corruption
from perturbations._params import Choice, Param
from perturbations.errors import InputError
from perturbations.modality import modality
from perturbations.text._bilingual import LANGUAGES, lexicon_between
from perturbations.text._extra import need
from perturbations.text._lexicon import like, read_lexicon, replace_words
from perturbations.text._scripts import SCRIPTS, ZEROS, convert, with_digits
from perturbations.text.segments import hit, outside, pieces

__all__ = ["code_switching", "language", "native_digits", "romanised", "script_change"]


@fault(
    family="text",
    of=("text",),
    cite=("adelani2024", "nllb2022"),
    needs=("alternates",),
    to=Choice("language of the alternate that takes the text's place, by the name it has in the data", axis=True),
)
def language(stream: Stream, *, to: str) -> str:
    """A user writes in another language: the text is replaced by the sample's own alternate in that language.

    A sample without that alternate raises InputError: handing the model the original instead would count clean text
    as shifted.
    """
    who = f"text.language: sample {stream.sample.id!r}"
    alternates = stream.sample.alternates.get(stream.name, {})
    if to not in alternates:
        known = ", ".join(sorted(alternates)) or "none"
        raise InputError(f"{who}: must have an alternate of {stream.name} in {to!r}, got {known}.")
    value = alternates[to]
    if not isinstance(value, str):
        raise InputError(f"{who}: the alternate {to!r} must be a text, got {type(value).__name__}.")
    modality("text").check(value, f"{who}: alternate {to!r}")
    return value


@text_corruption(
    cite=("conneau2018", "winata2021"),
    version=2,
    share=Param("share of the words in the lexicon that are switched", "of words in the lexicon", 0, 1, clean=0,
                levels=(0.2, 0.4, 0.6, 0.8, 1.0)),
    to=Choice("language that is mixed in", LANGUAGES, "de"),
    language=Choice("language of the text", LANGUAGES, "en"),
    lexicon=Choice("bilingual lexicon: a file with a word, a tab or space and its translation on each line, as MUSE has"
                   " them; empty: one made from the locale data (numbers, dates, units, countries)",
                   default="", path=True),
)  # fmt: skip
def code_switching(text: str, rng: Generator, *, share: float, to: str, language: str, lexicon: str) -> str:
    """Speakers of two languages mix them: words are said in the other language (On Montag, seven new cars).

    With a lexicon of one's own, ``to`` and ``language`` only name it. The built-in one is small and real: what the
    Unicode locale data know in both languages. Raises InputError where the two languages are one.
    """
    if lexicon:
        return replace_words(text, rng, share, read_lexicon(lexicon))
    if to == language:
        raise InputError(f"text.code_switching: to must differ from the language of the text, got {to!r} for both.")
    return replace_words(text, rng, share, lexicon_between(language, to), _keep_case)


def _keep_case(other: str, word: str) -> str:
    """Keep the other language's own capitals (Montag, lundi), except where the whole word shouts."""
    return like(other, word) if len(word) > 1 and word.isupper() else other


def _scripts() -> str:
    return (
        "Москва и Київ, Αθήνα, القاهرة, תל אביב, दिल्ली, ঢাকা, กรุงเทพ, 北京, 東京タワー, 서울 – Zoë's café near Đà Nẵng; "
        "Tbilisi თბილისი, Երևան."
    )


@text_corruption(
    cite="anyascii",
    witness=_scripts,
    share=Param("share of the words outside ASCII that are written in Latin letters", "of such words", 0, 1, clean=0,
                levels=(0.2, 0.4, 0.6, 0.8, 1.0)),
)  # fmt: skip
def romanised(text: str, rng: Generator, *, share: float) -> str:
    """A writer without the right keyboard spells the language in Latin letters (привет → privet, नमस्ते → nmste).

    Transliterated word by word with anyascii, without context: vowels that a script does not write stay unwritten.
    """
    parts = pieces(text)
    places = [place for place in range(1, len(parts), 2) if not parts[place].isascii()]
    hits = hit(rng, places, share)
    if hits:
        ascii_of = need("anyascii", "text.romanised").anyascii
        for place in hits:
            parts[place] = ascii_of(parts[place])
    return "".join(parts)


@text_corruption(
    cite=("unicode_core", "anyascii"),
    witness=lambda: "क्षेत्र में नमस्ते; Добро јутро, Ljubljana; カタカナ と ひらがな; 国学门车马鸟; 後來發現",
    share=Param("share of the words that are in the other script", "of words of a script that can be changed", 0, 1,
                clean=0, levels=(0.2, 0.4, 0.6, 0.8, 1.0)),
    to=Choice("script that the words are brought to", SCRIPTS, "auto"),
)  # fmt: skip
def script_change(text: str, rng: Generator, *, share: float, to: str) -> str:
    """One language, two scripts: Serbian in Cyrillic or Latin, kana swapped, an Indic text in a sister script.

    ``to`` names the script; words that have no form in it stay. ``auto`` takes for each word the script that it
    is most often exchanged with.
    """
    parts = pieces(text)
    changed = {
        place: other for place in range(1, len(parts), 2) if (other := convert(parts[place], to)) != parts[place]
    }
    places = list(changed)
    for place in hit(rng, places, share):
        parts[place] = changed[place]
    return "".join(parts)


@text_corruption(
    cite="cldr",
    version=2,
    witness=lambda: "12 of ٣٤ and १०, 5.6",
    digits=Choice("numbering system, by its Unicode name", tuple(ZEROS), axis=True),
)
def native_digits(text: str, *, digits: str) -> str:
    """Numbers are written in another script's digits (2025 → ٢٠٢٥); every decimal digit of any script is changed.

    The digits of emoji that show a key stay.
    """
    return outside(text, lambda part: _with_digits(part, digits))


_KEYCAP = re.compile("([0-9]\ufe0f?\u20e3)")


def _with_digits(text: str, digits: str) -> str:
    parts = _KEYCAP.split(text)
    parts[::2] = [with_digits(part, digits) for part in parts[::2]]
    return "".join(parts)
