"""The terms under which a cell's answers are given: a machine with less time, memory or digits, or other threads."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from perturbations import InputError, Key, ModelError, call_keyed
from perturbations.errors import MissingExtraError
from perturbations.machine import Terms, terms_of
from scenarios import Cell, Plan
from stress._processors import processors
from stress.engine._ask import Answered
from stress.engine._settings import Settings
from stress.engine._threads import limit_threads
from stress.models import Model
from stress.records.statuses import LATE, answered
from stress.statistics.arrays import Floats

__all__ = ["check_machine", "fitting", "judged", "on_terms", "terms", "waits"]

_STATM = Path("/proc/self/statm")


def terms(cell: Cell) -> Terms:
    """Return the terms of a cell: those of every other one where it says nothing of the machine."""
    return terms_of((c.perturbation, c.settings) for c in cell.machine)


@contextmanager
def on_terms(found: Terms) -> Iterator[None]:
    """Hold this process to the threads and the memory that a model has, while the block runs."""
    with ExitStack() as stack:
        if found.threads is not None:
            stack.enter_context(_threads(found.threads))
        if found.headroom_mb is not None:
            stack.enter_context(_memory(found.headroom_mb))
        yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    with _threadpools().threadpool_limits(count):
        restore = limit_threads(count)
        try:
            yield
        finally:
            restore()


def _threadpools() -> Any:
    try:
        return import_module("threadpoolctl")
    except ImportError as error:
        raise MissingExtraError(
            "machine.threads: needs threadpoolctl, which is not installed. pip install 'multimodal-stress[machine]'."
        ) from error


@contextmanager
def _memory(headroom_mb: float) -> Iterator[None]:
    """Let the address space grow by so much from where it is now: a fresh worker's own size does not count."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    held = int(_STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    most = held + int(headroom_mb * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (most if soft == resource.RLIM_INFINITY else min(most, soft), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def waits(cell: Cell, samples: Sequence[str], seed: int, draw: int) -> Floats:
    """Return the seconds until each sample's input is there. The jitter of a sample is one draw, scaled by its mean."""
    found = np.zeros(len(samples))
    for condition in cell.machine:
        said = terms_of([(condition.perturbation, condition.settings)])
        if not said.delay_ms and not said.jitter_ms:
            continue
        for row, sample in enumerate(samples):
            key = Key(
                seed, condition.perturbation, condition.version, condition.profile, "", condition.step, sample, draw
            )
            luck = call_keyed(key, lambda _, rng: rng.exponential(), None, {}) if said.jitter_ms else 0.0
            found[row] += (said.delay_ms + said.jitter_ms * luck) / 1e3
    return found


def judged(answers: Answered, found: Terms, late_by: Floats) -> Answered:
    """Return answers with the time that inputs took, and as lost those that came after the deadline.

    A call waits for the last of its samples; a sample that was asked by itself waits for its own.
    """
    alone = answers.batch == 1
    seconds = answers.seconds + np.where(alone, late_by, late_by.max(initial=0.0))
    answers = replace(answers, seconds=seconds)
    if found.deadline_ms is None:
        return answers
    known = set(answered())
    there = np.array([status in known for status in answers.status], bool)
    late = np.flatnonzero(there & (seconds * 1e3 > found.deadline_ms)).tolist()
    status = list(answers.status)
    for row in late:
        status[row] = LATE.name
    says = f"the answer came after the deadline of {found.deadline_ms:g} ms"
    return replace(answers, status=status, errors={**answers.errors, **dict.fromkeys(late, says)})


def check_machine(plan: Plan, model: Model, others: dict[str, Model], settings: Settings) -> None:
    """Raise, before any work, where this machine, these workers or this model cannot be as a cell says."""
    for cell in plan.cells:
        if wrong := _mismatch(cell, others[cell.model] if cell.model else model, settings):
            raise wrong


def fitting(plan: Plan, model: Model, others: dict[str, Model], settings: Settings) -> Plan:
    """Return the plan of a built-in suite without the cells that cannot be here, and why."""
    reasons: dict[str, str] = {}
    kept = []
    for cell in plan.cells:
        wrong = _mismatch(cell, others[cell.model] if cell.model else model, settings)
        if wrong is None:
            kept.append(cell)
        else:
            reasons.setdefault(cell.scenario, str(wrong).partition(": ")[2].rstrip("."))
    return replace(plan, cells=tuple(kept), left_out=(*plan.left_out, *reasons.items())) if reasons else plan


def _mismatch(cell: Cell, model: Model, settings: Settings) -> Exception | None:
    """Return what is wrong with a cell's terms here, as an error that can be raised, or nothing."""
    found = terms(cell)
    if found.headroom_mb is not None:
        if settings.backend != "processes":
            return InputError(
                f"{cell.id}: machine.memory needs workers in processes of their own (--backend processes): a limit "
                f"holds for a whole process, got backend {settings.backend}."
            )
        if not _STATM.exists():
            return InputError(
                f"{cell.id}: machine.memory needs Linux, which tells a process's size, got {sys.platform}."
            )
    if found.threads is not None and (wrong := _wrong_threads(cell, found.threads, settings)):
        return wrong
    if found.weights is not None and (reason := model.fixed_weights.get(found.weights, "")):
        return ModelError(f"{cell.id}: machine.weights {found.weights} is not for {model.name}: {reason}.")
    return None


def _wrong_threads(cell: Cell, count: int, settings: Settings) -> Exception | None:
    if settings.backend != "processes" and (settings.backend != "threads" or settings.threads > 1):
        got = f"{settings.threads} workers and backend {settings.backend}"
        return InputError(
            f"{cell.id}: machine.threads needs one worker, or workers in processes of their own (--workers 1, "
            f"--backend processes): threads of libraries are those of a whole process, got {got}."
        )
    there = processors()
    if count > there:
        return InputError(
            f"{cell.id}: machine.threads: count must be at most {there}, the processors of this machine, got {count}."
        )
    try:
        _threadpools()
    except MissingExtraError as error:
        return error
    return None
