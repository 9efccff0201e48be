"""What can go wrong with a recording, by phenomenon."""

from perturbations.audio import (
    ambience,
    channel,
    codec,
    level,
    modulation,
    noise,
    recorded,
    room,
    time,
    transmission,
)
from perturbations.audio._signal import full_scale, resample

__all__ = [
    "ambience",
    "channel",
    "codec",
    "full_scale",
    "level",
    "modulation",
    "noise",
    "recorded",
    "resample",
    "room",
    "time",
    "transmission",
]
