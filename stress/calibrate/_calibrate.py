"""Equal severities: levels at which every scenario of a modality costs the same, from what its own severities cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from perturbations import InputError, StressError
from scenarios import loads
from stress.calibrate._curves import Curve, Curves
from stress.calibrate._distances import distances
from stress.calibrate._levels import Level, Scale, Spread, held_out, placed, spreads, targets
from stress.calibrate._losses import losses
from stress.calibrate._steps import Graded, Readable, readable, steps_of
from stress.records.source import Source

__all__ = ["Calibration", "calibrate", "calibrated"]


@dataclass(frozen=True)
class Calibration:
    """Levels of equal cost for the scenarios of a suite.

    ``targets`` are what each level costs, by modality. ``unseen`` is how far apart scenarios are at each level on
    models that the levels were not fitted to: each model of the panel in turn (``judged``: others that were given).
    ``left_out`` says why a scenario has no levels.
    """

    by: Literal["loss", "distortion"]
    what: str
    models: tuple[str, ...]
    runs: tuple[str, ...]
    samples: int
    clusters: int
    confidence: float
    targets: Mapping[str, Sequence[float]]
    levels: tuple[Level, ...]
    unseen: tuple[Spread, ...]
    judged: tuple[Spread, ...]
    left_out: Mapping[str, str]
    measures: Mapping[str, str]
    """What is equal, by modality."""
    graded: Mapping[str, Sequence[Graded]] = field(default_factory=dict, repr=False)
    source: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def of(self, scenario: str) -> list[Level]:
        """Return the levels of one scenario."""
        return [level for level in self.levels if level.scenario == scenario]

    def data(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        plain = ("by", "what", "samples", "clusters", "confidence")
        return {
            "format": 1,
            **{name: getattr(self, name) for name in plain},
            "models": list(self.models),
            "runs": list(self.runs),
            "measures": dict(self.measures),
            "targets": {kind: list(each) for kind, each in self.targets.items()},
            "levels": [level.data() for level in self.levels],
            "unseen": [vars(row) for row in self.unseen],
            "judged": [vars(row) for row in self.judged],
            "left_out": dict(self.left_out),
        }


def calibrate(
    runs: Source | Sequence[Source],
    *,
    by: Literal["loss", "distortion"] = "loss",
    metric: str | None = None,
    measure: str | None = None,
    levels: int = 5,
    top: float | None = None,
    judge: Sequence[Source] = (),
    confidence: float = 0.95,
) -> Calibration:
    """Find the parameters at which all scenarios of a modality cost a panel of models the same, or look equally far.

    ``runs`` are of one suite on the same samples, one for each model of the panel (``by="loss"``: at least two), or the
    run that recorded distortions (``by="distortion"``). ``metric`` is the headline, unless it is given; ``measure`` of
    distortion: SSIM, SNR in dB, the character error rate. ``levels`` are evenly spaced up to ``top``: what half of the
    scenarios reach, unless it is given. A scenario that does not reach a level goes without it. ``judge`` are runs of
    other models, which say what the levels are worth. Raises InputError where the runs do not fit together.
    """
    panel = [runs] if not isinstance(runs, Sequence) else list(runs)
    if by not in ("loss", "distortion"):
        raise InputError(f"calibrate: by must be loss or distortion, got {by!r}.")
    if by == "loss":
        if measure is not None:
            raise InputError("calibrate: measure must be given with by distortion alone.")
        return calibrated(_panel(panel, judge, metric), by, levels, top, confidence, len(judge))
    if len(panel) != 1 or judge or metric is not None:
        raise InputError(
            "calibrate: by distortion, give one run and no metric and no run to judge: how far inputs are changed does "
            "not depend on the model."
        )
    return calibrated(distances(panel[0], measure), by, levels, top, confidence)


def _panel(panel: Sequence[Source], judge: Sequence[Source], metric: str | None) -> Curves:
    """Return the curves of a panel and, after it, of the models to judge; the panel alone must be one."""
    if len(panel) < 2:
        losses(panel, metric)
    return losses([*panel, *judge], metric)


def calibrated(
    curves: Curves,
    by: Literal["loss", "distortion"],
    levels: int = 5,
    top: float | None = None,
    confidence: float = 0.95,
    others: int = 0,
) -> Calibration:
    """Return levels of equal cost from curves; judged on the last ``others`` models, which they are not fitted to."""
    if isinstance(levels, bool) or not isinstance(levels, int) or not 1 <= levels <= 20:
        raise InputError(f"calibrate: levels must be a whole number from 1 to 20, got {levels!r}.")
    if not 0.5 <= confidence < 1:
        raise InputError(f"calibrate: confidence must be in [0.5, 1), got {confidence!r}.")
    count = len(curves.models) - others
    mine = replace(
        curves, models=curves.models[:count], curves=tuple(curve.of(range(count)) for curve in curves.curves)
    )
    reasons = dict(mine.left_out)
    graded = _graded(mine, reasons)
    reads = {name: readable(steps) for name, steps in graded.items()}
    _check_top(mine, top)
    parts = [_modality(curves, mine, kind, reasons, graded, reads, levels, top, confidence) for kind in mine.modalities]
    return Calibration(
        by, mine.what, mine.models, mine.runs[:count], mine.samples, mine.clusters, confidence,
        {part.kind: part.targets for part in parts if part.levels}, tuple(x for part in parts for x in part.levels),
        tuple(x for part in parts for x in part.unseen), tuple(x for part in parts for x in part.judged), reasons,
        {curve.modality: curve.measure for curve in mine.curves}, graded, mine.source,
    )  # fmt: skip


@dataclass(frozen=True)
class _Part:
    """What is found for the scenarios of one modality."""

    kind: str
    targets: Sequence[float] = ()
    levels: Sequence[Level] = ()
    unseen: Sequence[Spread] = ()
    judged: Sequence[Spread] = ()


def _modality(
    curves: Curves, mine: Curves, kind: str, reasons: dict[str, str], graded: Mapping[str, Sequence[Graded]],
    reads: Mapping[str, Readable], levels: int, top: float | None, confidence: float,
) -> _Part:  # fmt: skip
    """Return the levels of one modality; why a scenario has none is added to ``reasons``."""
    some = [curve for curve in mine.of(kind) if curve.scenario not in reasons]
    if not some:
        return _Part(kind)
    read = [reads.get(curve.scenario, Readable()) for curve in some]
    scales = [Scale.of(curve, each) for curve, each in zip(some, read)]
    costs = targets(scales, levels, None if top is None else some[0].cost(top))
    if not costs:
        reasons |= dict.fromkeys((c.scenario for c in some), "half of the scenarios of its modality or more do nothing")
        return _Part(kind)
    found: list[Level] = []
    read = [replace(each, within=np.ptp([0.0, *costs][-2:]) / 2) for each in read]
    scales = [Scale.of(curve, each) for curve, each in zip(some, read)]
    for scale in scales:
        each = _without(scale, costs, placed(scale, costs, mine.clusters, confidence))
        found += _with_parameters(each, graded.get(scale.curve.scenario))
    count, names = len(mine.models), {curve.scenario for curve in some}
    rest = [c.of(range(count, len(curves.models))) for c in curves.of(kind) if c.scenario in names]
    return _Part(
        kind,
        [some[0].shown(cost) for cost in costs],
        found,
        held_out(replace(mine, curves=tuple(some)), kind, costs, read),
        spreads(scales, costs, rest) if len(curves.models) > count else (),
    )


def _check_top(curves: Curves, top: float | None) -> None:
    """Raise where no scenario comes as far as ``top``, or where it would be of several units."""
    if top is None:
        return
    if len({curve.measure for curve in curves.curves}) > 1:
        kinds = ", ".join(curves.modalities)
        raise InputError(f"calibrate: top must be of one measure, got scenarios of {kinds}. Give measure.")
    first = curves.curves[0]
    ends = [float(Scale.of(curve).fit[-1]) for curve in curves.curves]
    least = 0.0 if first.anchored else min(float(Scale.of(curve).fit[0]) for curve in curves.curves)
    if not np.isfinite(top) or not least < first.cost(top) <= max(ends) * (1 + 1e-9):
        raise InputError(
            f"calibrate: top must lie between {first.shown(least):.3g} and {first.shown(max(ends)):.3g}, what the "
            f"harshest scenario gives, got {top:g}."
        )


def _graded(curves: Curves, reasons: dict[str, str]) -> dict[str, list[Graded]]:
    """Return the steps of each scenario; where the suite is not known, none, and no table can be written."""
    if "scenarios" not in curves.source:
        return {}
    known = {scenario.name: scenario for scenario in loads(curves.source, plugins=False).scenarios}
    found = {}
    for curve in curves.curves:
        kinds = _kinds(curve)
        steps = steps_of(known[curve.scenario], curve.cell, kinds) if curve.scenario in known else "its suite lacks it"
        if isinstance(steps, str):
            reasons[curve.scenario] = steps
        else:
            found[curve.scenario] = steps
    return found


def _kinds(curve: Curve) -> dict[str, str]:
    """Return the modality of each stream that a scenario touches."""
    kinds = curve.modality.split("+")
    found = {}
    for condition in curve.cell.conditions:
        family = condition["perturbation"].partition(".")[0]
        found[condition["stream"]] = kinds[0] if len(kinds) == 1 else family
    return found


def _without(scale: Scale, costs: Sequence[float], levels: Sequence[Level]) -> list[Level]:
    """Return the levels with how far their severities move where each model is left out of the panel."""
    count = len(scale.curve.loss)
    if count < 3:
        return list(levels)
    each = [Scale.of(scale.curve.of([m for m in range(count) if m != k]), scale.reads) for k in range(count)]
    found = []
    for cost, level in zip(costs, levels):
        places = [place for other in each if (place := other.severity(cost)) is not None]
        whole = level.severity is not None and len(places) == count
        found.append(replace(level, without=(min(places), max(places)) if whole else None))
    return found


def _with_parameters(levels: Sequence[Level], steps: Sequence[Graded] | None) -> list[Level]:
    if steps is None:
        return list(levels)
    found = []
    for level in levels:
        if level.severity is None:
            found.append(level)
            continue
        try:
            each = tuple(step.at(level.severity) for step in steps)
        except StressError as error:
            found.append(replace(level, severity=None, low=None, high=None, note=str(error)))
            continue
        found.append(replace(level, parameters=each))
    return found
