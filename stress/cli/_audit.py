"""``stress audit`` and ``stress split``: what is printed, and what is written."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perturbations import InputError
from stress.cli._display import console, safe, say
from stress.data import Reading, Samples, load_data

if TYPE_CHECKING:
    from stress.audit import Audit, Leak

__all__ = ["run_audit", "run_split"]

_SHOWN = 10


def _load(name: str) -> Samples:
    """Return data whose files are read when they are looked at: one that cannot be is a finding."""
    return load_data(name, reading=Reading(later=True))


def run_audit(
    data: str,
    train: str | None,
    apart: Sequence[str],
    least: int,
    out: Path | None,
    fill: Path | None,
    max_leaks: int | None,
    workers: int,
) -> int:
    """Audit data, print what was found, and return the exit status: 1 where more leaks than allowed, else 0."""
    from stress.audit import audit, audit_data

    samples = _load(data)
    found = audit(samples, None if train is None else _load(train), apart, least, workers)
    say(", ".join(f"{count} samples in {part}" for part, count in found.parts.items()) + ".")
    _leaks(found)
    _rest(found)
    if out is not None:
        out.write_text(json.dumps(audit_data(found, samples.ids), indent=1), encoding="utf-8")
        say(f"audit: {out}")
    if fill is not None:
        _fill(found, samples, fill)
    if max_leaks is not None and found.leaking > max_leaks:
        say(f"failed: {found.leaking} samples leak, more than {max_leaks}.")
        return 1
    return 0


def _leaks(found: Audit) -> None:
    from rich.table import Table

    table = Table("stream", "leaks, exact", "near", "repeats", "alike from")
    for stream in dict.fromkeys([*(found.streams if len(found.streams) > 1 else ()), "all streams"]):
        kinds = Counter(leak.kind for leak in found.leaks if leak.stream == stream)
        repeats = sum(leak.stream == stream for leak in found.repeats)
        bars = " or ".join(f"{bar:.3f}" for bar in found.bars.get(stream, ()))
        table.add_row(safe(stream), str(kinds["exact"]), str(kinds["near"]), str(repeats), bars)
    console().print(table)
    joint = [leak for leak in found.leaks if leak.stream == "all streams"]
    for leak in joint[:_SHOWN]:
        say(_told(leak))
    if len(joint) > _SHOWN:
        say(f"… and {len(joint) - _SHOWN} more.")
    for group in found.groups:
        if group.apart:
            shown = ", ".join(group.values[:5]) + (", …" if len(group.values) > 5 else "")
            say(f"{group.group}: {len(group.values)} in more than one part ({shown}): {len(group.samples)} samples.")
    if len(found.parts) < 2:
        say("One part alone: nothing can leak. Name the training data (--train), or give the data a column split.")


def _told(leak: Leak) -> str:
    kind = "is" if leak.kind == "exact" else f"is nearly ({leak.alike:.3f})"
    return f"{leak.sample} ({leak.part}) {kind} {leak.other} ({leak.other_part})."


def _rest(found: Audit) -> None:
    for (stream, what), count in Counter((stream, what) for _, stream, what in found.unusable).most_common(_SHOWN):
        first = next(sample for sample, *rest in found.unusable if tuple(rest) == (stream, what))
        say(f"{stream}: {count} {'sample' if count == 1 else 'samples'} ({first}, …): {what}")
    if found.disagreeing:
        shown = "; ".join(f"{one} and {other}" for one, other in found.disagreeing[:5])
        say(f"{len(found.disagreeing)} samples have the content of one with another label: {shown}.")
    empty = sum(cell.count == 0 for cell in found.cells)
    if found.cells:
        say(f"{len(found.cells)} cells of label, group and streams have too few samples, {empty} of them none.")
    for note in found.notes:
        say(note)


def _fill(found: Audit, samples: Samples, path: Path) -> None:
    from stress.audit import fills

    made, left = fills(samples, found.cells)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "of", "stream", "perturbation", "severity", "label", "group", "value"])
        for one in made:
            for change in one.changes:
                writer.writerow([one.id, one.of, *change, one.cell.label, one.cell.group, one.cell.value])
    say(f"fill: {path}, {len(made)} samples; {len(left)} cells cannot be filled from these data.")


def run_split(data: str, shares: str, by: str, apart: Sequence[str], duplicates: bool, seed: int, out: Path) -> None:
    """Divide data, and write which sample is in which part."""
    from stress.audit import audit, split

    samples, together = _load(data), []
    if duplicates:
        together = [(one.sample, one.other) for one in audit(samples).repeats if one.stream == "all streams"]
    found = split(samples, _shares(shares), [name for name in by.split(",") if name], apart, together, seed)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "split"])
        writer.writerows(found.items())
    for part, count in Counter(found.values()).items():
        say(f"{part}: {count} of {len(found)}")
    say(f"split: {out}")


def _shares(text: str) -> dict[str, float]:
    found = {}
    for each in text.split(","):
        name, _, share = each.partition("=")
        try:
            found[name.strip()] = float(share)
        except ValueError:
            raise InputError(f"split: --shares must be like train=0.8,test=0.2, got {text!r}.") from None
    return found
