"""Waveform transforms and functions of torchaudio: ``torchaudio:Vol``, ``torchaudio:overdrive``, with their parameters.

A parameter that is the clip's rate (``sample_rate``, ``orig_freq``) is filled in. Transforms of spectrograms go
through a short-time spectrum and back. Whatever happens, the clip's rate is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.random import Generator

from perturbations._core import Perturbation
from perturbations._values import Audio
from perturbations.adapters._audio import FAILURES, built, first_line, parameters_of, recording
from perturbations.adapters._generators import seeded
from perturbations.errors import InputError, nearest

__all__ = ["adapt", "names"]

_CLASSES = ("AddNoise", "Deemphasis", "Fade", "PitchShift", "Preemphasis", "Resample", "Speed", "SpeedPerturbation",
            "Vad", "Vol")  # fmt: skip
_SPECTRAL = ("FrequencyMasking", "SpecAugment", "TimeMasking", "TimeStretch")
_FUNCTIONS = ("allpass_biquad", "band_biquad", "bandpass_biquad", "bandreject_biquad", "bass_biquad", "biquad",
              "contrast", "dcshift", "deemph_biquad", "deemphasis", "dither", "equalizer_biquad", "flanger", "gain",
              "highpass_biquad", "lowpass_biquad", "overdrive", "phaser", "pitch_shift", "preemphasis", "riaa_biquad",
              "treble_biquad", "vad")  # fmt: skip
_RATE = ("sample_rate", "orig_freq")
_N_FFT, _HOP = 512, 128


@cache
def _package() -> tuple[Any, Any, Any]:
    """Return torch, and torchaudio's transforms and functions; every way an unfit pair fails is one clear error."""
    try:
        import torch
        from torchaudio import functional, transforms
    except (ImportError, OSError, RuntimeError) as error:
        raise InputError(
            f"torchaudio: cannot be imported: {error}. torchaudio 2.11 needs a CUDA build of torch 2.11 to 2.14, on "
            "machines without a GPU too: pip install 'multimodal-stress[torch]'."
        ) from None
    return torch, functional, transforms


def names() -> tuple[str, ...]:
    """Return what can be adapted and is in the installed version."""
    _, functional, transforms = _package()
    found = [n for n in (*_CLASSES, *_SPECTRAL) if hasattr(transforms, n)]
    return (*found, *(n for n in _FUNCTIONS if hasattr(functional, n)))


@cache
def adapt(transform: str) -> Perturbation:
    """Return the perturbation that wraps a transform or a function."""
    _, functional, transforms = _package()
    who = f"torchaudio:{transform}"
    if transform not in names():
        raise InputError(f"{who}: is not a waveform transform of torchaudio. {nearest(transform, names())}")
    call = getattr(functional if transform in _FUNCTIONS else transforms, transform)
    known = parameters_of(call, skip=1 if transform in _FUNCTIONS else 0)

    def changed(audio: Audio, rng: Generator, **settings: Any) -> Audio:
        if audio.frames == 0:
            return audio
        for name in _RATE:
            if name in known:
                settings.setdefault(name, audio.rate)
        noise = rng.standard_normal(audio.samples.shape, dtype=np.float32) if transform == "AddNoise" else None
        with seeded(rng):
            result = _called(who, transform, call, audio, settings, noise)
        return recording(who, result, audio, settings.get("new_freq") if transform == "Resample" else None)

    changed.__doc__ = first_line(call, f"The transform {transform} of torchaudio")
    return Perturbation(
        name=who,
        kind="corruption",
        modalities=("audio",),
        function=changed,
        params={},
        cite=("yang2022",),
        keeps_shape=False,
        open=True,
        known=known | {"snr"} if transform == "AddNoise" else known,
    )


def _called(
    who: str, transform: str, call: Callable[..., Any], audio: Audio, settings: Mapping[str, Any], noise: Any
) -> Any:
    """Return the transformed samples, whichever kind of transform it is."""
    torch = _package()[0]
    samples = torch.from_numpy(audio.samples.copy())
    made: Any = None
    if transform in _SPECTRAL:
        made = _spectral(who, transform, call, settings)
    elif transform not in _FUNCTIONS:
        made = built(who, call, {k: v for k, v in settings.items() if k != "snr"})
    try:
        with torch.no_grad():
            if transform == "AddNoise":
                snr = torch.full((audio.channels,), float(settings.get("snr", 10.0)))
                result = made(samples, torch.from_numpy(noise), snr)
            else:
                result = call(samples, **settings) if made is None else made(samples)
    except FAILURES as error:
        raise InputError(
            f"{who}: failed on {audio.channels} × {audio.frames} samples: {str(error) or repr(error)}"
        ) from None
    return (result[0] if isinstance(result, tuple) else result).numpy()


def _spectral(who: str, transform: str, call: Callable[..., Any], settings: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return a transform of spectrograms as one of waveforms: windows of 512 samples, a quarter apart."""
    torch, _, transforms = _package()
    defaults = {"n_freq": _N_FFT // 2 + 1, "hop_length": _HOP} if transform == "TimeStretch" else {}
    made = built(who, call, {**defaults, **settings})
    there = transforms.Spectrogram(n_fft=_N_FFT, hop_length=_HOP, power=None)
    back = transforms.InverseSpectrogram(n_fft=_N_FFT, hop_length=_HOP)
    same_length = transform != "TimeStretch"

    def run(samples: Any) -> Any:
        padded = torch.nn.functional.pad(samples, (0, max(0, _N_FFT - samples.shape[-1])))
        spectrogram = there(padded)
        if not same_length:
            return back(made(spectrogram))
        magnitude = spectrogram.abs()  # masks are made for magnitudes; the phases are put back
        masked = made(magnitude) * spectrogram / magnitude.clamp_min(1e-12)
        return back(masked, length=padded.shape[-1])[..., : samples.shape[-1]]

    return run
