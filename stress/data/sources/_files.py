"""Files that lie somewhere – a folder for each class, patterns, a table of paths – read as a manifest of them is."""

from __future__ import annotations

import glob as globbing
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import nearest, short
from perturbations.files import path_shown
from perturbations.modality import MODALITIES
from perturbations.modality import modality as modality_named
from stress.data._dataset import Samples
from stress.data._manifest import from_manifest
from stress.data._reading import Reading
from stress.data._tables import Rows, is_frame, read_rows

__all__ = ["folder", "frame", "globs", "of_rows", "place_of"]

_FILED = tuple(name for name in MODALITIES if modality_named(name).stored.in_file)
"""Modalities whose values lie in files."""


def of_rows(
    name: str,
    root: Path,
    rows: Sequence[Mapping[str, Any]],
    notes: Sequence[str] = (),
    reading: Reading | None = None,
) -> Samples:
    """Return the data set of rows as a manifest in the folder ``root`` would hold them."""
    found = from_manifest(Rows(name, root, list(rows[0]), rows, range(1, len(rows) + 1)), None, reading)
    found.notes = (*notes, *found.notes)
    return found


def place_of(path: Any, who: str) -> Path:
    """Return a folder. Raises InputError where it is none."""
    if not isinstance(path, str | os.PathLike) or "\0" in os.fspath(path):
        raise InputError(f"{who}: must be the path of a folder, got {short(path)}.")
    if not Path(path).is_dir():
        raise InputError(f"{who}: must be a folder, got {path_shown(path)}, which is none.")
    return Path(path)


def folder(
    path: str | os.PathLike[str],
    *,
    stream: str | None = None,
    modality: str | None = None,
    reading: Reading | None = None,
) -> Samples:
    """Return the pictures or recordings of a folder that has one folder for each class, as ``cats/01.jpg``.

    The names of the folders are the classes, the paths below ``path`` the ids. ``modality`` is ``image`` or ``audio``,
    as the files' endings are where nothing is said; ``stream`` what the model calls it. Hidden files are not looked at,
    files of other endings are not used, and counted in the notes. Raises InputError where there are no classes, or
    files of both kinds, or files outside of a class.
    """
    who = "stress.data.folder"
    root = place_of(path, who)
    files = sorted(_below(root), key=lambda file: file.relative_to(root).as_posix())
    kind = _kind(files, modality, f"{who}: {path_shown(path)}")
    mine = [file for file in files if file.suffix.lower() in _endings(kind)]
    if loose := [file for file in mine if file.parent == root]:
        raise InputError(
            f"{who}: {path_shown(path)} must have a folder for each class, got {len(loose):,} files in none, as "
            f"{short(loose[0].name)}. stress.data.globs({{label: pattern}}) names them otherwise."
        )
    places = [file.relative_to(root) for file in mine]
    column = f"{kind}:{stream}" if stream else kind
    rows = [{"id": place.as_posix(), column: str(place), "label": place.parts[0]} for place in places]
    return of_rows(f"folder {root.name}", root, rows, _unused(files, mine), reading)


def globs(
    patterns: Mapping[Any, str | Sequence[str]],
    *,
    stream: str | None = None,
    modality: str | None = None,
    reading: Reading | None = None,
) -> Samples:
    """Return the files that patterns match, by label: ``{"cat": "pets/cat_*.jpg", "dog": ["pets/dog_*.jpg", …]}``.

    ``**`` matches folders at any depth. All else is as for ``folder``. Raises InputError where a pattern matches
    nothing, or a file is matched under two labels.
    """
    who = "stress.data.globs"
    if not isinstance(patterns, Mapping) or not patterns:
        raise InputError(f"{who}: must be a mapping of labels to patterns, got {short(patterns)}.")
    found: dict[str, Any] = {}
    for label, given in patterns.items():
        for pattern in [given] if isinstance(given, str) else given:
            files = sorted(f for f in globbing.glob(str(pattern), recursive=True) if os.path.isfile(f))
            if not files:
                raise InputError(f"{who}: the pattern of {short(label)} must match a file, got none: {short(pattern)}.")
            for file in files:
                if file in found and found[file] != label:
                    raise InputError(
                        f"{who}: {path_shown(file)} must have one label, got {short(found[file])} and {short(label)}."
                    )
                found[file] = label
    paths = [Path(file) for file in found]
    kind = _kind(paths, modality, who)
    mine = [path for path in paths if path.suffix.lower() in _endings(kind)]
    column = f"{kind}:{stream}" if stream else kind
    rows = [{"id": path.as_posix(), column: str(path), "label": found[str(path)]} for path in mine]
    return of_rows("files", Path(), rows, _unused(paths, mine), reading)


