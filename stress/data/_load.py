"""A data set from what a person names on the command line or passes in Python."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from perturbations import InputError, StressError
from stress._import import load_attribute
from stress.data._dataset import Samples
from stress.data._listed import from_samples
from stress.data._manifest import from_manifest
from stress.data._reading import Reading
from stress.data._tables import is_frame
from stress.data.sources import SOURCES, is_source_name, recognised, source_by_name

__all__ = ["load_data"]


def load_data(source: Any, fingerprint: str | None = None, reading: Reading | None = None) -> Samples:
    """Return a data set: ``"demo"``, a manifest's path, a data frame, ``"module:attribute"``, or samples.

    A name may be that of a source and its place, as ``"folder:DIR"``; a data set of Hugging Face is read as it is.

    With a ``fingerprint``, files of a manifest are not read and checked again: a worker trusts who sent it.
    """
    source = recognised(source)
    if isinstance(source, Samples):
        return source
    if isinstance(source, Path) or (isinstance(source, str) and Path(source).suffix in (".csv", ".jsonl", ".parquet")):
        found = from_manifest(source, fingerprint, reading)
        found.spec = str(Path(source).resolve())
    elif isinstance(source, str):
        found = _by_name(source, reading)
        found.spec = source
    elif is_frame(source):
        found = from_manifest(source, fingerprint, reading)
    else:
        found = from_samples(source, reading=reading)
    return found


def _by_name(source: str, reading: Reading | None) -> Samples:
    if source == "demo":
        demo = import_module("stress.data.demo")
        return from_samples(demo.load(), "demo", demo.CLUSTER)
    if is_source_name(source):
        return source_by_name(source, reading)
    if ":" not in source:
        known = f"'demo', a .csv, .jsonl or .parquet manifest, {', '.join(SOURCES)}:PATH, or module:attribute"
        hint = (
            f" folder:{source} takes the folders in it as classes; `stress init` there writes a manifest of its files."
        )
        hint = hint if os.path.isdir(source) else ""
        what = f"the folder {source!r}" if hint else repr(source)
        raise InputError(f"data: must be {known}, got {what}.{hint}")
    found = load_attribute(source, "data")
    made = recognised(_called(found, source) if callable(found) and not hasattr(found, "__getitem__") else found)
    if is_frame(made):
        return from_manifest(made, None, reading)
    return made if isinstance(made, Samples) else from_samples(made, source, reading=reading)


def _called(factory: Callable[[], Any], source: str) -> Any:
    try:
        return factory()
    except StressError:
        raise
    except Exception as error:  # a user's factory can raise anything
        raise InputError(f"data: {source} must return samples when it is called, but raised {error!r}.") from error
