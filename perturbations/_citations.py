"""Where the definitions come from, as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources

from perturbations._registry import get
from perturbations.errors import named_keywords, printable

__all__ = ["bibliography", "citation", "references"]


@cache
def references() -> dict[str, str]:
    """Return every BibTeX entry of references.bib by its key."""
    text = resources.files("perturbations").joinpath("references.bib").read_text(encoding="utf-8")
    entries = {}
    for block in text.split("\n@"):
        block = block.strip().removeprefix("@")
        if "{" in block:
            entries[block.partition("{")[2].partition(",")[0].strip()] = f"@{block}"
    return entries


@named_keywords
def citation(names: Iterable[str]) -> str:
    """Return the BibTeX entries of what the named perturbations were built from, sorted, each once.

    A source that is no key of ours – a plug-in's words, address or key of a bibliography of its own – is a comment.
    """
    return bibliography(key for name in names for key in get(name).cite)


@named_keywords
def bibliography(sources: Iterable[str]) -> str:
    """Return the BibTeX entries of sources, sorted and each once; what is no key of ours is a comment of one line."""
    known = references()
    return "\n\n".join(known.get(key, f"% {printable(' '.join(key.split()))}") for key in sorted(set(sources)))
