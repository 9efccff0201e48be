"""Other packages' transforms as perturbations, by ``package:Transform``. Each package is imported in one file only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from perturbations.errors import InputError, named_keywords, nearest

if TYPE_CHECKING:
    from perturbations._core import Perturbation

__all__ = ["ADAPTERS", "adapt"]

ADAPTERS = ("albumentations", "audiomentations", "nlpaug", "torchaudio")
"""Packages that are wrapped, each by the module here of that name, with ``adapt(transform) -> Perturbation``."""


@named_keywords
def adapt(package: str, transform: str) -> Perturbation:
    """Return the perturbation that wraps a transform of another package."""
    if package not in ADAPTERS:
        raise InputError(f"{package}:{transform}: no adapter for {package!r}. {nearest(package, ADAPTERS)}")
    return import_module(f"perturbations.adapters.{package}").adapt(transform)
