"""Equivalent severity: which scenario of the run, and how much of it, explains what production looks like now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from perturbations.errors import named_keywords
from stress.monitor._reference import Reference, Scene
from stress.statistics.arrays import Floats, Ints

__all__ = ["Found", "Severities", "fit_severities"]

_GRID = 400
"""Quantiles of a signal over all cells, that its normal scores are read from."""
_WORLDS = (0.05, 0.15, 0.4)
"""Deviations, in normal scores, that production may have from a scenario for reasons of its own."""
_CLEAN = 0.5
_DRAWS = 4
_COVERED = 0.9
"""How often the interval is to hold the measured score in a scenario that it was not made from."""


@dataclass(frozen=True)
class Found:
    """What explains a window: a probability a scene, how far it is from the nearest, and the score to expect.

    ``deviation`` is that of the score: what the scenes differ by, and how well the run knows each.
    """

    shares: Floats
    nearest: float
    score: float
    deviation: float


@dataclass(frozen=True)
class Severities:
    """Scenes as normal laws of normal scores, in directions in which they do not covary.

    ``means`` (scenes × signals) are in those ``directions``, ``spread`` the variance within scenes along each,
    ``world`` what production may add. ``usual`` is the distance that windows of the run itself keep, ``reach`` the one
    up to which a window is like something in the run. ``off`` says how far the expected score was from the measured
    one in scenarios that had been left out, where they were as near as the run's own windows: of others more, by
    the root of how many times farther they were; ``coverage`` how often that holds in another one, at least.
    """

    scenes: tuple[Scene, ...]
    quantiles: Floats
    directions: Floats
    means: Floats
    spread: Floats
    world: float
    usual: float = 0.0
    reach: float = np.inf
    off: float = 1.0
    coverage: float = 0.0

    @cached_property
    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios, clean first."""
        return tuple(dict.fromkeys(scene.cell.scenario for scene in self.scenes))

    @cached_property
    def _of(self) -> Ints:
        return np.array([self.scenarios.index(scene.cell.scenario) for scene in self.scenes])

    @cached_property
    def _prior(self) -> Floats:
        """Half for clean input; the rest evenly over scenarios, and over each one's cells."""
        cells = np.bincount(self._of)[self._of]
        degraded = (1 - _CLEAN) / max(1, len(self.scenarios) - 1)
        return np.asarray(np.where(self._of == 0, _CLEAN, degraded) / cells)

    @cached_property
    def scores(self) -> Floats:
        """Mean score of each scene."""
        return np.array([scene.score for scene in self.scenes])

    @cached_property
    def _errors(self) -> Floats:
        """Squared standard error of each scene's score; one input more is right, and one wrong, than there were."""
        found = []
        for scene in self.scenes:
            count, spread = len(scene.values), scene.deviation**2
            found.append((spread * count + 0.5) / (count + 2) / (count + 2))
        return np.array(found)

    def normal_scores(self, values: Floats) -> Floats:
        """Return (inputs × signals) where each value lies among all of the run, as a standard normal would."""
        from scipy.special import ndtri

        known = np.where(np.isnan(values), -np.inf, values)
        found = np.empty(values.shape)
        size = self.quantiles.shape[1]
        for i, grid in enumerate(self.quantiles):
            found[:, i] = (np.searchsorted(grid, known[:, i], "left") + np.searchsorted(grid, known[:, i], "right")) / 2
        return np.asarray(ndtri((found + 0.5) / (size + 1)))

    def distances(self, mean: Floats, count: float) -> Floats:
        """Return the distance of a window's mean normal scores from each scene, per signal; ``count`` inputs."""
        variance = self.spread / count + self.world**2
        away = np.square(mean @ self.directions - self.means) / variance
        return np.asarray(away.sum(axis=-1))

    def explain(self, values: Floats, count: float | None = None, without: int | None = None) -> Found:
        """Return what explains inputs (inputs × signals) that are as many as ``count`` independent ones.

        ``without`` leaves out a scenario by position, as if the run had never seen it.
        """
        return self._explained(self.normal_scores(values).mean(axis=0), count or len(values), without)

    def _explained(self, mean: Floats, count: float, without: int | None) -> Found:
        away = self.distances(mean, count)
        if without is not None:
            away = np.where(self._of == without, np.inf, away)
        likely = np.log(self._prior) - 0.5 * away
        shares = np.exp(likely - likely.max())
        shares /= shares.sum()
        nearest = float(np.sqrt(away.min() / len(self.spread)))
        score = float(shares @ self.scores)
        variance = shares @ (np.square(self.scores - score) + self._errors)
        return Found(shares, nearest, score, float(np.sqrt(variance)))

    def unlike(self, found: Found) -> bool:
        """Whether a window is farther from all of the run than nine of ten of its scenarios are from the others."""
        return found.nearest > self.reach

    def error(self, found: Found) -> float:
        """Return how far the expected score may be from the real one: 90 %, widened by what left-out scenarios ask."""
        return 1.645 * found.deviation + self.off * float(self.away(found.nearest))

    def away(self, nearest: float | Floats) -> Floats:
        """Return by how much more a window's score may be off than that of one as near as the run's own: 1 at least."""
        return np.asarray(np.sqrt(np.maximum(np.asarray(nearest) / max(self.usual, 1e-9), 1.0)))

    def sample_distances(self, values: Floats) -> Floats:
        """Return how unlike anything in the run each single input is."""
        scores = self.normal_scores(values) @ self.directions
        away = np.square(scores[:, np.newaxis, :] - self.means) / (self.spread + self.world**2)
        return np.asarray(np.sqrt(away.sum(axis=2).min(axis=1) / len(self.spread)))

    def says(self, found: Found) -> dict[str, Any]:
        """Return the explanation in words and numbers: likeliest scenario, severity with 80 % of the probability."""
        by = np.bincount(self._of, found.shares, len(self.scenarios))
        best = int(by.argmax())
        severity = np.array([_severity(scene) for scene in self.scenes])
        here = (self._of == best) & np.isfinite(severity)
        low = mean = high = None
        if here.any() and found.shares[here].sum() > 0:
            level, share = severity[here], found.shares[here] / found.shares[here].sum()
            order = np.argsort(level, kind="stable")
            upto = np.cumsum(share[order])
            low, high = (float(level[order][min(np.searchsorted(upto, q), len(upto) - 1)]) for q in (0.1, 0.9))
            mean = float(level @ share)
        top = sorted(range(len(by)), key=lambda i: -by[i])[:3]
        return {
            "scenario": self.scenarios[best],
            "severity": mean,
            "severity_low": low,
            "severity_high": high,
            "clean": float(by[0]),
            "scenarios": {self.scenarios[i]: round(float(by[i]), 4) for i in top if by[i] >= 0.01},
            "unlike": self.unlike(found),
            "distance": found.nearest / self.reach,
        }


