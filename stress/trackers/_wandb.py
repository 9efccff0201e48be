"""Weights & Biases, offline: a folder that ``wandb sync`` sends when the user wants it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import short
from stress._needed import needed
from stress.trackers._tracker import Point

__all__ = ["WandB"]


class WandB:
    """A project of Weights & Biases, written into ``folder/wandb``; nothing is sent unless ``online``.

    What the environment says of the mode (``WANDB_MODE``) does not count: sending is said here. Code, the machine's
    load and the console are not recorded, errors of its own not reported. Raises InputError where the project has no
    usable name, or wandb is missing.
    """

    def __init__(self, project: str, *, online: bool = False, folder: str | Path = ".") -> None:
        if not project.strip() or any(c in "/\\#?%:" or not c.isprintable() for c in project) or len(project) > 128:
            raise InputError(
                f"track: wandb: must be followed by a project's name, without / \\ # ? % :, got {short(project)}."
            )
        os.environ["WANDB_ERROR_REPORTING"] = "false"  # read once, when it is imported
        needed("wandb", "wandb", "track")
        self._project, self._online, self._folder = project, online, Path(folder)
        self._run: Any = None

    def begin(self, suite: str, name: str, facts: Mapping[str, str]) -> None:
        """Open a run; each curve is drawn over ``severity``."""
        import wandb

        mode: Any = "online" if self._online else "offline"
        quiet = wandb.Settings(
            silent=True, console="off", disable_git=True, save_code=False, disable_code=True, x_disable_stats=True,
            x_disable_machine_info=True, x_disable_meta=True,
        )  # fmt: skip
        self._folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=self._project, name=name, group=suite, config=dict(facts), dir=str(self._folder), mode=mode,
            settings=quiet, reinit="create_new",
        )  # fmt: skip
        self._run.define_metric("severity", hidden=True)
        self._run.define_metric("*", step_metric="severity")

    def points(self, points: Sequence[Point]) -> None:
        """Log the curves: all that have a severity in one row of that severity."""
        steps: dict[int, dict[str, float]] = {}
        for point in points:
            steps.setdefault(point.step, {})[point.curve] = point.value
        for step in sorted(steps):
            self._run.log({"severity": step, **steps[step]})

    def files(self, files: Mapping[str, Path]) -> None:
        """Keep files as one artefact."""
        import wandb

        artefact = wandb.Artifact(f"stress-{self._run.id}", type="stress-run")
        for name, path in files.items():
            artefact.add_file(str(path), name=name)
        self._run.log_artifact(artefact)

    def end(self, whole: bool) -> str:
        """Close the run and return where it lies."""
        if self._run is None:
            return ""
        self._run.finish(exit_code=0 if whole else 1)
        return str(self._run.url or "online") if self._online else str(Path(self._run.dir).parent)
