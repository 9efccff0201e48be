"""An endpoint as a ``predict``: how a sample is written, how a reply is read, and which replies are kept."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from perturbations import InputError, ModelError, Value
from perturbations.errors import short
from perturbations.modality import MODALITIES, modality
from stress.models._batch import Batch
from stress.models._unanswered import Replies, Unanswered
from stress.models.endpoints._budget import Budget, cost_of
from stress.models.endpoints._client import Client
from stress.models.endpoints._kept import Kept
from stress.models.endpoints._wire import Piece, body, key_of
from stress.records.statuses import UNASKED

__all__ = ["ANSWERS", "Endpoint", "Form", "kinds"]

ANSWERS = "answers"
"""Folder of a run in which the answers of an endpoint are kept, unless another is named."""
_LOST = {"null": "null", "leave_out": "not in the request", "refuse": "refused"}


@dataclass(frozen=True)
class Form:
    """How an endpoint is asked and read.

    ``write`` makes the request of a sample, ``read`` the row of a reply; a reply for which ``answered`` holds is kept
    before it is read; ``usage`` are the tokens that a reply says it took. ``about`` says in plain data what is asked,
    ``rule`` how the answer is read: both are who the model is. ``statuses`` are those that it may have besides any
    model's.
    """

    write: Callable[[Mapping[str, Value]], list[Piece]]
    read: Callable[[Any], Any]
    answered: Callable[[Any], bool]
    usage: Callable[[Any], Mapping[str, float]]
    about: Mapping[str, Any]
    identity: str
    rule: str = ""
    statuses: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()


class Endpoint:
    """One row a sample, or an Unanswered; see ``Replies`` for what stands beside them.

    ``client.calls`` counts what was sent, ``client.canaries`` the questions that were asked anew to recognise the
    model.
    """

    reads_only = True
    billed = True

    def __init__(
        self,
        client: Client,
        form: Form,
        *,
        missing: str,
        keep: str | Path | Literal[False] | None,
        classes: Sequence[Any] | None,
        price: Mapping[str, float],
        takes: Sequence[str],
    ) -> None:
        keep = _folder(keep)
        self._takes = tuple(takes)
        self.__name__ = client.url
        self.client, self._form, self._missing, self._price = client, form, missing, dict(price)
        self._keeps, self._kept = keep is not False, None if keep is None or keep is False else Kept(keep)
        self._budget: Budget | None = None
        self._gone: dict[str, Unanswered] = {}
        self.identity = f"{form.identity}{form.rule} {missing}"
        if classes is not None:
            self.classes = list(classes)

    @property
    def statuses(self) -> tuple[str, ...]:
        """What may become of a question besides what may of any model's."""
        return self._form.statuses

    @property
    def reports(self) -> tuple[str, ...]:
        """What is recorded of each answer: columns of numbers."""
        return (*self._form.reports, *(["cost"] if self._price else []))

    @property
    def about(self) -> dict[str, Any]:
        """What ``run.json`` says of it, in plain data."""
        more = {"missing": self._missing, "classes": getattr(self, "classes", None), "price": self._price}
        where = None if self._kept is None else str(self._kept.folder)
        return {**self._form.about, **more, "url": self.client.url, "answers": where, "identity": self._form.identity}

    @property
    def states(self) -> list[tuple[str, str]]:
        """What preflight says of it."""
        kept = "not kept" if self._kept is None else f"kept in {self._kept.folder}"
        which = "of any kind" if self._takes == MODALITIES else f"of {', '.join(self._takes)}"
        return [(which, f"posted to {self.client.url}; lost: {_LOST[self._missing]}; answers are {kept}")]

    def attended(self, folder: Path, max_calls: int | None = None, max_cost: float | None = None) -> Endpoint:
        """Return the same endpoint for a run in a folder: answers are kept there, unless told otherwise, and no more
        is sent or paid than that. Answers that the folder has already count: they were paid for.

        Raises InputError where a limit cannot be, or nothing says what an answer costs.
        """
        if max_cost is not None and not self._price:
            raise InputError(
                "run: max_cost needs prices: price={'input': …, 'output': …} a million tokens, or {'call': …}, "
                "of the model; got none."
            )
        made = copy.copy(self)
        if self._keeps and self._kept is None:
            made._kept = Kept(folder / ANSWERS)
        if max_calls is not None or max_cost is not None:
            if made._kept is None:
                raise InputError("run: max_calls and max_cost count what is kept, and keep is False.")
            made._budget, made._gone = Budget(max_calls, max_cost), {}
            for key, (_, took) in made._kept.all() if self._kept is None else ():
                made._budget.pay(key, cost_of(self._price, took), before=True)
        return made

    @property
    def budget(self) -> Budget | None:
        """What was spent of a limit; nothing where there is none."""
        return self._budget

    def __call__(self, batch: Batch) -> Replies:
        """Return one row a sample."""
        return self._asked(batch, anew=False)

    def anew(self, batch: Batch) -> Replies:
        """Return one row a sample, of answers that are not taken from those that are kept: who it is now."""
        self.client.canaries += batch.size
        return self._asked(batch, anew=True)

    def _asked(self, batch: Batch, anew: bool) -> Replies:
        for name in batch:
            self._check(name, next((value for value in batch[name] if value is not None), None))
        streams = {name: batch[name] for name in batch}
        rows = [dict(zip(streams, values)) for values in zip(*streams.values())]
        found = self.client.lanes.all(lambda row: self._row(row, anew), rows)
        return Replies([row for row, _ in found], [took for _, took in found])

    def _check(self, name: str, value: Value) -> None:
        """Raise InputError, before anything is sent, for a stream of a kind that the model does not take."""
        if value is not None and not any(modality(kind).holds(value) for kind in self._takes):
            raise InputError(
                f"model: takes {', '.join(self._takes)}, got the stream {name!r} of another kind. Leave it out of the "
                "data: it would be dropped, or refused, by who is asked."
            )

    def _row(self, values: Mapping[str, Value], anew: bool) -> tuple[Any, Mapping[str, Any]]:
        lost = [name for name, value in values.items() if value is None]
        if lost and self._missing == "refuse":
            return Unanswered("crash", f"the stream {lost[0]!r} is lost, and missing is 'refuse'"), {}
        if self._missing == "leave_out":
            values = {name: value for name, value in values.items() if value is not None}
        content = self._form.write(values)
        key = key_of(self.client.url, content)
        if self._kept is None:
            reply, took = self._sent(content, anew, key)
        else:
            with self._kept.alone(key):
                reply, took = self._asked_once(self._kept, key, content, anew)
        if self._price and took:
            took = {**took, "cost": cost_of(self._price, took)}
        return (reply if isinstance(reply, Unanswered) else self._form.read(reply)), took

    def _asked_once(self, kept: Kept, key: str, content: list[Piece], anew: bool) -> tuple[Any, Mapping[str, Any]]:
        """Return the reply that is kept, or ask and keep it. What failed is not asked again within a budget."""
        if not anew:
            if (found := kept.get(key)) is not None:
                if self._budget is not None:
                    self._budget.pay(key, cost_of(self._price, found[1]), before=True)
                return found[0], {**found[1], "answer": key}
            if key in self._gone:
                return self._gone[key], {}
        reply, took = self._sent(content, anew, key)
        if isinstance(reply, Unanswered):
            if self._budget is not None and reply.status != UNASKED:
                self._gone[key] = reply
            return reply, took
        if not self._form.answered(reply):
            return reply, took
        if not anew or kept.get(key) is None:
            try:
                kept.put(key, reply, took)
            except ModelError as error:  # an answer that is not kept would be paid again
                return Unanswered(UNASKED, str(error)), {}
        return reply, {**took, "answer": key}

    def _sent(self, content: list[Piece], anew: bool, key: str) -> tuple[Any, Mapping[str, Any]]:
        """Return a reply and what it took, after asking."""
        reply = self.client.post(body(content), key, self._budget, "canary" if anew else "")
        took: dict[str, Any] = {"seconds": reply.seconds}
        if reply.first_token_s is not None:
            took["first_token_s"] = reply.first_token_s
        if not isinstance(reply.found, Unanswered):
            took |= self._form.usage(reply.found)
            if self._budget is not None:
                self._budget.pay(key, cost_of(self._price, took))
        return reply.found, took


def kinds(takes: Sequence[str] | None, who: str, known: tuple[str, ...] = MODALITIES) -> tuple[str, ...]:
    """Return the kinds of stream that a model takes, all where nothing is said. Raises InputError for other words."""
    if takes is None:
        return known
    given = () if isinstance(takes, str) else tuple(takes)
    if not given or any(each not in known for each in given):
        raise InputError(f"{who}: takes must be a list of {', '.join(known)}, got {short(takes)}.")
    return given


def _folder(keep: Any) -> Any:
    """Return where answers are kept. Raises InputError where that is no folder, False or nothing."""
    if keep is None or keep is False or isinstance(keep, str | Path):
        return keep
    raise InputError(f"model: keep must be a folder's path, False, or nothing (the run's folder), got {short(keep)}.")
