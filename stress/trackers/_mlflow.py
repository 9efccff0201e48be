"""MLflow: an experiment a suite, a run of it a run."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import short
from stress._needed import needed
from stress.trackers._tracker import Point

__all__ = ["MLflow"]

_AT_ONCE = 1000
"""Numbers that MLflow takes in one call."""


class MLflow:
    """A store of MLflow by its tracking URI: ``sqlite:///tracking.db``, or a server's address.

    An empty URI means the one of ``MLFLOW_TRACKING_URI``. Files of a run in an SQLite file lie beside it, in
    ``mlartifacts``. MLflow's own usage statistics are switched off. ``experiment`` is the suite's name, if nothing else
    is said. Raises InputError for a URI with a password, which the run would remember, and where MLflow is missing.
    """

    def __init__(self, uri: str = "", experiment: str | None = None) -> None:
        self._uri = uri or os.environ.get("MLFLOW_TRACKING_URI", "")
        if not self._uri:
            raise InputError("track: mlflow: must be followed by a URI, as in mlflow:sqlite:///tracking.db, got none.")
        if re.search(r"//[^/]*@", uri):
            raise InputError(
                "track: mlflow: must be a URI without a user or a password, got one with. The environment's "
                "MLFLOW_TRACKING_URI may have them, and MLFLOW_TRACKING_USERNAME and _PASSWORD: write mlflow: alone."
            )
        if not re.match(r"[a-z][a-z0-9+.-]*:", self._uri):
            raise InputError(
                f"track: mlflow: must be a URI, as in mlflow:sqlite:///tracking.db, got {short(self._uri)}. An SQLite "
                "file is sqlite:///FILE."
            )
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before it is imported: it reports home as it is
        needed("mlflow", "mlflow", "track")
        self._experiment = experiment

    def begin(self, suite: str, name: str, facts: Mapping[str, str]) -> None:
        """Open a run in the experiment, which is made where there is none."""
        from mlflow import MlflowClient

        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # each new file is told in two lines
        title = self._experiment or suite
        self._client: Any = MlflowClient(self._uri)
        found = self._client.get_experiment_by_name(title)
        where = (
            found.experiment_id if found else self._client.create_experiment(title, artifact_location=self._beside())
        )
        self._run = self._client.create_run(where, run_name=name, tags={"source": "multimodal-stress"}).info.run_id
        self._client.log_batch(self._run, params=[_param(key, value) for key, value in facts.items()])

    def points(self, points: Sequence[Point]) -> None:
        """Log the curves."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for start in range(0, len(points), _AT_ONCE):
            some = points[start : start + _AT_ONCE]
            self._client.log_batch(self._run, metrics=[Metric(p.curve, p.value, now, p.step) for p in some])

    def files(self, files: Mapping[str, Path]) -> None:
        """Keep files as artefacts."""
        for name, path in files.items():
            self._client.log_artifact(self._run, str(path), name.rpartition("/")[0] or None)

    def end(self, whole: bool) -> str:
        """Close the run and return its name in MLflow."""
        self._client.set_terminated(self._run, "FINISHED" if whole else "FAILED")
        return f"mlflow run {self._run}"

    def _beside(self) -> str | None:
        """Return where files of an SQLite store go: MLflow would put them where the command is run."""
        if not self._uri.startswith("sqlite:///"):
            return None
        file = Path(self._uri.removeprefix("sqlite:///").partition("?")[0])
        return (file.resolve().parent / "mlartifacts").as_uri() if file.name else None


def _param(key: str, value: str) -> Any:
    from mlflow.entities import Param

    return Param(key, value)
