"""Two thousand experiments at a time: runs in memory whose truth is known, measured by what makes the tables.

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
from stress.engine._folder import Run
from stress.engine._tables import CELLS
from stress.measure._context import Context, Values, options
from stress.measure._counts import count_metrics
from stress.measure._frame import Frame
from stress.measure._registry import context_of
from tests._runs import cell

WORLDS = 2000
CLASSIFICATION = {"task": "classification", "classes": ["a", "b", "c", "d"], "answers": "labels", "keep": "none"}


def rng_of(name):
    """A generator for each subject, so that no test's numbers depend on another's."""
    return generator(Key(0, f"coverage {name}"))


@dataclass(frozen=True)
class Memory(Run):
    """A run that was never written: its tables are given."""

    about: tuple = ()
    rows: pa.Table = None
    given: pa.Table = None
    table_: pa.Table = None

    @cached_property
    def info(self):
        return dict(self.about)

    @cached_property
    def samples(self):
        return self.given

    @cached_property
    def cells(self):
        return self.rows

    @property
    def parts(self):
        return ()

    @cached_property
    def columns(self):
        return tuple(self.table_.column_names)

    def records(self, cells=None, columns=None):
        assert cells is None
        return self.table_ if columns is None else self.table_.select(["cell", "sample", "draw", *columns])


def memory(cells, there, columns, task=None, groups=None, targets=None, draw=None, streams=None):
    """A run in memory. ``there`` is a (samples × cells) mask of records, ``columns`` are (samples × cells) values."""
    n = len(there)
    where, sample = np.nonzero(there.T)
    names = [row["cell"] for row in cells]
    table = {
        "cell": pa.DictionaryArray.from_arrays(pa.array(where, pa.int32()), pa.array(names)),
        "sample": pa.array(sample, pa.int32()),
        "draw": pa.array(np.zeros(len(where), int) if draw is None else draw.T[there.T], pa.int32()),
    }
    values = {name: np.asarray(v).T[there.T] for name, v in columns.items()}
    status = values.pop("status", np.zeros(len(where), int))
    known = pa.array(["ok", "unchanged", "crash", "invalid", "timeout"])
    table["status"] = pa.DictionaryArray.from_arrays(pa.array(status, pa.int32()), known)
    if "prediction" in values:
        codes = values.pop("prediction")
        labels = pa.array([*(task or CLASSIFICATION)["classes"]])
        table["prediction"] = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=codes < 0), labels)
    table |= {name: pa.array(v, mask=np.isnan(v)) for name, v in values.items()}
    samples = {
        "id": [f"s{i:06d}" for i in range(n)],
        "order": pa.array(range(n), pa.int32()),
        "target": pa.array([str(t) for t in targets] if targets is not None else ["a"] * n),
        **{f"group.{k}": pa.array([str(x) for x in v]) for k, v in (groups or {}).items()},
    }
    identity = {"task": task or CLASSIFICATION} | ({"data": {"streams": streams}} if streams else {})
    rows = pa.Table.from_pylist([{**row, "order": i} for i, row in enumerate(cells)], schema=CELLS)
    about = (("identity", identity), ("format", 1))
    return Memory(Path("memory"), about, rows, pa.table(samples), pa.table(table))


def many(columns, there=None, cells=None, **more):
    """A run whose cells are worlds: each column is (samples × worlds)."""
    shape = next(iter(columns.values())).shape
    cells = cells or [cell(f"w{i}", "noise", float(i + 1)) for i in range(shape[1])]
    return memory(cells, np.ones(shape, bool) if there is None else there, columns, **more)


def each(run, columns, width, **given):
    """A question for each world: ``run`` has the cells of ``width`` worlds' copies; columns are (samples × cells × worlds).

    Every world has its own records under the same cells and samples. The headline is resampled for all at once.
    """
    chosen = options({"cluster": None, **given})
    base = Frame(run, chosen.limit)
    whole = Context(base, chosen)
    shared = {name: getattr(base, name) for name in ("cells", "ids", "clean", "samples", "targets", "declared", "_base")}
    shared |= {"by_cell": base.by_cell, "_order": base._order, "schema": base.schema}
    if base.has("prediction"):
        names = base.predictions[1]
    for start in range(0, width, 100):
        part = slice(start, min(start + 100, width))
        yield from _part(run, columns, part, chosen, base, whole, shared, names if base.has("prediction") else None)


def _part(run, columns, part, chosen, base, whole, shared, names):
    flat = {name: values[..., part].transpose(2, 1, 0) for name, values in columns.items()}  # worlds × cells × samples
    there = np.zeros((len(base.ids), len(base.samples)), bool)
    there[base.cell, base.sample] = True
    found = []
    for w in range(part.stop - part.start):
        frame = Frame(run, base.limit)
        frame.__dict__.update(shared)
        for name, values in flat.items():
            if name == "prediction":
                frame.__dict__["predictions"] = (values[w][there].astype(np.int64), names)
            else:
                frame._columns[name] = values[w][there].astype(np.float64)
        context = Context(frame, chosen)
        context.__dict__["clusters"] = whole.clusters
        found.append(context)
    metric = found[0].headline
    sums = [context.frame.sums(metric) for context in found]
    size = len(base.ids)
    wide = whole.ratio(metric, *(np.concatenate(side, axis=1) for side in zip(*sums)))
    for w, context in enumerate(found):
        at = slice(w * size, (w + 1) * size)
        plain = wide.plain and {key: v[at] for key, v in wide.plain.items()}
        totals = tuple(side[at] for side in wide.totals)
        context._values[metric.name] = replace(
            wide, point=wide.point[at], resample=lambda at=at: wide.rows[:, at], plain=plain, sparse=None, totals=totals
        )
        yield context


class Tally:
    """How often an interval held its truth, by name; an interval that is missing (NaN, None) is counted apart."""

    def __init__(self):
        self.inside, self.missing = defaultdict(list), defaultdict(int)

    def add(self, name, low, high, truth):
        low, high = (np.nan if v is None else v for v in (low, high))
        if np.isnan(low) or np.isnan(high):
            self.missing[name] += 1
        else:
            self.inside[name].append(low <= truth + 1e-12 and truth - 1e-12 <= high)

    def rows(self, rows, truth, key="metric"):
        """Add the rows of a table; ``truth`` maps a measure to its true value."""
        for row in rows:
            if row.get(key) in truth and row.get("low") is not None:
                self.add(row[key], row["low"], row["high"], truth[row[key]])
            elif row.get(key) in truth:
                self.missing[row[key]] += 1

    @property
    def found(self):
        return {name: float(np.mean(values)) for name, values in self.inside.items()}


__all__ = ["CLASSIFICATION", "WORLDS", "Memory", "Tally", "Values", "context_of", "count_metrics", "each", "many"]
