"""A model whose weights are held in fewer digits: the same callable around a changed torch module."""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable, Mapping
from inspect import getattr_static
from typing import Any

from perturbations import ModelError
from perturbations.errors import named_keywords

__all__ = ["FORMS", "fixed_weights", "smaller"]

FORMS = ("bf16", "int8")
"""How weights can be held instead of as they are."""


@named_keywords
def smaller(predict: Any, form: str) -> Any:
    """Return what answers as a model would on a smaller device: its weights rounded (``bf16``) or quantised (``int8``).

    The model itself stays as it is. Raises ModelError where its weights cannot be held so.
    """
    if reason := fixed_weights(predict)[form]:
        raise ModelError(f"model: weights must be those of a torch module to be held as {form}, but {reason}.")
    change = _rounded if form == "bf16" else _quantised
    remade = getattr(predict, "remade", None)
    if remade is not None:
        return remade(change)
    if _is_module(predict):
        return change(predict)
    made = copy.copy(predict)
    made.module = change(predict.module)
    return _Watched(made, made.module)


@named_keywords
def fixed_weights(predict: Any) -> Mapping[str, str]:
    """Return for each form why a model's weights cannot be held in it; an empty text where they can."""
    module = getattr(predict, "network", None) if hasattr(predict, "remade") else predict
    if not _is_module(module):  # one that is only made when it is asked for answers nothing, and would bring torch
        module = getattr_static(predict, "module", None)
    if not _is_module(module):
        return dict.fromkeys(FORMS, "it shows no torch module (stress.models.torch, hf, or one in .module)")
    if not hasattr(predict, "remade") and not _is_module(predict) and copy.copy(predict) is predict:
        return dict.fromkeys(FORMS, "a function cannot be given another module: make it a class with .module")
    return {"bf16": _not_rounded(module), "int8": _not_quantised(module)}


def _is_module(found: Any) -> bool:
    kind = getattr(sys.modules.get("torch.nn"), "Module", None)  # else nothing can be of it
    return kind is not None and isinstance(found, kind)


def _not_rounded(module: Any) -> str:
    return "" if any(each.is_floating_point() for each in module.parameters()) else "it has no weights"


def _not_quantised(module: Any) -> str:
    """Return why dynamic quantisation would do nothing: kernels are of the CPU, and of few kinds of layers."""
    if away := sorted({str(each.device) for each in module.parameters() if each.device.type != "cpu"}):
        return f"8-bit layers answer on the CPU, and it is on {away[0]}"
    nn = sys.modules["torch"].nn
    kinds = {nn.Linear, nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell, nn.RNNCell}
    return "" if any(type(part) in kinds for part in module.modules()) else "it has no linear or recurrent layer"


def _rounded(module: Any) -> Any:
    """Return a copy whose weights are those of bfloat16, in the format that they had."""
    torch = sys.modules["torch"]
    made = copy.deepcopy(module)
    with torch.no_grad():
        for each in made.parameters():
            if each.is_floating_point():
                each.copy_(each.to(torch.bfloat16).to(each.dtype))
    return made


def _quantised(module: Any) -> Any:
    import torch
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated for torchao, which does the same and is one package more
        return quantize_dynamic(module, dtype=torch.qint8)  # type: ignore[no-untyped-call]


class _Watched:
    """A model with another module, which must have a part in its answers: else nothing would have changed."""

    def __init__(self, predict: Callable[[Any], Any], module: Any) -> None:
        self._predict, self._used = predict, False
        self._hooks = [part.register_forward_pre_hook(self._note) for part in module.modules()]

    def _note(self, *_: Any) -> None:
        self._used = True

    def __call__(self, batch: Any) -> Any:
        answers = self._predict(batch)
        if not self._used:
            raise ModelError("model: its .module must answer for its weights to be held otherwise, but was not called.")
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        return answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predict, name)
