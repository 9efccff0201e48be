"""The numbers that rules are held against: all come from ``stress.measure``, over selections of the run's cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from perturbations import InputError, SpecError
from perturbations.errors import meant, named_keywords, nearest
from scenarios import MACHINE
from stress.gate._against import compared
from stress.gate._leakage import LEAKAGE, leaked
from stress.gate._rules import Check, Rule
from stress.gate._streams import STREAM_METRICS, stream_checks
from stress.measure import Matched, Measured, Number, measured
from stress.records.frame import LIMIT
from stress.records.source import Source
from stress.tasks import class_metrics

__all__ = ["Numbers", "parts_of"]

_UNTESTED = "not tested: no perturbation could change any record"
_COLUMNS = ("stream", "modality", "scenario", "severity")


@dataclass(frozen=True)
class _Asked:
    """The parts that a rule is about, the cells that can be judged, and with those that were not tested ``every``."""

    parts: dict[str, list[str]]
    cells: list[str]
    every: list[str]


@dataclass(frozen=True)
class Numbers:
    """A run, and its records matched with an earlier run's where there is one; what was read is shared by all rules."""

    run: Source
    matched: Matched | None = None
    cluster: str | None = None
    _systems: dict[str, Numbers] = field(default_factory=dict)

    def of(self, rule: Rule) -> Numbers:
        """Return the numbers that a rule is about: the run's or, of a rule with a policy, those of both as a system."""
        if rule.policy is None:
            return self
        if rule.policy not in self._systems:
            from stress.policy import load, system

            try:
                self._systems[rule.policy] = Numbers(system(self.run, load(rule.policy)), None, self.cluster)
            except InputError as error:
                raise SpecError(f"{rule.where}: gates: {error}") from None
        return self._systems[rule.policy]

    @cached_property
    def _session(self) -> Measured:
        return measured(self.run, limit=LIMIT, **self._chosen)

    def _whole(self, rule: Rule) -> dict[str, Any]:
        """Return the options of a session for numbers that are not of cells."""
        return {"limit": LIMIT, "confidence": rule.confidence, "metric": rule.of, "goals": rule.goals}

    @property
    def _chosen(self) -> dict[str, str]:
        return {} if self.cluster is None else {"cluster": self.cluster}  # else as the run declares

    def checks(self, rule: Rule) -> list[Check]:
        """Return a rule's numbers, not yet judged: one check for each part that ``per`` asks for."""
        if rule.metric == LEAKAGE:
            return [leaked(rule, self.run)]
        try:
            return self._checks(rule)
        except InputError as error:  # a group, a metric that the run does not have
            raise SpecError(f"{rule.where}: gates: {error}") from None

    def named(self, rule: Rule) -> None:
        """Raise SpecError where a rule names a metric, a class or a group that this run does not have."""
        if rule.metric == LEAKAGE:
            return
        if rule.classes or rule.per == "class":
            self._classes(rule)
        if rule.by:
            self._group(rule.by, rule)
        changes = rule.metric in ("gap", "widening", *STREAM_METRICS)
        if rule.per != "class" and not changes and rule.metric not in self._session.metrics:
            _known(rule, rule.metric, self._session)

    def expect(self, rules: Sequence[Rule]) -> None:
        """Have what rules need summed up before any is resampled; what cannot be is told when its rule is checked."""
        for rule in rules:
            with suppress(InputError, SpecError):
                self.of(rule)._expect(rule)

    def _expect(self, rule: Rule) -> None:
        others = (LEAKAGE, "gap", "widening", *STREAM_METRICS)
        if rule.metric in others or rule.against or rule.per == "class" or not self._session.drawn_anew:
            return
        asked = self._asked(rule)
        for group in self._groups(rule) if rule.per == "group" else [None]:
            if isinstance(asked, _Asked):
                self._selected(rule, asked.parts, group).expect(rule.metric)

    def _checks(self, rule: Rule) -> list[Check]:
        asked = self._asked(rule)
        if not isinstance(asked, _Asked):
            return asked
        return [*self._judgeable(rule, asked.parts, asked.cells), *self._left_untested(rule, asked.parts, asked.every)]

    def _asked(self, rule: Rule) -> _Asked | list[Check]:
        """Return what a rule is about, or checks that say why nothing can be measured of it."""
        cells = rule.on.cells(self.run)
        if rule.against and self.matched is not None:
            cells = [name for name in cells if name in self.matched.pair.cells]
        if not cells:
            hint = self._nearest(rule)
            who = "both runs have" if rule.against else "this run has"
            return [Check(str(rule.on), note=f"it is about no cell that {who}. {hint}".strip())]
        still, every = [name for name in cells if name in self._untested], cells
        if rule.per != "cell" and rule.metric not in STREAM_METRICS:
            cells = [name for name in cells if name not in self._untested]
        if not cells:
            return [Check(str(rule.on), cells=tuple(still), note=_UNTESTED)]
        parts = parts_of(rule, cells, self.run)
        if not parts:
            return [Check(str(rule.on), note=f"none of the cells has a {rule.per}")]
        idle = [name for name in cells if name not in self._ran(rule)]
        if idle and rule.per != "cell":
            listed = f"{', '.join(idle[:3])}{' …' if len(idle) > 3 else ''}"
            return [Check(str(rule.on), note=f"{len(idle)} of its {len(cells)} cells did not run: {listed}")]
        if lost := self._session.left_out(cells):
            note = f"in {lost} records of its cells a perturbation raised, so the model was not asked (see failures)"
            return [Check(str(rule.on), note=note)]
        return _Asked(parts, cells, every)

    def _left_untested(self, rule: Rule, parts: Mapping[str, Sequence[str]], every: Sequence[str]) -> list[Check]:
        """Return a check, which cannot be judged, for each part of which no cell was tested: it does not vanish."""
        if rule.metric in STREAM_METRICS or not self._untested.intersection(every):
            return []
        left = {name: cells for name, cells in parts_of(rule, every, self.run).items() if name not in parts}
        return [Check(name, cells=tuple(cells), note=_UNTESTED) for name, cells in left.items()]

    def _judgeable(self, rule: Rule, parts: dict[str, list[str]], cells: Sequence[str]) -> list[Check]:
        """Return the numbers of parts that ran and were tested."""
        groups = self._groups(rule) if rule.per == "group" or (rule.by and rule.against) else []
        if rule.against and self.matched is not None:
            among = self._classes(rule) if rule.per == "class" else [value for _, value in groups]
            return compared(rule, self.matched, parts, among)
        if rule.metric in STREAM_METRICS:
            return stream_checks(rule, measured(self.run, **self._chosen, **self._whole(rule)), cells)
        if rule.classes and rule.metric == "gap":
            return self._of_truths(rule, parts)
        if rule.per == "group":
            return [check for group in groups for check in self._measured(rule, parts, group)]
        return self._measured(rule, parts, None)

    @cached_property
    def _untested(self) -> set[str]:
        return self._session.untested()

    def _ran(self, rule: Rule) -> set[str]:
        """Return the cells that have records, in both runs where a rule compares them."""
        if rule.against and self.matched is not None:
            return set(self.matched.ran)
        return self._begun

    @cached_property
    def _begun(self) -> set[str]:
        return self._session.begun()

    def _nearest(self, rule: Rule) -> str:
        rows = self.run.cells.to_pylist()
        for key in ("scenario", "perturbation", "category", "cell"):
            known = sorted({row[key] for row in rows if row[key]})
            for value in rule.on.terms.get(key, ()):
                if known and not any(fnmatchcase(name, value) for name in known):
                    return meant(value, known) or f"Its {key}s: {', '.join(known[:8])}."
        return ""

    def _groups(self, rule: Rule) -> list[tuple[str, str]]:
        by = str(rule.by)
        values = self._group(by, rule)
        return [(by, name) for name in sorted({v for v in values if v is not None})]

    def _group(self, by: str, rule: Rule) -> list[str | None]:
        columns = {n.removeprefix("group."): n for n in self.run.samples.column_names if n.startswith("group.")}
        columns |= {"sequence": "sequence", "split": "split"}
        if by not in columns:
            text = f"{rule.where}: gates: by must be one of {', '.join(columns)}, got {by!r}. {nearest(by, columns)}"
            raise SpecError(text)
        return [None if v is None else str(v) for v in self.run.samples[columns[by]].to_pylist()]

    def _classes(self, rule: Rule) -> list[str]:
        known = [str(name) for name in self.run.info.get("classes") or ()]
        for name in rule.classes:
            if name not in known:
                text = f"class must be one of {', '.join(known[:12])}{' …' if len(known) > 12 else ''}, got {name!r}."
                raise SpecError(f"{rule.where}: gates: {text} {nearest(name, known)}")
        return list(rule.classes) or known

    def _measured(self, rule: Rule, parts: Mapping[str, Sequence[str]], group: tuple[str, str] | None) -> list[Check]:
        session = self._selected(rule, parts, group)
        if not session.run.count:
            return [Check(f"{group[0]} {group[1]}" if group else str(rule.on), note="no records")]
        if rule.per == "class":
            return self._by_class(rule, session, parts)
        if rule.metric in ("gap", "widening"):
            return self._gaps(rule, session, parts)
        _known(rule, rule.metric, session)
        numbers = session.metric(rule.metric).items()
        found = [_check(group[1] if group else name, number, session, name, parts) for name, number in numbers]
        return [self._unless_untested(check) for check in found]

    def _selected(self, rule: Rule, parts: Mapping[str, Sequence[str]], group: tuple[str, str] | None) -> Measured:
        """Return the session with the parts that a rule is about, in a group of samples or in all."""
        by = [rule.by] if rule.by and rule.metric in ("gap", "widening") else None
        return self._session.selection(parts, group, confidence=rule.confidence, metric=rule.of, by=by)

    def _unless_untested(self, check: Check) -> Check:
        if not check.cells or not self._untested.issuperset(check.cells):
            return check
        return Check(check.subject, cells=check.cells, note=_UNTESTED)

    def _of_truths(self, rule: Rule, parts: Mapping[str, Sequence[str]]) -> list[Check]:
        """Return gaps of recall, of one class each: of the accuracy on samples that are truly of it."""
        found: list[Check] = []
        for label in self._classes(rule):
            session = self._session.selection(
                parts, None, label, confidence=rule.confidence, metric=self._session.right, by=[str(rule.by)]
            )
            found += [replace(c, subject=f"{label}, {c.subject}") for c in self._gaps(rule, session, parts)]
        return found

    def _gaps(self, rule: Rule, session: Measured, parts: Mapping[str, Sequence[str]]) -> list[Check]:
        found = []
        for name, gaps in session.gaps("gap" if rule.metric == "gap" else "widening").items():
            for gap in gaps:
                subject = f"{name}: {gap.best} over {gap.worst}" if gap.best else name
                found.append(replace(_check(subject, gap.number, session, name, parts), clear=gap.high_alone))
        return [self._unless_untested(check) for check in found]

    def _by_class(self, rule: Rule, session: Measured, parts: Mapping[str, Sequence[str]]) -> list[Check]:
        wanted = self._classes(rule)
        numbers = session.by_class(rule.metric)
        found = [
            _check(label, number, session, name, parts, label)
            for (name, label), number in numbers.items()
            if label in wanted
        ]
        note = f"the run has no {rule.metric} per class: it needs records with a prediction, of a task with classes"
        found = [self._unless_untested(check) for check in found]
        return found or [Check(str(rule.on), note=note, cells=tuple(parts.get(str(rule.on), ())))]


