"""Robustness beside somebody else's: AlexNet's errors (CE, mCE) or another run (RRA, effective robustness, NWERD)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import InputError, RunError
from stress.measure.core.cells import absent
from stress.measure.core.context import Context, Options, Values
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.tables.curves import Curve, curves
from stress.records.frame import Frame
from stress.records.metric import Metric
from stress.records.pairing import Pair, content, paired, who
from stress.records.source import Source
from stress.statistics.robustness import (
    alexnet,
    corruption_error,
    effective_robustness,
    relative_corruption_error,
    rra,
    werd,
)

__all__ = ["RELATIVE", "relative_rows"]

_ABOUT = ("scenario", "stream", "modality", "perturbation", "profile", "fallback")
RELATIVE: Mapping[str, tuple[pa.DataType, str]] = {
    **{name: CELL[name] for name in _ABOUT},
    "measure": (
        pa.string(),
        "error, ce, relative_ce; over corruptions mean_error, mce, relative_mce; against a run rra, "
        "effective_robustness, flip_rate_ratio, werd, nwerd",
    ),
    "kind": (
        pa.string(),
        "raw, normalised (over the reference) or relative (what is added to clean, over that)",
    ),
    "reference": (pa.string(), "whose numbers are divided by or subtracted"),
    "corruptions": (pa.int64(), "how many corruptions a mean is over"),
    **INTERVAL,
}
_ALEXNET = "AlexNet, ImageNet-C"
_KINDS = {"error": "raw", "ce": "normalised", "relative_ce": "relative"}
Rows = NDArray[Any]


def relative_rows(context: Context) -> list[dict[str, Any]]:
    """Return corruption errors against AlexNet (image classification), and every curve against the reference run."""
    note = absent(context, context.headline) or ("the run has no clean cell" if context.frame.clean is None else None)
    if note:
        return [{"measure": "ce", **Number(note=note).row()}]
    return [*_alexnet_rows(context), *_run_rows(context)]


def _alexnet_rows(context: Context) -> list[dict[str, Any]]:
    if context.right is None:
        return []
    table, found = alexnet().corruptions, []
    for curve in curves(context):
        name = str(curve.about["perturbation"] or "").removeprefix("image.")
        pure = not curve.about["fallback"] and not curve.about["lost"]  # a lost stream is no corruption of an image
        if name in table and curve.severities == (1.0, 2.0, 3.0, 4.0, 5.0) and pure:
            found.append((name, curve))
    if not found:
        note = "no scenario is one of the fifteen corruptions at severities 1 to 5"
        return [{"measure": "mce", "reference": _ALEXNET, **Number(note=note).row()}]
    values, rows = context.values(context.right), []
    for name, curve in found:
        for measure in _KINDS:
            row = _row(context, values, _errors(context, [(name, curve)], measure), list(curve.cells),
                       _caveat([curve], [name]))  # fmt: skip
            about = {key: curve.about[key] for key in _ABOUT} | {"measure": measure, "kind": _KINDS[measure]}
            rows.append({**about, "reference": _ALEXNET, **row})
    whole = {"error": "mean_error", "ce": "mce", "relative_ce": "relative_mce"}
    cells = [cell for _, curve in found for cell in curve.cells]
    for measure, mean in whole.items():
        note = _caveat([curve for _, curve in found], [name for name, _ in found], len(table))
        row = _row(context, values, _errors(context, found, measure), cells, note)
        about = {"measure": mean, "kind": _KINDS[measure], "reference": _ALEXNET, "corruptions": len(found)}
        rows.append({**about, **row})
    return rows


def _errors(context: Context, found: Sequence[tuple[str, Curve]], measure: str) -> Callable[[Rows], Rows]:
    """Return the mean over corruptions of an error measure, as a function of (rows × cells) accuracies."""
    facts, clean = alexnet(), context.frame.clean

    def each(rows: Rows, name: str, curve: Curve) -> Rows:
        errors = 1 - np.asarray(rows[:, list(curve.cells)], np.float64)
        reference = np.array(facts.corruptions[name])
        if measure == "error":
            return errors.mean(axis=1)
        if measure == "ce":
            return corruption_error(errors, reference)
        before = 1 - np.asarray(rows[:, clean], np.float64)
        return relative_corruption_error(errors, before, reference, np.array(facts.clean))

    return lambda rows: np.mean([each(rows, name, curve) for name, curve in found], axis=0)[:, None]


def _caveat(found: Sequence[Curve], names: Sequence[str], of: int = 1) -> str:
    """Return what one must know before comparing with published numbers: a mean is ``of`` so many corruptions."""
    profiles = sorted({str(curve.about["profile"] or "none") for curve in found})
    said = [f"profile {', '.join(profiles)}"]
    if len(set(names)) < of:
        said.append(f"{len(set(names))} of {of} corruptions")
    if "frost" in names:
        said.append("frost textures are procedural, not ImageNet-C's photographs")
    said.append("comparable with published values on ImageNet's validation images only")
    return "; ".join(said)


def _row(
    context: Context,
    values: Values,
    function: Callable[[Rows], Rows],
    cells: Sequence[int],
    note: str | None = None,
) -> dict[str, Any]:
    """Return a function of the cells' values with its interval; ``note`` says what to know where it is defined."""
    value, bounds = values.apply(function)
    counts = context.counts
    n, failed = int(counts["n"][list(cells)].sum()), int(counts["failed"][list(cells)].sum())
    number = Number(value[0], bounds.low[0], bounds.high[0], n, failed)
    if np.isfinite(value[0]):
        number = replace(number, method=bounds.method, few=bounds.few, note=note)
    else:
        number = replace(number, note="undefined: a cell has no records, or the reference loses nothing")
    return {"metric": values.metric.name, **number.row()}


