"""Rules held against a run that stopped by what it saw: evidence that is valid whenever one looks, and once at the end.

Half of the error goes to bets on what was answered, which may stop at any moment; the other half to one ordinary look,
for which all samples must be there: that look is the same whether or not anybody would have stopped before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, inf

import numpy as np

from stress.gate._asked import Form, Observed, form_of, rests_on
from stress.gate._exact import exactly, p_value
from stress.gate._looks import Looks, by_looks
from stress.gate._rules import Check, Rule
from stress.gate._stopped import Stopped
from stress.measure import Measured
from stress.records.metric import Metric
from stress.statistics.corrections import adjusted_evidence
from stress.statistics.intervals import z_quantile

__all__ = ["Resting", "proven", "resting", "surely"]

_HALF = 0.5
_LARGEST = 690.0
"""Log of an e-value above which it makes no difference."""


@dataclass(frozen=True)
class Resting:
    """A check, and what it rests on: ``observed`` while the run went on, ``whole`` as of all samples, or either."""

    check: Check
    observed: Observed | Looks | None = None
    whole: Check | None = None


def metrics_of(session: Measured) -> Mapping[str, Metric]:
    """Return the metrics of a run by name."""
    return {metric.name: metric for metric in session.declared}


def resting(rule: Rule, check: Check, stopped: Stopped, session: Measured) -> Resting:
    """Return a check with the interval that is valid for a run that may have stopped anywhere."""
    if check.value is None or not check.cells:
        return Resting(check)
    metrics = metrics_of(session)
    form = form_of(rule, metrics, session.headline)
    every = [str(name) for name in stopped.run.cells["cell"].to_pylist()]
    cells = rests_on(rule, check.cells, every)
    whole = check if stopped.whole(cells) else None
    observed: Observed | Looks | None = None
    if isinstance(form, Form):
        observed = stopped.observed(form, check.cells)
    elif by_looks(rule, metrics):
        observed = stopped.looks(rule, check.cells)
    if observed is None:
        if whole is not None:
            return Resting(check, whole=check)
        note = f"{form}, which is judged on all samples, and the run stopped before (--until this file runs them whole)"
        return Resting(Check(check.subject, cells=check.cells, note=note))
    return _rests(rule, check, observed, whole, (stopped.samples(cells), len(stopped.members)))


def _rests(
    rule: Rule, check: Check, observed: Observed | Looks, whole: Check | None, asked: tuple[int, int]
) -> Resting:
    """Return a check with what was observed while the run went on, and of all samples where they are there."""
    level = (1 - rule.confidence) / 2 * _HALF
    low, high = observed.sequence(level)
    value, before, after = observed.value, check.before, check.after
    method = "betting sequence"
    if isinstance(observed, Looks):
        method = "asymptotic sequence"
    elif observed.form.kind == "lost":
        before, after = observed.sides
    if whole is not None:
        ends = _ends(rule, whole)
        low, high = max(low, ends[0]), min(high, ends[1])
        method += f" and {whole.method}, half of the error each"
        value = whole.value if isinstance(observed, Looks) else value
    found = replace(
        check, value=value, low=low, high=high, method=method, few=False, trials=None, freedom=None,
        clear=None, before=before, after=after, asked=asked,
    )  # fmt: skip
    return Resting(found, observed, whole)


def _ends(rule: Rule, check: Check) -> tuple[float, float]:
    """Return the ends of the ordinary interval of a check, at half of the error."""
    sure = 1 - (1 - rule.confidence) * _HALF
    if check.trials is not None and not rule.against:
        exact = exactly(replace(rule, confidence=sure), check)
        return float(exact.low or 0.0), float(exact.high if exact.high is not None else inf)
    longer = z_quantile(sure) / z_quantile(rule.confidence)
    value = float(check.value or 0.0)
    low = -inf if check.low is None else value - longer * (value - check.low)
    high = inf if check.high is None else value + longer * (check.high - value)
    return low, high


def proven(side: Rule, rest: Resting) -> Check:
    """Return a check whose interval ends at the bar where bets had refuted all beyond it at some moment before.

    A confidence sequence holds at all times at once: what it has excluded once stays excluded.
    """
    if rest.observed is None:
        return rest.check
    enough = -np.log((1 - side.confidence) / 2 * _HALF) * (1 - 1e-12)
    if rest.observed.path(side.bar, side.kind == "min").max() < enough:
        return rest.check
    if side.kind == "min":
        return replace(rest.check, low=max(float(rest.check.low or 0.0), side.bar))
    return replace(rest.check, high=min(float(rest.check.high if rest.check.high is not None else inf), side.bar))


def surely(
    asked: Sequence[tuple[Rule, Resting]], p: Sequence[float], correction: str
) -> tuple[list[float], list[float]]:
    """Return the p values of "the bar is kept", alone and corrected over all: inverses of e-values.

    ``p`` are those of the ordinary tests, which count where all samples are there.
    """
    found = np.array([_evidence(*each, one, len(asked), correction) for each, one in zip(asked, p)], np.float64)
    sure = adjusted_evidence(found, correction)
    with np.errstate(divide="ignore"):
        alone = [one if rest.observed is None else float(min(1 / e, 1.0)) for (_, rest), one, e in zip(asked, p, found)]
        return alone, np.minimum(1 / sure, 1.0).tolist()


def _evidence(side: Rule, rest: Resting, p: float, count: int, correction: str) -> float:
    """Return the e-value of "the bar is broken"."""
    if rest.observed is None and rest.whole is None:
        return float("nan")
    level = (1 - side.confidence) / 2 / (1 if correction == "none" else count)
    if rest.observed is None:
        return inf if p == 0 else (1 / level if p <= level else 0.0)
    path = rest.observed.path(side.bar, side.kind != "min")
    crossed = np.flatnonzero(path >= -np.log(level * _HALF) * (1 - 1e-12))
    # the bets end where they have won enough: a rule that is fixed beforehand, so that it is an e-value all the same
    bets = exp(min(float(path[crossed[0] if len(crossed) else -1]), _LARGEST))
    look = 0.0
    if rest.whole is not None and p_value(side, rest.whole) <= level * _HALF:
        look = 1 / (level * _HALF)
    return _HALF * (bets + look)
