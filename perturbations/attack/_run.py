"""An attack is run: its budgets are drawn around the values, its keys name its draws, and its inputs are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from perturbations._core import Perturbation
from perturbations._keys import Key, generator
from perturbations._registry import get
from perturbations.attack._attempt import Attempt, Fitted, HeldOut
from perturbations.attack._declare import BALLS, COMMON
from perturbations.attack._oracle import Oracle, Repeated, Streams
from perturbations.attack._words import read_lexicon
from perturbations.errors import InputError, ModelError, short
from perturbations.modality import modality_of

__all__ = [
    "Attacked",
    "Part",
    "attack_streams",
    "fitted_by",
    "halves_of",
    "launch",
    "prepared",
    "refuse_without_gradients",
]

ALTERNATIVES = "attack.square or attack.random_search (images, audio), attack.character_edits (texts)"
"""What a model without gradients can be attacked with."""


@dataclass(frozen=True)
class Part:
    """An attack's part in one stream: its budget and other parameters, and what names its draws.

    A budget is one number, or one for each sample.
    """

    settings: Mapping[str, Any]
    profile: str = ""
    step: int = 0
    key: str = ""
    """The stream's name in the key; the stream itself where it is empty."""


@dataclass(frozen=True)
class Attacked:
    """What an attack found: the most harmful values within the budget, and what that took.

    ``broken`` are the samples that the model gets wrong; ``wrong_before`` those of them that it got wrong from the
    start, whose values are left as they were. ``calls`` counts the questions to the model for each sample,
    ``passes_back`` those with a gradient; what is fitted beforehand is shared out among those that it is used on.
    ``errors`` holds, by row, what was raised where a gradient could not be had: nothing is known of those.
    """

    values: Mapping[str, list[Any]]
    broken: NDArray[np.bool_]
    wrong_before: NDArray[np.bool_]
    calls: NDArray[np.int64]
    passes_back: NDArray[np.int64]
    errors: Mapping[int, BaseException] = field(default_factory=dict)
    least: NDArray[np.float64] | None = None
    """The part of the budget that was enough, where the attack looks for it; NaN where it was not broken."""


def attack_streams(
    name: str,
    streams: Streams,
    labels: Sequence[int] | NDArray[Any],
    oracle: Oracle,
    *,
    on: str | Sequence[str] | None = None,
    severity: float | None = None,
    profile: str | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    draw: int = 0,
    **params: Any,
) -> Attacked:
    """Attack some samples: ``streams`` holds their values by stream, ``labels`` the positions of the right classes.

    ``on`` names the attacked streams (all that the attack fits, by default): several are attacked at once, each within
    its own budget. ``ids`` name the samples' draws. Raises InputError for what does not fit, before any work.
    """
    declaration = get(name)
    if declaration.kind != "attack":
        raise InputError(f"{name}: must be an attack, got a {declaration.kind}. Use perturbations.apply.")
    wanted = [on] if isinstance(on, str) else list(on) if on is not None else _fitting(declaration, streams)
    if missing := [stream for stream in wanted if stream not in streams]:
        raise InputError(f"{name}: on must name one of {', '.join(streams)}, got {missing[0]!r}.")
    kinds = {stream: _kind(streams[stream]) or declaration.modalities[0] for stream in wanted}
    _check_budgets(declaration, kinds, params)
    used = declaration.profile(profile)
    parts = {on: Part(declaration.settings(severity, profile, params, kind), used) for on, kind in kinds.items()}
    names = list(ids) if ids is not None else [str(i) for i in range(len(labels))]
    return launch(declaration, parts, streams, labels, names, oracle, seed, draw)


def _fitting(declaration: Perturbation, streams: Streams) -> list[str]:
    found = [name for name, values in streams.items() if _kind(values) in declaration.modalities]
    if not found:
        raise InputError(f"{declaration.name}: a stream must be {' or '.join(declaration.modalities)}, got none.")
    return found


