"""How many calls are under way at once, and how often one may begin: as many as the server takes, and no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["Lanes"]

T = TypeVar("T")
Found = TypeVar("Found")


class Lanes:
    """Lets at most ``most`` calls run at once: half as many after each refusal for load, one more after a good round.

    (Additive increase and multiplicative decrease, as in TCP: Chiu and Jain, 1989.) With ``per_second`` calls begin no
    more often than that, after a burst of one second's worth (a token bucket).
    """

    def __init__(self, most: int, per_second: float | None = None) -> None:
        self.most, self.width, self._busy, self._good = most, float(most), 0, 0
        self._rate, self._tokens, self._filled = per_second, float(max(1.0, per_second or 1)), time.monotonic()
        self._free = threading.Condition()
        self._threads = ThreadPoolExecutor(most, "stress-endpoint")  # of which each is started when it is needed

    def all(self, do: Callable[[T], Found], what: Sequence[T]) -> list[Found]:
        """Return what is done with each of several, at once as far as there are threads, which stay for the next.

        When one raises, those that have not begun never do, and the others are waited for.
        """
        under_way = [self._threads.submit(do, each) for each in what]
        try:
            return [each.result() for each in under_way]
        except BaseException:
            for each in under_way:
                each.cancel()
            wait(under_way)
            raise

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a lane, and hold it while the block runs."""
        with self._free:
            while self._busy >= max(1, int(self.width)):
                self._free.wait()
            self._busy += 1
        try:
            self.turn()
            yield
        finally:
            with self._free:
                self._busy -= 1
                self._free.notify()

    def turn(self) -> None:
        """Wait until one more call may begin."""
        if wait := self._wait():
            time.sleep(wait)

    def _wait(self) -> float:
        """Take a token, and return the seconds until there is one."""
        if self._rate is None:
            return 0.0
        with self._free:
            now = time.monotonic()
            self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            self._tokens -= 1
            return max(0.0, -self._tokens / self._rate)

    def crowded(self) -> None:
        """Say that the server has refused a call for its load."""
        with self._free:
            self.width, self._good = max(1.0, self.width / 2), 0

    def fine(self) -> None:
        """Say that a call was answered."""
        with self._free:
            self._good += 1
            if self._good >= self.width and self.width < self.most:
                self.width, self._good = min(self.most, self.width + 1), 0
                self._free.notify()
