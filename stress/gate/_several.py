"""Any number of runs side by side – ways to fuse streams, model sizes – each pair compared sample by sample."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.gate._judge import suite_of
from stress.gate._markdown import quoted, table
from stress.gate._rules import number
from stress.measure import (
    Difference,
    Matched,
    change,
    comparable,
    gap_change,
    match,
    measured,
    reliance_changes,
)
from stress.records.cells import by_scenario
from stress.records.pairing import paired
from stress.records.source import Source
from stress.records.stopping import refuse_stopped
from stress.statistics.corrections import adjusted

__all__ = ["Several", "Side", "Versus", "compare_several", "letters", "several_data", "several_markdown", "shown"]

_LATENCY = "latency_p95_ms"


@dataclass(frozen=True)
class Versus:
    """One number of two of the runs: ``difference`` is by how much the ``other`` is worse than the ``one``."""

    one: int
    other: int
    difference: Difference
    p_adjusted: float | None = None
    better: int | None = None
    """Which of the two is surely better – of reliance: leans more on the stream –, after correction over all pairs and
    rows; none where that cannot be said."""


@dataclass(frozen=True)
class Side:
    """A row of the table: a measure of a scenario (or of the whole run), its value in each run, and every pair."""

    part: str
    measure: str
    values: tuple[float | None, ...]
    pairs: tuple[Versus, ...]

    @property
    def order(self) -> str:
        """Which runs are surely better than which: ``A>B A>C``; empty where no difference was found."""
        found = []
        for pair in self.pairs:
            if pair.better is not None:
                worse = pair.other if pair.better == pair.one else pair.one
                found.append(f"{letters(pair.better)}>{letters(worse)}")
        return " ".join(found)


@dataclass(frozen=True)
class Several:
    """Runs side by side. All differences of all rows and pairs are one family, corrected together."""

    runs: tuple[Source, ...]
    metric: str
    confidence: float
    correction: str
    rows: tuple[Side, ...]
    dropped: tuple[str, ...]

    @property
    def tested(self) -> int:
        """Number of differences that the correction is over."""
        return sum(pair.difference.p is not None for row in self.rows for pair in row.pairs)


@named_keywords
def letters(place: int) -> str:
    """Return the name of a run by its place: A, B … Z, AA, AB …"""
    rest, last = divmod(place, 26)
    return (letters(rest - 1) if rest else "") + chr(ord("A") + last)


@named_keywords
def compare_several(
    *runs: Source,
    metric: str | None = None,
    by: Sequence[str] = (),
    common: bool = False,
    cluster: str | None = None,
    confidence: float = 0.95,
    correction: str = "holm",
) -> Several:
    """Return runs side by side: headline, retention, calibration and latency per scenario, reliance, and gaps ``by``.

    Every pair is compared on the records that both have, and the p values of all pairs and rows are corrected together.
    Raises RunError where two runs' suites, data or perturbation versions differ; with ``common`` what the two share is
    compared, and the rest is listed.
    """
    if len(runs) < 2:
        raise InputError(f"compare: must have at least two runs, got {len(runs)}.")
    twos = list(itertools.combinations(range(len(runs)), 2))
    for run in runs:
        refuse_stopped(run, "compare")
    matched = {
        two: match(paired(runs[two[0]], runs[two[1]], common, cluster), cluster=cluster, confidence=confidence)
        for two in twos
    }
    name = comparable(matched[0, 1], metric or matched[0, 1].headline)
    found = [row for row in _rows(runs, matched, name, by, confidence) if any(v is not None for v in row.values)]
    dropped = [f"{letters(i)}, {letters(j)}: {line}" for (i, j), m in matched.items() for line in m.pair.dropped]
    return Several(tuple(runs), name, confidence, correction, _decided(found, correction, confidence), tuple(dropped))


_Two = Mapping[tuple[int, int], Matched]


def _rows(runs: Sequence[Source], matched: _Two, metric: str, by: Sequence[str], sure: float) -> Iterator[Side]:
    shared = set.intersection(*(set(each.pair.cells) for each in matched.values()))
    retained = metric == matched[0, 1].headline
    for part, cells in by_scenario(runs[0].cells, shared).items():
        names = [metric, *(["retention"] if part != "clean" and retained else []), "ece", _LATENCY]
        for name in dict.fromkeys(names):
            yield _row(part, name, {two: change(m, name, cells, confidence=sure) for two, m in matched.items()})
        for group in by:
            gaps = {two: gap_change(m, group, cells, metric, sure)[1] for two, m in matched.items()}
            yield _row(part, f"gap by {group}", gaps, _gaps(runs, cells, group, metric))
    found = {two: reliance_changes(m) for two, m in matched.items()}
    for key in found[0, 1]:
        if all(key in each for each in found.values()):
            fill, stream, measure = key
            if measure == "necessity":
                name = f"needs {stream}" + (f", fill {fill}" if fill != "none" else "")
                yield _row("reliance", name, {two: each[key] for two, each in found.items()})


def _row(
    part: str,
    measure: str,
    found: Mapping[tuple[int, int], Difference],
    own: Sequence[float | None] | None = None,
) -> Side:
    """Return a row of each run's value, as its first pair has it."""
    values: dict[int, float | None] = {}
    for (one, other), each in found.items():
        values.setdefault(one, each.before)
        values.setdefault(other, each.after)
    pairs = tuple(Versus(one, other, each) for (one, other), each in found.items())
    return Side(part, measure, tuple(own or [values[i] for i in sorted(values)]), pairs)


