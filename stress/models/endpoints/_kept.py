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
from stress.models.endpoints._log import SUFFIX, Log, Written, content_of, line_of

__all__ = ["Kept", "logs"]


def logs(folder: Path) -> list[os.DirEntry[str]]:
    """Return the files of a folder that hold answers, in the order of their names."""
    try:
        with os.scandir(folder) as found:
            entries = [each for each in found if each.name.endswith(SUFFIX) and each.is_file()]
    except FileNotFoundError:  # nothing was kept yet
        return []
    return sorted(entries, key=lambda entry: entry.name)


class Kept:
    """A folder of answers in logs: each process appends to one of its own, and all of them are read.

    Where answers stand is kept in memory (some 200 bytes an answer), the answers are not.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ModelError(f"model: keep: must be a folder, got the file {self.folder}.")
        self._lock, self._under_way = threading.Lock(), dict[str, list[Any]]()
        self._reads, self._looks = threading.Lock(), 0
        self._written, self._numbers = list[Written](), dict[str, int]()
        self._places = dict[bytes, int]()
        """Which log, and where in it: the log's number in the bits above the 48th."""
        self._own: Log | None = None

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

    def get(self, key: str) -> Any:
        """Return ``[answer, took]`` where there is one, else None. A damaged one is none."""
        with suppress(OSError, ValueError):
            name = bytes.fromhex(key)
            if (place := self._places.get(name)) is None:
                self._look()
                place = self._places.get(name)
            if place is None:
                return None
            with open(self._written[place >> 48].path, "rb") as file:
                file.seek(place & (1 << 48) - 1)
                found = content_of(file.readline())
            if found is not None and found[0] == key:
                return json.loads(found[1])
        return None

    def all(self) -> Iterator[tuple[str, Any]]:
        """Yield the key of every answer, and ``[answer, took]``."""
        self._look()
        for name in sorted(self._places):
            if (found := self.get(name.hex())) is not None:
                yield name.hex(), found

    def put(self, key: str, answer: Any, took: Mapping[str, Any]) -> None:
        """Keep an answer and what it took: when this returns, it is on the disk, or ModelError is raised."""
        line = line_of(key, [answer, dict(took)])
        try:
            log = self._log()
            place = log.append(line)
        except OSError as error:
            raise ModelError(f"model: {self.folder}: an answer cannot be kept: {error.strerror}.") from error
        self._places.setdefault(bytes.fromhex(key), self._number(log.path) << 48 | place)

    def _log(self) -> Log:
        """Return the log of this process: a new one after a failure, or in a process that has begun as a copy."""
        with self._lock:
            if self._own is None or self._own.failed or self._own.process != os.getpid():
                self.folder.mkdir(parents=True, exist_ok=True)
                self._own = Log(self.folder)
                with self._reads:
                    self._written[self._number(self._own.path)].ended = True  # what it gets is known here
            return self._own

    def _look(self) -> None:
        """Find what other processes have kept. Of many who wait for a look, one that begins meanwhile serves all."""
        begun = self._looks
        with self._reads:
            if self._looks > begun:
                return
            self._looks += 1
            for entry in logs(self.folder):
                number = self._number(entry.path)
                if self._written[number].ended:
                    continue
                with suppress(OSError):  # one that cannot be read has nothing to say
                    for key, place in self._written[number].added(entry.stat().st_size):
                        self._places.setdefault(bytes.fromhex(key), number << 48 | place)

    def _number(self, path: str) -> int:
        """Return the number of a log, a new one where it has none."""
        name = os.path.basename(path)
        if name not in self._numbers:
            self._written.append(Written(path))
            self._numbers[name] = len(self._written) - 1
        return self._numbers[name]
