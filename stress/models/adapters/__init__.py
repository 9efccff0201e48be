"""Models as people have them – torch, ONNX, scikit-learn, transformers – as an ordinary ``predict(batch)``."""

from stress.models.adapters._adapted import Adapted
from stress.models.adapters._hf import hf
from stress.models.adapters._maite import maite
from stress.models.adapters._names import adapted_by_name, is_adapted_name, source_named
from stress.models.adapters._onnx import onnx
from stress.models.adapters._otherwise import otherwise
from stress.models.adapters._pixels import Pixels
from stress.models.adapters._prepare import Frames, Texts, Waveform
from stress.models.adapters._recognised import recognised, refuse_name
from stress.models.adapters._sklearn import sklearn
from stress.models.adapters._torch import torch

__all__ = [
    "Adapted",
    "Frames",
    "Pixels",
    "Texts",
    "Waveform",
    "adapted_by_name",
    "hf",
    "is_adapted_name",
    "maite",
    "onnx",
    "otherwise",
    "recognised",
    "refuse_name",
    "sklearn",
    "source_named",
    "torch",
]
