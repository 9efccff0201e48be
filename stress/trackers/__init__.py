"""The numbers of a run beside those of training: MLflow, Weights & Biases, TensorBoard, or a tracker of one's own.

>>> from stress.trackers import track
>>> track(stress.open("runs/v2"), "mlflow:sqlite:///tracking.db")  # doctest: +SKIP
"""

from stress.trackers._mlflow import MLflow
from stress.trackers._names import GROUP, tracker_of
from stress.trackers._points import points_of
from stress.trackers._tensorboard import TensorBoard
from stress.trackers._track import track
from stress.trackers._tracker import Point, Tracker
from stress.trackers._wandb import WandB

__all__ = ["GROUP", "MLflow", "Point", "TensorBoard", "Tracker", "WandB", "points_of", "track", "tracker_of"]
