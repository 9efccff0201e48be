"""What a right answer is: a task reads the model's answers, scores each, and declares the columns it records."""

from stress.tasks._classification import Classification
from stress.tasks._task import Scored, Task

__all__ = ["Classification", "Scored", "Task"]
