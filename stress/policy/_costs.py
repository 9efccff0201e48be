"""What a wrong answer, no answer and an action cost, where they do not all cost the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perturbations import InputError
from perturbations.errors import gather, named_keywords, nearest, short
from perturbations.files import read_text
from stress.statistics.arrays import Floats, Ints

if TYPE_CHECKING:
    from stress.records.frame import Frame

__all__ = ["Costs", "load_costs", "weights"]


@dataclass(frozen=True)
class Costs:
    """Costs in units of one wrong answer. ``classes`` are of a wrong answer by its true class (1, where none is given).

    ``abstain`` is what no answer costs: None forbids it. ``actions`` are added whenever an action is taken.
    ``second`` is what each second costs that the model takes for an input, on average over an action's records.
    ``scenarios`` say how often each is expected, compared with the others (1, where none is given): a rule for a site
    where pictures are swapped more often than it rains.
    """

    classes: Mapping[str, float] = field(default_factory=dict)
    abstain: float | None = None
    actions: Mapping[str, float] = field(default_factory=dict)
    scenarios: Mapping[str, float] = field(default_factory=dict)
    second: float = 0.0

    def latency(self, seconds: Floats, actions: int) -> Floats:
        """Return what each action's time costs, from the ``seconds`` of its records (rows × actions that have any)."""
        mean = np.array([column[np.isfinite(column)].mean() if self.second else 0.0 for column in seconds.T])
        return np.asarray(self.second * np.concatenate([mean, np.zeros(actions - len(mean))]))

    def expected(self, scenarios: Sequence[str]) -> Floats:
        """Return how often each of these degraded scenarios is expected, of all of them 1."""
        for name in self.scenarios:
            if name not in scenarios:
                raise InputError(f"costs: {name!r} is no scenario of the run. {nearest(name, scenarios)}")
        found = np.array([self.scenarios.get(name, 1.0) for name in scenarios])
        if not found.sum() > 0:
            raise InputError("costs: scenarios: at least one scenario must be expected, got 0 for each.")
        return np.asarray(found / found.sum())

    def of(self, wrong: Floats, frame: Frame, sample: Ints, actions: Sequence[str]) -> Floats:
        """Return (rows × actions) what answers that are so far from right cost."""
        for what, given, known in (
            ("class", self.classes, frame.declared.classes),
            ("action", self.actions, tuple(actions)),
        ):
            for name in given:
                if name not in known:
                    raise InputError(f"costs: {name!r} is no {what} of the run. {nearest(name, known)}")
        price = np.array([self.classes.get(name, 1.0) for name in frame.declared.classes] or [1.0])
        truth = frame.truths[sample]
        each = np.where(truth >= 0, price[np.maximum(truth, 0)], 1.0) if self.classes else np.ones(len(sample))
        return np.asarray(wrong * each[:, np.newaxis] + [self.actions.get(name, 0.0) for name in actions])


@named_keywords
def load_costs(path: Path | None) -> Costs:
    """Read costs from YAML: ``abstain: 0.3``, ``classes: {event: 5}``, ``actions: {drop image: 0.01}``,
    ``scenarios: {fog: 3}``, ``second: 0.2``.
    """
    if path is None:
        return Costs()
    from scenarios.reading import parse

    problems: list[str] = []
    found = parse(read_text(path, "costs"), str(path), problems, "costs").plain()
    gather(problems, InputError)
    if not isinstance(found, Mapping):
        raise InputError(
            f"costs: {path}: must be a mapping of abstain, classes, actions, scenarios and second, got {short(found)}."
        )
    known = ("abstain", "classes", "actions", "scenarios", "second")
    for name in found:
        if name not in known:
            hint = nearest(str(name), known)
            raise InputError(f"costs: {path}: {name!r} is not known. {hint}")
    abstain = found.get("abstain")
    return Costs(
        {str(k): _cost(v, f"{path}: classes: {k}") for k, v in _mapping(found, "classes", path).items()},
        None if abstain is None else _cost(abstain, f"{path}: abstain"),
        {str(k): _cost(v, f"{path}: actions: {k}") for k, v in _mapping(found, "actions", path).items()},
        {str(k): _cost(v, f"{path}: scenarios: {k}") for k, v in _mapping(found, "scenarios", path).items()},
        _cost(found.get("second", 0.0), f"{path}: second"),
    )


def _mapping(found: Mapping[str, Any], name: str, path: Path) -> Mapping[Any, Any]:
    part = found.get(name) or {}
    if not isinstance(part, Mapping):
        raise InputError(f"costs: {path}: {name} must be a mapping from names to numbers, got {short(part)}.")
    return part


def _cost(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(float(value)) or float(value) < 0:
        raise InputError(f"costs: {where} must be a number, 0 or more, got {short(value)}.")
    return float(value)


def weights(cell: Ints, scenario: Ints, clean_share: float, expected: Floats) -> Floats:
    """Return how much each input counts: clean ones their share, each scenario what is expected, its cells alike."""
    in_cell = np.bincount(cell)[cell]
    cells_of = {int(s): len(np.unique(cell[scenario == s])) for s in np.unique(scenario)}
    each = np.array([cells_of[int(s)] for s in range(scenario.max() + 1)])[scenario]
    share = np.concatenate([[clean_share], (1 - clean_share) * expected])[scenario]
    return np.asarray(share / each / in_cell)
