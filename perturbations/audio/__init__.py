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

__all__ = [
    "ambience",
    "channel",
    "codec",
    "level",
    "modulation",
    "noise",
    "recorded",
    "room",
    "time",
    "transmission",
]
