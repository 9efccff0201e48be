"""What each signal of a stream's quality says: can it tell the degraded stream from the clean one?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stress.measure.core.cells import counted
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.core.sections import Needs
from stress.measure.tables.dropping import beside_dropped
from stress.records.answered import answers_in, asked_of
from stress.statistics.bootstrap import FEW
from stress.statistics.intervals import Bounds, clustered_error, logit
from stress.statistics.positions import distinct
from stress.statistics.ranks import auroc

__all__ = ["SIGNALS", "beside_alone", "signal_rows"]

SIGNALS: Mapping[str, tuple[pa.DataType, str]] = {
    **CELL,
    "of": (pa.string(), "the stream that was measured; null of the model's answer to all streams"),
    "signal": (pa.string(), "which signal of its quality, or of the model's answer (to that stream alone)"),
    "clean": (pa.float64(), "its mean on clean input"),
    "mean": (pa.float64(), "its mean in this cell; both are over the values for which it is defined"),
    **INTERVAL,
}


def beside_alone(context: Context) -> Needs:
    """Each degraded cell stands together with its own fallbacks, beside the cells in which streams are lost."""
    found = beside_dropped(context)
    lost = [i for i, row in enumerate(context.frame.cells) if row.only_lost]
    return Needs(found.bundles, list(dict.fromkeys([*found.beside, *lost])))


def signal_rows(context: Context) -> list[dict[str, Any]]:
    """Return, of each signal of each degraded stream, the AUROC of telling this cell's values from the clean ones.

    1: every degraded value has the higher signal; 0: the lower; 0.5: the signal does not see it. Streams that were lost
    in a cell have no signals there. Signals of the model's answers follow: to all streams and, where the run shows it
    (fallbacks: unimodal, and the lost streams on clean input), to each stream alone.
    """
    frame, rows = context.frame, []
    if (clean := frame.clean) is None:
        return []
    columns = {name: frame.column(name).astype(np.float64) for name in frame.schema if name.startswith("signal.")}
    streams = list(frame.run.info.get("streams", {}))
    beside = {each: _columns(context, clean, streams, each) for each in (True, False)}
    for i, about in enumerate(frame.cells):
        if i == clean or about.fallback:
            continue
        for name, column in columns.items():
            stream, _, signal = name.removeprefix("signal.").rpartition(".")
            if stream in about.streams and stream not in about.lost:
                row = {**about.about, "of": stream, "signal": signal, "metric": "auroc"}
                rows.append({**row, **_told(context, column, i, clean)})
        if about.streams and not about.lost:
            rows += _answered(context, i, clean, streams, beside)
    return rows


def _answered(
    context: Context, cell: int, clean: int, streams: list[str], beside: Mapping[bool, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the rows of the model's own answers in a degraded cell: whole ones, and to each degraded stream."""
    about, rows = context.frame.cells[cell], []
    each = bool(beside[True]) and bool(_columns(context, cell, streams, True))
    for name, values in _columns(context, cell, streams, each).items():
        stream, _, signal = name.rpartition(".")
        if name in beside[each] and (not stream or stream in about.streams):
            both = np.where(np.isnan(values), beside[each][name], values)
            row = {**about.about, "of": stream or None, "signal": signal, "metric": "auroc"}
            rows.append({**row, **_told(context, both, cell, clean)})
    return rows


def _columns(context: Context, cell: int, streams: list[str], each: bool) -> dict[str, NDArray[np.float64]]:
    """Return signals of the answers to a cell's inputs, as columns of all records that are NaN elsewhere."""
    frame = context.frame
    asked = asked_of(frame, cell, streams, each)
    found = {}
    for name, values in ({} if asked is None else answers_in(asked[1], each)).items():
        found[name] = np.full(len(frame.cell), np.nan)
        found[name][asked[0] if asked else ()] = values
    return found


def _told(context: Context, column: NDArray[np.float64], cell: int, beside: int) -> dict[str, Any]:
    """Return both means, and the AUROC with an interval that knows that both are of the same samples."""
    frame = context.frame
    here, clean = (frame.by_cell[k][np.isfinite(column[frame.by_cell[k]])] for k in (cell, beside))
    about = counted(context, cell) | {"n": len(here)}
    if not len(here) or not len(clean):
        missing = "in this cell" if len(clean) else "on clean input"
        return Number(**about, note=f"undefined {missing} for every value").row()
    means = {"clean": float(column[clean].mean()), "mean": float(column[here].mean())}
    rows = np.concatenate([here, clean])
    positive = np.arange(len(rows)) < len(here)
    value, parts = auroc(column[rows], positive)
    member = context.clusters.member[frame.sample[rows]]
    error, count = clustered_error(parts, member)
    rarer = min(distinct(member[positive]), distinct(member[~positive]))
    low, high = logit(value, error, min(rarer, count), context.options.confidence)
    if not np.isfinite(low):
        return {**means, **Number(value, **about, note="one cluster only: no interval").row()}
    bounds = Bounds(np.array([low]), np.array([high]), "linearised, logit")
    return {**means, **Number.within(value, bounds.of_few() if count < FEW else bounds, **about).row()}
