"""A policy over a run's records: what the system with it would have answered, input by input and over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords
from perturbations.modality import arrivals
from stress.policy._actions import ABSTAIN, KEEP
from stress.policy._policy import Policy
from stress.policy._steady import Steady
from stress.policy._windowed import Windowed
from stress.records.answered import answers_in, asked_of
from stress.records.frame import Frame
from stress.records.source import Source
from stress.records.standing import stand_ins
from stress.statistics.arrays import Flags, Floats, Ints

__all__ = ["Over", "Replayed", "over_time", "replayed"]

WINDOWS = 10


@dataclass(frozen=True)
class Replayed:
    """Each clean and degraded input of a run (``record``: the position of its own record), what was done, what came.

    ``action`` is a position among ``actions``; ``taken`` the position of the record that shows what came of it, −1
    where no answer is given. ``alone`` and ``right`` are the scores without and with the policy; no answer scores 0.
    """

    actions: tuple[str, ...]
    record: Ints
    action: Ints
    taken: Ints
    alone: Floats
    right: Floats
    frame: Frame

    @property
    def answered(self) -> Flags:
        """Which inputs are answered."""
        return self.taken >= 0

    @property
    def cell(self) -> Ints:
        """Position of each input's cell."""
        return self.frame.cell[self.record]


@named_keywords
def replayed(run: Source, policy: Policy) -> Replayed:
    """Return what a policy would have done with every clean and degraded input of a run, from its records alone.

    Raises InputError where the run lacks signals that the rule asks for, or cells that show what its actions come to.
    """
    frame = Frame(run)
    streams = list(run.info.get("streams", {})) or sorted({s for row in frame.cells for s in row.streams})
    records, actions, taken = [], [], []
    for cell, by in stand_ins(frame.cells, streams).items():
        rows = frame.by_cell[cell]
        action = decided(policy, _signals(frame, policy, cell, streams), len(rows))
        there = rows.copy()
        for k in np.unique(action):
            here = action == k
            there[here] = _shown(frame, cell, rows[here], policy.actions[k], by)
        records.append(rows)
        actions.append(action)
        taken.append(there)
    record, action, there = (np.concatenate(each) for each in (records, actions, taken))
    return _replayed(frame, policy, record, action, there)


def _replayed(frame: Frame, policy: Policy, record: Ints, action: Ints, there: Ints) -> Replayed:
    """Return what came of actions, with the records that show it; answers that are too unsure are not given."""
    score = np.where(frame.failed, 0.0, frame.column("score"))
    if policy.answer_from is not None:
        sure = frame.column("confidence") if frame.has("confidence") else np.full(len(score), np.nan)
        there = np.where((there >= 0) & (sure[there] >= policy.answer_from), there, -1)
    right = np.where(there >= 0, score[there], 0.0)
    return Replayed(policy.actions, record, action, there, score[record], right, frame)


def decided(policy: Policy, signals: Mapping[str, Floats], count: int) -> Ints:
    """Return what ``policy.decide`` says of so many inputs, by position among its actions: the same to the last bit."""
    place = {name: i for i, name in enumerate(policy.actions)}
    found = np.full(count, place[policy.safe], np.int64)

    def fill(rule: Mapping[str, Any] | str, rows: Ints) -> None:
        if isinstance(rule, str):
            found[rows] = place[rule]
            return
        value = signals[rule["signal"]][rows]
        fill(rule["then"], rows[value < rule["below"]])
        fill(rule["else"], rows[value >= rule["below"]])

    fill(policy.rule, np.arange(count))
    return found


def _signals(frame: Frame, policy: Policy, cell: int, streams: Sequence[str]) -> dict[str, Floats]:
    rows = frame.by_cell[cell]
    found: dict[str, Floats] = {}
    whole, each = policy.answers_wanted
    if whole:
        asked = asked_of(frame, cell, streams, each)
        if asked is None:
            raise InputError(
                "policy: the run does not show what the model says to each stream alone under "
                f"{frame.cells[cell].cell}. Add to the suite `fallbacks: [each, unimodal]`, and run again."
            )
        place = np.searchsorted(rows, asked[0])  # rows of a cell are in order
        for name, values in answers_in(asked[1], each).items():
            found[name] = np.full(len(rows), np.nan)
            found[name][place] = values
    for name in policy.asked:
        if f"signal.{name}" in frame.schema:
            found[name] = frame.column(f"signal.{name}")[rows]
        elif name not in found and not (whole and name.rpartition(".")[2].startswith("answer_")):
            how = "Run it with --signals all."
            if name.rpartition(".")[2] in arrivals.all:
                how = "It is recorded of data that come in sequences."
            raise InputError(f"policy: the rule asks for {name}, which the run did not record. {how}")
    return {name: found.get(name, np.full(len(rows), np.nan)) for name in policy.asked}


def _shown(frame: Frame, cell: int, rows: Ints, action: str, by: Mapping[str, int]) -> Ints:
    """Return the records that show what an action comes to for some inputs of a cell; −1 where no answer is given."""
    if action == KEEP:
        return rows
    if action == ABSTAIN:
        return np.full(len(rows), -1)
    if action not in by:
        kind = action.split(" ")[0]
        line = {"fill": f"{{fill: {action.rpartition(' ')[2]}}}", "ask": f"{{model: {action[4:]}}}"}.get(
            kind, "drop, each, subsets"
        )
        raise InputError(
            f"policy: the run does not show what it comes to, to {action} under {frame.cells[cell].cell}. Add to the "
            f"suite `fallbacks: [{line}]`, for clean input `lost: {{all: {{name: missing, fill: none}}, grid: "
            "subsets}`, and run again."
        )
    there = frame.by_cell[by[action]]
    drawn = {(int(s), int(d)): int(r) for s, d, r in zip(frame.sample[there], frame.draw[there], there)}
    pairs = list(zip(frame.sample[rows].tolist(), frame.draw[rows].tolist()))
    found = [drawn.get(pair, drawn.get((pair[0], 0))) for pair in pairs]
    if None in found:
        raise InputError(
            f"policy: the run is unfinished: {frame.cells[by[action]].cell} lacks records. Continue it first."
        )
    return np.array(found, np.int64)


