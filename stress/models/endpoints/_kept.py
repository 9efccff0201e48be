"""Answers that were paid for: on disk before they count, by the content of the question."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from perturbations import ModelError

__all__ = ["Kept"]


class Kept:
    """A folder of answers; each is one file, whole or not there: written aside, flushed to disk, and renamed."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._lock, self._under_way = threading.Lock(), dict[str, list[Any]]()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(f"model: keep: {self.folder} cannot be made: {error.strerror}.") from error

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
        """Return ``[answer]`` where there is one, else None. A damaged file is none."""
        with suppress(OSError, ValueError):
            found = json.loads(self._place(key).read_text(encoding="utf-8"))
            if isinstance(found, list) and len(found) == 1:
                return found
        return None

    def put(self, key: str, answer: Any) -> None:
        """Keep an answer: when this returns, it is on the disk."""
        place = self._place(key)
        place.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump([answer], file)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(place)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
