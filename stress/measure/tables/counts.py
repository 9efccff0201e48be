"""Measures of counts in every cell: balanced accuracy, F1, Matthews correlation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stress.measure.core.cells import CellColumns, cell_table, columns_of, no_columns
from stress.measure.core.context import Context
from stress.measure.core.counts import count_bounds, parts_of
from stress.measure.core.marginals import labelled
from stress.measure.tables.cells import CELLS

__all__ = ["count_table"]


def count_table(context: Context, *names: str) -> pa.Table:
    """Return a row for every cell and measure of counts: of all measures, or of those named."""
    wanted = names or [metric.name for metric in context.of_kind("counts")]
    return cell_table(context, [_columns(context, name) for name in wanted], CELLS)


def _columns(context: Context, name: str) -> CellColumns:
    if not labelled(context):
        return no_columns(context, name, "the records have no column prediction")
    parts, bounds = parts_of(context, name), count_bounds(context, name)
    found = columns_of(context, context.metric(name), parts.value, bounds)
    lost = np.isfinite(parts.value) & ~np.isfinite(bounds.low) & (parts.involved > 1)
    for i in np.flatnonzero(lost):
        found["note"][i] = found["note"][i] or "no interval: undefined without one of the clusters"
    return found
