"""What is known of every sample without loading it, and what cannot be known so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perturbations import InputError
from perturbations.errors import gather, short
from stress.data._python import named_badly

__all__ = ["Index", "check_index"]


@dataclass(frozen=True)
class Index:
    """What is known of every sample without loading it, one entry each, in order."""

    ids: Sequence[str]
    targets: Sequence[Any]
    sequences: Sequence[str | None]
    times: Sequence[float | None]
    splits: Sequence[str | None]
    groups: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


def check_index(index: Index, who: str, where: Callable[[int], str] = "#{}".format) -> None:
    """Raise InputError for an empty data set, a doubled id, or a name that nothing can show.

    ``where`` says where the sample at a position stands.
    """
    if not index.ids:
        raise InputError(f"{who}: must have at least one sample, got none.")
    named = {"id": index.ids, "label": index.targets, "sequence": index.sequences, "split": index.splits}
    named |= {f"group {name}": values for name, values in index.groups.items()}
    odd = [f"{who}: {where(at)}: {why}." for what, values in named.items() for at, why in named_badly(what, values)]
    gather(odd[:5], InputError)
    nameless = [at for at, name in enumerate(index.ids) if not name]
    gather(
        [f"{who}: {where(at)}: id must be a text or a number, got an empty text." for at in nameless[:5]], InputError
    )
    unbounded = [at for at, time in enumerate(index.times) if time is not None and abs(time) == float("inf")]
    gather([f"{who}: {where(at)}: time must be finite, got infinity." for at in unbounded[:5]], InputError)
    seen: dict[str, int] = {}
    problems = []
    for position, sample in enumerate(index.ids):
        if sample in seen:
            problems.append(f"{where(position)}: id {short(sample)} was given already at {where(seen[sample])}.")
        seen.setdefault(sample, position)
    gather([f"{who}: ids must be unique. {problem}" for problem in problems[:5]], InputError)
