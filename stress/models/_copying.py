"""A model that can do no harm by how it is called: it is handed copies, and what it raises is reported as its own."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from typing import Any

from perturbations.errors import named_keywords
from stress.models._batch import Batch
from stress.models._model import Model

__all__ = ["predict_of"]


class _Guarded:
    """A model's callable; each call has arrays and lists of its own, unless it says that it only reads.

    Read-only arrays would not do: torch writes through them, and crashes where they are mapped from a file.
    """

    def __init__(self, predict: Any, copies: bool) -> None:
        self._predict, self._copies = predict, copies

    def __call__(self, batch: Batch) -> Any:
        here = os.getcwd()
        try:
            return self._predict(batch.copied() if self._copies else batch)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _tellable(error) from error
        finally:
            _go_back(here)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predict, name)


def _tellable(error: BaseException) -> BaseException:
    """Return an error as it is, or one of the same name where it ends threads or its text cannot be asked."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a text that raises, too, is the model's
        text = "an error whose text cannot be asked"
    else:
        if isinstance(error, Exception | SystemExit) and not isinstance(error, StopIteration):
            return error
    made: BaseException = type(type(error).__name__, (Exception,), {})(text)
    return made


def _go_back(here: str) -> None:
    """Put back the working directory, by which files of the data may be named."""
    try:
        moved = os.getcwd() != here
    except OSError:  # it is gone
        moved = True
    if moved:
        os.chdir(here)
        with suppress(RuntimeWarning):  # a model may have made every warning an error; this one is no error of its
            warnings.warn("the model changed the working directory; it was put back", RuntimeWarning, stacklevel=2)


@named_keywords
def predict_of(model: Model) -> Any:
    """Return how a model is called: with copies, unless it declares that it only reads (``reads_only = True``)."""
    return _Guarded(model.predict, not model.reads_only)
