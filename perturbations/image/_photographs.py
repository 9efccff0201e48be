"""The user's own photographs: found in a folder, read, brought to a size."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from perturbations._values import Image
from perturbations.errors import InputError

__all__ = ["SUFFIXES", "files_in", "photograph", "unreadable"]

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Endings of the files that are taken for photographs."""
Stamped = tuple[str, int]
"""A file and when it was last changed: what is remembered of it is forgotten when it changes."""


def files_in(path: str) -> tuple[Stamped, ...]:
    """Return a file, or the photographs in a folder and below it, sorted by name. Raises InputError where none is."""
    root = Path(path).expanduser()
    if os.path.isfile(root):
        return ((str(root), root.stat().st_mtime_ns),)
    if not os.path.isdir(root):
        raise InputError(f"photographs: must be a file or a folder, got {path!r}, which does not exist.")
    return _listed(str(root), root.stat().st_mtime_ns)


@lru_cache(16)
def _listed(folder: str, changed: int) -> tuple[Stamped, ...]:
    """List a folder once, and again when it has changed."""
    del changed
    try:
        found = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES and os.path.isfile(p))
        stamped = tuple((str(p), p.stat().st_mtime_ns) for p in found)
    except OSError as error:
        raise InputError(f"photographs: the folder {folder!r} cannot be read: {error.strerror}.") from None
    if not stamped:
        raise InputError(f"photographs: the folder {folder!r} must hold photographs ({' '.join(SUFFIXES)}), got none.")
    return stamped


def unreadable(path: str) -> str | None:
    """Return what is wrong with a file or a folder of photographs, or nothing: each one must be a picture."""
    try:
        _opened(files_in(path))
    except (InputError, ValueError, OSError) as error:
        return f"cannot be used: {error}"
    return None


@lru_cache(16)
def _opened(files: tuple[Stamped, ...]) -> None:
    for file, changed in files:
        photograph(file, changed, 1.0)


@lru_cache(8)
def photograph(file: str, changed: int, scale: float) -> Image:
    """Return a photograph as RGB, shrunk or enlarged by two taps of a linear kernel, as the reference does it."""
    del changed
    data = np.fromfile(file, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if picture is None:
        raise InputError(f"photographs: {file} cannot be read as a picture.")
    whole: Image = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    if scale != 1:
        size = tuple(max(1, round(side * scale)) for side in whole.shape[1::-1])
        exact = size == tuple(round(side * scale) for side in whole.shape[1::-1])
        whole = cv2.resize(whole, None if exact else size, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    whole.flags.writeable = False
    return whole
