"""Something was passed that is no ``predict(batch)``: what it is, and which adapter makes one of it."""

from __future__ import annotations

import inspect
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from perturbations import ModelError
from perturbations.errors import short
from stress.models._source import installed
from stress.models.adapters._maite import is_maite_model

__all__ = ["recognised", "refuse_name"]

_FORMS = {
    "onnx": "onnx:FILE",
    "torch": "torch:module:attribute",
    "sklearn": "sklearn:module:attribute",
    "hf": "hf:FOLDER",
    "maite": "maite:module:attribute",
    "json": "json:URL",
    "openai": "openai:NAME@URL",
}
"""How the names of models are written that an adapter takes, by their first word."""
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def recognised(found: Any) -> Any:
    """Return an adapted model where nothing has to be said, and anything else as it is.

    Raises ModelError that names the adapter where it is known what the object is, but not how its input is prepared.
    """
    if _is(found, "transformers", "Pipeline"):
        from stress.models.adapters._hf import hf

        return hf(found)
    if is_maite_model(found):
        raise _adapter("a model of MAITE", "maite", "{'image': Pixels(range=…)}", "")
    if _is(found, "torch.export", "ExportedProgram") or (_is(found, "torch.nn", "Module") and not _takes_batch(found)):
        raise _adapter("a torch module", "torch", _pixels(), ", classes=[…]")
    if _is(found, "onnxruntime", "InferenceSession"):
        inputs = ", ".join(f"{each.name!r}: {_kind(each.type)}" for each in found.get_inputs())
        raise _adapter("an ONNX session", "onnx", f"{{{inputs}}}", ", classes=[…]")
    if _is_estimator(found):
        hint = "{'text': Texts()}" if getattr(found, "n_features_in_", None) is None else _pixels(", layout='flat'")
        raise _adapter("an estimator", "sklearn", hint, "")
    return found


def _adapter(what: str, name: str, streams: str, more: str) -> ModelError:
    return ModelError(
        f"model: must be a callable predict(batch), got {what}, and how a stream becomes its input is not said. "
        f"stress.models.{name}(model, {streams}{more}) makes one."
    )


def _pixels(more: str = "") -> str:
    return f"{{'image': Pixels(size=…, mean=…, std=…{more})}}"


def _kind(of: str) -> str:
    return "Texts()" if of == "tensor(string)" else "Pixels(size=…)"


def _is(found: Any, module: str, name: str) -> bool:
    """Return whether something is of a class of a package that is imported already: else nothing can be of it."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(found, kind)


def _is_estimator(found: Any) -> bool:
    known = all(callable(getattr(found, name, None)) for name in ("fit", "predict", "get_params"))
    return known and not isinstance(found, type) and not callable(found)


def _takes_batch(module: Any) -> bool:
    """Return whether a module's forward is written for a batch of streams: it calls its parameter so, or says it."""
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):
        return False
    if len(parameters) != 1:
        return False
    said = parameters[0].annotation
    return parameters[0].name == "batch" or getattr(said, "__name__", str(said)).rpartition(".")[2] == "Batch"


def refuse_name(source: str) -> None:
    """Raise ModelError that names the adapter where a name is a file, a folder or a URL, and no module."""
    lower, path = source.lower(), Path(source)
    if not source.strip():
        raise ModelError(f"model: must be a name, such as demo, module:attribute or hf:FOLDER, got {short(source)}.")
    shown = "URL" if "@" in source or "?" in source else source  # either may hold a key
    if lower.startswith(("http://", "https://")):
        raise ModelError(
            f"model: must say how a URL is asked, got a bare one. json:{shown} posts instances to it, "
            f"openai:NAME@{shown} asks a chat model."
        )
    ending = path.suffix.lower()
    if ending == ".onnx":
        raise ModelError(f"model: an ONNX file is named so: onnx:{source}, got {short(source)}.")
    if ending in (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt", ".h5", ".keras"):
        raise ModelError(
            f"model: files that can hold code are not loaded, got {short(source)}. Load it in Python, and name that: "
            "torch:module:attribute, sklearn:module:attribute or module:attribute."
        )
    if ending in (".safetensors", ".bin", ".gguf", ".tflite"):
        raise ModelError(
            f"model: a file of weights alone is no model, got {short(source)}. A folder of transformers is named "
            "hf:FOLDER; else name what loads it: module:attribute."
        )
    _refuse_form(source)
    if source and ":" not in source and os.path.isdir(path):
        what = f"hf:{source}" if os.path.isfile(path / "config.json") else "hf:FOLDER, with config.json in it"
        raise ModelError(f"model: a folder of transformers is named so: {what}, got {short(source)}.")


def _refuse_form(source: str) -> None:
    """Raise ModelError for an adapter's word with another form after it, unless a module of the user's is called so.

    A name of the hub is told from a module by its stroke.
    """
    kind, colon, _ = source.partition(":")
    if colon and kind in _FORMS and (find_spec(kind) is None or installed(kind) is not None):
        raise ModelError(f"model: must be {_FORMS[kind]}, got {short(source)}.")
    if _HUB_NAME.fullmatch(source) and not os.path.exists(source):
        raise ModelError(
            f"model: a name of the hub is named so: hf:{source}@FILE.yaml, with its revision: in that file; nothing is "
            f"downloaded. Got {short(source)}."
        )
