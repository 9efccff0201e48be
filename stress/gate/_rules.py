"""What a release must keep to: rules, and what came of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from scenarios import Goals
from stress.gate._plain import number
from stress.gate._select import Selection
from stress.measure import Matched, Number

__all__ = [
    "MARKS", "MIXED", "UNFINISHED", "WORST", "Check", "Gates", "Outcome", "Report", "Rule", "Verdict", "interval",
    "number", "reason", "sentence",
]  # fmt: skip

Outcome = Literal["pass", "fail", "undecided", "unjudged"]
"""``undecided``: the interval spans the bar. ``unjudged``: there is nothing to judge – cells that did not run, a metric
that is undefined. Neither is a pass; only the first can be settled by more samples, or by ``--undecided``."""
Bar = Literal["min", "max", "max_drop", "within"]
WORST: Sequence[Outcome] = ("fail", "unjudged", "undecided", "pass")


@dataclass(frozen=True)
class Rule:
    """One line of a gate file. ``where`` is its place: file, line, column."""

    metric: str
    kind: Bar
    bar: float
    where: str
    on: Selection = field(default_factory=Selection)
    per: str | None = None
    by: str | None = None
    of: str | None = None
    classes: tuple[str, ...] = ()
    confidence: float = 0.95
    name: str | None = None
    streams: tuple[str, ...] = ()
    ends: tuple[float, float] | None = None
    """Of ``within``: between which numbers; ``goals`` give each check its own."""
    goals: Goals | None = None
    policy: str | None = None  # file of the fallback policy with which the system is judged
    audit: str | None = None  # file of the audit that says what leaks

    @property
    def bars(self) -> str:
        """What the number must be, in words: ``≥ 0.5``, ``within [0.3, 0.5]``."""
        if self.goals is not None:
            return f"within the goals {self.goals}"
        if self.ends is not None:
            return f"within [{self.ends[0]:g}, {self.ends[1]:g}]"
        sign = {"min": "≥", "max": "≤", "max_drop": "worse than the baseline by at most"}[self.kind]
        return f"{sign} {self.bar:g}"

    @property
    def against(self) -> bool:
        """Whether the rule compares with an earlier run."""
        return self.kind == "max_drop"

    @property
    def title(self) -> str:
        """The rule in words: ``recall per class on only_stream audio ≥ 0.5``."""
        if self.name:
            return self.name
        what = f"{self.metric} of {self.of}" if self.of else self.metric
        what += f" of {' or '.join(self.streams)}" if self.streams else ""
        what += f"{f' by {self.by}' if self.by else ''}{f' per {self.per}' if self.per else ''}"
        if self.classes:
            what += f" ({', '.join(self.classes)})"
        what += f" with policy {Path(self.policy).name}" if self.policy else ""
        if self.audit:
            return f"{what} by {Path(self.audit).name} {self.bars}"
        return f"{what} on {self.on} {self.bars}"


@dataclass(frozen=True)
class Check:
    """One number of a rule held against its bar. ``needed``: so many samples (clusters) of a new run would decide it.

    ``p`` is that of "the bar is kept", ``p_adjusted`` corrected for the number of checks in the file; ``value`` of a
    comparison is the drop, from ``before`` to ``after``. ``few``: the interval is Student's t of fewer than 20
    clusters. ``trials``: the value is a rate, worth so many independent answers; ``freedom``: as estimated from
    clusters. ``clear``: the end that must clear the bar to pass, where that of the interval allows for more than it
    must. ``ends``: between which numbers it must be. ``note`` says why one is missing. ``asked``: of a run that may
    stop early, on how many samples it rests, and how many there are. ``turns_at``: the share of wrong labels from
    which on the outcome may be another.
    """

    subject: str
    outcome: Outcome = "unjudged"
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    samples: int = 0
    clusters: int = 0
    p: float | None = None
    p_adjusted: float | None = None
    needed: float | None = None
    before: float | None = None
    after: float | None = None
    lost: int | None = None
    gained: int | None = None
    method: str | None = None
    few: bool = False
    trials: float | None = None
    freedom: float | None = None
    clear: float | None = None
    note: str | None = None
    cells: tuple[str, ...] = ()
    ends: tuple[float, float] | None = None
    asked: tuple[int, int] | None = None
    turns_at: float | None = None

    @classmethod
    def of(cls, subject: str, number: Number, cells: Sequence[str] = (), **more: Any) -> Check:
        """Return a check, not yet judged, of a measured number."""
        return cls(
            subject,
            value=number.value,
            low=number.low,
            high=number.high,
            n=number.n or 0,
            method=number.method,
            few=number.few,
            trials=number.trials,
            freedom=number.freedom,
            note=number.note,
            cells=tuple(cells),
            **more,
        )


@dataclass(frozen=True)
class Verdict:
    """A rule and its checks; its outcome is that of its worst check."""

    rule: Rule
    checks: tuple[Check, ...]

    @property
    def outcome(self) -> Outcome:
        """pass, fail, undecided or unjudged."""
        return next((o for o in WORST if any(check.outcome == o for check in self.checks)), "unjudged")

    @property
    def passed(self) -> bool:
        """Whether every check of the rule passed: an undecided one did not."""
        return self.outcome == "pass"

    @property
    def worst(self) -> Check:
        """The check that decides, the furthest from its bar among equals."""
        sign = 1.0 if self.rule.kind == "min" else -1.0
        alike = [check for check in self.checks if check.outcome == self.outcome]
        if self.rule.kind == "within":
            return max(alike, key=_beyond)
        return min(alike, key=lambda check: sign * (check.value if check.value is not None else 0.0))

    @property
    def message(self) -> str:
        """One line with the numbers."""
        return sentence(self)


def _beyond(check: Check) -> float:
    """Return how far a value lies beyond the nearer of its two ends; negative between them."""
    low, high = check.ends or (-math.inf, math.inf)
    return -math.inf if check.value is None else max(low - check.value, check.value - high)


@dataclass(frozen=True)
class Gates:
    """A gate file. ``correction`` is over all checks of the file; ``cluster`` a group whose samples go together."""

    name: str
    rules: tuple[Rule, ...]
    correction: str = "holm"
    cluster: str | None = None
    text: str = ""


@dataclass(frozen=True)
class Report:
    """What came of a gate file, on so many ``records``. ``undecided`` is what undecided rules count as, if anything.

    An ``unfinished`` run can fail, but not pass: what decides may not have run. A ``mixed`` one is of two models.
    """

    gates: Gates
    verdicts: tuple[Verdict, ...]
    run: str
    suite: str
    model: str
    baseline: str | None = None
    dropped: tuple[str, ...] = ()
    undecided: str | None = None
    unfinished: bool = False
    matched: Matched | None = field(default=None, repr=False, compare=False)
    """The records that were compared with the baseline's, to take examples from."""
    mixed: bool = False
    records: int | None = None

    def count(self, outcome: Outcome) -> int:
        """Return how many rules ended so."""
        return sum(verdict.outcome == outcome for verdict in self.verdicts)

    @property
    def checks(self) -> int:
        """Number of checks, over which the correction is made."""
        return sum(len(verdict.checks) for verdict in self.verdicts)

    def judged(self, verdict: Verdict) -> Outcome:
        """Return a rule's outcome as it counts for the exit status."""
        if verdict.outcome == "undecided" and self.undecided in ("pass", "fail"):
            return "pass" if self.undecided == "pass" else "fail"
        return verdict.outcome

    @property
    def status(self) -> int:
        """Exit status: 0 pass, 1 fail, 3 could not be judged."""
        found = {self.judged(verdict) for verdict in self.verdicts}
        if self.mixed:
            return 3
        if "fail" in found:
            return 1
        return 0 if found == {"pass"} and not self.unfinished else 3

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why the run as a whole cannot pass, whatever its numbers are."""
        return (*([MIXED] if self.mixed else []), *([UNFINISHED] if self.unfinished else []))

    @property
    def outcome(self) -> str:
        """The status in a word."""
        return {0: "pass", 1: "fail", 3: "undecided"}[self.status]


MARKS = {"pass": "✓", "fail": "✗", "undecided": "?", "unjudged": "–"}
UNFINISHED = "The run is unfinished, so it cannot pass: the same command that began it continues it"
MIXED = "A changed model was accepted in the run (--accept-model), so it is not judged: run it anew, or --allow-mixed"


def interval(check: Check) -> str:
    """Return ``0.120 [0.061, 0.221]``."""
    if check.low is None and check.high is None:
        return number(check.value)
    return f"{number(check.value)} [{number(check.low)}, {number(check.high)}]"


def reason(rule: Rule, check: Check) -> str:
    """Return why a check ended as it did, with the numbers and the metric that they are of."""
    if check.outcome == "unjudged":
        return f"{rule.metric} could not be judged: {check.note}"
    if check.ends is not None:
        must = f"within [{check.ends[0]:.3g}, {check.ends[1]:.3g}]"
    else:
        must = f"a drop ≤ {rule.bar:g}" if rule.against else rule.bars
    shown = f"{rule.metric} {interval(check)}, must be {must}"
    if rule.against:
        shown += f" ({number(check.before)} → {number(check.after)})"
    shown += f", n={check.n:,}" + (", asked {:,} of {:,} samples".format(*check.asked) if check.asked else "")
    if check.note:
        shown += f" ({check.note})"
    if check.outcome == "undecided":
        if check.p is not None and check.p <= (1 - rule.confidence) / 2:
            shown += "; alone it would fail, but it is one of many checks"
        shown += f"; {_more(check)}"
    return shown


def _more(check: Check) -> str:
    if check.asked:
        return "all samples were asked" if check.asked[0] == check.asked[1] else "more of them would hardly decide it"
    if check.needed is None or check.needed > 1e6:
        return "no reasonable number of samples would decide"
    word = "samples" if check.clusters == check.samples else "clusters"
    sure = "would decide in 4 of 5 cases, if the value is as measured; do not judge the same run again as it grows"
    return f"a new run of about {check.needed:,.0f} {word} {sure}"


def sentence(verdict: Verdict) -> str:
    """Return one line: outcome, what, numbers, and where the rule stands."""
    rule, check = verdict.rule, verdict.worst
    what = rule.name or " ".join(filter(None, [rule.metric, f"of {rule.of}" if rule.of else ""]))
    subject = check.subject if rule.per is None or rule.per == "cell" else f"{rule.per} {check.subject}"
    place = str(rule.on) if rule.per not in (None, "cell") else ""
    about = f"{what} on {subject}" if rule.per in (None, "cell") else f"{what} of {subject} on {place}"
    alike = [other for other in verdict.checks if other.outcome == verdict.outcome]
    rest = f" and {len(alike) - 1} more" if len(alike) > 1 and verdict.outcome != "pass" else ""
    every = f" (worst of {len(verdict.checks)})" if len(verdict.checks) > 1 and verdict.outcome == "pass" else ""
    why = reason(rule, check)
    line = f"{about}{rest}{every}: {why if rule.name else why.removeprefix(rule.metric).lstrip()}"
    return " ".join(line.split())