@dataclass(frozen=True)
class Over:
    """A policy along one timeline: the headline in ten windows without and with it, and how often it switches.

    ``switches`` are changes of action from one input to the next, within a sequence; ``hours`` is the time that the
    inputs span, by their clock (None: they have none); ``share`` how often each action is taken. ``replay`` is input by
    input what was done and what came, in the order of time.
    """

    cell: str
    without: tuple[float | None, ...]
    within: tuple[float | None, ...]
    switches: int
    inputs: int
    hours: float | None
    share: Mapping[str, float]
    replay: Replayed = field(repr=False, compare=False)

    @property
    def per_hour(self) -> float | None:
        """Switches an hour."""
        return None if not self.hours else self.switches / self.hours


@named_keywords
def over_time(
    run: Source, policy: Policy, *, after: int = 1, dwell: int = 1, band: float = 0.0, window: int | None = None
) -> list[Over]:
    """Replay a policy over each cell of a run that follows a timeline, in the order of time.

    ``after``, ``dwell`` and ``band`` calm it down, as ``stress.policy.Steady`` does; with a ``window`` it is followed
    as a monitor follows it (``stress.policy.Windowed``). Raises InputError where the run has no timeline.
    """
    frame = Frame(run)
    along = [i for i, row in enumerate(frame.cells) if row.grid == "timeline" and not (row.fallback or row.machine)]
    if not along or not frame.has("place"):
        raise InputError("policy: the run follows no timeline: a suite with `timeline:` is needed to replay over time.")
    plain = replayed(run, policy)
    streams = list(run.info.get("streams", {}))
    decider: Steady | Windowed = Steady(policy, after=after, dwell=dwell, band=band)
    if window is not None:
        if (after, dwell, band) != (1, 1, 0):
            raise InputError("policy: window goes without after, dwell and band, got both.")
        decider = Windowed(policy, window)
    return [_over(plain, policy, cell, streams, decider) for cell in along]


def _over(plain: Replayed, policy: Policy, cell: int, streams: Sequence[str], decider: Steady | Windowed) -> Over:
    frame = plain.frame
    rows = plain.record[plain.cell == cell]
    place = frame.column("place")[rows]
    line = _lines(frame, cell, rows)
    order = np.lexsort((place, line))
    action, switches = _decided(policy, _signals(frame, policy, cell, streams), order, line, decider)
    by, there = stand_ins(frame.cells, streams)[cell], np.full(len(rows), -1)
    for k in np.unique(action):
        there[action == k] = _shown(frame, cell, rows[action == k], policy.actions[k], by)
    window = np.minimum((place * WINDOWS).astype(np.int64), WINDOWS - 1)

    def windows(values: Floats) -> tuple[float | None, ...]:
        return tuple(float(values[window == w].mean()) if (window == w).any() else None for w in range(WINDOWS))

    share = {policy.actions[k]: float((action == k).mean()) for k in np.unique(action)}
    done = _replayed(frame, policy, rows, action, there)
    return Over(
        frame.cells[cell].cell, windows(done.alone), windows(done.right), switches, len(rows),
        _hours(frame, rows, line), share, _replayed(frame, policy, rows[order], action[order], there[order]),
    )  # fmt: skip


def _lines(frame: Frame, cell: int, rows: Ints) -> Ints:
    """Return which line of time each input is on: one a draw, and one a sequence where each has its own clock."""
    apart = any(each.get("timeline", {}).get("over") == "sequence" for each in frame.cells[cell].conditions)
    names = frame.group("sequence") if apart else [None] * len(frame.samples)
    known = {name: i for i, name in enumerate(dict.fromkeys(names))}
    of = np.array([known[name] for name in names], np.int64)
    return of[frame.sample[rows]] * (int(frame.draw.max(initial=0)) + 1) + frame.draw[rows]


def _decided(
    policy: Policy, signals: Mapping[str, Floats], order: Ints, line: Ints, decider: Steady | Windowed
) -> tuple[Ints, int]:  # fmt: skip
    """Return the action for each input, and how often it changes along a line."""
    places = {name: i for i, name in enumerate(policy.actions)}
    action, switches, before = np.empty(len(line), np.int64), 0, -1
    for i in order:
        if before < 0 or line[before] != line[i]:
            decider.restart()
            before = -1
        action[i] = places[decider.decide({name: float(values[i]) for name, values in signals.items()})]
        switches += bool(before >= 0 and action[i] != action[before])
        before = int(i)
    return action, switches


def _hours(frame: Frame, rows: Ints, line: Ints) -> float | None:
    """Return how many hours the inputs span by their clock, all lines together; None where one has no time."""
    times = np.array([np.nan if t is None else t for t in frame.run.samples["time"].to_pylist()], np.float64)
    clock = times[frame.sample[rows]]
    if not np.isfinite(clock).all():
        return None
    return float(sum(np.ptp(clock[line == k]) for k in np.unique(line)) / 3600)
