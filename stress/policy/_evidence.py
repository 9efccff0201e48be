"""What a run knows about fallbacks: for every degraded input its signals, and what each action would have cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import short
from perturbations.modality import SENTIMENT
from stress.policy._actions import ABSTAIN, KEEP
from stress.policy._clusters import clusters, firsts, kept_whole
from stress.policy._costs import Costs, weights
from stress.policy._relative import relative
from stress.records.answered import ANSWERED, answers_in, asked_of
from stress.records.cells import CellRow
from stress.records.frame import Frame
from stress.records.source import Source
from stress.records.standing import paired, stand_ins
from stress.records.stopping import refuse_stopped
from stress.statistics.arrays import Floats, Ints

__all__ = ["ASKING", "Asking", "Evidence", "evidence"]

Asking = Literal["nothing", "answer", "alone"]
ASKING: tuple[Asking, ...] = ("nothing", "answer", "alone")
"""What the model is asked for the sake of signals: nothing, its answer, or also its answer to each stream alone."""


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
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Actions that some conditions do not show, each with one of these: they cannot be chosen."""
    raw: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """``values`` as they were measured, where they say how an input compares with clean ones of its group."""
    position: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    """(rows × actions but abstaining) positions of the records that show them."""

    def __len__(self) -> int:
        return len(self.weight)

    def of(self, rows: NDArray[np.bool_]) -> Evidence:
        """Return some of the rows."""
        names = ["values", "loss", "confidence", "right", "weight", "sample", "cell", "scenario", "member"]
        names += [name for name in ("position", "raw") if len(getattr(self, name))]
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @property
    def clean(self) -> NDArray[np.bool_]:
        """Which rows are clean input."""
        return self.scenario == 0


@dataclass(frozen=True)
class _Actions:
    """Actions that every condition shows; those that some do not, with one of these; cells that show none."""

    everywhere: tuple[str, ...]
    lacking: Mapping[str, str]
    left_out: tuple[str, ...]


def evidence(
    run: Source,
    costs: Costs,
    clean_share: float = 0.5,
    cluster: str | None = None,
    asking: Asking = "nothing",
    relative_to: str | None = None,
) -> Evidence:
    """Read a run. Raises InputError where it lacks the cells or the signals that a choice between actions needs.

    ``clean_share`` is the share of clean input that is expected where the policy will work; the rest is divided evenly
    over scenarios (or as ``costs`` expect them), and within each over its cells. ``cluster`` names a group (the data
    set's own, by default) whose samples are alike. ``asking`` adds signals of the model's ``answer``, or of its answers
    to each stream ``alone``.
    ``relative_to`` names a group: signals then say where an input lies among clean ones of its own group.
    """
    _check(asking, clean_share, costs)
    refuse_stopped(run, "policy")
    frame = Frame(run)
    streams = _streams(frame)
    found, seen = _known(frame, streams, costs.abstain is not None)
    actions = (KEEP, *seen.everywhere)
    each = [_inputs(frame, cell, by, seen.everywhere, streams, asking) for cell, by in found.items()]
    parts = [part for part, _ in each]
    signals = _signals(frame, [one for _, one in each], asking, streams)
    _finished(frame, dict(zip(found, parts)))
    rows, cell = np.concatenate(parts), np.repeat(np.arange(len(found)), list(map(len, parts)))
    scenarios = tuple(dict.fromkeys(frame.cells[i].scenario for i in found))
    scenario = np.array([scenarios.index(frame.cells[i].scenario) for i in found])[cell]
    score = _scores(frame)
    loss = _losses(costs, frame, rows, score, actions)
    actions = actions if costs.abstain is None else (*actions, ABSTAIN)
    kept_whole(frame, cluster)
    by, member = clusters(frame, cluster)
    raw = np.concatenate([_values(frame, part, one, signals) for part, one in each])
    values = raw if relative_to is None else _related(frame, raw, rows, scenario == 0, relative_to)
    return Evidence(
        actions=actions,
        signals=signals,
        values=values,
        raw=raw,
        loss=loss,
        confidence=_sure(frame)[rows],
        right=score[rows],
        weight=weights(cell, scenario, clean_share, costs.expected(scenarios[1:])),
        sample=frame.sample[rows[:, 0]],
        cell=cell,
        cells=tuple(frame.cells[i] for i in found),
        scenario=scenario,
        scenarios=scenarios,
        member=member[frame.sample[rows[:, 0]]],
        clustered=by,
        left_out=seen.left_out,
        lacking=seen.lacking,
        position=rows,
    )


