"""Data that a name on the command line stands for: ``folder:DIR``, ``cifar10:DIR``, ``webdataset:FILE.tar`` …"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stress.data._dataset import Samples
from stress.data._reading import Reading
from stress.data.sources._archive import webdataset
from stress.data.sources._files import folder
from stress.data.sources._foreign import huggingface
from stress.data.sources._published import cifar10, esc50, fsdd, mnist, speech_commands

__all__ = ["SOURCES", "is_source_name", "source_by_name"]

SOURCES: Mapping[str, Callable[..., Samples]] = {
    "folder": folder,
    "webdataset": webdataset,
    "datasets": huggingface,
    "cifar10": cifar10,
    "mnist": mnist,
    "fsdd": fsdd,
    "speech_commands": speech_commands,
    "esc50": esc50,
}
"""What makes samples of a path, by the word before the first colon."""


def is_source_name(source: str) -> bool:
    """Return whether a name is a kind of source and a path; a Python module of that name is not meant by it."""
    kind, colon, path = source.partition(":")
    return bool(colon and path) and kind in SOURCES


def source_by_name(source: str, reading: Reading | None = None) -> Samples:
    """Return the samples of a name. Raises InputError with what is wrong with the files."""
    kind, _, path = source.partition(":")
    made: Any = SOURCES[kind]
    found: Samples = made(path, reading=reading)
    return found
