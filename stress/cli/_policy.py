"""``stress policy``: what dropping would buy, the rule in words, what it is worth, and its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stress._face import Run, open_run
from stress.cli._display import console, safe, say

if TYPE_CHECKING:
    from stress.policy import Fitted, Guarantee, Worth

__all__ = ["run_export", "run_fit", "run_replay"]


def run_fit(folder: Path, out: Path, costs: Path | None, safe: bool, **options: Any) -> int:
    """Fit a policy to a run, print and write it, and return the exit status: 0, or 3 where it is not worth having."""
    from stress.policy import fit, load_costs, save, sentences

    run = open_run(folder)
    found = fit(run, load_costs(costs), safe=safe, **options)
    _dropping(run)
    for line in sentences(found.policy):
        say(line)
    for unseen, title in (
        ("scenario", "on scenarios and samples that it has not seen"),
        ("samples", "on samples that it has not seen"),
    ):
        _worth(title, [row for row in found.worth if row.unseen == unseen])
    if found.guarantee is not None:
        _promise(found.guarantee)
    clean = found.on_clean
    say(
        f"On clean input that they have not seen, rules made in this way act on {clean.acts:.1%} and gain "
        f"{100 * clean.gain:+.1f} points ({100 * clean.low:.1f} to {100 * clean.high:.1f})."
    )
    _verdict(found)
    say(f"policy: {save(found.policy, out)}")
    return 0 if found.worth_it else 3


def _dropping(run: Run) -> None:
    """Print what needs no fitting: in which cells dropping a stream is better for sure."""
    rows = [row for row in run.table("dropping").to_pylist() if row["value"] is not None]
    sure = [row for row in rows if row["all_low"] is not None and row["all_low"] > 0]
    for row in sorted(sure, key=lambda row: -row["value"]):
        value, low, high = (100 * row[name] for name in ("value", "all_low", "all_high"))
        does = f"drop {row['action'].replace('+', ' and ')}" if row["kind"] == "drop" else row["action"]
        say(f"Under {row['cell']} {does}: {value:+.1f} ({low:.1f} to {high:.1f}, over all {len(rows)} at once).")
    if not sure:
        say(f"In none of {len(rows)} comparisons is doing something surely better than keeping every stream.")


def _worth(title: str, rows: Sequence[Worth]) -> None:
    from rich.table import Table

    table = Table(
        "scenario", "never", "always", "rule", "best per condition", "per sample", "gain", "acts", title=safe(title)
    )
    for row in rows:
        numbers = (row.never, row.always, row.rule, row.by_condition, row.best)
        gain = f"{row.gain:+.3f} ({row.low:.3f} to {row.high:.3f})"
        table.add_row(safe(row.scenario), *(f"{number:.3f}" for number in numbers), gain, f"{row.acts:.1%}")
    console().print(table)


def _promise(found: Guarantee) -> None:
    if found.threshold is None:
        say(f"No threshold on the confidence keeps wrong answers to {found.risk:.1%} in every scenario.")
        return
    say(
        f"With probability {1 - found.delta:.0%} at most {found.risk:.1%} of the given answers are wrong in each of: "
        f"{', '.join(found.families)}. It is no promise for other kinds of damage."
    )
    for name, error, answered, unseen in zip(found.families, found.error, found.answered, found.unseen):
        say(f"  {name}: {error:.1%} wrong of {answered:.1%} answered; {unseen:.1%} had it been new")


def _verdict(found: Fitted) -> None:
    by = f", clusters by {found.clustered}" if found.clustered else ""
    say("Losses are in wrong answers per input, or as the costs say; gains are paired" + by + ".")
    for action, cell in found.lacking.items():
        say(f"Not weighed, as not seen under every condition: {action} (not under {cell}).")
    if found.left_out:
        say(f"Left out, for want of cells that show what dropping does: {', '.join(found.left_out)}.")
    say(f"{'Worth it' if found.worth_it else 'Not worth it'}: {found.reason}.")


def run_export(file: Path, form: str) -> None:
    """Print a policy as a page to sign, or as a function."""
    from stress.policy import load, markdown, python

    say({"python": python, "markdown": markdown}[form](load(file)), nl=False)


def run_replay(folder: Path, file: Path, **calm: Any) -> None:
    """Print what a run's records say of the system with a policy, cell by cell and along timelines."""
    import numpy as np
    from rich.table import Table

    from stress.policy import load, over_time, replayed

    run, policy = open_run(folder), load(file)
    done = replayed(run, policy)
    table = Table("cell", "without", "with it", "answered", title=safe(f"{file.name} on {run.path.name}"))
    for i in np.unique(done.cell):
        here = done.cell == i
        numbers = (done.alone[here].mean(), done.right[here].mean(), done.answered[here].mean())
        table.add_row(safe(done.frame.ids[i]), *(f"{number:.3f}" for number in numbers))
    console().print(table)
    if not any(row["grid"] == "timeline" for row in run.cells.to_pylist()):
        return
    alone = over_time(run, policy) if calm["window"] is not None else []
    for i, over in enumerate(over_time(run, policy, **calm)):
        often = f"{over.per_hour:.3g} an hour" if over.per_hour is not None else f"in {over.inputs:,} inputs"
        say(
            f"{over.cell}: {over.switches} switches, {often}; "
            + ", ".join(f"{n} {s:.0%}" for n, s in over.share.items())
        )
        shown = [("without", over.without), ("with it", over.within)]
        if alone:
            shown = [shown[0], ("input by input", alone[i].within), ("by windows", over.within)]
        for name, values in shown:
            say(f"  {name:<15}" + " ".join("   –" if v is None else f"{v:.2f}" for v in values))
