"""What can befall a whole stream, whatever its modality."""

from perturbations.stream import missing

__all__ = ["missing"]
