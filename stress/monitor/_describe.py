"""What a window looks like beside clean input, described: distances of distributions, and changes that have a name.

None of the distances is a verdict: with enough inputs every one of them finds a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stress.monitor._reference import Reference
from stress.statistics.arrays import Floats

__all__ = ["Usual", "distances", "named_changes", "usual"]

_BINS = 10


def distances(values: Floats, clean: Usual) -> dict[str, float]:
    """Return how far values are from clean ones: Kolmogorov–Smirnov, Wasserstein (in the signal's unit) and PSI.

    The population stability index is over tenths of the clean values, half an input added to each. ``undefined`` is the
    share without a value, of which the others do not know.
    """
    x = np.sort(values[np.isfinite(values)])
    about = {"undefined": 1 - len(x) / max(1, len(values))}
    if not len(x) or not len(clean.values):
        return about
    # the distance of two step functions is largest where one of them, at its own steps, is beside the other
    upto, before = (np.searchsorted(clean.values, x, side) / len(clean.values) for side in ("right", "left"))
    above = np.searchsorted(x, x, "right") / len(x) - upto
    below = before - np.searchsorted(x, x, "left") / len(x)
    counts = np.bincount(np.searchsorted(clean.edges, x, "left"), minlength=len(clean.edges) + 1) + 0.5
    p, q = counts / counts.sum(), clean.shares
    return about | {
        "mean": float(x.mean()),
        "clean": clean.mean,
        "ks": float(max(above.max(), below.max(), 0.0)),
        "wasserstein": float(np.abs(_quantiles(x) - clean.quantiles).mean()),
        "psi": float(((p - q) * np.log(p / q)).sum()),
    }


@dataclass(frozen=True)
class Usual:
    """Clean values of a signal, sorted, and what a window's are held against: worked out once."""

    values: Floats
    mean: float
    quantiles: Floats
    edges: Floats
    shares: Floats


def usual(clean: Floats) -> Usual:
    """Return what is needed of clean values of a signal (those that are not defined left out)."""
    y = np.sort(clean[np.isfinite(clean)])
    if not len(y):
        return Usual(y, float("nan"), y, y, np.ones(1))
    edges = np.unique(np.quantile(y, np.arange(1, _BINS) / _BINS))
    counts = np.bincount(np.searchsorted(edges, y, "left"), minlength=len(edges) + 1) + 0.5
    return Usual(y, float(y.mean()), _quantiles(y), edges, counts / counts.sum())


def _quantiles(values: Floats) -> Floats:
    """Return 256 quantiles of sorted values, between neighbours in proportion."""
    at = (np.arange(256) + 0.5) / 256 * (len(values) - 1)
    low = at.astype(np.int64)
    return np.asarray(values[low] + (at - low) * (values[np.minimum(low + 1, len(values) - 1)] - values[low]))


def named_changes(
    values: Floats, lost: Mapping[str, int], blocks: float, reference: Reference, alpha: float
) -> list[dict[str, Any]]:
    """Return changes of a window that have a name: a stream that is missing, another device, another language.

    Each is said where it happens more often than on clean input by Fisher's exact test at level ``alpha``, with as many
    independent inputs as there are ``blocks``.
    """
    found = []
    clean = reference.clean
    thin = blocks / max(1, len(values))
    weight = min(1.0, len(reference.blocks) / max(1, len(clean)))

    def more(here: int, before: int) -> bool:
        return _more_often(here * thin, blocks, before * weight, len(clean) * weight, alpha)

    for stream, count in lost.items():
        if count and more(count, round(reference.lost.get(stream, 0.0) * len(clean))):
            says = f"stream {stream} is missing in {count} of {len(values)} inputs"
            found.append({"kind": "missing stream", "name": stream, "says": says})
    for name, known in reference.devices.items():
        column = values[:, reference.signals.index(name)]
        other = column[np.isfinite(column) & ~np.isin(column, known)]
        if len(other) and more(len(other), 0):
            found.append(_device(name, other, len(values), known))
    for stream, kind in reference.streams.items():
        if kind == "text" and (departed := _language(values, stream, reference)) is not None:
            here, before = departed(values), departed(clean)
            if here and more(here, before):
                says = f"{stream} is in another language or script in {here} of {len(values)} inputs"
                found.append({"kind": "language shift", "name": stream, "says": says})
    return found


def _more_often(here: float, of: float, before: float, known: float, alpha: float) -> bool:
    from scipy.stats import hypergeom

    here, of, before, known = (round(number) for number in (here, of, before, known))
    return bool(here > 0 and hypergeom.sf(here - 1, of + known, here + before, of) < alpha)


def _device(name: str, other: Floats, count: int, known: Sequence[float]) -> dict[str, Any]:
    stream, _, signal = name.rpartition(".")
    value = float(np.median(other))
    words = {
        "pixels": ("new camera", "pixels a picture"),
        "rate": ("changed sample rate", "hertz"),
        "sample_rate": ("changed sample rate", "hertz"),
    }
    kind, unit = words[signal]
    listed = ", ".join(f"{each:,.6g}" for each in known)
    says = f"{stream} has {value:,.6g} {unit} in {len(other)} of {count} inputs; clean input of the run has {listed}"
    return {"kind": kind, "name": stream, "says": says}


def _language(values: Floats, stream: str, reference: Reference) -> Any:
    """Return a function that counts texts outside the language of clean ones; None where that cannot be told.

    Such a text has fewer English words than nearly all clean ones although it has common words of some language, or
    more letters beyond ASCII than nearly all.
    """
    place = {name.rpartition(".")[2]: i for i, name in enumerate(reference.signals) if i in reference.of(stream)}
    if not {"english", "function_words", "non_ascii", "words"} <= place.keys():
        return None
    clean = reference.clean
    english, common, beyond, words = (place[name] for name in ("english", "function_words", "non_ascii", "words"))
    little = np.nanquantile(clean[:, english], 0.05) if np.isfinite(clean[:, english]).any() else 0.0
    usual = np.nanquantile(clean[:, common], 0.05) if np.isfinite(clean[:, common]).any() else 1.0
    most = np.nanquantile(clean[:, beyond], 0.99) if np.isfinite(clean[:, beyond]).any() else 1.0

    def departed(rows: Floats) -> int:
        spoken = rows[:, words] > 0
        foreign = (rows[:, english] < little) & (rows[:, common] >= max(usual, 1e-9))
        return int(np.count_nonzero(spoken & (foreign | (rows[:, beyond] > most + 0.02))))

    return departed
