"""Sums over blocks of samples, plain and resampled: what a mean or a ratio and its interval are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stress.measure.core.values import Sparse, Values, quotient, sparse
from stress.records.metric import Metric
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import FEW, Clusters
from stress.statistics.clustered import cluster_counts, resampled_kish
from stress.statistics.positions import ranked

__all__ = ["Sums"]

_HELD = 32_000_000
"""Clusters × columns up to which each cluster's size is kept."""


class Sums:
    """Running sums of columns of numerators and denominators, and of every resample of them.

    With few clusters each cluster's own sums are kept instead, and so are those of columns that rest on few clusters.
    """

    def __init__(self, who: Clusters, width: int) -> None:
        self._who, self._width = who, width
        self._total = np.zeros(2 * width)
        self._rows = np.zeros((len(who) if who.few else who.rows, 2 * width), np.float64 if who.few else np.float32)
        self._binary = np.ones(width, bool)
        self._powers = np.zeros((2, width))
        held = not who.alone and len(who) * width <= _HELD
        self._sizes = np.zeros((len(who), width), np.float32) if held else None
        self._poor: dict[int, dict[int, Floats]] = {} if who.few else {k: {} for k in range(width)}

    def add(self, samples: NDArray[np.int64], top: Floats, bottom: Floats) -> None:
        """Take the (samples × columns) sums of samples that have not been taken yet; ``samples`` are positions."""
        self._binary &= (((bottom == 0) | (bottom == 1)) & ((top == 0) | (top == 1))).all(axis=0)
        both = np.concatenate([top, bottom], axis=1)
        names, inverse = ranked(self._who.member[samples])
        if not self._who.alone:
            order = np.argsort(inverse, kind="stable")
            both = np.add.reduceat(both[order], np.searchsorted(inverse[order], np.arange(len(names))), axis=0)
        else:
            names = self._who.member[samples]
        self._total += both.sum(axis=0)
        square = np.square(both[:, self._width :])
        self._powers += [square.sum(axis=0), np.square(square).sum(axis=0)]
        if self._sizes is not None:
            self._sizes[names] += both[:, self._width :]
        if self._who.few:
            self._rows[names] += both
        else:
            self._rows += self._who.weighted(names, both)
            self._watch(names, both[:, : self._width], both[:, self._width :])

    def _watch(self, names: NDArray[np.int64], top: Floats, bottom: Floats) -> None:
        """Keep the sums of the clusters of each column that has had few so far."""
        live = (bottom > 0).sum(axis=0)
        for column in [k for k in self._poor if live[k] >= FEW]:
            del self._poor[column]
        for column, known in list(self._poor.items()):
            for k in np.flatnonzero((top[:, column] != 0) | (bottom[:, column] != 0)):
                more = np.array([top[k, column], bottom[k, column]])
                known[int(names[k])] = known.get(int(names[k]), np.zeros(2)) + more
            if sum(below > 0 for _, below in known.values()) >= FEW:
                del self._poor[column]

    def values(self, metric: Metric, columns: slice, confidence: float) -> Values:
        """Return the ratios of some columns, resampled."""
        top, bottom = self._total[: self._width][columns], self._total[self._width :][columns]
        few, total = self._who.few, self._total
        above, below = self._rows[:, : self._width][:, columns], self._rows[:, self._width :][:, columns]
        if few:
            above, below = total[: self._width][columns] - above, total[self._width :][columns] - below
        rows = quotient(metric, above, below)
        plain = None
        if self._who.alone and metric.bottom is None and not metric.root and self._binary[columns].all():
            plain = {"top": top, "bottom": bottom}
        poor = None if few or plain is not None else self._sparse(metric, columns)
        point, size = quotient(metric, top, bottom), self._counts(columns)
        return Values(
            metric, point, lambda: rows, len(self._who), few, confidence, plain, poor, (top, bottom), sizes=lambda: size
        )

    def _counts(self, columns: slice) -> Floats:
        """Return the ``cluster_counts`` of some columns; from the resamples where clusters are too many to keep."""
        total = self._total[self._width :][columns]
        if self._who.alone:
            with np.errstate(invalid="ignore", divide="ignore"):
                squares, fourths = self._powers[:, columns]
                return np.stack([np.square(total) / squares, np.square(squares) / fourths])
        if self._sizes is not None:
            return cluster_counts(np.asarray(self._sizes[:, columns], np.float64))
        return np.stack([resampled_kish(self._rows[:, self._width :][:, columns], total)] * 2)

    def _sparse(self, metric: Metric, columns: slice) -> Sparse | None:
        """Return what ``sparse`` does, column by column."""
        cells, error, counts = [], [], []
        for column in range(columns.start, columns.stop):
            parts = np.array(list(self._poor.get(column, {}).values())).reshape(-1, 2)
            found = sparse(metric, parts[:, :1], parts[:, 1:])
            if found is not None:
                cells.append(column - columns.start)
                error.append(float(found[1][0]))
                counts.append(found[2][:, 0])
        return (np.array(cells, np.int64), np.array(error), np.stack(counts, axis=1)) if cells else None
