"""What a task declares of itself in ``run.json``, so that its records can be read without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from perturbations import InputError
from perturbations.errors import nearest
from stress.records.metric import Metric, expanded, offered, registered
from stress.tasks._task import Task
from stress.tasks.metrics.every import FAILURES, LATENCY, TOLD
from stress.tasks.metrics.labels import CLASSIFICATION, MULTILABEL
from stress.tasks.metrics.numbers import REGRESSION, RETRIEVAL
from stress.tasks.metrics.words import CAPTIONING, FREE_TEXT, TRANSCRIPTION, VQA

__all__ = ["METRICS", "declared"]

METRICS: Mapping[str, tuple[Metric, ...]] = {
    "classification": CLASSIFICATION,
    "multilabel": MULTILABEL,
    "regression": REGRESSION,
    "transcription": TRANSCRIPTION,
    "free_text": FREE_TEXT,
    "captioning": CAPTIONING,
    "vqa": VQA,
    "retrieval": RETRIEVAL,
}
"""The metrics of the tasks that come with the package, the headline first (regression: where it has no tolerance)."""


def declared(task: Task, told: Sequence[str] = ()) -> dict[str, Any]:
    """Return what ``run.json`` says of a task: ``task`` (its name), ``classes``, ``labels``, ``headline``, ``better``
    and ``metrics`` (name and module): its own, how often the model fails and how long it takes, and users' that fit.

    ``told`` are the statuses and columns that the model's answers may have besides any model's: each has a metric.
    ``labels`` is ``one`` or ``many`` a record, or None where the task has no classes or predicts no label.
    Raises InputError where the headline is none of the metrics, or a metric was not made by ``stress.metric``.
    """
    own, classes, columns = getattr(task, "metrics", ()), tuple(getattr(task, "classes", ())), task.columns
    known = {(metric.module, metric.name) for metric in registered()}
    if not own:
        raise InputError(f"{task.name}: a task must have metrics (a tuple of what stress.metric makes), got none.")
    for metric in own:
        if not isinstance(metric, Metric) or (metric.module, metric.name) not in known:
            raise InputError(f"{task.name}: metrics must be declared with stress.metric, got {metric!r}.")
    kind = columns.get("prediction")
    many = kind is not None and (pa.types.is_list(kind) or pa.types.is_large_list(kind))
    labels = None if kind is None or not classes else "many" if many else "one"
    mine = {metric.name for metric in own}
    own = (
        *own,
        *(metric for metric in (*FAILURES, *(TOLD[name] for name in told), *LATENCY) if metric.name not in mine),
    )
    every = (*own, *offered(own, columns, len(classes), labels == "one"))
    names = {metric.name: metric for metric in expanded(every, (), 0)}
    if task.headline not in names:
        raise InputError(
            f"{task.name}: headline must be one of its metrics {', '.join(names)}, got {task.headline!r}. "
            f"{nearest(task.headline, names)}"
        )
    return {
        "task": task.name,
        "classes": list(classes),
        "labels": labels,
        "headline": task.headline,
        "better": names[task.headline].better,
        "metrics": [{"name": metric.name, "module": metric.module} for metric in every],
    }
