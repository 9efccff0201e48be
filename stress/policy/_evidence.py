"""What a run knows about fallbacks: for every degraded input its signals, and what each action would have cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from stress.policy._costs import Costs
from stress.records.cells import CellRow
from stress.records.frame import Frame
from stress.records.source import Source
from stress.statistics.arrays import Floats, Ints

__all__ = ["ABSTAIN", "KEEP", "Evidence", "evidence"]

KEEP, ABSTAIN = "keep", "abstain"
"""Give the model everything as it is; give no answer."""
_HINT = (
    "Add to the suite `fallbacks: [drop, each]` and, among the scenarios, "
    "`lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}`, and run again."
)


@dataclass(frozen=True)
class Evidence:
    """Inputs under the conditions of a run, a row each: clean ones and degraded ones.

    ``values`` (rows × signals) were measured on the input; ``loss`` (rows × actions) is what came of each action on
    this very input. ``cell`` and ``scenario`` are the condition, ``member`` is the cluster: rows of one cluster are
    alike. ``weight`` is how often the condition is expected, over all rows 1.
    """

    actions: tuple[str, ...]
    signals: tuple[str, ...]
    values: Floats
    loss: Floats
    confidence: Floats
    right: Floats
    weight: Floats
    sample: Ints
    cell: Ints
    cells: tuple[CellRow, ...]
    scenario: Ints
    scenarios: tuple[str, ...]
    member: Ints
    clustered: str | None
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.weight)

    def of(self, rows: NDArray[np.bool_]) -> Evidence:
        """Return some of the rows."""
        names = ("values", "loss", "confidence", "right", "weight", "sample", "cell", "scenario", "member")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @property
    def clean(self) -> NDArray[np.bool_]:
        """Which rows are clean input."""
        return self.scenario == 0


def evidence(run: Source, costs: Costs, clean_share: float = 0.5, cluster: str | None = None) -> Evidence:
    """Read a run. Raises InputError where it lacks the cells or the signals that a choice between actions needs.

    ``clean_share`` is the share of clean input that is expected where the policy will work; the rest is divided evenly
    over scenarios, and within each over its cells. ``cluster`` names a group (the data set's own, by default) whose
    samples are alike.
    """
    if not isinstance(clean_share, int | float) or not 0 < clean_share < 1:
        raise InputError(f"policy: clean_share must lie between 0 and 1, got {clean_share!r}.")
    frame = Frame(run)
    found, left_out = _stand_ins(frame)
    gone = _common(found)
    signals = _signals(frame)
    actions = (KEEP, *("drop " + "+".join(sorted(names, key=_streams(frame).index)) for names in gone))
    which = [_records(frame, cell, gone, by) for cell, by in found.items()]
    rows = np.concatenate(which)
    positions = list(found)
    cell = np.repeat(np.arange(len(positions)), [len(part) for part in which])
    cells = tuple(frame.cells[i] for i in positions)
    scenarios = tuple(dict.fromkeys(row.scenario for row in cells))
    scenario = np.array([scenarios.index(row.scenario) for row in cells])[cell]
    score = _scores(frame)
    loss = costs.of(1 - score[rows], frame, frame.sample[rows[:, 0]], actions)
    if costs.abstain is not None:
        actions, loss = (*actions, ABSTAIN), np.column_stack([loss, np.full(len(rows), costs.abstain)])
    sure = frame.column("confidence") if frame.has("confidence") else np.full(len(score), np.nan)
    by, member = _clusters(frame, cluster)
    return Evidence(
        actions=actions,
        signals=signals,
        values=np.column_stack([frame.column(f"signal.{name}")[rows[:, 0]] for name in signals]),
        loss=loss,
        confidence=sure[rows],
        right=score[rows],
        weight=_weights(cell, scenario, clean_share),
        sample=frame.sample[rows[:, 0]],
        cell=cell,
        cells=cells,
        scenario=scenario,
        scenarios=scenarios,
        member=member[frame.sample[rows[:, 0]]],
        clustered=by,
        left_out=tuple(left_out),
    )


def _streams(frame: Frame) -> list[str]:
    return list(frame.run.info.get("streams", {})) or sorted({s for row in frame.cells for s in row.streams})


def _signals(frame: Frame) -> tuple[str, ...]:
    names = tuple(name.removeprefix("signal.") for name in frame.schema if name.startswith("signal."))
    if not names:
        raise InputError("policy: the run has no signals of its streams' quality. Run it again without --signals none.")
    return names


def _scores(frame: Frame) -> Floats:
    score = np.where(frame.failed, 0.0, frame.column("score"))
    known = score[np.isfinite(score)]
    if not len(known) or known.min() < 0 or known.max() > 1:
        raise InputError(
            f"policy: scores must lie between 0 and 1 to weigh actions by, got those of task {frame.declared.task}."
        )
    return score


def _stand_ins(frame: Frame) -> tuple[dict[int, dict[frozenset[str], int]], list[str]]:
    """Return, of the clean and each degraded cell, the cell that shows what dropping each set of streams would do.

    Where all that is degraded is dropped, it does not matter how it was: a cell in which the same streams are lost
    shows the same.
    """
    cells, clean = frame.cells, frame.clean
    if clean is None:
        raise InputError("policy: the run has no clean cell, so that what a policy costs there is unknown.")
    streams = _streams(frame)
    subsets = [frozenset(s) for size in range(1, len(streams)) for s in combinations(streams, size)]
    lost = {
        frozenset(row.lost): i
        for i, row in reversed(list(enumerate(cells)))
        if row.lost and (row.fallback == "drop" or (row.only_lost and row.fill == "none" and row.base is None))
    }
    own: dict[str | None, dict[frozenset[str], int]] = {}
    for i, row in enumerate(cells):
        if row.base is not None:
            own.setdefault(row.base, {})[frozenset(row.lost)] = i
    found: dict[int, dict[frozenset[str], int]] = {clean: {s: lost[s] for s in subsets if s in lost}}
    left_out = []
    for i, row in enumerate(cells):
        if row.fallback or row.lost or row.clean:
            continue
        by = {s: lost[s] for s in subsets if s in lost and s >= frozenset(row.streams)} | own.get(row.cell, {})
        if by:
            found[i] = by
        else:
            left_out.append(row.cell)
    if len(found) < 2:
        raise InputError(f"policy: the run has no cell in which degraded streams are dropped. {_HINT}")
    return found, left_out


def _common(found: Mapping[int, Mapping[frozenset[str], int]]) -> list[frozenset[str]]:
    """Return the sets of streams whose loss is seen under every condition."""
    shared = set.intersection(*(set(by) for by in found.values()))
    if not shared:
        raise InputError(f"policy: no action is seen both on clean and on every degraded input. {_HINT}")
    return sorted(shared, key=lambda names: (len(names), sorted(names)))


def _records(frame: Frame, cell: int, gone: Sequence[frozenset[str]], by: Mapping[frozenset[str], int]) -> Ints:
    """Return (inputs × actions) positions of records: what each action made of the same draw of the same sample."""
    rows = frame.by_cell[cell]
    columns = [rows]
    for names in gone:
        there = frame.by_cell[by[names]]
        drawn = {(int(s), int(d)): int(r) for s, d, r in zip(frame.sample[there], frame.draw[there], there)}
        pairs = zip(frame.sample[rows], frame.draw[rows])
        columns.append(np.array([drawn.get((int(s), int(d)), drawn.get((int(s), 0), -1)) for s, d in pairs], np.int64))
    table = np.column_stack(columns)
    return np.asarray(table[(table >= 0).all(axis=1)])


def _clusters(frame: Frame, cluster: str | None) -> tuple[str | None, Ints]:
    by = cluster or frame.run.info.get("cluster") or None
    if by is None:
        return None, np.arange(len(frame.samples))
    names = frame.group(by)
    keys = [f"={name}" if name is not None else f"sample={sample}" for name, sample in zip(names, frame.samples)]
    position = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return by, np.array([position[key] for key in keys], np.int64)


def _weights(cell: Ints, scenario: Ints, clean_share: float) -> Floats:
    in_cell = np.bincount(cell)[cell]
    cells_of = {int(s): len(np.unique(cell[scenario == s])) for s in np.unique(scenario)}
    each = np.array([cells_of[int(s)] for s in range(scenario.max() + 1)])[scenario]
    share = np.where(scenario == 0, clean_share, (1 - clean_share) / max(1, len(cells_of) - 1))
    return np.asarray(share / each / in_cell)
