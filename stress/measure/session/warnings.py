"""What must not be overlooked, in plain sentences: few clusters, failures, idle cells, and the accuracy paradox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stress.measure.core.cells import absent
from stress.measure.core.context import Context
from stress.measure.core.counts import counts_of
from stress.measure.session.alike import dependence, untested
from stress.measure.tables.attacks import attack_warnings
from stress.measure.tables.coalitions import lost_cells, streams_of
from stress.statistics.counts import measure_by_class

__all__ = ["Caution", "warnings"]

_HIGH, _LOW = 0.9, 0.5


@dataclass(frozen=True)
class Caution:
    """A sentence about what a headline hides. ``about`` says which kind of thing it is about."""

    about: Literal["evidence", "failures", "records", "classes", "streams", "attacks"]
    text: str


def warnings(context: Context) -> list[Caution]:
    """Return what must not be overlooked when the headline is read."""
    found = [Caution("evidence", text) for text in _evidence(context)]
    found += [Caution("failures", text) for text in _failures(context)]
    found += [Caution("records", text) for text in _records(context)]
    found += [Caution("classes", text) for text in _classes(context)]
    found += [Caution("streams", text) for text in _streams(context)]
    return [*found, *(Caution("attacks", text) for text in attack_warnings(context))]


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _evidence(context: Context) -> list[str]:
    found = []
    if context.clusters.few:
        found.append(f"few clusters: {len(context.clusters)} by {context.clusters.by}; intervals are t-based")
    if context.frame.clean is None:
        found.append("the run has no clean cell: nothing can be compared with it")
    found += dependence(context)
    note = absent(context, context.headline)
    return [*found, f"{context.headline.name} has no value: {note}"] if note else found


def _failures(context: Context) -> list[str]:
    ended, found = context.status_counts, []
    if ended.failed:
        found.append(f"{ended.failed} of {ended.records} records failed; they are counted as failures")
    if ended.left_out:
        found.append(
            f"{ended.left_out} records were not asked for, since a perturbation raised; they are left out everywhere"
        )
    return found


def _cells(cells: Sequence[str], one: str = "", several: str = "") -> str:
    """Return how many cells there are, with the form of the verb that goes with it."""
    return f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'} {one if len(cells) == 1 else several}".strip()


def _records(context: Context) -> list[str]:
    frame, found = context.frame, []
    ended, counts = context.status_counts, context.counts
    idle = [i for i, n in zip(frame.ids, counts["n"]) if not n]
    if idle:
        found.append(f"{_cells(idle, 'has', 'have')} no records: {_some(idle)}")
    most = int(ended.present.max(initial=0))
    short = [i for k, i in enumerate(frame.ids) if 0 < counts["n"][k] < most]
    if short:
        said = "their drops are over the samples they share with clean"
        found.append(f"{_cells(short, 'lacks', 'lack')} some of the {most} samples: {_some(short)}; {said}")
    still = [i for i, n, same in zip(frame.ids, counts["n"], counts["unchanged"]) if n and same / n > 0.5]
    still = [i for i in still if i != "clean"]
    if still:
        where = _cells(still, "leaves", "leave")
        found.append(f"{where} most samples as they are, as nothing in them could be perturbed: {_some(still)}")
    if whole := untested(context):
        found.append(f"not tested: {_cells(whole)} in which no perturbation could change any record: {_some(whole)}")
    return found


def _classes(context: Context) -> list[str]:
    """The accuracy paradox, by class: nearly always right, and blind to one class."""
    counts = counts_of(context) if context.single else None
    if counts is None:
        return []
    found, names = [], context.frame.declared.classes
    recall = measure_by_class("recall", counts).value
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = counts.hits.sum(axis=1) / counts.records
    for i in np.flatnonzero(accuracy >= _HIGH):
        for k in np.flatnonzero(recall[i] < _LOW):
            cell, name, support = context.frame.ids[i], str(names[k]), int(counts.truths[i, k])
            said = f"accuracy paradox: {cell} has accuracy {accuracy[i]:.1%} and recall {recall[i, k]:.1%}"
            found.append(f"{said} on class {name} ({support} sample{'' if support == 1 else 's'})")
    return found[:10] + ([f"accuracy paradox: {len(found) - 10} more cells and classes"] if len(found) > 10 else [])


def _streams(context: Context) -> list[str]:
    """The accuracy paradox, by stream: right when all is there, lost with one stream alone."""
    frame = context.frame
    if context.right is None or frame.clean is None or absent(context, context.right):
        return []
    accuracy, streams = context.values(context.right).point, streams_of(context)
    counts, found = counts_of(context), []
    if accuracy[frame.clean] < _HIGH or len(streams) < 2:
        return []
    for fill, cells in lost_cells(context).items():
        for name in streams:
            cell = cells.get(frozenset(streams) - {name})
            if cell is None or not accuracy[cell] < _LOW:
                continue
            worst = ""
            if counts is not None:
                recall = np.nan_to_num(measure_by_class("recall", counts).value[cell], nan=1.0)
                name_of = frame.declared.classes[int(recall.argmin())]
                worst = f"; lowest recall {recall.min():.1%} on class {name_of}"
            found.append(
                f"accuracy paradox: clean accuracy is {accuracy[frame.clean]:.1%}, with {name} alone "
                f"{accuracy[cell]:.1%} (fill {fill}){worst}"
            )
    return found
