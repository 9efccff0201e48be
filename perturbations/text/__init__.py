"""What can go wrong with a text, by phenomenon."""

from perturbations.text import typing

__all__ = ["typing"]
