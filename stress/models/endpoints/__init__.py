"""Models that are asked over HTTP, as an ordinary ``predict(batch)``."""

from stress.models.endpoints._json import json

__all__ = ["json"]
