"""A model by name, by ``module:attribute``, or as it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from perturbations import ModelError
from perturbations.errors import short
from stress._import import load_attribute
from stress.models._batch import Batch
from stress.models._gradients import differentiable

__all__ = ["Model", "load_model"]


@dataclass(frozen=True)
class Model:
    """A callable and what is known of it: its name, a hash of its weights, and its classes, where it tells them.

    ``gradients`` says whether it gives any. ``spec`` is what workers load it by, where it was named; a callable given
    as it is has none.
    """

    predict: Callable[[Batch], Any]
    name: str
    spec: str | None = None
    weights: str | None = None
    classes: Sequence[str] | None = None
    gradients: bool = False


def load_model(source: Any) -> Model:
    """Return a model: ``"demo"`` (or ``"demo:early"``, ``"demo:late"``), ``"module:attribute"``, or any callable.

    A function without required parameters is a factory: it is called once and returns the callable.
    """
    if isinstance(source, Model):
        return source
    if not isinstance(source, str):
        return _wrap(source, getattr(source, "__name__", type(source).__name__), None)
    if source == "demo" or source.startswith("demo:"):
        demo = import_module("stress.models.demo")
        return _wrap(demo.load(source.partition(":")[2] or "intermediate"), source, source)
    return _wrap(load_attribute(source, "model"), source, source)


def _wrap(found: Any, name: str, spec: str | None) -> Model:
    if not callable(found):
        raise ModelError(f"model: must be a callable predict(batch), got {short(found)}.")
    if _is_factory(found):
        try:
            found = found()
        except Exception as error:  # a user's factory can raise anything
            raise ModelError(f"model: the factory {name} raised {error!r}.") from error
        if not callable(found):
            raise ModelError(f"model: the factory {name} must return a callable, got {short(found)}.")
    classes = getattr(found, "classes", None)
    return Model(
        predict=found,
        name=name,
        spec=spec,
        weights=getattr(found, "weights_hash", None),
        classes=None if classes is None else tuple(classes),
        gradients=differentiable(found),
    )


def _is_factory(found: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    starred = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return not needed and not starred
