"""Which numbers a task's records give, and which way is up: one row per metric, read by everything that measures."""

from __future__ import annotations

from collections.abc import Mapping

from perturbations import InputError
from perturbations.errors import nearest
from stress.records.metric import Metric
from stress.records.statuses import failures

__all__ = ["METRICS", "headline", "metrics"]


_ANY = (
    Metric("failure_rate", "failed", better="lower", failed=1.0),
    *(Metric(f"{name}_rate", name, better="lower", failed=None) for name in failures()),
)

METRICS: Mapping[str, tuple[Metric, ...]] = {
    "classification": (
        Metric("accuracy", "score"),
        Metric("nll", "nll", better="lower", failed=None, bounded=False, unit="nats"),
        Metric("brier", "brier", better="lower", failed=None, bounded=False, unit="squared probability"),
        Metric("mean_confidence", "confidence", failed=None),
        Metric("mean_margin", "margin", failed=None, bounded=False),
        Metric("flip_rate", "flip", better="lower", failed=1.0),
        *_ANY,
    ),
    "multilabel": (
        Metric("f1_samples", "f1"),
        Metric("exact_match", "score"),
        Metric("jaccard", "jaccard"),
        Metric("hamming_loss", "hamming", better="lower", failed=1.0),
        Metric("flip_rate", "flip", better="lower", failed=1.0),
        *_ANY,
    ),
    "regression": (
        Metric("mae", "absolute_error", better="lower", failed=None, bounded=False, unit="target"),
        Metric("rmse", "squared_error", better="lower", failed=None, bounded=False, root=True, unit="target"),
        Metric("bias", "residual", better="lower", failed=None, bounded=False, unit="target"),
        Metric("within_tolerance", "within"),
        *_ANY,
    ),
    "transcription": (
        Metric("wer", "word_errors", "words", better="lower", failed=1.0, bounded=False),
        Metric("cer", "character_errors", "characters", better="lower", failed=1.0, bounded=False),
        Metric("word_deletions", "deletions", "words", better="lower", failed=1.0),
        Metric("word_insertions", "insertions", "words", better="lower", failed=0.0, bounded=False),
        Metric("word_substitutions", "substitutions", "words", better="lower", failed=0.0),
        Metric("exact_match", "exact"),
        *_ANY,
    ),
    "free_text": (
        Metric("token_f1", "token_f1"),
        Metric("exact_match", "exact"),
        Metric("chrf", "chrf"),
        *_ANY,
    ),
    "retrieval": (
        Metric("mrr", "reciprocal_rank"),
        Metric("recall_at_1", "hit_1"),
        Metric("recall_at_5", "hit_5"),
        Metric("recall_at_10", "hit_10"),
        *_ANY,
    ),
}
"""The metrics of each task that are means or ratios, the headline first (regression: where it has no tolerance)."""


def metrics(task: str) -> tuple[Metric, ...]:
    """Return a task's metrics. Raises InputError where the task is unknown."""
    if task not in METRICS:
        raise InputError(f"measure: task must be one of {', '.join(METRICS)}, got {task!r}. {nearest(task, METRICS)}")
    return METRICS[task]


def headline(task: str) -> Metric:
    """Return the metric that curves of a task show first."""
    return metrics(task)[0]
