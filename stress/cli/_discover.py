"""What lies in a folder: pictures, recordings and tables, read as the samples of a manifest."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perturbations import InputError

__all__ = ["Found", "discover"]

SUFFIXES = {
    "image": (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"),
    "audio": (".wav", ".flac", ".ogg", ".mp3", ".opus", ".aiff", ".aif"),
}
_NAMES = {
    "label": ("label", "class", "target", "category", "y", "answer"),
    "text": ("text", "caption", "transcript", "sentence", "utterance", "question"),
    "id": ("id", "sample_id", "uid"),
    "split": ("split", "subset", "fold"),
    "sequence": ("sequence", "session", "recording"),
    "time": ("time", "timestamp"),
}
_SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval")
_GROUPS = 50
"""Different values up to which another column of a table counts as a group."""
_MOST = 100_000
"""Files that are looked at; a folder of more needs a manifest that was made on purpose."""


@dataclass(frozen=True)
class Found:
    """The samples of a folder: columns of a manifest, and rows of as many texts; ``says`` is how they were read."""

    says: str
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    modalities: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)


def discover(folder: Path) -> Found:
    """Return the samples of a folder: those of a table that names files, else files by the folder that they lie in."""
    if not os.path.isdir(folder):
        return Found("no folder yet")
    for table in sorted(folder.glob("*.csv")):
        if table.name != "samples.csv" and (found := _of_table(table)):
            return found
    files = _files(folder)
    if not files:
        return Found("no pictures, recordings or tables in it")
    return _of_files(folder, files)


def _files(folder: Path) -> list[tuple[Path, str]]:
    """Return the files of a known kind, each with its modality."""
    kinds = {suffix: kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}
    found = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") or part == "runs" for part in path.relative_to(folder).parts)
        if (kind := kinds.get(path.suffix.lower())) and not hidden and os.path.isfile(path):
            found.append((path, kind))
        if len(found) > _MOST:
            raise InputError(f"init: {folder} must have at most {_MOST:,} files, got more. Write a manifest instead.")
    return found


def _of_files(folder: Path, files: Sequence[tuple[Path, str]]) -> Found:
    """Each file is a sample – with the files of the same name and other kinds – and its folder is its label."""
    samples: dict[tuple[str, ...], dict[str, Path]] = {}
    for path, kind in files:
        relative = path.relative_to(folder)
        samples.setdefault((*relative.parts[:-1], relative.stem), {}).setdefault(kind, path)
    kinds = tuple(kind for kind in SUFFIXES if any(kind in streams for streams in samples.values()))
    splits = all(key[0].lower() in _SPLITS for key in samples if len(key) > 2) and any(len(key) > 2 for key in samples)
    labels, rows = [], []
    for key, streams in samples.items():
        above = key[1:-1] if splits else key[:-1]
        label = above[-1] if above and above[-1] not in SUFFIXES else ""
        labels.append(label)
        paths = [streams[kind].relative_to(folder).as_posix() if kind in streams else "" for kind in kinds]
        rows.append(("/".join(key), *paths, label, *([key[0]] if splits else [])))
    columns = ("id", *kinds, "label", *(["split"] if splits else []))
    known = tuple(sorted({label for label in labels if label}))
    where = "the folder that each lies in is its label" if known else "fill in the label of each"
    problems = [] if all(labels) else [f"{labels.count('')} of {len(labels)} samples have no label yet"]
    return Found(f"{len(rows)} samples from {len(files)} files: {where}", columns, rows, kinds, known, problems)


def _of_table(table: Path) -> Found | None:
    """Return the samples of a table, where a column of it names files or texts and another one the label."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            lines = [row for row in reader if None not in row and None not in row.values()]
    except (UnicodeDecodeError, csv.Error):
        return None
    names = list(reader.fieldnames or ())
    streams = {name: kind for name in names if (kind := _kind(table.parent, [row[name] for row in lines]))}
    roles = {role: name for role, like in _NAMES.items() if (name := _named(names, like, streams))}
    if not lines or not (streams or {"text", "label"} <= roles.keys()):
        return None
    used = {*streams, *roles.values()}
    groups = [name for name in names if name not in used and _is_group([row[name] for row in lines])]
    kinds = tuple(dict.fromkeys([*streams.values(), *(["text"] if "text" in roles else [])]))
    several = [kind for kind in kinds if list(streams.values()).count(kind) > 1]
    titles = {name: f"{kind}:{name}" if kind in several else kind for name, kind in streams.items()}
    titles |= {name: role for role, name in roles.items()} | {name: f"group:{name}" for name in groups}
    chosen = [name for name in names if name in titles]
    label = roles.get("label")
    rows = [tuple(row[name] for name in chosen) for row in lines]
    columns = tuple(titles[name] for name in chosen)
    if "id" not in columns:
        columns, rows = ("id", *columns), [(str(i), *row) for i, row in enumerate(rows, start=1)]
    if label is None:
        columns, rows = (*columns, "label"), [(*row, "") for row in rows]
    labels = tuple(sorted({row[label] for row in lines if row[label]})) if label else ()
    problems = [] if label else [f"no column of {table.name} is named like a label ({', '.join(_NAMES['label'])})"]
    return Found(f"{len(rows)} samples from {table.name}", columns, rows, kinds, labels, problems)


def _kind(folder: Path, values: Sequence[str]) -> str | None:
    """Return the modality of a column whose values name files that are there."""
    given = [value for value in values if value]
    for kind, suffixes in SUFFIXES.items():
        if given and all(value.lower().endswith(suffixes) and "\0" not in value for value in given):
            return kind if all(os.path.isfile(folder / value) for value in given) else None
    return None


def _named(names: Iterable[str], like: Sequence[str], streams: Iterable[str]) -> str | None:
    return next((name for name in names if name.strip().lower() in like and name not in streams), None)


def _is_group(values: Sequence[str]) -> bool:
    return 1 < len(set(values)) <= min(_GROUPS, max(len(values) // 2, 2))
