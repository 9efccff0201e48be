"""An answer that arrives word by word: server-sent events put together, and when the first word was there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

__all__ = ["BrokenStreamError", "assembled"]


class BrokenStreamError(Exception):
    """A stream ended before the answer did."""


def assembled(parts: Iterable[tuple[float, bytes]]) -> tuple[Any, float | None]:
    """Return the chat completion that a stream of events (each with its time) adds up to, and the first word's time.

    Raises BrokenStreamError where it ends before the answer does, ValueError where an event is no JSON.
    """
    text, refusal = list[str](), list[str]()
    ended: str | None = None
    usage: Any = None
    first: float | None = None
    for when, event in _events(parts):
        usage = event.get("usage") or usage
        for choice, delta in _choices(event):
            for piece, kept in ((delta.get("content"), text), (delta.get("refusal"), refusal)):
                if isinstance(piece, str) and piece:
                    kept.append(piece)
                    first = when if first is None else first
            ended = choice.get("finish_reason") or ended
    if ended is None:
        raise BrokenStreamError(f"the stream ended after {sum(map(len, text))} characters, without a reason")
    message = {"role": "assistant", "content": "".join(text), "refusal": "".join(refusal) or None}
    reply = {"choices": [{"index": 0, "message": message, "finish_reason": ended}]}
    return reply | ({"usage": usage} if usage else {}), first


def _choices(event: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the choice of an event, if any, and what it adds. Raises ValueError for another form, or several."""
    found = event.get("choices") or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError("the choices of an event must be a list of objects")
    if len({each.get("index", 0) for each in found} | {0}) > 1:
        raise ValueError("must be a chat completion with one choice, got several")
    deltas = [each.get("delta") or {} for each in found]
    if not all(isinstance(each, dict) for each in deltas):
        raise ValueError("what an event adds must be an object")
    return list(zip(found, deltas))


def _events(parts: Iterable[tuple[float, bytes]]) -> Iterable[tuple[float, dict[str, Any]]]:
    """Yield the JSON objects of the ``data:`` lines, and when each was whole."""
    left = b""
    for when, part in parts:
        *lines, left = (left + part).split(b"\n")
        for line in lines:
            data = line.strip().removeprefix(b"data:").strip()
            if line.startswith(b"data:") and data and data != b"[DONE]":
                event = json.loads(data)
                if not isinstance(event, dict):
                    raise ValueError("an event must be a JSON object")
                if "error" in event and not event.get("choices"):
                    raise BrokenStreamError(f"the stream says: {event['error']}")
                yield when, event
