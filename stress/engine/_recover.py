"""What of a run is safely there: parts are read whole and checked, and only whole units of this run are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from perturbations import RunError
from stress.engine._parts import about, is_sorted, read_checked, signed
from stress.engine._places import BEYOND, UNKNOWN, Places
from stress.engine._units import Unit
from stress.records.parts import finish_swap
from stress.records.statuses import unsettled
from stress.records.writing import write_table

__all__ = ["Recovered", "recover"]

Ints = NDArray[np.int64]
_NAMED = re.compile(r"part-\d{6,}\.parquet")
ASIDE = "aside.parquet"
"""Records of samples that a smaller limit leaves out, beside the folder of the parts: a larger one takes them back."""


@dataclass
class Recovered:
    """Units that are there with their numbers of records, what was thrown away and why, and what is asked again.

    ``failed`` are failed records that are asked again, with their units; ``part`` is the number of the next part.
    """

    units: dict[Unit, int] = field(default_factory=dict)
    thrown: list[str] = field(default_factory=list)
    failed: int = 0
    part: int = 0


@dataclass
class _Tally:
    """For each unit, the samples that parts hold; the units in each part; and the units that hold a failure."""

    held: dict[int, list[Ints]] = field(default_factory=dict)
    by_part: dict[Path, set[int]] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    failures: int = 0


def recover(
    folder: Path, run_id: str, places: Places, redo: frozenset[str] = frozenset(), keep_failures: bool = True
) -> Recovered:
    """Clear away what a kill left, and return what is there; ``redo`` are cells that are done again in any case."""
    found = Recovered()
    for left in [*folder.glob(".*.tmp"), folder / "merged.parquet"]:
        if left.is_file():
            left.unlink()
    finish_swap(folder)
    parts = sorted(folder.glob("part-*.parquet"))
    for odd in [path for path in parts if not path.is_file()]:
        raise RunError(f"{odd}: must be a regular file, not a folder, a pipe or a device. Take it away, and go on.")
    for odd in [path for path in parts if not _NAMED.fullmatch(path.name)]:
        found.thrown.append(f"{odd.name}: is no part of a run")
        odd.unlink()
        parts.remove(odd)
    found.part = max((int(path.stem.rpartition("-")[2]) + 1 for path in parts), default=0)
    if (taken := _take_back(folder, run_id, places, found.part)) is not None:
        parts.append(taken)
        found.part += 1
    tally = _Tally()
    good = [path for path in sorted(parts, key=is_sorted, reverse=True) if _looked(path, run_id, places, tally, found)]
    kept = _whole(tally, places, redo, keep_failures)
    if not keep_failures:
        found.failed = tally.failures
    for path in good:
        _keep_only(path, run_id, places, kept, tally, found)
    found.units = {places.unit(number): places.size(number) for number in kept}
    return found


def _looked(path: Path, run_id: str, places: Places, tally: _Tally, found: Recovered) -> bool:
    """Read a part whole, and note which units it holds; one that is damaged or foreign is thrown away."""
    mine: dict[int, list[Ints]] = {}
    failed: list[Ints] = []
    try:
        if about(path).get("run") != run_id:
            problem: str | None = "belongs to another run"
        else:
            problem = None
            for table in read_checked(path):
                numbers = places.numbers(table)
                for number, samples in _by_unit(numbers, table["sample"].to_numpy()):
                    mine.setdefault(number, []).append(samples)
                failed.append(numbers[np.isin(_names(table["status"]), unsettled())])
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        problem = f"cannot be read ({str(error).splitlines()[0][:80]})"
    if problem is not None:
        found.thrown.append(f"{path.name}: {problem}; its units are done again")
        path.unlink()
        return False
    for number, pieces in mine.items():
        tally.held.setdefault(number, []).append(np.concatenate(pieces))
    tally.by_part[path] = set(mine)
    for each in failed:
        tally.failures += int((each >= 0).sum())
        tally.failed.update(int(number) for number in each if number >= 0)
    return True


def _by_unit(numbers: Ints, samples: Ints) -> Iterator[tuple[int, Ints]]:
    order = np.argsort(numbers, kind="stable")
    known, starts = np.unique(numbers[order], return_index=True)
    for number, mine in zip(known.tolist(), np.split(order, starts[1:])):
        yield number, samples[mine]


def _names(column: pa.ChunkedArray) -> NDArray[Any]:
    return np.asarray(compute.cast(column, pa.string()).to_pylist(), object).astype(str)


def _whole(tally: _Tally, places: Places, redo: frozenset[str], keep_failures: bool) -> set[int]:
    """Return the units of which each sample is there once; of a unit that is there twice, its first part counts."""
    kept = set()
    for number, pieces in tally.held.items():
        if number < 0 or places.cells[places.unit(number).cell] in redo:
            continue
        if number in tally.failed and not keep_failures:
            continue
        size = places.size(number)
        samples = np.concatenate(pieces)
        if len(samples) == size == len(np.unique(samples)):
            kept.add(number)
        elif len(pieces[0]) == size == len(np.unique(pieces[0])):
            for part in [part for part, units in tally.by_part.items() if number in units][1:]:
                tally.by_part[part].remove(number)
                tally.by_part[part].add(UNKNOWN)  # it holds records that do not count
            kept.add(number)
    return kept


def _keep_only(path: Path, run_id: str, places: Places, kept: set[int], tally: _Tally, found: Recovered) -> None:
    """Leave in a part only the records of units that are kept; those of samples beyond the limit are set aside."""
    mine = tally.by_part[path] & kept
    if mine == tally.by_part[path]:
        return
    table = pa.concat_tables(read_checked(path)).unify_dictionaries()
    numbers = places.numbers(table)
    ours = np.isin(numbers, np.fromiter(mine, np.int64, len(mine)))
    if ours.all():
        return
    if (beyond := numbers == BEYOND).any():
        _set_aside(path.parent, run_id, table.filter(pa.array(beyond)))
    if (numbers == UNKNOWN).any():
        found.thrown.append(f"{path.name}: names cells that the run does not have; these records are left out")
    if np.isin(numbers[~ours], np.fromiter(kept, np.int64, len(kept))).any():
        found.thrown.append(f"{path.name}: repeats what another part holds; the repeated records are left out")
    if ours.any():
        write_table(path, signed(table.filter(pa.array(ours)), run_id, is_sorted(path)))
    else:
        path.unlink()


def _set_aside(folder: Path, run_id: str, table: pa.Table) -> None:
    path = folder.parent / ASIDE
    there = [_aside(path, run_id)] if path.exists() else []
    write_table(path, signed(pa.concat_tables([*filter(None, there), table]).unify_dictionaries(), run_id, False))


def _aside(path: Path, run_id: str) -> pa.Table | None:
    try:
        return pa.concat_tables(read_checked(path)) if about(path).get("run") == run_id else None
    except (pa.ArrowException, OSError, ValueError):
        return None


def _take_back(folder: Path, run_id: str, places: Places, number: int) -> Path | None:
    """Make a part of records set aside that belong to the run again; return its path, if there are any."""
    path = folder.parent / ASIDE
    table = _aside(path, run_id) if path.exists() else None
    if table is None:
        path.unlink(missing_ok=True)
        return None
    table = table.unify_dictionaries()
    ours = places.numbers(table) >= 0
    if not ours.any():
        return None
    part = folder / f"part-{number:06d}.parquet"
    write_table(part, signed(table.filter(pa.array(ours)), run_id, False))
    if ours.all():
        path.unlink()
    else:
        write_table(path, signed(table.filter(pa.array(~ours)), run_id, False))
    return part
