"""What comes in: samples from Python, from a manifest of files, or the demo."""

from stress.data._choices import multiple_choice
from stress.data._convert import audio, image
from stress.data._dataset import Samples
from stress.data._files import keep_files, known_files
from stress.data._index import Index
from stress.data._known import Known
from stress.data._listed import from_samples
from stress.data._load import load_data
from stress.data._manifest import from_manifest
from stress.data._packed import pack, unpack
from stress.data._reading import READER, File, Reading
from stress.data.sources import (
    CIFAR10,
    cifar10,
    cifar10_c,
    cifar10_c_arrays,
    cited,
    esc50,
    folder,
    frame,
    fsdd,
    globs,
    huggingface,
    mnist,
    numpy,
    speech_commands,
    torch,
    webdataset,
)

__all__ = [
    "CIFAR10",
    "READER",
    "File",
    "Index",
    "Known",
    "Reading",
    "Samples",
    "audio",
    "cifar10",
    "cifar10_c",
    "cifar10_c_arrays",
    "cited",
    "esc50",
    "folder",
    "frame",
    "from_manifest",
    "from_samples",
    "fsdd",
    "globs",
    "huggingface",
    "image",
    "keep_files",
    "known_files",
    "load_data",
    "mnist",
    "multiple_choice",
    "numpy",
    "pack",
    "speech_commands",
    "torch",
    "unpack",
    "webdataset",
]