def frame(
    table: Any,
    columns: Mapping[str, str],
    *,
    folder: str | os.PathLike[str] = "",
    reading: Reading | None = None,
) -> Samples:
    """Return the samples of a data frame (pandas, Polars, Arrow) or manifest whose columns have names of their own.

    ``columns`` maps what a manifest calls a column to what it is called here: ``{"image": "file", "label": "species",
    "text:caption": "words", "cluster:patient": "pid"}``; no other column is used. Files are relative to ``folder``.
    Raises InputError where a column is not there.
    """
    who = "stress.data.frame"
    if not isinstance(columns, Mapping) or not columns:
        raise InputError(f"{who}: columns must be a mapping as {{'image': 'file', 'label': 'species'}}.")
    if not is_frame(table) and not isinstance(table, str | os.PathLike):
        raise InputError(f"{who}: must be a data frame of pandas, Polars or Arrow, or a manifest, got {short(table)}.")
    given = read_rows(table)
    for wanted in columns.values():
        if wanted not in given.names:
            raise InputError(f"{who}: the table must have the column {wanted!r}. {nearest(str(wanted), given.names)}")
    if not given.rows:
        raise InputError(f"{who}: must have at least one sample, got no rows.")
    rows = [{name: row[wanted] for name, wanted in columns.items()} for row in given.rows]
    return of_rows(given.name, Path(folder) if str(folder) else given.folder, rows, (), reading)


def _below(root: Path) -> Iterator[Path]:
    """Yield the files below a folder that are not hidden; folders that are links are not entered."""
    for parent, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        yield from (Path(parent) / name for name in files if not name.startswith("."))


def _endings(kind: str) -> tuple[str, ...]:
    return modality_named(kind).stored.endings


def _kind(files: Sequence[Path], given: str | None, who: str) -> str:
    """Return the modality of files. Raises InputError where they are of none, or of several."""
    if given is not None and given not in _FILED:
        raise InputError(f"{who}: modality must be {' or '.join(_FILED)}, got {short(given)}.")
    counts = {kind: sum(file.suffix.lower() in _endings(kind) for file in files) for kind in _FILED}
    found = [kind for kind, count in counts.items() if count and given in (None, kind)]
    if not found:
        endings = ", ".join(f"{count} {end or 'without ending'}" for end, count in _tally(files)) or "no files"
        raise InputError(f"{who}: must have {given or ' or '.join(_FILED)} files, got {endings}.")
    if len(found) > 1:
        shown = " and ".join(f"{counts[kind]:,} of {kind}" for kind in found)
        raise InputError(f"{who}: must have files of one modality, got {shown}. modality={found[0]!r} chooses.")
    return found[0]


def _tally(files: Sequence[Path]) -> list[tuple[str, int]]:
    return Counter(file.suffix.lower() for file in files).most_common(5)


def _unused(files: Sequence[Path], mine: Sequence[Path]) -> list[str]:
    used = set(mine)
    rest = [file for file in files if file not in used]
    shown = ", ".join(f"{count} {end or 'without ending'}" for end, count in _tally(rest))
    return [f"{len(rest):,} files of other kinds are not used: {shown}"] if rest else []
