"""Energy that was counted, in joules: by the processors' own counters (RAPL) and those of NVIDIA's devices (NVML).

A machine that tells nothing gives no number and the reason, never a constant: estimates from a processor's name have
been wrong by factors.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["POWERCAP", "Counter", "Zone", "counters", "joules"]

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the counters of processor packages and their memory."""
_MOST_W = 5_000.0
"""Power that no package or device has: what would take more is a counter that went backwards, not one that wrapped."""


class Counter(Protocol):
    """A counter of energy that only grows, until it begins again at 0."""

    @property
    def name(self) -> str:
        """What it counts for."""
        ...

    @property
    def range_j(self) -> float:
        """Joules at which it begins again; infinite where it does not."""
        ...

    def read(self) -> float:
        """Return the joules since it last began. Raises OSError where it cannot be read."""
        ...


@dataclass(frozen=True)
class Zone:
    """A processor package, or the memory at one, as a folder of counters in microjoules."""

    path: Path
    name: str
    range_j: float

    def read(self) -> float:
        """Return the joules since the counter last began."""
        text = (self.path / "energy_uj").read_text(encoding="ascii", errors="replace")
        try:
            return int(text) / 1e6
        except ValueError:
            raise OSError(f"energy_uj must be a whole number, got {text.strip()[:40]!r}") from None


@dataclass(frozen=True)
class _Device:
    """A device whose driver counts millijoules since it was loaded."""

    library: ctypes.CDLL
    handle: ctypes.c_void_p
    name: str
    range_j: float = float("inf")

    def read(self) -> float:
        found = ctypes.c_ulonglong()
        code = self.library.nvmlDeviceGetTotalEnergyConsumption(self.handle, ctypes.byref(found))
        if code:
            raise OSError(f"the driver does not count its energy (NVML error {code})")
        return found.value / 1e3


def _zones(root: Path) -> tuple[list[Counter], str | None]:
    """Return the packages and the memory beside them, or why there are none. Parts of a package are in it already."""
    if not root.is_dir():
        return [], f"{root} is not there: the processor's counters are not shown (no RAPL, or a virtual machine)"
    found: list[Counter] = []
    try:
        for path in sorted(root.iterdir()):
            if not (path / "energy_uj").exists() or not (path / "name").exists():
                continue
            name = (path / "name").read_text(encoding="ascii", errors="replace").strip()
            if name.startswith("package") or name == "dram":
                most = int((path / "max_energy_range_uj").read_text(encoding="ascii")) / 1e6
                zone = Zone(path, name if name.startswith("package") else f"{name} {path.name}", most)
                zone.read()
                found.append(zone)
    except PermissionError as error:
        return (
            [],
            f"{error.filename} cannot be read: {error.strerror}. Linux shows it to root alone, unless told otherwise",
        )
    except (OSError, ValueError) as error:
        return [], f"the counters in {root} cannot be read: {error}"
    return found, None if found else f"{root} has no counter of a processor package"


def _devices() -> tuple[list[Counter], str | None]:
    """Return NVIDIA's devices, where the driver is there; why their energy is unknown, where there are some."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return [], None
    count = ctypes.c_uint()
    if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return [], None
    found: list[Counter] = []
    for place in range(count.value):
        handle = ctypes.c_void_p()
        device = _Device(library, handle, f"GPU {place}")
        try:
            if library.nvmlDeviceGetHandleByIndex_v2(place, ctypes.byref(handle)):
                return [], f"GPU {place} cannot be asked"
            device.read()
        except OSError as error:
            return [], f"GPU {place}: {error}"
        found.append(device)
    return found, None


def counters(root: Path | None = None) -> tuple[Sequence[Counter], str | None]:
    """Return every counter of this machine; none, and why, where one cannot be read: a sum would be too low."""
    zones, reason = _zones(root or POWERCAP)
    devices, why = _devices()
    reason = reason or why
    return ((), reason) if reason else ((*zones, *devices), None)


def joules(counter: Counter, before: float, after: float, seconds: float) -> float:
    """Return the joules between two readings, of which the counter may have begun again once between.

    Raises OSError where it went backwards without reaching its end, or may have begun again more than once.
    """
    if seconds * _MOST_W > counter.range_j * 10:
        raise OSError(f"{counter.name}: {seconds:.0f} s between two readings are too long for its range")
    spent = after - before if after >= before else after + counter.range_j - before
    if not 0 <= spent <= max(seconds * _MOST_W, 1.0):
        raise OSError(f"{counter.name}: went from {before:.3f} J to {after:.3f} J in {seconds:.3f} s, which cannot be")
    return spent
