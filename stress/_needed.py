"""A package that an extra brings, imported when it is first needed; where it cannot be, the command that mends it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from perturbations.errors import MissingExtraError, short

__all__ = ["needed"]


def needed(package: str, extra: str, who: str) -> Any:
    """Return a package that an extra brings. Raises MissingExtraError where it cannot be imported."""
    try:
        return import_module(package)
    except (ImportError, OSError, RuntimeError) as error:
        raise MissingExtraError(
            f"{who}: needs {package}, which cannot be imported ({short(str(error), 120)}). "
            f"pip install 'multimodal-stress[{extra}]'."
        ) from error
