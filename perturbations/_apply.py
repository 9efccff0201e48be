"""The one verb: apply a perturbation to a value, or to a stream of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

from perturbations._core import Perturbation, Stream, run_step
from perturbations._keys import Key
from perturbations._registry import get
from perturbations._values import Dataset, Sample, Value
from perturbations.errors import InputError, nearest, short
from perturbations.modality import modality, modality_of

__all__ = ["apply"]


_OPTIONS = ("severity", "profile", "seed", "sample", "stream", "step", "draw", "data")


@overload
def apply(name: str | Perturbation, value: Sample, severity: float | None = ..., **keywords: Any) -> Sample: ...
@overload
def apply(name: str | Perturbation, value: Value, severity: float | None = ..., **keywords: Any) -> Any: ...
def apply(
    name: str | Perturbation,
    value: Value | Sample,
    severity: float | None = None,
    *,
    profile: str | None = None,
    seed: int = 0,
    sample: str | None = None,
    stream: str | None = None,
    step: int = 0,
    draw: int = 0,
    data: Dataset | None = None,
    **params: Any,
) -> Any:
    """Return a new value, with the perturbation applied at a severity or with parameters given by name.

    ``value`` is an image, an Audio, a text, a Series, or a Sample of which ``stream`` is changed (a Sample is returned
    then).
    ``seed``, ``sample`` (an id), ``stream``, ``step`` and ``draw`` name the draw: equal names give equal bytes.
    Severity 0 returns a copy. Raises InputError before any work where something does not fit.
    """
    perturbation = name if isinstance(name, Perturbation) else get(name)
    if perturbation.kind == "attack":
        raise InputError(f"{perturbation.name}: needs a model: use perturbations.attack.run, or a suite.")
    if perturbation.kind == "machine":
        raise InputError(f"{perturbation.name}: changes no value, but how a model may answer: name it in a suite.")
    if not perturbation.open and (unknown := [each for each in params if each not in perturbation.params]):
        hint = nearest(unknown[0], [*perturbation.params, *_OPTIONS])
        raise InputError(f"{perturbation.name}: unknown parameter {short(unknown[0])}. {hint}")
    whole = value if isinstance(value, Sample) else None
    if whole is None:
        stream = stream or perturbation.modalities[0]
        whole = Sample(sample or "", {stream: value})  # type: ignore[dict-item]
    elif stream is None:
        raise InputError(f"{perturbation.name}: stream must name one of {', '.join(whole.streams)} of the sample.")
    view = _view(perturbation, whole, stream, data, params)
    settings = None if severity == 0 and not params else perturbation.settings(severity, profile, params)
    if settings is None or severity == 0:
        result = None if view.value is None else view.modality.copy(view.value)
    else:
        used = perturbation.profile(profile)
        key = Key(seed, perturbation.name, perturbation.version, used, stream, step, whole.id, draw)
        result = run_step(perturbation, view, settings, key)
    return whole.with_streams({stream: result}) if isinstance(value, Sample) else result


def _view(
    perturbation: Perturbation, sample: Sample, stream: str, data: Dataset | None, params: Mapping[str, Any]
) -> Stream:
    """Check that the perturbation can be applied to this stream, and return the stream."""
    who = perturbation.name
    if stream not in sample.streams:
        raise InputError(f"{who}: stream must be one of {', '.join(sample.streams)}, got {stream!r}.")
    value = sample.streams[stream]
    if value is not None:
        kind = modality_of(value, who)
        if kind.name not in perturbation.modalities:
            raise InputError(f"{who}: value must be {_taken(perturbation)}, got {short(value)}.{_made(perturbation)}")
        kind.check(value, who)
    needs = perturbation.needed(params)
    if "data" in needs and data is None:
        raise InputError(f"{who}: data must be given: it looks at the whole data set.")
    for need in ("sequence", "alternates", "target"):
        if need in needs and getattr(sample, need) in (None, "", {}):
            raise InputError(f"{who}: sample {sample.id!r} must have {need}.")
    return Stream(sample, stream, data)


def _taken(perturbation: Perturbation) -> str:
    return " or ".join(modality(name).takes for name in perturbation.modalities)


def _made(perturbation: Perturbation) -> str:
    """Return the hint that says what makes such a value of a file, an array or a tensor."""
    makers = [f"stress.{name}(…)" for name in ("image", "audio") if name in perturbation.modalities]
    return f" {' or '.join(makers)} makes one of a file, an array or a tensor." if makers else ""
