"""A file of answers to which one process appends: a line an answer, whole and on the disk, or not there."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import threading
import weakref
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["SUFFIX", "Log", "Written", "content_of", "line_of"]

SUFFIX = ".answers"
_SUM = 8
"""Characters of a line's checksum."""
_flushed = getattr(os, "fdatasync", os.fsync)
"""Both put a file's length on the disk, too, without which nothing new can be read."""


def line_of(key: str, content: Any) -> bytes:
    """Return the line of an answer: the CRC-32 of what follows, the answer's key, and JSON, which has no line's end."""
    text = b" %b %b" % (key.encode(), json.dumps(content).encode())
    return b"%08x%b\n" % (zlib.crc32(text), text)


def content_of(line: bytes) -> tuple[str, bytes] | None:
    """Return the key and the JSON of a line; None where it is torn or damaged."""
    text = line[_SUM:-1]
    if line[-1:] != b"\n" or line[:_SUM] != b"%08x" % zlib.crc32(text):
        return None
    key, _, content = text[1:].partition(b" ")
    return key.decode(), content


class Written:
    """A log as a reader has it: what was appended since it last looked is read, and nothing twice.

    The last line of a writer that was killed is torn; it is passed over, and so is a line that was damaged. A log whose
    writer has ended is read to its end and not looked at again.
    """

    def __init__(self, path: str) -> None:
        self.path, self.ended, self._read = path, False, 0

    def added(self, size: int) -> Iterator[tuple[str, int]]:
        """Yield key and place of each whole line, of a file with so many bytes, that has not been yielded before."""
        if size == self._read:  # one that is empty may not be held yet
            return
        with open(self.path, "rb") as file:
            ended = _unheld(file.fileno())  # asked first: what is read then is all that there will be
            file.seek(self._read)
            for line in file:
                if line[-1:] != b"\n":
                    break
                if (found := content_of(line)) is not None:
                    yield found[0], self._read
                self._read += len(line)
        self.ended = ended


def _unheld(handle: int) -> bool:
    """Return whether the writer of a log has ended; False where the file system cannot say."""
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(handle, fcntl.LOCK_UN)
        return True
    return False


class Log:
    """A new log of this process in a folder, which it holds until it ends, however it ends.

    Raises OSError where it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.process = os.getpid()
        self._handle, self.path = tempfile.mkstemp(SUFFIX, "", folder)
        weakref.finalize(self, os.close, self._handle)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _flush_folder(folder)
        self._size = self._safe = 0
        self._writes, self._flushes = threading.Lock(), threading.Lock()
        self.failed: OSError | None = None

    def append(self, line: bytes) -> int:
        """Return the place of a line once it is on the disk, or raise OSError: then nothing more goes into this log.

        Who waits for a flush finds, as a rule, that the one before it has flushed its line, too.
        """
        with self._writes:
            place = self._size
            self._try(_write, self._handle, line)
            self._size = end = place + len(line)
        with self._flushes:
            if self._safe < end:
                written = self._size
                self._try(_flushed, self._handle)
                self._safe = written
        return place

    def _try(self, does: Any, *given: Any) -> None:
        """Write or flush. After part of a line no other may follow, and a flush that comes after one that failed may
        succeed without the data: the first failure is the last.
        """
        if self.failed:
            raise OSError(self.failed.errno, self.failed.strerror)
        try:
            does(*given)
        except OSError as error:
            self.failed = error
            raise


def _write(handle: int, line: bytes) -> None:
    while line:
        line = line[os.write(handle, line) :]


def _flush_folder(folder: Path) -> None:
    """Put the names in a folder on the disk, where the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
