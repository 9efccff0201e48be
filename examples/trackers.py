"""A run in the tracker that training uses: each function says where its numbers lie."""

from pathlib import Path

import stress


def mlflow(folder, store):
    """An SQLite store of MLflow; ``mlflow ui --backend-store-uri sqlite:///tracking.db`` shows it."""
    return stress.open(folder).track(f"mlflow:sqlite:///{store}")


def weights_and_biases(folder, place):
    """A project of Weights & Biases, offline; ``wandb sync`` sends it, whenever it shall be sent."""
    return stress.open(folder).track(stress.trackers.WandB("robustness", folder=place))


def tensorboard(folder, logs):
    """A folder that ``tensorboard --logdir`` shows."""
    return stress.open(folder).track(f"tensorboard:{logs}")


class Lines:
    """A tracker of one's own, with the four calls that a tracker has: a line for each number."""

    def __init__(self, file):
        self.file = Path(file)

    def begin(self, suite, name, facts):
        """Say who was run on what."""
        self.file.write_text(f"{suite} {name} {facts['model']}\n")

    def points(self, points):
        """Take the curves: the step is the severity."""
        with self.file.open("a") as file:
            file.writelines(f"{point.curve} {point.step} {point.value}\n" for point in points)

    def files(self, files):
        """Files stay where they are."""

    def end(self, whole):
        """Say where it lies."""
        return str(self.file)


def own(folder, file):
    """The same for a tracker of one's own."""
    return stress.open(folder).track(Lines(file))
