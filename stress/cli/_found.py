"""What was found in a folder: its files of a known kind, and the samples that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perturbations import InputError

__all__ = ["Files", "Found", "visible"]

SUFFIXES = {
    "image": (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"),
    "audio": (".wav", ".flac", ".ogg", ".mp3", ".opus", ".aiff", ".aif"),
}
_KINDS = {suffix: kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}
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


def visible(folder: Path, path: Path) -> bool:
    """Tell whether a path is of the data: neither hidden nor in a run's folder."""
    return not any(part.startswith(".") or part == "runs" for part in path.relative_to(folder).parts)


class Files:
    """The pictures and recordings below a folder, and which of them a name in a table means."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kinds = folder, tuple(SUFFIXES)
        self.all: list[tuple[Path, str]] = []
        for path in sorted(folder.rglob("*")):
            if (kind := kind_of(path.name)) and visible(folder, path) and path.is_file():
                self.all.append((path, kind))
            if len(self.all) > _MOST:
                raise InputError(
                    f"init: {folder} must have at most {_MOST:,} files, got more. Write a manifest instead."
                )
        self._ends: dict[str, Path | None] = {}
        self._stems: dict[str, Path | None] = {}
        for path, _ in self.all:
            relative = path.relative_to(folder)
            _note(self._ends, relative.parts, path)
            _note(self._stems, relative.with_suffix("").parts, path)

    def named(self, value: str, beside: Path) -> Path | None:
        """Return the file that a name with its ending means: from the table's folder, from the project's, or below.

        Below, exactly one file may end in that path: a name that two files have means neither.
        """
        text = _plain(value)
        if not text or kind_of(text) is None:
            return None
        for base in (beside, self.folder):
            if (base / text).is_file():
                return base / text
        return self._ends.get(text.removeprefix("./"))

    def stem(self, value: str) -> Path | None:
        """Return the one file that a name without its ending means."""
        return self._stems.get(_plain(value).removeprefix("./"))

    def written(self, path: Path) -> str:
        """Return a path as the manifest names it, from the project's folder where it lies below."""
        inside = path.is_relative_to(self.folder) and ".." not in path.relative_to(self.folder).parts
        return path.relative_to(self.folder).as_posix() if inside else path.resolve().as_posix()


def kind_of(name: str) -> str | None:
    """Return the modality that a file's ending stands for."""
    dot = name.rfind(".")
    return _KINDS.get(name[dot:].lower()) if dot >= 0 else None


def _plain(value: str) -> str:
    return "" if "\0" in value else value.strip().replace("\\", "/")


def _note(ends: dict[str, Path | None], parts: Iterable[str], path: Path) -> None:
    """Note a file under each end of its path; an end that was noted before means none."""
    end = ""
    for part in reversed(tuple(parts)):
        end = f"{part}/{end}" if end else part
        ends[end] = None if end in ends else path
