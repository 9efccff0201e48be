"""Metrics of labels: right or wrong, sure or unsure, counted by class and ranked by score."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from stress.records.metric import HOUSE, Metric, register
from stress.statistics.arrays import Floats, Ints
from stress.statistics.calibration import brier_decomposition, calibration_error, debiased_error, temperature
from stress.statistics.counts import MEASURES, measure_by_class
from stress.statistics.ranks import aurc, auroc, average_precision, by_jackknife
from stress.tasks.metrics.every import FAILURES, LATENCY

__all__ = ["CLASSIFICATION", "MULTILABEL"]

_row = partial(Metric, module=f"{HOUSE}.labels")
Told = tuple[Any, Floats | None]
"""A value, and each record's influence on it (None: it has none, or they are to be found); ``rowwise``: of each row."""


def _overconfidence(confidence: Floats, right: Floats, _: int) -> Told:
    apart = confidence - right
    mean = apart.mean(axis=-1)
    return mean, (apart - mean[..., None]) / apart.shape[-1]


def _ece(confidence: Floats, right: Floats, bins: int, kind: str) -> Told:
    return calibration_error(confidence, right, bins, kind)


def _debiased(confidence: Floats, right: Floats, bins: int) -> Told:
    return debiased_error(confidence, right, bins), None


class _Parts:
    """Several metrics that one function of the same answers gives: asked one after the other, it works once."""

    def __init__(self, work: Callable[[Floats, Floats], tuple[float, ...]]) -> None:
        self._work, self._last = work, threading.local()

    def __call__(self, confidence: Floats, right: Floats) -> tuple[float, ...]:
        known = getattr(self._last, "known", None)
        if known is None or known[0]() is not confidence or known[1]() is not right:
            known = weakref.ref(confidence), weakref.ref(right), self._work(confidence, right)
            self._last.known = known
        found: tuple[float, ...] = known[2]
        return found


_brier = _Parts(brier_decomposition)


def _brier_part(confidence: Floats, right: Floats, _: int, part: int) -> Told:
    return _brier(confidence, right)[part], None


def _temperature(probabilities: Floats, target: Ints, _: int) -> Told:
    return temperature(probabilities, target), None


def _surest(confidence: Floats, right: Floats, member: Ints, parts: Floats) -> Floats:
    return by_jackknife(confidence, np.ones(len(right)), 1 - right, member, parts)


def _first(scores: Floats, positive: Floats, member: Ints, parts: Floats) -> Floats:
    return by_jackknife(scores, positive, positive, member, parts)


_MEANS = (
    _row("accuracy", top="score"),
    _row("nll", top="nll", better="lower", failed=None, high=math.inf, unit="nats"),
    _row(
        "brier",
        top="brier",
        better="lower",
        failed=None,
        high=math.inf,
        unit="squared probability",
        source="brier1950",
    ),
    _row("mean_confidence", top="confidence", failed=None),
    _row("mean_margin", top="margin", failed=None, low=-math.inf, high=math.inf, unit=""),
)
_FLIP = _row("flip_rate", top="flip", better="lower", failed=1.0)
_TOP = _row("top_{k}", top="hit_{k}")
_CURVED = ("balanced_accuracy", "f1_macro")
_COUNTS = tuple(
    _row(name, "counts", function=MEASURES[name], curve=name in _CURVED, undefined="undefined: nothing of any class")
    for name in MEASURES
    if name != "mcc"
)
_MCC = _row(
    "mcc",
    "counts",
    function=MEASURES["mcc"],
    low=-1.0,
    unit="",
    undefined="undefined: all truths, or all answers, are of one class (elsewhere counted as 0)",
    source="gorodkin2004",
)
_BY_CLASS = tuple(
    _row(name, "counts", function=partial(measure_by_class, name), base=base, curve=False, undefined=undefined)
    for name, base, undefined in (
        ("recall", ("truths",), "no sample of this class"),
        ("precision", ("answers",), "the class is never answered"),
        ("f1", ("truths", "answers"), "no sample of this class"),
    )
)
_sure = partial(_row, kind="confidence", failed=None, curve=False, undefined="undefined")
_CONFIDENCE = (
    _sure(
        "ece",
        function=partial(_ece, kind="width"),
        rowwise=True,
        bins="width",
        better="lower",
        source="guo2017",
    ),
    _sure("ece_equal_mass", function=partial(_ece, kind="mass"), rowwise=True, bins="mass", better="lower"),
    _sure("overconfidence", function=_overconfidence, rowwise=True, low=-1.0, better="lower"),
    _sure(
        "aurc",
        function=lambda c, r, _: aurc(c, 1 - r),
        clustered=_surest,
        rare=3.0,  # one that is surer than 95 % of the answers; the mean one adds 1
        better="lower",
        source="geifman2017",
    ),
    _sure(
        "auroc_confidence",
        function=lambda c, r, _: auroc(c, r > 0.5),
        rowwise=True,
        both_kinds=True,
        undefined="undefined: the answers are all right or all wrong",
    ),
    _sure("calibration_error_debiased", function=_debiased, rowwise=True, interval=False, better="lower"),
    _sure("brier_miscalibration", function=partial(_brier_part, part=0), rowwise=True, interval=False, better="lower"),
    _sure("brier_discrimination", function=partial(_brier_part, part=1), rowwise=True, interval=False),
    _sure("brier_uncertainty", function=partial(_brier_part, part=2), rowwise=True, interval=False),
    _sure(
        "temperature",
        function=_temperature,
        columns=("probabilities",),
        interval=False,
        high=math.inf,
        undefined="no temperature calibrates: all right, or no better than chance",
        source="guo2017",
    ),
)
_RANKS = (
    _row("auroc", "rank", function=auroc, failed=None, curve=False, undefined="undefined: one class only"),
    _row(
        "average_precision",
        "rank",
        function=average_precision,
        clustered=_first,
        failed=None,
        curve=False,
        undefined="undefined: one class only",
    ),
)
_SETS = (
    _row("f1_samples", top="f1"),
    _row("exact_match", top="score"),
    _row("jaccard", top="jaccard"),
    _row("hamming_loss", top="hamming", better="lower", failed=1.0),
)

CLASSIFICATION = (*_MEANS, _FLIP, *FAILURES, _TOP, *_COUNTS, _MCC, *_BY_CLASS, *LATENCY, *_CONFIDENCE, *_RANKS)
MULTILABEL = (
    *_SETS,
    _FLIP,
    *FAILURES,
    *(row for row in _COUNTS if row.name != "balanced_accuracy"),
    *_BY_CLASS,
    *LATENCY,
    *_RANKS,
)
for _each in {row.name: row for row in (*CLASSIFICATION, *MULTILABEL) if row.module.endswith("labels")}.values():
    register(_each)
