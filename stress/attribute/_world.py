"""A run's samples as its model met them, found again and held against what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, cast

import numpy as np

from perturbations import InputError, ModelError, RunError, Sample, get
from perturbations.errors import nearest
from perturbations.modality import modality
from scenarios import Cell, Condition, perturb_stream
from stress.attribute._asking import Asker, Row
from stress.data import Samples
from stress.examples import cells_again, made_again, position_again
from stress.models import Model, ModelOracle, predict_of
from stress.records.folder import Folder
from stress.statistics.arrays import Floats, Ints
from stress.statistics.bootstrap import Clusters, clusters
from stress.tasks import Classification, task_described

__all__ = ["Met", "World"]

_NEAR = 1e-3
"""How far a probability may be from the recorded one."""


@dataclass(frozen=True)
class Met:
    """Some samples in one cell: values by stream, what stands for each that is lost, and where a way to it begins."""

    ids: tuple[str, ...]
    positions: tuple[int, ...]
    rows: tuple[Row, ...]
    gone: tuple[Row, ...]
    starts: tuple[Row, ...]
    labels: Ints
    clusters: Clusters

    def only(self, places: Sequence[int]) -> Clusters:
        """Return the clusters of some of the samples."""
        return _clusters_of([self.ids[k] for k in places], [self.clusters.ids[self.clusters.member[k]] for k in places])


def _clusters_of(ids: Sequence[str], names: Sequence[str]) -> Clusters:
    if list(ids) == list(names):
        return clusters(ids, None)
    order = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return Clusters(tuple(order), np.array([order[name] for name in names], np.int64), False)


@dataclass(frozen=True)
class World:
    """A run with its model and its data, and the samples of it that are looked at."""

    run: Folder
    name: str
    predict: Any
    task: Classification
    data: Samples
    positions: tuple[int, ...]
    fill: str
    seed: int
    batch_size: int

    @classmethod
    def of(cls, run: Folder, model: Model, data: Samples, samples: int, fill: str | None, batch_size: int) -> World:
        """Return the world. Raises InputError, ModelError and RunError where it is not that of the run."""
        task = _task(run)
        if not model.gradients:
            raise ModelError(
                f"attribute: the model must give gradients, got {model.name}. It does as a torch model with module, "
                "inputs and logits, or with loss_gradient(batch, streams, loss); see docs/attribution.md."
            )
        _same_model(run, model)
        data = data.with_targets(task.read_targets(data.targets))
        ids = run.samples["id"].to_pylist()
        spread = np.unique(np.linspace(0, len(ids) - 1, min(samples, len(ids))).round().astype(int))
        positions = tuple(position_again(run, data, ids[place], "attribute") for place in spread.tolist())
        chosen = _fill(run, fill, data)
        seed = int(run.info["identity"].get("seed", 0))
        return cls(run, model.name, predict_of(model), task, data, positions, chosen, seed, batch_size)

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams."""
        return tuple(self.data.streams)

    @property
    def moving(self) -> tuple[str, ...]:
        """The streams that can change little by little, along which there are gradients."""
        return tuple(name for name, kind in self.data.streams.items() if modality(kind).array is not None)

    @property
    def notes(self) -> list[str]:
        """What is worth knowing of how a stream is taken away."""
        found = [f"{n}: there or not: it has no gradient" for n in self.streams if n not in self.moving]
        if self.fill == "none" and self.moving:
            found.append(
                f"{', '.join(self.moving)}: integrated gradients begin at zeros, as a way cannot begin at nothing"
            )
        return found

    @cached_property
    def asker(self) -> Asker:
        """Who asks the model."""
        answers = self.task.answers or "probabilities"
        return Asker(ModelOracle(self.predict, self.task.classes, answers, self.batch_size))

    @cached_property
    def clusters(self) -> Clusters:
        """Which of the samples are resampled together, as the run declares."""
        return self._clusters([self.data.ids[place] for place in self.positions])

    def _clusters(self, ids: Sequence[str]) -> Clusters:
        by, table = self.run.info.get("cluster"), self.run.samples
        if not by:
            return clusters(ids, None)
        column = "sequence" if by == "sequence" else f"group.{by}"
        of = dict(zip(table["id"].to_pylist(), table[column].to_pylist()))
        return clusters(ids, [of[name] for name in ids], by)

    def chosen(self, globs: Sequence[str]) -> list[Cell]:
        """Return the cells to look at. Raises InputError where a glob matches none that can be made again."""
        cells = cells_again(self.run, self.data)
        fine = {name: cell for name, cell in cells.items() if not (_is_attacked(cell) or cell.fallback or cell.machine)}
        if not globs:
            last = {cell.scenario: cell for cell in fine.values() if not _only_lost(cell)}
            return list(last.values())
        found: dict[str, Cell] = {}
        for glob in globs:
            some = {name: cell for name, cell in fine.items() if fnmatchcase(name, glob)}
            if not some:
                there = any(fnmatchcase(name, glob) for name in cells)
                why = "it is an attack, a fallback or of another machine" if there else nearest(glob, list(fine))
                raise InputError(f"attribute: cells must be cells of the run, got {glob!r}. {why}")
            found |= some
        return list(found.values())

    def met(self, cell: Cell) -> Met:
        """Return the samples as the model met them in a cell, but those on which a perturbation failed."""
        failed = self._status(cell)
        positions = [place for place in self.positions if failed.get(place) != "perturbation_error"]
        if missing := [place for place in positions if place not in failed]:
            raise RunError(
                f"{self.run.path}: must have records of every sample in {cell.id}, got none of "
                f"{self.data.ids[missing[0]]!r}. Run the same command to finish it."
            )
        samples = [made_again(self.run, cell, self.data, place, self.seed)[1] for place in positions]
        gone = [self._gone(sample) for sample in samples]
        rows = [{name: sample.streams[name] for name in self.streams} for sample in samples]
        places = {name: k for k, name in enumerate(self.task.classes)}
        ids = [sample.id for sample in samples]
        return Met(
            tuple(ids),
            tuple(positions),
            tuple(rows),
            tuple(gone),
            tuple(self._start(row, out) for row, out in zip(rows, gone)),
            np.array([places[sample.target] for sample in samples], np.int64),
            self._clusters(ids),
        )

    def _status(self, cell: Cell) -> dict[int, str]:
        table = self.run.records([cell.id], ["status"])
        first = np.asarray(table["draw"]) == 0
        rows = table.filter(first)
        return dict(zip(rows["sample"].to_pylist(), rows["status"].to_pylist()))

    def _gone(self, sample: Sample) -> Row:
        return {
            name: perturb_stream(sample, name, (_lost(name, self.fill),), self.data, self.seed, 0)
            for name in self.streams
        }

    def _start(self, row: Row, gone: Row) -> Row:
        """Return where a way begins: what stands for each stream, and zeros where that is nothing."""
        kinds = {name: modality(self.data.streams[name]) for name in self.moving}
        bare = [name for name in self.moving if gone[name] is None and row[name] is not None]
        return {**gone, **{name: kinds[name].zeros(row[name]) for name in bare}}

    def check_answers(self, cell: Cell, met: Met, worth: Floats) -> None:
        """Raise RunError where the model answers otherwise than it did in the run."""
        known = "nll" if "nll" in self.run.columns else "score"
        table = self.run.records([cell.id], [known])
        rows = table.filter(np.asarray(table["draw"]) == 0)
        then: Mapping[int, float | None] = dict(zip(rows["sample"].to_pylist(), rows[known].to_pylist()))
        for place, sample, now in zip(met.positions, met.ids, worth):
            value = then[place]
            if value is None:
                continue
            before = float(np.exp(-value)) if known == "nll" else float(value)
            if abs(before - now) > _NEAR:
                raise RunError(
                    f"{self.run.path}: the model must answer as it did in the run, got probability {now:.4f} for the "
                    f"right class of {sample!r} in {cell.id}, recorded {before:.4f}. Give the run's own model; one "
                    "that answers in several ways cannot be attributed."
                )


