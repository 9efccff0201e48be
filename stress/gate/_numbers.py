"""What a rule is held against: every number and interval comes from ``stress.measure``, over a view of the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from perturbations import InputError, SpecError
from perturbations._errors import nearest
from stress.engine._folder import Run
from stress.gate._pair import Pair
from stress.gate._read import BY_CLASS
from stress.gate._rules import Check, Rule
from stress.measure._between import change_rows, distinct
from stress.measure._context import Context
from stress.measure._one import metric_names, metric_rows
from stress.measure._registry import context_of, make
from stress.measure._views import View, beside, pooled

__all__ = ["Numbers"]

_PART = "part "
_FIELDS = ("value", "low", "high", "before", "after", "lost", "gained", "method", "note")
_COLUMNS = ("stream", "modality", "scenario", "severity")


@dataclass(frozen=True)
class Numbers:
    """A run, the earlier run where there is one, and the tables that have been asked for already."""

    run: Run
    pair: Pair | None = None
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
        if rule.against and self.pair is not None:
            shared = set(self.pair.cells)
            cells = [name for name in cells if name in shared]
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
        if rule.per == "group":
            return [check for group in self._groups(rule) for check in self._measured(rule, parts, group)]
        if rule.per == "class" and rule.against and self._task != "classification":
            raise InputError(f"recall per class can be paired in classification only, not in {self._task}.")
        if rule.per == "class" and rule.against:
            return [check for name in self._classes(rule) for check in self._measured(rule, parts, ("", name))]
        return self._measured(rule, parts, None)

    @property
    def _task(self) -> str:
        return str(self.run.info.get("identity", {}).get("task", {}).get("task", ""))

    def _ran(self, rule: Rule) -> set[str]:
        """Return the cells that have records, in both runs where a rule compares them."""
        runs = [self.run, self.pair.before] if rule.against and self.pair is not None else [self.run]
        for run in runs:
            if ("ran", run) not in self._tables:
                column = run.records(columns=[])["cell"]
                self._tables["ran", run] = {str(name) for name in column.unique().to_pylist()}
        return set.intersection(*(self._tables["ran", run] for run in runs))

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
        """Return the samples of a group, or (where the group has no name) of a class."""
        if group is None:
            return None
        by, value = group
        values = self._group(by, rule) if by else [str(v) for v in self.run.samples["target"].to_pylist()]
        orders = self.run.samples["order"].to_pylist()
        return [order for order, found in zip(orders, values) if found == value]

    def _measured(self, rule: Rule, parts: Mapping[str, Sequence[str]], group: tuple[str, str] | None) -> list[Check]:
        key = (tuple((name, tuple(cells)) for name, cells in parts.items()), group, rule.against)
        if ("view", key) not in self._tables:
            named = {_PART + name: cells for name, cells in parts.items()}
            orders = self._orders(rule, group)
            if rule.against and self.pair is not None:
                self._tables["view", key] = beside(self.pair.before, self.run, named, orders)
            else:
                self._tables["view", key] = pooled(self.run, named, orders)
        view: View = self._tables["view", key]
        if not len(view.rows):
            where = f"{group[0]} {group[1]}".strip() if group else str(rule.on)
            return [Check(where, note="no records" + (" that both runs have" if rule.against else ""))]
        rows = self._rows(rule, view, key)
        found = [self._check(row, parts) for row in rows]
        if group is None:
            return found
        return [replace(check, subject=group[1]) for check in found]  # a group or class has one part

    def _context(self, rule: Rule, view: View, key: Any) -> Context:
        options: dict[str, Any] = {"confidence": rule.confidence, "cluster": self.cluster}
        options |= {"metric": rule.of, "by": [rule.by] if rule.by and rule.metric in ("gap", "widening") else None}
        full = ("context", key, *(str(value) for value in options.values()))
        if full not in self._tables:
            self._tables[full] = context_of(view, **options)
        return self._tables[full]

    def _rows(self, rule: Rule, view: View, key: Any) -> list[dict[str, Any]]:
        context = self._context(rule, view, key)
        if rule.against:
            metric = "accuracy" if rule.per == "class" else rule.metric
            _known(rule, metric, context)
            parts = [name.removeprefix("after ") for name in view.names if name.startswith("after ")]
            return [
                {**row, "cell": row["part"], "value": row.get("drop")} for row in change_rows(context, metric, parts)
            ]
        if rule.per == "class":
            return self._class_rows(rule, context)
        if rule.metric in ("gap", "widening"):
            rows = context.once("gaps", lambda: make(context, "gaps").to_pylist())
        else:
            _known(rule, rule.metric, context)
            rows = metric_rows(context, rule.metric)
        mine = [row for row in rows if row["metric"] == rule.metric and (row["cell"] or "").startswith(_PART)]
        if not mine:
            return [{"cell": _PART + str(rule.on), "note": next((r["note"] for r in rows if r["note"]), "no numbers")}]
        pairs = [f"{row['best']} over {row['worst']}" if row.get("best") else None for row in mine]
        return [{**row, **distinct(context, row["cell"]), "pair": pair} for row, pair in zip(mine, pairs)]

    def _class_rows(self, rule: Rule, context: Context) -> list[dict[str, Any]]:
        wanted = self._classes(rule)
        rows = context.once("classes", lambda: make(context, "classes").to_pylist())
        mine = [
            {**row, **distinct(context, row["cell"], row["class"]), "subject": row["class"]}
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


def _parts(rule: Rule, cells: Sequence[str], run: Run) -> dict[str, list[str]]:
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
