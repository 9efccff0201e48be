"""What a stream is worth by permutation: the Perceptual Score, from cells in which it is another sample's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.paired import from_clean
from stress.measure.tables.coalitions import resting_on
from stress.records.cells import CellRow

__all__ = ["swapped_rows"]

_SWAP = "stream.wrong_pairing"


def swapped_rows(context: Context) -> list[dict[str, Any]]:
    """Return how much of the headline goes when a stream, or several, are those of other samples (Gat et al. 2021).

    Losing a stream shows a model an input that it may never have seen; another sample's is one it knows, of which
    everything but the connection to the rest is kept. ``fill`` names whose it was: ``any`` sample's is the
    permutation of the Perceptual Score, ``same_class`` and ``other_class`` are those within, and out of, a class.
    ``raw`` is the clean value less that of the cell (positive: better with the right stream), paired by sample;
    ``relative`` is that over the clean value, of metrics of which more is better.
    """
    clean, metric = context.frame.clean, context.headline
    if clean is None:
        return []
    found = []
    for cell, row in enumerate(context.frame.cells):
        partner = _partner(row)
        if partner is None:
            continue
        about = {"fill": partner, "stream": "+".join(row.streams), "measure": "perceptual_score"}
        drop, ends = from_clean(context, metric, clean, "drop")
        number = resting_on(context, float(drop[cell]), ends.at([cell]), [clean, cell])
        found.append({**about, "kind": "raw", **number.row()})
        if metric.better == "higher":
            found.append({**about, "kind": "relative", **_share(context, cell, clean).row()})
    return found


def _share(context: Context, cell: int, clean: int) -> Number:
    """Return the drop over the clean value: what is not retained."""
    kept, ends = from_clean(context, context.headline, clean, "retention")
    ends = ends.at([cell])
    turned = replace(ends, low=1 - ends.high, high=1 - ends.low)
    return resting_on(context, float(1 - kept[cell]), turned, [clean, cell])


def _partner(row: CellRow) -> str | None:
    """Return whose streams a cell's are instead, where that is all that is wrong with it."""
    partners = {str(each["settings"].get("partner")) for each in row.conditions if each["perturbation"] == _SWAP}
    alone = row.conditions and all(each["perturbation"] == _SWAP for each in row.conditions)
    return partners.pop() if alone and len(partners) == 1 and not (row.lost or row.fallback) else None
