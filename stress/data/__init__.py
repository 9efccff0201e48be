"""What comes in: samples from Python, from a manifest of files, or the demo."""

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

__all__ = [
    "READER",
    "File",
    "Index",
    "Known",
    "Reading",
    "Samples",
    "audio",
    "from_manifest",
    "from_samples",
    "image",
    "keep_files",
    "known_files",
    "load_data",
    "pack",
    "unpack",
]
