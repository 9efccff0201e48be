"""May these two runs be compared? What must agree before a difference means that the model changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perturbations import RunError
from stress.engine._folder import Run

__all__ = ["Pair", "paired"]


@dataclass(frozen=True)
class Pair:
    """Two runs that may be compared: the cells that mean the same in both, and what was left out."""

    before: Run
    after: Run
    cells: tuple[str, ...]
    dropped: tuple[str, ...]


def paired(before: Run, after: Run, common: bool = False) -> Pair:
    """Return a pair of runs of the same suite, data, seed and perturbations.

    Raises RunError that lists what differs; with ``common``, what differs is left out and listed instead. A different
    task, or no cell or sample in common, cannot be left out.
    """
    one, other = (run.info.get("identity", {}) for run in (before, after))
    if one.get("task", {}).get("task") != other.get("task", {}).get("task") or _classes(one) != _classes(other):
        raise RunError(f"compare: {before.path} and {after.path} must be of the same task and classes.")
    old, new = _cells(before), _cells(after)
    moved = _versions(one, other)
    stale = {name for name in new if name in old and (new[name] != old[name] or _touches(after, name, moved))}
    cells = tuple(name for name in new if name in old and name not in stale)
    differing = [*_settings(one, other), *(f"{name}: version {a}, now {b}" for name, (a, b) in moved.items())]
    differing += _listed("is in the first run only", [name for name in old if name not in new])
    differing += _listed("is in the second run only", [name for name in new if name not in old])
    differing += _listed("means another condition now", sorted(stale))
    here, there = (set(run.samples["id"].to_pylist()) for run in (before, after))
    for count, text in ((len(here - there), "first"), (len(there - here), "second")):
        if count:
            differing.append(f"{count} samples are in the {text} run only")
    if differing and not common:
        listed = "\n".join(f"  - {line}" for line in differing[:12])
        raise RunError(
            f"compare: {before.path} and {after.path} must be runs of the same suite, data and perturbations. What "
            f"differs:\n{listed}\nRun both with the same inputs, or compare what they share (--common)."
        )
    if not cells or not here & there:
        what = "cell" if not cells else "sample"
        raise RunError(f"compare: {before.path} and {after.path} must share at least one {what}, got none.")
    return Pair(before, after, cells, tuple(differing))


def _classes(identity: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in identity.get("task", {}).get("classes", ())]


def _cells(run: Run) -> dict[str, str]:
    """Return each cell of a run with a digest of what it means."""
    known = run.info.get("identity", {}).get("suite", {}).get("cells", {})
    rows = run.cells.to_pylist()
    return {row["cell"]: str(known.get(row["cell"], row["conditions"])) for row in rows}


def _versions(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    old, new = one.get("perturbations", {}), other.get("perturbations", {})
    return {name: (old[name], new[name]) for name in old if name in new and old[name] != new[name]}


def _touches(run: Run, cell: str, perturbations: Mapping[str, Any]) -> bool:
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