def _finished(frame: Frame, parts: Mapping[int, Ints]) -> None:
    for i in (i for i, part in parts.items() if not len(part)):
        raise InputError(f"policy: the run is unfinished: {frame.cells[i].cell} lacks records. Continue it first.")


def _sure(frame: Frame) -> Floats:
    return frame.column("confidence") if frame.has("confidence") else np.full(len(frame.cell), np.nan)


def _losses(costs: Costs, frame: Frame, rows: Ints, score: Floats, actions: Sequence[str]) -> Floats:
    """Return (inputs × actions) what each action costs; the last is abstaining, where it has a price."""
    loss = costs.of(1 - score[rows], frame, frame.sample[rows[:, 0]], actions)
    if costs.abstain is not None:
        loss = np.column_stack([loss, np.full(len(rows), costs.abstain)])
    if costs.second:
        loss = loss + costs.latency(_seconds(frame)[rows], loss.shape[1])
    return loss


def _inputs(
    frame: Frame, cell: int, by: Mapping[str, int], actions: Sequence[str], streams: Sequence[str], asking: Asking
) -> tuple[Ints, dict[str, Floats]]:
    """Return the records of a cell's inputs (inputs × actions), and the signals of the model's answers to them."""
    rows = paired(frame, cell, {action: by[action] for action in actions})
    rows = rows[(rows >= 0).all(axis=1)]
    if asking == "nothing":
        return rows, {}
    asked = asked_of(frame, cell, streams, asking == "alone")
    if asked is None:
        raise InputError(
            f"policy: the run does not show what the model says to each stream alone under {frame.cells[cell].cell}. "
            "Add to the suite `fallbacks: [each, unimodal]` (or [subsets]) and, among the scenarios, "
            "`lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}`, and run again."
        )
    place = {int(record): i for i, record in enumerate(asked[0])}
    rows = rows[[int(record) in place for record in rows[:, 0]]]
    at = [place[int(record)] for record in rows[:, 0]]
    return rows, {name: values[at] for name, values in answers_in(asked[1], asking == "alone").items()}


def _values(frame: Frame, rows: Ints, answers: Mapping[str, Floats], signals: Sequence[str]) -> Floats:
    """Return (inputs × signals) what was measured on inputs; NaN where it is undefined."""
    nothing = np.full(len(rows), np.nan)
    columns = [
        answers.get(name, nothing) if _of_answers(name) else frame.column(f"signal.{name}")[rows[:, 0]]
        for name in signals
    ]
    return np.column_stack(columns)


def _streams(frame: Frame) -> list[str]:
    return list(frame.run.info.get("streams", {})) or sorted({s for row in frame.cells for s in row.streams})


def _of_answers(name: str) -> bool:
    return name.rpartition(".")[2] in {each.name for each in ANSWERED}


def _signals(
    frame: Frame, answers: Sequence[Mapping[str, Floats]], asking: Asking, streams: Sequence[str]
) -> tuple[str, ...]:  # fmt: skip
    """Return the names of the signals that the run has, those of the model's answers last."""
    more = dict.fromkeys(name for each in answers for name in each)
    if asking != "nothing" and not more:
        raise InputError(
            "policy: the model says neither labels nor how sure it is: there are no signals of its answers."
        )
    kept = (name.removeprefix("signal.") for name in frame.schema if name.startswith("signal."))
    names = (*(name for name in kept if name.rpartition(".")[2] != SENTIMENT), *more)  # what is said is no quality
    if not names:
        raise InputError("policy: the run has no signals of its streams' quality. Run it again without --signals none.")
    return names


