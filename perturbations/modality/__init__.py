"""A modality is one module that knows its value: all that the house asks of an image, a recording or a text.

A new one is a module here with a ``MODALITY`` and a name in ``MODALITIES``, its type in ``perturbations.Value`` and a
folder of perturbations of that name; whatever else differs between modalities is asked of the module.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from numpy.random import Generator
from numpy.typing import NDArray

from perturbations.errors import InputError, nearest, short
from perturbations.modality._lexicon import Lexicon, load_lexicon
from perturbations.modality._sentiment import SENTIMENT
from perturbations.modality._signal import Signal, Signals
from perturbations.modality.arrival_signals import MOST, Arrival, arrivals

__all__ = [
    "MODALITIES",
    "MOST",
    "SENTIMENT",
    "Arrival",
    "Lexicon",
    "Limits",
    "Look",
    "Modality",
    "Signal",
    "Signals",
    "Stored",
    "arrivals",
    "load_lexicon",
    "modality",
    "modality_of",
    "size_of",
]

MODALITIES: tuple[str, ...] = ("image", "audio", "text", "series")
"""Names of the modalities, each a module here, in the order in which they are shown."""


@dataclass(frozen=True)
class Limits:
    """How large one value may be once it is decoded: a file of a few kilobytes can hold gigabytes.

    ``megapixels`` of a picture, ``seconds`` of a recording.
    """

    megapixels: float = 100.0
    seconds: float = 3600.0

    def __post_init__(self) -> None:
        for name in ("megapixels", "seconds"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise InputError(f"limits: {name} must be a number above 0, got {short(value)}.")


@dataclass(frozen=True)
class Stored:
    """How a value comes out of a manifest.

    ``in_file`` tells whether a manifest's cell names a file (of a text, the cell is the value), ``endings`` how such
    files are called. ``decode(content, who, limits)`` returns the value in a file's bytes, or of a cell, and what had
    to be altered in it, if anything. It raises InputError where the header tells that it is something else or larger
    than the limits, before anything is decoded, and where it is damaged. The value need not be checked yet.
    ``certain(content, limits)`` tells whether a file's header shows as much without decoding it: that the value is
    valid, and that nothing is altered in it.
    """

    in_file: bool
    decode: Callable[[Any, str, Limits], tuple[Any, str | None]]
    endings: tuple[str, ...] = ()
    certain: Callable[[bytes, Limits], bool] = lambda content, limits: False


@dataclass(frozen=True)
class Look:
    """How a modality and its values are shown.

    ``colour`` on white and ``dark`` on black are of one hue, ``terminal`` is its name there; ``marker`` is matplotlib's
    letter of a form that tells the modality without its colour. ``titles`` name the distortion measures for a reader.
    ``draw(value, clean, words)`` returns a value as HTML that needs no script and nothing from elsewhere, everything
    in it escaped: as it is, or marked where it differs from the clean one; ``words`` describe it. ``excerpt(value)`` is
    as much of a value as such a drawing needs, so that examples can be kept: a smaller picture, the first seconds.
    """

    colour: str
    dark: str
    terminal: str
    marker: str
    titles: Mapping[str, str]
    draw: Callable[[Any, Any, str], str]
    excerpt: Callable[[Any], Any]


@dataclass(frozen=True)
class Modality:
    """What the house needs to know of one kind of value.

    *What it is.* ``takes`` names the type for an error; ``holds(value)`` tells by type alone; ``check(value, who)``
    raises InputError; ``shown(value)`` is its size in a few words. ``array(value)`` is the array that holds it (None of
    a modality that is no array), ``with_array(value, array)`` the value with another one, ``shape`` what a change that
    keeps the shape keeps, ``facts`` what goes with the array (a rate), by name, as plain data. ``size`` is the memory
    it takes, in bytes.

    *How it is kept.* ``freeze(values)`` returns values that forbid writing, None where one is lost; ``digest`` is the
    bytes that a content hash is made of; ``pack`` returns bytes and plain data, from which ``unpack`` makes the value
    again (it may share the bytes' memory);
    ``stack(values, who, frames)`` makes one array of several values, or raises InputError that says why it cannot.

    *What can stand in for it.* ``zeros``; ``mean`` takes the values of a whole data set and the value that is to be
    filled; ``noise(value, level, rng)`` takes what ``level(values)`` found in some of the data set. ``cut(value, share,
    place)`` loses a stretch, ``repeat`` delivers one twice (``place``: two numbers in [0, 1)), ``late(value,
    delay_ms)`` shifts it in time (None where a value has none). ``vary(value, number)`` is another valid value.

    *What is measured.* ``distortion(clean, perturbed)`` is how far a value is from the clean one, the first entry
    being the one a curve is drawn against (``falls`` tells whether it falls as damage grows: PSNR does, an error
    rate does not). ``signals`` are what tells a degraded value without the clean one and
    without a model. ``witness`` makes a value on which every
    perturbation shows.
    """

    name: str
    takes: str
    holds: Callable[[object], bool]
    check: Callable[[Any, str], None]
    shown: Callable[[Any], str]
    array: Callable[[Any], NDArray[Any]] | None
    with_array: Callable[[Any, NDArray[Any]], Any] | None
    shape: Callable[[Any], Hashable]
    facts: Callable[[Any], Mapping[str, Any]]
    size: Callable[[Any], int]
    copy: Callable[[Any], Any]
    freeze: Callable[[Sequence[Any]], list[Any]]
    same: Callable[[Any, Any], bool]
    digest: Callable[[Any], bytes]
    pack: Callable[[Any], tuple[bytes, Mapping[str, Any]]]
    unpack: Callable[[Any, Mapping[str, Any]], Any]
    stack: Callable[[Sequence[Any], str, int | None], NDArray[Any]]
    zeros: Callable[[Any], Any]
    mean: Callable[[Iterable[Any], Any], Any]
    level: Callable[[Sequence[Any]], Any]
    noise: Callable[[Any, Any, Generator], Any]
    cut: Callable[[Any, float, Sequence[float]], Any]
    repeat: Callable[[Any, float, Sequence[float]], Any]
    late: Callable[[Any, float], Any] | None
    vary: Callable[[Any, int], Any]
    distortion: Callable[[Any, Any], Mapping[str, float]]
    falls: bool
    signals: Signals
    witness: Callable[[], Any]
    stored: Stored
    look: Look


_HELPERS = "A file, a PIL picture or a tensor becomes one by stress.image(…) or stress.audio(…)."


@cache
def modality(name: str) -> Modality:
    """Return the modality of that name."""
    if name not in MODALITIES:
        known = ", ".join(MODALITIES)
        raise InputError(f"modality: must be one of {known}, got {short(name)}. {nearest(name, MODALITIES)}")
    found: Modality = import_module(f"perturbations.modality.{name}").MODALITY
    return found


def modality_of(value: object, who: str = "value") -> Modality:
    """Return the modality whose type a value has."""
    for name in MODALITIES:
        if modality(name).holds(value):
            return modality(name)
    known = ", ".join(modality(name).takes for name in MODALITIES)
    raise InputError(f"{who}: must be {known}, or None, got {short(value)}. {_HELPERS}")


def size_of(value: object) -> int:
    """Return the bytes that a value takes in memory; a lost stream takes none."""
    return 0 if value is None else modality_of(value).size(value)
