"""How answers were read, said before the run – and what makes another reading likelier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from perturbations import Key, generator
from perturbations.labels import alike
from stress.statistics.rates import at_least
from stress.tasks._forms import DECLARE, look_at

__all__ = ["Said", "classes_said", "form_said", "gaps_said", "spelling_said"]

Said: TypeAlias = tuple[str, Literal["ok", "warning"], str]
"""What was looked at, whether it is as it must be, and what was seen."""
_FEW = 8
"""Answers below which nothing is said of how many are right."""
_BETTER = 0.25
_SHUFFLES = 19
_GAPS = frozenset(("nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none", "nil", "?", "-"))
"""How programs and people write that there is nothing."""


def form_said(answers: str, array: NDArray[np.float64], named: str | None) -> Said:
    """Say how rows of scores are read, and what they look like."""
    size = f"{len(array)} samples × {array.shape[1]} classes"
    if named is not None:
        return ("answers", "ok", f"{answers}, as the answer names them; {size}")
    if not len(array):
        return ("answers", "warning", f"{answers}; none could be read")
    found = look_at(array)
    if found.form != answers or found.refused:
        seen = found.says if found.refused else f"they look like {found.form}: {found.says}"
        return ("answers", "warning", f"{answers}, as declared, though {seen}")
    doubt = f". Who is right is the same in any reading; confidence and calibration are not. {DECLARE}"
    return (
        "answers",
        "warning" if found.doubtful else "ok",
        f"{answers}: {found.says}; {size}{doubt if found.doubtful else ''}",
    )


def classes_said(
    classes: Sequence[str], assumed: bool, given: Sequence[str | None], wanted: Sequence[str]
) -> list[Said]:
    """Say in which order classes are taken, and whether answers are right often enough for that to be the model's."""
    shown = ", ".join(classes[:6]) + (", …" if len(classes) > 6 else "")
    order: Said = ("order of the classes", "ok", shown)
    if assumed:
        order = (order[0], "warning", f"assumed from the data: {shown}. Declare the model's own: predict.classes = […]")
    pairs = [(a, b) for a, b in zip(given, wanted) if a is not None]
    if len(pairs) < _FEW or len(classes) < 2:
        return [order]
    right, count = sum(a == b for a, b in pairs), len(pairs)
    said = f"{right / count:.0%} of {count} right"
    place = {name: i for i, name in enumerate(classes)}
    a, b = (np.array([place[pair[side]] for pair in pairs]) for side in (0, 1))
    name = "clean accuracy"
    if right / count + _BETTER < 1:  # else no other order could be so much better
        best = _best(a, b, len(classes))
        if best > right / count + _BETTER and best > _by_chance(a, b, len(classes)):
            says = f"{said}; {best:.0%} would be, were the classes in another order. Is it the model's?"
            return [order, (name, "warning", says)]
    if not _above_chance(right, count, len(classes)):
        says = f"{said}, which is not above chance (1 of {len(classes)}): are labels and order the model's?"
        return [order, (name, "warning", says)]
    return [order, (name, "ok", said)]


def _best(given: NDArray[np.int64], wanted: NDArray[np.int64], classes: int) -> float:
    """Return the accuracy under the best renaming of the columns (an assignment problem; Kuhn 1955)."""
    from scipy.optimize import linear_sum_assignment

    counts = np.zeros((classes, classes))
    np.add.at(counts, (given, wanted), 1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(counts[rows, columns].sum() / len(given))


def _by_chance(given: NDArray[np.int64], wanted: NDArray[np.int64], classes: int) -> float:
    """Return the best that a renaming does for answers that have nothing to do with the targets."""
    rng = generator(Key(0, "stress.classes"))
    return max(_best(given, rng.permutation(wanted), classes) for _ in range(_SHUFFLES))


def _above_chance(right: int, count: int, classes: int) -> bool:
    """Whether so many right answers are more than guessing brings in 19 of 20 cases."""
    return bool(at_least(right, count, 1 / classes) <= 0.05)


def gaps_said(names: Sequence[str]) -> list[Said]:
    """Warn of a class that is called as programs write that there is nothing."""
    found = [name for name in names if name.lower() in _GAPS]
    says = f"{', '.join(map(repr, found[:5]))}: read as the name of a class. Is it a missing label?"
    return [("labels", "warning", says)] if found else []


def spelling_said(what: str, names: Sequence[str]) -> list[Said]:
    """Warn of names that differ by spelling alone, and so may be meant as one."""
    groups = alike(names)
    if not groups:
        return []
    shown = "; ".join(" and ".join(map(repr, group[:3])) for group in groups[:3])
    more = f" (and {len(groups) - 3} more)" if len(groups) > 3 else ""
    return [(what, "warning", f"kept apart, though they differ by spelling only: {shown}{more}")]
