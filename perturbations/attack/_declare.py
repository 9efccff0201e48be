"""An attack is declared like every perturbation: its budgets by modality, and one row per parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from perturbations import _registry
from perturbations._core import Perturbation
from perturbations._params import Choice, Param, check_tables
from perturbations.attack._around import image_energy, image_maximum, image_patch, recording_energy
from perturbations.errors import InputError, SpecError

__all__ = ["BALLS", "BUDGETS", "CALLS", "COMMON", "NO_CHANGE", "RESTARTS", "STEPS", "attack"]

F = TypeVar("F", bound=Callable[..., Any])

BUDGETS: Mapping[str, Param] = {
    "epsilon": Param(
        "largest change of any channel of any pixel of an image",
        "1/255 of full scale",
        0,
        255,
        clean=0,
        levels=(1, 2, 4, 8, 16),
        default=4,
    ),
    "rms": Param(
        "largest root mean square change of an image",
        "1/255 of full scale",
        0,
        255,
        clean=0,
        levels=(0.5, 1, 2, 4, 8),
        default=2,
    ),
    "snr_db": Param(
        "ratio of a recording's active part to the change", "dB", -30, 120, levels=(50, 40, 30, 20, 10), default=30
    ),
    "share": Param(
        "part of an image that a square patch covers, in which every pixel may change",
        "fraction",
        0,
        1,
        clean=0,
        levels=(0.01, 0.02, 0.05, 0.1, 0.2),
        default=0.05,
    ),
    "edits": Param(
        "most characters of a text that are inserted, deleted or replaced",
        "edits",
        0,
        100,
        scale="integer",
        clean=0,
        levels=(1, 2, 3, 4, 5),
        default=3,
    ),
    "words": Param(
        "most words of a text that are replaced",
        "words",
        0,
        100,
        scale="integer",
        clean=0,
        levels=(1, 2, 3, 4, 5),
        default=3,
    ),
}
"""The rows that bound an attack, one for each kind of stream; where one is given by name, the others keep a default."""

NO_CHANGE: Mapping[str, float] = {"epsilon": 0, "rms": 0, "snr_db": float("inf"), "share": 0, "edits": 0, "words": 0}
"""Of each budget the value that allows nothing."""

BALLS: Mapping[str, Callable[[Any, float], Any]] = {
    "epsilon": image_maximum,
    "rms": image_energy,
    "snr_db": recording_energy,
    "share": image_patch,
}
"""Budgets of streams that are made of numbers; a text's is a count."""

STEPS = Param("steps from each start", "steps", 1, 10_000, scale="integer", default=20)
RESTARTS = Param("random starts", "starts", 1, 1000, scale="integer", default=1)
EOT = Param(
    "answers (and gradients) averaged for each question, for models with randomness",
    "answers",
    1,
    1000,
    scale="integer",
    default=1,
)
SURROGATE = Choice(
    "a second model, by module:attribute, that finds the changes which the tested one then answers; empty: no second",
    default="",
)
CALLS = Param("most model calls for a sample", "calls", 2, 1_000_000, scale="integer", default=500)


COMMON: Mapping[str, Param | Choice] = {"eot": EOT, "surrogate": SURROGATE}
"""Parameters of every attack, which its function does not see: they are about the model that it asks."""


def _check_calls(who: str, settings: Mapping[str, Any]) -> None:
    """Raise InputError where averaging leaves no call for a search."""
    times, calls = settings["eot"], settings.get("calls", CALLS.high)
    if times > 1 and calls < 3 * times:
        raise InputError(
            f"{who}: calls must be at least {3 * times} with eot {times} (the clean value, one trial, and what was "
            f"found once more), got {calls}."
        )


def attack(
    budgets: Mapping[str, str],
    *,
    cite: str | tuple[str, ...],
    gradients: bool = False,
    held_out: bool = False,
    version: int = 1,
    **params: Param | Choice,
) -> Callable[[F], F]:
    """Declare and register an attack: ``f(attempt, *, …)`` looks for a value that the model gets wrong.

    ``budgets`` maps each modality it can attack to a row of ``BUDGETS``; the function finds these as the attempt's
    balls and edits, and takes only the other parameters. ``gradients`` says that it needs a model that can be
    differentiated, ``held_out`` that it is fitted on other samples first. Every attack can average over a model's
    randomness (``eot``) and run on another model (``surrogate``). Raises SpecError at import where they do not fit.
    """

    def register(function: F) -> F:
        who = f"attack.{function.__name__}"
        keywords = list(inspect.signature(function).parameters)[1:]
        if keywords != list(params):
            raise SpecError(f"{who}: the declared parameters must be the function's, got {list(params)}, {keywords}.")
        rows = {**{name: BUDGETS[name] for name in budgets.values()}, **params, **COMMON}
        check_tables(who, rows)
        perturbation = Perturbation(
            name=who,
            kind="attack",
            modalities=tuple(budgets),
            function=function,
            params=rows,
            cite=(cite,) if isinstance(cite, str) else cite,
            version=version,
            check=partial(_check_calls, who),
            budgets=dict(budgets),
            gradients=gradients,
            held_out=held_out,
        )
        _registry.add(who, perturbation)
        return function

    return register
