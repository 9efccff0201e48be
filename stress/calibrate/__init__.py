"""Equal severities: level tables at which all scenarios of a modality cost a panel of models the same.

>>> from stress.calibrate import calibrate, save
>>> found = calibrate([stress.open("runs/a"), stress.open("runs/b"), stress.open("runs/c")])  # doctest: +SKIP
>>> save(found, Path("equal.yaml"))  # doctest: +SKIP
"""

from stress.calibrate._calibrate import Calibration, calibrate, calibrated
from stress.calibrate._clean import clean_distances
from stress.calibrate._curves import Curve, Curves
from stress.calibrate._distances import distances
from stress.calibrate._levels import Level, Spread
from stress.calibrate._losses import losses
from stress.calibrate._suite import save, suite_of

__all__ = [
    "Calibration",
    "Curve",
    "Curves",
    "Level",
    "Spread",
    "calibrate",
    "calibrated",
    "clean_distances",
    "distances",
    "losses",
    "save",
    "suite_of",
]
