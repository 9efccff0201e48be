"""Is the model fed as it was trained? A mistake of the pipeline that makes it better on clean input names its own.

Red and blue that change places, another scaling, another resizing, another rate: each is tried on the clean samples
that the model gets wrong. Where one gets more of them right than it breaks of the others, beyond chance, it undoes a
mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import Sample, apply, get
from perturbations.modality import modality
from stress.engine._ask import Answered
from stress.engine._check import Check
from stress.engine._unit import Job
from stress.models import otherwise
from stress.tasks import Classification

__all__ = ["check_preparation"]

_FAULTS = ("stream.bgr_for_rgb", "stream.wrong_normalisation", "stream.wrong_resize", "stream.wrong_sample_rate")
_ALPHA = 0.01
"""Chance of a false alarm over all that is tried (Bonferroni)."""
_NAME = "the model is fed as it was trained"


@dataclass(frozen=True)
class _Trial:
    """What is done differently, in words; the job that does it; what it makes of a sample first."""

    says: str
    job: Job
    change: Callable[[Sample], Sample]

    def right(self, samples: Sequence[Sample]) -> NDArray[np.bool_]:
        return _right(self.job, [self.change(sample) for sample in samples])


def check_preparation(job: Job, samples: Sequence[Sample]) -> list[Check]:
    """Return a check, for classifiers: a warning where another preparation answers clean samples better beyond chance.

    Nothing is tried of a model that is wrong so rarely that no other preparation could be better beyond chance.
    """
    if not isinstance(job.task, Classification):
        return []
    trials = [*_faults(job, samples), *_variants(job)]
    if not trials:
        return []
    bar = _ALPHA / len(trials)
    clean = _right(job, samples)
    wrong = [sample for sample, fine in zip(samples, clean) if not fine]
    fine = [sample for sample, fine in zip(samples, clean) if fine]
    if chance(len(wrong), 0) > bar:
        says = f"{len(fine)} of {len(samples)} right: too few are wrong for another preparation to be surely better"
        return [Check(_NAME, "ok", says)]
    found: list[tuple[float, str]] = []
    for trial in trials:
        gained = int(trial.right(wrong).sum())
        if chance(gained, 0) > bar:  # whatever it breaks
            continue
        lost = int((~trial.right(fine)).sum()) if fine else 0
        if (p := chance(gained, lost)) <= bar:
            right = f"{len(fine) + gained - lost} of {len(samples)} right instead of {len(fine)}"
            found.append((p, f"{trial.says}: {right} (exact McNemar test, p = {p:.1g}, {len(trials)} tried)"))
    if not found:
        says = f"{len(fine)} of {len(samples)} right; none of {len(trials)} other preparations is better beyond chance"
        return [Check(_NAME, "ok", says)]
    says = f"better with {min(found)[1]}; the preparation seems to be another than in training"
    return [Check(_NAME, "warning", says)]


def chance(gained: int, lost: int) -> float:
    """Return how likely at least ``gained`` of the pairs that differ would favour one side by chance.

    The exact one-sided test of McNemar (1947): a fair coin for each pair that differs.
    """
    pairs = gained + lost
    return sum(comb(pairs, k) for k in range(gained, pairs + 1)) / 2**pairs


def _right(job: Job, samples: Sequence[Sample]) -> NDArray[np.bool_]:
    """Return which samples are answered right; a failure is not."""
    size = job.batch_size
    parts = [job.answers(samples[i : i + size], {}) for i in range(0, len(samples), size)]
    if not parts:
        return np.zeros(0, bool)
    found = Answered.join(parts)
    scores = np.array([np.nan if score is None else score for score in found.columns["score"]], np.float64)
    return (scores == 1) & ~found.failed


def _faults(job: Job, samples: Sequence[Sample]) -> Iterator[_Trial]:
    """Yield what each mistake of the pipeline makes of the values, where it changes any of the samples."""
    for stream, kind in job.data.streams.items():
        for name in _FAULTS:
            fault = get(name)
            if kind not in fault.modalities:
                continue
            choices = [(each, value) for each, of in fault.params.items() for value in getattr(of, "options", ())]
            for settings in [dict([one]) for one in choices] or [{}]:
                change = _Changed(name, stream, settings)
                if any(change.acts(sample, kind) for sample in samples[:4]):
                    how = "".join(f" ({value.replace('_', ' ')})" for value in settings.values())
                    yield _Trial(f"{name.partition('.')[2]}{how} on {stream}", job, change)


@dataclass(frozen=True)
class _Changed:
    fault: str
    stream: str
    settings: dict[str, str]

    def __call__(self, sample: Sample) -> Sample:
        if sample.streams[self.stream] is None:
            return sample
        made: Any = apply(self.fault, sample, 1 if not self.settings else None, stream=self.stream, **self.settings)
        return made

    def acts(self, sample: Sample, kind: str) -> bool:
        value, other = sample.streams[self.stream], self(sample).streams[self.stream]
        return value is not None and not modality(kind).same(value, other)


def _variants(job: Job) -> Iterator[_Trial]:
    """Yield the preparations that an adapted model could have been given instead."""
    found = otherwise(getattr(job.predict, "adapted", None))
    for says, predict in found:
        yield _Trial(says, replace(job, predict=predict), lambda sample: sample)
