"""The tables by name: what each holds, its columns, and who fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from perturbations import InputError
from perturbations.errors import nearest
from stress.measure.core.context import Context, Options, Values, declared_of, options
from stress.measure.core.counted import count_values
from stress.measure.core.rows import Columns, build, tabled
from stress.measure.core.sections import Fill, Section, apart, beside_clean, filled, for_headline
from stress.measure.tables.attacks import ATTACKS, MINIMAL, attack_rows, budgets, minimal_rows, worst_curves
from stress.measure.tables.balance import BALANCE, balance_rows
from stress.measure.tables.calibration import CALIBRATION, calibration_table
from stress.measure.tables.cells import CELLS, linear_table
from stress.measure.tables.classes import CLASSES, CONFUSION, class_table, confusion_rows
from stress.measure.tables.confidence import RELIABILITY, RISK, reliability_table, risk_table
from stress.measure.tables.consistency import CONSISTENCY, beside_single, consistency_rows
from stress.measure.tables.contributions import CONTRIBUTIONS, contribution_rows
from stress.measure.tables.cost import COST, cost_rows
from stress.measure.tables.counts import count_table
from stress.measure.tables.detection import detection_rows, macro_rows
from stress.measure.tables.distortion import DISTORTION, distortion_rows
from stress.measure.tables.dropping import DROPPING, beside_dropped, dropping_rows
from stress.measure.tables.groups import GAPS, GROUPS, gap_rows, group_rows
from stress.measure.tables.labelnoise import LABEL_NOISE, label_noise_rows
from stress.measure.tables.operation import FAILED, LATENCY, failure_rows, latency_rows
from stress.measure.tables.relative import RELATIVE, relative_rows
from stress.measure.tables.robustness import CURVES, ROBUSTNESS, curve_table, robustness_rows
from stress.measure.tables.sequences import SEQUENCES, sequence_rows
from stress.measure.tables.severities import SEVERITIES, by_severity, severity_rows
from stress.measure.tables.signals import SIGNALS, beside_alone, signal_rows
from stress.measure.tables.stability import DRAWS, STABILITY, draw_rows, flip_table, step_table, whole_curves
from stress.measure.tables.stopped import as_stopped
from stress.measure.tables.timeline import TIMELINE, timeline_rows
from stress.records.frame import Frame
from stress.records.source import Source

__all__ = ["TABLES", "Table", "context_of", "counted_values", "make", "make_all"]


@dataclass(frozen=True)
class Table:
    """One table: what it answers, its columns with their type and meaning, and who fills it, one after the other.

    What is no ``Section`` reads a large run itself, in blocks of samples; sections are filled portion by portion.
    """

    about: str
    columns: Columns
    fills: tuple[Fill | Section, ...]

    @property
    def documented(self) -> Mapping[str, str]:
        """Meaning of each column."""
        return {name: meaning for name, (_, meaning) in self.columns.items()}


def _surely(context: Context) -> list[dict[str, Any]] | pa.Table:
    return _calibration(context) if context.of_kind("confidence") else []


def _calibration(context: Context) -> pa.Table:
    return context.once(calibration_table)  # two tables have these rows


def _macro(context: Context) -> list[dict[str, Any]]:
    return macro_rows(context) if context.classes else []


def _ranked(context: Context) -> pa.Table:
    return build(sorted(detection_rows(context), key=lambda row: str(row["metric"])), CLASSES)


def _curves(context: Context) -> pa.Table:
    chosen = {context.headline.name: context.headline, **{metric.name: metric for metric in context.metrics}}
    chosen |= {metric.name: metric for metric in context.of_kind("counts") if metric.curve}
    return pa.concat_tables([curve_table(context, list(chosen.values())), build(worst_curves(context), CURVES)])


def _robustness(context: Context) -> list[dict[str, Any]]:
    return context.once(robustness_rows)  # the summary asks for them too


def _one(fill: Fill) -> tuple[Section]:
    return (Section(fill, apart),)


_CELLS = (
    Section(count_table, apart, ("metric",)),
    Section(latency_rows, apart),
    Section(cost_rows, apart),
    Section(_surely, apart),
    Section(_macro, apart),
)
_BY_CLASS = (Section(class_table, apart, ("metric",)), Section(_ranked, apart, ("metric",)))
_GROUPS = Section(group_rows, for_headline, ("by", "group"))
_STEPS = Section(step_table, whole_curves)

TABLES: Mapping[str, Table] = {
    "attacks": Table(
        "each attack, plain chance and the worst case within the same budget", ATTACKS, (Section(attack_rows, budgets),)
    ),
    "minimal": Table(
        "how small a change is enough: quantiles over samples", MINIMAL, (Section(minimal_rows, budgets),)
    ),
    "cells": Table(
        "every cell and every metric; drop and retention are the headline's, paired with clean",
        CELLS,
        (linear_table, *_CELLS),
    ),
    "curves": Table("each metric against severity, with its interval and a simultaneous band", CURVES, (_curves,)),
    "classes": Table("recall, precision, F1, AUROC and average precision of every class and cell", CLASSES, _BY_CLASS),
    "confusion": Table("how often each true class got each answer, in every cell", CONFUSION, _one(confusion_rows)),
    "calibration": Table("confidence against accuracy in every cell", CALIBRATION, _one(_calibration)),
    "reliability": Table(
        "reliability diagrams: accuracy by confidence, in every cell", RELIABILITY, _one(reliability_table)
    ),
    "risk_coverage": Table("the error rate among the surest answers, in every cell", RISK, _one(risk_table)),
    "groups": Table("the headline of every group and pair (of 12 at most), and against all others", GROUPS, (_GROUPS,)),
    "gaps": Table(
        "best against worst group in every cell, and whether stress widens the gap",
        GAPS,
        (Section(gap_rows, beside_clean, ("by",)),),
    ),
    "balance": Table("is each stream's share within its goal, clean and under stress", BALANCE, (balance_rows,)),
    "contributions": Table("what each stream and each pair is worth", CONTRIBUTIONS, (contribution_rows,)),
    "dropping": Table(
        "what dropping a degraded stream would buy, in every cell", DROPPING, (Section(dropping_rows, beside_dropped),)
    ),
    "consistency": Table(
        "do the streams agree, and whom does the model follow",
        CONSISTENCY,
        (Section(consistency_rows, beside_single, ("fill",)),),
    ),
    "stability": Table(
        "answers that change: from clean, step by step, and from draw to draw",
        STABILITY,
        (Section(flip_table, beside_clean), _STEPS),
    ),
    "draws": Table(
        "variance between draws apart from variance between samples", DRAWS, (Section(draw_rows, for_headline),)
    ),
    "relative": Table("robustness beside AlexNet's (CE, mCE) or another run's", RELATIVE, (relative_rows,)),
    "sequences": Table(
        "the headline with intervals that hold however often a run is read",
        SEQUENCES,
        (Section(sequence_rows, for_headline),),
    ),
    "timeline": Table(
        "the headline over time, where severity follows the order of the data",
        TIMELINE,
        (Section(timeline_rows, beside_clean),),
    ),
    "severities": Table(
        "how unequal one severity is: the harshest scenario of a modality against its mildest",
        SEVERITIES,
        (Section(severity_rows, by_severity),),
    ),
    "robustness": Table("each scenario in single numbers, of the headline metric", ROBUSTNESS, (_robustness,)),
    "signals": Table(
        "which measures of a stream's quality tell that it is degraded, in every cell",
        SIGNALS,
        (Section(signal_rows, beside_alone),),
    ),
    "distortion": Table("how far inputs were from the clean ones, in every cell", DISTORTION, _one(distortion_rows)),
    "failures": Table("records without a usable answer, by cell, kind and message", FAILED, (failure_rows,)),
    "cost": Table("what answering costs in every cell, where a run measured it", COST, _one(cost_rows)),
    "label_noise": Table(
        "right answers, and classes, if some labels were wrong: bounds, or a point where it is known how they fall",
        LABEL_NOISE,
        _one(label_noise_rows),
    ),
    "latency": Table("time a call of the model takes, in every cell", LATENCY, _one(latency_rows)),
}


def context_of(run: Source, beside: Context | None = None, **given: Any) -> Context:
    """Return what the tables of a run share; samples cluster as the run declares, unless it is said here.

    ``beside`` is what the run is a part or a view of: what both have to resample waits for one draw.
    """
    given.setdefault("cluster", run.info.get("cluster"))
    chosen = options(given)
    if beside is None:
        frame = Frame(run, chosen.limit)
        return Context(frame, chosen, counted_values(frame, chosen))
    same = run.samples is beside.frame.run.samples
    frame = Frame(run, chosen.limit, known=beside.frame.sample_table if same else None)
    return Context(frame, chosen, counted_values(frame, chosen), draw=beside.draw)


def counted_values(frame: Frame, chosen: Options) -> Mapping[str, Callable[[Context], Values]]:
    """Return how the values of a run's measures of counts are worked out, by name."""
    counts = [metric for metric in declared_of(frame, chosen.top_k) if metric.kind == "counts" and not metric.base]
    return {metric.name: partial(count_values, name=metric.name) for metric in counts}


def make(context: Context, name: str) -> pa.Table:
    """Return one table from what is already loaded. Raises InputError where there is none of that name."""
    return make_all(context, [name])[name]


def make_all(context: Context, names: Sequence[str]) -> dict[str, pa.Table]:
    """Return several tables: those of a large run share what is read for them."""
    for name in names:
        if name not in TABLES:
            raise InputError(
                f"measure: table must be one of {', '.join(TABLES)}, got {name!r}. {nearest(name, TABLES)}"
            )
    each = [(name, fill, TABLES[name].columns) for name in names for fill in TABLES[name].fills]
    sliced = iter(filled(context, [(fill, columns) for _, fill, columns in each if isinstance(fill, Section)]))
    found: dict[str, list[pa.Table]] = {name: [] for name in names}
    for name, fill, columns in each:
        found[name].append(next(sliced) if isinstance(fill, Section) else tabled(fill(context), columns))
    return {name: as_stopped(context, name, pa.concat_tables(tables)) for name, tables in found.items()}
