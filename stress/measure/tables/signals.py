"""What each signal of a stream's quality says: can it tell the degraded stream from the clean one?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stress.measure.core.cells import counted
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL
from stress.measure.core.sections import Needs
from stress.measure.tables.dropping import beside_dropped
from stress.records.answered import answers_in, asked_of
from stress.statistics.arrays import Floats, Ints
from stress.statistics.bootstrap import FEW
from stress.statistics.intervals import Bounds, clustered_error, logit
from stress.statistics.positions import ranked_rows
from stress.statistics.ranks import auroc

__all__ = ["SIGNALS", "beside_alone", "signal_rows"]

_ROOM = 250_000
"""Values that are looked at together."""
Signal = tuple[Ints, Floats]
"""Positions of records, and what a signal says of each."""

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
    frame = context.frame
    if (clean := frame.clean) is None:
        return []
    columns = {name: frame.column(name).astype(np.float64) for name in frame.schema if name.startswith("signal.")}
    streams = list(frame.run.info.get("streams", {}))
    beside = {each: _answers(context, clean, streams, each) for each in (True, False)}
    told = _Told(context)
    for i, about in enumerate(frame.cells):
        if i == clean or about.fallback:
            continue
        for name, column in columns.items():
            stream, _, signal = name.removeprefix("signal.").rpartition(".")
            if stream in about.streams and stream not in about.lost:
                told.of(i, stream, signal, *((rows, column[rows]) for rows in (frame.by_cell[i], frame.by_cell[clean])))
        if about.streams and not about.lost:
            each = bool(beside[True]) and bool(_answers(context, i, streams, True))
            for name, found in _answers(context, i, streams, each).items():
                stream, _, signal = name.rpartition(".")
                if name in beside[each] and (not stream or stream in about.streams):
                    told.of(i, stream or None, signal, found, beside[each][name])
    return told.rows()


def _answers(context: Context, cell: int, streams: list[str], each: bool) -> dict[str, Signal]:
    """Return signals of the answers to a cell's inputs: positions of records, and their values."""
    asked = asked_of(context.frame, cell, streams, each)
    return {} if asked is None else {name: (asked[0], values) for name, values in answers_in(asked[1], each).items()}


class _Told:
    """Questions whether a signal tells a cell from clean; those of equally many values are answered together."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._found: list[dict[str, Any]] = []
        self._waiting: dict[tuple[int, int], list[tuple[int, Signal, Signal]]] = defaultdict(list)

    def of(self, cell: int, stream: str | None, signal: str, here: Signal, clean: Signal) -> None:
        """Take a question: are the values of a cell higher than the clean ones, of the same samples?"""
        here, clean = (
            (rows[known], values[known]) for rows, values in (here, clean) for known in [np.isfinite(values)]
        )
        about = {**self._context.frame.cells[cell].about, "of": stream, "signal": signal, "metric": "auroc"}
        rests = counted(self._context, cell) | {"n": len(here[0])}
        if len(here[0]) and len(clean[0]):
            shape = len(here[0]), len(clean[0])
            self._waiting[shape].append((len(self._found), here, clean))
            self._found.append(about | rests)
            if len(self._waiting[shape]) * sum(shape) > _ROOM:
                self._answer(self._waiting.pop(shape))
        else:
            missing = "in this cell" if len(clean[0]) else "on clean input"
            self._found.append(about | Number(**rests, note=f"undefined {missing} for every value").row())

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows with both means, and the AUROC with its interval, in the order of the questions."""
        for some in self._waiting.values():
            self._answer(some)
        self._waiting.clear()
        return self._found

    def _answer(self, some: list[tuple[int, Signal, Signal]]) -> None:
        """Fill in rows; an interval knows that both sides are of the same samples."""
        context = self._context
        rows, values = (np.stack([np.concatenate([here[k], clean[k]]) for _, here, clean in some]) for k in (0, 1))
        first = len(some[0][1][0])
        positive = np.broadcast_to(np.arange(values.shape[1]) < first, values.shape)
        area, parts = auroc(values, positive)
        member = context.clusters.member[context.frame.sample[rows]]
        error, count = clustered_error(parts, member)
        rarer = np.minimum(ranked_rows(member[:, :first])[1], ranked_rows(member[:, first:])[1])
        ends = logit(area, error, np.minimum(rarer, count), context.options.confidence)
        bounds = Bounds(*ends, "linearised, logit")
        means = {"clean": values[:, first:].mean(axis=1), "mean": values[:, :first].mean(axis=1)}
        for k, (place, _, _) in enumerate(some):
            about = {name: self._found[place][name] for name in ("n", "failed", "unchanged")}
            note = None if np.isfinite(bounds.low[k]) else "one cluster only: no interval"
            number = Number.within(area[k], bounds.of_few() if count[k] < FEW else bounds, k, note=note, **about)
            self._found[place] |= {**{name: float(mean[k]) for name, mean in means.items()}, **number.row()}
