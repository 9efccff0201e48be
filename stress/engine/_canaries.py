"""How a model is recognised when a run goes on: by what it answers, whatever it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Any

import numpy as np

from perturbations import Sample
from scenarios import CLEAN, Cell
from stress.engine._ask import looked_at
from stress.engine._check import Check
from stress.engine._limits import limited
from stress.engine._stages import attacked
from stress.engine._unit import Job
from stress.tasks import as_array

__all__ = ["canaries", "differ", "is_steady", "recognised"]

_SAMPLES = 4
"""Samples that the model is asked clean; each scenario has one."""
_PAID = 4
"""Scenarios that have one where calls are paid for."""
_NEAR = 1e-3
"""How far an answer may move, relative to its size, before the model counts as another one."""
_SMALLEST = 1e-30
_MOST = 500_000
"""Characters of answers that are kept, roughly: run.json stays under a megabyte."""
_A_NUMBER = 24
"""Characters that a number takes in JSON, at most."""


def canaries(job: Job, samples: Sequence[Sample], cells: Sequence[Cell], workers: int) -> dict[str, Any]:
    """Return the model's raw answers to four clean samples, and to one in the last cell of every scenario.

    The questions are asked by as many threads as a run has workers.

    Probabilities are kept as logarithms: two sure models agree to many digits where they are sure, and differ in how
    unlikely they find the rest. A model that answers the same clean question in two ways has ``None`` everywhere: it
    cannot be recognised, which preflight says aloud. Of an error only the type counts. Of long answers some numbers are
    kept, evenly spread, so that all of them together take less than a megabyte.

    A model that keeps its answers is asked anew, but for the clean questions that are asked twice; and as its calls are
    paid for, in four scenarios at most.
    """
    natural = [c for c in cells if (c.conditions or c.model) and not attacked(c)]  # attacks vary too much
    natural = [c for c in natural if not c.machine]  # who a model is, is asked of the model as it is
    last = list({(cell.scenario, cell.model): cell for cell in natural}.values())
    last = last[:: -(-len(last) // _PAID)] if job.billed and last else last
    first = samples[:_SAMPLES]
    asked = [(CLEAN, first), *((cell, [first[i % len(first)]]) for i, cell in enumerate(last)), (CLEAN, first)]
    room = _MOST // sum(len(some) for _, some in asked)
    anew = [*[True] * (len(asked) - 1), False]
    with ThreadPoolExecutor(workers) as pool:
        *answers, again = pool.map(lambda each, new: _answer(job, new, each[0], each[1], room), asked, anew)
    found = {cell.id: answer for (cell, _), answer in zip(asked, answers)}
    steady = differ(found[CLEAN.id], again) is None
    return found if steady else dict.fromkeys(found)


def is_steady(found: Mapping[str, Any]) -> bool:
    """Return whether the model answered the same question in one way."""
    return any(answer is not None for answer in found.values())


def recognised(weights: str | None, unread: Sequence[str]) -> list[Check]:
    """Say where a changed model can be told by its answers alone."""
    if not unread or weights is not None:
        return []
    says = f"by its code and a few answers alone: {', '.join(unread[:3])} cannot be read, or changes as it answers"
    return [Check("the model is recognised when the run goes on", "warning", says)]


def _answer(job: Job, anew: bool, cell: Cell, samples: Sequence[Sample], room: int) -> Any:
    """Return the answers to some samples as plain data; each takes no more than about ``room`` characters."""
    batch = job.batch(samples, {stream: job.work(cell, stream, samples) for stream in cell.streams}, cell)
    try:
        predict: Any = job.asked_in(cell)
        answers = limited(getattr(predict, "anew", predict) if anew else predict, job.timeout)(batch)
        return looked_at(lambda: _said(answers, len(samples), room), answers, job.timeout)
    except (Exception, SystemExit) as error:  # that it fails here is part of what it is
        return type(error).__name__


def _said(answers: Any, count: int, room: int) -> Any:
    """Return answers to so many samples as plain data, of about ``room`` characters each."""
    array = as_array(answers)
    if array is None or array.dtype.kind not in "fiu":
        texts = list(answers)[:count] if isinstance(answers, list | tuple | np.ndarray) else [answers]
        return [_cut(str(text), room) for text in texts]
    numbers = array.astype(np.float64)
    if numbers.ndim == 2 and numbers.size and numbers.min() >= 0 and numbers.max() <= 1:
        numbers = np.log(np.maximum(numbers, _SMALLEST))
    numbers = np.where(np.isfinite(numbers), numbers, -1e300)
    most = max(1, room // _A_NUMBER)
    if numbers.ndim < 2 or numbers[0].size <= most:
        return numbers.tolist()
    flat = numbers.reshape(len(numbers), -1)
    return flat[:, np.linspace(0, flat.shape[1] - 1, most).astype(int)].tolist()


def _cut(text: str, room: int) -> str:
    """Return a text, or the beginning of a long one with a digest of the whole."""
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= room:
        return text
    return f"{text[: max(0, room - 20)]}… {blake2b(text.encode(), digest_size=8).hexdigest()}"


def differ(one: Any, other: Any) -> str | None:
    """Return how two canary answers differ, or nothing."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next((found for a, b in zip(one, other) if (found := differ(a, b))), None)
    if isinstance(one, float) and isinstance(other, float):
        far = abs(one - other) > _NEAR * max(1.0, abs(one))
        return f"{one:.6g} became {other:.6g}" if far else None
    return None if one == other else f"{one!r} became {other!r}"
