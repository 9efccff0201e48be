"""Which stream does an answer rest on? A run's samples are made again, and its model asked with parts gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords
from scenarios import Cell
from stress.attribute._attention import attention_of
from stress.attribute._coalitions import by_gradients, occluded, together, worth_of_sets
from stress.attribute._deletion import piece_curves, stream_curves
from stress.attribute._judgements import Judgements, agreement
from stress.attribute._measured import TOLERANCE, Beside, beside, ranked
from stress.attribute._paths import COMPLETE, Integrated
from stress.attribute._shares import Share, mean_of, names_of, shares_of, sized
from stress.attribute._world import Met, World
from stress.data import Reading, load_data
from stress.measure import measured
from stress.models import load_model
from stress.records.folder import Folder
from stress.statistics.arrays import Floats
from stress.statistics.bootstrap import Clusters

__all__ = ["Attribution", "Deleted", "Part", "attribute"]

_MOST_INCOMPLETE = 0.05
"""Share of a cell's samples whose gradients may fail to add up, before there is no number."""
GRADIENTS, OCCLUSION, SETS, ATTENTION = "integrated_gradients", "occlusion", "together", "attention"


@dataclass(frozen=True)
class Part:
    """What share of a cell's answers a method gives to a stream; of ``together``, to a set of streams."""

    cell: str
    method: str
    stream: str
    share: Share


@dataclass(frozen=True)
class Deleted:
    """Whether deleting what a method says matters most makes the answer fall sooner than deleting ``beside`` it does.

    ``advantage`` is by how much more the probability falls, as a mean over all deletions: above 0 is faithful.
    ``first`` and ``other`` are the two curves.
    """

    cell: str
    method: str
    of: str
    beside: str
    advantage: Share
    first: tuple[float, ...]
    other: tuple[float, ...]