def _check(
    subject: str,
    number: Number,
    session: Measured,
    part: str,
    parts: Mapping[str, Sequence[str]],
    label: str | None = None,
) -> Check:
    """Return a check of a number of a part (of one class, where given), with how many samples and clusters it has."""
    samples, clusters = session.support(part, label)
    return Check.of(subject, number, parts[part], samples=samples, clusters=clusters)


def _known(rule: Rule, metric: str, session: Measured) -> None:
    if session.has(metric):
        return
    names = [*session.metrics, "gap", "widening", *STREAM_METRICS]
    hint = f"{metric} is a metric per class: add per: class." if metric in class_metrics() else nearest(metric, names)
    text = f"metric must be one of {', '.join(names)} for {session.task}, got {metric!r}. {hint}"
    raise SpecError(f"{rule.where}: gates: {text}")


@named_keywords
def parts_of(rule: Rule, cells: Sequence[str], run: Source) -> dict[str, list[str]]:
    """Return the cells of each part that is judged on its own, by the name it is shown by."""
    if rule.per == "cell":
        return {name: [name] for name in cells}
    if rule.per not in _COLUMNS:
        return {str(rule.on): list(cells)}
    rows = {row["cell"]: row for row in run.cells.to_pylist()}
    found: dict[str, list[str]] = {}
    for name in cells:
        row = rows[name]
        machine = {MACHINE} & set((row["modality"] or "").split("+"))
        value = "+".join([*row["streams"], *machine]) if rule.per == "stream" else row[rule.per]
        if name == "clean" or value in (None, ""):
            continue
        found.setdefault(f"{value:g}" if rule.per == "severity" else str(value), []).append(name)
    return found
