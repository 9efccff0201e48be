"""A prediction route that takes JSON, in the form of TensorFlow Serving and KServe: instances in, predictions out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import short
from stress.models._batch import Batch
from stress.models._needed import needed
from stress.models._unanswered import Unanswered
from stress.models.endpoints._client import Client, checked_url
from stress.models.endpoints._kept import Kept
from stress.models.endpoints._lanes import Lanes
from stress.models.endpoints._wire import instance

__all__ = ["Endpoint", "json"]


def json(
    url: str,
    *,
    classes: Sequence[Any] | None = None,
    missing: str = "null",
    keep: str | Path | None = None,
    key_env: str | None = None,
    at_once: int = 8,
    per_second: float | None = None,
    deadline: float = 60.0,
    tries: int = 6,
) -> Endpoint:
    """Return ``predict`` of an HTTP route: each sample is one POST of ``{"instances": [{stream: value}]}``.

    The answer is ``{"predictions": [row]}``, a row being what a ``predict`` may answer: numbers a class, or a label.
    Pictures travel as PNG, recordings as WAV of floats (``{"b64": …}``), texts as they are; a lost stream is ``null``,
    or with ``missing`` not there (``leave_out``) or refused (``refuse``). Answers are kept in the folder ``keep`` by
    the content of the question, on disk before they count: a question that was answered is never asked again.

    ``key_env`` names the environment variable with a bearer token, which stands in no record and no error. ``at_once``
    calls are under way, fewer while the server refuses for its load; ``per_second`` begin at most. 408, 409, 429, 5xx
    and broken connections are asked again, with a wait that doubles and is drawn at random, or as ``Retry-After``
    says, ``tries`` times within ``deadline`` seconds; what has no answer then is a ``timeout``, ``crash`` or
    ``invalid`` record of its sample alone. Raises InputError where an option cannot be.
    """
    who = "stress.models.json"
    needed("httpx", "endpoints", who)
    if missing not in ("null", "leave_out", "refuse"):
        raise InputError(f"{who}: missing must be null, leave_out or refuse, got {short(missing)}.")
    for name, number in (("at_once", at_once), ("tries", tries)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise InputError(f"{who}: {name} must be a whole number of at least 1, got {short(number)}.")
    for name, value in (("deadline", deadline), ("per_second", per_second)):
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or not value > 0):
            raise InputError(f"{who}: {name} must be a number above 0, got {short(value)}.")
    client = Client(checked_url(url, who), key_env, float(deadline), tries, Lanes(at_once, per_second))
    client.key()
    return Endpoint(client, missing, None if keep is None else Kept(keep), at_once, classes)


class Endpoint:
    """An endpoint as a ``predict``: one row a sample, or an Unanswered. ``client.calls`` counts what was sent."""

    reads_only = True
    billed = True

    def __init__(
        self, client: Client, missing: str, kept: Kept | None, at_once: int, classes: Sequence[Any] | None
    ) -> None:
        self.__name__ = f"json:{client.url}"
        self.client, self._missing, self._kept, self._at_once = client, missing, kept, at_once
        self.identity = f"json {client.url} {missing}"
        if classes is not None:
            self.classes = list(classes)

    @property
    def states(self) -> list[tuple[str, str]]:
        """What preflight says of it."""
        lost = {"null": "null", "leave_out": "not in the request", "refuse": "refused"}[self._missing]
        kept = "not kept" if self._kept is None else f"kept in {self._kept.folder}"
        return [("of any kind", f"posted to {self.client.url}; lost: {lost}; answers are {kept}")]

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one row a sample."""
        rows = [{name: batch[name][i] for name in batch} for i in range(batch.size)]
        with ThreadPoolExecutor(max(1, min(self._at_once, len(rows)))) as pool:
            return list(pool.map(self._row, rows))

    def _row(self, values: dict[str, Any]) -> Any:
        lost = [name for name, value in values.items() if value is None]
        if lost and self._missing == "refuse":
            return Unanswered("crash", f"the stream {lost[0]!r} is lost, and missing is 'refuse'")
        if self._missing == "leave_out":
            values = {name: value for name, value in values.items() if value is not None}
        content = instance(values)
        key = blake2b(self.client.url.encode() + b"\0" + content, digest_size=16).hexdigest()
        if self._kept is not None and (found := self._kept.get(key)) is not None:
            return found[0]
        answer = _prediction(self.client.post(content))
        if self._kept is not None and not isinstance(answer, Unanswered):
            self._kept.put(key, answer)
        return answer


def _prediction(found: Any) -> Any:
    """Return the one prediction of a reply, or what is wrong with it."""
    if isinstance(found, Unanswered):
        return found
    rows = found.get("predictions") if isinstance(found, dict) else None
    if not isinstance(rows, list) or len(rows) != 1:
        what = f"{len(rows)} predictions" if isinstance(rows, list) else short(found, 100)
        return Unanswered("invalid", f"must be {{'predictions': [row]}} with one row, got {what}")
    if rows[0] is None:
        return Unanswered("invalid", "the prediction is null")
    return rows[0]
