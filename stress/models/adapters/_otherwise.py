"""How else a stream may have been meant to be prepared: the mistakes that are made most, to be tried before a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from perturbations.errors import named_keywords
from stress.models.adapters._adapted import Adapted
from stress.models.adapters._pixels import Pixels
from stress.models.adapters._prepare import Waveform

__all__ = ["otherwise"]

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of the channels of ImageNet, as torchvision's classifiers take them."""


@named_keywords
def otherwise(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield what is done differently, in words, and the adapted model that does it; nothing for any other model."""
    if not isinstance(model, Adapted):
        return
    for name, prepared in model.streams.items():
        for what, other in _others(prepared):
            if other != prepared:
                yield f"{name} with {what}", model.with_streams({**model.streams, name: other})


def _others(prepared: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(prepared, Pixels):
        if prepared.channels != "grey":
            swapped: Any = "bgr" if prepared.channels == "rgb" else "rgb"
            yield f"channels={swapped!r}", replace(prepared, channels=swapped)
            mean, std = _IMAGENET
            yield "the mean and std of ImageNet", replace(prepared, range=(0.0, 1.0), mean=mean, std=std)
        yield "range=(0, 1)", replace(prepared, range=(0.0, 1.0), mean=0.0, std=1.0)
        yield "range=(-1, 1)", replace(prepared, range=(-1.0, 1.0), mean=0.0, std=1.0)
        yield "range=(0, 255)", replace(prepared, range=(0.0, 255.0), mean=0.0, std=1.0)
        if prepared.size is not None:
            fit: Any = "crop" if prepared.fit == "stretch" else "stretch"
            yield f"fit={fit!r}", replace(prepared, fit=fit)
    if isinstance(prepared, Waveform):
        loud = 32768.0 if prepared.full_scale == 1 else 1.0
        yield f"full_scale={loud:g}", replace(prepared, full_scale=loud)
        yield f"standardised={not prepared.standardised}", replace(prepared, standardised=not prepared.standardised)
        for times in (Fraction(1, 2), Fraction(2)):
            rate = int(prepared.rate * times)
            yield f"rate={rate}", replace(prepared, rate=rate, resample=True)
