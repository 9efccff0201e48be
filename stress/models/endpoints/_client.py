"""One call to an endpoint: asked again where that may help, and within a deadline; what is said of it holds no key."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from perturbations import InputError, ModelError
from perturbations.errors import printable, short
from stress._needed import needed
from stress.models._unanswered import Unanswered
from stress.models.endpoints._budget import Budget
from stress.models.endpoints._lanes import Lanes
from stress.models.endpoints._stream import BrokenStreamError, assembled
from stress.records.statuses import UNASKED

__all__ = ["Client", "Reply", "client_of"]

_AGAIN = (408, 409, 429)
_NO_ENTRY = (401, 402, 403)
"""A key that is wrong, expired, has no money or no right: no model's failure, and no other call would fare better."""
_CROWDED = (429, 503)
_HEADERS = {"content-type": "application/json", "accept": "*/*", "user-agent": "multimodal-stress"}
_LARGEST = 64 * 2**20
"""Bytes of an answer, unpacked."""
_FIRST_S = 0.25
_LONGEST_S = 20.0


class _TooLargeError(Exception):
    """An answer that is larger than any model's: a bomb, or a body without an end."""


def _checked_url(url: Any, who: str) -> str:
    """Return a URL. Raises InputError where it is none, or carries what may be a key: it stands in run.json."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = short(url) if "@" not in str(url) else "one with a user or password"
        raise InputError(f"{who}: url must be http://… or https://…, got {shown}.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError(
            f"{who}: url must have no user, password, query or fragment: it is written into the run. A key is read "
            "from the environment: key_env='NAME'."
        )
    return str(url)


@dataclass(frozen=True)
class Reply:
    """What came of a question: plain data, or an Unanswered; the seconds of the last try, and to its first word."""

    found: Any
    seconds: float
    first_token_s: float | None = None


@dataclass
class Client:
    """Posts bytes to a URL. ``calls`` counts what was sent, ``canaries`` are those that ask who the model is; ``tries``
    is how often one question is sent, at most.
    """

    url: str
    key_env: str | None
    deadline: float
    tries: int
    lanes: Lanes
    calls: int = 0
    canaries: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _idle: list[Any] = field(default_factory=list)
    _trust: Any = None
    _address: Any = None

    def key(self) -> str | None:
        """Return the key of the environment. Raises ModelError where it is not there."""
        if self.key_env is None:
            return None
        found = os.environ.get(self.key_env)
        if not found:
            raise ModelError(f"model: the environment must have the key {self.key_env}, got none.")
        return found

    def post(self, content: bytes, key: str, budget: Budget | None = None, purpose: str = "") -> Reply:
        """Return what the endpoint answered, read as JSON, or an Unanswered that says what became of the call.

        The answer's ``key`` and the ``purpose`` travel as headers, so that a server's log can be held against records,
        and tells questions of a run from those that recognise it.
        """
        told = {"x-stress-answer": key, **({"x-stress-purpose": purpose} if purpose else {})}
        with self.lanes.one():  # waiting for a lane is not the endpoint's time
            end = time.monotonic() + self.deadline
            for tried in range(self.tries):
                if (spent := budget.take() if budget else None) is not None:
                    return Reply(Unanswered(UNASKED, spent), 0.0)
                begun = time.monotonic()
                found, asked_s, first = self._once(content, end, told)
                reply = Reply(found, time.monotonic() - begun, None if first is None else first - begun)
                if asked_s is None or tried + 1 == self.tries:
                    return reply
                wait = max(asked_s, _backoff(tried))
                if time.monotonic() + wait >= end:  # of what is known, the failure says more than the time
                    return reply
                time.sleep(wait)
                self.lanes.turn()
        return reply

    def _late(self) -> str:
        return f"no answer within {self.deadline:g} s"

    def _once(self, content: bytes, end: float, told: Mapping[str, str]) -> tuple[Any, float | None, float | None]:
        """Return an answer, or a failure with the seconds to wait before it may be asked again (None: never).

        The third is when the first word was there, of an answer that came as a stream.
        """
        import httpx

        key = self.key()
        headers = {**_HEADERS, **told, **({"authorization": f"Bearer {key}"} if key else {})}
        left = end - time.monotonic()
        if left <= 0:
            return Unanswered("timeout", self._late()), None, None
        with self._lock:
            self.calls += 1
        try:
            with self._posted(content, headers, left) as reply:
                parts = self._parts(reply, end)
                if reply.status_code == 200 and "text/event-stream" in reply.headers.get("content-type", ""):
                    return self._streamed(parts, key)
                body = b"".join(part for _, part in parts)
        except (httpx.TimeoutException, TimeoutError):
            return Unanswered("timeout", self._late()), None, None
        except _TooLargeError as error:
            return Unanswered("invalid", str(error)), None, None
        except (httpx.HTTPError, BrokenStreamError) as error:
            return Unanswered("crash", self._clean(f"{type(error).__name__}: {error}", key)), 0.0, None
        return *self._read(reply, body, key), None

    def _streamed(self, parts: Any, key: str | None) -> tuple[Any, float | None, float | None]:
        try:
            found, first = assembled(parts)
        except (ValueError, RecursionError) as error:
            return Unanswered("invalid", f"not JSON: {self._clean(str(error), key)}"), None, None
        self.lanes.fine()
        message = found["choices"][0]["message"]
        if key:  # some servers send it back
            message |= {name: text.replace(key, "[key]") for name, text in message.items() if text}
        return found, None, first

    @staticmethod
    def _parts(reply: Any, end: float) -> Any:
        """Yield the parts of a body; a server that drips does not outlast the deadline, nor one that never ends."""
        size = 0
        for part in reply.iter_bytes():
            now, size = time.monotonic(), size + len(part)
            if size > _LARGEST:
                raise _TooLargeError(f"the answer has more than {_LARGEST // 2**20} MB")
            if now > end:
                raise TimeoutError
            yield now, part

    def _read(self, reply: Any, body: bytes, key: str | None) -> tuple[Any, float | None]:
        import json

        code = reply.status_code
        body = body.replace(key.encode(), b"[key]") if key else body  # some servers send it back
        if code == 200:
            self.lanes.fine()
            try:
                return json.loads(body), None
            except (ValueError, RecursionError):
                return Unanswered("invalid", f"not JSON: {self._clean(body.decode(errors='replace'), key)}"), None
        if code in _CROWDED:
            self.lanes.crowded()
        status = "rate_limited" if code == 429 else UNASKED if code in _NO_ENTRY else "crash"
        about = f"{self.url} refuses the key{f' {self.key_env}' if self.key_env else ''}: " if status == UNASKED else ""
        moved = reply.headers.get("location")
        about += "" if moved is None else f"sends elsewhere, to {self._clean(moved, key)}, which is not followed: "
        says = Unanswered(status, f"{about}HTTP {code}: {self._clean(body.decode(errors='replace'), key)}")
        again = code in _AGAIN or code >= 500
        return says, _told(reply.headers.get("retry-after")) if again else None

    def _clean(self, text: str, key: str | None) -> str:
        """Return a text for records and logs, without the key."""
        return printable(short(text.replace(key, "[key]") if key else text, 160))

    @contextmanager
    def _posted(self, content: bytes, headers: Mapping[str, str], left: float) -> Iterator[Any]:
        """Post bytes, and hold the answer while the block runs; no step of it waits for more than ``left`` seconds.

        Each lane has a client of one connection: a pool of many looks at each of them for each call. The request is
        made here, not by the client, which would work out the same address and headers anew each time.
        """
        httpx = needed("httpx", "endpoints", "model")
        with self._lock:
            self._trust = self._trust or httpx.create_ssl_context()
            self._address = self._address or httpx.URL(self.url)
            http = self._idle.pop() if self._idle else None
        http = httpx.Client(verify=self._trust, follow_redirects=False) if http is None else http
        try:
            how = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), left)}
            asked = httpx.Request("POST", self._address, content=content, headers=headers, extensions=how)
            reply = http.send(asked, stream=True)
            try:
                yield reply
            finally:
                reply.close()
        finally:
            with self._lock:
                self._idle.append(http)


def client_of(
    url: Any, who: str, key_env: str | None, at_once: int, per_second: float | None, deadline: float, tries: int
) -> Client:
    """Return a client. Raises InputError where an option cannot be, ModelError where the key is not there."""
    needed("httpx", "endpoints", who)
    for name, number in (("at_once", at_once), ("tries", tries)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise InputError(f"{who}: {name} must be a whole number of at least 1, got {short(number)}.")
    for name, value in (("deadline", deadline), ("per_second", per_second)):
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or not value > 0):
            raise InputError(f"{who}: {name} must be a number above 0, got {short(value)}.")
    client = Client(_checked_url(url, who), key_env, float(deadline), tries, Lanes(at_once, per_second))
    client.key()
    return client


def _backoff(tried: int) -> float:
    """Return how long to wait after so many tries: twice as long each time, anywhere between nothing and that.

    Full jitter, so that many who were refused together do not come back together.
    """
    return float(np.random.default_rng().uniform(0, min(_LONGEST_S, _FIRST_S * 2**tried)))


def _told(header: str | None) -> float:
    """Return the seconds that a server asks to wait: a number, or a date."""
    if header is None:
        return 0.0
    with suppress(ValueError):
        seconds = float(header)
        return 0.0 if math.isnan(seconds) else min(max(0.0, seconds), 1e9)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0
