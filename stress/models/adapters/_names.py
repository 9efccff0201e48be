"""Models that a name on the command line adapts: ``onnx:FILE``, ``torch:module:attribute``, ``hf:FOLDER`` and so on.

What a name cannot say – sizes, means, rates – stands in a description, a YAML file after ``@``, or beside the model
under its name (``digits.onnx``, ``digits.yaml``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from perturbations import InputError, ModelError, SpecError
from perturbations.errors import nearest, short
from perturbations.files import read_text
from scenarios.reading import parse
from stress._import import load_attribute
from stress.models.adapters._adapted import Adapted
from stress.models.adapters._hf import hf
from stress.models.adapters._maite import maite
from stress.models.adapters._onnx import onnx
from stress.models.adapters._prepare import PREPARATIONS
from stress.models.adapters._sklearn import sklearn
from stress.models.adapters._torch import torch
from stress.models.endpoints import json, openai

__all__ = ["adapted_by_name", "is_adapted_name", "source_named"]

_SPLIT = re.compile(r"(?P<source>.*?)(@(?P<description>[^@]+\.ya?ml))?", re.DOTALL)


def _of_code(make: Callable[..., Adapted]) -> Callable[..., Adapted]:
    """Return an adapter whose source is ``module:attribute``; a factory there is called."""

    def made(source: str, **options: Any) -> Adapted:
        found = load_attribute(source, "model")
        if callable(found) and type(found).__name__ in ("function", "builtin_function_or_method", "type"):
            try:
                found = found()
            except Exception as error:  # a user's factory can raise anything
                raise ModelError(f"model: the factory {source} raised {error!r}.") from error
        return make(found, **options)

    return made


KINDS: Mapping[str, Callable[..., Any]] = {
    "onnx": onnx,
    "torch": _of_code(torch),
    "sklearn": _of_code(sklearn),
    "hf": hf,
    "maite": _of_code(maite),
    "json": json,
    "openai": lambda place, **options: _chat(place, options),
}
"""Adapters by the word before the first colon."""
_NEEDS_STREAMS = ("onnx", "torch", "sklearn", "maite")


def _chat(place: str, options: dict[str, Any]) -> Any:
    """Return the chat model of ``NAME@URL``."""
    name, _, url = place.rpartition("@http")
    if "prompt" not in options:
        raise InputError(f"model openai:{name}: a description must have a prompt. Name it: openai:{place}@FILE.yaml.")
    return openai(name, f"http{url}", **options)


def is_adapted_name(source: str) -> bool:
    """Return whether a name is one that an adapter takes; a Python module of that name is not meant by it."""
    kind, colon, rest = source.partition(":")
    if not colon or kind not in KINDS or not rest:
        return False
    if kind == "openai":
        return "@http" in rest.lower()
    if kind == "json":  # which is a module, too
        return rest.lower().startswith(("http://", "https://"))
    return kind not in ("torch", "sklearn", "maite") or ":" in rest  # torch:attribute would be the package itself


def source_named(source: str) -> tuple[str, str, str | None]:
    """Return the kind, the source and the description file of an adapted name."""
    kind, _, rest = source.partition(":")
    found = _SPLIT.fullmatch(rest)
    return kind, found["source"] if found else rest, found["description"] if found else None


def adapted_by_name(source: str) -> Any:
    """Return the adapted model of a name. Raises InputError or ModelError with what is missing."""
    kind, place, description = source_named(source)
    beside = Path(place).with_suffix(".yaml") if kind == "onnx" else None
    if description is None and beside is not None and os.path.isfile(beside):
        description = str(beside)
    options = {} if description is None else _described(Path(description))
    if kind == "onnx" and not os.path.isfile(place):
        raise ModelError(f"model onnx:{place}: must be a file, and is none.")
    if kind in _NEEDS_STREAMS and "streams" not in options:
        got = "none" if description is None else "one without streams"
        raise InputError(
            f"model {source}: must have a description of how streams become inputs, got {got}. Write "
            f"streams: {{image: {{pixels: {{size: 224}}}}}} in a YAML file, and name it: {source}@FILE.yaml."
        )
    make = KINDS[kind]
    try:
        return make(place, **options)
    except TypeError as error:
        raise InputError(f"{description}: {short(str(error), 160)}.") from error


def _described(path: Path) -> dict[str, Any]:
    """Return the options that a description declares."""
    text = read_text(path, "the model's description")
    problems: list[str] = []
    node = parse(text, str(path), problems, "model description")
    if problems:
        raise SpecError("\n".join(problems))
    found = node.plain()
    if not isinstance(found, dict):
        raise SpecError(f"{path}: a model description must be a mapping with streams:, got {node.shown}.")
    if isinstance(streams := found.get("streams"), dict):
        found["streams"] = {name: _prepared(name, each, path) for name, each in streams.items()}
    if isinstance(missing := found.get("missing"), dict):
        found["missing"] = {name: _rule(each) for name, each in missing.items()}
    return found


def _rule(given: Any) -> Any:
    return ("fixed", given["fixed"]) if isinstance(given, dict) and list(given) == ["fixed"] else given


def _prepared(stream: str, given: Any, path: Path) -> Any:
    """Return the preparation of one stream, as ``{pixels: {size: 224}}``."""
    who = f"{path}: stream {stream}"
    if isinstance(given, str):
        given = {given: {}}
    if not isinstance(given, dict) or len(given) != 1:
        raise SpecError(f"{who}: must be one of {', '.join(PREPARATIONS)} with its settings, got {short(given)}.")
    kind, settings = next(iter(given.items()))
    if kind not in PREPARATIONS:
        raise SpecError(
            f"{who}: must be one of {', '.join(PREPARATIONS)}, got {short(kind)}. {nearest(kind, PREPARATIONS)}"
        )
    of: Any = PREPARATIONS[kind]
    known = [each.name for each in fields(of)]
    for name in settings or {}:
        if name not in known:
            raise SpecError(f"{who}: {kind} has no {name!r}. {nearest(name, known)}")
    if isinstance((settings or {}).get("encode"), str):
        settings = {**settings, "encode": load_attribute(settings["encode"], who)}
    try:
        return of(**{key: tuple(v) if isinstance(v, list) else v for key, v in (settings or {}).items()})
    except TypeError as error:
        raise SpecError(f"{who}: {kind}: {short(str(error), 120)}.") from error
