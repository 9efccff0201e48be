"""The numbers that papers report, as functions of the rates of each condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.benchmarks._sums import Condition, Rates
from stress.statistics.robustness import alexnet, corruption_error, relative_corruption_error, werd

__all__ = ["CLEAN", "CORRUPTIONS", "SEVERITIES", "corruption_numbers", "speech_numbers"]

CLEAN: Condition = ("clean", 0)
CORRUPTIONS = tuple(alexnet().corruptions)
"""The fifteen corruptions that results are reported over; the other four are for validation."""
SEVERITIES = (1, 2, 3, 4, 5)
Function = Callable[[Rates], NDArray[np.float64]]


@named_keywords
def corruption_numbers(conditions: Sequence[Condition], *, alexnet_baseline: bool = False) -> Mapping[str, Function]:
    """Return what is reported of corruptions, each a function of the accuracies in each condition.

    ``mean_corruption_accuracy`` is the mean over the fifteen corruptions and their five severities, as RobustBench has
    it (Croce et al. 2021), ``mean_corruption_error`` one minus that, the unnormalised mCE of CIFAR-10-C. With
    ``alexnet_baseline``, of ImageNet-C: ``mce``, errors summed over severities over AlexNet's, and the mean over
    corruptions (Hendrycks & Dietterich 2019); ``relative_mce`` of what corruptions add to the clean error. With a clean
    condition, ``clean_accuracy``. 1 is AlexNet's. Raises InputError where one of the 75 conditions is not there.
    """
    missing = [c for c in ((name, s) for name in CORRUPTIONS for s in SEVERITIES) if c not in conditions]
    if missing:
        raise InputError(
            f"corruption_numbers: must have the {len(CORRUPTIONS)} corruptions at severities 1 to 5, got none of "
            f"{missing[0][0]} at {missing[0][1]}{f', and {len(missing) - 1} more' if len(missing) > 1 else ''}."
        )
    found: dict[str, Function] = {}
    if CLEAN in conditions:
        found["clean_accuracy"] = lambda rates: rates[CLEAN]
    found["mean_corruption_accuracy"] = lambda rates: 1 - _errors(rates).mean(axis=(1, 2))
    found["mean_corruption_error"] = lambda rates: _errors(rates).mean(axis=(1, 2))
    if alexnet_baseline:
        found["mce"] = _mce
        if CLEAN in conditions:
            found["relative_mce"] = _relative_mce
    return found


def _errors(rates: Rates) -> NDArray[np.float64]:
    """Return the (rows × corruptions × severities) errors."""
    each = [[1 - rates[name, severity] for severity in SEVERITIES] for name in CORRUPTIONS]
    return np.moveaxis(np.array(each, np.float64), 2, 0)


def _baseline() -> NDArray[np.float64]:
    return np.array([alexnet().corruptions[name] for name in CORRUPTIONS])


def _mce(rates: Rates) -> NDArray[np.float64]:
    return np.asarray(corruption_error(_errors(rates), _baseline()).mean(axis=1), np.float64)


def _relative_mce(rates: Rates) -> NDArray[np.float64]:
    clean = np.repeat((1 - rates[CLEAN])[:, None], len(CORRUPTIONS), axis=1)
    each = relative_corruption_error(_errors(rates), clean, _baseline(), np.full(len(CORRUPTIONS), alexnet().clean))
    return np.asarray(each.mean(axis=1), np.float64)


@named_keywords
def speech_numbers(
    conditions: Sequence[Condition], *, reference: Mapping[Condition, float] | None = None
) -> Mapping[str, Function]:
    """Return what Speech Robust Bench reports, each a function of the word error rates in each condition.

    ``wer`` is the mean over perturbations and severities; with a clean condition ``clean_wer``, and ``werd``, the mean
    of what each adds to it, never negative (Shah et al. 2024). With the word error rates of a ``reference`` model –
    theirs is DeepSpeech – ``nwer`` and ``nwerd`` are the means of each condition's over the reference's; conditions in
    which that is zero have no part.
    """
    perturbed = [condition for condition in conditions if condition != CLEAN]
    if not perturbed:
        raise InputError("speech_numbers: must have a perturbed condition, got none.")
    found: dict[str, Function] = {}
    if CLEAN in conditions:
        found["clean_wer"] = lambda rates: rates[CLEAN]
    found["wer"] = lambda rates: _mean([rates[each] for each in perturbed])
    if CLEAN in conditions:
        found["werd"] = lambda rates: _mean([werd(rates[each], rates[CLEAN]) for each in perturbed])
    if reference is not None:
        if gone := [each for each in conditions if each not in reference]:
            raise InputError(
                f"speech_numbers: the reference must have every condition, got none of {gone[0][0]} {gone[0][1]}."
            )
        given = reference
        found["nwer"] = lambda rates: _over([(rates[each], given[each]) for each in perturbed])
        if CLEAN in conditions:
            found["nwerd"] = lambda rates: _over(
                [(werd(rates[each], rates[CLEAN]), max(given[each] - given[CLEAN], 0.0)) for each in perturbed]
            )
    return found


def _mean(each: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.asarray(np.mean(each, axis=0), np.float64)


def _over(pairs: Sequence[tuple[NDArray[np.float64], float]]) -> NDArray[np.float64]:
    """Return the mean of ratios, of those whose denominator is not zero."""
    ratios = [above / below for above, below in pairs if below > 0]
    return _mean(ratios) if ratios else np.full_like(pairs[0][0], np.nan)
