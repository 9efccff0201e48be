"""What can be said of gates before the first record: whether they can be about a run, and how many checks they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from perturbations import SpecError
from perturbations.errors import gather, named_keywords, nearest
from scenarios.reading import Problems
from stress.gate._bars import outside
from stress.gate._rules import Gates, Rule
from stress.gate._streams import STREAM_METRICS
from stress.measure import measured
from stress.records.metric import Metric
from stress.records.source import Source
from stress.tasks import class_metrics

__all__ = ["check_early", "count_checks"]


@named_keywords
def check_early(gates: Gates, run: Source, metrics: Mapping[str, Metric], baseline: Source | None = None) -> None:
    """Raise one SpecError with all in the gates that cannot be about a run of these cells, streams and metrics."""
    problems = Problems([], Path.cwd())
    session = measured(run)
    known = [*dict.fromkeys([*session.metrics, *metrics, *class_metrics(), "gap", "widening", *STREAM_METRICS])]
    for rule in gates.rules:
        rule.on.check(run, problems)
        outside(rule, session.headline, problems)
        for name in (rule.metric, rule.of):
            if name is not None and name not in known:
                text = f"metric must be one of {', '.join(known)} for {session.task}, got {name!r}."
                problems.say(rule.where, "gates", f"{text} {nearest(name, known)}")
        if rule.against and baseline is None:
            problems.say(rule.where, "gates", "a rule against baseline needs a run to compare with (--against RUN).")
        if not rule.on.cells(run):
            problems.say(rule.where, "gates", f"{rule.on} must be about a cell of the suite, got none.")
    gather(problems.sorted(), SpecError)


@named_keywords
def count_checks(rule: Rule, parts: Mapping[str, Sequence[str]], run: Source) -> int:
    """Return at most how many checks a rule is, for which a gate file corrects."""
    each = 1
    if rule.per == "class" or rule.classes:
        each = len(rule.classes) or max(len(run.info.get("classes") or ()), 1)
    elif rule.by:
        column = rule.by if rule.by in ("sequence", "split") else f"group.{rule.by}"
        values = run.samples[column].to_pylist() if column in run.samples.column_names else []
        each = max(len({value for value in values if value is not None}), 1)
    return max(len(parts), 1) * each * (2 if rule.kind == "within" else 1)
