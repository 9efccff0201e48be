"""What a rule is held against: every number and interval comes from ``stress.measure``, over a view of the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from perturbations import InputError, SpecError
from perturbations.errors import nearest
from stress.gate._against import compared
from stress.gate._read import BY_CLASS
from stress.gate._rules import Check, Rule
from stress.measure.between.matching import Matched
from stress.measure.core.context import LIMIT, Context
from stress.measure.session.one import metric_names, metric_rows
from stress.measure.session.registry import context_of, make
from stress.records.pool import selection
from stress.records.source import Source

__all__ = ["Numbers"]

_PART = "part "
_FIELDS = ("value", "low", "high", "method", "note")
_COLUMNS = ("stream", "modality", "scenario", "severity")


@dataclass(frozen=True)
class Numbers:
    """A run, its records matched with an earlier run's where there is one, and the tables asked for already."""

    run: Source
    matched: Matched | None = None
    cluster: str | None = None
    _tables: dict[Any, Any] = field(default_factory=dict)

    def checks(self, rule: Rule) -> list[Check]:
        """Return a rule's numbers, not yet judged: one check for each part that ``per`` asks for."""
        try:
            return self._checks(rule)
        except InputError as error:  # a group, a metric that the run does not have
            raise SpecError(f"{rule.where}: gates: {error}") from None

    def _checks(self, rule: Rule) -> list[Check]:
        cells = rule.on.cells(self.run)
        if rule.against and self.matched is not None:
            cells = [name for name in cells if name in self.matched.pair.cells]
        if not cells:
            hint = self._nearest(rule)
            who = "both runs have" if rule.against else "this run has"
            return [Check(str(rule.on), note=f"it is about no cell that {who}. {hint}".strip())]
        parts = _parts(rule, cells, self.run)
        if not parts:
            return [Check(str(rule.on), note=f"none of the cells has a {rule.per}")]
        idle = [name for name in cells if name not in self._ran(rule)]
        if idle and rule.per != "cell":
            listed = f"{', '.join(idle[:3])}{' …' if len(idle) > 3 else ''}"
            return [Check(str(rule.on), note=f"{len(idle)} of its {len(cells)} cells did not run: {listed}")]
        groups = self._groups(rule) if rule.per == "group" or (rule.by and rule.against) else []
        if rule.against and self.matched is not None:
            among = self._classes(rule) if rule.per == "class" else [value for _, value in groups]
            return compared(rule, self.matched, parts, among)
        if rule.per == "group":
            return [check for group in groups for check in self._measured(rule, parts, group)]
        return self._measured(rule, parts, None)

    def _ran(self, rule: Rule) -> set[str]:
        """Return the cells that have records, in both runs where a rule compares them."""
        if rule.against and self.matched is not None:
            return set(self.matched.ran)
        if "ran" not in self._tables:
            ids = self.run.cells["cell"].to_pylist()
            self._tables["ran"] = {str(ids[i]) for i in np.flatnonzero(self.run.layout.count)}
        found: set[str] = self._tables["ran"]
        return found

    def _nearest(self, rule: Rule) -> str:
        rows = self.run.cells.to_pylist()
        for key in ("scenario", "perturbation", "category", "cell"):
            known = sorted({row[key] for row in rows if row[key]})
            for value in rule.on.terms.get(key, ()):
                if known and not any(fnmatchcase(name, value) for name in known):
                    hint = nearest(value, known)
                    return hint if hint.startswith("Did") else f"Its {key}s: {', '.join(known[:8])}."
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
        known = [str(name) for name in self.run.info.get("identity", {}).get("task", {}).get("classes", ())]
        for name in rule.classes:
            if name not in known:
                text = f"class must be one of {', '.join(known[:12])}{' …' if len(known) > 12 else ''}, got {name!r}."
                raise SpecError(f"{rule.where}: gates: {text} {nearest(name, known)}")
        return list(rule.classes) or known

    def _orders(self, rule: Rule, group: tuple[str, str] | None) -> list[int] | None:
        """Return the samples of a group."""
        if group is None:
            return None
        by, value = group
        orders = self.run.samples["order"].to_pylist()
        return [order for order, found in zip(orders, self._group(by, rule)) if found == value]

    def _measured(self, rule: Rule, parts: Mapping[str, Sequence[str]], group: tuple[str, str] | None) -> list[Check]:
        key = (tuple((name, tuple(cells)) for name, cells in parts.items()), group)
        if ("view", key) not in self._tables:
            named = {_PART + name: cells for name, cells in parts.items()}
            self._tables["view", key] = selection(self.run, named, self._orders(rule, group), LIMIT)
        view: Source = self._tables["view", key]
        if not view.count:
            return [Check(f"{group[0]} {group[1]}" if group else str(rule.on), note="no records")]
        found = [self._check(row, parts) for row in self._rows(rule, view, key)]
        if group is None:
            return found
        return [replace(check, subject=group[1]) for check in found]  # a group has one part

    def _context(self, rule: Rule, view: Source, key: Any) -> Context:
        options: dict[str, Any] = {"confidence": rule.confidence, "cluster": self.cluster}
        options |= {"metric": rule.of, "by": [rule.by] if rule.by and rule.metric in ("gap", "widening") else None}
        full = ("context", key, *(str(value) for value in options.values()))
        if full not in self._tables:
            self._tables[full] = context_of(view, limit=LIMIT, **options)
        return self._tables[full]

    def _rows(self, rule: Rule, view: Source, key: Any) -> list[dict[str, Any]]:
        context = self._context(rule, view, key)
        if rule.per == "class":
            return self._class_rows(rule, context)
        if rule.metric in ("gap", "widening"):
            rows = context.once(_rows_of, "gaps")
        else:
            _known(rule, rule.metric, context)
            rows = metric_rows(context, rule.metric)
        mine = [row for row in rows if row["metric"] == rule.metric and (row["cell"] or "").startswith(_PART)]
        if not mine:
            return [{"cell": _PART + str(rule.on), "note": next((r["note"] for r in rows if r["note"]), "no numbers")}]
        pairs = [f"{row['best']} over {row['worst']}" if row.get("best") else None for row in mine]
        return [{**row, **_distinct(context, row["cell"]), "pair": pair} for row, pair in zip(mine, pairs)]

    def _class_rows(self, rule: Rule, context: Context) -> list[dict[str, Any]]:
        wanted = self._classes(rule)
        rows = context.once(_rows_of, "classes")
        mine = [
            {**row, **_distinct(context, row["cell"], row["class"]), "subject": row["class"]}
            for row in rows
            if row["metric"] == rule.metric and row["cell"].startswith(_PART) and row["class"] in wanted
        ]
        if not mine:
            note = f"the run has no {rule.metric} per class: it needs records with a prediction, of a task with classes"
            return [{"cell": _PART + str(rule.on), "note": note}]
        return mine

    def _check(self, row: Mapping[str, Any], parts: Mapping[str, Sequence[str]]) -> Check:
        part = row["cell"].removeprefix(_PART)
        subject = row.get("subject") or (f"{part}: {row['pair']}" if row.get("pair") else part)
        numbers: dict[str, Any] = {name: row.get(name) for name in _FIELDS}
        numbers = {k: _plain(v) for k, v in numbers.items()}
        cells = tuple(parts.get(part, ()))
        numbers |= {name: int(row.get(name) or 0) for name in ("n", "samples", "clusters")}
        return Check(str(subject), cells=cells, **numbers)