def _run_rows(context: Context) -> list[dict[str, Any]]:
    metric = context.headline
    if context.options.reference is None:
        if metric.name != "wer":
            return []
        return [row for curve in curves(context) for row in _degradation(context, curve, None)]
    pair = _same_samples(context.options.reference, context.frame.run, context.options.cluster)
    other = _other(context, context.options.reference)
    rows = []
    for curve in curves(context):
        gone = [context.frame.ids[i] for i in curve.cells if context.frame.ids[i] not in pair.cells]
        if gone:
            about = {key: curve.about[key] for key in _ABOUT}
            how = "means another condition by" if gone[0] in other.frame.ids else "has no"
            missing = Number(note=f"the reference run {how} cell {gone[0]}")
            rows.append({**about, "measure": "rra", **missing.row()})
        elif metric.name == "wer":
            rows += _degradation(context, curve, other)
        elif metric.better == "higher":
            rows += _against(context, curve, other)
    return rows


def _same_samples(reference: Source, run: Source, cluster: str | None) -> Pair:
    """Return which cells mean the same in the reference run. Raises RunError where it looked at other samples."""
    pair = paired(reference, run, common=True, cluster=cluster)
    old, new = set(who(reference, run)), set(who(run, reference))
    if old != new or content(reference) != content(run):
        raise RunError(
            f"measure: reference must be a run on the same samples as {run.path}, got {reference.path}, which shares "
            f"{len(old & new)} of {len(new)}{'' if old != new else ' by name, with another content'}."
        )
    return pair


def _other(context: Context, run: Source) -> Context:
    """Return the reference run in the same terms. Raises InputError where it has no clean cell."""
    o = context.options
    chosen = Options(
        cluster=o.cluster, confidence=o.confidence, resamples=o.resamples, seed=o.seed, metric=o.metric, limit=o.limit
    )
    other = Context(Frame(run, o.limit), chosen, context.others, draw=context.draw)
    if other.frame.clean is None:
        raise InputError("measure: reference must have a clean cell, got a run without one.")
    return other


