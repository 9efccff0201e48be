"""A model that may take so many seconds a call, wherever it is called from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stress.engine._ask import TooSlowError, call
from stress.models import Batch

__all__ = ["limited", "within"]


class _Limited:
    """A model's callable that raises where a call takes too long; all else that it has is as it was."""

    def __init__(self, predict: Any, timeout: float | None) -> None:
        self._predict, self._timeout = predict, timeout

    def __call__(self, batch: Batch) -> Any:
        try:
            return call(self._predict, batch, self._timeout)
        except TooSlowError as error:
            raise TimeoutError(str(error)) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predict, name)


def within(timeout: float | None) -> Callable[[Callable[[], Any]], Any]:
    """Return what calls a question and raises TimeoutError where it takes longer."""

    def ask(question: Callable[[], Any]) -> Any:
        try:
            return call(lambda _: question(), None, timeout)
        except TooSlowError as error:
            raise TimeoutError(str(error)) from error

    return ask


def limited(predict: Any, timeout: float | None) -> Any:
    """Return the callable, held to a time-out where there is one: for calls that are no records, as within attacks."""
    return _Limited(predict, timeout)
