"""Models that are asked over HTTP, as an ordinary ``predict(batch)``."""

from stress.models.endpoints._endpoint import Endpoint
from stress.models.endpoints._json import json
from stress.models.endpoints._openai import openai
from stress.models.endpoints._reread import Reread

__all__ = ["Endpoint", "Reread", "json", "openai"]
