"""What is tested: any callable ``predict(batch) -> answers``, or a factory that makes one."""

from stress.models._batch import Batch
from stress.models._copying import held_as, predict_of, tellable
from stress.models._gradients import ModelOracle
from stress.models._model import Model, load_model, steady_code
from stress.models._source import installed, source_of
from stress.models._unanswered import Replies, Unanswered, split_unanswered
from stress.models.adapters import Frames, Pixels, Texts, Waveform, hf, onnx, otherwise, sklearn, torch
from stress.models.endpoints import Endpoint, Reread, json, openai

__all__ = [
    "Batch",
    "Endpoint",
    "Frames",
    "Model",
    "ModelOracle",
    "Pixels",
    "Replies",
    "Reread",
    "Texts",
    "Unanswered",
    "Waveform",
    "held_as",
    "hf",
    "installed",
    "json",
    "load_model",
    "onnx",
    "openai",
    "otherwise",
    "predict_of",
    "sklearn",
    "source_of",
    "split_unanswered",
    "steady_code",
    "tellable",
    "torch",
]
