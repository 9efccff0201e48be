"""What lies in a folder: pictures, recordings and tables, read as the samples of a manifest."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from stress.cli._found import SUFFIXES, Files, Found, visible
from stress.cli._tabled import Table, read_table, samples_of

__all__ = ["Found", "discover"]

_SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval")
_NO_LABEL = re.compile(
    r"images?|imgs?|pictures?|photos?|audios?|clips?|wavs?|sounds?|recordings?|data|files?|fold[-_ ]?\d+", re.IGNORECASE
)
"""Names of folders that say what lies in them, or which part of the data, and not what it shows."""
_MEDIA = re.compile(r"images?|imgs?|pictures?|photos?|audios?|clips?|wavs?|sounds?|recordings?", re.IGNORECASE)
"""Names of folders that say which kind of files lie in them."""
_UNREAD = (".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".xls", ".arrow", ".feather")
_TABLES, _DEEP = 20, 3
"""Tables that are looked at, and folders between the project's and theirs, at most."""


def discover(folder: Path) -> Found:
    """Return the samples of a folder: those of a table that names files, else files by the folder that they lie in.

    Of several tables it is one with labels; that others were there is told.
    """
    if not folder.is_dir():
        return Found("no folder yet")
    files = Files(folder)
    tables = [read_table(path, files) for path in _tables(folder)]
    unread = _unread(folder)
    if fitting := sorted((table for table in tables if table.fits), key=lambda table: "label" not in table.roles):
        found = samples_of(fitting[0])
        return replace(found, problems=[*found.problems, *_others(fitting[1:], "names samples, too: it was not read")])
    others = _others(tables, "was not used: none of its columns names files that are here, or texts with labels")
    if not files.all:
        return Found("no pictures, recordings or tables in it", problems=[*others, *unread])
    found = _of_files(files)
    return replace(found, problems=[*found.problems, *others, *unread])


def _unread(folder: Path) -> list[str]:
    """Return what is told of data in files that are not looked into."""
    found = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in _UNREAD and visible(folder, path))
    return [f"{name} was not read: tables here are .csv or .tsv files" for name in found]


def _tables(folder: Path) -> list[Path]:
    """Return the tables of a folder, the nearest first; the manifest that would be written is none of them."""
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in (".csv", ".tsv") and path.is_file()]
    deep = {path: len(path.relative_to(folder).parts) for path in paths if visible(folder, path)}
    near = [path for path in deep if deep[path] <= _DEEP and path != folder / "samples.csv"]
    return sorted(near, key=lambda path: (deep[path], path))[:_TABLES]


def _others(tables: list[Table], what: str) -> list[str]:
    """Return what is told of tables that were left: why, where that is known of one, else what all share."""
    told = [problem for table in tables for problem in table.problems]
    return told + [f"{table.name} {what}" for table in tables if not table.problems]


def _of_files(files: Files) -> Found:
    """Each file is a sample – with the files of the same name and other kinds – and its folder is its label."""
    samples = _together(files)
    kinds = tuple(kind for kind in SUFFIXES if any(kind in streams for streams in samples.values()))
    splits = all(key[0].lower() in _SPLITS for key in samples if len(key) > 2) and any(len(key) > 2 for key in samples)
    labels = [_label(key[1:-1] if splits else key[:-1]) for key in samples]
    problems = []
    if len(set(labels)) == 1 and labels[0]:
        problems.append(f"all files lie in {labels[0]}: the name of one folder tells no samples apart, and is no label")
        labels = [""] * len(labels)
    rows = []
    for (key, streams), label in zip(samples.items(), labels):
        paths = [files.written(streams[kind]) if kind in streams else "" for kind in kinds]
        rows.append(("/".join(key), *paths, label, *([key[0]] if splits else [])))
    columns = ("id", *kinds, "label", *(["split"] if splits else []))
    known = tuple(sorted({label for label in labels if label}))
    where = "the folder that each lies in is its label" if known else "fill in the label of each"
    if not all(labels):
        problems.append(f"{labels.count('')} of {len(labels)} samples have no label yet")
    return Found(f"{len(rows)} samples from {len(files.all)} files: {where}", columns, rows, kinds, known, problems)


def _together(files: Files) -> dict[tuple[str, ...], dict[str, Path]]:
    """Return the files of each sample by kind: those of one name in one folder, or in one folder for each kind.

    images/1.png and audio/1.wav are one sample where no two files of a kind would be.
    """
    whole: dict[tuple[str, ...], dict[str, Path]] = {}
    paired: dict[tuple[str, ...], dict[str, Path]] = {}
    for path, kind in files.all:
        relative = path.relative_to(files.folder)
        key = (*relative.parts[:-1], relative.stem)
        whole.setdefault(key, {}).setdefault(kind, path)
        short = (*(part for part in key[:-1] if not _MEDIA.fullmatch(part)), key[-1])
        paired.setdefault(short, {}).setdefault(kind, path)
    lost = sum(map(len, whole.values())) > sum(map(len, paired.values()))
    return whole if lost or all(len(streams) == 1 for streams in paired.values()) else paired


def _label(folders: tuple[str, ...]) -> str:
    """Return the label that the folders above a file give it, or nothing."""
    return folders[-1] if folders and not _NO_LABEL.fullmatch(folders[-1]) else ""
