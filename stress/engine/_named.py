"""Files that settings name – word lists, recordings, photographs – are part of what a run's records depend on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

from perturbations import Choice, RunError
from perturbations.files import open_regular
from scenarios import Condition

__all__ = ["named_files", "unchanged_files"]

_WHOLE = 256 * 2**20
"""Bytes of a folder up to which its files are read; of a larger one names and sizes count."""


def named_files(conditions: Iterable[Condition]) -> dict[str, str]:
    """Return a digest of each file and folder that a setting names, by its path."""
    named = set()
    for condition in conditions:
        for name, row in condition.declaration.params.items():
            value = condition.settings.get(name)
            if isinstance(row, Choice) and row.path and isinstance(value, str) and value:
                named.add(value)
    return {path: _digest(Path(path)) for path in sorted(named)}


def unchanged_files(was: Mapping[str, str], conditions: Iterable[Condition], folder: Path) -> None:
    """Raise RunError where a file is another one than when the run began: its records are of both."""
    now = named_files(conditions)
    if changed := [path for path in was if now.get(path) != was[path]]:
        raise RunError(
            f"{folder}: {changed[0]} changed while the run went on, and its records are of both. Run it anew beside "
            "this one (--fresh)."
        )


def _digest(path: Path) -> str:
    """Return a digest of what is in a file, or in all files of a folder; nothing where there is none."""
    found = [path] if os.path.isfile(path) else sorted(each for each in path.rglob("*") if os.path.isfile(each))
    sizes = [each.stat().st_size for each in found]
    digest = blake2b(digest_size=8)
    for each, size in zip(found, sizes):
        inside = "" if each == path else each.relative_to(path).as_posix()
        digest.update(f"{inside}:{size};".encode("utf-8", "surrogatepass"))
        if sum(sizes) <= _WHOLE:
            with open_regular(each, "run") as file:
                while block := file.read(2**20):
                    digest.update(block)
    return digest.hexdigest() if found else ""
