"""What is tested: any callable ``predict(batch) -> answers``, or a factory that makes one."""

from stress.models._batch import Batch
from stress.models._copying import predict_of
from stress.models._gradients import ModelOracle
from stress.models._model import Model, load_model, steady_code
from stress.models._source import installed, source_of

__all__ = ["Batch", "Model", "ModelOracle", "installed", "load_model", "predict_of", "source_of", "steady_code"]
