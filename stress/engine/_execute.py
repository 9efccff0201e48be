"""A run: check it, do what is missing, leave records. The only place from which the model is called."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from perturbations import ModelError, RunError, Sample
from perturbations.errors import short
from stress.data import keep_files, pack
from stress.engine._backends import Finished, Workers, in_threads, model_of
from stress.engine._canaries import canaries
from stress.engine._cluster import on_dask
from stress.engine._identity import agree, identity, machine, run_id
from stress.engine._plan import Planned, Settings, job_of, plan_run
from stress.engine._preflight import CANARIES, Check, preflight
from stress.engine._processes import on_processes
from stress.engine._progress import watch
from stress.engine._remote import Recipe
from stress.engine._settle import settled, target_text
from stress.engine._threads import one_thread_each
from stress.engine._unit import Job, Shard
from stress.engine._units import Unit
from stress.engine._writer import Writer, lock
from stress.models import Model, load_model
from stress.records.folder import FORMAT, Folder, open_folder
from stress.records.schema import cells_table
from stress.records.writing import write_json, write_table
from stress.tasks import Task, declared

__all__ = ["Outcome", "execute", "prepared", "settled_job"]


@dataclass(frozen=True)
class Outcome:
    """A run as it was just done: what was there before, what had to be thrown away, and what preflight said."""

    run: Folder
    reused: int = 0
    thrown: Sequence[str] = ()
    checks: Sequence[Check] = field(default_factory=list)


@contextmanager
def prepared(
    model: Any, data: Any, suite: Any, task: Task | str | None, settings: Settings, out: Path | None = None
) -> Iterator[tuple[Planned, Workers | None]]:
    """Give a checked plan and, for backends other than threads, the workers that have the model, while the block runs.

    Workers are started last: what is wrong with the suite or the data is said before.
    """
    with ExitStack() as stack:
        workers: Workers | None = None

        def find(source: Any) -> Model:
            nonlocal workers
            workers = stack.enter_context(_workers(source, settings))
            return model_of(workers)

        found = load_model if settings.backend == "threads" else find
        planned = plan_run(model, data, suite, task, settings, found, out)
        yield planned, workers


def execute(
    planned: Planned,
    out: Path,
    workers: Workers | None = None,
    checked: Callable[[Sequence[Check]], None] | None = None,
) -> Outcome:
    """Do what is missing of a planned run in its folder: by threads of this process, or by ``workers``.

    ``checked`` is called with what preflight found, before the grid begins.
    """
    begun = time.time()
    with one_thread_each():
        task, said, seen = settled(planned)
        job, first = job_of(planned, task), seen[:CANARIES]
        checks = [*(Check("data", "warning", note) for note in planned.data.notes), *said]
        checks += preflight(job, first, planned.settings.threads) if planned.settings.preflight else []
        if checked is not None:
            checked(checks)
        known = canaries(job, first, planned.plan.cells, planned.settings.threads)
        about = _about(planned, job, known, checks)
        _make_folder(out)
        with lock(out):
            _begin_or_continue(out, about, planned)
            writer = Writer(out / "records", job.schema, run_id(about["identity"]))
            there, thrown = writer.recover()
            units = planned.units
            try:
                _work(planned, job, writer, units.without(there), out, workers)
            finally:
                writer.flush()
            counted = ((unit, len(planned.shards[unit.shard])) for unit in units)
            writer.compact([cell.id for cell in planned.plan.cells], counted)
            took = {"finished": True, "units": len(units), "reused_units": len(there), "seconds": time.time() - begun}
            write_json(out / "run.json", {**about, **took})
    return Outcome(open_folder(out), len(there), thrown, checks)


def _workers(model: Any, settings: Settings) -> AbstractContextManager[Workers]:
    """Return the workers of a backend other than threads, which load the model by its name."""
    spec = model.spec if isinstance(model, Model) else model
    if not isinstance(spec, str):
        raise ModelError(
            f"model: must be named (module:attribute) for backend {settings.backend}: each worker loads it. "
            f"Got the object {short(model)}."
        )
    if settings.backend == "processes":
        return on_processes(spec, settings.threads)
    return on_dask(spec, settings.threads, settings.scheduler)


def settled_job(planned: Planned) -> tuple[Job, list[Sample]]:
    """Return the job, with the form of the model's answers settled, and the first samples."""
    task, _, first = settled(planned)
    return job_of(planned, task), first[:CANARIES]


