"""Every perturbation by name. A family is imported when one of its members is first asked for."""

from __future__ import annotations

import copyreg
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from perturbations._core import Perturbation
from perturbations.errors import InputError, SpecError, named_keywords, nearest
from perturbations.modality import MODALITIES

__all__ = ["FAMILIES", "add", "get", "names"]

FAMILIES = (*MODALITIES, "stream", "attack", "machine")
"""First parts of the names, each a package here."""

_known: dict[str, Perturbation] = {}
_plugins_loaded = False


def add(name: str, perturbation: Perturbation) -> None:
    """Register a perturbation; a second one of the same name from elsewhere is refused."""
    known = _known.get(name)
    if known is not None and known.function.__module__ != perturbation.function.__module__:
        raise SpecError(f"{name}: is declared in {known.function.__module__} already. Choose another name.")
    _known[name] = perturbation


def _by_name(perturbation: Perturbation) -> tuple[Any, ...]:
    return _restore, (perturbation.name, dict(perturbation.own_levels))


def _restore(name: str, levels: Mapping[str, Any]) -> Perturbation:
    found = get(name)
    return found.with_levels(levels) if levels else found


copyreg.pickle(Perturbation, _by_name)  # a worker looks it up: its function and tables never travel


@named_keywords
def names(family: str | None = None) -> tuple[str, ...]:
    """Return the names of all perturbations, or of one family (``"image"``), sorted."""
    if family is not None and family not in FAMILIES:
        raise InputError(f"names: family must be one of {', '.join(FAMILIES)}, got {family!r}.")
    for each in FAMILIES if family is None else (family,):
        import_module(f"perturbations.{each}")
    _load_plugins()
    return tuple(sorted(n for n in _known if family is None or n.partition(".")[0] == family))


@named_keywords
def get(name: str) -> Perturbation:
    """Return a perturbation by name: a built-in (``image.fog``), a plug-in's, or an adapter's (``torchaudio:Vol``)."""
    if name in _known:
        return _known[name]
    package, colon, transform = name.partition(":")
    if colon:
        from perturbations.adapters import adapt

        return adapt(package, transform)
    family = name.partition(".")[0]
    if family in FAMILIES:
        import_module(f"perturbations.{family}")
    if name not in _known:
        _load_plugins()
    if name not in _known:
        raise InputError(f"{name}: is not a perturbation. {_meant(name)}")
    return _known[name]


def _meant(name: str) -> str:
    """Return a hint: a family where one was all but named, else the perturbations that are most alike."""
    hint = nearest(name, FAMILIES)
    return f"{hint[:-1]}, the family?" if hint.startswith("Did") and "." not in name else nearest(name, names())


def _load_plugins() -> None:
    global _plugins_loaded
    if not _plugins_loaded:
        _plugins_loaded = True
        from perturbations.plugins import load_installed

        load_installed()
