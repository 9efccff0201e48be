"""A run folder belongs to one process at a time."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perturbations import RunError
from stress.engine._room import closed_in_children

__all__ = ["lock"]


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process; the system lets go of it when the process ends, however it ends.

    Raises RunError where somebody else holds it, with who that is.
    """
    path = folder / ".lock"
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW, 0o666)
    except OSError as error:  # a link in its place, too: what it names is not ours to write
        raise RunError(f"{path}: cannot be written: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise RunError(f"{path}: must be a regular file, not a pipe or a device.")
    with os.fdopen(number, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise RunError(f"{folder}: is in use by {_owner(path, file.read().strip())}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        with closed_in_children(file.fileno()):
            yield


def _owner(path: Path, process: str) -> str:
    """Return who holds a lock: a run, or what a run that has ended has left running."""
    if not process.isdecimal():
        return "another run (process unknown)."
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        left = ", ".join(_holders(path)) or "unknown"
        return (
            f"a process that a run has left running: process {process}, which began the run, has ended, and process "
            f"{left} still holds its files. Hint: end that process."
        )
    except (PermissionError, OverflowError):
        pass
    return f"another run (process {process})."


def _holders(path: Path) -> list[str]:
    """Return the numbers of other processes that have a file open, of those that may be looked into."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(os.path.samefile(each, path) for each in (process / "fd").iterdir()):
                found.append(process.name)
        except OSError:
            continue
    return found
