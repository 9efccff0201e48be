"""Is this the same run? What must agree before records are continued or compared, and what is said when it does not."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from perturbations import RunError
from perturbations.errors import short
from perturbations.modality import arrivals, modality
from perturbations.plugins import module_of
from scenarios import Cell
from stress.engine._arrivals import come_in_sequences
from stress.engine._canaries import differ
from stress.engine._named import named_files
from stress.engine._plan import Planned
from stress.engine._streams import recorded
from stress.models import installed, source_of
from stress.records.stopping import BLOCKS
from stress.tasks import Task

__all__ = ["agree", "identity", "machine", "run_id"]

_LOADS = {"transformers": "transformers", "onnxruntime": "onnxruntime", "sklearn": "scikit-learn", "httpx": "httpx"}
"""Packages that run models, by the name of their module: named where one of them was imported."""


def identity(planned: Planned, task: Task, code: Mapping[str, str]) -> dict[str, Any]:
    """Return what a run's records depend on, as plain data; the model's canary answers come beside it."""
    plan, data, model, settings = planned.plan, planned.data, planned.model, planned.settings
    picked = blake2b("\n".join(sorted(settings.samples)).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    conditions = [condition for cell in plan.cells for condition in cell.conditions]
    files = named_files(conditions)
    arriving = arrivals.all.values() if settings.signals != "none" and come_in_sequences(data) else ()
    return {
        **({"files": files} if files else {}),
        "suite": {
            "name": plan.suite,
            "version": plan.version,
            "cells": {cell.id: _digest(cell) for cell in plan.cells},
            "draws": plan.draws,
        },
        "perturbations": {c.perturbation: c.version for c in conditions},
        "plugins": _plugins({c.declaration.function for c in conditions}),
        "data": {
            "name": data.name,
            "samples": len(data),
            "streams": data.streams,
            "content": data.fingerprint,
            "extents": list(planned.extents),
        },
        "model": {"name": model.name, "weights": model.weights, "code": dict(code), **_others(planned)},
        "task": dict(task.describe()),
        "seed": settings.seed,
        "chosen": picked if settings.samples else None,
        "shard_size": planned.shard_size,
        "signals": {
            stream: {one.name: one.version for one in (*recorded(modality(kind), settings.recorded), *arriving)}
            for stream, kind in data.streams.items()
        },
        **({} if settings.lexicon is None else {"lexicon": settings.lexicon.digest}),
        **({"cost": True} if settings.cost else {}),  # records have other columns
        **({"order": _order(planned)} if settings.adaptive else {}),
    }


def _order(planned: Planned) -> str:
    """Return in which order the samples of an adaptive run come: what may stop early is not done in another."""
    if planned.settings.adaptive == "means":
        return BLOCKS
    cluster = planned.settings.cluster or planned.data.cluster
    return f"chance alone, clusters of one {cluster} together" if cluster else "chance alone"


def _others(planned: Planned) -> dict[str, Any]:
    """Return who the models of the fallbacks are, where there are any."""
    found = {name: {"weights": other.weights, "code": dict(other.code or {})} for name, other in planned.others.items()}
    return {"fallbacks": found} if found else {}


def _plugins(functions: set[Any]) -> dict[str, str]:
    """Return a digest of the source of each perturbation that comes from a file or module of the user's."""
    found: dict[str, str] = {}
    for module in sorted({function.__module__ for function in functions}):
        file = getattr(sys.modules.get(module), "__file__", None)
        if installed(module) is None and file is not None:
            found |= source_of(Path(file), "" if module_of(module) != module else module)
    return found


