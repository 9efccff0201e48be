"""A model by name, by ``module:attribute``, or as it is."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from perturbations import ModelError
from perturbations.errors import named_keywords, short
from stress._import import load_attribute
from stress.models._batch import Batch
from stress.models._callable import digest_of, made_of, said_identity
from stress.models._gradients import differentiable
from stress.models._smaller import fixed_weights
from stress.models._source import installed, source_of
from stress.models._unanswered import REPORTS
from stress.models.adapters import adapted_by_name, is_adapted_name, recognised, refuse_name, source_named
from stress.records.statuses import failures

__all__ = ["Model", "load_model", "steady_code"]


@dataclass(frozen=True)
class Model:
    """A callable and what is known of it: its name, a hash of its weights, and its classes, where it tells them.

    ``gradients`` says whether it gives any. ``spec`` is what workers load it by, where it was named; a callable given
    as it is has none. ``code`` are digests of what it is made of – of the file that names it and of the local modules
    it imports, or of the functions and plain data of a callable – and ``unread`` the parts that could not be read.
    With ``reads_only`` it promises not to write into what it is given, and gets no copies; ``billed`` says that its
    calls are paid for, so that none is made for advice alone. ``reports`` are columns of numbers that its ``Replies``
    bring, ``statuses`` what may become of a question besides what may of any model's. ``answers`` is the form in which
    it says that it answers. ``fixed_weights`` are the reasons, by form, why its weights cannot be held in fewer digits.
    """

    predict: Callable[[Batch], Any]
    name: str
    spec: str | None = None
    weights: str | None = None
    classes: Sequence[str] | None = None
    gradients: bool = False
    code: Mapping[str, str] | None = None
    unread: Sequence[str] = ()
    reads_only: bool = False
    billed: bool = False
    reports: Sequence[str] = ()
    statuses: Sequence[str] = ()
    answers: str | None = None
    fixed_weights: Mapping[str, str] = field(default_factory=dict)


@named_keywords
def load_model(source: Any) -> Model:
    """Return a model: ``"demo"`` (or ``"demo:early"``, ``"demo:intermediate"``), ``"module:attribute"``, any callable.

    Names that an adapter takes are adapted – ``"onnx:FILE"``, ``"torch:module:attribute"``,
    ``"sklearn:module:attribute"``, ``"hf:FOLDER"``, ``"json:URL"``, ``"openai:NAME@URL"`` – each with ``@FILE.yaml``
    where more must be said.
    A function without required parameters is a factory: it is called once and returns the callable. Raises ModelError
    that names the adapter for a module, session, estimator, file or URL that is no ``predict(batch)``.
    """
    if isinstance(source, Model):
        return source
    if not isinstance(source, str):
        return _wrap(source, getattr(source, "__name__", type(source).__name__), None)
    if source == "demo" or source.startswith("demo:"):
        demo = import_module("stress.models.demo")
        return _wrap(demo.load(source.partition(":")[2] or demo.DEFAULT), source, source)
    if is_adapted_name(source):
        return _wrap(adapted_by_name(source), source, source)
    refuse_name(source)
    return _wrap(load_attribute(source, "model"), source, source)


def _what(found: object) -> str:
    """Say what was found in a callable's place, and which of its methods was meant where there is one."""
    for method in ("predict", "predict_proba", "transcribe", "generate"):
        if callable(getattr(found, method, None)):
            return f"an object of class {type(found).__name__}. Give its method: {method}."
    return f"{short(found)}."


def _wrap(found: Any, name: str, spec: str | None) -> Model:
    found = recognised(found)
    if not callable(found):
        raise ModelError(f"model: must be a callable predict(batch), got {_what(found)}")
    if _is_factory(found):
        try:
            found = found()
        except Exception as error:  # a user's factory can raise anything
            raise ModelError(f"model: the factory {name} raised {error!r}.") from error
        found = recognised(found)
        if not callable(found):
            raise ModelError(f"model: the factory {name} must return a callable predict(batch), got {_what(found)}")
    classes = getattr(found, "classes", None)
    made = made_of(found)
    named = None if spec is None else _source(spec)
    return Model(
        predict=found,
        name=name,
        spec=spec,
        weights=said_identity(found) or (digest_of(made.weights) if made.weights else None),
        classes=None if classes is None else tuple(classes),
        gradients=differentiable(found),
        code=made.parts if named is None else named,
        unread=tuple(sorted(made.unread)) if named is None else (),
        reads_only=getattr(found, "reads_only", False) is True,
        billed=getattr(found, "billed", False) is True,
        reports=_names(found, "reports", REPORTS),
        statuses=_names(found, "statuses", failures()),
        fixed_weights=fixed_weights(found),
        answers=form if isinstance(form := getattr(found, "answers", None), str) else None,
    )


def _names(found: Any, attribute: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return what a callable says of its answers. Raises ModelError for names that nobody reads."""
    said = getattr(found, attribute, ())
    said = tuple(said) if isinstance(said, list | tuple) else ()
    for name in said:
        if name not in known:
            raise ModelError(f"model: {attribute} must be among {', '.join(known)}, got {short(name)}.")
    return said


def _source(spec: str) -> Mapping[str, str]:
    """Return what the file or module that names a model is made of; nothing for a model of this package."""
    place = (source_named(spec)[1] if is_adapted_name(spec) else spec).rpartition(":")[0]
    if place.endswith(".py"):
        return source_of(Path(place))
    module = sys.modules.get(place)
    if module is None or installed(place) is not None or getattr(module, "__file__", None) is None:
        return {}
    return source_of(Path(str(module.__file__)), place)


@named_keywords
def steady_code(model: Model) -> tuple[Mapping[str, str], Sequence[str]]:
    """Return the parts of a model's code that are as they were when it was loaded, and the names of the others.

    What a callable itself changes while it answers – a count, a cache – is state, and says nothing of who it is.
    """
    if model.spec is not None or not model.code:
        return model.code or {}, model.unread
    now = made_of(model.predict).parts
    kept = {name: digest for name, digest in model.code.items() if now.get(name) == digest}
    return kept, [*model.unread, *(name for name in model.code if name not in kept)]


def _is_factory(found: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    starred = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return not needed and not starred
