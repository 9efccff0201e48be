"""What a manifest's cells hold: are files what their names say, and what is in them."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Any

from perturbations import Value
from perturbations.modality import modality

__all__ = ["decode", "looks_right"]


def looks_right(path: Path, kind: str, who: str) -> tuple[bytes, str | None]:
    """Return a digest of a file's bytes, and what is wrong with it, if anything, judged by its header."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return b"", f"{who}: {path} cannot be read: {error.strerror}."
    problem = modality(kind).stored.problem(content)
    return blake2b(content, digest_size=16).digest(), None if problem is None else f"{who}: {path} {problem}."


def decode(cell: Any, kind: str, folder: Path, who: str) -> Value:
    """Return the value that a manifest's cell holds or names; nothing where the cell is empty.

    Raises InputError where it cannot be decoded, or is not valid.
    """
    of = modality(kind)
    if cell is None or (cell == "" and of.stored.in_file):
        return None
    value: Value = of.stored.decode(folder / str(cell) if of.stored.in_file else cell, who)
    of.check(value, who)
    return value
