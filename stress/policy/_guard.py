"""The system with its policy: a model that first looks at its input, so that both can be tested as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from perturbations import InputError, Value
from perturbations.errors import named_keywords, short
from perturbations.modality import modality_of
from stress.models import Batch
from stress.policy._evidence import ABSTAIN, KEEP
from stress.policy._policy import Policy

__all__ = ["guard", "signals_of"]


@named_keywords
def signals_of(streams: Mapping[str, Value], which: str = "cheap") -> dict[str, float]:
    """Return the signals of an input's streams by ``STREAM.SIGNAL``; lost streams have none."""
    found: dict[str, float] = {}
    for stream, value in streams.items():
        if value is not None:
            measured = modality_of(value, f"stream {stream}").signals(value, "all" if which == "all" else "cheap")
            found.update({f"{stream}.{name}": number for name, number in measured.items()})
    return found


@named_keywords
def guard(predict: Callable[[Batch], Any], policy: Policy) -> Callable[[Batch], Any]:
    """Return a model that does what a policy says before it answers: it drops streams, or gives no answer (None).

    The guarded model can be run through any suite like another, with the classes and declarations of ``predict``.
    Streams that the policy would drop and that are lost already change nothing. ``answer_from`` is not applied, as it
    needs the model's confidence. Raises InputError where the policy asks for a stream that the model is not given.
    """
    if not callable(predict):
        raise InputError(f"guard: the model must be a callable predict(batch), got {short(predict)}.")

    def guarded(batch: Batch) -> Any:
        for stream in policy.streams:
            if stream not in batch:
                raise InputError(f"guard: the policy asks for stream {stream!r}, got {', '.join(batch)}.")
        rows: dict[str, list[int]] = {}
        for row in range(batch.size):
            streams = {name: batch[name][row] for name in policy.streams}
            rows.setdefault(policy.decide(signals_of(streams, policy.which)), []).append(row)
        if set(rows) == {KEEP}:
            return predict(batch)
        found: list[Any] = [None] * batch.size
        for action, places in rows.items():
            if action != ABSTAIN:
                answers = _rows(predict(_without(batch, places, action)), len(places))
                for place, answer in zip(places, answers):
                    found[place] = answer
        return found

    for name, value in vars(predict).items() if hasattr(predict, "__dict__") else ():
        if not name.startswith("__") and name not in ("identity", "weights_hash"):
            setattr(guarded, name, value)
    return guarded


def _without(batch: Batch, rows: Sequence[int], action: str) -> Batch:
    gone = () if action == KEEP else action.removeprefix("drop ").split("+")
    if missing := [name for name in gone if name not in batch]:
        raise InputError(f"guard: the policy drops stream {missing[0]!r}, got {', '.join(batch)}.")
    streams = {name: [None if name in gone else batch[name][row] for row in rows] for name in batch}
    return Batch(streams, [batch.ids[row] for row in rows] if batch.ids else ())


def _rows(answers: Any, count: int) -> list[Any]:
    """Return the answers one by one. Raises InputError for a form that has no rows of its own."""
    if isinstance(answers, Mapping) or not hasattr(answers, "__getitem__"):
        if not isinstance(answers, Mapping) and hasattr(answers, "__iter__"):
            answers = list(answers)
        else:
            raise InputError("guard: the model must answer with one row a sample: an array or a list.")
    if len(answers) != count:
        raise InputError(f"guard: the model must give {count} answers, got {len(answers)}.")
    rows = np.asarray(answers) if isinstance(answers, np.ndarray) else answers
    return [rows[i] for i in range(count)]
