"""What a run knows of clean input and of each kind of damage: all that production is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Literal

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords, nearest, short
from perturbations.modality import Lexicon, arrivals, modality
from stress.records.cells import CellRow
from stress.records.frame import Frame
from stress.records.source import Source
from stress.statistics.arrays import Floats, Ints

__all__ = ["Reference", "Scene", "read_reference", "tie_of"]

_KNOWN = 8
"""A signal with so many values on clean input, or fewer, names devices: sizes of pictures, sample rates."""


def tie_of(name: str) -> float:
    """Return the number in [0, 1) that orders a block among equal values: of its name, so that it can be told again."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


@dataclass(frozen=True)
class Scene:
    """A cell of the run as the monitor sees it: the signals of its inputs (inputs × signals), and how many were right.

    ``score`` is the mean score, failures counted as 0, and ``deviation`` that of single scores.
    """

    cell: CellRow
    values: Floats
    score: float
    deviation: float


@dataclass(frozen=True)
class Reference:
    """A run, read once for a monitor.

    ``signals`` are ``STREAM.SIGNAL``, ``which`` of them are computed, ``blocks`` (blocks × signals) clean input with
    what belongs together as one: the mean of the first ``frames`` of each. ``scenes`` are the cells, clean first.
    ``devices`` are signals of which clean input knows few values, with these. ``wrong`` are the mean and the number of
    clean losses.
    """

    run: str
    streams: Mapping[str, str]
    signals: tuple[str, ...]
    which: Literal["cheap", "all"]
    block: str
    frames: int
    blocks: Floats
    ties: Floats
    scenes: tuple[Scene, ...]
    devices: Mapping[str, tuple[float, ...]]
    bounded: bool
    headline: str
    cluster: str | None = None
    lexicon: Lexicon | None = None

    @cached_property
    def clean(self) -> Floats:
        """Signals of clean inputs, one by one."""
        return self.scenes[0].values

    @cached_property
    def lost(self) -> Mapping[str, float]:
        """The share of clean inputs that lack each stream."""
        return {
            stream: float(np.isnan(self.clean[:, self.of(stream)]).all(axis=1).mean()) if self.of(stream) else 0.0
            for stream in self.streams
        }

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Position of each signal."""
        return {name: i for i, name in enumerate(self.signals)}

    @cached_property
    def _of(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {}
        for name, i in self.place.items():
            found.setdefault(name.rpartition(".")[0], []).append(i)
        return found

    def of(self, stream: str) -> list[int]:
        """Positions of a stream's signals."""
        return self._of.get(stream, [])


@named_keywords
def read_reference(run: Source, block: str | None = None, lexicon: Lexicon | None = None) -> Reference:
    """Read a run. Raises InputError where it lacks what a monitor holds production against.

    ``lexicon`` is the one that the run measured the sentiment of texts by, if it did. ``block`` is the group whose
    inputs are alike (default: a sequence's frames are, and other inputs are not).
    """
    frame = Frame(run)
    identity = run.info.get("identity", {})
    _same_lexicon(identity.get("lexicon"), lexicon)
    signals, which = _signals(frame, identity.get("signals") or {}, run.info.get("streams") or {}, lexicon)
    if frame.clean is None:
        raise InputError("monitor: the run must have a clean cell, which production is held against.")
    if not frame.has("score"):
        raise InputError(f"monitor: the run must have scores, which task {frame.declared.task} has none of.")
    score = np.where(frame.failed, 0.0, frame.column("score"))
    columns = np.column_stack([frame.column(f"signal.{name}") for name in signals])
    scenes = _scenes(frame, columns, score)
    rows = frame.by_cell[frame.clean]
    rows = rows[frame.draw[rows] == frame.draw[rows].min()]
    names, frames, parts = _blocks(frame, rows, block or "sequence")
    known = score[np.isfinite(score)]
    return Reference(
        run=str(run.info.get("run", "")),
        streams=dict(run.info.get("streams") or {}),
        signals=signals,
        which=which,
        block=block or "sequence",
        frames=frames,
        blocks=np.array([block_mean(columns[part]) for part in parts]),
        ties=np.array([tie_of(f"reference {name}") for name in names]),
        scenes=scenes,
        devices=_devices(signals, columns[rows]),
        bounded=bool(len(known)) and known.min() >= 0 and known.max() <= 1,
        headline=frame.declared.headline or "score",
        cluster=run.info.get("cluster") or None,
        lexicon=lexicon,
    )


