"""Lexicons of sentiment: words with how pleasant people found them, read from a file that the user names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from perturbations.errors import InputError, named_keywords, short
from perturbations.files import path_shown, read_regular

__all__ = ["Lexicon", "load_lexicon"]

_MOST = 4.0
"""Valences go from −4 to 4, as raters were asked."""


@dataclass(frozen=True)
class Lexicon:
    """Words (in small letters) and emoticons with their ``valence``, −4 (very unpleasant) to 4 (very pleasant).

    ``name`` is what was asked for, ``digest`` (SHA-256) tells its content.
    """

    name: str
    digest: str
    valence: Mapping[str, float] = field(repr=False, compare=False)

    @property
    def about(self) -> dict[str, str]:
        """Name and digest, as a run keeps them."""
        return {"name": self.name, "sha256": self.digest}


@named_keywords
def load_lexicon(source: str | Path) -> Lexicon:
    """Read a lexicon in VADER's format: a line each of word, mean valence and whatever else, between tabs.

    ``"vader"`` is the one of the package ``vaderSentiment`` (Hutto and Gilbert 2014), where that is installed; anything
    else is the path of a file. Raises InputError for what is no lexicon.
    """
    path = _installed() if str(source) == "vader" else Path(source)
    content = read_regular(path, "lexicon", most=64_000_000)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"lexicon: {path_shown(path)} must be UTF-8 text, got {error.reason}.") from None
    found: dict[str, float] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            word, valence = _entry(line, f"lexicon: {path_shown(path)}: line {number}")
            found.setdefault(word, valence)
    if not found:
        raise InputError(f"lexicon: {path_shown(path)} must have lines of a word, a tab and its valence, got none.")
    return Lexicon(str(source), sha256(content).hexdigest(), found)


def _entry(line: str, who: str) -> tuple[str, float]:
    word, _, rest = line.rstrip("\r").partition("\t")
    try:
        valence = float(rest.partition("\t")[0])
    except ValueError:
        valence = float("nan")
    if not word.strip() or not abs(valence) <= _MOST:
        raise InputError(f"{who} must be a word, a tab and a valence from −4 to 4, got {short(line)}.")
    return word.strip().casefold(), valence


def _installed() -> Path:
    from importlib.util import find_spec

    found = find_spec("vaderSentiment")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        return Path(folder) / "vader_lexicon.txt"
    raise InputError(
        "lexicon: vader needs the package vaderSentiment. Run `pip install 'multimodal-stress[sentiment]'`, or give "
        "the path of a file in its format."
    )
