"""Attention, where a model hands it over: it is called so, and not taken for what an answer rests on.

Jain & Wallace 2019: attention often is not faithful to what an answer rests on; so it is listed, and judged by nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perturbations import ModelError
from perturbations.errors import short
from stress.attribute._asking import Row
from stress.attribute._shares import Share, shares_of
from stress.models import Batch
from stress.statistics.bootstrap import Clusters

__all__ = ["attention_of"]


def attention_of(
    predict: Any, rows: Sequence[Row], streams: Sequence[str], own: Clusters, confidence: float
) -> list[tuple[str, Share]]:
    """Return the share of the attention that each stream gets; nothing where the model has no ``attention(batch)``.

    That returns, by stream, a number of at least 0 for each sample. Raises ModelError where it returns something else.
    """
    if not callable(getattr(predict, "attention", None)):
        return []
    found = predict.attention(Batch({name: [row[name] for row in rows] for name in streams}))
    who = "model: attention(batch) must return"
    if not isinstance(found, Mapping) or set(found) != set(streams):
        raise ModelError(f"{who} a mapping of the streams {', '.join(streams)}, got {short(found)}.")
    numbers = []
    for name in streams:
        try:
            each = np.asarray(found[name], np.float64)
        except (TypeError, ValueError):
            each = np.zeros(0)
        if each.shape != (len(rows),) or not np.isfinite(each).all() or (each < 0).any():
            raise ModelError(f"{who} a number of at least 0 for each of {len(rows)} samples, got {short(found[name])}.")
        numbers.append(each)
    return list(zip(streams, shares_of(own, np.stack(numbers, axis=1), confidence)))
