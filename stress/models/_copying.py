"""A model that can do no harm by how it is called: it is handed copies, and what it raises is reported as its own."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from typing import Any

from perturbations import StressError
from perturbations.errors import named_keywords
from stress.models._batch import Batch
from stress.models._model import Model
from stress.models._smaller import smaller

__all__ = ["held_as", "predict_of", "tellable"]


class _Guarded:
    """A model's callable; each call has arrays and lists of its own, unless it says that it only reads.

    Read-only arrays would not do: torch writes through them, and crashes where they are mapped from a file.
    """

    def __init__(self, predict: Any, copies: bool) -> None:
        self._predict, self._copies = predict, copies

    def __call__(self, batch: Batch) -> Any:
        here, process, deepest = os.getcwd(), os.getpid(), sys.getrecursionlimit()
        try:
            return self._predict(batch.copied() if self._copies else batch)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise tellable(error) from error
        finally:
            if os.getpid() != process:  # a copy of this process that the model made: the run goes on in the other one
                os._exit(0)
            _go_back(here)
            if sys.getrecursionlimit() < deepest:  # less than what this package needs to write the records
                sys.setrecursionlimit(deepest)

    def held_as(self, form: str) -> _Guarded:
        return _Guarded(smaller(self._predict, form), self._copies)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predict, name)


@named_keywords
def tellable(error: BaseException) -> BaseException:
    """Return what can be told as often as one likes of an error that somebody else's code raised.

    One of this package's own is returned as it is, of any other one of the same name and text: asking for a text runs
    code, which may raise, end the process, or answer otherwise the next time. It is asked here, once.
    """
    if isinstance(error, StressError):
        return error
    try:
        text = str.__str__(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - a text that raises, too, is the model's
        text = "an error whose text cannot be asked"
    made: BaseException = type(_NAME(type(error)), (Exception,), {})(text)
    return made


_NAME = type.__dict__["__name__"].__get__
"""Asks for the name of a class, whatever its own class says of it."""


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


@named_keywords
def held_as(predict: Any, form: str) -> Any:
    """Return what answers as a model would whose weights have fewer digits: ``bf16``, ``int8``. Raises ModelError."""
    return predict.held_as(form) if isinstance(predict, _Guarded) else smaller(predict, form)
