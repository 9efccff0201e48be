"""What a run goes on from: the folder as it was left, the data in the order it knows, and what must be done again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa

from perturbations import RunError
from stress.data import Index, Known, Samples, keep_files, known_files
from stress.engine._identity import agree
from stress.engine._plan import Planned, cut, needs_all_data, shard_size, with_a_look
from stress.engine._settle import target_texts
from stress.records.blocks import Block
from stress.records.folder import open_folder
from stress.records.parts import present_parts, read_whole
from stress.records.schema import cells_table
from stress.records.stopping import begun_as
from stress.records.writing import write_json, write_table
from stress.tasks import declared

__all__ = ["Before", "begin", "beside", "draft", "look_back"]

OWN = (".lock", "answers")
"""What a run leaves in its folder before the first record: answers that preflight was given, and paid for."""
DATA = "data.parquet"
"""Ids and digests of all samples of the data, in the order that records count in."""


@dataclass(frozen=True)
class Before:
    """A run as a folder holds it; ``info`` is empty where there is none.

    ``same_data`` says that its samples are all there still, by the table of digests; ``redo`` are cells that are done
    again because samples were added.
    """

    info: Mapping[str, Any] = field(default_factory=dict)
    same_data: bool = False
    redo: frozenset[str] = frozenset()
    newest: float | None = None
    digests: Sequence[str | None] = ()
    """What its samples were, in its order; None where one was not looked at."""

    @property
    def steady(self) -> bool:
        """Whether the model answered the same question in one way until now, as far as the folder tells."""
        answers = ((self.info.get("identity") or {}).get("model") or {}).get("canaries") or {"": True}
        return bool(self.info.get("steady", any(answer is not None for answer in answers.values())))

    @property
    def run_id(self) -> str | None:
        """The name that its parts carry."""
        return self.info.get("run")


def beside(out: Path) -> Path:
    """Return the folder for a new run beside the one in ``out``: ``out`` itself, where there is none."""
    found, number = out, 1
    while os.path.exists(found / "run.json"):
        number += 1
        found = out.with_name(f"{out.name}-{number}")
    return found


def look_back(planned: Planned, out: Path) -> tuple[Planned, Before]:
    """Return the plan as the folder's run goes on: its samples where they were, and new ones after them."""
    if not os.path.exists(out / "run.json"):
        return planned, Before()
    info = open_folder(out).info
    planned = _as_begun(planned, info, out)
    newest = max((part.stat().st_mtime for part in present_parts(out / "records")), default=None)
    known, old = planned.data.known, info.get("identity", {}).get("data", {})
    if known is None or not known.digests or not os.path.exists(out / DATA):
        return planned, Before(info, newest=newest)
    table = read_whole(out / DATA)
    order = _order(str(out), planned.data, table)
    added = len(planned.data) - table.num_rows
    if added and planned.settings.adaptive:
        raise RunError(
            f"{out}: holds a run that stops by what it saw, and its data have {added:,} more samples now, which no "
            "beginning of its order is a fair picture of. Run it anew beside this one, which is kept (--fresh)."
        )
    extents = [*old.get("extents", []), *([table.num_rows] if added else [])]
    moved = _arranged(planned.data, order)
    old_digests = table["digest"].to_pylist()
    size = int(info["identity"].get("shard_size", planned.shard_size))
    settings = planned.settings
    order_now = cut(moved, settings, size, extents)
    found = with_a_look(replace(planned, data=moved, shards=order_now, shard_size=size, extents=tuple(extents)))
    _check_same(str(out), found.data, old_digests)
    other_limit = (info.get("settings") or {}).get(
        "limit"
    ) != settings.limit  # a universal attack is fitted on all of it
    redo = frozenset(
        cell.id
        for cell in planned.plan.cells
        if (added and needs_all_data(cell)) or (other_limit and any(c.declaration.held_out for c in cell.conditions))
    )
    if added and dict(planned.task.describe()).get("classes") != (info["identity"].get("task") or {}).get("classes"):
        redo = frozenset(cell.id for cell in planned.plan.cells)
    return found, Before(info, True, redo, newest, old_digests)


def _as_begun(planned: Planned, info: Mapping[str, Any], out: Path) -> Planned:
    """Return the plan in the order in which the folder's run was begun. Raises RunError for one that cannot stop.

    What was begun as an adaptive run goes on in its small shards, up to the whole grid.
    """
    begun, asked = begun_as(info), planned.settings.adaptive
    if begun and not asked:
        settings = replace(planned.settings, adaptive=begun)
        size = shard_size(planned.data, settings)
        return replace(planned, settings=settings, shards=cut(planned.data, settings, size), shard_size=size)
    if asked and asked != begun:
        how = {None: "without --until", "rules": "with --until GATES or precision=P", "means": "with --until mean=P"}
        raise RunError(
            f"{out}: holds a run that was begun {how[begun]}: its samples come in an order in which what was seen "
            "first says nothing valid of the rest. Run it beside this one, which is kept (--fresh), or name another "
            "folder (--out DIR)."
        )
    return planned


def _order(path: str, data: Samples, table: pa.Table) -> list[int]:
    """Return where the folder's samples stand in the data, then new ones. Raises at the first that is gone."""
    where = {name: position for position, name in enumerate(data.ids)}
    names = table["id"].to_pylist()
    for number, name in enumerate(names):
        if name not in where:
            raise _other(path, name, number, len(names), "is no longer in the data")
    order = [where[name] for name in names]
    there = set(order)
    return [*order, *(position for position in range(len(data)) if position not in there)]


