"""What a right answer is: a task reads the model's answers, scores each, declares its columns and its metrics."""

from stress.records.metric import Metric, class_metrics, range_of
from stress.tasks._classification import Classification
from stress.tasks._declare import METRICS, declared
from stress.tasks._multilabel import MultiLabel, labels_of
from stress.tasks._named import TASKS, task_named
from stress.tasks._numbers import Regression, Retrieval
from stress.tasks._own import metric
from stress.tasks._task import Scored, Task, as_array
from stress.tasks._transcription import FreeText, Transcription

__all__ = [
    "METRICS",
    "TASKS",
    "Classification",
    "FreeText",
    "Metric",
    "MultiLabel",
    "Regression",
    "Retrieval",
    "Scored",
    "Task",
    "Transcription",
    "as_array",
    "class_metrics",
    "declared",
    "labels_of",
    "metric",
    "range_of",
    "task_named",
]
