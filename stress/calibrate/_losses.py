"""What a panel of models loses in each cell of a suite: runs of one suite on the same samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.calibrate._curves import Curves, Found, clusters_of, curve_of, curves_of, graded, name_of, ratios
from stress.measure import measured
from stress.records.frame import Frame
from stress.records.metric import Metric
from stress.records.source import Source
from stress.records.stopping import refuse_stopped

__all__ = ["losses"]


@named_keywords
def losses(runs: Sequence[Source], metric: str | None = None) -> Curves:
    """Return what a panel of models loses: runs of one suite on the same samples, one run a model.

    Raises InputError where the panel is one model, or the runs are not of the same cells, samples, task and metric.
    """
    if len(runs) < 2:
        raise InputError(
            f"calibrate: a panel must have two models at least (three or more are advised), got {len(runs)}. Give a "
            "run of each, or calibrate by distortion."
        )
    asked = [measured(run, **({} if metric is None else {"metric": metric})) for run in runs]
    frames = [Frame(run) for run in runs]
    _same(frames, [each.task for each in asked], [each.headline.name for each in asked])
    row = asked[0].headline
    if not row.linear:
        raise InputError(f"calibrate: metric must be a mean over records, got {row.name}. Give another metric.")
    clean = frames[0].clean
    if clean is None:
        raise InputError("calibrate: the runs must have a clean cell, got none.")
    kept, reasons = graded(frames[0].cells)
    sign = 1.0 if row.better == "higher" else -1.0
    each: list[Found] = []
    for frame in frames:
        after, before = _paired(frame, row, clean)
        if not np.isfinite(after[0][clean]):
            raise InputError(f"calibrate: {frame.run.path}: clean {row.name} must be defined, got no value.")
        each.append((sign * (before[0] - after[0]), sign * (before[1] - after[1])))
    curves = []
    for name, some in kept.items():
        loss, again = np.array([found[0][some] for found in each]), np.array([found[1][:, some] for found in each])
        if np.isfinite(loss).all():
            curves.append(curve_of(frames[0].cells, name, some, loss, again, f"loss of {row.name}"))
        else:
            reasons[name] = f"{row.name} is undefined in one of its cells"
    names = tuple(name_of(frame.run) for frame in frames)
    if len(set(names)) < len(names):
        names = tuple(frame.run.path.name for frame in frames)
    return curves_of(frames, f"loss of {row.name}", names, curves, reasons)


def _paired(frame: Frame, row: Metric, clean: int) -> tuple[Found, Found]:
    """Return a metric in each cell, and in clean, over the samples that the two share: failures may leave some out."""
    top, bottom = frame.sums(row)
    there = bottom > 0
    shared = there & there[:, [clean]]
    if bool((shared == there).all() and (shared == there[:, [clean]]).all()):
        shared = np.ones_like(there)  # what has nothing below the line may have something above it
    own = clusters_of(frame)
    after = ratios(own, top * shared, bottom * shared)
    before = ratios(own, top[:, [clean]] * shared, bottom[:, [clean]] * shared)
    if row.root:
        return (np.sqrt(after[0]), np.sqrt(after[1])), (np.sqrt(before[0]), np.sqrt(before[1]))
    return after, before


def _same(frames: Sequence[Frame], tasks: Sequence[str], metrics: Sequence[str]) -> None:
    """Raise where a panel's runs cannot be read together."""
    first = frames[0]
    asks: tuple[tuple[str, Callable[[int], Any]], ...] = (
        ("one task", lambda k: tasks[k]),
        ("one metric", lambda k: metrics[k]),
        ("the same cells", lambda k: [(row.cell, row.conditions) for row in frames[k].cells]),
        ("the same samples", lambda k: sorted(frames[k].samples)),
    )
    for k, frame in enumerate(frames):
        for what, ask in asks:
            if ask(k) != ask(0):
                raise InputError(
                    f"calibrate: runs must be of {what}, got another in {frame.run.path} than in {first.run.path}."
                )
        refuse_stopped(frame.run, "calibrate")
        if not frame.run.info.get("finished", True):
            raise InputError(f"calibrate: {frame.run.path} must be a finished run. Run the same command to finish it.")
    if len({frame.run.path.resolve() for frame in frames}) < len(frames):
        raise InputError("calibrate: a panel must have a run of each model once, got one twice.")