def _severity(scene: Scene) -> float:
    if scene.cell.clean:
        return 0.0
    return np.nan if scene.cell.severity is None else float(scene.cell.severity)


@named_keywords
def fit_severities(reference: Reference, window: int = 200, seed: int = 0) -> Severities:
    """Return the laws of a run's scenes, and how far they may be trusted in scenarios that the run has not seen."""
    scenes = reference.scenes
    rng = np.random.default_rng(seed)
    each = max(1, min(400, *(len(scene.values) for scene in scenes)))
    pooled = np.concatenate([scene.values[rng.permutation(len(scene.values))[:each]] for scene in scenes])
    pooled = np.sort(np.where(np.isnan(pooled), -np.inf, pooled), axis=0)
    at = np.linspace(0, len(pooled) - 1, min(_GRID, len(pooled))).round().astype(np.int64)
    signals = len(reference.signals)
    start = Severities(scenes, pooled[at].T.copy(), np.eye(signals), np.zeros((len(scenes), signals)),
                       np.ones(signals), _WORLDS[0])  # fmt: skip
    scores = [start.normal_scores(scene.values) for scene in scenes]
    means = np.array([one.mean(axis=0) for one in scores])
    within = np.mean([np.cov(one, rowvar=False).reshape(signals, signals) if len(one) > 1 else np.eye(signals)
                      for one in scores], axis=0)  # fmt: skip
    spread, directions = np.linalg.eigh(within)
    fitted = replace(start, directions=directions, means=means @ directions, spread=np.maximum(spread, 1e-3))
    tried = [_calibrated(replace(fitted, world=world), scores, window, seed) for world in _WORLDS]
    return min(tried, key=lambda found: found.off * (1 + found.away(found.reach)))


def _calibrated(laws: Severities, scores: Sequence[Floats], window: int, seed: int) -> Severities:
    """Return the laws with the reach and the errors that left-out scenarios ask for, a scenario being one observation.

    The reach is the distance that nine of ten left-out scenarios keep to everything else in the run: what is farther is
    unlike anything. The error is the conformal quantile of how far the expected score was off in those within reach, a
    farther one being allowed more: one quantile over all of them, as too few are near for one of their own.
    """
    rng = np.random.default_rng(seed)
    usual, away, off, of = [], [], [], []
    for i, one in enumerate(scores):
        scenario = int(laws._of[i])
        for _ in range(_DRAWS):
            rows = rng.integers(0, len(one), min(window, len(one)))
            mean = one[rows].mean(axis=0)
            usual.append(laws._explained(mean, len(rows), None).nearest)
            if scenario == 0 or len(laws.scenarios) < 3:
                continue
            found = laws._explained(mean, len(rows), scenario)
            away.append(found.nearest)
            off.append(abs(found.score - laws.scores[i]))
            of.append(scenario)
    laws = replace(laws, usual=float(np.quantile(usual, 0.99)))
    return _judged(laws, np.array(away), np.array(off), np.array(of)) if away else replace(laws, reach=laws.usual)


def _judged(laws: Severities, away: Floats, off: Floats, of: Ints) -> Severities:
    weight = 1 / np.bincount(of)[of] / len(np.unique(of))
    order = np.argsort(away)
    reach = float(away[order][_first(np.cumsum(weight[order]))])
    reach = max(reach, laws.usual)
    within = away <= reach
    error, coverage = _quantile((off / laws.away(away))[within], of[within])
    return replace(laws, reach=reach, off=error, coverage=coverage)


def _quantile(off: Floats, of: Ints) -> tuple[float, float]:
    """Return the conformal quantile of errors, and how often it holds in another scenario, at least."""
    count = len(np.unique(of))
    weight = 1 / np.bincount(of)[of] / (count + 1)  # one more scenario, as far off as can be, is the next
    order = np.argsort(off)
    upto = np.cumsum(weight[order])
    return float(off[order][_first(upto)]), min(_COVERED, count / (count + 1))


def _first(upto: Floats) -> int:
    """Return where a rising sum passes what is to be covered; the last place where it does not."""
    return min(int(np.searchsorted(upto, _COVERED)), len(upto) - 1)
