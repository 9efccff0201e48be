"""Asking each sample about a few cells only, so that all cells are measured: which, and what that says of their mean.

A mean over many cells needs many samples far more than it needs every cell of each: answers about one sample are alike.
A tenth of the questions on a tenth of the samples gives an interval √10 times as long as all of them; the same number
of questions spread over all samples hardly a longer one.
"""

from __future__ import annotations

from math import lcm

import numpy as np

from stress.statistics.arrays import Floats, Ints
from stress.statistics.intervals import t_quantile

__all__ = ["balanced_blocks", "jackknifed"]

_CHOSEN = 48
"""Turns whose distances are chosen; nobody asks for a balanced part of the pairs after so many."""


def balanced_blocks(rows: int, cells: int, seed: int = 0) -> tuple[Ints, Ints]:
    """Return all pairs of a row and a cell, in an order of which every beginning is a balanced block design, nearly.

    After any number of pairs no row was met twice more often than another, and no cell: each count is the least or one
    above it. Two cells share rows about as often as any other two (incomplete blocks, Yates 1936; cyclic designs, John
    1966). ``seed`` keys which cells a row meets first. Rows come in turns: each once, then each once more.
    """
    rest = rows % cells
    whole, period = rows - rest, lcm(max(rest, 1), cells)
    before = np.arange(whole).reshape(-1, cells) if whole else np.zeros((0, cells), np.int64)
    name = np.random.default_rng(seed).permutation(cells)
    row, cell = [], []
    for turn, away in enumerate(_distances(cells, seed)):
        steps = turn * rest + np.arange(rest)
        odd = (steps + steps // period) % cells  # rows that are left over run through the cells by themselves
        first = (turn * rest + turn * rest // period) % cells
        mine = (first + np.arange(cells)) % cells  # those that were met least come first
        row += [before[:, (mine - away) % cells].ravel(), whole + np.arange(rest)]
        cell += [np.tile(mine, len(before)), odd]
    return np.concatenate(row).astype(np.int64), name[np.concatenate(cell)].astype(np.int64)


def _distances(cells: int, seed: int) -> list[int]:
    """Return each number below ``cells`` once: the first ones so that their differences are as unlike as can be."""
    order = np.random.default_rng([seed, 1]).permutation(cells)
    found = [int(order[0])]
    met = np.zeros(cells, np.int64)
    left = order[1:]
    while len(left) and len(found) < _CHOSEN:
        apart = (left[:, None] - np.array(found)) % cells
        at = int((met[apart] ** 2 + met[-apart % cells] ** 2 + met[apart] + met[-apart % cells]).sum(axis=1).argmin())
        np.add.at(met, np.concatenate([apart[at], -apart[at] % cells]), 1)
        found.append(int(left[at]))
        left = np.delete(left, at)
    return [*found, *left.tolist()]


def jackknifed(
    cluster: Ints, cell: Ints, top: Floats, bottom: Floats, weights: Floats, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return Σ ``weights`` × cell means with an interval, from answers to a part of the questions.

    Each observation (one array entry) is what a ``cluster`` (or sample) added above and below a ``cell``'s line; a pair
    of these stands once. As a design asks each row of a cell with the same chance, the Horvitz–Thompson estimate of a
    cell is the mean of what was asked (Horvitz & Thompson 1952; Hájek 1971). The error is the jackknife's, which leaves
    out one cluster with all that it was asked (Tukey 1958), with Student's quantile: it is about the population that
    the samples are of, and holds for few or many questions of each. NaN where a cell has none.
    """
    cells = len(weights)
    above, below = np.bincount(cell, top, cells), np.bincount(cell, bottom, cells)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = above / below
        without = (top - mean[cell] * bottom) / (below[cell] - bottom) * np.asarray(weights)[cell]
    value = float(mean @ weights)
    shifts = np.bincount(np.unique(cluster, return_inverse=True)[1], without)
    count = len(shifts)
    if count < 2 or not np.isfinite(shifts).all():
        return value, float("nan"), float("nan")
    half = t_quantile(confidence, count - 1) * float(
        np.sqrt((count - 1) / count * ((shifts - shifts.mean()) ** 2).sum())
    )
    return value, value - half, value + half
