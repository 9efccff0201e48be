"""What runs in a worker process: it loads model and data by name, once per run, and does units of work."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa

from perturbations import InputError
from scenarios import Suite
from stress.data import Reading, Samples, load_data, unpack
from stress.engine._ask import call
from stress.engine._plan import Planned, cut, job_of, plan_run
from stress.engine._post import Post, take_post
from stress.engine._settings import Settings
from stress.engine._shard import Shard
from stress.engine._threads import limit_threads
from stress.engine._units import Unit
from stress.models import Batch, Model, load_model
from stress.tasks import Task

__all__ = ["Recipe", "about", "answer", "cells_of", "do_unit", "order_of", "probe"]

_SHARDS = 2
"""Shards that a worker keeps decoded."""


@dataclass(frozen=True)
class Recipe:
    """All that a worker needs to do any unit of a run, by name: it is small, and it travels with every unit."""

    post: Post
    data: str
    packed: bool
    suite: Suite
    task: Task
    settings: Settings
    fingerprint: str
    order: str
    """A digest of who is in the data, in which order, as the process that sent this has them."""
    shard_size: int
    extents: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()
    cells: str = ""
    """A digest of the cells that are planned, in order: a unit names one by its place."""

    @property
    def reading(self) -> Reading:
        """How the data are read, as they were where the run was started."""
        return Reading(limits=self.settings.limits, left_out=self.left_out, skip_bad=bool(self.left_out))


class _Prepared:
    """Model, data and plan of one run in a worker."""

    def __init__(self, recipe: Recipe) -> None:
        data = (
            unpack(Path(recipe.data)) if recipe.packed else load_data(recipe.data, recipe.fingerprint, recipe.reading)
        )
        settings = recipe.settings
        planned = plan_run(_model(recipe.post), data, recipe.suite, recipe.task, settings)
        if cells_of(planned) != recipe.cells:
            raise InputError(
                "workers: must have the cells of the run, but a worker has others: a machine with fewer processors, or "
                "other packages, leaves out others of a built-in suite. Choose cells that fit all (--only, --skip)."
            )
        data = planned.data  # with targets as the task reads them
        if order_of(data) != recipe.order:
            raise InputError(
                f"data: {recipe.data} must give the same samples in the same order in each process, but a worker has "
                "others, or another order. Hint: sort what comes from a set, a dict or a folder."
            )
        found = cut(data, settings, recipe.shard_size, recipe.extents)
        self.planned: Planned = replace(planned, shards=found)
        self.job = job_of(self.planned, recipe.task)
        self.shards: OrderedDict[int, Shard] = OrderedDict()

    def shard(self, number: int) -> Shard:
        if number not in self.shards:
            planned = self.planned
            self.shards[number] = Shard(planned.data, planned.shards[number], 0, planned.repeats.asked)
            while len(self.shards) > _SHARDS:
                self.shards.popitem(last=False)
        return self.shards[number]


_prepared_runs: OrderedDict[Post, _Prepared] = OrderedDict()


_lock = threading.RLock()
"""A worker may have several threads."""


def _prepared(recipe: Recipe) -> _Prepared:
    with _lock:
        if recipe.post not in _prepared_runs:
            _prepared_runs.clear()
            _prepared_runs[recipe.post] = _Prepared(recipe)
        return _prepared_runs[recipe.post]


def order_of(data: Samples) -> str:
    """Return a digest of who is in the data, in order, and of all that decides in which order they are visited."""
    digest = blake2b(digest_size=16)
    present = data.known.present if data.known else [""] * len(data)
    for row in zip(data.ids, data.targets, data.sequences, data.times, present):
        digest.update(repr([str(each) for each in row]).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def cells_of(planned: Planned) -> str:
    """Return a digest of the planned cells, in order."""
    names = "\x1f".join(cell.id for cell in planned.plan.cells)
    return blake2b(names.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def do_unit(recipe: Recipe, unit: Unit, proof: Sequence[str]) -> tuple[Unit, pa.Table]:
    """Return the records of a unit, whose samples must have the digests in ``proof``, where there are any."""
    prepared = _prepared(recipe)
    shard = prepared.shard(unit.shard)
    cell = prepared.planned.plan.cells[unit.cell]
    samples = shard.samples(proof)
    return unit, prepared.job.records(cell, samples, shard.positions, unit.draw, shard.shared)


def probe(recipe: Recipe) -> Any:
    """Prepare a run in a worker; return what is wrong, or nothing."""
    try:
        _prepared(recipe)
    except Exception as error:  # reported where the run was started
        return f"{type(error).__name__}: {error}"
    return None


_models: dict[Post, Model] = {}


def _model(post: Post) -> Model:
    """Return this worker's model, loaded once for each run: who trains it anew under the same name gets the new one."""
    take_post(post)
    with _lock:
        if post not in _models:
            _models.clear()
            _models[post] = load_model(post.spec)
            limit_threads()  # for the life of the worker; torch is imported by now if the model uses it
        return _models[post]


def about(post: Post) -> dict[str, Any]:
    """Return what is known of the model, for those who do not have it. Raises what loading it raised."""
    model = _model(post)
    return {field.name: getattr(model, field.name) for field in fields(model) if field.name != "predict"}


def answer(post: Post, batch: Batch) -> Any:
    """Return the answers of this worker's model. Raises TooSlowError where it takes longer than it may."""
    return call(_model(post).predict, batch, post.timeout)
