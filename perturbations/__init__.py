"""What can go wrong with an input: named, sourced, seeded perturbations of images, recordings, texts and streams.

>>> import perturbations
>>> perturbations.names("text")[:1]
('text.autocorrect',)
"""

from perturbations._apply import apply
from perturbations._citations import bibliography, citation
from perturbations._core import Captured, Perturbation, Stream, run_step
from perturbations._declare import (
    audio_corruption,
    corruption,
    fault,
    image_corruption,
    series_corruption,
    text_corruption,
)
from perturbations._keys import Key, call_keyed, generator, raw_words
from perturbations._params import Choice, Param
from perturbations._registry import FAMILIES, get, names
from perturbations._values import Audio, Dataset, Image, Sample, Series, Value
from perturbations.errors import InputError, ModelError, RunError, SpecError, StressError

__all__ = [
    "FAMILIES",
    "Audio",
    "Captured",
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
    "bibliography",
    "call_keyed",
    "citation",
    "corruption",
    "fault",
    "generator",
    "get",
    "image_corruption",
    "names",
    "raw_words",
    "run_step",
    "series_corruption",
    "text_corruption",
]
