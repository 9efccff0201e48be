"""``stress calibrate``: how unequal a suite's severities are, levels of equal cost, and the suite that has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from perturbations import InputError
from stress._face import open_run
from stress.cli._display import console, safe, say

if TYPE_CHECKING:
    from stress.calibrate import Calibration, Level, Spread

__all__ = ["run_calibrate"]


def run_calibrate(
    runs: Sequence[Path],
    by: Literal["loss", "distortion"] | None,
    suite: str | None,
    data: str | None,
    samples: int,
    seed: int,
    judge: Sequence[Path],
    out: Path | None,
    name: str | None,
    json_file: Path | None,
    **options: Any,
) -> int:
    """Calibrate, print what was found and write the suite; return 0, or 3 where no scenario has a level."""
    from stress.calibrate import calibrate, save

    if suite is not None or data is not None:
        if runs or judge or by == "loss" or options.pop("metric", None) is not None:
            raise InputError("calibrate: give runs, or --suite and --data, which need no model: distortion alone.")
        found = _without_a_model(suite, data, samples, seed, **options)
    else:
        if not runs:
            raise InputError("calibrate: give a run of each model of a panel, or --suite and --data.")
        chosen: Literal["loss", "distortion"] = by or "loss"
        found = calibrate([open_run(run) for run in runs], by=chosen, judge=[open_run(run) for run in judge], **options)
    _show(found)
    if json_file is not None:
        _write_json(found, json_file)
    if not found.levels:
        say("No scenario has a level.")
        return 3
    path = out or Path("equal.yaml")
    say(f"suite: {save(found, path, name)} in {path}" if found.graded else "No suite: the run does not hold its own.")
    return 0


def _without_a_model(
    suite: str | None, data: str | None, samples: int, seed: int, measure: str | None, levels: int, top: float | None,
    confidence: float,
) -> Calibration:  # fmt: skip
    from scenarios import load
    from stress.calibrate import calibrated, clean_distances
    from stress.data import load_data

    if suite is None or data is None:
        raise InputError("calibrate: without runs, --suite and --data must both be given.")
    curves = clean_distances(load_data(data), load(suite), measure, samples, seed)
    return calibrated(curves, "distortion", levels, top, confidence)


def _show(found: Calibration) -> None:
    of = f"{len(found.models)} models" if found.by == "loss" else found.models[0]
    say(f"Levels of equal {found.what} for {of}, on {found.samples} samples in {found.clusters} clusters.")
    for kind, targets in found.targets.items():
        _levels(found, kind, targets)
    for rows, whom in ((found.unseen, "each model judged by levels fitted to the others"), (found.judged, "--judge")):
        if rows:
            _spread(rows, whom)
    if found.by == "loss" and len(found.models) < 3:
        say("A panel of two models says little of others: three or more are advised.")
    for name, reason in found.left_out.items():
        say(f"Left out: {name} – {reason}.")


def _levels(found: Calibration, kind: str, targets: Sequence[float]) -> None:
    from rich.table import Table

    heads = [f"{number}: {target:.3g}" for number, target in enumerate(targets, 1)]
    title = f"{kind}: severity of each level, {found.measures[kind]}"
    table = Table("scenario", *heads, title=safe(title))
    for scenario in dict.fromkeys(level.scenario for level in found.levels if level.modality == kind):
        table.add_row(safe(scenario), *(safe(_cell(level)) for level in found.of(scenario)))
    console().print(table)


def _cell(level: Level) -> str:
    if level.severity is None:
        return f"– ({level.note})"
    ends = ("…" if end is None else f"{end:.2f}" for end in (level.low, level.high))
    about = "about " if level.note else ""
    return f"{about}{level.severity:.2f} ({' to '.join(ends)})"


def _spread(rows: Sequence[Spread], whom: str) -> None:
    from rich.table import Table

    heads = ("modality", "level", "scenarios", "mean loss", "apart before", "now", "single models before", "now", "cut")
    title = f"How far apart scenarios are (standard deviation of losses): {whom}"
    table = Table(*heads, title=safe(title))
    for row in rows:
        numbers = (row.mean, row.before, row.after, row.each_before, row.each_after)
        cut = f"{1 - row.after / row.before:.0%}" if row.before > 0 else "–"
        table.add_row(
            safe(row.modality), str(row.level), str(row.scenarios), *(f"{number:.4f}" for number in numbers), cut
        )
    console().print(table)


def _write_json(found: Calibration, path: Path) -> None:
    import json

    try:
        path.write_text(json.dumps(found.data(), indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise InputError(f"calibrate: {path}: cannot be written: {error.strerror}.") from None
