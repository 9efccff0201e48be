"""Metrics that every task has: how often the model fails, how long it takes and, where measured, what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Literal

from stress.records.metric import HOUSE, Metric, register
from stress.statistics.intervals import quantile_interval

__all__ = ["COST", "FAILURES", "LATENCY", "TOLD"]

_HERE = f"{HOUSE}.every"
_CONOVER = "conover1999"  # section 3.2

FAILURES = tuple(
    register(row)
    for row in (
        Metric("failure_rate", top="failed", better="lower", failed=1.0, module=_HERE),
        *(
            Metric(f"{name}_rate", top=name, better="lower", failed=None, module=_HERE)
            for name in ("crash", "invalid", "timeout")
        ),
    )
)
TOLD: Mapping[str, Metric] = {
    **{
        name: register(Metric(f"{name}_rate", top=name, better="lower", failed=None, module=_HERE))
        for name in ("rate_limited", "refusal", "unparsed")
    },
    **{
        name: register(
            Metric(name, top=name, high=math.inf, better="lower", failed=None, unit=unit, curve=False, module=_HERE)
        )
        for name, unit in (("tokens_in", "tokens"), ("tokens_out", "tokens"), ("cost", ""), ("first_token_s", "s"))
    },
}
"""By the status or the column that a model says it may have: only then they are measured."""
LATENCY = tuple(
    register(
        Metric(
            f"latency_p{100 * share:.0f}_ms",
            "latency",
            function=partial(quantile_interval, share=share),
            high=math.inf,
            better="lower",
            failed=None,
            unit="ms",
            undefined="no call was timed",
            source=_CONOVER,
            curve=False,
            module=_HERE,
        )
    )
    for share in (0.5, 0.95)
)
_SPENT: tuple[tuple[str, str, str | None, Literal["higher", "lower"], str], ...] = (
    ("energy_j", "energy_j", "batch", "lower", "J"),
    ("cpu_s", "cpu_s", "batch", "lower", "s"),
    ("peak_mb", "peak_mb", None, "lower", "MB"),
    ("gpu_peak_mb", "gpu_peak_mb", None, "lower", "MB"),
    ("samples_per_s", "batch", "seconds", "higher", "samples/s"),
)
COST = tuple(
    register(
        Metric(
            name,
            "cost",
            top=column,
            bottom=bottom,
            high=math.inf,
            better=better,
            failed=None,
            unit=unit,
            undefined="it was not measured",
            curve=False,
            module=_HERE,
        )
    )
    for name, column, bottom, better, unit in _SPENT
)
"""Of each call: what it spent over its samples, or a peak; only runs that measured it have them."""