def _check_same(path: str, data: Samples, digests: Sequence[str | None]) -> None:
    """Raise RunError at the first sample that is not what it was; one that was not looked at is not compared."""
    for number, (was, now) in enumerate(zip(digests, data.known.digests if data.known else ())):
        if was is not None and now is not None and was != now:
            raise _other(path, data.ids[number], number, len(digests), "has other content, target or groups now")


def _other(path: str, name: str, number: int, count: int, what: str) -> RunError:
    return RunError(
        f"{path}: holds a run of other data: sample {name!r} (number {number + 1} of {count}) {what}. "
        "Run it beside this one, which is kept (--fresh), or name another folder (--out DIR)."
    )


def _arranged(data: Samples, order: Sequence[int]) -> Samples:
    """Return the data in another order; the data themselves where it is the same."""
    if list(order) == list(range(len(data))):
        return data
    index, known = data.index, data.known

    def of(values: Sequence[Any]) -> list[Any]:
        return [values[i] for i in order]

    moved = Index(
        ids=of(index.ids), targets=of(data.targets), sequences=of(index.sequences), times=of(index.times),
        splits=of(index.splits), groups={name: of(values) for name, values in index.groups.items()},
    )  # fmt: skip
    prove: Callable[..., str] = known.prove if known is not None else lambda *_: ""
    look = known.look if known is not None else None
    later = look and (lambda positions: look([order[i] for i in positions]))
    table = known and Known(of(known.digests), of(known.present), lambda i, sample: prove(order[i], sample), later)
    found = Samples(
        data.name, data.streams, moved, lambda i: data.given(order[i]), data.fingerprint, data.alternates, data.classes,
        data.cluster, table,
    )  # fmt: skip
    found.limits, found.notes, found.left_out, found.files = data.limits, data.notes, data.left_out, data.files
    return found.with_targets(of(data.targets))


def begin(out: Path, about: dict[str, Any], planned: Planned, before: Before) -> dict[str, Any]:
    """Refuse a folder that holds something else; otherwise write what is known before the first record.

    Returns what ``run.json`` says: where another model was accepted, that and why.
    """
    mixed = list(before.info.get("mixed", []))
    if before.info:
        accepted = agree(str(out), before.info["identity"], about["identity"], before, planned.settings.accept_model)
        mixed += [{"why": planned.settings.accept_model, "when": time.time(), "differs": accepted}] if accepted else []
        about = {**about, "begun": before.info.get("begun", before.info.get("started"))}
    elif strangers := [p.name for p in out.iterdir() if p.name not in OWN and not p.name.endswith(".tmp")]:
        raise RunError(f"{out}: must be empty or a run folder, got {', '.join(sorted(strangers)[:3])} in it.")
    about = {**about, **({"mixed": mixed} if mixed else {})}
    write_json(out / "run.json", about)  # first: it makes the folder ours
    if planned.data.known is not None and planned.data.known.digests:
        before_now = zip_longest(before.digests, planned.data.known.digests)
        digests = pa.array([was if now is None else now for was, now in before_now], pa.string())
        write_table(out / DATA, pa.table({"id": pa.array(list(planned.data.ids), pa.string()), "digest": digests}))
    limits = planned.settings.limits
    keep_files(out, {**known_files(out, limits), **planned.data.files}, limits)  # also of those not visited this time
    write_table(out / "samples.parquet", samples_table(planned))
    write_table(out / "cells.parquet", cells_table(planned.plan.cells, planned.data.streams, planned.repeats.drawn))
    return about


def draft(planned: Planned, out: Path) -> Block:
    """Return a planned run as a reader would find it, before anything is written: its cells and samples, no record."""
    task = planned.task
    about: dict[str, Any] = {"identity": {"data": {"streams": planned.data.streams}}, "streams": planned.data.streams}
    about |= {"cluster": planned.settings.cluster or planned.data.cluster, **declared(task, planned.model.reports)}
    cells = cells_table(planned.plan.cells, planned.data.streams, planned.repeats.drawn)
    found = SimpleNamespace(path=out, info=about, samples=samples_table(planned), cells=cells)
    return Block(cast(Any, found), np.arange(len(found.samples)), pa.table({}))


def samples_table(planned: Planned) -> pa.Table:
    """Return the samples of a run as a table; ``order`` is the position that records name."""
    index, data = planned.data.index, planned.data
    extra: dict[str, pa.Array] = {}
    chosen = np.sort(np.concatenate(planned.shards)).tolist()

    def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        return pa.array(values if len(chosen) == len(values) else [values[i] for i in chosen], kind)

    if planned.settings.adaptive:  # which beginning of the order a sample belongs to
        of = {int(position): number for number, shard in enumerate(planned.shards) for position in shard}
        extra = {"shard": pa.array([of[position] for position in chosen], pa.int32())}
    groups = {f"group.{name}": column(values, pa.string()) for name, values in index.groups.items()}
    return pa.table(
        {
            "id": column(data.ids, pa.string()),
            "order": pa.array(chosen, pa.int32()),
            "sequence": column(data.sequences, pa.string()),
            "time": column(data.times, pa.float64()),
            "split": column(index.splits, pa.string()),
            "target": column(target_texts(data.targets), pa.string()),
            **extra,
            **groups,
        }
    )
