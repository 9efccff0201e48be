"""Answers that are kept, read again by another rule, without a call."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perturbations import RunError
from stress.models._reading import parser, rule_identity
from stress.models.endpoints._endpoint import ANSWERS
from stress.models.endpoints._kept import Kept, logs
from stress.models.endpoints._openai import written

__all__ = ["Reread"]


class Reread:
    """The kept answers of a chat model, as ``run.json`` describes it under ``endpoint``, read by a rule.

    ``about`` and ``identity`` are those of the model that reads so. Raises RunError where the run kept no such answers,
    InputError where the rule cannot be.
    """

    def __init__(self, run: Path, endpoint: Any, rule: str | None) -> None:
        if not isinstance(endpoint, Mapping) or endpoint.get("kind") != "openai":
            raise RunError(f"reparse: {run} must be a run of a chat model (openai:NAME@URL), whose answers are texts.")
        rule = str(endpoint["parse"]) if rule is None else rule
        self._read = parser(rule, [str(each) for each in endpoint.get("classes") or ()], "reparse")
        self.about = {**endpoint, "parse": rule}
        self.identity = f"{endpoint['identity']}{rule_identity(rule)} {endpoint['missing']}"
        own, named = run / ANSWERS, Path(str(endpoint.get("answers") or "none"))
        self.folder = own if own.is_dir() else named  # a run that was moved has them with it
        if not self.folder.is_dir():
            raise RunError(f"reparse: the answers of {run} must be in {self.folder}, got no such folder.")
        self._kept = Kept(self.folder)

    @staticmethod
    def hand_on(run: Path, target: Path) -> None:
        """Give another run the answers that a run has in its folder: links, or copies where links cannot be.

        No run adds to a log of another.
        """
        for file in logs(run / ANSWERS):
            place = target / ANSWERS / file.name
            place.parent.mkdir(exist_ok=True)
            try:
                os.link(file.path, place)
            except OSError:
                shutil.copyfile(file.path, place)

    def row(self, key: str) -> Any:
        """Return the row of an answer. Raises RunError where it is not there."""
        found = self._kept.get(key)
        if found is None:
            raise RunError(f"reparse: {self.folder} must hold the answer {key}, got none, or a damaged one.")
        return written(self._read, found[0])