@dataclass(frozen=True)
class Attribution:
    """Shares of streams by several methods, for some cells of a run, and what they are worth.

    ``gaps`` is the largest failure of completeness in each cell; ``rests_together`` are the cells in which most of the
    answer comes of streams together, so that no share of a single one tells it; ``ranks`` are rank correlations with
    the measured shares; ``judged`` is the agreement with people, by method.
    """

    run: str
    model: str
    samples: int
    clusters: int
    fill: str
    confidence: float
    tolerance: float
    parts: tuple[Part, ...]
    beside: tuple[Beside, ...]
    ranks: Mapping[str, Share]
    deleted: tuple[Deleted, ...]
    gaps: Mapping[str, float]
    rests_together: tuple[str, ...]
    judged: Mapping[str, Mapping[str, Share]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def disagreeing(self) -> tuple[Beside, ...]:
        """The shares that surely are not what was measured."""
        return tuple(row for row in self.beside if row.verdict == "disagrees")

    def of(self, cell: str, method: str) -> dict[str, Share]:
        """Return the shares of one method in one cell, by stream or set of streams."""
        return {part.stream: part.share for part in self.parts if (part.cell, part.method) == (cell, method)}

    def data(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {"format": 1, **asdict(self), "disagreeing": [asdict(row) for row in self.disagreeing]}


@named_keywords
def attribute(
    run: Folder,
    model: Any,
    data: Any,
    *,
    cells: Sequence[str] = (),
    samples: int = 30,
    fill: str | None = None,
    judgements: Judgements | None = None,
    confidence: float = 0.95,
    tolerance: float = TOLERANCE,
    batch_size: int = 32,
) -> Attribution:
    """Say which streams the answers of a run rest on, cell by cell, and hold it against what was measured.

    ``model`` and ``data`` are those of the run: they must answer, and be, as was recorded. ``cells`` are globs (clean
    and the last severity of each scenario, where none are given), ``samples`` how many are looked at, evenly spread,
    ``fill`` what stands for a lost stream (that of the run's lost streams). What is attributed is the probability of
    the right class. Integrated gradients need a model with gradients, and are complete to 0.001 or null with the
    reason; occlusion takes each set of streams away. Raises InputError where the task is not classification, the model
    has no gradients, or an option cannot be; RunError where model or data are not those of the run.
    """
    _check(samples, confidence, tolerance, batch_size)
    world = World.of(run, load_model(model), load_data(data, reading=Reading(later=True)), samples, fill, batch_size)
    if judgements is not None and (other := sorted(set(judgements.by_sample) - set(run.samples["id"].to_pylist()))):
        raise InputError(f"attribute: judgements must be of the run's samples, got {other[0]!r}.")
    balance = measured(run).rows("balance")
    found = _Found()
    for cell in world.chosen(cells):
        met = world.met(cell)
        _of_cell(world, cell, met, balance, confidence, tolerance, found)
        if cell.id == "clean" and judgements is not None:
            found.judged = {
                method: agreement(judgements, met.ids, sized(parts), met.clusters, confidence)
                for method, parts in found.latest.items()
            }
    if judgements is not None and not found.judged:
        raise InputError("attribute: judgements are of clean samples: the cells must have clean among them.")
    return Attribution(
        run=run.path.name,
        model=world.name,
        samples=len(world.positions),
        clusters=len(world.clusters),
        fill=world.fill,
        confidence=confidence,
        tolerance=tolerance,
        parts=tuple(found.parts),
        beside=tuple(found.beside),
        ranks=ranked(found.beside),
        deleted=tuple(found.deleted),
        gaps=found.gaps,
        rests_together=tuple(found.together),
        judged=found.judged,
        notes=tuple(dict.fromkeys([*world.notes, *found.notes])),
    )


@dataclass
class _Found:
    """What is gathered cell by cell; ``latest`` are each sample's parts by method in the last one."""

    parts: list[Part] = field(default_factory=list)
    beside: list[Beside] = field(default_factory=list)
    deleted: list[Deleted] = field(default_factory=list)
    gaps: dict[str, float] = field(default_factory=dict)
    together: list[str] = field(default_factory=list)
    judged: Mapping[str, Mapping[str, Share]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    latest: dict[str, Floats] = field(default_factory=dict)


def _of_cell(
    world: World,
    cell: Cell,
    met: Met,
    balance: Sequence[Mapping[str, Any]],
    confidence: float,
    tolerance: float,
    found: _Found,
) -> None:
    """Add what is to be said of one cell."""
    asker, streams = world.asker, world.streams
    worth = worth_of_sets(asker, met.rows, streams, lambda place, name: met.gone[place][name], met.labels)
    world.check_answers(cell, met, worth[:, -1])
    parts: dict[str, Floats] = {OCCLUSION: occluded(worth)}
    way: Integrated | None = None
    if world.moving:
        added, way = by_gradients(asker, met.rows, met.starts, streams, world.moving, met.labels)
        found.gaps[cell.id] = float(np.max(way.gap))
        wrong = int((~(way.gap <= COMPLETE)).sum())
        if wrong > _MOST_INCOMPLETE * len(way.gap):
            note = f"gradients do not add up to what the answer moves by in {wrong} of {len(way.gap)} samples"
            found.parts += [Part(cell.id, GRADIENTS, n, Share(None, n=len(way.gap), note=note)) for n in streams]
            way = None
        else:
            parts[GRADIENTS] = added
    sets = together(worth)[:, 1:]
    named = [names_of(streams, number) for number in range(1, worth.shape[1])]
    of_sets = shares_of(met.clusters, sets, confidence)
    found.parts += [Part(cell.id, SETS, name, share) for name, share in zip(named, of_sets)]
    joint = sum(share.value or 0.0 for name, share in zip(named, of_sets) if name not in streams)
    if joint > 1 / 2:
        found.together.append(cell.id)
    for method, each in parts.items():
        shares = shares_of(met.clusters, each, confidence)
        found.parts += [Part(cell.id, method, name, share) for name, share in zip(streams, shares)]
        found.beside += beside(cell.id, method, streams, shares, balance, world.fill, tolerance)
        found.deleted.append(_by_streams(cell, method, worth, each, met.clusters, confidence))
    found.latest = parts
    found.parts += [
        Part(cell.id, ATTENTION, name, share)
        for name, share in attention_of(world.predict, met.rows, streams, met.clusters, confidence)
    ]
    if way is not None:
        found.deleted += _by_pieces(world, cell, met, way, confidence)


def _by_streams(cell: Cell, method: str, worth: Floats, parts: Floats, own: Clusters, confidence: float) -> Deleted:
    first, last = stream_curves(worth, parts)
    return _deleted(cell, method, "streams", "least first", first, last, own, confidence)


def _deleted(
    cell: Cell, method: str, of: str, other_is: str, first: Floats, other: Floats, own: Clusters, confidence: float
) -> Deleted:
    inside = slice(1, -1)  # both begin with everything and end with nothing
    gained = (other[:, inside] - first[:, inside]).mean(axis=1) if first.shape[1] > 2 else np.zeros(len(first))
    advantage = mean_of(own, gained, confidence)
    curves = (tuple(float(v) for v in curve.mean(axis=0)) for curve in (first, other))
    return Deleted(cell.id, method, of, other_is, advantage, *curves)


def _by_pieces(world: World, cell: Cell, met: Met, way: Integrated, confidence: float) -> list[Deleted]:
    found = []
    for name in world.moving:
        there = [place for place, part in enumerate(way.parts[name]) if part is not None]
        if there:
            first, chance = piece_curves(
                world.asker, met.rows, met.starts, name, way.parts[name], met.labels, world.seed
            )
            own = met.only(there)
            found.append(_deleted(cell, GRADIENTS, name, "by chance", first, chance, own, confidence))
    return found


def _check(samples: Any, confidence: Any, tolerance: Any, batch_size: Any) -> None:
    for name, value in (("samples", samples), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"attribute: {name} must be a whole number of at least 1, got {value!r}.")
    for name, value in (("confidence", confidence), ("tolerance", tolerance)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise InputError(f"attribute: {name} must be between 0 and 1, got {value!r}.")
