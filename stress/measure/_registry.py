"""The tables by name: what each holds, its columns, and who fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from perturbations import InputError
from perturbations._errors import nearest
from stress.engine._folder import Run
from stress.measure._attacks import ATTACKS, attack_rows, worst_curves
from stress.measure._cells import CELLS, empty_rows, linear_rows
from stress.measure._confidence import (
    CALIBRATION,
    RELIABILITY,
    RISK,
    calibration_rows,
    reliability_rows,
    risk_rows,
)
from stress.measure._consistency import CONSISTENCY, consistency_rows
from stress.measure._context import Context, options
from stress.measure._contributions import CONTRIBUTIONS, contribution_rows
from stress.measure._counts import (
    CLASSES,
    CONFUSION,
    class_table,
    confusion_rows,
    count_metrics,
    count_rows,
    count_values,
)
from stress.measure._detection import detection_rows, macro_rows
from stress.measure._distortion import DISTORTION, distortion_rows
from stress.measure._frame import Frame
from stress.measure._groups import GAPS, GROUPS, gap_rows, group_rows
from stress.measure._operation import FAILED, LATENCY, failure_rows, latency_rows
from stress.measure._relative import RELATIVE, relative_rows
from stress.measure._robustness import CURVES, ROBUSTNESS, curve_rows, robustness_rows
from stress.measure._sequences import SEQUENCES, sequence_rows
from stress.measure._stability import DRAWS, STABILITY, draw_rows, stability_rows
from stress.measure._tables import Columns, build
from stress.measure._timeline import TIMELINE, timeline_rows

__all__ = ["BLOCKWISE", "TABLES", "Table", "context_of", "make", "table"]


@dataclass(frozen=True)
class Table:
    """One table: what it answers, and its columns with their type and meaning."""

    about: str
    columns: Columns
    fill: Callable[[Context], list[dict[str, Any]] | pa.Table]

    @property
    def documented(self) -> Mapping[str, str]:
        """Meaning of each column."""
        return {name: meaning for name, (_, meaning) in self.columns.items()}


def _cells(context: Context) -> list[dict[str, Any]]:
    if context.frame.large:
        return [*linear_rows(context), *_unread(context)]
    found = [*linear_rows(context), *count_rows(context), *latency_rows(context)]
    if context.frame.task == "classification":
        found += calibration_rows(context)
    return [*found, *macro_rows(context)] if context.classes else found


def _unread(context: Context) -> list[dict[str, Any]]:
    """Return rows of the metrics that a run too large for memory is not read for, which say so."""
    names = [*count_metrics(context.frame.task), "latency_p50_ms", "latency_p95_ms"]
    names += ["ece"] if context.frame.task == "classification" else []
    return [row for name in names for row in empty_rows(context, name, context.frame.refusal)]


def _classes(context: Context) -> pa.Table:
    counted = class_table(context)
    ranked = detection_rows(context)
    return pa.concat_tables([counted, build(ranked, CLASSES)]) if ranked else counted


def _curves(context: Context) -> list[dict[str, Any]]:
    chosen = {context.headline.name: context.headline, **{metric.name: metric for metric in context.metrics}}
    if context.frame.large:
        return curve_rows(context, list(chosen.values()))
    chosen |= {
        name: context.metric(name) for name in ("balanced_accuracy", "f1_macro", "mcc") if name in context.others
    }
    return [*curve_rows(context, list(chosen.values())), *worst_curves(context)]


TABLES: Mapping[str, Table] = {
    "attacks": Table("each attack, plain chance and the worst case within the same budget", ATTACKS, attack_rows),
    "cells": Table(
        "every cell and every metric; drop and retention are the headline's, paired with clean", CELLS, _cells
    ),
    "curves": Table("each metric against severity, with its interval and a simultaneous band", CURVES, _curves),
    "classes": Table("recall, precision, F1, AUROC and average precision of every class and cell", CLASSES, _classes),
    "confusion": Table("how often each true class got each answer, in every cell", CONFUSION, confusion_rows),
    "calibration": Table("confidence against accuracy in every cell", CALIBRATION, calibration_rows),
    "reliability": Table("reliability diagrams: accuracy by confidence, in every cell", RELIABILITY, reliability_rows),
    "risk_coverage": Table("the error rate among the surest answers, in every cell", RISK, risk_rows),
    "groups": Table("the headline of every group and intersection, and against everybody else", GROUPS, group_rows),
    "gaps": Table("best against worst group in every cell, and whether stress widens the gap", GAPS, gap_rows),
    "contributions": Table("what each stream and each pair is worth", CONTRIBUTIONS, contribution_rows),
    "consistency": Table("do the streams agree, and whom does the model follow", CONSISTENCY, consistency_rows),
    "stability": Table(
        "answers that change: from clean, step by step, and from draw to draw", STABILITY, stability_rows
    ),
    "draws": Table("variance between draws apart from variance between samples", DRAWS, draw_rows),
    "relative": Table("robustness beside AlexNet's (CE, mCE) or another run's", RELATIVE, relative_rows),
    "sequences": Table("the headline with intervals that hold however often a run is read", SEQUENCES, sequence_rows),
    "timeline": Table("the headline over time, where severity follows the order of the data", TIMELINE, timeline_rows),
    "robustness": Table("each scenario in single numbers, of the headline metric", ROBUSTNESS, robustness_rows),
    "distortion": Table("how far inputs were from the clean ones, in every cell", DISTORTION, distortion_rows),
    "failures": Table("records without a usable answer, by cell, kind and message", FAILED, failure_rows),
    "latency": Table("time a call of the model takes, in every cell", LATENCY, latency_rows),
}


BLOCKWISE = ("cells", "curves", "robustness", "failures", "contributions", "relative")
"""The tables of a run that is too large for memory: it is read in blocks of samples for them."""


def context_of(run: Run, **given: Any) -> Context:
    """Return what the tables of a run share; samples cluster as the run declares, unless it is said here."""
    given.setdefault("cluster", run.info.get("cluster"))
    chosen = options(given)
    frame = Frame(run, chosen.limit)
    others = {name: partial(count_values, name=name) for name in count_metrics(frame.task)}
    return Context(frame, chosen, others)


def make(context: Context, name: str) -> pa.Table:
    """Return one table from what is already loaded. Raises InputError where there is none of that name."""
    if name not in TABLES:
        raise InputError(f"measure: table must be one of {', '.join(TABLES)}, got {name!r}. {nearest(name, TABLES)}")
    if context.frame.large and name not in BLOCKWISE:
        raise InputError(f"measure: table {name} {context.frame.refusal}. Others: {', '.join(BLOCKWISE)}.")
    filled = TABLES[name].fill(context)
    return filled if isinstance(filled, pa.Table) else build(filled, TABLES[name].columns)


def table(run: Run, name: str, **given: Any) -> pa.Table:
    """Return a table of a run: ``TABLES`` names them and documents their columns.

    Options: ``cluster`` (the group whose samples are drawn together), ``confidence`` (0.95), ``resamples`` (2000),
    ``seed``, ``metric`` (the headline), ``break_at`` (share of clean) or ``bar`` (absolute), ``top_k``, ``bins``,
    ``by`` (groups to slice by), ``small`` (samples under which a group is marked), ``goals``, ``reference`` (a run),
    ``limit`` (20 million): a run of more records is read in blocks of samples, with the same weights and results, for
    the tables named in ``BLOCKWISE``; others need all records in memory and raise InputError.
    A number that is undefined is null, and the column ``note`` says why. Raises InputError for an unknown table,
    option, group or metric.
    """
    return make(context_of(run, **given), name)
