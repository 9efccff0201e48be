"""Models that are asked over HTTP, as an ordinary ``predict(batch)``."""

from stress.models.endpoints._json import json
from stress.models.endpoints._openai import openai

__all__ = ["json", "openai"]
