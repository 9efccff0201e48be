"""What a right answer is: a task reads the model's answers, scores each, declares its columns and its metrics."""

from stress.records.metric import Metric, class_metrics, range_of
from stress.tasks._aloud import Said, gaps_said, spelling_said
from stress.tasks._answers import NO_ANSWER
from stress.tasks._classification import Classification
from stress.tasks._declare import METRICS, declared
from stress.tasks._multilabel import MultiLabel
from stress.tasks._named import TASKS, declare, task_described, task_named
from stress.tasks._numbers import Regression, Retrieval
from stress.tasks._opened import as_array, joined
from stress.tasks._own import metric
from stress.tasks._sets import labels_of
from stress.tasks._task import Scored, Task
from stress.tasks._ties import TieBreak
from stress.tasks._transcription import FreeText, Transcription
from stress.tasks._vqa import Vqa

__all__ = [
    "METRICS",
    "NO_ANSWER",
    "TASKS",
    "Classification",
    "FreeText",
    "Metric",
    "MultiLabel",
    "Regression",
    "Retrieval",
    "Said",
    "Scored",
    "Task",
    "TieBreak",
    "Transcription",
    "Vqa",
    "as_array",
    "class_metrics",
    "declare",
    "declared",
    "gaps_said",
    "joined",
    "labels_of",
    "metric",
    "range_of",
    "spelling_said",
    "task_described",
    "task_named",
]