def _task(run: Folder) -> Classification:
    about: Mapping[str, Any] = run.info["identity"].get("task") or {}
    if about.get("task") != "classification":
        raise InputError(f"attribute: the run's task must be classification, got {about.get('task')!r}.")
    return cast(Classification, task_described(about))


def _same_model(run: Folder, model: Model) -> None:
    then = (run.info["identity"].get("model") or {}).get("weights")
    if then is not None and model.weights is not None and then != model.weights:
        raise RunError(
            f"{run.path}: the model must be the run's, got {model.name} with weights {model.weights[:12]}, recorded "
            f"{str(then)[:12]}."
        )


def _fill(run: Folder, fill: str | None, data: Samples) -> str:
    """Return what stands for a lost stream: as asked for, or as in the run's cells of lost streams."""
    row: Any = get("stream.missing").params["fill"]
    if fill is None:
        known = [each["fill"] for each in run.cells.to_pylist() if each["fill"]]
        fill = str(known[0]) if known else str(row.default)
    if wrong := row.problem(fill):
        raise InputError(f"attribute: fill {wrong}")
    if missing := sorted(get("stream.missing").needed({"fill": fill}) - set(data.has)):
        raise InputError(f"attribute: fill {fill} needs samples with {missing[0]}.")
    return fill


def _lost(stream: str, fill: str) -> Condition:
    missing = get("stream.missing")
    return Condition(stream, missing.name, missing.settings(None, None, {"fill": fill}))


def _is_attacked(cell: Cell) -> bool:
    return any(condition.declaration.kind == "attack" for condition in cell.conditions)


def _only_lost(cell: Cell) -> bool:
    return bool(cell.conditions) and all(condition.perturbation == "stream.missing" for condition in cell.conditions)
