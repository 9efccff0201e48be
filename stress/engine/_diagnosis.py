"""Can attacks tell anything about this model? What must hold before a failed attack means robustness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perturbations import Sample, StressError, get
from perturbations.attack import BALLS, NO_CHANGE, Floats, Part, launch, log_odds
from perturbations.errors import short
from perturbations.modality import modality
from scenarios import Cell, Condition
from stress.engine._check import Check, check_of
from stress.engine._stages import attacked, stages
from stress.engine._steady import SAME, apart, steadiness
from stress.engine._unit import Job

__all__ = ["diagnose"]

_CLIMBING = {"attack.square", "attack.character_edits", "attack.word_substitution"}
"""Attacks that follow differences of scores."""
_CLIMBING_ELSE = {"attack.auto", "attack.universal"}
"""Attacks that do where there are no gradients."""
_ZERO_SHARE = 0.1
"""Share of samples without any gradient from which on an attack that follows it cannot be believed."""


def diagnose(job: Job, samples: Sequence[Sample]) -> list[Check]:
    """Return one check for each way in which attacks are known to be misled, where a run has attacks."""
    cells = [cell for cell in job.cells if attacked(cell)]
    if not cells:
        return []
    checks = [_zero_budget(job, cells, samples), *steadiness(job, samples), *_training(job), *_labels_only(job, cells)]
    if not job.attacker.oracle.differentiable:
        blind = any(get(c.perturbation).gradients for cell in cells for c in cell.conditions if _is_attack(c))
        says = "not looked at: the model is in other processes" if blind else "the model gives none, and needs none"
        return [*checks, Check("attack: gradients", "warning" if blind else "ok", says)]
    kinds = {of for c in cells for each in c.conditions if _is_attack(each) for of in each.declaration.modalities}
    kinds = {of for of in kinds if modality(of).array is not None}  # what is no array has no gradient
    names = [n for n, kind in job.data.streams.items() if kind in kinds and any(n in cell.streams for cell in cells)]
    names = [name for name in names if any(sample.streams[name] is not None for sample in samples)]
    if not names:
        return checks
    try:
        return [*checks, *_forms(job, samples, names), *_slopes(job, samples, names)]
    except StressError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a model raises: its samples will be crashes
        says = (
            f"a gradient raised {type(error).__name__}: {short(str(error))}; such samples are retried alone, then crash"
        )
        return [*checks, Check("attack: gradients", "warning", says)]


def _is_attack(condition: Condition) -> bool:
    return condition.declaration.kind == "attack"


def _zero_budget(job: Job, cells: Sequence[Cell], samples: Sequence[Sample]) -> Check:
    """An attack without a budget changes nothing."""
    some = samples[:2]
    streams = {name: [sample.streams[name] for sample in some] for name in job.data.streams}
    seen: dict[str, Any] = {}
    for cell in cells:
        for stage in stages(cell):
            blind = stage.declaration.gradients and not job.attacker.oracle.differentiable
            if stage.declaration.name in seen or blind or stage.surrogate:
                continue
            parts = {c.stream: Part({**c.settings, **_none(c)}) for c in stage.conditions}
            found = launch(
                stage.declaration, parts, streams, _labels(job, some), [s.id for s in some], job.attacker.oracle
            )
            same = all(v is streams[name][i] for name, values in found.values.items() for i, v in enumerate(values))
            seen[stage.declaration.name] = same
    moved = [name for name, same in seen.items() if not same]
    wrong = f"{', '.join(moved)} changed values that must not change" if moved else None
    return check_of("no budget, no change", wrong, f"{len(seen)} attacks on {len(some)} samples")


def _none(condition: Condition) -> dict[str, float]:
    return {budget: NO_CHANGE[budget] for budget in condition.declaration.budgets.values()}


def _labels_only(job: Job, cells: Sequence[Cell]) -> list[Check]:
    """A search that climbs the scores must have some to climb."""
    if job.attacker.oracle.answers not in ("labels", "positions"):
        return []
    climbing = _CLIMBING | (set() if job.attacker.oracle.differentiable else _CLIMBING_ELSE)
    blind = sorted({c.perturbation for cell in cells for c in cell.conditions} & climbing)
    wrong = (
        f"{', '.join(blind)}: blind beyond a single step, the model answers labels alone; use attack.hop_skip_jump "
        "(images, audio); of texts no search here sees more"
    )
    return [check_of("scores to climb", wrong if blind else None, "no attack here needs more than labels")]


def _training(job: Job) -> list[Check]:
    module: Any = getattr(job.predict, "module", None)
    if not hasattr(module, "modules"):
        return []
    busy = [type(part).__name__ for part in module.modules() if part.training]
    wrong = f"training mode: {len(busy)} layers ({', '.join(sorted(set(busy))[:3])}); call module.eval()"
    return [check_of("the model is in evaluation mode", wrong if busy else None, "no layer is in training mode")]


def _forms(job: Job, samples: Sequence[Sample], names: Sequence[str]) -> list[Check]:
    """What the gradient is taken of are logits, and those of the model that answers."""
    scores, _ = _differentiated(job, samples, names)
    proper = bool(np.all(scores >= 0) and np.allclose(scores.sum(axis=1), 1, atol=1e-3))
    wrong = "probabilities where logits are expected: their gradients vanish where the model is sure; leave softmax out"
    check = check_of("gradients are of logits", wrong if proper else None, f"{scores.shape[1]} logits a sample")
    return [check] if proper else [check, _agree(job, samples, scores)]


def _agree(job: Job, samples: Sequence[Sample], logits: Floats) -> Check:
    """The logits that gradients are taken of are those of the answers."""
    oracle, streams = job.attacker.oracle, _streams(job, samples)
    answers = oracle.scores(streams)
    if oracle.answers in ("labels", "positions"):
        other = int((logits.argmax(axis=1) != answers.argmax(axis=1)).sum())
        wrong = f"logits and answers disagree: another class comes first for {other} of {len(samples)} samples"
        off = other > 0
    else:
        gap, noise = apart(logits, answers), apart(answers, oracle.scores(streams))
        wrong = f"logits and answers disagree: softmax(logits) lies up to {gap:.2g} from the answers"
        off = gap > max(SAME, 3 * noise)
    wrong += "; gradients are of another model than the one that answers, which decides what is broken"
    return check_of("logits are those of the answers", wrong if off else None, f"{len(samples)} samples")


def _slopes(job: Job, samples: Sequence[Sample], names: Sequence[str]) -> list[Check]:
    """Every sample has a gradient, it is the same each time, and it points uphill."""
    _, first = _differentiated(job, samples, names)
    _, again = _differentiated(job, samples, names)
    found = []
    for name in names:
        there = [i for i, sample in enumerate(samples) if sample.streams[name] is not None]
        void = [i for i in there if not np.all(np.isfinite(first[name][i]))]
        flat = [i for i in there if not np.any(first[name][i])]
        share = len(flat) / max(len(there), 1)
        wrong = f"zero gradients: {len(flat)} of {len(there)} samples have none; attacks that follow it see nothing"
        label = f"{name} has gradients"
        found.append(check_of(label, wrong if share > _ZERO_SHARE else None, f"{len(there)} samples"))
        if void:
            wrong = f"NaN gradients: {len(void)} of {len(there)} samples have numbers that are not finite, taken for 0"
            found.append(check_of(f"{name}'s gradients are finite", wrong, ""))
        apart = [i for i in there if not _alike(first[name][i], again[name][i])]
        wrong = f"random gradients: {len(apart)} of {len(there)} samples have others when asked again"
        found.append(
            check_of(f"{name} has the same gradients again", wrong if apart else None, f"{len(there)} samples")
        )
        if not flat and not void:
            found.append(_uphill(job, samples, name))
    return found


def _alike(one: Any, other: Any) -> bool:
    return bool(np.allclose(one, other, rtol=1e-2, atol=1e-6, equal_nan=True))


def _uphill(job: Job, samples: Sequence[Sample], name: str) -> Check:
    """A small step along the gradient makes the right answer less likely than a step against it."""
    kind = job.data.streams[name]
    budget = get("attack.fgsm").budgets[kind]
    oracle, labels = job.attacker.oracle, np.array(_labels(job, samples))
    streams = _streams(job, samples)
    ball = BALLS[budget](streams[name], {"epsilon": 1, "snr_db": 50.0}[budget])
    _, slopes = oracle.gradients(streams, [name], log_odds(labels))
    everyone = np.arange(len(samples))
    away = ball.layout.spread(ball.radius) * ball.direction(ball.flat(slopes[name], everyone))
    along, against = (
        log_odds(labels)(oracle.scores({**streams, name: ball.values(ball.project(point), everyone)}))[0]
        for point in (ball.clean + away, ball.clean - away)
    )
    there = np.array([sample.streams[name] is not None for sample in samples])
    rose, of = int((along > against)[there].sum()), int(there.sum())
    wrong = f"misleading gradients: the loss is higher along them than against them for {rose} of {of} samples only"
    return check_of(
        f"{name}'s gradients point uphill",
        wrong if rose < 0.7 * of else None,
        f"the loss is higher along them than against them for {rose} of {of} samples",
    )


def _differentiated(job: Job, samples: Sequence[Sample], names: Sequence[str]) -> tuple[Floats, Mapping[str, Any]]:
    loss = log_odds(np.array(_labels(job, samples)))
    return job.attacker.oracle.gradients(_streams(job, samples), names, loss)


def _streams(job: Job, samples: Sequence[Sample]) -> dict[str, list[Any]]:
    return {name: [sample.streams[name] for sample in samples] for name in job.data.streams}


def _labels(job: Job, samples: Sequence[Sample]) -> list[int]:
    return job.attacker.labels(samples)
