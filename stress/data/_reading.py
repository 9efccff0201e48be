"""Every value is decoded once before any work starts, so that all that cannot be used is said now, not hours later."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

from perturbations import InputError, Value
from perturbations.errors import short
from perturbations.files import path_shown, read_regular
from perturbations.modality import Limits, modality
from stress._processors import processors

__all__ = [
    "READER",
    "File",
    "Reading",
    "in_parallel",
    "listed",
    "look_at",
    "outside",
    "path_of",
    "remarks",
    "skipped",
    "stamped",
    "value_of",
]

READER = 3
"""Counts up when files are read into other values than before: it is part of what a data set is known by."""

_CHUNK = 64
_TRIED = 8
"""Files that one thread does, and each of several twice, to see which is quicker."""
_LONG_S = 0.001
"""Seconds a file from which on nobody need try: nearly all of it is a decoder's."""

_SHOWN = 5
"""Problems that an error lists before it only counts them."""

Told = Callable[[int], None]


def _silent(total: int) -> AbstractContextManager[Told]:
    return nullcontext(lambda done: None)


@dataclass(frozen=True)
class File:
    """What is known of a file that was decoded: size in bytes, time of its last change in ns, digest, and a remark."""

    size: int
    time: int
    digest: str
    remark: str | None = None


@dataclass(frozen=True)
class Reading:
    """How data are read.

    ``known`` are files that were decoded before, by modality and path: one of the same size and time is trusted,
    unless ``verify`` has its bytes read again. ``skip_bad`` leaves out the samples that cannot be used, ``left_out``
    those at these positions without looking (a worker is given them). ``inside`` refuses files outside the manifest's
    folder. With ``later`` a manifest's files are not decoded until ``Samples.looked`` says which are visited (with
    ``skip_bad`` they are: whom to leave out is known once all were looked at). ``progress(total)`` gives a context with
    a function to call with each sample that was looked at.
    """

    verify: bool = False
    skip_bad: bool = False
    inside: bool = False
    later: bool = False
    limits: Limits = field(default_factory=Limits)
    known: Mapping[str, File] = field(default_factory=dict)
    left_out: Sequence[int] = ()
    progress: Callable[[int], AbstractContextManager[Told]] = _silent


def value_of(cell: Any, kind: str, folder: str, who: str, limits: Limits) -> tuple[Value, str | None]:
    """Return the value that a manifest's cell holds or names, and what was altered in it; None where it is empty.

    Raises InputError where it cannot be decoded, or is not valid.
    """
    of = modality(kind)
    if cell is None or (cell == "" and of.stored.in_file):
        return None, None
    content = cell
    if of.stored.in_file:
        path = path_of(cell, folder, who)
        content, who = read_regular(path, who), f"{who}: {path_shown(path)}"
    value, remark = of.stored.decode(content, who, limits)
    of.check(value, who)
    return value, remark


def path_of(cell: Any, folder: str, who: str) -> str:
    """Return the file that a cell names."""
    if not isinstance(cell, str | os.PathLike):
        raise InputError(f"{who}: must be the path of a file, got {short(cell)}.")
    return os.path.join(folder, cell)


