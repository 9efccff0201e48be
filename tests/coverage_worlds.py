"""Many experiments at a time: runs in memory whose truth is known, measured by what makes the tables.

``many`` lays independent worlds side by side as the cells of one run: one reading measures them all. Where a measure
needs a clean cell of its own, ``each`` gives every world a run; all are resampled in one matrix product.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from perturbations._keys import Key, generator
from stress._face import Run
from stress.measure.core.context import Context, options
from stress.records.frame import Frame
from stress.records.schema import CELLS
from tests._amount import amount
from tests._runs import cell, said_of

WORLDS = amount(500, 2000)
LUCK = 3 * (0.95 * 0.05) ** 0.5 * (WORLDS**-0.5 - 2000**-0.5)
"""By how much more than in 2,000 worlds a share of the usual run may be off: three of its standard errors."""
PARTS = 20
"""Worlds are made in so many parts, each with populations (and weights) of its own."""
LETTERS = np.array(list("abcd"))
CLASSIFICATION = {"task": "classification", "classes": list(LETTERS), "answers": "labels", "keep": "none"}


def rng_of(name):
    """A generator for each subject, chosen once: no test's numbers depend on another's."""
    return generator(Key(0, f"coverage {name}"))


@dataclass(frozen=True)
class Memory(Run):
    """A run that was never written: its tables are given."""

    told: tuple = ()
    rows: pa.Table = None
    people: pa.Table = None
    answers: pa.Table = None
    parts = ()

    @cached_property
    def info(self):
        return dict(self.told)

    @cached_property
    def samples(self):
        return self.people

    @cached_property
    def cells(self):
        return self.rows

    @cached_property
    def columns(self):
        return tuple(self.answers.column_names)

    @cached_property
    def count(self):
        return len(self.answers)

    def column(self, name):
        return self.answers[name]

    def _now(self):
        return self

    def records(self, cells=None, columns=None):
        assert cells is None
        return self.answers if columns is None else self.answers.select(["cell", "sample", "draw", *columns])


def memory(cells, there, columns, task=CLASSIFICATION, groups=None, targets=None, streams=None):
    """A run in memory. ``there`` is a (samples × cells) mask of records, ``columns`` are (samples × cells) values."""
    n = len(there)
    where, sample = np.nonzero(there.T)
    table = {
        "cell": pa.DictionaryArray.from_arrays(pa.array(where, pa.int32()), pa.array([row["cell"] for row in cells])),
        "sample": pa.array(sample, pa.int32()),
        "draw": pa.array(np.zeros(len(where), np.int32)),
        "status": pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(where), np.int32)), pa.array(["ok"])),
    }
    for name, values in columns.items():
        flat = np.asarray(values).T[there.T]
        if name == "prediction":
            flat = pa.DictionaryArray.from_arrays(pa.array(flat, pa.int32()), pa.array(task["classes"]))
        table[name] = pa.array(flat)
    people = {
        "id": [f"s{i:06d}" for i in range(n)],
        "order": pa.array(range(n), pa.int32()),
        "target": pa.array(["a"] * n if targets is None else list(targets)),
        **{f"group.{k}": pa.array([str(x) for x in v]) for k, v in (groups or {}).items()},
    }
    identity = {"task": task} | ({"data": {"streams": list(streams)}} if streams else {})
    rows = pa.Table.from_pylist([{**row, "order": i} for i, row in enumerate(cells)], schema=CELLS)
    told = (("identity", identity), ("format", 2), *said_of(task).items())
    return Memory(Path("memory"), told=told, rows=rows, people=pa.table(people), answers=pa.table(table))


def many(columns, there=None, **more):
    """A run whose cells are worlds: each column is (samples × worlds)."""
    shape = next(iter(columns.values())).shape
    cells = [cell(f"w{i}", "noise", float(i + 1)) for i in range(shape[1])]
    return memory(cells, np.ones(shape, bool) if there is None else there, columns, **more)


def template(cells, n, columns=("score",), **more):
    """A run of complete cells, to be filled by ``each``."""
    shape = (n, len(cells))
    full = {
        name: np.arange(n * len(cells)).reshape(shape) % 4 * (1 if name == "prediction" else 1.0) for name in columns
    }
    return memory(cells, np.ones(shape, bool), full, **more)


def each(run, columns, **given):
    """A question (context) for each world: columns are (samples × cells × worlds), in the cells of ``run``.

    Every world has its own records under the same cells and samples. The headline is resampled for all at once.
    """
    given = {"cluster": None, "resamples": 1000, **given}
    width = next(iter(columns.values())).shape[2]
    for k, part in enumerate(np.array_split(np.arange(width), min(PARTS, width))):
        yield from _part(run, columns, part, options({**given, "seed": k}))


def _part(run, columns, worlds, chosen):
    base = Frame(run, chosen.limit)
    whole = Context(base, chosen)
    kept = ("cells", "ids", "clean", "sample_table", "declared", "_all", "_keys", "by_cell", "schema")
    shared, found = {name: getattr(base, name) for name in kept}, []
    for w in worlds:
        frame = Frame(run, base.limit)
        frame.__dict__.update(shared)
        for name, values in columns.items():
            flat = values[..., w].T.ravel()
            if name == "prediction":
                frame.__dict__["predictions"] = (flat.astype(np.int64), base.predictions[1])
            else:
                frame._columns[name] = flat.astype(np.float64)
        context = Context(frame, chosen)
        context.__dict__["clusters"] = whole.clusters
        found.append(context)
    metric, size = found[0].headline, len(base.ids)
    sums = [context.frame.sums(metric) for context in found]
    wide = whole.ratio(metric, *(np.concatenate(side, axis=1) for side in zip(*sums)))
    for w, context in enumerate(found):
        at = slice(w * size, (w + 1) * size)
        plain = wide.plain and {key: v[at] for key, v in wide.plain.items()}
        totals = tuple(side[at] for side in wide.totals)
        sizes = None if wide.sizes is None else (lambda at=at: wide.counts[:, at])
        context._values[metric.name] = replace(
            wide,
            sizes=sizes,
            point=wide.point[at],
            resample=lambda at=at: wide.rows[:, at],
            plain=plain,
            sparse=None,
            totals=totals,
        )
        yield context


class Tally:
    """How often an interval held its truth, by name; one that is not given is counted apart, and null is no end."""

    def __init__(self):
        self.inside, self.missing = defaultdict(list), defaultdict(int)

    def add(self, name, low, high, truth):
        if low is None or high is None or np.isnan(low) or np.isnan(high):
            self.missing[name] += 1
        else:
            self.inside[name].append(low <= truth + 1e-12 and truth - 1e-12 <= high)

    def rows(self, rows, truth, key="metric"):
        """Add rows of a table; ``truth`` maps each measure to its true value, others are passed over."""
        for row in rows:
            if row[key] in truth:
                self.add(row[key], row.get("low"), row.get("high"), truth[row[key]])

    def holds(self, least=0.93, most=0.97, missing=0.0):
        """Check all shares; what is found is printed (``pytest -s --exhaustive``): the numbers of docs/measures.md."""
        found = {name: float(np.mean(values)) for name, values in self.inside.items()}
        for name, share in found.items():
            gone = self.missing[name] / (self.missing[name] + len(self.inside[name]))
            print(f"{name}: {share:.4f} of {len(self.inside[name])}" + (f", {gone:.2%} without" if gone else ""))
        assert found, "nothing was measured"
        assert all(len(v) >= WORLDS * (1 - missing) for v in self.inside.values()), dict(self.missing)
        assert {n: s for n, s in found.items() if not least - LUCK <= s <= most + LUCK} == {}


def nested(rng, n, rates, worlds=WORLDS, member=None, own=0.3):
    """(samples × cells × worlds) right or wrong at these rates: a sample's luck is mostly the same in all cells.

    With ``member``, the samples of a cluster share a part of their luck too.
    """
    luck = together(rng, (n, 1, worlds), member)
    fresh = rng.random((n, len(rates), worlds))
    luck = np.where(rng.random(fresh.shape) < own, fresh, luck)
    return (luck < np.asarray(rates)[None, :, None]) * 1.0


def together(rng, shape, member=None, share=0.3):
    """Uniform luck; of the samples of one cluster, a share have the same."""
    luck = rng.random(shape)
    if member is None:
        return luck
    common = rng.random((int(member.max()) + 1, *shape[1:]))[member]
    return np.where(rng.random(shape) < share, common, luck)


def drawn(rng, pool, n, worlds, member=None):
    """(pool × worlds) mask: the n samples (or n clusters) that each world draws from a population that all share."""
    if member is not None:
        return drawn(rng, int(member.max()) + 1, n, worlds)[member]
    return rng.random((pool, worlds)).argsort(axis=0).argsort(axis=0) < n
