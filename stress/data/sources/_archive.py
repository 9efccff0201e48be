"""WebDataset archives: tar files whose members with one name and several endings are one sample."""

from __future__ import annotations

import glob as globbing
import json
import tarfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from perturbations import InputError, Sample, Value
from perturbations.errors import nearest, short
from perturbations.files import path_shown
from perturbations.modality import modality
from stress.data._dataset import Samples
from stress.data._listed import from_samples
from stress.data._reading import Reading
from stress.data.sources._arrays import Rows, names_of_classes

__all__ = ["webdataset"]

_TEXTS = ("txt", "text", "transcript")
_LABELS = ("cls", "cls2", "index")
_PLAIN_LABELS = ("label",)
_LARGEST = 2**31
"""Bytes of one member, at most: sizes of pictures and sounds are looked at again in their headers."""


@dataclass
class _Entry:
    """A sample in an archive: by ending, where each member's bytes are."""

    key: str
    archive: Path
    members: dict[str, tuple[int, int]] = field(default_factory=dict)


def webdataset(
    archives: str | Path | Sequence[str | Path],
    *,
    label: str | None = None,
    classes: Sequence[Any] | None = None,
    reading: Reading | None = None,
) -> Samples:
    """Return the samples of WebDataset archives: ``pets-000.tar``, several, or a pattern (``pets-*.tar``).

    Members of one name are one sample: pictures (``.jpg``, ``.png`` …) the stream ``image``, sounds (``.wav``,
    ``.flac`` …) ``audio``, ``.txt`` the stream ``text``; ``left.jpg`` and ``right.jpg`` are streams of these names.
    ``.cls`` is the label (by ``classes``, where it is a position), or the field ``label`` of ``.json``; ``label="txt"``
    or ``label="json:FIELD"`` say otherwise. Archives are looked through once, and members read when they are asked
    for; links and anything compressed as a whole are refused, pickles and other endings never read, and counted in
    the notes. Raises InputError where an archive is none, or a sample lacks what the first one has.
    """
    who = "stress.data.webdataset"
    entries = [entry for path in _paths(archives, who) for entry in _entries(path, who)]
    if not entries:
        raise InputError(f"{who}: must have at least one sample, got none.")
    doubled = {entry.key for entry in entries}
    if len(doubled) < len(entries):
        raise InputError(f"{who}: a name must be that of one sample; {len(entries) - len(doubled)} are there again.")
    where = _label_in(entries[0], label, who)
    kinds = {ending: of for ending in entries[0].members if ending != where[0] and (of := _stream_of(ending))}
    if not kinds:
        got = ", ".join(entries[0].members)
        raise InputError(f"{who}: must have pictures, sounds or texts, got the endings {got} of {entries[0].key!r}.")
    named, lock = names_of_classes(classes, who), threading.Lock()

    def bytes_of(entry: _Entry, ending: str) -> bytes | None:
        if ending not in entry.members:
            return None
        start, size = entry.members[ending]
        with lock, entry.archive.open("rb") as file:
            file.seek(start)
            return file.read(size)

    def make(position: int) -> Sample:
        entry, limits = entries[position], (reading or Reading()).limits
        values = {
            name: _value(bytes_of(entry, ending), kind, f"{who}: {entry.key}.{ending}", limits)
            for ending, (name, kind) in kinds.items()
        }
        told = bytes_of(entry, where[0])
        if told is None:
            raise InputError(f"{who}: {entry.key!r} must have a label (.{where[0]}), got {', '.join(entry.members)}.")
        return Sample(entry.key, values, target=named(_label(told, where, f"{who}: {entry.key}.{where[0]}")))

    texts = {name: kind for name, kind in kinds.values() if kind == "text"}
    made = from_samples(Rows(len(entries), make), "webdataset", streams=texts or None, reading=reading)
    rest = sorted({ending for entry in entries for ending in entry.members} - {*kinds, where[0]})
    made.notes = (*([f"members that are not used: .{', .'.join(rest[:5])}"] if rest else []), *made.notes)
    return made


def _paths(archives: Any, who: str) -> list[Path]:
    given = [archives] if isinstance(archives, str | Path) else archives
    if not isinstance(given, Sequence) or not given or not all(isinstance(each, str | Path) for each in given):
        raise InputError(f"{who}: must be the path of an archive, several, or a pattern, got {short(archives)}.")
    found: list[Path] = []
    for each in given:
        some = [Path(each)] if Path(each).is_file() else [Path(path) for path in sorted(globbing.glob(str(each)))]
        if not some:
            raise InputError(f"{who}: {path_shown(each)} must be an archive, and there is none.")
        found += some
    return found


def _entries(path: Path, who: str) -> list[_Entry]:
    """Return the samples of an archive, in its order."""
    found: dict[str, _Entry] = {}
    try:
        with tarfile.open(path, "r:") as archive:  # not compressed: members are found by where they stand
            for member in archive:
                if member.isdir():
                    continue
                if not member.isreg() or member.size > _LARGEST:
                    what = "a link or a device" if not member.isreg() else f"{member.size:,} bytes"
                    raise InputError(
                        f"{who}: {path_shown(path)}: {short(member.name)} must be a plain file, got {what}."
                    )
                place = PurePosixPath(member.name)
                name, _, ending = place.name.partition(".")
                key = str(place.with_name(name)) if name else str(place)
                entry = found.setdefault(key, _Entry(key, path))
                entry.members[ending.lower()] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{who}: {path_shown(path)} must be a tar file that is not compressed: {error}.") from error
    return list(found.values())


def _stream_of(ending: str) -> tuple[str, str] | None:
    """Return the stream and the modality that an ending stands for; nothing where it is none."""
    name, _, last = ending.rpartition(".")
    if last in _TEXTS:
        return name or "text", "text"
    for kind in ("image", "audio"):
        if f".{last}" in modality(kind).stored.endings:
            return name or kind, kind
    return None


def _label_in(entry: _Entry, given: str | None, who: str) -> tuple[str, str]:
    """Return the ending that the label is in, and the field of its JSON."""
    if given is not None:
        ending, _, name = str(given).partition(":")
        if ending not in entry.members:
            raise InputError(
                f"{who}: label must be in one of .{', .'.join(entry.members)}, got .{ending}. "
                f"{nearest(ending, entry.members)}"
            )
        return ending, name
    for ending in (*_LABELS, *_PLAIN_LABELS):
        if ending in entry.members:
            return ending, ""
    if "json" in entry.members:
        return "json", "label"
    got = ", .".join(entry.members)
    raise InputError(f"{who}: label must say where the label is: label='json:FIELD' or label='txt'; got .{got}.")


def _label(content: bytes, where: tuple[str, str], who: str) -> Any:
    try:
        text = content.decode("utf-8").strip()
        if where[0].rpartition(".")[2] != "json":
            return text
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{who}: must be {'JSON' if where[0].endswith('json') else 'UTF-8'}: {error}.") from error
    if not isinstance(found, Mapping) or where[1] not in found:
        raise InputError(f"{who}: must have the field {where[1]!r}, got {short(found)}.")
    return found[where[1]]


def _value(content: bytes | None, kind: str, who: str, limits: Any) -> Value:
    """Return what a member holds; nothing where the sample has none: the stream is lost."""
    if content is None:
        return None
    if kind == "text":
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{who}: must be UTF-8, got byte {error.object[error.start]:#x}.") from error
    of = modality(kind)
    value, _ = of.stored.decode(content, who, limits)
    of.check(value, who)
    return value