def _rows_of(context: Context, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = make(context, table).to_pylist()
    return rows


def _distinct(context: Context, cell: str, target: str | None = None) -> dict[str, int]:
    """Return how many samples, and how many clusters of them, a cell has records of (of one class, where given)."""
    frame, run = context.frame, context.frame.run
    samples = np.flatnonzero(run.present(cell))
    if target is not None:
        samples = samples[[str(frame.targets[i]) == target for i in samples]]
    return {"samples": len(samples), "clusters": len(np.unique(context.clusters.member[samples]))}


def _plain(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(value) if math.isfinite(value) else None


def _known(rule: Rule, metric: str, context: Context) -> None:
    if metric_rows(context, metric):
        return
    names = [*metric_names(context), "gap", "widening"]
    hint = f"{metric} is a metric per class: add per: class." if metric in BY_CLASS else nearest(metric, names)
    text = f"metric must be one of {', '.join(names)} for {context.frame.task}, got {metric!r}. {hint}"
    raise SpecError(f"{rule.where}: gates: {text}")


def _parts(rule: Rule, cells: Sequence[str], run: Source) -> dict[str, list[str]]:
    """Return the cells of each part that is judged on its own, by the name it is shown by."""
    if rule.per == "cell":
        return {name: [name] for name in cells}
    if rule.per not in _COLUMNS:
        return {str(rule.on): list(cells)}
    rows = {row["cell"]: row for row in run.cells.to_pylist()}
    found: dict[str, list[str]] = {}
    for name in cells:
        row = rows[name]
        value = "+".join(row["streams"]) if rule.per == "stream" else row[rule.per]
        if name == "clean" or value in (None, ""):
            continue
        found.setdefault(f"{value:g}" if rule.per == "severity" else str(value), []).append(name)
    return found