def _about(planned: Planned, job: Job, answers: Mapping[str, Any], checks: Sequence[Check]) -> dict[str, Any]:
    """Return the content of run.json."""
    plan, settings = planned.plan, planned.settings
    who = identity(plan, planned.data, planned.model, job.task, settings, planned.shard_size)
    who["model"]["canaries"] = answers
    return {
        "format": FORMAT,
        "identity": who,
        "suite": dict(plan.source) or {"suite": plan.suite},
        "left_out": [list(pair) for pair in plan.left_out],
        "preflight": [vars(check) for check in checks],
        "settings": {"workers": settings.threads, "batch_size": settings.batch_size, "limit": settings.limit},
        "command": settings.command,
        "cluster": settings.cluster or planned.data.cluster,
        "sources": {c.perturbation: list(c.declaration.cite) for cell in plan.cells for c in cell.conditions},
        "plugins": [str(Path(plugin).resolve()) for plugin in plan.plugins],
        "samples": sum(map(len, planned.shards)),
        "records": planned.records,
        **declared(job.task),
        "streams": planned.data.streams,
        "started": time.time(),
        "finished": False,
        **machine(),
    }


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{out}: cannot be made: {error.strerror}.") from error


def _begin_or_continue(out: Path, about: Mapping[str, Any], planned: Planned) -> None:
    """Refuse a folder that holds something else; otherwise write what is known before the first record."""
    if (out / "run.json").exists():
        agree(str(out), open_folder(out).info["identity"], about["identity"])
    elif strangers := [p.name for p in out.iterdir() if p.name != ".lock" and not p.name.endswith(".tmp")]:
        raise RunError(f"{out}: must be empty or a run folder, got {', '.join(sorted(strangers)[:3])} in it.")
    write_json(out / "run.json", about)  # first: it makes the folder ours
    keep_files(out, planned.data.files, planned.settings.limits)
    write_table(out / "samples.parquet", samples_table(planned))
    write_table(out / "cells.parquet", cells_table(planned.plan.cells, planned.data.streams))


def samples_table(planned: Planned) -> pa.Table:
    """Return the samples of a run as a table; ``order`` is the position that records name."""
    index, data = planned.data.index, planned.data
    chosen = sorted(int(position) for shard in planned.shards for position in shard)

    def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        return pa.array(values if len(chosen) == len(values) else [values[i] for i in chosen], kind)

    groups = {f"group.{name}": column(values, pa.string()) for name, values in index.groups.items()}
    return pa.table(
        {
            "id": column(data.ids, pa.string()),
            "order": pa.array(chosen, pa.int32()),
            "sequence": column(data.sequences, pa.string()),
            "time": column(data.times, pa.float64()),
            "split": column(index.splits, pa.string()),
            "target": column([target_text(target) for target in data.targets], pa.string()),
            **groups,
        }
    )


def _work(
    planned: Planned, job: Job, writer: Writer, units: Sequence[Unit], out: Path, workers: Workers | None
) -> None:
    """Do the units, and hand each one's records to the writer as it is finished."""
    settings, cells = planned.settings, planned.plan.cells
    records = sum(len(planned.shards[unit.shard]) for unit in units)
    finished = _in_workers(planned, job, units, out, workers) if workers else _in_threads(planned, job, units)
    with watch(settings.progress, len(units), records) as progress, closing(finished):
        for unit, table in finished:
            writer.add(unit, table)
            progress.advance(cells[unit.cell].id, table)


def _in_threads(planned: Planned, job: Job, units: Sequence[Unit]) -> Finished:
    cells = planned.plan.cells
    uses = Counter(unit.shard for unit in units)
    held = {number: Shard(planned.data, planned.shards[number], count, cells) for number, count in uses.items()}

    def do(unit: Unit) -> tuple[Unit, pa.Table]:
        shard = held[unit.shard]
        try:
            samples = shard.samples()
            return unit, job.records(cells[unit.cell], samples, shard.positions, unit.draw, shard.shared)
        finally:
            shard.done()

    return in_threads(do, units, planned.settings.threads)


def _in_workers(planned: Planned, job: Job, units: Sequence[Unit], out: Path, workers: Workers) -> Finished:
    """Do the units in other processes, which know the model and the data by name."""
    settings = planned.settings
    packed = None if planned.data.spec else pack(planned.data, out / ".data")
    recipe = Recipe(
        token=workers.token,
        model=str(planned.model.spec),
        data=str(packed or planned.data.spec),
        packed=packed is not None,
        suite=planned.suite,
        task=job.task,
        settings=settings,
        fingerprint=planned.data.fingerprint,
        left_out=planned.data.left_out,
    )

    def died(unit: Unit, error: str) -> pa.Table:
        positions = [int(position) for position in planned.shards[unit.shard]]
        return job.died(planned.plan.cells[unit.cell], positions, unit.draw, error)

    try:
        yield from workers.work(recipe, units, died)
    finally:
        shutil.rmtree(out / ".data", ignore_errors=True)
