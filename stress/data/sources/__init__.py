"""Data as people have them – folders, arrays, data sets of other libraries, published files – as samples."""

from stress.data.sources._archive import webdataset
from stress.data.sources._arrays import numpy
from stress.data.sources._files import folder, frame, globs
from stress.data.sources._foreign import huggingface, recognised, torch
from stress.data.sources._names import SOURCES, is_source_name, source_by_name
from stress.data.sources._published import (
    CIFAR10,
    cifar10,
    cifar10_c,
    cifar10_c_arrays,
    cited,
    esc50,
    fsdd,
    mnist,
    speech_commands,
)

__all__ = [
    "CIFAR10",
    "SOURCES",
    "cifar10",
    "cifar10_c",
    "cifar10_c_arrays",
    "cited",
    "esc50",
    "folder",
    "frame",
    "fsdd",
    "globs",
    "huggingface",
    "is_source_name",
    "mnist",
    "numpy",
    "recognised",
    "source_by_name",
    "speech_commands",
    "torch",
    "webdataset",
]
