"""Any text augmenter of nlpaug: ``nlpaug:KeyboardAug``, with its own parameters.

nlpaug draws from the process-wide generators; they are seeded from ours for each call, under a lock, and restored.
Its spelling model keeps its words in sets, so that its answers change with PYTHONHASHSEED, and is loaded once whatever
file is asked for next: both are put right here. Models and word lists are read from local paths only; nothing is
downloaded.
"""

from __future__ import annotations

import inspect
import json
import os
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from numpy.random import Generator

from perturbations._core import Perturbation
from perturbations.adapters._generators import seeded
from perturbations.errors import InputError, nearest, short
from perturbations.modality import modality

__all__ = ["adapt", "augmenters"]

_PATHS = ("dict_path", "from_model_name", "model_dir", "model_path", "to_model_name")
"""Parameters that name a model or a word list; anything but a local path would be downloaded."""
_NOT_OURS = ("include_detail", "n", "num_thread", "verbose")


@cache
def augmenters() -> dict[str, Any]:
    """Return the package's text augmenters by name. Raises InputError where the package cannot be imported."""
    try:
        kinds = [import_module(f"nlpaug.augmenter.{kind}") for kind in ("char", "word", "sentence")]
    except (ImportError, OSError, RuntimeError) as error:  # it imports what does not fit, too
        raise InputError(
            f"nlpaug: must be importable, got {error!r}. pip install 'multimodal-stress[nlpaug]'."
        ) from None
    base = import_module("nlpaug").Augmenter
    found = {name: value for kind in kinds for name, value in vars(kind).items() if name.endswith("Aug")}
    return {name: value for name, value in sorted(found.items()) if inspect.isclass(value) and issubclass(value, base)}


def _parameters(factory: Any) -> dict[str, Any]:
    """Return the parameters of an augmenter that a suite may set, with their defaults."""
    rows = inspect.signature(factory).parameters
    return {name: row.default for name, row in rows.items() if name not in _NOT_OURS}


@lru_cache(64)
def _built(who: str, factory: Any, settings: str) -> Any:
    """Return an augmenter, built once for equal settings. Raises InputError where they do not fit it."""
    given: dict[str, Any] = json.loads(settings)
    parameters = _parameters(factory)
    for name in _PATHS:
        path = given.get(name, parameters.get(name))
        if isinstance(path, str) and path and not os.path.exists(path):
            raise InputError(f"{who}: {name} must be a local path, got {path!r}. Nothing is downloaded.")
    if "force_reload" in parameters:
        given.setdefault("force_reload", True)  # it would keep the model that was loaded first, whatever is asked for
    try:
        augmenter = factory(**given)
        if factory.__name__ == "SpellingAug":
            spelling = import_module("nlpaug.model.word_dict").Spelling
            augmenter.model = spelling(augmenter.dict_path, augmenter.include_reverse)
            augmenter.model.dict = {word: sorted(set(others)) for word, others in augmenter.model.dict.items()}
    except Exception as error:  # its own checks, files that are missing, packages that it needs
        raise InputError(f"{who}: cannot be built from {given}: {error!r}") from None
    return augmenter


def _written(who: str, settings: dict[str, Any]) -> str:
    """Return settings as JSON, a form that can be remembered by."""
    try:
        return json.dumps(settings, sort_keys=True)
    except TypeError:
        raise InputError(f"{who}: parameters must be numbers, names or lists of them, got {short(settings)}.") from None


def _one_text(who: str, result: Any) -> str:
    """Return the text that an augmenter answered. Raises InputError where it is not one text."""
    if isinstance(result, list) and len(result) == 1:
        result = result[0]
    if not isinstance(result, str):
        raise InputError(f"{who}: must answer one text, got {short(result)}.")
    modality("text").check(result, f"{who}: result")
    return result


@cache
def adapt(transform: str) -> Perturbation:
    """Return the perturbation that wraps an augmenter.

    A text of white space alone stays as it is: nlpaug answers it with an empty list. What the augmenter raises becomes
    an InputError.
    """
    known, who = augmenters(), f"nlpaug:{transform}"
    if transform not in known:
        raise InputError(f"{who}: is not a text augmenter of nlpaug. {nearest(transform, known)}")
    factory = known[transform]

    def changed(text: str, rng: Generator, **settings: Any) -> str:
        if not text.strip():
            return text
        written = _written(who, settings)
        with seeded(rng):
            augmenter = _built(who, factory, written)
            try:
                result = augmenter.augment(text)
            except Exception as error:  # somebody else's code raises what it likes
                raise InputError(f"{who}: failed on {short(text)}: {error!r}") from None
        return _one_text(who, result)

    changed.__doc__ = f"{_first_sentence(factory)}."
    return Perturbation(
        name=who,
        kind="corruption",
        modalities=("text",),
        function=changed,
        params={},
        cite=("ma2019",),
        keeps_shape=False,
        open=True,
        known=frozenset(_parameters(factory)),
    )


def _first_sentence(factory: Any) -> str:
    text = (inspect.getdoc(factory) or f"The augmenter {factory.__name__} of nlpaug").partition("\n\n")[0]
    return " ".join(text.partition(". ")[0].split()).rstrip(" .:")