def _gaps(runs: Sequence[Source], cells: Sequence[str], by: str, metric: str) -> list[float | None]:
    """Return the gap between the best and the worst group in each run, by its own groups."""
    found: list[float | None] = []
    for run in runs:
        session = measured(run).selection({"all": list(cells)}, None, metric=metric, by=[by])
        gaps = session.gaps("gap").get("all", ())
        found.append(gaps[0].number.value if gaps else None)
    return found


def _decided(rows: Sequence[Side], correction: str, confidence: float) -> tuple[Side, ...]:
    p = [np.nan if pair.difference.p is None else pair.difference.p for row in rows for pair in row.pairs]
    sure = iter(adjusted(np.array(p, np.float64), correction).tolist())
    return tuple(
        replace(row, pairs=tuple(_versus(pair, next(sure), 1 - confidence) for pair in row.pairs)) for row in rows
    )


def _versus(pair: Versus, sure: float, level: float) -> Versus:
    if np.isnan(sure):
        return pair
    worse, better = pair.difference.drop, None
    if sure <= level and worse:
        better = pair.one if worse > 0 else pair.other
    return replace(pair, p_adjusted=sure, better=better)


@named_keywords
def several_data(found: Several) -> dict[str, Any]:
    """Return runs side by side as data that JSON can hold."""
    return {
        "format": 1,
        "runs": {letters(i): str(run.path) for i, run in enumerate(found.runs)},
        "suite": suite_of(found.runs[0]),
        "metric": found.metric,
        "confidence": found.confidence,
        "correction": found.correction,
        "differences": found.tested,
        "left_out": list(found.dropped),
        "rows": [
            {
                "part": row.part,
                "measure": row.measure,
                "values": {letters(i): value for i, value in enumerate(row.values)},
                "pairs": [
                    {
                        "one": letters(pair.one),
                        "other": letters(pair.other),
                        "better": None if pair.better is None else letters(pair.better),
                        "p_adjusted": pair.p_adjusted,
                        **asdict(pair.difference),
                    }
                    for pair in row.pairs
                ],
            }
            for row in found.rows
        ],
    }


@named_keywords
def several_markdown(found: Several) -> str:
    """Return runs side by side as a comment for a pull request."""
    names = [letters(i) for i in range(len(found.runs))]
    rows = [[row.part, row.measure, *(shown(row.measure, v) for v in row.values), row.order] for row in found.rows]
    lines = [f"## {quoted(found.metric)}: {len(names)} runs side by side", ""]
    lines += [f"- {name}: {quoted(run.path)}" for name, run in zip(names, found.runs)]
    lines += ["", *table(["part", "measure", *names, "surely better"], [[quoted(x) for x in row] for row in rows])]
    lines += ["", f"{found.tested} differences, correction: {found.correction}, {found.confidence:.0%}."]
    lines += [f"- left out: {quoted(line)}" for line in found.dropped]
    return "\n".join(lines) + "\n"


@named_keywords
def shown(measure: str, value: float | None) -> str:
    """Return a value as a table shows it: milliseconds with three digits, shares with three decimals."""
    return number(value) if measure != _LATENCY or value is None else f"{value:.3g}"
