"""Is a model under attack the same from one question to the next? One that learns from them is no fixed target."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from perturbations import Sample
from perturbations.attack import Floats, softmax
from stress.engine._check import Check, check_of
from stress.engine._unit import Job

__all__ = ["CLOSE", "SAME", "apart", "steadiness"]

CLOSE = 1e-5
SAME = 1e-3
"""How far probabilities may differ between two ways to ask one model."""
_ASKED = 6
"""How often the same samples are asked in a row: by chance, their answers move away at every step once in 120 times."""


def apart(one: Floats, other: Floats) -> float:
    """Return how far two answers lie apart, as probabilities."""
    return float(np.nanmax(np.abs(softmax(one) - softmax(other)), initial=0.0))


def steadiness(job: Job, samples: Sequence[Sample]) -> list[Check]:
    """Return whether a model is random, changes by being asked, and answers a sample whatever is beside it.

    A defence that optimises at test time (Croce et al. 2022) – batch statistics, test-time adaptation, purification –
    is another model at every question: an attack that takes it for a fixed one overstates how robust it is.
    """
    oracle = job.attacker.oracle
    streams = {name: [sample.streams[name] for sample in samples] for name in job.data.streams}
    weights = _weights(job.predict)
    before = _sums(weights)
    answers, optimises = _watched(lambda: oracle.scores(streams))
    repeats = [oracle.scores(streams) for _ in range(_ASKED - 1)]
    changed = [name for name, total in _sums(weights).items() if total != before[name]]
    away = [apart(answers, again) for again in repeats]
    alone = [oracle.scores({name: [values[i]] for name, values in streams.items()}) for i in range(len(samples))]
    moved = apart(repeats[-1], oracle.scores(streams))
    noise = apart(repeats[-2], repeats[-1])
    adapts = _adaptation(optimises, changed, away, moved if noise <= CLOSE else 0.0)
    wrong = None
    if away[0] > CLOSE and adapts is None:
        wrong = f"random model: two answers to the same samples differ by {away[0]:.2g}; average over them (eot: 20)"
    found = [check_of("the model is not random", wrong, f"{len(samples)} samples asked {_ASKED} times")]
    found.append(check_of("the model does not adapt to questions", adapts, f"{1 + _ASKED} rounds of questions"))
    return [*found, _beside(apart(repeats[-1], np.concatenate(alone)), max(away), len(samples))]


def _adaptation(optimises: bool, changed: Sequence[str], away: Sequence[float], moved: float) -> str | None:
    """Return by which of the signs a model is seen to change with what it is asked."""
    signs = []
    if optimises:
        signs.append("gradients are computed, or an optimiser steps, while it answers")
    if changed:
        signs.append(f"{len(changed)} of its weights or buffers ({changed[0]}) are others after it was asked")
    drifts = all(near < far for near, far in zip(away, away[1:])) and away[-1] > 2 * away[0]
    if drifts and away[-1] > CLOSE:
        signs.append(f"its answers move away from the first ones, by {away[0]:.2g} to {away[-1]:.2g}")
    elif moved > CLOSE:
        signs.append(f"its answers are others, by {moved:.2g}, after other questions")
    if not signs:
        return None
    return (
        f"optimisation at test time: {'; '.join(signs)}; attacks take the model for a fixed one, and say too little: "
        "switch the adaptation off, or attack it by a way that follows it"
    )


def _beside(off: float, noise: float, count: int) -> Check:
    """A sample is answered whatever else is in its batch."""
    wrong = (
        f"answers depend on the batch: alone and together they differ by {off:.2g} (batch statistics?); an attack asks "
        "about a sample beside others than the run does, and what it found may not hold there"
    )
    name = "a sample is answered by itself"
    return check_of(name, wrong if off > max(SAME, 3 * noise) else None, f"{count} samples, alone and together")


def _weights(predict: Any) -> Any:
    module = getattr(predict, "module", None)
    return module if callable(getattr(module, "state_dict", None)) else None


def _sums(module: Any) -> dict[str, tuple[float, float]]:
    """Return two sums of each of a torch module's weights and buffers."""
    if module is None or "torch" not in sys.modules:
        return {}
    found = {}
    for name, tensor in module.state_dict().items():
        if getattr(tensor, "is_complex", bool)() or getattr(tensor, "is_quantized", False):
            continue
        if callable(getattr(tensor, "double", None)) and tensor.numel():
            values = tensor.detach().double()
            found[name] = (float(values.sum()), float(values.square().sum()))
    return found


def _watched(ask: Callable[[], Floats]) -> tuple[Floats, bool]:
    """Return what is answered, and whether gradients were asked of torch, or weights stepped, meanwhile."""
    if "torch" not in sys.modules:
        return ask(), False
    import torch
    from torch.optim.optimizer import register_optimizer_step_pre_hook
    from torch.overrides import TorchFunctionMode

    seen: list[Any] = []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if function in (torch.Tensor.backward, torch.autograd.grad):
                seen.append(function)
            return function(*args, **(kwargs or {}))

    hook = register_optimizer_step_pre_hook(lambda *_: seen.append("step"))
    try:
        with Watch():
            return ask(), bool(seen)
    finally:
        hook.remove()
