"""What every result rests on, proved on a few samples before the grid starts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np

from perturbations import InputError, ModelError, Sample
from perturbations.modality import modality
from scenarios import CLEAN, Cell, perturb
from stress.engine._arrivals import clean_batch
from stress.engine._ask import Answered, ask
from stress.engine._check import Check
from stress.engine._diagnosis import diagnose
from stress.engine._stages import attacked
from stress.engine._unit import Job
from stress.records.statuses import WRITTEN
from stress.tasks import NO_ANSWER

__all__ = ["Check", "asked_anew", "is_reproducible", "preflight"]

_CLOSE = 1e-5
_REPRODUCIBLE = "clean answers are reproducible"


def _answers(job: Job, cell: Cell, samples: Sequence[Sample], together: bool = True) -> Answered:
    if not together:
        return Answered.join([_answers(job, cell, [sample]) for sample in samples])
    return job.answers(samples, {stream: job.work(cell, stream, samples) for stream in cell.streams}, cell)


def preflight(job: Job, samples: Sequence[Sample], workers: int) -> list[Check]:
    """Return the checks that were made. Raises ModelError where the model fails on clean input."""
    clean = _answers(job, CLEAN, samples)
    silent = []
    for row, text in clean.errors.items():
        if clean.status[row] in WRITTEN:
            continue
        if text != NO_ANSWER:
            raise ModelError(f"model: must answer clean input, got {clean.status[row]} on {samples[row].id!r}: {text}")
        silent.append(f"{samples[row].id!r}")
    checks = [
        *_abstained(silent, len(samples)),
        _severity_zero(job, samples),
        _compare(_REPRODUCIBLE, clean, _answers(job, CLEAN, samples), "the model is non-deterministic"),
        _compare(
            "answers do not depend on the batch",
            clean,
            _answers(job, CLEAN, samples, together=False),
            "alone and together a sample is answered differently",
        ),
    ]
    if workers > 1:
        checks.append(_concurrent(job, clean, samples, workers))
    checks += [*_streams(job, samples), *_prepared(job)]
    return [*checks, *_missing(job, samples), _acting(job, samples), *diagnose(job, samples)]


def _abstained(silent: Sequence[str], asked: int) -> list[Check]:
    """Say how many clean samples the model gave no answer to: a model may abstain, but hardly from what is clean."""
    if not silent:
        return []
    says = f"{len(silent)} of {asked} samples got no answer (None), and count as failures: {', '.join(silent[:3])}"
    return [Check("the model answers clean input", "warning", says)]


def is_reproducible(checks: Sequence[Check]) -> bool:
    """Return whether no check found the model to answer the same question in two ways."""
    return not any(check.name == _REPRODUCIBLE and check.outcome == "warning" for check in checks)


def asked_anew(checks: Sequence[Check], steady: bool) -> list[Check]:
    """Say it where the questions that recognise the model have shown that it answers in two ways.

    A model that keeps its answers looks reproducible until then: the same question is not asked twice.
    """
    says = "asked anew, the same question has another answer: the model cannot be recognised when the run goes on"
    unsteady = Check(_REPRODUCIBLE, "warning", says)
    silent = not steady and is_reproducible(checks)
    return [unsteady if silent and check.name == _REPRODUCIBLE else check for check in checks]


def _compare(name: str, one: Answered, other: Answered, wrong: str) -> Check:
    furthest = 0.0
    if other.errors != one.errors:
        differing = set(one.errors.items()) ^ set(other.errors.items())
        return Check(name, "warning", f"{wrong}: {min(differing)[1]}")
    for column, values in one.columns.items():
        for a, b in zip(_plain(values), _plain(other.columns[column])):
            if isinstance(a, float) and isinstance(b, float):
                furthest = max(furthest, abs(a - b))
            elif isinstance(a, str | int) and a != b:
                return Check(name, "warning", f"{wrong}: {column} was {a!r}, then {b!r}")
    if furthest > _CLOSE:
        return Check(name, "warning", f"{wrong}: numbers differ by up to {furthest:.2g}")
    return Check(name, "ok", f"{len(one.status)} samples, largest difference {furthest:.1g}")


def _severity_zero(job: Job, samples: Sequence[Sample]) -> Check:
    """The clean cell hands the samples on unchanged."""
    for sample in samples:
        seen = perturb(CLEAN, sample, job.data, job.seed)
        for name, value in sample.streams.items():
            if value is not None and not modality(job.data.streams[name]).same(value, seen.streams[name]):
                raise InputError(f"data: sample {sample.id!r}, stream {name}: severity 0 must change nothing, but did.")
    return Check("severity 0 is the identity", "ok", f"{len(samples)} samples")


def _concurrent(job: Job, clean: Answered, samples: Sequence[Sample], workers: int) -> Check:
    def work(_: int) -> Answered:
        return _answers(job, CLEAN, samples)

    name = f"answers are the same from {workers} threads at once"
    with ThreadPoolExecutor(workers) as pool:
        for other in pool.map(work, range(workers)):
            check = _compare(name, clean, other, "the model is not safe in threads; use --workers 1")
            if check.outcome == "warning":
                return check
    return check


def _streams(job: Job, samples: Sequence[Sample]) -> list[Check]:
    """What each stream looks like: sizes, rates, ranges."""
    checks = []
    for name, kind in job.data.streams.items():
        values = [sample.streams[name] for sample in samples if sample.streams[name] is not None]
        signals = [modality(kind).signals(value, "cheap") for value in values]
        means = {key: float(np.mean([s[key] for s in signals])) for key in list(signals[0] if signals else {})[:3]}
        shapes = sorted({modality(kind).shown(value) for value in values})
        shown = ", ".join([*shapes[:3], *(f"{key} {value:.3g}" for key, value in means.items())])
        facts = [modality(kind).facts(value) for value in values]
        differing = [fact for fact in (facts[0] if facts else {}) if any(f[fact] != facts[0][fact] for f in facts)]
        outcome: Literal["ok", "warning"] = "warning" if differing or not values else "ok"
        mixed = f" – samples differ in {' and '.join(differing)}" if differing else ""
        checks.append(Check(f"stream {name} ({kind})", outcome, (shown or "lost in all of these samples") + mixed))
    return checks


def _prepared(job: Job) -> list[Check]:
    """How each stream is prepared for the model, where an adapter declares it."""
    states = getattr(job.predict, "states", None)
    lines = states if isinstance(states, list) else []
    return [Check(f"stream {name} as the model takes it", "ok", says) for name, says in lines]


def _missing(job: Job, samples: Sequence[Sample]) -> list[Check]:
    """How the model takes a lost stream."""
    checks = []
    for name in job.data.streams:
        lost = clean_batch([sample.with_streams({name: None}) for sample in samples[:2]], job.data)
        found = ask(job.predict, lost, [sample.target for sample in samples[:2]], job.task, job.timeout)
        fine = not found.errors
        says = "answers without it" if fine else f"{found.status[0]}: {found.errors.get(0)}"
        checks.append(Check(f"stream {name} missing", "ok" if fine else "warning", says))
    return checks


def _acting(job: Job, samples: Sequence[Sample]) -> Check:
    """Every perturbed cell changes its input on some of these samples."""
    natural = [cell for cell in job.cells if cell.streams and not attacked(cell)]
    idle = [cell.id for cell in natural if _is_idle(job, cell, samples[:4])]
    if idle:
        shown = ", ".join(idle[:5]) + (" …" if len(idle) > 5 else "")
        return Check(
            "every cell changes its input",
            "warning",
            f"{len(idle)} {'cell changes' if len(idle) == 1 else 'cells change'} none of these samples: {shown}",
        )
    return Check("every cell changes its input", "ok", f"{len(natural)} cells on {min(4, len(samples))} samples")


def _is_idle(job: Job, cell: Cell, samples: Sequence[Sample]) -> bool:
    """Whether a cell changes none of the samples. Raises InputError where it fails on all of them."""
    done = [job.work(cell, stream, samples) for stream in cell.streams]
    failing = {row: text for work in done for row, text in work.errors.items()}
    if len(failing) == len(samples):
        raise InputError(f"{cell.id}: every sample that was tried fails: {failing[0]}")
    return not failing and all(work.unchanged.all() for work in done)


def _plain(values: Any) -> list[Any]:
    return list(values.tolist() if isinstance(values, np.ndarray) else values)
