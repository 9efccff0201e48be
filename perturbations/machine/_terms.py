"""The terms under which a model answers, put together from a cell's conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from perturbations._registry import get

__all__ = ["Terms", "terms_of"]


@dataclass(frozen=True)
class Terms:
    """What a machine gives a model: each is ``None``, or 0, where nothing is said.

    ``deadline_ms`` is when an answer is lost, ``delay_ms`` and ``jitter_ms`` how late inputs come, ``headroom_mb`` the
    memory beyond what the worker holds, in 10⁶ bytes; ``threads`` and ``batch`` replace the worker's own numbers;
    ``weights`` is how the model's are held.
    """

    deadline_ms: float | None = None
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    headroom_mb: float | None = None
    threads: int | None = None
    batch: int | None = None
    weights: str | None = None


def terms_of(conditions: Iterable[tuple[str, Mapping[str, Any]]]) -> Terms:
    """Return the terms of several conditions of a machine, each a name and its settings; each name comes once."""
    found, plain = Terms(), Terms()
    for name, settings in conditions:
        said = get(name).function(**settings)
        changed = {f.name: getattr(said, f.name) for f in fields(Terms)}
        found = replace(found, **{n: value for n, value in changed.items() if value != getattr(plain, n)})
    return found
