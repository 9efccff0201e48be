"""The files of a run's records at one moment, whatever a writer does beside the reader and wherever it was killed.

Parts are written whole and never changed. When several are merged, a note first says which one stands for which; the
rename of the merged file is the moment from which on it counts, and the others no longer do.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perturbations import RunError
from perturbations.files import open_regular, read_text
from stress.records.writing import write_json

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

__all__ = ["Moment", "announce_swap", "finish_swap", "open_part", "present_parts", "read_parts", "read_whole"]

SWAP = "swap.json"
_HELD = 256
"""Parts that a reader holds open, so that they stay there for it when a writer removes them."""
_OPEN = Path("/proc/self/fd")
_PART = re.compile(r"part-[\w.-]+\.parquet")


class Moment:
    """The parts of a run as they were when this was made; where the system allows, they stay readable until it goes.

    ``parts`` are their names; ``held`` is by what they are read, also after a writer removed them.
    """

    def __init__(self, folder: Path) -> None:
        self._files: list[int] = []
        while True:
            named = present_parts(folder)
            if len(named) > _HELD or not os.path.isdir(_OPEN):
                self.parts: Sequence[Path] = named
                self.held: Sequence[Path] = named
                return
            try:
                for part in named:
                    self._files.append(os.open(part, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
                    if not stat.S_ISREG(os.fstat(self._files[-1]).st_mode):
                        self._close()
                        raise RunError(f"{part}: must be a regular file, not a pipe or a device.")
            except FileNotFoundError:  # merged in between: look again
                self._close()
                continue
            except OSError as error:
                self._close()
                raise RunError(f"{folder}: cannot be read: {error.strerror}.") from None
            self.parts, self.held = named, [_OPEN / str(file) for file in self._files]
            return

    def _close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files = []

    def __del__(self) -> None:
        self._close()


@contextmanager
def _undamaged(parts: Sequence[Path]) -> Iterator[None]:
    """Say of files that cannot be read which ones, and what helps."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        which = parts[0].resolve() if len(parts) == 1 else f"{parts[0].resolve()} or one of {len(parts) - 1} more parts"
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(
            f"{which}: is damaged: {text[:200]}. The same command that began the run does its records again."
        ) from None


@contextmanager
def open_part(part: Path) -> Iterator[parquet.ParquetFile]:
    """Give a part, opened for reading; checksums of its pages are compared. Raises RunError where it is damaged."""
    from pyarrow import parquet

    with _undamaged([part]), parquet.ParquetFile(part, page_checksum_verification=True) as file:
        yield file


def read_parts(parts: Sequence[Path], columns: Sequence[str] | None = None, **how: Any) -> pa.Table:
    """Return some columns of some parts; ``how`` goes to ``Dataset.to_table``. Raises RunError where one is damaged."""
    from pyarrow import dataset

    checked = dataset.ParquetFragmentScanOptions(page_checksum_verification=True)
    with _undamaged(parts):
        whole = dataset.dataset(parts, format=dataset.ParquetFileFormat(default_fragment_scan_options=checked))
        return whole.to_table(columns=columns, **how).unify_dictionaries()


def read_whole(path: Path) -> pa.Table:
    """Return the table in a file. Raises RunError where there is none."""
    import pyarrow as pa
    from pyarrow import parquet

    if not os.path.exists(path):
        raise RunError(f"{path}: is not there. The same command that began the run writes it anew.")
    try:
        with open_regular(path, "run", RunError) as file:
            return parquet.read_table(file, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(
            f"{path}: cannot be read: {text[:200]}. The same command that began the run writes it anew."
        ) from None


def announce_swap(folder: Path, merged: Path, parts: Sequence[Path]) -> None:
    """Say that ``merged``, which is not there yet, will stand for some parts."""
    write_json(folder / SWAP, {"by": merged.name, "of": [part.name for part in parts]})


def _swap(folder: Path) -> Mapping[str, object]:
    """Return the note of a swap: which part stands for which others; nothing where it is none, or names other files.

    Files are removed by it: in a folder that somebody else made it could name any.
    """
    try:
        found = json.loads(read_text(folder / SWAP, "run", RunError))
        names = [found["by"], *found["of"]]
    except (RunError, ValueError, RecursionError, TypeError, KeyError):
        return {}
    return found if all(isinstance(name, str) and _PART.fullmatch(name) for name in names) else {}


def finish_swap(folder: Path) -> None:
    """Remove the parts that another one stands for, and the note that says so."""
    swap = _swap(folder)
    if swap and os.path.exists(folder / str(swap["by"])):
        for name in swap["of"]:  # type: ignore[attr-defined]
            (folder / str(name)).unlink(missing_ok=True)
    (folder / SWAP).unlink(missing_ok=True)


def present_parts(folder: Path) -> list[Path]:
    """Return the parts that count, in order: looked at again until nothing changed while it was looked."""
    before: tuple[list[Path], Mapping[str, object]] | None = None
    while True:
        now = (sorted(folder.glob("part-*.parquet")), _swap(folder))
        if now == before:
            break
        before = now
    parts, swap = now
    if swap and folder / str(swap["by"]) in parts:
        gone = {str(name) for name in swap["of"]}  # type: ignore[attr-defined]
        return [part for part in parts if part.name not in gone]
    return parts
