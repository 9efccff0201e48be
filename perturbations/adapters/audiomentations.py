"""Any waveform transform of audiomentations: ``audiomentations:TanhDistortion``, with its own parameters."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from numpy.random import Generator

from perturbations._core import Perturbation
from perturbations._values import Audio
from perturbations.adapters._audio import built, first_line, parameters_of, recording
from perturbations.adapters._generators import seeded
from perturbations.errors import InputError, nearest

__all__ = ["adapt", "transforms"]


@cache
def transforms() -> dict[str, Any]:
    """Return the package's waveform transforms by name. Raises InputError where the package cannot be imported."""
    try:
        import audiomentations
        from audiomentations.core.transforms_interface import BaseWaveformTransform
    except (ImportError, OSError, RuntimeError) as error:
        raise InputError(
            f"audiomentations: cannot be imported: {error}. pip install 'multimodal-stress[audiomentations]'."
        ) from None
    found = {name: getattr(audiomentations, name) for name in dir(audiomentations)}
    return {
        name: value
        for name, value in found.items()
        if inspect.isclass(value) and issubclass(value, BaseWaveformTransform) and name != "Lambda"
    }


@cache
def adapt(transform: str) -> Perturbation:
    """Return the perturbation that wraps a transform; it is applied always (``p`` is 1 unless it is given)."""
    known, who = transforms(), f"audiomentations:{transform}"
    if transform not in known:
        raise InputError(f"{who}: is not a waveform transform of audiomentations. {nearest(transform, known)}")
    factory = known[transform]

    def changed(audio: Audio, rng: Generator, **settings: Any) -> Audio:
        if audio.frames == 0:
            return audio
        with seeded(rng):
            made = built(who, factory, {"p": 1.0, **settings})
            samples = audio.samples.copy()
            try:
                result = made(samples if audio.channels > 1 else samples[0], sample_rate=audio.rate)
            except Exception as error:  # its own exceptions share no base
                raise InputError(
                    f"{who}: failed on {audio.channels} × {audio.frames} samples: {str(error) or repr(error)}"
                ) from None
            rate = made.parameters.get("target_sample_rate")
        return recording(who, result, audio, rate)

    changed.__doc__ = first_line(factory, f"The transform {transform} of audiomentations")
    return Perturbation(
        name=who,
        kind="corruption",
        modalities=("audio",),
        function=changed,
        params={},
        cite=("jordal2024",),
        keeps_shape=False,
        open=True,
        known=parameters_of(factory),
    )