def _seconds(frame: Frame) -> Floats:
    """Return how long the model took for each record: its share of the call. Raises InputError where unknown."""
    found = frame.column("seconds") if frame.has("seconds") else np.empty(0)
    if not np.isfinite(found).any():
        raise InputError("costs: second needs the time of each answer, which this run did not record.")
    return np.asarray(found / frame.column("batch"))


def _check(asking: Asking, clean_share: float, costs: Costs) -> None:
    if asking not in ASKING:
        raise InputError(f"policy: asking must be one of {', '.join(ASKING)}, got {short(asking)}.")
    if not isinstance(clean_share, int | float) or not 0 < clean_share < 1:
        raise InputError(f"policy: clean_share must lie between 0 and 1, got {clean_share!r}.")
    if costs.second and asking != "nothing":
        raise InputError(
            "policy: what a second costs (second) is weighed for actions alone, not for the calls that signals of the "
            f"model's answers take, got asking {asking!r}. Leave one out."
        )


def _related(frame: Frame, raw: Floats, rows: Ints, clean: NDArray[np.bool_], group: str) -> Floats:
    """Return signals as where each lies among those of clean input of its own group."""
    member = clusters(frame, group)[1]
    named = [str(frame.group(group)[i]) for i in firsts(member)]
    return relative(raw, clean.tolist(), member[frame.sample[rows[:, 0]]], named, group)


def _scores(frame: Frame) -> Floats:
    score = np.where(frame.failed, 0.0, frame.column("score"))
    known = score[np.isfinite(score)]
    if not len(known) or known.min() < 0 or known.max() > 1:
        raise InputError(
            f"policy: scores must lie between 0 and 1 to weigh actions by, got those of task {frame.declared.task}."
        )
    return score


def _known(frame: Frame, streams: Sequence[str], abstain: bool) -> tuple[dict[int, dict[str, int]], _Actions]:
    """Return, of the clean and each degraded cell, the cells that show what each action would come to, and which."""
    clean = frame.clean
    if clean is None:
        raise InputError("policy: the run has no clean cell, so that what a policy costs there cannot be told.")
    found = stand_ins(frame.cells, streams)
    left_out = tuple(frame.cells[i].cell for i, by in found.items() if not by and not abstain)
    left_out += tuple(row.cell for row in frame.cells if row.machine and not row.fallback)
    found = {i: by for i, by in found.items() if by or i == clean or abstain}
    if len(found) < 2:
        raise InputError(f"policy: the run has no cell in which degraded streams are dropped. {_hint(streams)}")
    seen = dict.fromkeys(action for by in found.values() for action in by)
    everywhere = {action for action in seen if all(action in by for by in found.values())}
    if not everywhere and not abstain:
        raise InputError(f"policy: no action is seen both on clean and on every degraded input. {_hint(streams)}")

    def order(action: str) -> tuple[bool, int, list[str]]:
        return not action.startswith("drop "), action.count("+"), action.split("+")

    lacking = {
        action: next(frame.cells[i].cell for i, by in found.items() if action not in by)
        for action in seen
        if action not in everywhere
    }
    return found, _Actions(tuple(sorted(everywhere, key=order)), lacking, left_out)


def _hint(streams: Sequence[str]) -> str:
    if len(streams) == 1:
        return (
            f"Of one stream ({streams[0]}) nothing can be dropped: add to the suite `fallbacks: [{{fill: mean}}]` or "
            "`fallbacks: [{model: module:attribute}]` and run again, or say what abstaining costs (--costs)."
        )
    return (
        "Add to the suite `fallbacks: [drop, each]` and, among the scenarios, "
        "`lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}`, and run again."
    )
