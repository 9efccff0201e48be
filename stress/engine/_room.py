"""A folder of a run on this machine, for as long as the process lives that started it, and what is kept in it.

In it lies a pipe that this process holds open for writing. The system closes it when the process ends, however it
ends, and tells the workers, which hold the other end; who finds it closed at a later start clears the folder away.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["closed_in_children", "ended", "free_room", "held", "notes_of", "room", "was_stuck"]

_NAME = re.compile(r"stress-(\d+)-\d+")
_PIPE = "held"


@contextmanager
def room() -> Iterator[Path]:
    """Give the folder of a run while the block runs; those of processes that were killed are cleared away.

    No other run has a folder of the same name.
    """
    _sweep()
    path = Path(tempfile.gettempdir()) / f"stress-{os.getpid()}-{time.monotonic_ns()}"
    early = Path(tempfile.mkdtemp(prefix=".stress-"))
    os.mkfifo(early / _PIPE, 0o600)
    end = os.open(early / _PIPE, os.O_RDWR)  # both ends: an end for writing alone would wait for a reader
    (early / "names").write_text(_names(), encoding="utf-8")
    early.rename(path)  # now that it is held: others would clear it away
    try:
        with closed_in_children(end):
            yield path
    finally:
        os.close(end)
        shutil.rmtree(path, ignore_errors=True)


def held(path: Path) -> int | None:
    """Return an open end of a room's pipe for reading, or nothing where the room is not on this machine.

    At its other end is the process that started the run: nothing is ever written, and it reads as ended once it is.
    """
    try:
        return os.open(path / _PIPE, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None


def ended(end: int) -> bool:
    """Return whether the process at the other end of a room's pipe is gone."""
    try:
        return not os.read(end, 1)
    except BlockingIOError:
        return False


def notes_of(path: Path) -> Path:
    """Return the file in which this process's timer notes that nothing could run; made where there is none yet.

    On another machine than the one where the run was started a folder of the same name stands in for the room.
    """
    there = path if path.is_dir() else Path(tempfile.gettempdir()) / path.name
    there.mkdir(mode=0o700, exist_ok=True)
    return there / f"stuck-{os.getpid()}"


def was_stuck(path: str) -> bool:
    """Return whether a worker on this machine was ended because nothing in it could run, and forget that."""
    found = [each for each in notes_of(Path(path)).parent.glob("stuck-*") if each.stat().st_size]
    for each in found:
        each.unlink(missing_ok=True)
    return bool(found)


def free_room(path: str) -> None:
    """Take away the folder that stood in for a room on another machine."""
    there = Path(tempfile.gettempdir()) / Path(path).name
    if not (there / _PIPE).exists():
        shutil.rmtree(there, ignore_errors=True)


def _sweep() -> None:
    """Clear away what processes that were killed have left: their rooms, and semaphores with their number."""
    for path in Path(tempfile.gettempdir()).glob("stress-*"):
        name = _NAME.fullmatch(path.name)
        with suppress(OSError):
            if name is None or path.is_symlink() or path.stat().st_uid != os.getuid():
                continue
            end = held(path)
            if end is None:
                continue
            try:
                gone = ended(end)
            finally:
                os.close(end)
            if gone:
                if (path / "names").read_text(encoding="utf-8") == _names():
                    _sweep_memory(name[1])
                shutil.rmtree(path, ignore_errors=True)


def _sweep_memory(pid: str) -> None:
    for each in Path("/dev/shm").glob(f"sem.loky-{pid}-*"):  # noqa: S108 - where the system keeps named semaphores
        each.unlink(missing_ok=True)


def _names() -> str:
    """Return what tells in which world a process number means the same process: containers have their own."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


_open: set[int] = set()


@contextmanager
def closed_in_children(file: int) -> Iterator[None]:
    """Have forked children let go of a file: what a model leaves running would hold it after this process ended."""
    _open.add(file)
    try:
        yield
    finally:
        _open.discard(file)


def _let_go() -> None:
    for file in _open:
        with suppress(OSError):
            os.close(file)
    _open.clear()


os.register_at_fork(after_in_child=_let_go)
