"""How a run is done: everything that a person may choose about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from perturbations import InputError
from perturbations.errors import short
from perturbations.modality import Lexicon, Limits
from stress._processors import processors
from stress.engine._progress import Mode
from stress.engine._streams import Recorded

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """How a run is done; of these only ``seed``, ``signals`` and ``lexicon`` change a record.

    ``cluster`` names the group (or ``sequence``) whose samples are alike – speakers, patients – and make one cluster
    in intervals, as the data declare where it is not given; ``command`` is how the run was asked for, for the
    reader. ``samples`` are the ids of the only ones to run on (all, where there are none); faults that look at the data
    set still look at the whole of it. ``verify`` reads the bytes of files that look as they did when the folder's run
    began; ``skip_bad_samples`` leaves out what cannot be used; ``inside`` refuses files outside the manifest's folder;
    ``max_cells``, ``max_megapixels`` and ``max_seconds`` are how large a grid, a picture and a recording may be.
    ``answers`` declares the form of the model's answers where it cannot be seen: ``probabilities``, ``logits``,
    ``labels`` (class names) or ``positions`` (in the list of classes).
    ``cost`` measures energy, processor time and memory, with one worker: the counters are of the whole machine.
    Where the folder holds a run already, ``fresh`` begins a new one beside it; ``accept_model`` is why records of a
    model that has changed since are kept, and ``keep_failures`` keeps those of failures, which are else asked again.
    ``adaptive``: samples come in an order that is left to chance alone, in small shards, so that a run may stop where
    it knows enough: where ``rules`` are decided, or ``means`` over cells, each asked about other samples, are narrow.
    ``max_calls`` and ``max_cost`` (in the money of its price table) are what an endpoint may be sent
    and paid for the whole run: it ends as a complete grid over fewer samples. Of an adaptive run, which ends in the
    middle of its questions, any model's questions are calls.
    """

    seed: int = 0
    workers: int | None = None
    batch_size: int = 32
    limit: int | None = None
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    signals: Literal["none", "cheap", "all"] = "cheap"
    lexicon: Lexicon | None = None
    timeout: float | None = None
    preflight: bool = True
    progress: Mode = "quiet"
    backend: Literal["threads", "processes", "dask"] = "threads"
    scheduler: str | None = None
    cluster: str | None = None
    command: str | None = None
    samples: Sequence[str] = ()
    fresh: bool = False
    accept_model: str | None = None
    keep_failures: bool = False
    verify: bool = False
    skip_bad_samples: bool = False
    inside: bool = False
    max_cells: int = 10_000
    max_megapixels: float = 100.0
    max_seconds: float = 3600.0
    answers: str | None = None
    cost: bool = False
    max_calls: int | None = None
    max_cost: float | None = None
    adaptive: Literal["rules", "means"] | None = None

    def __post_init__(self) -> None:
        _ = self.limits
        for name, least in (("batch_size", 1), ("limit", 1), ("workers", 1), ("seed", 0), ("max_cells", 1)):
            value = getattr(self, name)
            if value is None and name in ("limit", "workers"):
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InputError(f"run: {name} must be a whole number of at least {least}, got {short(value)}.")
        if self.backend not in ("threads", "processes", "dask"):
            raise InputError(f"run: backend must be threads, processes or dask, got {self.backend!r}.")
        if not isinstance(self.cost, bool):
            raise InputError(f"run: cost must be true or false, got {short(self.cost)}.")
        if self.cost and (self.backend != "threads" or self.workers not in (None, 1)):
            raise InputError(
                "run: cost needs one worker and backend threads (counters are of the whole machine, so that cells done "
                f"at once could not be told apart), got {self.workers or 'several'} and {self.backend}."
            )
        if self.signals not in ("none", "cheap", "all"):
            raise InputError(f"run: signals must be none, cheap or all, got {short(self.signals)}.")
        if self.scheduler is not None and self.backend != "dask":
            raise InputError(f"run: scheduler goes with backend dask, got backend {self.backend}.")
        if self.max_calls is not None and (not isinstance(self.max_calls, int) or self.max_calls < 1):
            raise InputError(f"run: max_calls must be a whole number of at least 1, got {short(self.max_calls)}.")
        if self.max_cost is not None and not 0 < self.max_cost < float("inf"):
            raise InputError(f"run: max_cost must be a number above 0, got {short(self.max_cost)}.")
        if self.accept_model is not None and not self.accept_model.strip():
            raise InputError("run: accept_model must say why records of the model before the change still hold.")
        if self.timeout is not None and not self.timeout > 0:
            raise InputError(f"run: timeout must be a number of seconds above 0, got {self.timeout!r}.")

    @property
    def recorded(self) -> Recorded:
        """Which signals are recorded."""
        return Recorded(self.signals, self.lexicon)

    @property
    def limits(self) -> Limits:
        """How large a value may be once it is decoded."""
        return Limits(self.max_megapixels, self.max_seconds)

    @property
    def threads(self) -> int:
        """Number of workers: as given, or one for each processor."""
        return self.workers or (1 if self.cost else processors())
