"""A run: check it, do what is missing, leave records. The only place from which the model is called."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from perturbations import ModelError, RunError, Sample
from perturbations.errors import short
from stress.engine._backends import Workers, model_of
from stress.engine._beside import supervised
from stress.engine._canaries import canaries, is_steady, recognised
from stress.engine._dask import on_dask
from stress.engine._identity import identity, machine, run_id
from stress.engine._lock import lock
from stress.engine._meter import Meter, said_of
from stress.engine._named import unchanged_files
from stress.engine._places import Places
from stress.engine._plan import CANARIES, Planned, job_of, plan_run
from stress.engine._preflight import Check, asked_anew, is_reproducible, preflight
from stress.engine._preparation import check_preparation
from stress.engine._processes import on_processes
from stress.engine._recover import Recovered
from stress.engine._resume import Before, begin, beside, draft, look_back
from stress.engine._rounds import Chooser, Rounds, check_floor
from stress.engine._settings import Settings
from stress.engine._settle import settled
from stress.engine._threads import one_thread_each
from stress.engine._unit import Job
from stress.engine._within import Portions, UnaskedError, attended, beginning, check_asked, spent_of
from stress.engine._work import work
from stress.engine._writer import Writer
from stress.models import Endpoint, Model, load_model, steady_code
from stress.records.folder import FORMAT, Folder, open_folder
from stress.records.writing import write_json
from stress.tasks import Task, declared

__all__ = ["Outcome", "as_it_answers", "execute", "prepared", "settled_job"]


@dataclass(frozen=True)
class Outcome:
    """A run as it was just done: what was there before, what had to be thrown away, and what preflight said."""

    run: Folder
    reused: int = 0
    failed: int = 0
    """Records of failures that were asked again."""
    age: tuple[float, float] | None = None
    """Seconds since the run was begun, and since its last part was written, where records were there before."""
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
    chooser: Chooser | None = None,
) -> Outcome:
    """Do what is missing of a planned run in its folder: by threads of this process, or by ``workers``.

    ``checked`` is called with what preflight found, before the grid begins. ``chooser`` says what is asked of an
    adaptive run; without one it is the whole grid.
    """
    begun = time.time()
    out = _writable(beside(out) if planned.settings.fresh else out)
    _begin_choosing(planned, chooser, out)
    planned, before = look_back(attended(planned, out), out)
    here = beginning(planned if workers is None else _untimed(planned))
    with one_thread_each(), supervised(here.settings.timeout):
        task, said, seen = settled(here)
        job, first = job_of(here, task), seen[:CANARIES]
        checks = [*(Check("data", "warning", note) for note in planned.data.notes), *said]
        if planned.settings.preflight:
            checks += preflight(job, first, planned.settings.threads)
            checks += [] if planned.model.billed else check_preparation(job, seen)
        known = canaries(job, planned.data.proven(planned.first[:CANARIES]), planned.plan.cells, here.settings.threads)
        planned = replace(planned, steady=is_steady(known) and is_reproducible(checks) and before.steady)
        code, unread = steady_code(planned.model)
        named = recognised(planned.model.weights, unread) if planned.settings.preflight else []
        checks = [*asked_anew(checks, is_steady(known)), *named]
        if checked is not None:
            checked(checks)
        _make_folder(out)
        with lock(out):
            meter = Meter.of_this_machine() if planned.settings.cost else None
            for part in (parts := Portions(planned)):
                job = job_of(part, task, meter)
                about = _about(part, job, known, checks, code, unread)
                about["run"] = before.run_id or run_id(about["identity"])
                about = begin(out, about, part, before)
                before = replace(before, info=about)
                try:
                    found, took = _do(part, job, out, workers, about, before, chooser)
                except UnaskedError as error:
                    parts.stopped(error)
            if planned.settings.adaptive:
                took["records"] = open_folder(out).count
            _finish(out, planned, {**about, **took, **spent_of(planned, part)}, meter, begun)
    age = None
    reused = took["reused_units"]
    if reused and before.newest is not None:
        age = (begun - float(about["begun"]), begun - before.newest)
    return Outcome(open_folder(out), reused, found.failed, age, found.thrown, checks)


def _begin_choosing(planned: Planned, chooser: Chooser | None, out: Path) -> None:
    """Let who chooses the questions say what is wrong before any is asked."""
    if chooser is not None:
        check_floor(planned, chooser)
        chooser.begin(planned, draft(planned, out), job_of(planned, planned.task).schema)


def _finish(out: Path, planned: Planned, about: dict[str, Any], meter: Meter | None, begun: float) -> None:
    """Write what became of the run. Raises where a file that its perturbations read is another one now."""
    unchanged_files(about["identity"], planned.plan.cells, out)
    spent = said_of(meter)  # at the end: a counter may have gone wrong
    write_json(out / "run.json", {**about, **spent, "finished": True, "seconds": time.time() - begun})


def _untimed(planned: Planned) -> Planned:
    """Return the plan for calls that workers hold to the time-out: seen from here they may wait for their turn."""
    return replace(planned, settings=replace(planned.settings, timeout=None))


def _do(
    planned: Planned,
    job: Job,
    out: Path,
    workers: Workers | None,
    about: Mapping[str, Any],
    before: Before,
    chooser: Chooser | None = None,
) -> tuple[Recovered, dict[str, Any]]:
    """Do the units that are not there yet; return what was there, and what ``run.json`` says of it."""
    units = planned.units
    repeats, draws = planned.repeats, planned.plan.draws
    shutil.rmtree(out / ".data", ignore_errors=True)  # of a run that was killed
    places = Places([cell.id for cell in planned.plan.cells], repeats.drawn, planned.shards, draws)
    writer = Writer(out / "records", job.schema, about["run"], places)
    found = writer.recover(before.redo, planned.settings.keep_failures)
    whole = repeats.whole(found.units)
    rounds = chooser and Rounds(planned, chooser, out, places, dict.fromkeys(whole, 0), job.schema)
    left = units.without(whole)
    try:
        with work(planned, job, left, out, workers) as do, closing(rounds.work(do) if rounds else do(left)) as done:
            for unit, table in done:
                check_asked(table)
                for named in repeats.named(unit, table, found.units):
                    writer.add(named)
        writer.compact()
    except BaseException:
        writer.flush()
        raise
    reused = {
        "units": len(whole),
        "records": sum(found.units.values()),
        "failures_asked_again": found.failed,
        "written_last": before.newest,
    }
    took = {"units": len(units), "reused_units": len(whole)}
    stopped = {"adaptive": rounds.said} if rounds else {}
    return found, {**took, **({"reused": reused} if whole else {}), **stopped}


def _workers(model: Any, settings: Settings) -> AbstractContextManager[Workers]:
    """Return the workers of a backend other than threads, which load the model by its name."""
    spec = model.spec if isinstance(model, Model) else model
    if not isinstance(spec, str):
        raise ModelError(
            f"model: must be named (module:attribute) for backend {settings.backend}: each worker loads it. "
            f"Got the object {short(model)}."
        )
    if settings.backend == "processes":
        return on_processes(spec, settings.threads, settings.timeout)
    return on_dask(spec, settings.threads, settings.scheduler, settings.timeout)


def as_it_answers(planned: Planned) -> Planned:
    """Return a plan with what a few clean answers tell of the model: whether it answers a question in one way."""
    job, first = settled_job(planned)
    return replace(planned, steady=is_steady(canaries(job, first, [], planned.settings.threads)))


def settled_job(planned: Planned) -> tuple[Job, list[Sample]]:
    """Return the job, with the form of the model's answers settled, and the first samples."""
    task, _, first = settled(planned)
    return job_of(planned, task), first[:CANARIES]


def _about(
    planned: Planned,
    job: Job,
    answers: Mapping[str, Any],
    checks: Sequence[Check],
    code: Mapping[str, str],
    unread: Sequence[str],
) -> dict[str, Any]:
    """Return the content of run.json."""
    plan, settings, predict = planned.plan, planned.settings, planned.model.predict
    who = identity(planned, job.task, code)
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
        "steady": planned.steady,
        **declared(job.task, (*planned.model.statuses, *planned.model.reports)),
        **({"endpoint": dict(predict.about)} if isinstance(predict, Endpoint) else {}),
        "streams": planned.data.streams,
        "model_unread": list(unread),
        **said_of(job.meter),
        "started": time.time(),
        "begun": time.time(),
        "finished": False,
        **machine(),
    }


def _writable(out: Path) -> Path:
    """Return a folder that can be written; raises RunError, before a model is asked, where it cannot."""
    there = next(place for place in (out, *out.absolute().parents) if os.path.lexists(place))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "is not a folder" if not there.is_dir() else "cannot be written"
        raise RunError(f"{out}: cannot be made: {there} {why}.")
    return out


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{out}: cannot be made: {error.strerror}.") from error
