"""An object by ``module:attribute`` or ``file.py:attribute``: the only way that a configuration names code."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import nearest
from perturbations.plugins import import_file

__all__ = ["load_attribute"]


def load_attribute(spec: str, who: str) -> Any:
    """Return the named object. Raises InputError where the module cannot be imported or has no such attribute."""
    place, _, attribute = spec.rpartition(":")
    if not place or not attribute:
        raise InputError(f"{who}: must be module:attribute or file.py:attribute, got {spec!r}.")
    module = import_file(place, who) if place.endswith(".py") else _module(place, who)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [name for name in vars(module) if not name.startswith("_")]
            raise InputError(f"{who}: {place} has no {part!r}. {nearest(part, public)}")
        found = getattr(found, part)
    return found


def _module(place: str, who: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(place)
    except ImportError as error:
        raise InputError(f"{who}: {place} cannot be imported: {error}.") from error
    except (Exception, SystemExit) as error:  # somebody else's module can raise anything
        raise InputError(f"{who}: {place} cannot be imported: it raised {error!r}.") from error
