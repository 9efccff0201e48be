"""Robustness in one number, as the field defines it: each a pure function of metric values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.statistics.arrays import Floats

__all__ = [
    "Reference",
    "alexnet",
    "area",
    "corruption_error",
    "effective_robustness",
    "first_below",
    "flip_probability",
    "mean_over_corruptions",
    "mmi",
    "relative_corruption_error",
    "relative_robustness",
    "rra",
    "werd",
]

Array = NDArray[Any]


@dataclass(frozen=True)
class Reference:
    """Error rates that corruption errors are divided by: per corruption and severity, and clean."""

    source: str
    profile: str
    clean: float
    corruptions: Mapping[str, tuple[float, ...]]


@lru_cache(maxsize=1)
def alexnet() -> Reference:
    """Return AlexNet's error rates on ImageNet-C, the denominators of mCE (Hendrycks & Dietterich 2019)."""
    facts = json.loads(files("stress.statistics").joinpath("facts/alexnet.json").read_text(encoding="utf-8"))
    table = {name: tuple(errors) for name, errors in facts["corruptions"].items()}
    return Reference(facts["source"], facts["profile"], facts["clean"], table)


def corruption_error(errors: Array, reference: Array) -> Array:
    """Return CE: the errors of a corruption, summed over severities (last axis), over the reference's."""
    return errors.sum(axis=-1) / reference.sum(axis=-1)


def relative_corruption_error(errors: Array, clean: Array, reference: Array, reference_clean: Array) -> Array:
    """Return relative CE: how much a corruption *adds* to the error, over what it adds to the reference's."""
    return (errors - clean[..., None]).sum(axis=-1) / (reference - reference_clean[..., None]).sum(axis=-1)


def mean_over_corruptions(values: Array) -> Array:
    """Return the mean over corruptions (last axis): mCE of CEs, relative mCE of relative CEs."""
    return values.mean(axis=-1)


def mmi(clean: Array, perturbed: Array) -> Array:
    """Return the multimodal impact score (Qiu et al. 2024): the share of the clean score that is lost."""
    return (clean - perturbed) / clean


def rra(values: Array, baseline: Array) -> Array:
    """Return relative robust accuracy: performance summed over severities (last axis) over a baseline's, minus 1."""
    return values.sum(axis=-1) / baseline.sum(axis=-1) - 1


def relative_robustness(values: Array, levels: Sequence[float]) -> Array:
    """Return MultiBench's relative robustness: the area under performance (last axis) against level, by trapezoids."""
    widths = np.diff(np.asarray(levels, float))
    return ((values[..., 1:] + values[..., :-1]) / 2) @ widths


def area(values: Array, levels: Sequence[float]) -> Array:
    """Return the area under the curve over its width: the mean performance over the levels."""
    return relative_robustness(values, levels) / (levels[-1] - levels[0])


def effective_robustness(values: Array, late_fusion: Array) -> Array:
    """Return MultiBench's effective robustness: what is left of a lead over late fusion, beyond the lead when clean.

    Σ over levels (last axis, clean first) of f − (LF + f(0) − LF(0)).
    """
    return (values - late_fusion - (values[..., :1] - late_fusion[..., :1])).sum(axis=-1)


def werd(perturbed: Array, clean: Array) -> Array:
    """Return the word error rate degradation of Speech Robust Bench: what a perturbation adds, never negative."""
    return np.maximum(perturbed - clean, 0.0)


def flip_probability(predictions: Array, against_first: bool = False) -> Array:
    """Return the share of steps (last axis) at which the prediction changes: against the step before or the first.

    mFR divides it by AlexNet's (Hendrycks & Dietterich 2019, ImageNet-P: the first frame for noise).
    """
    before = predictions[..., :1] if against_first else predictions[..., :-1]
    return (predictions[..., 1:] != before).mean(axis=-1)


def first_below(values: Floats, severities: Sequence[float], bar: Floats) -> Floats:
    """Return where (rows × points) curves first fall below a bar, interpolated; inf where they never do.

    A bar that is not reached even at the first point gives that point's severity.
    """
    below = values < bar[:, None]
    first = below.argmax(axis=1)
    rows, at = np.arange(len(values)), np.asarray(severities, float)
    before = np.maximum(first - 1, 0)
    above, under = values[rows, before], values[rows, first]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(first > 0, (above - bar) / (above - under), 0.0)
    found = at[before] + share * (at[first] - at[before])
    found = np.where(below.any(axis=1), found, np.inf)
    return np.where(np.isnan(values).any(axis=1) | np.isnan(bar), np.nan, found)
