"""A user's task in one file: essays get 0 to 5 points, and near is worth something."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

import stress


@stress.metric("mean", undefined="no essay")
def near(off):
    return np.abs(off) <= 1


@stress.metric("mean", low=-5, high=5, failed=None, unit="points")
def lenience(off):
    return off


@stress.metric("mean", high=math.inf, better="lower", failed=None, unit="points²")
def spread(off):
    return off**2


@stress.metric("ratio", failed=0.0)
def credit(off, possible):
    return np.maximum(possible - np.abs(off), 0), possible


@dataclass(frozen=True)
class Grades:
    """Essays: the model answers n whole numbers."""

    most: int = 5
    name: str = "grades"
    headline: str = "near"
    metrics = (near, lenience, spread, credit)

    @property
    def columns(self):
        return {"prediction": pa.int32(), "off": pa.float32(), "possible": pa.float32()}

    def describe(self):
        return {"kind": "essays", "most": self.most}

    def check_targets(self, targets):
        if not all(0 <= int(target) <= self.most for target in targets):
            raise stress.InputError(f"grades: a target must lie in [0, {self.most}].")

    def settle(self, answers, targets):
        return self

    def score(self, answers, targets):
        given, wanted = np.asarray(answers), np.array([int(target) for target in targets])
        wrong = [None if 0 <= answer <= self.most else f"{answer} is no grade" for answer in given.tolist()]
        off = (given - wanted).astype(float)
        return {
            "score": 1 - np.abs(off) / self.most,
            "invalid": wrong,
            "prediction": given,
            "off": off,
            "possible": np.full(len(off), float(self.most)),
        }
