"""What can go wrong with an input: named, sourced, seeded perturbations of images, recordings, texts and streams.

>>> import perturbations
>>> perturbations.names("text")[:1]
('text.autocorrect',)
"""

from perturbations._apply import apply
from perturbations._citations import citation
from perturbations._core import Perturbation, Stream
from perturbations._declare import (
    audio_corruption,
    corruption,
    fault,
    image_corruption,
    series_corruption,
    text_corruption,
)
from perturbations._errors import InputError, ModelError, RunError, SpecError, StressError
from perturbations._keys import Key, generator
from perturbations._params import Choice, Param
from perturbations._registry import get, names
from perturbations._values import Audio, Dataset, Image, Sample, Series, Value

__all__ = [
    "Audio",
    "Choice",
    "Dataset",
    "Image",
    "InputError",
    "Key",
    "ModelError",
    "Param",
    "Perturbation",
    "RunError",
    "Sample",
    "Series",
    "SpecError",
    "Stream",
    "StressError",
    "Value",
    "apply",
    "audio_corruption",
    "citation",
    "corruption",
    "fault",
    "generator",
    "get",
    "image_corruption",
    "names",
    "series_corruption",
    "text_corruption",
]
