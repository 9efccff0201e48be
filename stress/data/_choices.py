"""Multiple choice: options with letters, in an order that no letter profits from."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

from perturbations import InputError, Sample
from perturbations.errors import named_keywords, nearest, short

__all__ = ["multiple_choice"]

_LETTERS = string.ascii_uppercase


@named_keywords
def multiple_choice(
    samples: Iterable[Sample],
    options: Sequence[str] | Mapping[str, Sequence[str]],
    *,
    stream: str = "options",
    seed: int = 0,
) -> list[Sample]:
    """Ask which of several options is right: models that prefer a letter would else be right or wrong by its place.

    Each sample gets a text ``stream`` with its ``options`` – the same for all, or by sample id – a line each
    (``A. a bus``), and its target, one of the options, becomes the letter of it. The order is drawn from ``seed`` and
    the sample's id alone: every order is as likely, whatever the other samples are, and the same in every cell. Say
    ``classes=["A", "B", …]`` and ``parse="choice_letter"`` to the model (Zheng et al. 2024).
    Raises InputError where options are fewer than 2, more than 26 or not distinct, or the target is none of them.
    """
    found = []
    for sample in samples:
        if not isinstance(sample, Sample):
            raise InputError(f"multiple choice: samples must be stress.Sample, got {short(sample)}.")
        given = _given(sample, options)
        if stream in sample.streams:
            raise InputError(f"multiple choice: sample {sample.id!r} has a stream {stream!r} already. Name another.")
        order = sorted(given, key=lambda option: blake2b(_key(seed, sample.id, option), digest_size=16).digest())
        lines = "\n".join(f"{letter}. {option}" for letter, option in zip(_LETTERS, order))
        target = _LETTERS[order.index(sample.target)]
        found.append(replace(sample, streams={**sample.streams, stream: lines}, target=target))
    return found


def _key(seed: int, sample: str, option: str) -> bytes:
    return b"\0".join(each.encode("utf-8", "surrogatepass") for each in (str(seed), sample, option))


def _given(sample: Sample, options: Sequence[str] | Mapping[str, Sequence[str]]) -> list[str]:
    """Return a sample's options. Raises InputError for what cannot be chosen from."""
    who = f"multiple choice: sample {sample.id!r}"
    if isinstance(options, Mapping):
        if sample.id not in options:
            raise InputError(f"{who}: options must have one list for each sample, got none for this one.")
        options = options[sample.id]
    if isinstance(options, str) or not isinstance(options, Sequence) or not all(isinstance(o, str) for o in options):
        raise InputError(f"{who}: options must be a list of texts, got {short(options)}.")
    given = list(options)
    if not 2 <= len(given) <= len(_LETTERS):
        raise InputError(f"{who}: options must be from 2 to {len(_LETTERS)}, got {len(given)}.")
    if len(set(given)) < len(given):
        raise InputError(f"{who}: options must be distinct, got {short(given)}.")
    if bad := [each for each in given if not each.strip() or "\n" in each]:
        raise InputError(f"{who}: an option must be one line of text, got {short(bad[0])}.")
    if sample.target not in given:
        hint = nearest(str(sample.target), given)
        raise InputError(f"{who}: its target must be one of its options, got {short(sample.target)}. {hint}")
    return given