def block_mean(values: Floats) -> Floats:
    """Return the mean of what is defined, signal by signal; NaN where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0))


def _same_lexicon(run: str | None, given: Lexicon | None) -> None:
    """Raise InputError for another lexicon than the run's: the same text would have another sentiment."""
    now = None if given is None else given.digest
    if run != now:
        wanted, got = (f"one with SHA-256 {each[:12]}…" if each else "none" for each in (run, now))
        raise InputError(f"monitor: lexicon must be that of the run (--lexicon), {wanted}, got {got}.")


def _signals(
    frame: Frame,
    versions: Mapping[str, Mapping[str, int]],
    streams: Mapping[str, str],
    lexicon: Lexicon | None,
) -> tuple[tuple[str, ...], Literal["cheap", "all"]]:
    """Return the signals of the run, and which must be computed. Raises InputError where they are others today."""
    found = (name.removeprefix("signal.") for name in frame.schema if name.startswith("signal."))
    names = tuple(name for name in found if name.rpartition(".")[2] not in arrivals.all)  # those are of no value alone
    if not names:
        raise InputError(
            "monitor: the run has no signals of its streams' quality. Run it again without --signals none."
        )
    cheap = True
    for name in names:
        stream, _, signal = name.rpartition(".")
        if stream not in streams:
            raise InputError(f"monitor: the run has signals of stream {short(stream)}, which it does not declare.")
        known = {each.name: each for each in modality(streams[stream]).signals.chosen("all", lexicon)}
        if signal not in known:
            hint = nearest(signal, known)
            raise InputError(f"monitor: the run has a signal {short(name)} that is not known any more. {hint}")
        then, now = (versions.get(stream) or {}).get(signal, 1), known[signal].version
        if then != now:
            raise InputError(
                f"monitor: signal {name} must be of version {now}, got version {then} in the run: the same input gives "
                "another number today. Run the suite again."
            )
        cheap &= known[signal].cheap
    return names, "cheap" if cheap else "all"


def _scenes(frame: Frame, columns: Floats, score: Floats) -> tuple[Scene, ...]:
    """Return the clean cell and those in which input is degraded in one way.

    A fallback shows the same input again, a timeline many severities at once; an attack is not to be seen, and neither
    is what befalls the machine.
    """
    found = []
    for i in sorted(range(len(frame.cells)), key=lambda i: i != frame.clean):
        rows = frame.by_cell[i]
        rows = rows[np.isfinite(score[rows])]
        cell = frame.cells[i]
        attacked = any(name.startswith("attack.") for name in cell.perturbations)
        if cell.fallback or cell.grid == "timeline" or attacked or cell.machine or not len(rows):
            continue
        found.append(Scene(cell, columns[rows], float(score[rows].mean()), float(score[rows].std())))
    if not found or not found[0].cell.clean:
        raise InputError("monitor: the run must have scores of clean input.")
    return tuple(found)


def _blocks(frame: Frame, rows: Ints, block: str) -> tuple[list[str], int, list[Ints]]:
    """Return names of blocks, of how many inputs each is the mean, and their records in order."""
    samples = frame.sample[rows]
    known = (*frame.groups, "sequence", "sample")
    if block not in known:
        raise InputError(f"monitor: block must be a group of the run's samples, got {block!r}. {nearest(block, known)}")
    there = block != "sample" and (block in frame.run.samples.column_names or block != "sequence")
    named: Sequence[str | None] = frame.group(block) if there else [None] * len(frame.samples)
    times = _times(frame)
    parts: dict[str, list[int]] = {}
    for row, sample in zip(rows.tolist(), samples.tolist()):
        name = named[sample]
        parts.setdefault(f"sample {frame.samples[sample]}" if name is None else f"{block} {name}", []).append(row)
    ordered = {
        name: sorted(members, key=lambda row: (times[frame.sample[row]], row)) for name, members in parts.items()
    }
    least = min(map(len, ordered.values()))
    return list(ordered), least, [np.array(members[:least], np.int64) for members in ordered.values()]


def _times(frame: Frame) -> Floats:
    """Return each sample's time; those without one keep their order."""
    if "time" not in frame.run.samples.column_names:
        return np.zeros(len(frame.samples))
    given: list[Any] = frame.run.samples["time"].to_pylist()
    return np.array([np.inf if value is None else float(value) for value in given])


def _devices(signals: Sequence[str], clean: Floats) -> dict[str, tuple[float, ...]]:
    found = {}
    for i, name in enumerate(signals):
        if name.rpartition(".")[2] in ("pixels", "rate", "sample_rate"):
            values = np.unique(clean[np.isfinite(clean[:, i]), i])
            if 0 < len(values) <= _KNOWN:
                found[name] = tuple(values.tolist())
    return found
