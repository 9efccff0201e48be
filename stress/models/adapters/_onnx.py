"""Models in ONNX, by ONNX Runtime: inputs and outputs by name, checked against what is declared before any call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from perturbations import InputError, ModelError
from perturbations.errors import named_keywords, short
from stress._needed import needed
from stress.models.adapters._adapted import Adapted, Arrays, Streams, digest_of_file
from stress.models.adapters._missing import Missing
from stress.models.adapters._wired import wired

__all__ = ["onnx"]

_KINDS = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
    "tensor(string)": "str",
}
_ANSWERS = ("probabilities", "logits")
"""Outputs that are taken where there are several: as converters of scikit-learn and of transformers name them."""


@named_keywords
def onnx(
    model: Any,
    streams: Streams,
    *,
    missing: Any = "refuse",
    classes: Sequence[Any] | None = None,
    output: str | None = None,
    constants: Mapping[str, Any] | None = None,
    batch: int | None = None,
) -> Adapted:
    """Return ``predict`` of an ONNX model: a file, its bytes, or an ``onnxruntime.InferenceSession``.

    ``streams`` says how each stream becomes an input (``{"image": Pixels(size=224, mean=…, std=…)}``), ``missing`` what
    stands for a lost one, ``classes`` what the columns of the answer mean, ``output`` which output is the answer where
    there are several. ``constants`` are inputs that are no streams (a state, a rate). ``batch`` is how many samples the
    model takes at once, where its inputs do not say so. It runs on the processor, one thread a call. Raises InputError
    where the declared inputs are not the model's, ModelError where it cannot be loaded.
    """
    who = "stress.models.onnx"
    session, identity = _session(model, who)
    inputs = {each.name: (_KINDS.get(each.type, each.type), list(each.shape or [])) for each in session.get_inputs()}
    fixed = {name: np.asarray(value) for name, value in (constants or {}).items()}
    shown = {name: shape for name, (_, shape) in inputs.items()}
    declared = wired(streams, [name for name in inputs if name not in fixed], who, shown)
    for name, prepared in declared.items():
        _fits(name, prepared, inputs[prepared.to], who)
    name = _output(session, output, who)
    firsts = [shape[0] for key, (_, shape) in inputs.items() if key not in fixed and shape]
    most = batch or next((first for first in firsts if isinstance(first, int)), None)

    def call(arrays: Arrays) -> Any:
        return session.run([name], {**arrays, **fixed})[0]

    described = f"{identity} {sorted((key, value.tolist()) for key, value in fixed.items())} {name}"
    gone = Missing(missing, declared, who)
    return Adapted("onnx", declared, gone, call, identity=described, classes=classes, most=most)


def _session(model: Any, who: str) -> tuple[Any, str]:
    """Return a session and what it is known by."""
    runtime = needed("onnxruntime", "onnx", who)
    if isinstance(model, runtime.InferenceSession):
        return model, _known(model)
    if not isinstance(model, str | os.PathLike | bytes):
        raise InputError(f"{who}: model must be a file, bytes or an InferenceSession, got {short(model)}.")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source: bytes | str
    if isinstance(model, bytes):
        source, shown, identity = model, "the bytes", blake2b(model, digest_size=16).hexdigest()
    else:
        path = Path(model)
        if not os.path.isfile(path):
            raise ModelError(f"{who}: {path} must be a file, and is none.")
        source, shown, identity = str(path), str(path), digest_of_file(path, who)
        beside = [path.with_name(path.name + end) for end in (".data", "_data")]
        identity = " ".join([identity, *(digest_of_file(more, who) for more in beside if os.path.isfile(more))])
    try:
        return runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"]), identity
    except Exception as error:  # the runtime's errors share no class of their own
        raise ModelError(f"{who}: {shown} cannot be loaded: {short(str(error), 200)}.") from error


def _known(session: Any) -> str:
    """Return what a session that was made elsewhere is known by: its file, or the description it carries."""
    path = getattr(session, "_model_path", None)
    if isinstance(path, str) and os.path.isfile(path):
        return digest_of_file(Path(path), "stress.models.onnx")
    about = session.get_modelmeta()
    return f"{about.producer_name} {about.graph_name} {about.version} {about.custom_metadata_map}"


def _fits(name: str, prepared: Any, given: tuple[str, list[Any]], who: str) -> None:
    """Raise InputError where a prepared stream cannot be the input."""
    kind, shape = given
    if prepared.shape is not None or prepared.dtype == "str":
        made = "float32" if getattr(prepared, "encode", None) else prepared.dtype
        if made != kind and not getattr(prepared, "encode", None):
            raise InputError(
                f"{who}: stream {name}: the input {prepared.to!r} takes {kind}, got {made}. "
                f"{type(prepared).__name__}(dtype={kind!r})."
            )
    if prepared.shape is None or not shape:
        return
    wanted = shape[1:]
    differ = len(wanted) != len(prepared.shape) or any(
        isinstance(one, int) and other is not None and one != other for one, other in zip(wanted, prepared.shape)
    )
    if differ:
        raise InputError(
            f"{who}: stream {name}: the input {prepared.to!r} has the shape {_shown(shape)}, got "
            f"{_shown(['samples', *prepared.shape])}. {type(prepared).__name__} says size, channels and layout."
        )


def _shown(shape: Sequence[Any]) -> str:
    return f"({', '.join('any' if n is None else str(n) for n in shape)})"


def _output(session: Any, wanted: str | None, who: str) -> str:
    names = [each.name for each in session.get_outputs()]
    if wanted is not None:
        if wanted not in names:
            raise InputError(f"{who}: output must be one of {', '.join(names)}, got {wanted!r}.")
        return wanted
    found = names if len(names) == 1 else [name for name in names if name in _ANSWERS]
    if len(found) != 1:
        raise InputError(f"{who}: the model has the outputs {', '.join(names)}; say which is the answer: output='…'.")
    return str(found[0])
