"""An endpoint as a ``predict``: how a sample is written, how a reply is read, and which replies are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any

from perturbations import Value
from stress.models._batch import Batch
from stress.models._unanswered import Unanswered
from stress.models.endpoints._client import Client
from stress.models.endpoints._kept import Kept

__all__ = ["Endpoint"]

_LOST = {"null": "null", "leave_out": "not in the request", "refuse": "refused"}


class Endpoint:
    """One row a sample, or an Unanswered. ``client.calls`` counts what was sent.

    ``write`` makes the request of a sample, ``read`` the row of a reply; a reply for which ``answered`` holds is kept
    before it is read.
    """

    reads_only = True
    billed = True

    def __init__(
        self,
        client: Client,
        *,
        write: Callable[[Mapping[str, Value]], bytes],
        read: Callable[[Any], Any],
        answered: Callable[[Any], bool],
        identity: str,
        missing: str,
        keep: str | Path | None,
        classes: Sequence[Any] | None,
    ) -> None:
        self.__name__ = client.url
        self.client, self._write, self._read, self._answered = client, write, read, answered
        self._missing, self._kept = missing, None if keep is None else Kept(keep)
        self.identity = f"{identity} {missing}"
        if classes is not None:
            self.classes = list(classes)

    @property
    def states(self) -> list[tuple[str, str]]:
        """What preflight says of it."""
        kept = "not kept" if self._kept is None else f"kept in {self._kept.folder}"
        return [("of any kind", f"posted to {self.client.url}; lost: {_LOST[self._missing]}; answers are {kept}")]

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one row a sample."""
        rows = [{name: batch[name][i] for name in batch} for i in range(batch.size)]
        with ThreadPoolExecutor(max(1, min(self.client.lanes.most, len(rows)))) as pool:
            return list(pool.map(self._row, rows))

    def _row(self, values: Mapping[str, Value]) -> Any:
        lost = [name for name, value in values.items() if value is None]
        if lost and self._missing == "refuse":
            return Unanswered("crash", f"the stream {lost[0]!r} is lost, and missing is 'refuse'")
        if self._missing == "leave_out":
            values = {name: value for name, value in values.items() if value is not None}
        content = self._write(values)
        key = blake2b(self.client.url.encode() + b"\0" + content, digest_size=16).hexdigest()
        if self._kept is None:
            reply = self.client.post(content)
        else:
            with self._kept.alone(key):
                reply = self._asked_once(self._kept, key, content)
        return reply if isinstance(reply, Unanswered) else self._read(reply)

    def _asked_once(self, kept: Kept, key: str, content: bytes) -> Any:
        """Return the reply that is kept, or ask and keep it."""
        if (found := kept.get(key)) is not None:
            return found[0]
        reply = self.client.post(content)
        if not isinstance(reply, Unanswered) and self._answered(reply):
            kept.put(key, reply)
        return reply
