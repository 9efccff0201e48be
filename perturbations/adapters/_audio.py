"""What the adapters of audio packages share: building a transform once, and checking what it gives back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from perturbations._values import Audio
from perturbations.audio import full_scale, resample
from perturbations.errors import InputError
from perturbations.modality.audio import MODALITY

__all__ = ["FAILURES", "built", "first_line", "parameters_of", "recording"]

FAILURES = (TypeError, ValueError, RuntimeError, AssertionError, IndexError, KeyError, ZeroDivisionError, OSError)
"""What somebody else's transform raises where its arguments or its input do not fit."""


def parameters_of(call: Callable[..., Any], skip: int = 0) -> frozenset[str]:
    """Return the names of the parameters that can be given, after the first few (the signals)."""
    rows = list(inspect.signature(call).parameters.values())[skip:]
    return frozenset(row.name for row in rows if row.kind in (row.POSITIONAL_OR_KEYWORD, row.KEYWORD_ONLY))


def first_line(call: object, fallback: str) -> str:
    """Return the first sentence of somebody's docstring, as one line that ends with a full stop."""
    text = (inspect.getdoc(call) or fallback).partition("\n\n")[0].replace("\n", " ").strip()
    sentence = text.partition(". ")[0].rstrip(" .:")
    return f"{sentence or fallback}."


class _Settings(dict[str, Any]):
    """Arguments that can be remembered by: equal ones have one hash, whatever they are made of."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(sorted(self.items())))


@lru_cache(64)
def _made(factory: Callable[..., Any], settings: _Settings) -> Any:
    return factory(**settings)


def built(who: str, factory: Callable[..., Any], settings: Mapping[str, Any]) -> Any:
    """Return a transform, built once for equal settings. Raises InputError where they do not fit it."""
    try:
        return _made(factory, _Settings(settings))
    except FAILURES as error:
        raise InputError(f"{who}: cannot be built from {dict(settings)}: {str(error) or repr(error)}") from None


def recording(who: str, result: Any, audio: Audio, rate: float | None = None) -> Audio:
    """Return what a transform gave as a recording at the clip's rate; what exceeds full scale is clipped.

    ``rate`` is the rate the transform left it at. Raises InputError where it is no waveform, or not finite.
    """
    samples = np.array(result, dtype=np.float32, ndmin=2)
    if samples.ndim != 2 or len(samples) != audio.channels:
        raise InputError(f"{who}: must give a waveform of {audio.channels} channels, got shape {samples.shape}.")
    if not np.isfinite(samples).all():
        raise InputError(f"{who}: must give finite samples, got NaN or infinity. Do its parameters fit the clip?")
    if rate is not None and rate != audio.rate:
        samples = np.ascontiguousarray(resample(samples, Fraction(audio.rate) / Fraction(rate).limit_denominator(1000)))
    after = full_scale(samples, audio.rate)
    MODALITY.check(after, who)
    return after
