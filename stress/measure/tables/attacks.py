"""What attacks leave standing: each attack, plain chance with the same budget, and the worst case over all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perturbations import get
from stress.measure.core.bands import simultaneous
from stress.measure.core.context import Context
from stress.measure.core.number import Number
from stress.measure.core.rows import CELL, INTERVAL, Columns
from stress.measure.core.sections import Needs, Section, filled
from stress.statistics.arrays import Floats

__all__ = ["ATTACKS", "MINIMAL", "attack_rows", "attack_warnings", "budgets", "minimal_rows", "worst_curves"]

CHANCE, WORST = "plain chance", "worst case"
ATTACKS: Columns = {
    "stream": CELL["stream"],
    "modality": CELL["modality"],
    "severity": CELL["severity"],
    "budget": (pa.string(), "how far the attack may go in each stream: JSON, stream → its parameter and value"),
    "attack": (
        pa.string(),
        "its name, 'plain chance' (one random draw with the budget) or 'worst case' (per sample and draw)",
    ),
    "cell": (pa.string(), "id of the cell; null where several have a part in the number"),
    **INTERVAL,
    "calls": (pa.float64(), "mean number of questions to the model for a sample; of all attacks for the worst case"),
    "gradients": (pa.float64(), "mean number of those with a gradient"),
}
MINIMAL: Columns = {
    "stream": CELL["stream"],
    "modality": CELL["modality"],
    "attack": (pa.string(), "its name"),
    "cell": CELL["cell"],
    "parameter": (pa.string(), "the budget that was narrowed down"),
    "quantile": (pa.float64(), "share of all samples that a budget of this value, or less, is enough for"),
    "value": (pa.float64(), "the budget in its unit; null where the whole budget is not enough for that many"),
    "n": (pa.int64(), "samples that it rests on"),
}
_NEAREST = "attack.fab"
"""The attack that looks for the smallest part of its budget."""
_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)
_DOUBT = 0.01
"""How unlikely the black-box attacks' lead must be by chance before gradients are called masked."""


@dataclass(frozen=True)
class _Group:
    """Cells whose attacks have the same budgets on the same streams, and nothing else in them."""

    budgets: Mapping[str, Mapping[str, Any]]
    cells: tuple[int, ...]

    @property
    def budget(self) -> str:
        """The budgets as text: stream → its parameter and value."""
        return json.dumps(self.budgets, sort_keys=True)


def _groups(context: Context) -> list[_Group]:
    found: dict[str, list[int]] = {}
    known: dict[str, Mapping[str, Mapping[str, Any]]] = {}
    for i, row in enumerate(context.frame.cells):
        bounded = all(get(c["perturbation"]).kind == "attack" and "timeline" not in c for c in row.conditions)
        if row.conditions and bounded:  # along a timeline every sample has a budget of its own
            budgets = _budgets(row.conditions, context.frame.run.info["streams"])
            text = json.dumps(budgets, sort_keys=True)
            known.setdefault(text, dict(sorted(budgets.items())))
            found.setdefault(text, []).append(i)
    return [_Group(known[text], tuple(cells)) for text, cells in found.items()]


