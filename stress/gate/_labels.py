"""What wrong labels would do to a verdict: the share of them at which it turns, and labels that are disputed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from perturbations import InputError
from perturbations.errors import named_keywords, nearest
from perturbations.files import read_text
from stress.gate._rules import Check, Rule
from stress.records.metric import Metric
from stress.records.source import Source

__all__ = ["load_disputed", "with_labels"]


@named_keywords
def load_disputed(path: Path, run: Source) -> frozenset[str]:
    """Read the ids of samples whose labels are disputed, one a line. Raises InputError for one that the run has not."""
    names = [line.strip() for line in read_text(path, "gate: labels-disputed", InputError).splitlines()]
    known = set(run.samples["id"].to_pylist())
    found = [name for name in names if name]
    if not found:
        raise InputError(f"gate: labels-disputed: {path} must name a sample a line, got none.")
    if other := [name for name in found if name not in known]:
        hint = nearest(other[0], known)
        raise InputError(f"gate: labels-disputed: {path} must name samples of the run, got {other[0]!r}. {hint}")
    return frozenset(found)


def with_labels(rule: Rule, check: Check, headline: Metric, disputed: Collection[str]) -> Check:
    """Return a check with the share of wrong labels at which it turns; undecided where so many are disputed.

    One wrong label moves a mean of scores from 0 to 1 by a sample's share at most, whichever labels they are (Manski
    2003). Only rules about the headline metric, where it is such a mean, can be told so: others stay as they are.
    """
    scored = headline.kind == "mean" and (headline.low, headline.high) == (0.0, 1.0) and headline.top == "score"
    if rule.metric != headline.name or not scored or rule.kind not in ("min", "max") or rule.per == "class":
        return check
    low, high = check.low, check.high
    if check.outcome not in ("pass", "fail") or low is None or high is None:
        return check
    kept = check.outcome == "pass"
    spare = (low - rule.bar if kept else rule.bar - high) if rule.kind == "min" else (
        rule.bar - high if kept else low - rule.bar
    )  # fmt: skip
    found = replace(check, turns_at=max(spare, 0.0))
    share = min(1.0, len(disputed) / check.samples) if check.samples else 0.0
    if not disputed or share <= spare:
        return found
    note = f"{len(disputed)} labels are disputed ({share:.1%}), and it turns at {max(spare, 0.0):.1%} of wrong ones"
    return replace(found, outcome="undecided", note=note)
