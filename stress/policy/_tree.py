"""Small trees of thresholds over signals, each leaf an action: fitted to what the actions cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stress.policy._evidence import Evidence
from stress.statistics.arrays import Floats, Ints

__all__ = ["DEPTH", "LEAVES", "Node", "Tree", "grow", "taken"]

DEPTH, LEAVES = 3, 8
_BINS = 24
"""Thresholds that are tried for a signal: as many quantiles of it."""
_LEAST = 0.01
"""Share of the expected input that each leaf must see."""


@dataclass(frozen=True)
class Node:
    """Take ``then`` where a signal is below a threshold, else ``other``; where it is undefined, the safe action."""

    signal: int
    below: float
    then: Tree
    other: Tree


Tree: TypeAlias = "Node | int"
"""A node, or the position of an action."""


@dataclass(eq=False)
class _Leaf:
    rows: NDArray[np.bool_]
    action: int
    depth: int
    gain: float = 0.0
    signal: int = -1
    edge: int = -1
    children: tuple[_Leaf, _Leaf] | None = None


class _Binned:
    """The evidence in bins: which thresholds there are, and between which each value lies."""

    def __init__(self, known: Evidence) -> None:
        self.edges = [_edges(known.values[:, j]) for j in range(len(known.signals))]
        self.codes = np.column_stack(
            [
                np.where(np.isfinite(v), np.searchsorted(edges, v, side="right"), len(edges) + 1)
                for v, edges in zip(known.values.T, self.edges)
            ]
        )
        self.loss = known.loss * known.weight[:, np.newaxis]
        self.weight = known.weight
        self.total = float(known.weight.sum())


def _edges(values: Floats) -> Floats:
    """Return thresholds midway in the widest gap near each quantile: between two values that were seen, and no value's
    own, so that rounding decides nothing.
    """
    known = np.unique(values[np.isfinite(values)])
    if len(known) < 2:
        return np.empty(0)
    gaps = np.diff(known)
    parts = [part for part in np.array_split(np.arange(len(gaps)), _BINS) if len(part)]
    at = np.array([part[np.argmax(gaps[part])] for part in parts])
    middle = (known[at] + known[at + 1]) / 2
    return np.asarray(middle[(known[at] < middle) & (middle < known[at + 1])])


def grow(known: Evidence, leaves: int = LEAVES) -> list[Tree]:
    """Return trees of one leaf, of two …, each made of the one before by the split that saves most (Breiman 1984).

    The list ends where no split saves anything. The best action is that of least expected loss; of equal ones the
    first, so that nothing is done without a reason.
    """
    binned = _Binned(known)
    root = _Leaf(np.ones(len(known), bool), _best(binned.loss.sum(axis=0)), 0)
    _seek(root, binned)
    open_, trees = [root], [_read(root, binned)]
    while len(open_) < leaves:
        leaf = max(open_, key=lambda each: each.gain)
        if leaf.gain <= 1e-12:
            break
        below = binned.codes[:, leaf.signal] <= leaf.edge
        known_ = binned.codes[:, leaf.signal] <= len(binned.edges[leaf.signal])
        pair = tuple(
            _Leaf(rows, _best(binned.loss[rows].sum(axis=0)), leaf.depth + 1)
            for rows in (leaf.rows & below, leaf.rows & ~below & known_)
        )
        leaf.children = (pair[0], pair[1])
        open_.remove(leaf)
        for each in pair:
            _seek(each, binned)
            open_.append(each)
        trees.append(_read(root, binned))
    return trees


def _best(losses: Floats) -> int:
    return int(np.argmin(np.round(losses, 12)))


def _seek(leaf: _Leaf, binned: _Binned) -> None:
    """Note the split of a leaf that saves most; what has no value of a signal is left to the first action."""
    if leaf.depth >= DEPTH:
        return
    rows = np.flatnonzero(leaf.rows)
    loss, weight = binned.loss[rows], binned.weight[rows]
    now, least = float(loss[:, leaf.action].sum()), _LEAST * binned.total
    for j, edges in enumerate(binned.edges):
        if not len(edges):
            continue
        codes = binned.codes[rows, j]
        sums = np.column_stack([np.bincount(codes, column, len(edges) + 2) for column in loss.T])
        seen = np.bincount(codes, weight, len(edges) + 2)
        left, below = sums.cumsum(axis=0)[: len(edges)], seen.cumsum()[: len(edges)]
        right, above = sums[:-1].sum(axis=0) - left, seen[:-1].sum() - below
        after = left.min(axis=1) + right.min(axis=1) + sums[-1, 0]
        after[(below < least) | (above < least)] = np.inf
        edge = int(np.argmin(after))
        if now - after[edge] > leaf.gain + 1e-12:
            leaf.gain, leaf.signal, leaf.edge = float(now - after[edge]), j, edge


def _read(leaf: _Leaf, binned: _Binned) -> Tree:
    if leaf.children is None:
        return leaf.action
    then, other = (_read(child, binned) for child in leaf.children)
    if not isinstance(then, Node) and then == other:
        return then
    return Node(leaf.signal, float(binned.edges[leaf.signal][leaf.edge]), then, other)


def taken(tree: Tree, values: Floats) -> Ints:
    """Return the action that a tree takes for each row; the first where a signal that it asks for is undefined."""
    found = np.zeros(len(values), np.int64)
    _fill(tree, values, np.arange(len(values)), found)
    return found


def _fill(tree: Tree, values: Floats, rows: Ints, found: NDArray[Any]) -> None:
    if not isinstance(tree, Node):
        found[rows] = tree
        return
    value = values[rows, tree.signal]
    _fill(tree.then, values, rows[value < tree.below], found)
    _fill(tree.other, values, rows[value >= tree.below], found)