def _digest(cell: Cell) -> str:
    content = json.dumps([c.identity() for c in cell.conditions], sort_keys=True, default=str) + str(cell.fallback)
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def run_id(content: Mapping[str, Any]) -> str:
    """Return a name for an identity; parts carry it, so that a foreign part is recognised."""
    fixed = {key: value for key, value in content.items() if key != "model"}
    return blake2b(json.dumps(fixed, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()


class Known(Protocol):
    """What was found out about a folder's data: ``same_data`` where each of its samples is there still."""

    @property
    def same_data(self) -> bool: ...
    @property
    def redo(self) -> frozenset[str]: ...


def agree(
    path: str, old: Mapping[str, Any], new: Mapping[str, Any], known: Known, accepted: str | None = None
) -> list[str]:
    """Raise RunError that lists what differs between a folder's identity and the present one, with the ways out.

    Where only the model differs and a reason is given to go on, returns what differs.
    """
    found: list[str] = []
    one, other = _without_model(old, known), _without_model(new, known)
    settled = (("suite", "cells"), ("plugins",), ("files",))
    cells, plugins, files = ([_taken(each, *path) for each in (one, other)] for path in settled)
    _compare("", one, other, found)
    found += _parts_differ("cell", *cells) + _parts_differ("the plug-in's code:", *plugins)
    found += _parts_differ("the file", *files)
    if found:
        raise RunError(
            f"{path}: holds a run of other inputs, and continuing would mix them. What differs:\n{_listed(found)}\n"
            "Run it beside this one, which is kept (--fresh), or name another folder (--out DIR)."
        )
    of, now = old["model"], new["model"]
    _compare("model", _said(of), _said(now), found)
    found += _parts_differ("the model's code:", of.get("code") or {}, now.get("code") or {})
    found += _canaries_differ(of.get("canaries") or {}, now.get("canaries") or {})
    if found and accepted is None:
        raise RunError(
            f"{path}: holds a run of the model as it was before, and continuing would mix the two. What differs:\n"
            f"{_listed(found)}\nRun it anew beside this one, which is kept (--fresh), or, where the change can move no "
            'answer that is kept (failures are asked again), keep the records and say why (--accept-model "why"): the '
            "run is then marked as mixed."
        )
    return found


def _said(model: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in model.items() if key not in ("code", "canaries")}


def _listed(found: Sequence[str]) -> str:
    more = [f"  - and {len(found) - 10} more"] if len(found) > 10 else []
    return "\n".join([*(f"  - {line}" for line in found[:10]), *more])


def _taken(content: dict[str, Any], *path: str) -> dict[str, str]:
    """Return what stands at a place, by name, taken out: these are digests, of which one says that they differ."""
    *above, last = path
    for key in above:
        content[key] = dict(content.get(key) or {})
        content = content[key]
    return dict(content.pop(last, None) or {})


def _parts_differ(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return which cells, parts of code, and packages that it uses, are others than before."""
    found = []
    for name in [*old, *(name for name in new if name not in old)]:
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            found.append(f"{what} {name} is {'new' if one is None else 'gone'}")
        elif one != other:
            versions = one.startswith("version ") and other.startswith("version ")
            found.append(f"{name}: {one}, now {other}" if versions else f"{what} {name} has changed")
    return found


def _canaries_differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return which cells the model answers in another way than before; an unsteady model is not compared."""
    found = []
    for cell in old:
        if old[cell] is not None and new.get(cell) is not None and (how := differ(old[cell], new[cell])):
            found.append(f"the model answers as another one would: in cell {cell}, {how[:120]}")
    return found


def _without_model(content: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """Return what is compared first: without the model, and without what the table of samples has settled."""
    kept = {key: value for key, value in content.items() if key != "model"}
    if known.same_data:
        kept["data"] = {k: v for k, v in content["data"].items() if k not in ("samples", "content", "extents")}
        if known.redo >= set(content["suite"]["cells"]):
            del kept["task"]  # other classes, and every record is done again
    return kept


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
        found.append(f"{place} was {short(old)}, now is {short(new)}")


def machine() -> dict[str, Any]:
    """Return what the run ran on: for the reader; nothing is compared."""
    names = ["multimodal-stress", "numpy", "scipy", "opencv-python-headless", "soundfile", "pyarrow"]
    names += ["torch", "torchaudio", "albumentations", "audiomentations", "nlpaug"]
    names += [name for module, name in _LOADS.items() if module in sys.modules]
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    host = {"system": platform.platform(), "python": platform.python_version(), "cpus": os.cpu_count()}
    return {"packages": found, "host": host}