def _both(context: Context, other: Context, metric: Metric) -> tuple[Values, int] | None:
    """Return our values and the reference's side by side; samples that both have are resampled alike."""
    ours, theirs = context.values(metric), other.values(metric)
    if (ours.few or theirs.few) and context.clusters.ids != other.clusters.ids:
        return None

    def rows() -> Rows:
        return np.concatenate([ours.rows, theirs.rows], axis=1)

    point = np.concatenate([ours.point, theirs.point])
    fewest = min(ours.clusters, theirs.clusters)
    return Values(ours.metric, point, rows, fewest, ours.few, ours.confidence), len(ours.point)


def _against(context: Context, curve: Curve, other: Context) -> list[dict[str, Any]]:
    """Return RRA and effective robustness of a curve against the reference run's same cells."""
    about = {key: curve.about[key] for key in _ABOUT} | {"reference": str(other.frame.run.path.name)}
    pair = context.once(_both, other, context.headline)
    if pair is None:
        missing = Number(note="few clusters, and the two runs' differ: no paired interval")
        return [{**about, "measure": "rra", **missing.row()}]
    values, width = pair
    place = {name: width + i for i, name in enumerate(other.frame.ids)}
    mine, theirs = list(curve.cells), [place[context.frame.ids[i]] for i in curve.cells]
    here, there = [int(context.frame.clean or 0), *mine], [width + int(other.frame.clean or 0), *theirs]
    functions: dict[str, tuple[str, Callable[[Rows], Rows]]] = {
        "rra": ("normalised", lambda rows: rra(rows[:, mine], rows[:, theirs])[:, None]),
    }
    if curve.severities:
        functions["effective_robustness"] = (
            "raw",
            lambda rows: effective_robustness(rows[:, here], rows[:, there])[:, None],
        )
    rows = []
    for measure, (kind, function) in functions.items():
        rows.append({**about, "measure": measure, "kind": kind, **_row(context, values, function, mine)})
    return [*rows, *_flips(context, other, about, mine, theirs)]


def _flips(
    context: Context, other: Context, about: Mapping[str, Any], mine: list[int], theirs: list[int]
) -> list[dict[str, Any]]:
    """Return the flip rate over the reference run's: the flip rate of ImageNet-P, against the clean answer."""
    known = {metric.name: metric for metric in context.metrics}
    metric = known.get("flip_rate")
    if metric is None or absent(context, metric) or absent(other, metric):
        return []
    pair = context.once(_both, other, metric)
    if pair is None:
        return []

    def ratio(rows: Rows) -> Rows:
        below = rows[:, theirs].mean(axis=1, keepdims=True)
        return np.where(below > 0, rows[:, mine].mean(axis=1, keepdims=True) / below, np.nan)

    note = "flips against the clean answer; AlexNet's flip rates are no part of this package"
    row = _row(context, pair[0], ratio, mine, note)
    return [{**about, "measure": "flip_rate_ratio", "kind": "normalised", **row}]


def _degradation(context: Context, curve: Curve, other: Context | None) -> list[dict[str, Any]]:
    """Return WERD of a curve (the mean over its cells) and, with a reference run, NWERD."""
    about = {key: curve.about[key] for key in _ABOUT}
    mine, clean = list(curve.cells), int(context.frame.clean or 0)

    def own(rows: Rows) -> Rows:
        return werd(np.asarray(rows[:, mine], np.float64), rows[:, [clean]]).mean(axis=1, keepdims=True)

    values = context.values(context.headline)
    rows = [{**about, "measure": "werd", "kind": "raw", **_row(context, values, own, mine)}]
    pair = None if other is None else context.once(_both, other, context.headline)
    if other is None or pair is None:
        return rows
    both, width = pair
    place = {name: width + i for i, name in enumerate(other.frame.ids)}
    theirs, before = [place[context.frame.ids[i]] for i in curve.cells], width + int(other.frame.clean or 0)

    def normalised(rows: Rows) -> Rows:
        below = werd(np.asarray(rows[:, theirs], np.float64), rows[:, [before]]).mean(axis=1, keepdims=True)
        return np.where(below > 0, own(rows) / below, np.nan)

    about |= {"reference": str(other.frame.run.path.name)}
    return [*rows, {**about, "measure": "nwerd", "kind": "normalised", **_row(context, both, normalised, mine)}]