def _budgets(conditions: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the budget of each stream: the one that its modality has in the attack's declaration."""
    found: dict[str, Any] = {}
    for condition in conditions:
        name = get(condition["perturbation"]).budgets[kinds[condition["stream"]]]
        found[condition["stream"]] = {name: condition["settings"][name]}
    return found


def budgets(context: Context) -> Needs:
    """Attacks with the same budgets on the same streams make one worst case; other cells have no part in the table."""
    return Needs([group.cells for group in _groups(context)] if "attack.calls" in context.frame.schema else ())


def attack_rows(context: Context) -> list[dict[str, Any]]:
    """Return a row for every attacked cell and, for each set of streams and budgets, plain chance and the worst case.

    The worst case counts a sample as right where it is right under every attack, in every draw; a sample without a
    record in one of the cells has no part in it. Cells along a timeline have no one budget, and no row.
    """
    if "attack.calls" not in context.frame.schema:
        return []
    top, bottom = context.frame.sums(context.headline)
    found = []
    for group in _groups(context):
        cells = list(group.cells)
        chance, drawn = _numbers(context, "attack.random")
        right, there = _worst_of(_least(context, cells))
        columns = np.stack([*top[:, cells].T, chance[:, cells].sum(axis=1), right], axis=1)
        below = np.stack([*bottom[:, cells].T, drawn[:, cells].sum(axis=1), there], axis=1)
        found += _rows(context, group, columns, below)
    return found


def minimal_rows(context: Context) -> list[dict[str, Any]]:
    """Return how small a change is enough: quantiles over samples, each at its worst draw, of each minimal-norm attack.

    A sample that is wrong without any change counts as 0 (as an infinite signal-to-noise ratio); one that the whole
    budget does not break counts as beyond it.
    """
    if "attack.least" not in context.frame.schema:
        return []
    found = []
    least = context.frame.column("attack.least")
    for group in _groups(context):
        for cell in group.cells:
            row = context.frame.cells[cell]
            if row.perturbation != _NEAREST or len(group.budgets) != 1:
                continue
            parameter, budget = next(iter(next(iter(group.budgets.values())).items()))
            mine = context.frame.cell == cell
            parts = np.full(len(context.frame.samples), np.inf)
            known = mine & ~np.isnan(least)
            np.minimum.at(parts, context.frame.sample[known], least[known])
            parts = parts[np.unique(context.frame.sample[mine])]
            about: dict[str, Any] = {
                "stream": "+".join(row.streams),
                "modality": row.modality,
                "attack": row.perturbation,
            }
            about |= {"cell": context.frame.ids[cell], "parameter": parameter, "n": len(parts)}
            for quantile in _QUANTILES:
                part = float(np.quantile(parts, quantile, method="inverted_cdf"))
                found.append({**about, "quantile": quantile, "value": _in_unit(parameter, float(budget), part)})
    return found


def _in_unit(parameter: str, budget: float, part: float) -> float | None:
    if np.isinf(part):
        return None
    if parameter == "snr_db":
        return float(budget - 20 * np.log10(part)) if part else float("inf")
    return float(np.floor(budget * part) if parameter == "epsilon" else budget * part)


def _numbers(context: Context, column: str) -> tuple[Floats, Floats]:
    """Return (samples × cells) sums and counts of a record column."""
    values = context.frame.column(column)
    return context.frame.grid(values), context.frame.grid((~np.isnan(values)).astype(np.float64))


def _rows(context: Context, group: _Group, top: Floats, bottom: Floats) -> list[dict[str, Any]]:
    values = context.ratio(context.headline, top, bottom)
    bounds = values.bounds()
    first = context.frame.cells[group.cells[0]]
    about = {"stream": "+".join(first.streams), "modality": first.modality, "severity": first.severity}
    calls, back = _means(context, "attack.calls"), _means(context, "attack.gradients")
    names = [*(context.frame.cells[i].perturbation for i in group.cells), CHANCE, WORST]
    found = []
    for place, name in enumerate(names):
        cell = group.cells[place] if place < len(group.cells) else None
        row: dict[str, Any] = {**about, "budget": group.budget, "attack": name, "metric": context.headline.name}
        known: dict[str, Any] = {"n": (bottom[:, place] > 0).sum(), "method": bounds.method}
        if cell is not None:
            counts = {key: int(context.counts[key][cell]) for key in ("n", "failed", "unchanged")}
            row |= {"cell": context.frame.ids[cell], "calls": calls[cell], "gradients": back[cell]}
            known |= {"failed": counts["failed"], "unchanged": counts["unchanged"] / max(counts["n"], 1)}
        elif name == WORST:
            cells = list(group.cells)
            row |= {"calls": calls[cells].sum(), "gradients": back[cells].sum()}
            known["note"] = _masked(context, group)
        else:
            row |= {"calls": 1.0, "gradients": 0.0}
        found.append(row | Number.within(values.point[place], bounds, place, **known).row())
    return found


def _means(context: Context, column: str) -> Floats:
    top, bottom = _numbers(context, column)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = top.sum(axis=0) / bottom.sum(axis=0)
    return means


def _masked(context: Context, group: _Group) -> str | None:
    """Return what to say where attacks that see only answers beat those that see gradients.

    A sample speaks for one side where that side alone breaks it; the lead is judged by an exact sign test.
    """
    white: list[int] = []
    black: list[int] = []
    for i in group.cells:
        names = context.frame.cells[i].perturbations
        seeing = {get(name).gradients for name in names}
        if "attack.auto" not in names and len(seeing) == 1:
            (white if seeing.pop() else black).append(i)
    if not white or not black:
        return None
    one, other = _broken(context, white), _broken(context, black)
    lead, behind = int((other & ~one).sum()), int((one & ~other).sum())
    if lead <= behind:
        return None
    from scipy.stats import binomtest

    chance = float(binomtest(lead, lead + behind, 0.5, alternative="greater").pvalue)
    if chance >= _DOUBT:
        return None
    return (
        f"black-box is stronger than white-box: {lead} samples are broken without gradients only, {behind} with them "
        f"only (p = {chance:.2g}); the model's gradients are masked, and the white-box numbers say nothing"
    )


def _broken(context: Context, cells: Sequence[int]) -> NDArray[np.bool_]:
    """Return which samples some of these cells break."""
    top, bottom = context.frame.sums(context.headline)
    top, bottom = top[:, list(cells)], bottom[:, list(cells)]
    return np.asarray(((top < bottom) & (bottom > 0)).any(axis=1))


def attack_warnings(context: Context) -> list[str]:
    """Return where attacks without gradients beat those with them; what preflight saw of the model stands there."""
    rows = filled(context, [(Section(attack_rows, budgets), ATTACKS)])[0].to_pylist()
    noted = [row for row in rows if row["attack"] == WORST and row["note"]]
    return [f"attacks on {row['stream']} with {row['budget']}: {row['note']}" for row in noted]


def worst_curves(context: Context) -> list[dict[str, Any]]:
    """Return the worst case as curves against severity, like any other, where several attacks share their budgets."""
    if "attack.calls" not in context.frame.schema or context.frame.clean is None:
        return []
    found: dict[tuple[str, str], list[tuple[float, _Group]]] = {}
    for group in _groups(context):
        first = context.frame.cells[group.cells[0]]
        if len(group.cells) > 1 and first.severity is not None:
            names = "+".join(name for budget in group.budgets.values() for name in budget)
            found.setdefault(("+".join(first.streams), names), []).append((first.severity, group))
    return [
        row for (_, names), graded in found.items() for row in _worst_curve(context, names, sorted(graded, key=_at))
    ]


def _at(point: tuple[float, _Group]) -> float:
    return point[0]


def _worst_curve(context: Context, names: str, graded: Sequence[tuple[float, _Group]]) -> list[dict[str, Any]]:
    top, bottom = _sums(context, (int(context.frame.clean or 0),))
    standing = [_worst_of(_least(context, group.cells)) for _, group in graded]
    columns = np.stack([top[:, 0], *(right for right, _ in standing)], axis=1)
    below = np.stack([bottom[:, 0], *(there for _, there in standing)], axis=1)
    values = context.ratio(context.headline, columns, below)
    bounds, band = values.bounds(), simultaneous(values, range(columns.shape[1]))
    first = context.frame.cells[graded[0][1].cells[0]]
    about = {"scenario": f"worst case ({names})", "stream": "+".join(first.streams), "modality": first.modality}
    about |= {"perturbation": WORST, "profile": "", "lost": "", "metric": context.headline.name}
    found = []
    for i, severity in enumerate([0.0, *(severity for severity, _ in graded)]):
        number = Number.within(values.point[i], bounds, i, n=(below[:, i] > 0).sum(), failed=0, method=bounds.method)
        row = {**about, "severity": severity, "band_low": band.low[i], "band_high": band.high[i]}
        found.append(row | number.row())
    return found


def _sums(context: Context, cells: Sequence[int]) -> tuple[Floats, Floats]:
    """Return (samples × cells) sums of the headline in some cells, whether or not all are held in memory."""
    some = context.only(cells)
    places = [some.frame.ids.index(context.frame.ids[i]) for i in cells]
    top, bottom = some.frame.sums(some.headline)
    return top[:, places], bottom[:, places]


def _least(context: Context, cells: Sequence[int]) -> Floats:
    """Return (samples × cells) how right each sample is in its worst draw; infinity where it has no record."""
    frame = (context.only(cells) if context.frame.large else context).frame
    top, bottom = frame.terms(context.headline)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = top / bottom
    found = np.full((len(frame.samples), len(frame.ids)), np.inf)
    known = np.flatnonzero(np.isfinite(share))
    np.minimum.at(found, (frame.sample[known], frame.cell[known]), share[known])
    return found[:, [frame.ids.index(context.frame.ids[i]) for i in cells]]


def _worst_of(least: Floats) -> tuple[Floats, Floats]:
    """Return how right each sample is in the cell that is worst for it, and whether it was in all of these cells."""
    there = np.isfinite(least).all(axis=1)
    worst: Floats = np.where(there, least.min(axis=1), 0.0)
    return worst, np.asarray(there, np.float64)
