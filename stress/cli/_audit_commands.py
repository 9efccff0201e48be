"""``stress audit`` and ``stress split``: their options."""

from __future__ import annotations

from typing import Any

import click

from stress.cli._options import EPILOG, RUN

__all__ = ["audit", "split"]


@click.command(epilog=EPILOG)
@click.argument("data")
@click.option("--train", metavar="DATA", help="What the model was trained on.  [default: the splits that DATA names]")
@click.option("--apart", multiple=True, metavar="GROUP", help="May not be in two parts: speaker; may be repeated.")
@click.option("--least", type=int, default=5, show_default=True, metavar="N", help="Samples that a cell needs.")
@click.option("--out", type=RUN, metavar="FILE", help="Write all that was found as JSON.")
@click.option("--fill", type=RUN, metavar="FILE", help="Write a CSV of perturbed samples that fill rare cells.")
@click.option("--max-leaks", type=int, metavar="N", help="Fail (exit status 1) if more samples leak than this.")
@click.option("--workers", type=int, default=2, show_default=True, metavar="N", help="Samples read at once.")
def audit(**options: Any) -> int:
    """Look for leaks, rare cells and damage in DATA.

    A leak is a sample whose content is in another part too – the same, or nearly – in one stream or in all. Groups that
    must stay apart, cells of label, group and present streams with few samples, silent and constant values, files that
    cannot be read, and labels that contradict each other are listed as well.
    """
    from stress.cli._audit import run_audit

    return run_audit(**options)


@click.command(epilog=EPILOG)
@click.argument("data")
@click.option(
    "--shares", default="train=0.7,validation=0.1,test=0.2", show_default=True, metavar="PARTS", help="Of each part."
)
@click.option("--by", default="label,streams", show_default=True, metavar="NAMES", help="Alike in all parts.")
@click.option("--apart", multiple=True, metavar="GROUP", help="Each whole in one part; may be repeated.")
@click.option("--duplicates", is_flag=True, help="Look for duplicates first, and keep them in one part.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N")
@click.option("--out", type=RUN, required=True, metavar="FILE", help="A CSV with columns id and split.")
def split(**options: Any) -> None:
    """Divide DATA into parts that are alike and share nothing."""
    from stress.cli._audit import run_split

    run_split(**options)
