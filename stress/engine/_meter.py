"""What answering costs: energy and processor time of each call of the model, and the peak memory of each unit."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stress.engine._energy import Counter, counters, joules

__all__ = ["COST_COLUMNS", "IDLE_S", "Meter", "Reading", "said_of"]

COST_COLUMNS = ("energy_j", "cpu_s", "peak_mb", "gpu_peak_mb")
"""Record columns: the first two of the call that answered (with all its samples), the others of the unit."""
IDLE_S = 2.0
"""Seconds over which the power of the idle machine is measured before the grid."""
_PROC = Path("/proc/self")


@dataclass(frozen=True)
class Reading:
    """Counters at one moment."""

    at: float
    cpu_s: float
    counted: tuple[float, ...] | None


@dataclass
class Meter:
    """Reads what this process and machine have spent. It is for one worker: counters are of the whole machine.

    ``reason`` says why there is no energy, from the start or since a counter could not be read or went wrong.
    """

    counters: Sequence[Counter] = ()
    reason: str | None = None
    idle_w: float | None = None
    no_peak: str | None = None
    clock: Callable[[], float] = time.perf_counter
    _gpu: Any = field(default=None, repr=False)

    @classmethod
    def of_this_machine(cls) -> Meter:
        """Return a meter, the power of the idle machine measured first."""
        found, reason = counters()
        meter = cls(found, reason)
        if found:
            before = meter.read()
            time.sleep(IDLE_S)
            meter.idle(before)
        meter.begin()
        return meter

    def idle(self, before: Reading) -> None:
        """Take what was spent since a reading as the power of the idle machine."""
        seconds = self.clock() - before.at
        spent = self.since(before)["energy_j"]
        self.idle_w = None if spent is None or seconds <= 0 else spent / seconds

    def read(self) -> Reading:
        """Return the counters now."""
        counted = None
        if self.reason is None:
            try:
                counted = tuple(counter.read() for counter in self.counters)
            except OSError as error:
                self.reason = f"a counter could not be read: {error}"
        return Reading(self.clock(), time.process_time(), counted)

    def since(self, before: Reading) -> dict[str, float | None]:
        """Return the joules and the processor seconds since a reading; null where a counter failed."""
        now = self.read()
        energy = None
        if before.counted is not None and now.counted is not None:
            try:
                pairs = zip(self.counters, before.counted, now.counted)
                energy = sum(joules(counter, old, new, now.at - before.at) for counter, old, new in pairs)
            except OSError as error:
                self.reason = str(error)
        return {"energy_j": energy, "cpu_s": now.cpu_s - before.cpu_s}

    def begin(self) -> None:
        """Forget the peak of memory so far."""
        try:
            (_PROC / "clear_refs").write_text("5", encoding="ascii")
        except OSError as error:
            self.no_peak = f"the peak of memory cannot be reset: {error.strerror}"
        torch = sys.modules.get("torch")  # whoever uses a device has loaded it
        self._gpu = torch.cuda if torch is not None and torch.cuda.is_available() else None
        if self._gpu is not None:
            self._gpu.reset_peak_memory_stats()

    def peaks(self) -> dict[str, float | None]:
        """Return the peak since ``begin`` of this process's memory, and of torch's on the device, in 10⁶ bytes."""
        own = None
        if self.no_peak is None:
            try:
                text = (_PROC / "status").read_text(encoding="ascii", errors="replace")
                own = int(text.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
            except (OSError, IndexError, ValueError):
                self.no_peak = "the system does not tell the peak of memory"
        device = None if self._gpu is None else float(self._gpu.max_memory_allocated()) / 1e6
        return {"peak_mb": own, "gpu_peak_mb": device}

    def says(self) -> Mapping[str, Any]:
        """Return what ``run.json`` says: the sources, the idle power, and why something is missing."""
        return {
            "energy_sources": [counter.name for counter in self.counters],
            "energy_reason": self.reason,
            "idle_w": self.idle_w,
            "peak_reason": self.no_peak,
        }


def said_of(meter: Meter | None) -> dict[str, Any]:
    """Return what goes into ``run.json``: nothing, where no cost was asked for."""
    return {} if meter is None else {"cost": meter.says()}
