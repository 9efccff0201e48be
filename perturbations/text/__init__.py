"""What can go wrong with a text, by phenomenon."""

from perturbations.text import (
    grammar,
    hearing,
    language,
    locale,
    ocr,
    translation,
    typing,
    unicode,
    wording,
    writing,
)

__all__ = [
    "grammar",
    "hearing",
    "language",
    "locale",
    "ocr",
    "translation",
    "typing",
    "unicode",
    "wording",
    "writing",
]
