"""Chat completions with pictures and sounds, as OpenAI's interface has them and most servers of open models offer."""

from __future__ import annotations

import json as plain_json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from perturbations import Audio, InputError, Value
from perturbations.errors import named_keywords, printable, short
from stress.models._reading import parser, rule_identity
from stress.models._unanswered import Unanswered
from stress.models.endpoints._budget import prices
from stress.models.endpoints._client import client_of
from stress.models.endpoints._endpoint import Endpoint, Form, kinds
from stress.models.endpoints._wire import Piece, encoded, pcm, plain, separated

__all__ = ["openai", "written"]

_TAKES = ("image", "audio", "text")
"""Kinds of stream that a message can hold."""


@named_keywords
def openai(
    name: str,
    url: str,
    *,
    prompt: str,
    parse: str = "labels",
    classes: Sequence[str] | None = None,
    takes: Sequence[str] | None = None,
    missing: str = "leave_out",
    request: Mapping[str, Any] | None = None,
    stream: bool = False,
    keep: str | Path | Literal[False] | None = None,
    price: Mapping[str, float] | None = None,
    key_env: str | None = None,
    at_once: int = 8,
    per_second: float | None = None,
    deadline: float = 120.0,
    tries: int = 6,
) -> Endpoint:
    """Return ``predict`` of a chat model: the ``prompt``, then every stream of the sample, in one message of the user.

    ``url`` is the base (``http://127.0.0.1:8000/v1``); calls go to ``/chat/completions``. Pictures travel as
    ``image_url`` (PNG), recordings as ``input_audio`` (WAV of 16 bits, as the interface wants it), texts as text after
    the stream's name. ``parse`` says how what it wrote is read – ``labels``, ``choice_letter``, ``text``,
    ``json:FIELD``, ``regex:PATTERN`` – and is part of the run's identity; what does not fit is an ``unparsed`` record,
    a refusal one of ``refusal``. ``request`` is added to every call (``{"max_tokens": 20}``); the temperature is 0
    where it says nothing else. With ``stream`` the answer comes word by word, and the time to its first is recorded.
    What the model wrote is kept, refusals too: ``stress reparse RUN`` reads it again by another rule, without a call.
    ``takes`` are the kinds of stream that the model takes (``["image", "text"]``): data with another are refused before
    the first call, where a server may drop them in silence. ``price`` is what a million tokens cost
    (``{"input": 2.5, "output": 10}``). ``missing`` leaves a lost stream out, or
    makes it a failure (``refuse``). All else is as for ``stress.models.json``.
    """
    who = "stress.models.openai"
    if not isinstance(prompt, str) or not prompt.strip():
        raise InputError(f"{who}: prompt must be a text that says what to answer, got {short(prompt)}.")
    if missing not in ("leave_out", "refuse"):
        raise InputError(f"{who}: missing must be leave_out or refuse, got {short(missing)}.")
    added = dict(request or {})
    if taken := {"model", "messages", "stream", "stream_options", "n"} & added.keys():
        raise InputError(f"{who}: request must not have {', '.join(sorted(taken))}: they are set here.")
    read = parser(parse, [str(each) for each in classes or ()], who)
    base = {"model": name, "temperature": 0, **added}
    if stream:
        base |= {"stream": True, "stream_options": {"include_usage": True}}
    try:
        described = plain_json.dumps({**base, "prompt": prompt}, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{who}: request must be plain data, got {short(request)}: {error}.") from error
    client = client_of(f"{str(url).rstrip('/')}/chat/completions", who, key_env, at_once, per_second, deadline, tries)
    form = Form(
        write=partial(_request, _around(base), plain({"type": "text", "text": prompt})),
        read=partial(written, read),
        answered=_answered,
        usage=_usage,
        about={"kind": "openai", "name": name, "prompt": prompt, "request": added, "parse": parse},
        identity=f"openai {client.url} {described}",
        rule=rule_identity(parse),
        statuses=("rate_limited", "refusal", "unparsed"),
        reports=("tokens_in", "tokens_out", *(["first_token_s"] if stream else [])),
    )
    told: dict[str, Any] = {"missing": missing, "keep": keep, "classes": classes, "takes": kinds(takes, who, _TAKES)}
    return Endpoint(client, form, price=prices(price, who), **told)


def _around(base: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return what of a request stands before its messages and after them, in the order of names."""
    before, after = (
        [plain({name: base[name]})[1:-1] for name in sorted(base) if (name < "messages") is first]
        for first in (True, False)
    )
    return b"{" + b"".join(each + b", " for each in before), b"".join(b", " + each for each in after) + b"}"


def _request(around: tuple[bytes, bytes], prompt: bytes, values: Mapping[str, Value]) -> list[Piece]:
    """Return a request: the same bytes for the same values."""
    content = separated([[prompt], *(_part(name, value) for name, value in values.items() if value is not None)])
    return [around[0], b'"messages": [{"content": [', *content, b'], "role": "user"}]', around[1]]


def _part(name: str, value: Value) -> list[Piece]:
    if isinstance(value, str):
        return [plain({"type": "text", "text": f"{name}: {value}"})]
    if isinstance(value, Audio):
        return [b'{"input_audio": {"data": ', *encoded(pcm(value)), b', "format": "wav"}, "type": "input_audio"}']
    if isinstance(value, np.ndarray):
        return [b'{"image_url": {"url": "data:image/png;base64,', value, b'"}, "type": "image_url"}']
    raise InputError(
        f"stress.models.openai: stream {name}: a chat takes pictures, sounds and texts, got {short(value)}."
    )


def _answered(reply: Any) -> bool:
    """Return whether a reply is a whole message of the model, which was paid for: a refusal, too."""
    return _message(reply) is not None


def _message(reply: Any) -> tuple[Mapping[str, Any], str] | None:
    """Return the message of the only choice and why it ended; nothing where the reply has another form."""
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    message = choices[0].get("message")
    if not isinstance(message, dict):
        return None
    content = message.get("content")
    if isinstance(content, list):  # some servers answer in parts, as they are asked
        texts = [each.get("text") if isinstance(each, dict) else None for each in content]
        found = [text for text in texts if isinstance(text, str)]
        content = "".join(found) if len(found) == len(texts) else content
    if not isinstance(content, str | None):
        return None
    return {**message, "content": content}, str(choices[0].get("finish_reason"))


def _usage(reply: Any) -> dict[str, float]:
    """Return the tokens of a reply, as far as it says them."""
    told = reply.get("usage") if isinstance(reply, dict) else None
    names = {"tokens_in": "prompt_tokens", "tokens_out": "completion_tokens"}
    found = {mine: (told or {}).get(theirs) for mine, theirs in names.items()} if isinstance(told, dict | None) else {}
    return {name: float(n) for name, n in found.items() if isinstance(n, int | float) and 0 <= n < math.inf}


def written(read: Any, reply: Any) -> Any:
    """Return what the model wrote, read; or why there is nothing to read."""
    found = _message(reply)
    if found is None:
        return Unanswered("invalid", f"must be a chat completion with one choice, got {printable(short(reply, 120))}")
    message, ended = found
    if message.get("refusal") or ended == "content_filter":
        return Unanswered("refusal", printable(short(str(message.get("refusal") or ended), 160)))
    text = message.get("content") or ""
    if ended == "length":
        return Unanswered("unparsed", f"cut off at max_tokens: {printable(short(text, 160))}")
    return Unanswered("unparsed", "it wrote nothing") if not text.strip() else read(text)
