"""``stress attribute``: which streams answers rest on, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perturbations import InputError
from stress._face import Run, open_run
from stress.cli._display import console, safe, say

if TYPE_CHECKING:
    from stress.attribute import Attribution, Share

__all__ = ["run_attribute"]

_TITLES = {
    "integrated_gradients": "integrated gradients",
    "occlusion": "occlusion",
    "together": "alone and together",
    "attention": "attention (not importance)",
}


def run_attribute(
    folder: Path,
    model: str | None,
    data: str | None,
    cells: Sequence[str],
    samples: int,
    fill: str | None,
    judgements: Path | None,
    confidence: float,
    out: Path | None,
) -> int:
    """Attribute, print what was found, and write all of it as JSON; return 0."""
    from stress.attribute import attribute, load_judgements

    run = open_run(folder)
    judged = None
    if judgements is not None:
        streams = (run.info["identity"].get("data") or {}).get("streams") or {}
        judged = load_judgements(judgements, tuple(streams), run.samples["id"].to_pylist())
    found = attribute(
        run,
        _named(run, "model", model),
        _named(run, "data", data),
        cells=cells,
        samples=samples,
        fill=fill,
        judgements=judged,
        confidence=confidence,
    )
    _show(found)
    path = out or folder / "attribution.json"
    try:
        path.write_text(json.dumps(found.data(), indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise InputError(f"attribute: {path}: cannot be written: {error.strerror}.") from None
    say(f"attribution: {path}")
    return 0


def _named(run: Run, what: str, given: str | None) -> str:
    """Return what was named, or the built-in model or world where the run is of it: nothing else is loaded unasked."""
    known = str((run.info["identity"].get(what) or {}).get("name"))
    if given is None and known.partition(":")[0] != "demo":
        raise InputError(f"attribute: --{what} must name the {what} of the run, as for `stress run` ({known}).")
    return given or known


def _show(found: Attribution) -> None:
    from rich.table import Table

    many = f"{found.samples} samples in {found.clusters} clusters"
    say(f"What the probability of the right class rests on: {found.model}, {many}, lost streams: {found.fill}.")
    table = Table("cell", "by", "stream", "share", "measured", "")
    beside = {(row.cell, row.method, row.stream): row for row in found.beside}
    for part in found.parts:
        row = beside.get((part.cell, part.method, part.stream))
        measured = "" if row is None else f"{row.measured:.2f}"
        verdict = "" if row is None else row.verdict
        title = _TITLES[part.method]
        table.add_row(*map(safe, (part.cell, title, part.stream, _number(part.share), measured, verdict)))
    console().print(table)
    for method, share in found.ranks.items():
        say(f"{_TITLES[method]}: rank correlation with the measured shares {_number(share)}, {share.n} pairs.")
    for cell in found.rests_together:
        say(f"{cell}: most of the answer comes of streams together: no share of a single stream tells it.")
    for gone in found.deleted:
        title = f"{gone.cell}, {_TITLES[gone.method]}: deleting {gone.of} by it costs {_number(gone.advantage)} more"
        say(f"{title} than {gone.beside}.")
    for method, of in found.judged.items():
        for name, share in of.items():
            say(f"{_TITLES[method]}, people: {name} {_number(share)}, {share.n} samples.")
    for note in found.notes:
        say(note)


def _number(share: Share) -> str:
    if share.value is None:
        return f"– ({share.note})"
    ends = "" if share.low is None or share.high is None else f" ({share.low:.2f} to {share.high:.2f})"
    return f"{share.value:.2f}{ends}"
