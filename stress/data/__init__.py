"""What comes in: samples from Python, from a manifest of files, or the demo."""

from stress.data._dataset import Index, Samples, from_samples
from stress.data._known import Known
from stress.data._load import load_data
from stress.data._manifest import from_manifest
from stress.data._packed import pack, unpack

__all__ = ["Index", "Known", "Samples", "from_manifest", "from_samples", "load_data", "pack", "unpack"]
