"""What can go wrong with a series of measurements, by phenomenon."""

from perturbations.series import sampling, sensor

__all__ = ["sampling", "sensor"]
