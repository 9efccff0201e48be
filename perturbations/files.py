"""Files that somebody else named: read only where they are regular, so that nothing waits for a pipe or never ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from perturbations.errors import InputError, StressError, printable

__all__ = ["open_regular", "path_shown", "read_regular", "read_text"]

_LONGEST = 8_000_000
"""Bytes of a suite, gates, a description: files that people write."""


def path_shown(path: object) -> str:
    """Return a path as a message shows it: at most 200 characters, none of which a terminal obeys."""
    text = printable(path)
    return text if len(text) <= 200 else f"{text[:99]}…{text[-100:]}"


def open_regular(path: str | Path, who: str, error: type[StressError] = InputError) -> BinaryIO:
    """Return a file, opened for reading. Raises ``error`` where it is no regular one, or cannot be opened.

    It is looked at after it was opened: what lies at a path may be another thing a moment later.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - the caller closes it
    except OSError as reason:
        raise error(f"{who}: {path_shown(path)} cannot be read: {reason.strerror}.") from None
    except ValueError:  # a path with a NUL or a lone surrogate
        raise error(f"{who}: {path_shown(path)} cannot be the path of a file.") from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise error(f"{who}: {path_shown(path)} must be a regular file, not a pipe or a device.")
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_regular(path: str | Path, who: str, error: type[StressError] = InputError, most: int = 2**30) -> bytes:
    """Return a file's bytes. Raises ``error`` where it is no regular one, has more than ``most``, or cannot be read.

    A file of holes can be larger than any disk.
    """
    with open_regular(path, who, error) as file:
        if (size := os.fstat(file.fileno()).st_size) > most:
            got = f"at most {most / 1e6:,.0f} MB, got {size / 1e6:,.0f} MB"
            raise error(f"{who}: {path_shown(path)} must have {got}.")
        try:
            found = file.read(size + 1)  # room for ``most`` would be mapped, and unmapped, for each small file
            if found and len(found) > size:  # it has grown since, or is the system's, which say no size
                found += file.read(most + 1 - len(found)) or b""
        except OSError as reason:
            raise error(f"{who}: {path_shown(path)} cannot be read: {reason.strerror}.") from None
    if found is None or len(found) > most:  # of the system: it has no end, or nothing yet
        raise error(f"{who}: {path_shown(path)} must be a file with an end.")
    return found


def read_text(path: str | Path, who: str, error: type[StressError] = InputError) -> str:
    """Return the UTF-8 text of a file that people write, 8 MB at most: more keeps a parser busy. Raises ``error``."""
    content = read_regular(path, who, error, _LONGEST)
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as reason:
        said = f"{who}: {path_shown(path)} must be UTF-8 text, got {reason.reason} at byte {reason.start}."
        raise error(said) from None
