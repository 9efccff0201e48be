"""Which stream is which input of a model: by name, or because there is only one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from perturbations import InputError
from perturbations.errors import nearest, short
from stress.models.adapters._prepare import PREPARATIONS, Prepared

__all__ = ["checked", "wired"]


def checked(streams: Any, who: str) -> Mapping[str, Prepared]:
    """Return declared streams. Raises InputError where one is not a preparation."""
    kinds = tuple(PREPARATIONS.values())
    names = "Pixels, Waveform, Texts or Frames"
    if not isinstance(streams, Mapping) or not streams:
        raise InputError(
            f"{who}: streams must say how each stream becomes an input, as {{'image': Pixels(size=224)}}, "
            f"got {short(streams)}."
        )
    for name, prepared in streams.items():
        if not isinstance(prepared, kinds):
            raise InputError(f"{who}: stream {name} must be prepared by {names}, got {short(prepared)}.")
    return streams


def wired(
    streams: Any, inputs: Sequence[str], who: str, shapes: Mapping[str, Any] | None = None
) -> dict[str, Prepared]:
    """Return the streams with the name of the input that each goes to.

    Raises InputError where a stream has no input, or an input no stream.
    """
    declared = checked(streams, who)
    masks = {prepared.mask for prepared in declared.values() if prepared.mask}
    free = [name for name in inputs if name not in masks]
    only = free[0] if len(free) == 1 and len(declared) == 1 else ""
    found = {name: replace(each, to=each.to or (name if name in free else only)) for name, each in declared.items()}
    shown = ", ".join(f"{name} {tuple((shapes or {}).get(name, ()))}" if shapes else name for name in inputs)
    for name, prepared in found.items():
        if prepared.to not in free:
            raise InputError(
                f"{who}: stream {name}: the model's inputs are {shown or 'none'}, got {prepared.to or name!r}. "
                f"{nearest(prepared.to or name, free)} Name it: {type(prepared).__name__}(to='…')."
            )
        if prepared.mask and prepared.mask not in inputs:
            raise InputError(f"{who}: stream {name}: the mask must be an input, one of {shown}, got {prepared.mask!r}.")
    taken = [prepared.to for prepared in found.values()]
    if open_ := [name for name in free if name not in taken]:
        raise InputError(
            f"{who}: nothing is declared for the input {open_[0]!r}; the model's inputs are {shown}. "
            "A value that never changes is a constant: constants={…}."
        )
    if len(set(taken)) < len(taken):
        raise InputError(f"{who}: two streams cannot be one input, got {', '.join(taken)}.")
    return found
