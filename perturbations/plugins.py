"""Perturbations from elsewhere: an installed package's entry point, or a file that a suite names."""

from __future__ import annotations

import os
import re
import sys
import warnings
from importlib import metadata, util
from pathlib import Path
from types import ModuleType
from zlib import crc32

from perturbations.errors import SpecError

__all__ = ["GROUP", "import_file", "imported_files", "load_installed", "module_of"]

GROUP = "multimodal_stress.perturbations"
"""Entry-point group: each entry names a module that declares perturbations when it is imported."""


def load_installed() -> None:
    """Import the modules of all installed plug-ins; one that breaks is named in a warning and left out."""
    for entry in metadata.entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # somebody else's import can raise anything
            warnings.warn(f"plug-in {entry.name} ({entry.value}) was left out: {error!r}", RuntimeWarning, stacklevel=2)


def module_of(name: str) -> str:
    """Return what a module is called wherever its file lies: ``import_file`` adds the folder's digest to the name."""
    return re.sub(r"^stress_file_(.+)_[0-9a-f]{8}$", r"\1", name)


def imported_files() -> tuple[str, ...]:
    """Return the paths of the files that were imported so, for another process that is to know the same names."""
    found = (module.__file__ for name, module in list(sys.modules.items()) if name.startswith("stress_file_"))
    return tuple(path for path in found if path)


def import_file(path: str | Path, who: str = "plugins") -> ModuleType:
    """Import a Python file once and return its module; it may import modules that stand beside it, as a script may.

    Raises SpecError where it does not exist, cannot run, or ends the process when it is imported.
    """
    if "\0" in str(path):
        raise SpecError(f"{who}: must be a Python file, got a path with a NUL character.")
    path = Path(path).resolve()
    if not os.path.isfile(path) or path.suffix != ".py":
        raise SpecError(
            f"{who}: must be a Python file, got {path}{'' if os.path.exists(path) else ', which does not exist'}."
        )
    name = f"stress_file_{path.stem}_{crc32(str(path).encode()):08x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SpecError(f"{who}: {path} is not a Python file.")
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:  # and it stays: a function of the file may import when it is called
        sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file can raise anything, and call sys.exit
        del sys.modules[name]
        raise SpecError(f"{who}: {path} cannot be imported: {error!r}.") from error
    return module