def _check_budgets(declaration: Perturbation, kinds: Mapping[str, str], given: Mapping[str, Any]) -> None:
    """Raise InputError where a budget is given that bounds none of the attacked streams."""
    used = {declaration.budgets[kind] for kind in kinds.values() if kind in declaration.budgets}
    if used and (idle := sorted(set(given) & set(declaration.budgets.values()) - used)):
        right = f"{' and '.join(sorted(used))} must be what bounds {' and '.join(kinds)}"
        raise InputError(f"{declaration.name}: {right}, got {', '.join(idle)}.")


def _kind(values: Sequence[Any]) -> str | None:
    return next((modality_of(value).name for value in values if value is not None), None)


def launch(
    declaration: Perturbation,
    parts: Mapping[str, Part],
    streams: Streams,
    labels: Sequence[int] | NDArray[Any],
    ids: Sequence[str],
    oracle: Oracle,
    seed: int = 0,
    draw: int = 0,
    held_out: HeldOut | None = None,
    halves: Mapping[str, int] | None = None,
    patient: bool = False,
) -> Attacked:
    """Run a declared attack on the streams that its parts name, at once.

    ``halves`` says in which half of the data each id is, ``held_out`` fits on the other; without them the ids given
    are the data. ``patient`` goes on with samples that are broken already, to the most harmful value there is.
    """
    attempt = prepared(declaration, parts, streams, labels, ids, oracle, seed, draw)
    attempt.patient = patient
    if declaration.held_out:
        where = halves_of(ids) if halves is None else halves
        attempt.halves = np.array([where[one] for one in ids], np.int64)
        attempt.held_out = held_out or _other_half(declaration, parts, streams, labels, ids, oracle, seed, draw)
    attempt.begin()
    first = next(iter(parts.values())).settings
    apart = {*declaration.budgets.values(), *COMMON}
    declaration.function(attempt, **{name: value for name, value in first.items() if name not in apart})
    if attempt.oracle.times > 1:
        attempt.confirm()
    for row, one in enumerate(ids):
        if fit := attempt.fits.get(int(attempt.halves[row])):
            calls, passes_back = fit.share(one)
            attempt.calls[row] += calls
            attempt.passes_back[row] += passes_back
    return Attacked(
        attempt.values,
        attempt.broken,
        attempt.wrong_before,
        attempt.calls,
        attempt.passes_back,
        attempt.errors,
        attempt.least,
    )


def prepared(
    declaration: Perturbation,
    parts: Mapping[str, Part],
    streams: Streams,
    labels: Sequence[int] | NDArray[Any],
    ids: Sequence[str],
    oracle: Oracle,
    seed: int,
    draw: int,
    draws_of: Perturbation | None = None,
) -> Attempt:
    """Return an attempt with everything checked and drawn up; ``draws_of`` is the attack whose draws are used."""
    who = declaration.name
    if draws_of is None:
        refuse_without_gradients(who, oracle.differentiable)
    right = _labels(who, labels, streams, ids, oracle.classes)
    balls, edits = {}, {}
    for stream, part in parts.items():
        kind = _kind(streams[stream])
        if kind is None:  # lost in every sample
            continue
        if kind not in declaration.modalities:
            raise InputError(f"{who}: stream {stream} must be {' or '.join(declaration.modalities)}, got {kind}.")
        budget = declaration.budgets[kind]
        if budget in BALLS:
            balls[stream] = BALLS[budget](streams[stream], part.settings[budget])
        else:
            most = np.broadcast_to(np.asarray(part.settings[budget], np.int64), len(right))
            edits[stream] = most
    named = draws_of or declaration
    rngs = {
        stream: _Generators(
            Key(seed, named.name, named.version, part.profile, part.key or stream, part.step, "", draw), ids
        )
        for stream, part in parts.items()
    }
    asked = Repeated(oracle, int(next(iter(parts.values())).settings.get("eot", 1)))
    attempt = Attempt(asked, streams, right, balls, edits, rngs)
    for stream in edits:
        if "words" in declaration.budgets.values():
            attempt.lexicons[stream] = read_lexicon(str(parts[stream].settings.get("lexicon", "")))
    return attempt


