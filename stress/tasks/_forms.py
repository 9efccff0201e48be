"""Probabilities or logits? Settled once, on many clean answers, by what the rows sum to; refused where it is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import ModelError

__all__ = ["DECLARE", "Look", "as_probabilities", "form_of", "look_at", "sums_to_one", "tolerance"]

_BELOW = -1e-6
_MIXED = 0.1
"""Share of rows that sum to 1, from which on the rest are not taken for logits beside them."""
_SOFTMAX = 1e-4
"""How near to 1 a row sums that a softmax made, in single or half precision."""
_WHOLES = (100.0, 255.0, 256.0)
"""What rows sum to that are probabilities in another unit."""
DECLARE = 'Declare it: answers="probabilities" or answers="logits" (--answers on the command line).'


def tolerance(classes: int) -> float:
    """Return how far the sum of a row of probabilities may be from 1: .01, and 1/256 for each class up to 50.

    Wide enough for bfloat16 (8 bits: .002), two and three decimals, and eighths of a byte (uint8 / 256).
    """
    return 0.01 + min(classes, 50) / 256


def sums_to_one(array: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rows are probabilities: none negative, and a sum of about 1."""
    within: NDArray[np.bool_] = np.abs(array.sum(axis=1) - 1) <= tolerance(array.shape[1])
    return within if array.size and array.min() >= _BELOW else within & (array.min(axis=1) >= _BELOW)


@dataclass(frozen=True)
class Look:
    """What rows of scores look like. ``refused``: no form fits; ``doubtful``: another one is possible."""

    form: Literal["probabilities", "logits"]
    says: str
    doubtful: bool = False
    refused: bool = False


def look_at(array: NDArray[np.float64]) -> Look:
    """Return the form of rows of scores, and what was seen.

    Refused are rows that are shares of another whole than 1 (percentages, bytes), and rows of which some sum to 1 and
    others do not.
    """
    width, sums, proper = array.shape[1], array.sum(axis=1), sums_to_one(array)
    if proper.all():
        off = float(np.abs(sums - 1).max())
        return Look("probabilities", f"rows sum to 1 within {off:.1g}{', and are scaled to it' if off > 1e-5 else ''}")
    if proper.mean() >= _MIXED:
        row = int(np.flatnonzero(~proper)[0])
        seen = f"{int(proper.sum())} of {len(array)} rows sum to 1, and others do not (one sums to {sums[row]:.4g})"
        return Look("logits", seen, refused=True)
    positive, middle = bool(array.min() >= 0), float(np.median(sums))
    even = positive and bool(np.all(np.abs(sums - middle) <= tolerance(width) * middle))
    if even and any(abs(middle / total - 1) <= tolerance(width) for total in _WHOLES):
        seen = (
            f"no number is negative and rows sum to about {middle:.4g}, as percentages or bytes do; divide them by it"
        )
        return Look("logits", seen, refused=True)
    if even and middle > 0:
        what = "whole numbers that" if np.all(array == np.rint(array)) else "numbers of which none is negative that"
        return Look("logits", f"{what} sum to {middle:.4g} in every row, as votes and shares do", doubtful=True)
    if positive and array.max() <= 1:
        return Look("logits", "numbers from 0 to 1 that do not sum to 1", doubtful=True)
    return Look("logits", f"rows sum to {sums.min():.3g} to {sums.max():.3g}")


def form_of(array: NDArray[np.float64]) -> Literal["probabilities", "logits"]:
    """Return the form of rows of scores. Raises ModelError where no form, or more than one, fits."""
    found = look_at(array)
    if found.refused:
        raise ModelError(
            f"model: must answer probabilities that sum to 1, or logits, got neither: {found.says}. {DECLARE}"
        )
    return found.form


def as_probabilities(array: NDArray[np.float64], form: str | None) -> tuple[NDArray[np.float64], list[str | None]]:
    """Return rows as probabilities that sum to 1 exactly, and what is wrong with rows of another form than ``form``."""
    wrong: list[str | None] = [None] * len(array)
    if form == "logits":
        shifted = np.exp(array - array.max(axis=1, keepdims=True))
        if array.shape[1] > 2:
            inside = (array > 0).all(axis=1) & (array < 1).all(axis=1)
            for i in np.flatnonzero(inside & (np.abs(array.sum(axis=1) - 1) < _SOFTMAX)):
                wrong[i] = "probabilities, where the model answered logits on clean input"
        return shifted / shifted.sum(axis=1, keepdims=True), wrong
    proper = sums_to_one(array)
    safe = np.maximum(array, 0.0)
    whole = safe.sum(axis=1, keepdims=True)
    if proper.all():
        return safe / whole, wrong
    total = array.sum(axis=1)
    for i in np.flatnonzero(~proper):
        wrong[i] = f"probabilities sum to {total[i]:.3g}" if array[i].min() >= _BELOW else "a probability below 0"
    return np.where(whole > 0, safe / np.where(whole > 0, whole, 1), 1 / array.shape[1]), wrong
