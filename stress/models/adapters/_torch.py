"""Torch networks: a module, a scripted one, or an exported program, called with tensors on its own device."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from perturbations import InputError
from perturbations.errors import named_keywords, short
from stress._needed import needed
from stress.models.adapters._adapted import Adapted, Arrays, Streams, digest_of_state, named_output
from stress.models.adapters._copies import Copies
from stress.models.adapters._missing import Missing
from stress.models.adapters._wired import checked, wired

__all__ = ["torch"]


@named_keywords
def torch(
    module: Any,
    streams: Streams,
    *,
    missing: Any = "refuse",
    classes: Sequence[Any] | None = None,
    output: str | int | None = None,
    constants: Mapping[str, Any] | None = None,
    batch: int | None = None,
    device: str | None = None,
) -> Adapted:
    """Return ``predict`` of a torch module: an ``nn.Module``, a scripted one, or a ``torch.export`` program.

    ``streams`` says how each stream becomes a tensor (``{"image": Pixels(size=224, mean=…, std=…)}``); it goes to the
    parameter of ``forward`` with its name, or to the only one. ``missing`` says what stands for a lost stream
    (``leave_out``: the parameter keeps its default), ``classes`` what the columns of the answer mean, ``output`` which
    key or place of what it returns is the answer, ``constants`` what else ``forward`` is given, ``batch`` how many
    samples it takes at once. The module is put in evaluation mode and moved to ``device`` where one is given. Raises
    InputError where the streams are not those of ``forward``.
    """
    who = "stress.models.torch"
    lib = needed("torch", "torch", who)
    held: Any = getattr(module, "state_dict", {})
    state = held() if callable(held) else held  # an exported program has it as a property
    keywords: set[str] | None = None
    if isinstance(module, lib.export.ExportedProgram):
        keywords = set(module.call_spec.in_spec.children()[1].context or ())
        module = module.module()
    elif isinstance(module, lib.nn.Module):
        module.eval()
    else:
        raise InputError(f"{who}: module must be a torch.nn.Module or an exported program, got {short(module)}.")
    if device is not None:
        module.to(device)
    home = next((tensor.device for tensor in state.values() if hasattr(tensor, "device")), lib.device("cpu"))
    place = lib.device(device) if device is not None else home
    fixed = dict(constants or {})
    names, optional = _parameters(module, fixed)
    declared = wired(streams, names, who) if names else dict(checked(streams, who))
    gone = Missing(missing, declared, who, leaves_out=all(each.to in optional for each in declared.values()))
    keywords = set(names) | set(fixed) if keywords is None else keywords
    ordered = [name for name in names if name not in keywords]

    def calls(network: Any) -> Callable[[Arrays], Any]:
        return _calls(lib, network, place, ordered, keywords, fixed, output)

    code = getattr(module, "code", "") if isinstance(module, lib.jit.ScriptModule) else ""
    described = f"{digest_of_state(state)} {type(module).__qualname__} {output} {sorted(map(str, fixed.items()))}{code}"
    told: Any = {"identity": described, "classes": classes, "most": batch, "network": module, "calls": calls}
    return Adapted("torch", declared, gone, calls(module), **told)


def _parameters(module: Any, fixed: Mapping[str, Any]) -> tuple[list[str], set[str]]:
    """Return the names that ``forward`` needs or the streams may fill, and which of them have a default.

    No names where it takes any number: its tensors then go in the order of the streams.
    """
    schema = getattr(getattr(module, "forward", None), "schema", None)
    if schema is not None and hasattr(schema, "arguments"):
        arguments = schema.arguments[1:]
        return [a.name for a in arguments if a.name not in fixed], {a.name for a in arguments if a.has_default_value()}
    parameters = list(inspect.signature(module.forward).parameters.values())
    if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters):
        return [], set()
    return [p.name for p in parameters if p.name not in fixed], {p.name for p in parameters if p.default is not p.empty}


def _calls(
    lib: Any,
    module: Any,
    place: Any,
    ordered: Sequence[str],
    keywords: set[str],
    fixed: Mapping[str, Any],
    output: str | int | None,
) -> Callable[[Arrays], Any]:
    """Return what calls a module: by position where it was exported so, or names no parameters; else by name."""
    copies = Copies(lib, place)

    def call(arrays: Arrays) -> Any:
        for name, array in arrays.items():
            if array.dtype.kind not in "fiub":
                raise InputError(f"stress.models.torch: {name} must be numbers: Texts(encode=…) makes some of a text.")
        tensors = copies(arrays)
        more = {**tensors, **fixed}
        first = [more.pop(name) for name in ordered or (() if keywords else tensors)]
        with lib.inference_mode():
            found = module(*first, **more)
        answers = named_output(found, output, "stress.models.torch")
        return answers.float().cpu().numpy() if answers.is_floating_point() else answers.cpu().numpy()

    return call
