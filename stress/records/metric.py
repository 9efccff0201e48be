"""One row a metric: what it is made of, its range, which way is up, what a failure counts; everything reads the row."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from perturbations import InputError

__all__ = [
    "FROM_CLEAN",
    "HOUSE",
    "Kind",
    "Metric",
    "class_metrics",
    "expanded",
    "offered",
    "range_of",
    "register",
    "registered",
    "resolved",
]

Kind = Literal["mean", "ratio", "counts", "confidence", "rank", "latency", "cost", "from_clean"]
HOUSE = "stress.tasks.metrics"
"""Where the metrics that come with the package are registered."""


@dataclass(frozen=True)
class Metric:
    """A number about a set of records.

    ``kind`` says what it is a function of. ``mean`` and ``ratio``: record columns, ``top`` over ``bottom`` (None: each
    record counts one) or, with a ``function`` of several ``columns``, what that returns for each record. ``counts``:
    hits, answers, truths and records by class. ``confidence``: each answer's confidence and whether it is right.
    ``rank``: a class's scores and which records are truly of it. ``latency``: the times of calls. ``cost``: what
    calls spent, and the peaks of memory. ``change``: a metric's values in several cells or groups.

    ``low`` and ``high`` are the ends of its range: where both are finite no interval leaves it, and one keeps a width
    where no resample differs. ``failed`` is what a record without a usable answer counts for each
    unit of ``bottom``: 0 of an accuracy, 1 of an error rate; None where a failure has no value in the metric's unit (a
    distance in metres): such records are left out, and counted. ``undefined`` is the note where there is no value.
    """

    name: str
    kind: Kind = "mean"
    top: str | None = None
    bottom: str | None = None
    function: Callable[..., Any] | None = None
    columns: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    better: Literal["higher", "lower"] = "higher"
    failed: float | None = 0.0
    unit: str = "fraction"
    undefined: str = "undefined: nothing to divide by"
    source: str = ""
    curve: bool = True
    """Whether it is given against severity: of means, ratios and counts."""
    root: bool = False
    """Whether it is the square root of its mean."""
    interval: bool = True
    """Whether it has an interval."""
    base: tuple[str, ...] = ()
    """Of a measure of one class: which counts of the class it is a share of."""
    bins: Literal["width", "mass"] | None = None
    """Of a calibration error: how answers are binned; chance alone raises it, for which its interval allows."""
    both_kinds: bool = False
    """Whether its error rests on the rarer of right and wrong answers."""
    rare: float | None = None
    """Of a mean of what wrong answers add: what one of large weight adds, in means of a record."""
    rowwise: bool = False
    """Of a metric of confidences: whether its function takes (cells × answers) arrays, and gives a value a row."""
    clustered: Callable[..., Any] | None = None
    """The influences where records are alike within clusters, where these are not sums of the records' influences."""
    module: str = HOUSE
    """The module that registers it."""

    @property
    def share(self) -> bool:
        """Whether it lies in [0, 1]."""
        return (self.low, self.high) == (0.0, 1.0)

    @property
    def bounded(self) -> bool:
        """Whether its range has two ends."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def linear(self) -> bool:
        """Whether it is a mean or a ratio: sums over records."""
        return self.kind in ("mean", "ratio")

    @property
    def by_class(self) -> bool:
        """Whether each class has one."""
        return self.kind == "rank" or bool(self.base)

    @property
    def shown(self) -> str:
        """What it is called in a cell: a ranking is the mean over classes there."""
        return f"{self.name}_macro" if self.kind == "rank" else self.name

    @property
    def needs(self) -> tuple[str, ...]:
        """The record columns that it is made of."""
        some = {"counts": ("prediction",), "confidence": ("confidence", "score"), "latency": ("seconds",)}
        named = [*some.get(self.kind, ()), *self.columns, *(c for c in (self.top, self.bottom) if c is not None)]
        return tuple(dict.fromkeys(named))

    def __reduce__(self) -> tuple[Callable[[str, str], Metric], tuple[str, str]]:
        """Pickle by name: the module that registers it is imported where it is read."""
        return _found, (self.module, self.name)


_KNOWN: dict[tuple[str, str], Metric] = {}
FROM_CLEAN: Mapping[str, Metric] = {
    row.name: row
    for row in (
        Metric("drop", "from_clean", better="lower", unit="", low=-math.inf, high=math.inf),
        Metric("retention", "from_clean", high=math.inf, unit=""),
        Metric("gap", "from_clean", better="lower", high=math.inf, unit=""),
        Metric("widening", "from_clean", better="lower", unit="", low=-math.inf, high=math.inf),
    )
}
"""What is made of another metric's values: against clean, and between groups."""


