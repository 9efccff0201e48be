"""Answers that were paid for: on disk before they count, by the content of the question."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from perturbations import ModelError

__all__ = ["Kept"]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
"""A part that a killed process of the same number has left is written over."""


class Kept:
    """A folder of answers; each is one file, whole or not there: written aside, flushed to disk, and renamed."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ModelError(f"model: keep: must be a folder, got the file {self.folder}.")
        self._lock, self._under_way = threading.Lock(), dict[str, list[Any]]()

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Hold a question while the block runs: who asks the same meanwhile waits, and finds the answer."""
        with self._lock:
            held = self._under_way.setdefault(key, [threading.Lock(), 0])
            held[1] += 1
        try:
            with held[0]:
                yield
        finally:
            with self._lock:
                held[1] -= 1
                if not held[1]:
                    del self._under_way[key]

    def _place(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key: str) -> Any:
        """Return ``[answer, took]`` where there is one, else None. A damaged file is none."""
        with suppress(OSError, ValueError):
            found = json.loads(self._place(key).read_text(encoding="utf-8"))
            if isinstance(found, list) and len(found) == 2 and isinstance(found[1], dict):
                return found
        return None

    def all(self) -> Iterator[tuple[str, Any]]:
        """Yield the key of every answer, and ``[answer, took]``."""
        for path in sorted(self.folder.glob("*/*.json")):
            if (found := self.get(path.stem)) is not None:
                yield path.stem, found

    def put(self, key: str, answer: Any, took: Mapping[str, Any]) -> None:
        """Keep an answer and what it took: when this returns, it is on the disk, or ModelError is raised."""
        try:
            self._put(self._place(key), [answer, dict(took)])
        except OSError as error:
            raise ModelError(f"model: {self.folder}: an answer cannot be kept: {error.strerror}.") from error

    def _put(self, place: Path, content: list[Any]) -> None:
        aside = place.with_name(f".{place.stem}-{os.getpid()}-{threading.get_ident()}.part")
        try:
            handle = os.open(aside, _NEW, 0o600)
        except FileNotFoundError:  # the first of its folder
            place.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(aside, _NEW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(content).encode())
                file.flush()
                os.fsync(file.fileno())
            aside.replace(place)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise
