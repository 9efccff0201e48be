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
from perturbations.text._units import clusters

__all__ = [
    "clusters",
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
