"""What can befall a whole stream, whatever its modality."""

from perturbations.stream import missing, pairing, pipeline, timing
from perturbations.stream._around import sequences

__all__ = ["missing", "pairing", "pipeline", "sequences", "timing"]
