"""Any image transform of albumentations: ``albumentations:RandomRain``, with its own parameters.

A number given where the transform wants a range means that number exactly, which is what a severity needs:
``levels: {std_range: [0.05, 0.1, 0.2]}``.
"""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.random import Generator

from perturbations._core import Perturbation
from perturbations._values import Image
from perturbations.errors import InputError, nearest, short
from perturbations.modality.image import MODALITY

__all__ = ["adapt", "transforms"]

_BASES = ("BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D", "Lambda")
_KEPT = 64
"""Built transforms that a thread keeps: building one costs thirty times as much as seeding it."""
_built = threading.local()


@cache
def transforms() -> dict[str, Any]:
    """Return the package's transforms by name. Raises InputError where the package cannot be imported."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would look for a newer version on the network
    try:
        import albumentations
        from albumentations.core.transforms_interface import BasicTransform, Transform3D
    except (ImportError, OSError, RuntimeError) as error:
        raise InputError(
            f"albumentations: cannot be imported: {error}. pip install 'multimodal-stress[albumentations]'."
        ) from None
    found = {name: getattr(albumentations, name) for name in dir(albumentations) if name not in _BASES}
    classes = {name: value for name, value in found.items() if inspect.isclass(value)}
    return {
        name: value
        for name, value in classes.items()
        if issubclass(value, BasicTransform) and not issubclass(value, Transform3D)
    }


@cache
def adapt(transform: str) -> Perturbation:
    """Return the perturbation that wraps a transform; it is applied always (``p`` is 1 unless it is given)."""
    who = f"albumentations:{transform}"
    if transform not in transforms():
        raise InputError(f"{who}: is not a transform of albumentations. {nearest(transform, transforms())}")

    def changed(image: Image, rng: Generator, **settings: Any) -> Image:
        return _applied(transform, image, rng, settings)

    def check(settings: Mapping[str, Any]) -> None:
        _transform(transform, settings)

    summary = (inspect.getdoc(transforms()[transform]) or who).partition("\n")[0].rstrip(". ")
    changed.__doc__ = f"{summary} (albumentations)."
    return Perturbation(
        name=who,
        kind="corruption",
        modalities=("image",),
        function=changed,
        params={},
        cite=("buslaev2020",),
        check=check,
        keeps_shape=False,
        open=True,
    )


def _transform(name: str, settings: Mapping[str, Any]) -> Any:
    """Return this thread's instance for the settings. Raises InputError for an argument that does not fit."""
    kept: dict[Any, Any] = _built.__dict__.setdefault("kept", {})
    key = name, repr(sorted(settings.items()))
    if key not in kept:
        while len(kept) >= _KEPT:
            del kept[next(iter(kept))]
        kept[key] = _new(name, settings)
    return kept[key]


def _new(name: str, settings: Mapping[str, Any]) -> Any:
    who = f"albumentations:{name}"
    taken = {row.name: row for row in inspect.signature(transforms()[name]).parameters.values()}
    for argument in settings:
        if argument not in taken:
            raise InputError(f"{who}: unknown parameter {argument!r}. {nearest(argument, taken)}")
    ready = {argument: _range(taken[argument].annotation, value) for argument, value in settings.items()}
    try:
        return transforms()[name](**{"p": 1.0, **ready})  # all names are known: nothing is left to warn of
    except (TypeError, ValueError) as error:
        reasons = "; ".join(line.strip() for line in str(error).splitlines()[1:] if "further information" not in line)
        raise InputError(f"{who}: cannot be built from {dict(settings)}: {reasons or error}") from None


def _range(annotation: object, value: Any) -> Any:
    """Return a lone number as a range, where the transform takes nothing but ranges."""
    wanted = str(annotation).replace(" ", "")
    if isinstance(value, int | float) and wanted in ("tuple[float,float]", "tuple[int,int]"):
        return (int(value), int(value)) if wanted == "tuple[int,int]" else (float(value), float(value))
    return list(value) if isinstance(value, tuple) else value


def _applied(name: str, image: Image, rng: Generator, settings: Mapping[str, Any]) -> Image:
    """Return the image under the transform, whose draws depend on ``rng`` alone. Raises InputError where it fails."""
    who, transform = f"albumentations:{name}", _transform(name, settings)
    transform.set_random_seed(int(rng.integers(2**31)))
    try:
        result = transform(image=image.copy())["image"]
    except Exception as error:  # each transform raises what it likes
        reason = (str(error) or repr(error)).splitlines()[0].rstrip(".")
        hint = " It may need three channels." if image.shape[2] == 1 else ""
        raise InputError(f"{who}: failed on {short(image)}: {reason}.{hint}") from None
    if isinstance(result, np.ndarray) and result.ndim == 2:
        result = result[..., None]
    MODALITY.check(result, f"{who}: result")
    return np.ascontiguousarray(result)