def register(metric: Metric) -> Metric:
    """Remember a metric under its module and name, and return it."""
    _KNOWN[metric.module, metric.name] = metric
    range_of.cache_clear()
    return metric


def registered() -> tuple[Metric, ...]:
    """Return all registered metrics."""
    return tuple(_KNOWN.values())


def _found(module: str, name: str) -> Metric:
    from importlib import import_module

    if (module, name) not in _KNOWN:
        import_module(module)
    return _KNOWN[module, name]


def resolved(declared: Iterable[Mapping[str, str]], where: str) -> tuple[Metric, ...]:
    """Return the metrics that a run names. Raises InputError for one that is not registered; nothing is imported."""
    found = []
    for row in declared:
        key = row["module"], row["name"]
        if key not in _KNOWN:
            raise InputError(
                f"measure: metric {row['name']!r} of {where} must be registered, got none of that name from module "
                f"{row['module']!r}. Hint: import {row['module']} first, which declares it with stress.metric; on the "
                "command line: --plugin FILE."
            )
        found.append(_KNOWN[key])
    return tuple(found)


def offered(taken: Sequence[Metric], columns: Iterable[str], classes: int, single: bool) -> tuple[Metric, ...]:
    """Return the users' metrics that fit records of these columns, of a task that declares others (``taken``).

    ``classes`` is the number of classes, ``single`` says that each record has one label.
    Raises InputError where two modules have registered one name.
    """
    there, names = {*columns, "score", "failed"}, {m.name for m in taken}
    found: dict[str, Metric] = {}
    for metric in _KNOWN.values():
        fits = all(name in there for name in metric.needs)
        if metric.kind in ("counts", "rank"):
            fits &= classes > 0 and single
        if metric.kind == "rank":
            fits &= "probabilities" in there or (classes == 2 and "confidence" in there)
        if metric.module.startswith(HOUSE) or not fits or metric.name in names:
            continue
        if metric.name in found:
            modules = f"{found[metric.name].module} and {metric.module}"
            raise InputError(f"measure: metric {metric.name!r} must be registered by one module, got {modules}.")
        found[metric.name] = metric
    return tuple(found.values())


def expanded(metrics: Iterable[Metric], top_k: Iterable[int], classes: int) -> tuple[Metric, ...]:
    """Return the metrics with a family such as ``top_{k}`` replaced by its members of fewer than all classes."""
    found: list[Metric] = []
    for metric in metrics:
        found += _members(metric, [k for k in top_k if k < classes]) if "{k}" in metric.name else [metric]
    return tuple(found)


def _members(family: Metric, numbers: Iterable[int]) -> list[Metric]:
    from dataclasses import replace

    return [replace(family, name=family.name.format(k=k), top=str(family.top).format(k=k)) for k in numbers]


def class_metrics() -> tuple[str, ...]:
    """Return the names of the registered metrics that each class has."""
    return tuple(dict.fromkeys(metric.name for metric in _KNOWN.values() if metric.by_class))


@lru_cache(maxsize=1024)
def range_of(name: str) -> tuple[float, float]:
    """Return the ends of the range of a metric by name; of several of that name, the widest; infinite if unknown."""
    same = [FROM_CLEAN[name]] if name in FROM_CLEAN else []
    for metric in _KNOWN.values():
        pattern = re.escape(metric.name).replace(r"\{k\}", r"\d+")
        if name == metric.shown or re.fullmatch(pattern, name):
            same.append(metric)
    if not same:
        return -math.inf, math.inf
    return min(m.low for m in same), max(m.high for m in same)
