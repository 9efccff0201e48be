"""What can go wrong with a picture, by phenomenon."""

from perturbations.image import (
    air,
    blur,
    camera,
    colour,
    digital,
    geometry,
    lighting,
    noise,
    occlusion,
    optics,
    tone,
    transport,
    weather,
)

__all__ = [
    "air",
    "blur",
    "camera",
    "colour",
    "digital",
    "geometry",
    "lighting",
    "noise",
    "occlusion",
    "optics",
    "tone",
    "transport",
    "weather",
]
