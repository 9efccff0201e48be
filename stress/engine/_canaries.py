"""How a model is recognised when a run goes on: by what it answers, whatever it is called."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from perturbations import Sample
from scenarios import CLEAN, Cell
from stress.engine._stages import attacked
from stress.engine._unit import Job
from stress.tasks import as_array

__all__ = ["canaries", "differ"]

_CELLS, _SAMPLES = 4, 4
_NEAR = 1e-3
"""How far an answer may move, relative to its size, before the model counts as another one."""
_SMALLEST = 1e-30


def canaries(job: Job, samples: Sequence[Sample], cells: Sequence[Cell], workers: int) -> dict[str, Any]:
    """Return the model's raw answers to a few samples, clean and in the last cells of some scenarios.

    The questions are asked by as many threads as a run has workers.

    Probabilities are kept as logarithms: two sure models agree to many digits where they are sure, and differ in how
    unlikely they find the rest. A model that answers the same clean question in two ways has ``None`` everywhere: it
    cannot be recognised, which preflight says aloud.
    """
    natural = [cell for cell in cells if cell.conditions and not attacked(cell)]  # attacks vary too much for it
    last = list({cell.scenario: cell for cell in natural}.values())
    chosen = [CLEAN, *last[:: max(1, -(-len(last) // _CELLS))]]
    with ThreadPoolExecutor(workers) as pool:
        *answers, again = pool.map(lambda cell: _answer(job, cell, samples[:_SAMPLES]), [*chosen, CLEAN])
    found = {cell.id: answer for cell, answer in zip(chosen, answers)}
    steady = differ(found[CLEAN.id], again) is None
    return found if steady else dict.fromkeys(found)


def _answer(job: Job, cell: Cell, samples: Sequence[Sample]) -> Any:
    batch = job.batch(samples, {stream: job.work(cell, stream, samples) for stream in cell.streams})
    try:
        answers = job.predict(batch)
    except (Exception, SystemExit) as error:  # that it fails here is part of what it is
        return f"{type(error).__name__}: {error}"
    array = as_array(answers)
    if array is None or array.dtype.kind not in "fiu":
        return [str(answer) for answer in answers] if isinstance(answers, list | tuple | np.ndarray) else str(answers)
    numbers = array.astype(np.float64)
    if numbers.ndim == 2 and numbers.size and numbers.min() >= 0 and numbers.max() <= 1:
        numbers = np.log(np.maximum(numbers, _SMALLEST))
    return np.where(np.isfinite(numbers), numbers, -1e300).tolist()


def differ(one: Any, other: Any) -> str | None:
    """Return how two canary answers differ, or nothing."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next((found for a, b in zip(one, other) if (found := differ(a, b))), None)
    if isinstance(one, float) and isinstance(other, float):
        far = abs(one - other) > _NEAR * max(1.0, abs(one))
        return f"{one:.6g} became {other:.6g}" if far else None
    return None if one == other else f"{one!r} became {other!r}"
