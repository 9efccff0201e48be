"""May these two runs be compared? What must agree before a difference means that the model changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perturbations import RunError
from stress.records.source import Source

__all__ = ["Pair", "content", "paired", "who"]


@dataclass(frozen=True)
class Pair:
    """Two runs that may be compared: the cells that mean the same in both, and what was left out."""

    before: Source
    after: Source
    cells: tuple[str, ...]
    dropped: tuple[str, ...]
    cluster: str | None = None


def paired(before: Source, after: Source, common: bool = False, cluster: str | None = None) -> Pair:
    """Return a pair of runs of the same suite, data, seed and perturbations; ``cluster``: as the runs declare.

    Raises RunError that lists what differs; with ``common``, what differs is left out and listed instead. Another
    task, other clusters, or no cell or sample in common cannot be left out. What an unfinished run has not answered
    yet is left out, and listed, always.
    """
    one, other = (run.info.get("identity", {}) for run in (before, after))
    if _task(before) != _task(after):
        raise RunError(f"compare: {before.path} and {after.path} must be of the same task and classes.")
    declared = [run.info.get("cluster") for run in (before, after)]
    if cluster is None and declared[0] != declared[1]:
        drawn = " and ".join(f"by {name}" if name else "sample by sample" for name in declared)
        raise RunError(f"compare: runs must declare the same clusters, got {drawn}. Say cluster: a group's name.")
    old, new = _cells(before), _cells(after)
    moved = _versions(one, other)
    stale = {name for name in new if name in old and (new[name] != old[name] or _touches(after, name, moved))}
    cells = tuple(name for name in new if name in old and name not in stale)
    differing = [*_settings(one, other), *(f"{name}: version {a}, now {b}" for name, (a, b) in moved.items())]
    differing += _listed("is in the first run only", [name for name in old if name not in new])
    differing += _listed("is in the second run only", [name for name in new if name not in old])
    differing += _listed("means another condition now", sorted(stale))
    here, there = set(who(before, after)), set(who(after, before))
    differing += _samples(here, there)
    if differing and not common:
        listed = "\n".join(f"  - {line}" for line in differing[:12])
        raise RunError(
            f"compare: {before.path} and {after.path} must be runs of the same suite, data and perturbations. What "
            f"differs:\n{listed}\nRun both with the same inputs, or compare what they share (--common)."
        )
    if not cells or not here & there:
        what = "cell" if not cells else "sample"
        raise RunError(f"compare: {before.path} and {after.path} must share at least one {what}, got none.")
    for run, place in ((before, "first"), (after, "second")):
        if not run.info.get("finished", True):
            differing.append(f"the {place} run is unfinished: what it has not answered yet")
    return Pair(before, after, cells, tuple(differing), cluster or declared[1])


def who(run: Source, other: Source) -> list[tuple[str, ...]]:
    """Return what makes each sample of a run the same in another: id, answer wanted, and the groups both runs know."""
    both = sorted(set(run.samples.column_names) & set(other.samples.column_names))
    names = ["id", "target", *(name for name in both if name == "sequence" or name.startswith("group."))]
    return list(zip(*(map(str, run.samples[name].to_pylist()) for name in names)))


def content(run: Source) -> Any:
    """Return a digest of what was in the data that a run looked at."""
    return run.info.get("identity", {}).get("data", {}).get("content")


def _samples(here: set[tuple[str, ...]], there: set[tuple[str, ...]]) -> list[str]:
    """Return how the samples of two runs differ, in words."""
    if here == there:
        return []
    old, new = {row[0] for row in here}, {row[0] for row in there}
    changed = len(old & new) - len(here & there)
    counts = ((len(old - new), "are in the first run only"), (len(new - old), "are in the second run only"),
              (changed, "have another target or group now"))  # fmt: skip
    return [f"{count} samples {text}" for count, text in counts if count]


def _task(run: Source) -> list[Any]:
    """Return a task's name and classes, as the run and its identity say them."""
    said = (run.info, run.info.get("identity", {}).get("task") or {})
    return [(each.get("task"), [str(name) for name in each.get("classes") or ()]) for each in said]


def _cells(run: Source) -> dict[str, str]:
    """Return each cell of a run with a digest of what it means."""
    known = run.info.get("identity", {}).get("suite", {}).get("cells", {})
    rows = run.cells.to_pylist()
    return {row["cell"]: str(known.get(row["cell"], row["conditions"])) for row in rows}


def _versions(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    old, new = one.get("perturbations", {}), other.get("perturbations", {})
    return {name: (old[name], new[name]) for name in old if name in new and old[name] != new[name]}


def _touches(run: Source, cell: str, perturbations: Mapping[str, Any]) -> bool:
    if not perturbations:
        return False
    rows = {row["cell"]: row["perturbation"].split(" > ") for row in run.cells.to_pylist()}
    return any(name in perturbations for name in rows[cell])


def _settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    found = []
    for name, keys in (("suite", ("name", "version", "draws")), ("data", ("content",))):
        old, new = one.get(name, {}), other.get(name, {})
        found += [f"{name} {key}: {old.get(key)}, now {new.get(key)}" for key in keys if old.get(key) != new.get(key)]
    if one.get("seed") != other.get("seed"):
        found.append(f"seed: {one.get('seed')}, now {other.get('seed')} (other random draws)")
    return found


def _listed(text: str, names: list[str]) -> list[str]:
    if not names:
        return []
    return [f"{', '.join(names[:3])}{f' and {len(names) - 3} more cells' if len(names) > 3 else ''} {text}"]
