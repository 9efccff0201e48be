"""A condition of the machine is declared like every perturbation: one row per parameter, and a function of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from perturbations import _registry
from perturbations._core import Perturbation
from perturbations._params import Choice, Param, check_tables
from perturbations.errors import SpecError

__all__ = ["machine"]

F = TypeVar("F", bound=Callable[..., Any])


def machine(*, cite: str | tuple[str, ...], version: int = 1, **params: Param | Choice) -> Callable[[F], F]:
    """Declare and register a condition of the machine: ``f(*, …)`` returns the ``Terms`` under which a model answers.

    Raises SpecError at import where the declared parameters are not the function's.
    """

    def register(function: F) -> F:
        who = f"machine.{function.__name__}"
        if (keywords := list(inspect.signature(function).parameters)) != list(params):
            raise SpecError(f"{who}: the declared parameters must be the function's, got {list(params)}, {keywords}.")
        check_tables(who, params)
        perturbation = Perturbation(
            name=who,
            kind="machine",
            modalities=(),
            function=function,
            params=params,
            cite=(cite,) if isinstance(cite, str) else cite,
            version=version,
            random="jitter_ms" in params,
        )
        _registry.add(who, perturbation)
        return function

    return register
