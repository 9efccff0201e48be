"""What people say of releases: ``review.toml`` in the folder of a site, kept under version control."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import gather, nearest, short
from perturbations.files import read_regular

__all__ = ["FILE", "Remark", "read_review"]

FILE = "review.toml"
_MOST = 2_000_000
_VERDICTS = ("accepted", "rejected")
_KEYS = {"comment": ("run", "name", "date", "text", "scenario"), "sign_off": ("run", "name", "date", "verdict", "text")}
_NEEDED = {"comment": ("run", "name", "date", "text"), "sign_off": ("run", "name", "date", "verdict")}


@dataclass(frozen=True)
class Remark:
    """What somebody said of a release on a day; ``verdict`` of a sign-off, ``scenario`` where it is of one alone."""

    run: str
    name: str
    date: str
    text: str = ""
    verdict: str = ""
    scenario: str = ""


def read_review(folder: Path, runs: Sequence[str]) -> list[Remark]:
    """Return the comments and sign-offs in a folder's ``review.toml``, the newest first; none where there is no file.

    Raises InputError that lists every entry that is not of a known release, or has no name, day or text.
    """
    path = folder / FILE
    if not path.exists():
        return []
    try:
        given = tomllib.loads(read_regular(path, "site", most=_MOST).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: must be TOML, got {error}.") from None
    problems = [
        f"{path}: entries must be [[comment]] or [[sign_off]], got {name!r}. {nearest(name, _KEYS)}"
        for name in given
        if name not in _KEYS
    ]
    found = []
    for kind in _KEYS:
        entries = given.get(kind, [])
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            problems.append(f"{path}: {kind} must be a list of tables, written as [[{kind}]].")
            continue
        for number, entry in enumerate(entries, 1):
            where = f"{path}: {kind} {number}"
            wrong = _wrong(kind, entry, runs)
            problems += [f"{where}: {text}" for text in wrong]
            if not wrong:
                found.append(Remark(**{key: str(value) for key, value in entry.items()}))
    gather(problems, InputError)
    return sorted(found, key=lambda each: each.date, reverse=True)


def _wrong(kind: str, entry: Mapping[str, Any], runs: Sequence[str]) -> list[str]:
    """Return what is wrong with an entry, in words."""
    found = [f"{key} must be given." for key in _NEEDED[kind] if key not in entry]
    for key, value in entry.items():
        if key not in _KEYS[kind]:
            found.append(f"there is no key {key!r}. {nearest(key, _KEYS[kind])}")
        elif key == "date":
            if not isinstance(value, date) or isinstance(value, datetime):
                found.append(f"date must be a day as 2026-11-20 without quotes, got {short(value)}.")
        elif not isinstance(value, str) or not value.strip():
            found.append(f"{key} must be a text, got {short(value)}.")
        elif key == "run" and value not in runs:
            found.append(f"run must be one of the releases, got {short(value)}. {nearest(value, runs)}")
        elif key == "verdict" and value not in _VERDICTS:
            found.append(f"verdict must be {' or '.join(_VERDICTS)}, got {short(value)}.")
    return found
