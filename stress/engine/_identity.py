"""Is this the same run? What must agree before records are continued or compared, and what is said when it does not."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from hashlib import blake2b
from importlib import metadata
from typing import Any

from perturbations import RunError
from scenarios import Cell, Plan
from stress.data import Samples
from stress.engine._canaries import differ
from stress.engine._plan import Settings
from stress.models import Model
from stress.tasks import Task

__all__ = ["agree", "identity", "machine", "run_id"]


def identity(
    plan: Plan, data: Samples, model: Model, task: Task, settings: Settings, shard_size: int
) -> dict[str, Any]:
    """Return what a run's records depend on, as plain data; the model's canary answers come beside it."""
    cells = {cell.id: _digest(cell) for cell in plan.cells}
    chosen = blake2b("\n".join(sorted(settings.samples)).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return {
        "suite": {"name": plan.suite, "version": plan.version, "cells": cells, "draws": plan.draws},
        "perturbations": {c.perturbation: c.version for cell in plan.cells for c in cell.conditions},
        "data": {"name": data.name, "samples": len(data), "streams": data.streams, "content": data.fingerprint},
        "model": {"name": model.name, "weights": model.weights},
        "task": dict(task.describe()),
        "seed": settings.seed,
        "limit": settings.limit,
        "chosen": chosen if settings.samples else None,
        "shard_size": shard_size,
        "signals": settings.signals,
    }


def _digest(cell: Cell) -> str:
    content = json.dumps([c.identity() for c in cell.conditions], sort_keys=True, default=str) + str(cell.fallback)
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def run_id(content: Mapping[str, Any]) -> str:
    """Return a name for an identity; parts carry it, so that a foreign part is recognised."""
    fixed = {key: value for key, value in content.items() if key != "model"}
    return blake2b(json.dumps(fixed, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()


def agree(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise RunError that lists what differs between a folder's identity and the present one, or do nothing."""
    found: list[str] = []
    _compare("", _without_canaries(old), _without_canaries(new), found)
    if not found:  # canaries depend on all of the above, so they speak only when the rest agrees
        found = _canaries_differ(old["model"]["canaries"], new["model"]["canaries"])
    if found:
        listed = "\n".join(f"  - {line}" for line in found[:10])
        raise RunError(
            f"{path}: holds a run of other inputs, and continuing would mix them. What differs:\n{listed}\n"
            "Name another folder (--out DIR), or remove this one."
        )


def _canaries_differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return which cells the model answers in another way than before; an unsteady model is not compared."""
    found = []
    for cell in old:
        if old[cell] is not None and new.get(cell) is not None and (how := differ(old[cell], new[cell])):
            found.append(f"the model answers as another one would: in cell {cell}, {how[:120]}")
    return found


def _without_canaries(content: Mapping[str, Any]) -> dict[str, Any]:
    model = {key: value for key, value in content["model"].items() if key != "canaries"}
    return {**content, "model": model}


def _compare(place: str, old: Any, new: Any, found: list[str]) -> None:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(k for k in new if k not in old)]:
            here = f"{place}.{key}" if place else str(key)
            if key not in old or key not in new:
                found.append(f"{here} is {'new' if key not in old else 'gone'}")
            else:
                _compare(here, old[key], new[key], found)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new)):
            _compare(f"{place}[{number}]", one, other, found)
    elif old != new:
        found.append(f"{place} was {old!r}, now is {new!r}")


def machine() -> dict[str, Any]:
    """Return what the run ran on: for the reader; nothing is compared."""
    names = ["multimodal-stress", "numpy", "scipy", "opencv-python-headless", "soundfile", "pyarrow"]
    names += ["torch", "torchaudio", "albumentations", "audiomentations", "nlpaug"]
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    host = {"system": platform.platform(), "python": platform.python_version(), "cpus": os.cpu_count()}
    return {"packages": found, "host": host}
