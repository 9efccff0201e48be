"""What is asked before a run that may stop: how many questions its rules take."""

from __future__ import annotations

from math import ceil, isfinite
from pathlib import Path

import click

from stress.cli._display import console, safe, say
from stress.cli._options import OWN, RUN

__all__ = ["power"]


@click.command()
@click.argument("gates", metavar="GATES")
@click.option("--against", type=RUN, required=True, metavar="RUN", help="A whole run that the next one will be like.")
@click.option("--drop", "drops", type=float, multiple=True, metavar="X", help="Worse by so much; may be repeated.")
@OWN
def power(gates: str, against: Path, drops: tuple[float, ...]) -> None:
    """Say how many samples each rule of GATES takes to be decided.

    Of a run of all samples (in four cases of five) and of one that stops (--until), if the model is as RUN was, or
    worse by each --drop.
    """
    from rich.table import Table

    from stress._face import open_run
    from stress.adaptive import foresee
    from stress.gate import load_gates, number

    run = open_run(against)
    table = Table("rule", "on", "drop", "value", "verdict", "whole", "adaptive", title=safe(f"samples for {gates}"))
    whole = 0
    for each in foresee(load_gates(gates), run, drops or (0.0, 0.02, 0.05)):
        if each.reason:
            whole += 1
            row: tuple[str, ...] = (each.rule.title, each.subject, "", "", "not foretold", "", "")
        else:
            counts = (f"{ceil(n):,}" if isfinite(n) and n < 1e7 else "∞" for n in (each.whole, each.adaptive))
            row = (each.rule.title, each.subject, f"{each.drop:g}", number(each.value), each.outcome, *counts)
        table.add_row(*map(safe, row))
    console().print(table)
    say(f"of {len(run.samples):,} samples of {against}; each is asked in every cell of its rule's part")
    if whole:
        say(
            f"{whole:,} checks are not foretold: of F1, AUROC, ratios, calibration errors one looks from 500 on, "
            "all others are run whole"
        )
