"""What is tested: any callable ``predict(batch) -> answers``, or a factory that makes one."""

from stress.models._batch import Batch
from stress.models._gradients import ModelOracle
from stress.models._model import Model, load_model

__all__ = ["Batch", "Model", "ModelOracle", "load_model"]
