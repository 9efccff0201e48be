"""A model that may take so many seconds a call, wherever it is called from."""

from __future__ import annotations

from typing import Any

from stress.engine._ask import _call, _TooSlowError
from stress.models import Batch

__all__ = ["limited"]


class _Limited:
    """A model's callable that raises where a call takes too long; all else that it has is as it was."""

    def __init__(self, predict: Any, timeout: float) -> None:
        self._predict, self._timeout = predict, timeout

    def __call__(self, batch: Batch) -> Any:
        try:
            return _call(self._predict, batch, self._timeout)
        except _TooSlowError:
            raise TimeoutError(f"no answer within {self._timeout:g} s") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predict, name)


def limited(predict: Any, timeout: float | None) -> Any:
    """Return the callable, held to a time-out where there is one: for calls that are no records, as within attacks."""
    return predict if timeout is None else _Limited(predict, timeout)
