"""Libraries of the ``language`` and ``huggingface`` extras, imported when a perturbation needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from perturbations.errors import MissingExtraError

__all__ = ["need"]


def need(module: str, who: str, extra: str = "language") -> Any:
    """Return a module, or raise MissingExtraError that says which extra brings it."""
    try:
        return import_module(module)
    except (ImportError, OSError, RuntimeError) as error:  # a torch that does not fit raises all three
        raise MissingExtraError(
            f"{who}: {module.partition('.')[0]} must be importable, got {error!r}. "
            f'Install it with: pip install "multimodal-stress[{extra}]".'
        ) from None
