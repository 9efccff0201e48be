"""What can go wrong with a picture, by phenomenon."""

from perturbations.image import blur, lighting, noise

__all__ = ["blur", "lighting", "noise"]
