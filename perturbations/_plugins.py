"""Perturbations from elsewhere: an installed package's entry point, or a file that a suite names."""

from __future__ import annotations

import sys
import warnings
from importlib import metadata, util
from pathlib import Path
from zlib import crc32

from perturbations._errors import SpecError

__all__ = ["GROUP", "load_file", "load_installed"]

GROUP = "multimodal_stress.perturbations"
"""Entry-point group: each entry names a module that declares perturbations when it is imported."""


def load_installed() -> None:
    """Import the modules of all installed plug-ins; one that breaks is named in a warning and left out."""
    for entry in metadata.entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # somebody else's import can raise anything
            warnings.warn(f"plug-in {entry.name} ({entry.value}) was left out: {error!r}", RuntimeWarning, stacklevel=2)


def load_file(path: str | Path) -> str:
    """Import a Python file that declares perturbations, once, and return the name it was imported under."""
    path = Path(path).resolve()
    if not path.is_file():
        raise SpecError(f"plugins: must be Python files, got {path}, which does not exist.")
    name = f"stress_plugin_{path.stem}_{crc32(str(path).encode()):08x}"
    if name in sys.modules:
        return name
    spec = util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SpecError(f"plugins: must be Python files, got {path}.")
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise SpecError(f"plugins: {path} cannot be imported: {error!r}") from error
    return name