def look_at(cell: Any, kind: str, folder: str, who: str, reading: Reading) -> tuple[str, File]:
    """Return the key and what is known of the file that a cell names: decoded now, or as it was before."""
    of, path = modality(kind), path_of(cell, folder, who)
    key = f"{kind}:{os.path.abspath(path)}" if "\0" not in path else ""
    try:
        about = os.stat(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be the path of a file"
        raise InputError(f"{who}: {path_shown(path)} cannot be read: {reason}.") from None
    before = reading.known.get(key)
    same = before is not None and (before.size, before.time) == (about.st_size, about.st_mtime_ns)
    if before is not None and same and not reading.verify and stat.S_ISREG(about.st_mode):
        return key, before
    content, who = read_regular(path, who), f"{who}: {path_shown(path)}"
    digest = sha256(content).hexdigest()[:32]  # which processors compute: half the time of blake2b
    if before is not None and same and before.digest == digest:
        return key, before
    remark = None
    if not of.stored.certain(content, reading.limits):
        value, remark = of.stored.decode(content, who, reading.limits)
        of.check(value, who)
    return key, File(about.st_size, about.st_mtime_ns, digest, remark)


def stamped(key: str, file: File) -> bool:
    """Return whether a file still has the size and the time that it had when it was decoded."""
    try:
        about = os.stat(key.partition(":")[2])
    except OSError:
        return False
    return (file.size, file.time) == (about.st_size, about.st_mtime_ns)


def in_parallel(work: Callable[[int], Any], positions: Sequence[int], reading: Reading) -> Iterator[Any]:
    """Give ``work(position)`` for each position in order, done by several threads where that is quicker.

    Large files are: their decoders run side by side. Small ones are not: at each wait for a file the interpreter's
    lock goes to another thread, which costs more than the wait. Of small files the first are done both ways.
    """
    threads = max(2, min(8, processors()))
    with reading.progress(len(positions)) as advance, ThreadPoolExecutor(threads) as pool:

        def each(start: int, stop: int, size: int, side_by_side: bool) -> Iterator[Any]:
            chunks = [positions[k : min(k + size, stop)] for k in range(start, min(stop, len(positions)), size)]
            for found in (pool.map if side_by_side else map)(lambda chunk: [work(i) for i in chunk], chunks):
                yield from found
                advance(len(found))

        yield from each(0, _TRIED, _TRIED, False)  # which loads what reads them
        begun = perf_counter()
        yield from each(_TRIED, 2 * _TRIED, _TRIED, False)
        one, done, together = (perf_counter() - begun) / _TRIED, 2 * _TRIED, True
        if one < _LONG_S:
            begun, done = perf_counter(), (2 + 2 * threads) * _TRIED
            yield from each(2 * _TRIED, done, _TRIED, True)
            together = (perf_counter() - begun) / (2 * threads * _TRIED) < one
        yield from each(done, len(positions), _CHUNK, together)


def listed(problems: Sequence[str], samples: int) -> None:
    """Raise one error with the first problems and the number of the others, or do nothing where there is none."""
    if not problems:
        return
    shown = list(problems[:_SHOWN])
    if len(problems) > _SHOWN:
        shown.append(f"… and {len(problems) - _SHOWN} more.")
    hint = f"Mend or leave them out; --skip-bad-samples goes on without the {samples:,} of them."
    head = [] if len(problems) == 1 else [f"{len(problems):,} problems:"]
    raise InputError("\n".join([*head, *shown, *([hint] if len(problems) > 1 else [])]))


def skipped(problems: Sequence[str]) -> tuple[str, ...]:
    """Return what is said of samples that were left out."""
    if not problems:
        return ()
    count = f"{len(problems):,} bad {'sample was' if len(problems) == 1 else 'samples were'} left out"
    more = f" (and {len(problems) - _SHOWN} more)" if len(problems) > _SHOWN else ""
    return (f"{count}: {'; '.join(problems[:_SHOWN])}{more}",)


def remarks(files: Iterable[File]) -> list[str]:
    """Return what was altered in how many files."""
    found = [file.remark for file in files if file.remark is not None]
    return [f"{len(found):,} recordings go beyond full scale and were clipped ({found[0]})"] if found else []


def outside(paths: Iterable[str], folder: Path) -> list[str]:
    """Return those of some files that do not lie in a folder, links followed."""
    root = os.path.realpath(folder)
    parents: dict[str, bool] = {}
    found = []
    for path in paths:
        parent, name = os.path.split(path)
        if name in ("", ".", ".."):
            parent = os.path.dirname(os.path.abspath(path))
        if parent not in parents:
            real = os.path.realpath(os.path.abspath(parent))
            parents[parent] = os.path.commonpath([root, real]) == root
        linked = os.path.islink(path)
        if not parents[parent] or (linked and os.path.commonpath([root, os.path.realpath(path)]) != root):
            found.append(path)
    return found
