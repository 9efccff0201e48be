"""A run within a budget of calls or money: a complete grid over as many samples as it is enough for.

What a sample takes is known once some were asked, tries too. So the grid grows: over half of the samples that are still
within the budget, again and again, and is complete each time. Answers are kept, so that none of it is paid twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from perturbations import InputError, ModelError, RunError
from stress.engine._order import first_of
from stress.engine._plan import CANARIES, Planned
from stress.models import Endpoint, Model
from stress.records.statuses import UNASKED

__all__ = ["Portions", "UnaskedError", "attended", "beginning", "check_asked", "spent_of"]

_SPARE = 1.1
"""What a sample may cost more than those before it did, on average."""
_APART = 2 * CANARIES
"""Questions that are no part of the grid: canaries, and about lost streams."""


class UnaskedError(Exception):
    """A question was not sent: a budget is spent, a key is refused, an answer could not be kept."""


def attended(planned: Planned, out: Path) -> Planned:
    """Return the plan with a model that keeps its answers in the run's folder and stays within the limits.

    Raises InputError where there are limits and nobody counts calls, or not even one sample is within them.
    """
    settings, model = planned.settings, planned.model
    others = {name: _kept_too(other, out) for name, other in planned.others.items()}
    limits = {"max_calls": settings.max_calls, "max_cost": settings.max_cost}
    endpoint = model.predict if isinstance(model.predict, Endpoint) else None
    given = [name for name, limit in limits.items() if limit is not None]
    if endpoint is None:
        given = [name for name in given if not settings.adaptive or name == "max_cost"]  # rounds count questions
        if given:
            raise InputError(
                f"run: {given[0]} is for endpoints (stress.models.json, stress.models.openai), which count calls; got "
                f"the model {model.name}."
            )
        return replace(planned, others=others)
    if given and any(isinstance(other.predict, Endpoint) for other in others.values()):
        raise InputError(f"run: {given[0]} counts the calls of one endpoint, and a fallback asks another.")
    if settings.backend != "threads":
        raise InputError(
            f"run: backend must be threads for a model behind a URL: its limits hold for one process, "
            f"got {settings.backend}."
        )
    least = sum(planned.repeats.calls) + _APART
    if not settings.adaptive and settings.max_calls is not None and settings.max_calls < least:
        raise InputError(
            f"run: max_calls must be at least {least:,}: one sample in {sum(planned.repeats.calls):,} cells, and "
            f"{_APART} for preflight, got {settings.max_calls:,}. --only and --skip choose scenarios."
        )
    asked = replace(model, predict=endpoint.attended(out, settings.max_calls, settings.max_cost))
    return replace(planned, model=asked, others=others)


def _kept_too(model: Model, out: Path) -> Model:
    """Return a model of a fallback that keeps its answers in the run's folder, where it is an endpoint."""
    endpoint = model.predict if isinstance(model.predict, Endpoint) else None
    return model if endpoint is None else replace(model, predict=endpoint.attended(out))


def beginning(planned: Planned) -> Planned:
    """Return the plan for what is asked before the grid: no more clean samples than the budget is enough for."""
    settings = planned.settings
    if settings.max_calls is None and settings.max_cost is None:
        return planned
    most = CANARIES
    if settings.max_cost is None and settings.max_calls is not None:
        most = max(1, (settings.max_calls - _APART) // sum(planned.repeats.calls))
    return replace(planned, shards=first_of(planned.shards, most))


class Portions:
    """The plan; within a budget its first samples, and more each time, as far as it goes.

    Whoever takes a portion does it before the next is asked for, and says so where it was ``stopped``: the portion
    before it is then given again, which needs no call.
    """

    def __init__(self, planned: Planned) -> None:
        self._planned, self._stopped = planned, False
        predict = planned.model.predict
        self._budget = predict.budget if isinstance(predict, Endpoint) and not planned.settings.adaptive else None

    def __iter__(self) -> Iterator[Planned]:
        planned, budget = self._planned, self._budget
        if budget is None:
            yield planned
            return
        total, done = sum(map(len, planned.shards)), 0
        while (most := min(total, _affordable(planned, budget, done))) > done:
            wanted = done + -(-(most - done) // 2)
            yield replace(planned, shards=first_of(planned.shards, wanted))
            if self._stopped:
                break
            done = wanted
        if not done:
            raise RunError(
                f"run: the budget was not enough for one sample in every cell: {budget.calls:,} calls, cost "
                f"{budget.cost:g}. Answers are kept: the same command with a larger one goes on."
            )
        if self._stopped:
            yield replace(planned, shards=first_of(planned.shards, done))

    def stopped(self, error: UnaskedError) -> None:
        """Say that a question was not sent. Raises ModelError where no budget is the reason, or it is again."""
        if self._stopped or self._budget is None or self._budget.spent is None:
            raise ModelError(f"model: {error}. What was finished is kept; the same command goes on.") from error
        self._stopped = True


def _affordable(planned: Planned, budget: Any, done: int) -> int:
    """Return over how many samples, in all, a complete grid is within the budget, by what it took until now."""
    settings, found, each = planned.settings, sum(map(len, planned.shards)), sum(planned.repeats.calls)
    asked = max(len(budget.seen), 1)
    apart = budget.calls - len(budget.seen)  # tries, canaries, and what failed
    if settings.max_calls is not None:
        lost = apart / max(done, 1) if done else 0.0
        found = min(found, int((settings.max_calls - _APART - (0 if done else apart)) / (each + lost)))
    if settings.max_cost is not None:
        found = min(found, int(settings.max_cost / max(_SPARE * each * budget.cost / asked, 1e-12)))
    return found


def check_asked(table: pa.Table) -> None:
    """Raise UnaskedError where a unit holds a question that was not sent: it is no record of the model."""
    status = table["status"]
    if not any(UNASKED in chunk.dictionary.to_pylist() for chunk in status.chunks):  # as in nearly every unit
        return
    gone = pc.equal(pc.cast(status, pa.string()), UNASKED)
    if pc.any(gone).as_py():
        raise UnaskedError(table.filter(gone)["error"][0].as_py())


def spent_of(planned: Planned, done: Planned) -> Mapping[str, Any]:
    """Return what ``run.json`` says of calls: how many, what they cost, and where a budget ended the run."""
    predict = planned.model.predict
    if not isinstance(predict, Endpoint):
        return {}
    found: dict[str, Any] = {"sent": predict.client.calls, "canaries": predict.client.canaries}
    asked, there = sum(map(len, planned.shards)), sum(map(len, done.shards))
    budget = predict.budget
    if budget is not None:
        found |= {
            "calls": budget.calls,
            "cost": budget.cost,
            "max_calls": budget.max_calls,
            "max_cost": budget.max_cost,
        }
        found |= {"samples": there, "of": asked, "ended": there < asked}
    return {"spent": found}
