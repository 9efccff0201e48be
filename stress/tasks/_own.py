"""A metric of your own, over the records of a run: one decorated function, and every table, gate and report has it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords, nearest, short
from perturbations.plugins import module_of
from stress.records.metric import FROM_CLEAN, HOUSE, Metric, range_of, register, registered
from stress.statistics.arrays import Flags, Floats
from stress.statistics.numeric import Numeric

__all__ = ["metric"]

OwnKind = Literal["mean", "ratio", "counts", "confidence", "rank"]
_TAKES = {
    "counts": ("hits", "answers", "truths", "records"),
    "confidence": ("confidence", "right"),
    "rank": ("scores", "positive"),
}


@named_keywords
def metric(
    kind: OwnKind,
    *,
    name: str | None = None,
    low: float = 0.0,
    high: float = 1.0,
    better: Literal["higher", "lower"] = "higher",
    failed: float | None = 0.0,
    unit: str | None = None,
    undefined: str = "nothing to divide by",
    source: str = "",
) -> Callable[[Callable[..., Any]], Metric]:
    """Declare a metric of your own: the function below it says what records are worth, its row what that means.

    What the function is given, as NumPy arrays, and returns:

    - ``mean``: record columns by the names of its parameters, (records,); a number for each record.
    - ``ratio``: the same; two numbers for each record, whose sums are divided. The lower must not depend on the answer.
    - ``counts``: ``hits``, ``answers``, ``truths``, (classes,), and ``records``, of one cell; one number. A record
      without a usable answer is a truth without an answer. Slopes are found numerically.
    - ``confidence``: ``confidence`` and ``right`` (0 or 1), (answers,), of one cell; one number.
    - ``rank``: ``scores`` and ``positive`` (flags), (records,), of one class in one cell; one number. A cell has its
      mean over classes, as ``NAME_macro``.

    ``low`` and ``high`` are the ends of its range (``math.inf`` where it has none). ``failed`` is what a record without
    a usable answer counts, of a mean or for each unit of a ratio's lower sum; None leaves it out, and says so. ``unit``
    is ``fraction`` where the range is [0, 1]. ``undefined`` says in plain words when there is no value, for which the
    function returns NaN. Every run whose records have what it needs has it, once its module is imported. Raises
    InputError where kind, range, parameters or name cannot be.
    """

    def declare(function: Callable[..., Any]) -> Metric:
        called = function.__name__ if name is None else name
        _check(called, kind, low, high, better, failed, function.__module__)
        given = tuple(inspect.signature(function).parameters)
        columns = _columns(called, kind, given)
        return register(
            Metric(
                called,
                kind,
                top=columns[0] if columns else None,
                bottom=columns[-1] if kind == "ratio" else None,
                function=_wrapped(called, kind, function),
                columns=columns,
                low=low,
                high=high,
                better=better,
                failed=None if kind in ("confidence", "rank") else failed,
                unit=unit if unit is not None else "fraction" if (low, high) == (0.0, 1.0) else "",
                undefined=f"undefined: {undefined}",
                source=source,
                curve=kind in ("mean", "ratio", "counts"),
                module=module_of(function.__module__),
            )
        )

    return declare


def _check(name: str, kind: str, low: float, high: float, better: str, failed: float | None, module: str) -> None:
    kinds = get_args(OwnKind)
    if kind not in kinds:
        raise InputError(f"metric: kind must be one of {', '.join(kinds)}, got {kind!r}. {nearest(str(kind), kinds)}")
    if better not in ("higher", "lower"):
        raise InputError(f"metric: better must be higher or lower, got {better!r}.")
    if math.isnan(low) or math.isnan(high) or not low < high:
        raise InputError(f"metric: low must be below high, got {low!r} and {high!r}.")
    if failed is not None and not math.isfinite(failed):
        raise InputError(f"metric: failed must be a finite number or None, got {failed!r}.")
    if not name.isidentifier():
        raise InputError(f"metric: name must be a word of letters, digits and underscores, got {short(name)}.")
    others = {m.shown for m in registered() if m.module.startswith(HOUSE)} | {m.name for m in registered() if m.base}
    reserved = name in others or name in FROM_CLEAN or (range_of(name)[1] < math.inf and name.startswith("top_"))
    if reserved and not module.startswith(HOUSE):
        raise InputError(f"metric: name must be new, got {name!r}, which comes with the package.")


def _columns(name: str, kind: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the record columns that a function is given by the names of its parameters."""
    expected = _TAKES.get(kind)
    if expected is None and given:
        return given
    if expected != given:
        what = "record columns" if expected is None else ", ".join(expected)
        raise InputError(f"metric: {name} must take {what}, got ({', '.join(given)}).")
    return ()


def _wrapped(name: str, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function in the form that measures call."""
    if kind == "counts":
        return Numeric(lambda *counts: _number(name, function(*counts)))
    if kind == "confidence":
        return lambda sure, right, _: (_number(name, function(sure.copy(), right.copy())), None)
    if kind == "rank":
        return lambda scores, positive: (_ranked(name, function, scores, positive), None)
    return lambda *columns: _each(name, function(*columns), len(columns[0]), 2 if kind == "ratio" else 1)


def _ranked(name: str, function: Callable[..., Any], scores: Floats, positive: Flags) -> float:
    if not positive.any() or positive.all():
        return float("nan")
    return _number(name, function(scores.copy(), positive.copy()))


def _number(name: str, found: Any) -> float:
    array = np.asarray(found, np.float64)
    if array.shape != ():
        raise InputError(f"metric: {name} must return one number, got an array of shape {array.shape}.")
    return float(array) if np.isfinite(array) else float("nan")


def _each(name: str, found: Any, count: int, parts: int) -> Any:
    """Return a number for each record, or two."""
    listed = found if parts == 2 and isinstance(found, tuple) else (found,)
    arrays = [np.asarray(part, np.float64) for part in listed]
    if len(arrays) != parts or any(array.shape != (count,) for array in arrays):
        got = ", ".join(str(array.shape) for array in arrays)
        what = "one number" if parts == 1 else "two numbers (a tuple of two arrays)"
        raise InputError(f"metric: {name} must return {what} a record, of shape ({count},), got {got}.")
    return arrays[0] if parts == 1 else (arrays[0], arrays[1])
