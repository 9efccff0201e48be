"""What people say an answer should rest on, and whether the attribution agrees with them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords, nearest
from perturbations.files import read_text
from stress.attribute._shares import Share
from stress.statistics.agreement import krippendorff, spearman
from stress.statistics.arrays import Floats, Ints
from stress.statistics.bootstrap import Clusters, poisson_weights
from stress.statistics.intervals import percentile

__all__ = ["Judgements", "agreement", "load_judgements"]

_ROWS = 500
"""Resamples of an interval of agreement."""
_FEWEST = 20
"""Clusters that a percentile interval needs."""
_WHO = "attribute: judgements"


@dataclass(frozen=True)
class Judgements:
    """How much each stream should count, by sample: shares (raters × streams), each rater's adding up to 1."""

    streams: tuple[str, ...]
    raters: tuple[str, ...]
    by_sample: Mapping[str, Floats]
    """NaN where a rater did not judge the sample."""


@named_keywords
def load_judgements(path: Path, streams: Sequence[str], samples: Sequence[str]) -> Judgements:
    """Read a CSV of human judgements: ``sample``, a column a stream, and ``rater`` where there are several.

    Numbers are 0 or more, on any scale: each row is divided by its sum. Raises InputError for samples and streams that
    are not those of the run, what is no number, and one rater who judges a sample twice.
    """
    text = read_text(path, _WHO, InputError)
    rows = list(csv.DictReader(StringIO(text, newline="")))
    head = list(rows[0]) if rows else text.partition("\n")[0].strip().split(",")
    _check_head(path, head, streams)
    if not rows:
        raise InputError(f"{_WHO}: {path} must have a row for each judgement, got none.")
    known, found = set(samples), dict[str, dict[str, Floats]]()
    for number, row in enumerate(rows, 2):
        where, sample, rater = f"{_WHO}: {path}, row {number}", row["sample"], row.get("rater") or "1"
        if sample not in known:
            raise InputError(
                f"{where}: sample must be one of the run's, got {sample!r}. {nearest(sample or '', known)}"
            )
        if rater in found.setdefault(sample, {}):
            raise InputError(f"{where}: a rater must judge a sample once, got {rater!r} on {sample!r} twice.")
        found[sample][rater] = _shares(where, row, streams)
    raters = tuple(dict.fromkeys(rater for each in found.values() for rater in each))
    nothing = np.full(len(streams), np.nan)
    return Judgements(
        tuple(streams), raters, {s: np.stack([each.get(r, nothing) for r in raters]) for s, each in found.items()}
    )


def _check_head(path: Path, head: Sequence[str], streams: Sequence[str]) -> None:
    wanted = ["sample", *streams]
    if missing := [name for name in wanted if name not in head]:
        raise InputError(f"{_WHO}: {path} must have the columns {', '.join(wanted)}, got no {missing[0]}.")
    if other := [name for name in head if name not in (*wanted, "rater")]:
        hint = nearest(str(other[0]), (*streams, "rater"))
        raise InputError(f"{_WHO}: {path}: a column must be sample, rater or a stream, got {other[0]!r}. {hint}")


def _shares(where: str, row: Mapping[str, str | None], streams: Sequence[str]) -> Floats:
    numbers = []
    for name in streams:
        try:
            number = float(row[name] or "")
        except ValueError:
            number = float("nan")
        if not 0 <= number < np.inf:
            raise InputError(f"{where}: {name} must be a number of at least 0, got {row[name]!r}.")
        numbers.append(number)
    total = sum(numbers)
    if not 0 < total < np.inf:
        raise InputError(f"{where}: one stream must count, got 0 for each.")
    return np.array(numbers) / total


def agreement(
    judged: Judgements, samples: Sequence[str], shares: Floats, own: Clusters, confidence: float
) -> dict[str, Share]:
    """Return how shares (samples × streams) agree with people, over the samples that were judged.

    ``spearman`` with the mean judgement of each sample and stream, ``alpha`` (Krippendorff's, interval data) of that
    mean and the attribution as two raters, ``alpha_raters`` of the people among themselves: the attribution can hardly
    agree with them better than they do. Raises InputError where none of the samples was judged.
    """
    rows = [place for place, name in enumerate(samples) if name in judged.by_sample]
    if not rows:
        raise InputError(f"{_WHO}: one of the {len(samples)} attributed samples must be judged, got none of them.")
    people = np.stack([judged.by_sample[samples[place]] for place in rows])  # samples × raters × streams
    mean, mine = np.nanmean(people, axis=1), shares[rows]
    both = np.stack([mean.ravel(), mine.ravel()], axis=1)
    units = people.transpose(0, 2, 1).reshape(-1, len(judged.raters))
    member = own.member[rows]
    weights = poisson_weights(own.ids, _ROWS).astype(np.int64)[member]  # samples × resamples
    about = _About(np.repeat(weights, mine.shape[1], axis=0), len(set(member.tolist())), len(rows), confidence)
    same = "one side is the same everywhere"
    return {
        "spearman": about.of(lambda w: spearman(both[:, 0], both[:, 1], w), same),
        "alpha": about.of(lambda w: krippendorff(both, w), "all numbers are the same"),
        "alpha_raters": about.of(lambda w: krippendorff(units, w), "no sample was judged by two"),
    }


@dataclass(frozen=True)
class _About:
    """How a measure of agreement is resampled: (pairs × resamples) weights, of so many clusters and samples."""

    weights: Ints
    clusters: int
    n: int
    confidence: float

    def of(self, measure: Callable[[Ints | None], float], why: str) -> Share:
        value = measure(None)
        if not np.isfinite(value):
            return Share(None, n=self.n, note=why)
        if self.clusters < _FEWEST:
            return Share(value, n=self.n, note=f"an interval needs {_FEWEST} samples (or clusters)")
        bounds = percentile(np.array([[measure(row)] for row in self.weights.T]), self.clusters, self.confidence)
        low, high = float(bounds.low[0]), float(bounds.high[0])
        if not (np.isfinite(low) and np.isfinite(high)):
            return Share(value, n=self.n, note="undefined in too many resamples")
        return Share(value, low, high, self.n, bounds.method)
