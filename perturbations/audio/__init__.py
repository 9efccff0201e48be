"""What can go wrong with a recording, by phenomenon."""

from perturbations.audio import noise, room

__all__ = ["noise", "room"]
