"""What comes in: samples from Python, from a manifest of files, or the demo."""

from stress.data._dataset import Samples, from_samples
from stress.data._load import load_data
from stress.data._manifest import from_manifest
from stress.data._packed import pack, unpack

__all__ = ["Samples", "from_manifest", "from_samples", "load_data", "pack", "unpack"]
