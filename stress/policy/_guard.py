"""The system with its policy: a model that first looks at its input, so that both can be tested as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from perturbations import InputError, Sample, Value
from perturbations.errors import named_keywords, short
from perturbations.modality import Lexicon, modality_of
from stress.data import Samples, load_data
from stress.models import Batch, load_model, predict_of
from stress.policy._actions import ABSTAIN, KEEP, Action, action_of
from stress.policy._arriving import Came
from stress.policy._asked import Reader
from stress.policy._policy import Policy

__all__ = ["guard", "signals_of"]

Predict = Callable[[Batch], Any]


@named_keywords
def signals_of(streams: Mapping[str, Value], which: str = "cheap", lexicon: Lexicon | None = None) -> dict[str, float]:
    """Return the signals of an input's streams by ``STREAM.SIGNAL``; lost streams have none.

    With a ``lexicon`` (``perturbations.modality.load_lexicon``) also the sentiment of texts.

    Numbers are rounded to single floats, as a run records them, so that a threshold decides the same here and there.
    """
    found: dict[str, float] = {}
    for stream, value in streams.items():
        if value is not None:
            kind = modality_of(value, f"stream {stream}")
            measured = kind.signals(value, "all" if which == "all" else "cheap", lexicon)
            found.update({f"{stream}.{name}": float(np.float32(number)) for name, number in measured.items()})
    return found


@named_keywords
def guard(
    predict: Predict,
    policy: Policy,
    data: Any = None,
    *,
    seed: int = 0,
    decide: Callable[[Mapping[str, float]], str] | None = None,
    in_order: bool = False,
) -> Predict:
    """Return a model that does what a policy says before it answers: it drops streams, or gives no answer (None).

    The guarded model can be run through any suite like another, with the classes and declarations of ``predict``.
    Streams that the policy would drop and that are lost already change nothing. Where the policy has a threshold on
    confidence (``answer_from``), answers below it are not given. A policy that fills streams is given the ``data`` that
    it fills from (and the ``seed`` of the run, of noise), as to ``stress.run``; other models that it asks are loaded by
    their names.
    ``decide`` says instead of the rule which of the policy's actions is taken, input after input in the order of the
    batches: that of a ``Steady`` or ``Windowed``, or what a monitor says now (``lambda _: monitor.action``). Such a
    model remembers: it is for one stream of inputs, and not for the cells of a suite.

    A policy that asks how values came (``image.frozen``, ``image.late``) is told by ``batch.arrived``, as a run does;
    or ``in_order`` says that calls come with the inputs of one sequence in their order, so that repetitions can be
    counted (``guarded.restart()`` begins another sequence).
    Raises InputError where the policy asks for a stream that the model is not given, or for data that are not there.
    """
    if not callable(predict):
        raise InputError(f"guard: the model must be a callable predict(batch), got {short(predict)}.")
    acting = _Acting(predict, policy, data, seed)
    reads = policy.answers_wanted != (False, False) or policy.answer_from is not None
    reader = Reader.of(policy) if reads else None
    came = Came(policy, in_order)

    def guarded(batch: Batch) -> Any:
        for stream in policy.streams:
            if stream not in batch:
                raise InputError(f"guard: the policy asks for stream {stream!r}, got {', '.join(batch)}.")
        signals = [
            {**signals_of({name: batch[name][row] for name in policy.streams}, policy.which), **more}
            for row, more in enumerate(came.of(batch))
        ]
        whole = None
        if reader is not None and policy.answers_wanted != (False, False):
            whole = predict(batch)
            for row, more in enumerate(reader.signals(batch, whole, predict if policy.answers_wanted[1] else None)):
                signals[row] |= more
        rows: dict[str, list[int]] = {}
        for row, known in enumerate(signals):
            rows.setdefault(_one_of(policy, (decide or policy.decide)(known)), []).append(row)
        if set(rows) == {KEEP} and policy.answer_from is None:
            return predict(batch) if whole is None else whole
        return acting.all(batch, rows, reader if policy.answer_from is not None else None)

    for name, value in vars(predict).items() if hasattr(predict, "__dict__") else ():
        if not name.startswith("__") and name not in ("identity", "weights_hash"):
            setattr(guarded, name, value)
    if form := policy.reads.get("answers"):  # one that abstains from all that it is first asked does not show it
        guarded.answers = form  # type: ignore[attr-defined]
    if came.arrivals is not None:
        guarded.restart = came.arrivals.restart  # type: ignore[attr-defined]
    return guarded


def _one_of(policy: Policy, action: str) -> str:
    if action not in policy.actions:
        raise InputError(f"guard: decide must return one of {', '.join(policy.actions)}, got {short(action)}.")
    return action


class _Acting:
    """Does what a policy says: holds what its actions need."""

    def __init__(self, predict: Predict, policy: Policy, data: Any, seed: int) -> None:
        self.predict, self.policy, self.seed = predict, policy, seed
        actions = {name: found for name in policy.actions if (found := action_of(name)) is not None}
        self.actions: Mapping[str, Action] = actions
        self.data: Samples | None = None if data is None else load_data(data)
        taken = policy.taken
        fills = [name for name in taken if actions[name].kind == "fill" and actions[name].what != "zeros"]
        if fills and self.data is None:
            raise InputError(f"guard: to {fills[0]}, data must be given (as to stress.run), got none.")
        names = dict.fromkeys(actions[name].what for name in taken if actions[name].kind == "ask")
        self.others = {name: predict_of(load_model(name)) for name in names}

    def all(self, batch: Batch, rows: Mapping[str, list[int]], reader: Reader | None) -> list[Any]:
        """Return the answers row by row; None where none is given."""
        found: list[Any] = [None] * batch.size
        for name, places in rows.items():
            if name == ABSTAIN:
                continue
            answers = self._asked(self._changed(batch, places, self.actions[name]), self.actions[name])
            given = _rows(answers, len(places))
            if reader is not None:
                sure = reader.read(answers, len(places))[1]
                given = [each if sure[i] >= (self.policy.answer_from or 0) else None for i, each in enumerate(given)]
            for place, answer in zip(places, given):
                found[place] = answer
        return found

    def _asked(self, batch: Batch, action: Action) -> Any:
        return (self.others[action.what] if action.kind == "ask" else self.predict)(batch)

    def _changed(self, batch: Batch, rows: Sequence[int], action: Action) -> Batch:
        if any(name not in batch for name in action.streams):
            raise InputError(f"guard: the policy is to {action.says}, got streams {', '.join(batch)}.")
        ids = [batch.ids[row] for row in rows] if batch.ids else []
        streams = {name: [batch[name][row] for row in rows] for name in batch}
        for name in action.streams:
            if action.kind == "drop":
                streams[name] = [None] * len(rows)
            else:
                whole = [{each: streams[each][i] for each in streams} for i in range(len(rows))]
                streams[name] = [
                    self._filled(values, name, action.what, ids[i] if ids else "") for i, values in enumerate(whole)
                ]
        return Batch(streams, ids)

    def _filled(self, values: Mapping[str, Value], stream: str, fill: str, name: str) -> Value:
        from perturbations import get
        from scenarios import Condition, perturb_stream

        missing = get("stream.missing")
        condition = Condition(stream, missing.name, missing.settings(None, None, {"fill": fill}))
        return perturb_stream(Sample(name or "input", values), stream, [condition], self.data, self.seed)


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
