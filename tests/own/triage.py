"""A user's task with classes: a wrong order of urgency costs by how far it is off."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

import stress


@stress.metric("mean")
def sorted_right(score):
    return score


@stress.metric("counts", undefined="no urgent case")
def urgent_found(hits, answers, truths, records):
    return hits[0] / truths[0] if truths[0] else float("nan")


@stress.metric("confidence", low=-1, high=1, better="lower")
def boldness(confidence, right):
    return confidence.mean() - right.mean()


@dataclass(frozen=True)
class Triage:
    """One of three urgencies; the model answers probabilities."""

    classes: tuple[str, ...] = ("now", "today", "later")
    name: str = "triage"
    headline: str = "sorted_right"
    metrics = (sorted_right, urgent_found, boldness)

    @property
    def columns(self):
        return {"prediction": pa.dictionary(pa.int32(), pa.string()), "confidence": pa.float32()}

    def describe(self):
        return {}

    def check_targets(self, targets):
        pass

    def settle(self, answers, targets):
        return self

    def score(self, answers, targets):
        best = np.asarray(answers).argmax(axis=1)
        named = [self.classes[k] for k in best]
        return {
            "score": np.array([n == str(t) for n, t in zip(named, targets)], float),
            "invalid": [None] * len(named),
            "prediction": named,
            "confidence": np.asarray(answers).max(axis=1),
        }
