"""TensorBoard: an event file for each run, which ``tensorboard --logdir`` reads."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import short
from stress._needed import needed
from stress.trackers._tracker import Point

__all__ = ["TensorBoard"]

_LONGEST = 2**20
"""Characters of a text that TensorBoard is given: a longer file is copied beside, and named."""


class TensorBoard:
    """A folder of TensorBoard; each run has one of its own in it, ``FOLDER/SUITE/NAME``, -2, -3 … where that is taken.

    TensorBoard keeps no files: they are copied into that folder, and ``gate.json`` and the facts are shown as texts.
    Neither torch nor TensorFlow is needed. Raises InputError where no folder is named, or tensorboard is missing.
    """

    def __init__(self, folder: str | Path) -> None:
        if not str(folder).strip() or "\0" in str(folder):
            raise InputError(f"track: tensorboard: must be followed by a folder, got {short(str(folder))}.")
        if Path(folder).is_file():
            raise InputError(f"track: tensorboard: must be followed by a folder, got the file {short(str(folder))}.")
        needed("tensorboard.summary.writer.event_file_writer", "tensorboard", "track")
        self._root = Path(folder)
        self._writer: Any = None

    def begin(self, suite: str, name: str, facts: Mapping[str, str]) -> None:
        """Open an event file, and say who was run on what."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._folder = _free(self._root / _safe(suite) / _safe(name))
        self._writer = EventFileWriter(str(self._folder))
        rows = [f"| {key} | {value.replace('|', '/')} |" for key, value in facts.items()]
        self._text("run", "\n".join(["| | |", "|---|---|", *rows]))

    def points(self, points: Sequence[Point]) -> None:
        """Write the curves as scalars."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        steps: dict[int, list[Any]] = {}
        for point in points:
            steps.setdefault(point.step, []).append(Summary.Value(tag=point.curve, simple_value=point.value))
        for step in sorted(steps):
            self._event(Summary(value=steps[step]), step)

    def files(self, files: Mapping[str, Path]) -> None:
        """Copy files beside the events; JSON of a readable size is shown as a text, too."""
        for name, path in files.items():
            content = path.read_bytes()
            copy = self._folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            if name.endswith(".json") and len(content) <= _LONGEST:
                lines = content.decode("utf-8", "replace").splitlines()
                self._text(name, "\n".join(f"    {line}" for line in lines))

    def end(self, whole: bool) -> str:
        """Close the file and return its folder."""
        if self._writer is None:
            return ""
        self._writer.close()
        return str(self._folder)

    def _text(self, tag: str, text: str) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING

        shown = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode("utf-8", "replace")])
        self._event(Summary(value=[Summary.Value(tag=tag, metadata=shown, tensor=tensor)]), 0)

    def _event(self, summary: Any, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))


def _safe(name: str) -> str:
    """Return a name as one folder's: nothing in it leads elsewhere."""
    return "".join(c if c.isalnum() or c in "-_. " else "_" for c in name).strip(" .") or "run"


def _free(folder: Path) -> Path:
    found, number = folder, 1
    while True:
        try:
            found.mkdir(parents=True)
        except FileExistsError:
            number += 1
            found = folder.with_name(f"{folder.name}-{number}")
        else:
            return found
