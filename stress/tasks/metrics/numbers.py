"""Metrics of numbers and of places in a list."""

from __future__ import annotations

import math
from functools import partial

from stress.records.metric import HOUSE, Metric, register
from stress.tasks.metrics.every import FAILURES, LATENCY

__all__ = ["REGRESSION", "RETRIEVAL"]

_row = partial(Metric, module=f"{HOUSE}.numbers")
_error = partial(_row, better="lower", failed=None, high=math.inf, unit="target")

_REGRESSION = (
    _error("mae", top="absolute_error"),
    _error("rmse", top="squared_error", root=True),
    _error("bias", top="residual", low=-math.inf),
    _row("within_tolerance", top="within"),
)
_RETRIEVAL = (
    _row("mrr", top="reciprocal_rank"),
    *(_row(f"recall_at_{k}", top=f"hit_{k}") for k in (1, 5, 10)),
)

REGRESSION = (*map(register, _REGRESSION), *FAILURES, *LATENCY)
RETRIEVAL = (*map(register, _RETRIEVAL), *FAILURES, *LATENCY)
