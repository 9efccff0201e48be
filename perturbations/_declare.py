"""A perturbation is declared once: a pure function and one row per parameter. Everything else is derived."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from perturbations import _registry
from perturbations._core import Captured, Need, Perturbation
from perturbations._params import Choice, Param, check_tables
from perturbations.errors import SpecError, nearest, short
from perturbations.modality import MODALITIES

__all__ = ["audio_corruption", "corruption", "fault", "image_corruption", "series_corruption", "text_corruption"]

F = TypeVar("F", bound=Callable[..., Any])
_RESERVED = {"severity", "profile", "seed", "sample", "stream", "step", "draw", "data", "name", "levels", "key"}


def corruption(
    of: str,
    *,
    cite: str | tuple[str, ...] = (),
    version: int = 1,
    keeps_shape: bool = True,
    not_monotone: str | Mapping[str, str] | None = None,
    changes_meaning: bool = False,
    witness: Callable[[], Any] | None = None,
    cost: str | None = None,
    **params: Param | Choice,
) -> Callable[[F], F]:
    """Declare and register a change of one value: ``f(value, rng, *, …)``, or ``f(value, *, …)`` if it draws nothing.

    The name is the modality and the function's name. Raises SpecError at import where the declaration does not fit
    the function, or an option is misspelt.
    """
    _check_params(f"{of}_corruption", params, corruption)

    def register(function: F) -> F:
        perturbation = Perturbation(
            name=f"{of}.{function.__name__}",
            kind="corruption",
            modalities=(of,),
            function=function,
            params=params,
            cite=(cite,) if isinstance(cite, str) else tuple(cite),
            version=version,
            random=_positional(function) == 2,
            keeps_shape=keeps_shape,
            not_monotone=not_monotone,
            changes_meaning=changes_meaning,
            witness=witness,
            cost=cost,
        )
        _register(perturbation)
        return function

    return register


def fault(
    *,
    cite: str | tuple[str, ...] = (),
    of: tuple[str, ...] = MODALITIES,
    family: str = "stream",
    needs: tuple[Need, ...] = (),
    version: int = 1,
    keeps_shape: bool = True,
    not_monotone: str | Mapping[str, str] | None = None,
    changes_meaning: bool = False,
    witness: Callable[[], Any] | None = None,
    captured: Callable[..., Captured | None] | None = None,
    **params: Param | Choice,
) -> Callable[[F], F]:
    """Declare and register what befalls a whole stream: ``f(stream, rng, *, …)`` returns its new value, or ``None``.

    ``of`` are the modalities it can befall, ``family`` the first part of its name, ``needs`` what must be there:
    ``data`` (the whole data set), ``sequence`` (samples with a sequence and a time), ``alternates``, ``target``.
    ``captured``, which is called as ``f`` is, tells when the value was captured, where it is another moment's.
    """
    _check_params("fault", params, fault)

    def register(function: F) -> F:
        perturbation = Perturbation(
            name=f"{family}.{function.__name__}",
            kind="fault",
            modalities=of,
            function=function,
            params=params,
            cite=(cite,) if isinstance(cite, str) else tuple(cite),
            version=version,
            random=_positional(function) == 2,
            needs=frozenset(needs),
            keeps_shape=keeps_shape,
            not_monotone=not_monotone,
            changes_meaning=changes_meaning,
            witness=witness,
            captured=captured,
        )
        _register(perturbation)
        return function

    return register


image_corruption = partial(corruption, "image")
"""Declare a change of an image; see ``corruption``."""
audio_corruption = partial(corruption, "audio")
"""Declare a change of a recording; see ``corruption``."""
text_corruption = partial(corruption, "text")
"""Declare a change of a text; see ``corruption``."""
series_corruption = partial(corruption, "series")
"""Declare a change of a series; see ``corruption``."""


def _check_params(who: str, params: Mapping[str, Any], declare: Callable[..., Any]) -> None:
    """Raise SpecError for a keyword that is no option and declares no parameter: an option that is misspelt."""
    for name, declared in params.items():
        if not isinstance(declared, Param | Choice):
            known = [
                each.name for each in inspect.signature(declare).parameters.values() if each.kind is each.KEYWORD_ONLY
            ]
            raise SpecError(
                f"{who}: {name} must be an option, or a Param or Choice of that name, got {short(declared)}. "
                f"{nearest(name, known)}"
            )


def _positional(function: Callable[..., Any]) -> int:
    kinds = [p.kind for p in inspect.signature(function).parameters.values()]
    return kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _register(perturbation: Perturbation) -> None:
    who, function = perturbation.name, perturbation.function
    parameters = inspect.signature(function).parameters.values()
    keywords = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    if _positional(function) not in (1, 2):
        raise SpecError(f"{who}: must take the value, or the value and a generator, then keyword-only parameters.")
    if keywords != list(perturbation.params):
        raise SpecError(
            f"{who}: the declared parameters must be the function's keyword-only ones, in order: "
            f"declared {list(perturbation.params)}, function has {keywords}."
        )
    if clash := _RESERVED & set(keywords):
        raise SpecError(f"{who}: {', '.join(sorted(clash))} cannot be a parameter: apply and suites use it.")
    if not inspect.getdoc(function):
        raise SpecError(f"{who}: must have a docstring whose first line says the real-world cause and effect.")
    if not perturbation.cite or not all(perturbation.cite):
        raise SpecError(f"{who}: must name its source (cite=…).")
    check_tables(who, perturbation.params)
    exceptions = perturbation.not_monotone if isinstance(perturbation.not_monotone, Mapping) else {}
    if unknown := sorted(exceptions.keys() - set(perturbation.profiles)):
        known = ", ".join(perturbation.profiles)
        raise SpecError(f"{who}: not_monotone must name profiles ({known}), got {', '.join(unknown)}.")
    _registry.add(who, perturbation)
