"""A prediction route that takes JSON, in the form of TensorFlow Serving and KServe: instances in, predictions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from perturbations import InputError
from perturbations.errors import named_keywords, short
from stress.models._unanswered import Unanswered
from stress.models.endpoints._budget import prices
from stress.models.endpoints._client import client_of
from stress.models.endpoints._endpoint import Endpoint, Form, kinds
from stress.models.endpoints._wire import instance

__all__ = ["json"]


@named_keywords
def json(
    url: str,
    *,
    classes: Sequence[Any] | None = None,
    takes: Sequence[str] | None = None,
    missing: str = "null",
    keep: str | Path | Literal[False] | None = None,
    price: Mapping[str, float] | None = None,
    key_env: str | None = None,
    at_once: int = 8,
    per_second: float | None = None,
    deadline: float = 60.0,
    tries: int = 6,
) -> Endpoint:
    """Return ``predict`` of an HTTP route: each sample is one POST of ``{"instances": [{stream: value}]}``.

    The answer is ``{"predictions": [row]}``, a row being what a ``predict`` may answer: numbers a class, or a label.
    Pictures travel as PNG, recordings as WAV of floats (``{"b64": …}``), texts as they are; a lost stream is ``null``,
    or with ``missing`` not there (``leave_out``) or refused (``refuse``). Answers are kept by the content of the
    question, on disk before they count, in the run's folder or in ``keep`` (``False``: nowhere): a question that was
    answered is not asked again, but for a few that recognise the model. ``price={"call": …}`` is what a call costs.

    ``takes`` are the kinds of stream that the model takes (``["image", "text"]``): data with another are refused before
    the first call, where a server may drop them in silence. ``key_env`` names the environment variable with a bearer
    token, which stands in no record and no error. ``at_once`` calls are under way, fewer while the server refuses for
    its load; ``per_second`` begin at most. 408, 409, 429, 5xx and broken connections are asked again, with a wait that
    doubles and is drawn at random, or as ``Retry-After`` says, ``tries`` times within ``deadline`` seconds; what has no
    answer then is a ``rate_limited``, ``timeout``, ``crash`` or ``invalid`` record of its sample alone. A key that is
    refused ends the run. Raises InputError where an option cannot be.
    """
    who = "stress.models.json"
    if missing not in ("null", "leave_out", "refuse"):
        raise InputError(f"{who}: missing must be null, leave_out or refuse, got {short(missing)}.")
    client = client_of(url, who, key_env, at_once, per_second, deadline, tries)
    form = Form(
        write=instance,
        read=_prediction,
        answered=lambda reply: not isinstance(_prediction(reply), Unanswered),
        usage=lambda reply: {},
        about={"kind": "json"},
        identity=f"json {client.url}",
        statuses=("rate_limited",),
    )
    told = {"missing": missing, "keep": keep, "classes": classes, "takes": kinds(takes, who)}
    return Endpoint(client, form, price=prices(price, who), **told)


def _prediction(found: Any) -> Any:
    """Return the one prediction of a reply, or what is wrong with it."""
    rows = found.get("predictions") if isinstance(found, dict) else None
    if not isinstance(rows, list) or len(rows) != 1:
        what = f"{len(rows)} predictions" if isinstance(rows, list) else short(found, 100)
        return Unanswered("invalid", f"must be {{'predictions': [row]}} with one row, got {what}")
    if rows[0] is None:
        return Unanswered("invalid", "the prediction is null")
    return rows[0]