class _Generators(Sequence[Generator]):
    """A generator for each sample, made when it is first asked for: an attack without chance pays for none."""

    def __init__(self, key: Key, ids: Sequence[str]) -> None:
        self._key, self._ids = key, ids
        self._made: dict[int, Generator] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, row: Any) -> Any:
        if (row := range(len(self._ids))[row]) not in self._made:
            self._made[row] = generator(self._key._replace(sample=self._ids[row]))
        return self._made[row]


def halves_of(ids: Sequence[str]) -> dict[str, int]:
    """Return in which half of the data each sample is, 0 or 1: drawn by the ids alone, and as many in each."""
    order = sorted(dict.fromkeys(ids), key=lambda one: Key(0, "attack.half", sample=one).digest())
    return {one: place % 2 for place, one in enumerate(order)}


def _other_half(
    declaration: Perturbation,
    parts: Mapping[str, Part],
    streams: Streams,
    labels: Sequence[int] | NDArray[Any],
    ids: Sequence[str],
    oracle: Oracle,
    seed: int,
    draw: int,
) -> HeldOut:
    """Return what fits on the other half of these very samples."""
    halves = halves_of(ids)

    def fitted(half: int, fit: Callable[[Attempt], Any]) -> Fitted:
        rows = [i for i, one in enumerate(ids) if halves[one] != half]
        if not rows:
            raise InputError(f"{declaration.name}: must have samples to be fitted on, besides those it is used on.")
        some = {name: [values[i] for i in rows] for name, values in streams.items()}
        right = np.asarray(labels)[rows]
        other = prepared(declaration, parts, some, right, [ids[i] for i in rows], oracle, seed, draw)
        return fitted_by(other, fit, [one for one in ids if halves[one] == half])

    return fitted


def fitted_by(attempt: Attempt, fit: Callable[[Attempt], Any], users: Sequence[str]) -> Fitted:
    """Return what is fitted on an attempt's samples for others, and what it took."""
    result = fit(attempt)
    places = {one: place for place, one in enumerate(users)}
    return Fitted(result, int(attempt.calls.sum()), int(attempt.passes_back.sum()), places)


def refuse_without_gradients(who: str, differentiable: bool) -> None:
    """Raise ModelError where an attack needs gradients that the model cannot give."""
    if get(who).gradients and not differentiable:
        raise ModelError(
            f"{who}: the model must give gradients (a loss_gradient method, or a torch .module with .inputs and "
            f".logits), got none. A black-box attack needs only its answers: {ALTERNATIVES}.{_without_torch()}"
        )


def _without_torch() -> str:
    """Say which extra brings gradients where torch is not there: a model that has them may only lack it."""
    if find_spec("torch") is not None:
        return ""
    return " Those of torch models, the demo's too, need the extra: pip install 'multimodal-stress[torch]'."


def _labels(
    who: str, labels: Sequence[int] | NDArray[Any], streams: Streams, ids: Sequence[str], classes: int
) -> NDArray[np.int64]:
    found = np.asarray(labels)
    count = len(ids)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise InputError(f"{who}: labels must be whole numbers, the positions of the classes, got {short(labels)}.")
    for name, values in streams.items():
        if len(values) != len(found):
            raise InputError(f"{who}: labels must be as many as the values of {name}, {len(values)}, got {len(found)}.")
    if count != len(found):
        raise InputError(f"{who}: labels must be as many as the ids, {count}, got {len(found)}.")
    wrong = found[(found < 0) | (found >= classes)]
    if len(wrong):
        raise InputError(f"{who}: labels must be in [0, {classes - 1}], one of {classes} classes, got {wrong[0]}.")
    return found.astype(np.int64)
