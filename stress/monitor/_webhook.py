"""Alerts sent to a web address that was named: by a thread of its own, again until they arrive, never waited for."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from perturbations import InputError
from perturbations.errors import short

__all__ = ["Webhook"]

_WAITING = 1000
"""Alerts that wait to be sent; older ones stay unsent in the history, and are sent by the next monitor."""
_FIRST_S, _LONGEST_S, _TIMEOUT_S = 1.0, 300.0, 10.0


class Webhook:
    """Posts alerts as JSON, in order. ``taken`` returns the ids of those that arrived since it was last asked.

    A server that fails (no answer, a status from 300 up) is asked again after 1, 2, 4 … seconds, 5 minutes at most.
    """

    def __init__(self, url: str, first: float = _FIRST_S) -> None:
        try:
            parts = urlsplit(url)
            fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            fits = False
        if not fits or any(c <= " " for c in url):
            raise InputError(f"monitor: webhook must be an address http://… or https://…, got {short(url)}.")
        self._url, self._first = url, first
        self._waiting: deque[tuple[int, bytes]] = deque(maxlen=_WAITING)
        self._arrived: deque[int] = deque()
        self._changed, self._ended = threading.Condition(), False
        self._thread = threading.Thread(target=self._work, name="webhook", daemon=True)
        self._thread.start()

    def send(self, number: int, alert: Mapping[str, Any]) -> None:
        """Put an alert in the queue; it returns at once."""
        with self._changed:
            self._waiting.append((number, json.dumps(alert, allow_nan=False).encode()))
            self._changed.notify()

    def taken(self) -> list[int]:
        """Return the ids of alerts that arrived."""
        return [self._arrived.popleft() for _ in range(len(self._arrived))]

    def close(self, seconds: float = 30.0) -> None:
        """Send what waits, as long as the server takes it, and end; one that fails now is not asked again."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(seconds)

    def _work(self) -> None:
        wait = self._first
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._waiting)
                if not self._waiting:
                    return
                number, body = self._waiting[0]
            if self._post(body):
                wait = self._first
                with self._changed:
                    self._arrived.append(number)
                    if self._waiting and self._waiting[0][0] == number:
                        self._waiting.popleft()
                continue
            with self._changed:
                if self._ended:
                    return
                self._changed.wait_for(lambda: self._ended, timeout=wait)
            wait = min(2 * wait, _LONGEST_S)

    def _post(self, body: bytes) -> bool:
        """Whether the server took it."""
        from http.client import HTTPException
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class Stay(HTTPRedirectHandler):
            def redirect_request(self, *_: Any) -> None:
                """Go nowhere that was not named."""

        request = Request(self._url, body, {"Content-Type": "application/json", "User-Agent": "stress-monitor"})  # noqa: S310 - http only, checked
        try:
            with build_opener(Stay).open(request, timeout=_TIMEOUT_S) as answer:
                return bool(200 <= answer.status < 300)
        except (OSError, HTTPException, ValueError):
            return False
