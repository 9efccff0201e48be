"""A model that is handed copies: what it writes into its batch is nobody else's."""

from __future__ import annotations

from typing import Any

from stress.models._batch import Batch
from stress.models._model import Model

__all__ = ["predict_of"]


class _Copying:
    """A model's callable; each call has arrays and lists of its own.

    Read-only arrays would not do: torch writes through them, and crashes where they are mapped from a file.
    """

    def __init__(self, predict: Any) -> None:
        self._predict = predict

    def __call__(self, batch: Batch) -> Any:
        return self._predict(batch.copied())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predict, name)


def predict_of(model: Model) -> Any:
    """Return how a model is called: with copies, unless it declares that it only reads (``reads_only = True``)."""
    return model.predict if model.reads_only else _Copying(model.predict)
