"""The converter: too loud, too quiet, off centre, too coarse."""

from __future__ import annotations

import numpy as np

from perturbations._declare import audio_corruption
from perturbations._params import Param
from perturbations._values import Audio
from perturbations.audio._signal import full_scale
from perturbations.modality.audio import active_power

__all__ = ["clipping", "dc_offset", "gain_down", "gain_up", "quantisation"]


@audio_corruption(
    cite="shah2024",
    gain_db=Param(
        "gain",
        "dB",
        0,
        60,
        clean=0,
        levels={"default": (6, 12, 18, 24, 30), "speech-robust-bench": (20, 26.0206, 29.5424, 32.0412)},
    ),
)
def gain_up(audio: Audio, *, gain_db: float) -> Audio:
    """A recording level set too high: everything is louder, and what exceeds full scale is clipped.

    Speech Robust Bench gives the gain as a factor (10, 20, 30, 40); here it is in decibels.
    """
    return full_scale(audio.samples * np.float32(10 ** (gain_db / 20)), audio.rate)


@audio_corruption(
    cite="itu_bs1770",
    loss_db=Param("loss of level", "dB", 0, 90, clean=0, levels=(10, 20, 30, 40, 50)),
)
def gain_down(audio: Audio, *, loss_db: float) -> Audio:
    """A recording level set too low, or a talker who whispers into a far microphone: the same sound, quieter.

    Nothing else is lost; follow it by ``quantisation`` for what a converter of few bits makes of it.
    """
    return Audio(audio.samples * np.float32(10 ** (-loss_db / 20)), audio.rate)


@audio_corruption(
    cite="tachioka2014",
    threshold_db=Param(
        "level at which it clips, over the active signal's mean level", "dB", -40, 40, levels=(6, 3, 0, -4, -8)
    ),
)
def clipping(audio: Audio, *, threshold_db: float) -> Audio:
    """An overdriven preamplifier: whatever is above a level is cut off flat, and the level then turned down again.

    Relative to the level of the active part, so that quiet and loud clips lose alike; speech has its peaks 12 dB and
    more above it. The share that was clipped follows from the clip.
    """
    limit = np.float32((active_power(audio) * 10 ** (threshold_db / 10)) ** 0.5)
    return Audio(np.clip(audio.samples, -limit, limit), audio.rate)


@audio_corruption(
    cite="aes17",
    offset=Param("constant, of full scale", "fraction", -1, 1, clean=0, levels=(0.02, 0.05, 0.1, 0.2, 0.4)),
)
def dc_offset(audio: Audio, *, offset: float) -> Audio:
    """A faulty input stage: a constant is added, and peaks on that side meet full scale earlier."""
    return full_scale(audio.samples + np.float32(offset), audio.rate)


@audio_corruption(
    cite="widrow2008",
    version=2,
    bits=Param("bits a sample", "bits", 2, 24, scale="integer", levels=(8, 6, 5, 4, 3)),
)
def quantisation(audio: Audio, *, bits: int) -> Audio:
    """A converter with few bits: samples are rounded to steps, and what is quieter than half a step is gone.

    Uniform, without dither, with a step at zero: 2^bits steps from −1 to just below +1.
    """
    steps = np.float32(2 ** (bits - 1))
    whole = np.rint(audio.samples * steps)
    return Audio(np.minimum(whole, steps - 1) / steps, audio.rate)
