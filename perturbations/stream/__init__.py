"""What can befall a whole stream, whatever its modality."""

from perturbations.stream import missing, pairing, pipeline, timing

__all__ = ["missing", "pairing", "pipeline", "timing"]
