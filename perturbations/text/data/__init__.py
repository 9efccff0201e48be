"""Small tables of facts about scripts, keyboards and languages; each file names its sources. Read when first needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["table", "words"]


@cache
def table(name: str) -> Mapping[str, Any]:
    """Return a JSON table of this folder by its name."""
    return json.loads(resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8"))


@cache
def words(name: str) -> tuple[tuple[str, ...], ...]:
    """Return the lines of a word list of this folder, each split at tabs; comments and empty lines are left out."""
    lines = resources.files(__name__).joinpath(f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return tuple(tuple(line.split("\t")) for line in lines if line and not line.startswith("#"))
