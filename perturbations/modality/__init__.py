"""A modality is one module that knows its value: checks, fills, distortions, signals and a witness.

A new one (video, series) is a module here and a row in ``_MODULES``; nothing else has to learn of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from perturbations.errors import InputError, nearest, short

__all__ = ["MODALITIES", "Modality", "modality", "modality_of"]

_MODULES = ("image", "audio", "text")
MODALITIES: tuple[str, ...] = _MODULES
"""Names of the modalities, in the order in which they are shown."""


@dataclass(frozen=True)
class Modality:
    """What the house needs to know of one kind of value.

    ``check(value, who)`` raises InputError; ``holds(value)`` tells by type alone; ``digest`` is the bytes that a
    content hash is made of; ``freeze`` forbids writing; ``mean`` takes the values of a whole data set and the value
    that is to be filled. ``distortion(clean, perturbed)`` is how far a value is from the clean one, the first entry
    being the one a curve is drawn against (``falls`` tells whether it falls as damage grows: PSNR does, an error
    rate does not). ``signals(value)`` are model-free measures of quality.
    """

    name: str
    holds: Callable[[object], bool]
    check: Callable[[Any, str], None]
    copy: Callable[[Any], Any]
    freeze: Callable[[Any], Any]
    same: Callable[[Any, Any], bool]
    digest: Callable[[Any], bytes]
    zeros: Callable[[Any], Any]
    mean: Callable[[Iterable[Any], Any], Any]
    distortion: Callable[[Any, Any], Mapping[str, float]]
    falls: bool
    signals: Callable[[Any], Mapping[str, float]]
    witness: Callable[[], Any]


@cache
def modality(name: str) -> Modality:
    """Return the modality of that name."""
    if name not in _MODULES:
        known = ", ".join(_MODULES)
        raise InputError(f"modality: must be one of {known}, got {short(name)}. {nearest(name, _MODULES)}")
    found: Modality = import_module(f"perturbations.modality.{name}").MODALITY
    return found


def modality_of(value: object, who: str = "value") -> Modality:
    """Return the modality whose type a value has."""
    for name in _MODULES:
        if modality(name).holds(value):
            return modality(name)
    raise InputError(
        f"{who}: must be an image (uint8 array), an Audio, a text (str) or None, got {short(value)}. "
        "Raw recordings need their rate: Audio(samples, rate=16000)."
    )
