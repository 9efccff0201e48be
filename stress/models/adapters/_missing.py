"""What a model is given in place of a stream that is lost: said by who plugs it in, never made up in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perturbations import InputError, ModelError, Value
from perturbations.errors import nearest, short
from perturbations.modality import modality
from stress.models.adapters._prepare import Prepared

__all__ = ["RULES", "Missing"]

RULES = ("refuse", "zeros", "mean", "mask", "leave_out")
"""Words for what is done; beside them stands ``("fixed", value)``."""
_ABOUT = {
    "refuse": "lost: refused",
    "zeros": "lost: nothing in its place (black, silence, no words)",
    "mean": "lost: the mean in its place",
    "mask": "lost: masked",
    "leave_out": "lost: left out of the call",
}


class Missing:
    """The rule of each stream, checked: ``missing`` is one rule for all, or a mapping of streams to rules.

    ``refuse``: the model raises, and the record is a failure. ``zeros``: a black picture, silence, the empty text.
    ``mean``: the mean colour, or silence. ``mask``: as ``zeros``, and the input that the preparation names as ``mask``
    is 0. ``leave_out``: the model is called without that input. ``("fixed", value)``: a value of the stream's kind.
    """

    def __init__(self, missing: Any, streams: Mapping[str, Prepared], who: str, leaves_out: bool = False) -> None:
        given = missing if isinstance(missing, Mapping) else dict.fromkeys(streams, missing)
        for name in given:
            if name not in streams:
                raise InputError(f"{who}: missing names the stream {name!r}, which is none. {nearest(name, streams)}")
        self._who = who
        self._rules: dict[str, str] = {}
        self._values: dict[str, Value] = {}
        for name, prepared in streams.items():
            self._note(name, prepared, given.get(name, "refuse"), leaves_out)

    def _note(self, name: str, prepared: Prepared, rule: Any, leaves_out: bool) -> None:
        who = f"{self._who}: stream {name}"
        if isinstance(rule, tuple | list) and len(rule) == 2 and rule[0] == "fixed":
            kind = modality(prepared.modality)
            if not kind.holds(rule[1]):
                raise InputError(f"{who}: the fixed value must be {kind.takes}, got {short(rule[1])}.")
            self._rules[name], self._values[name] = f"fixed {short(rule[1])}", rule[1]
            return
        if not isinstance(rule, str) or rule not in RULES:
            known = f"{', '.join(RULES)} or ('fixed', value)"
            raise InputError(f"{who}: missing must be {known}, got {short(rule)}.")
        if rule == "leave_out" and not leaves_out:
            raise InputError(f"{who}: missing 'leave_out' is for models that can be called without it.")
        if rule == "mask" and not prepared.mask:
            raise InputError(f"{who}: missing 'mask' needs the name of the mask's input: {_named(prepared)}(mask='…').")
        self._rules[name] = rule
        if rule in ("zeros", "mean", "mask"):
            self._values[name] = prepared.blank("mean" if rule == "mean" else "zeros", who)

    def instead(self, name: str) -> Value:
        """Return what stands for a lost stream, None where it is left out. Raises ModelError where it is refused."""
        if self._rules[name] == "refuse":
            raise ModelError(
                f"{self._who}: the stream {name!r} is lost, and what then is not said: missing='zeros', 'mean', … "
            )
        return self._values.get(name)

    def said(self, name: str) -> str:
        """Return what happens where a stream is lost, in words."""
        rule = self._rules[name]
        return _ABOUT.get(rule, f"lost: {rule}")

    def says(self) -> str:
        """Return all rules, for a run's identity."""
        return repr(sorted(self._rules.items()))


def _named(prepared: Prepared) -> str:
    return type(prepared).__name__
