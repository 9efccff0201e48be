"""``stress policy``: its commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stress.cli._options import EPILOG, OWN, RUN

__all__ = ["policy"]


@click.group(epilog=EPILOG)
def policy() -> None:
    """Choose what to do when a stream degrades: drop it, or give no answer."""


@policy.command("fit")
@click.argument("folder", type=RUN, metavar="RUN")
@click.option("--out", type=RUN, default=Path("policy.json"), show_default=True, metavar="FILE")
@click.option("--costs", type=RUN, metavar="FILE", help="YAML: abstain, classes, actions, second; scenarios.")
@click.option("--safe", is_flag=True, help="Only rules that lose at most a point on scenarios they have not seen.")
@click.option(
    "--clean-loss",
    type=float,
    default=0.005,
    show_default=True,
    metavar="LOSS",
    help="Most that a rule may lose on clean input, in wrong answers an input; 1: any.",
)
@click.option(
    "--clean-share", type=float, default=0.5, show_default=True, metavar="SHARE", help="Of clean input, in use."
)
@click.option("--cluster", metavar="GROUP", help="The group whose samples form one cluster.  [default: the data set's]")
@click.option("--risk", type=float, metavar="SHARE", help="Answer so that at most so many answers are wrong.")
@click.option("--delta", type=float, default=0.1, show_default=True, metavar="SHARE", help="How often that may fail.")
@click.option("--relative", metavar="GROUP", help="Thresholds among clean input of one speaker, camera …")
@click.option(
    "--asking",
    type=click.Choice(["nothing", "answer", "alone"]),
    default="nothing",
    show_default=True,
    help="Signals of the model's answer, too, or of its answers to each stream alone.",
)
@OWN
def policy_fit(**options: Any) -> int:
    """Make a fallback policy from RUN.

    RUN is of a suite with fallbacks. First what dropping streams would buy in each cell; then a rule over signals of
    the input's quality, and what it is worth on samples and on kinds of damage that it has not seen.

    Exit status: 0 worth it, 3 not worth it, 2 bad input.
    """
    from stress.cli._policy import run_fit

    return run_fit(**options)


@policy.command("export")
@click.argument("file", type=RUN, metavar="POLICY")
@click.option("--python", "form", flag_value="python", help="A function without imports.")
@click.option("--markdown", "form", flag_value="markdown", default="markdown", help="A page to sign.  [default]")
def policy_export(file: Path, form: str) -> None:
    """Print POLICY for those who run it, or for those who sign it."""
    from stress.cli._policy import run_export

    run_export(file, form)


@policy.command("replay")
@click.argument("folder", type=RUN, metavar="RUN")
@click.argument("file", type=RUN, metavar="POLICY")
@click.option(
    "--after", type=int, default=1, show_default=True, metavar="N", help="Inputs in a row that ask for a switch."
)
@click.option("--dwell", type=int, default=1, show_default=True, metavar="N", help="Inputs that an action is kept for.")
@click.option(
    "--band", type=float, default=0.0, show_default=True, metavar="SHARE", help="Past a threshold, in clean spreads."
)
@click.option("--window", type=int, metavar="N", help="Follow it as a monitor with windows of N inputs does.")
def policy_replay(folder: Path, file: Path, **calm: Any) -> None:
    """Say what RUN's records show of the system with POLICY.

    Cell by cell; along a timeline also over time: the headline in ten windows, and how often the policy switches, with
    hysteresis and dwell time.
    """
    from stress.cli._policy import run_replay

    run_replay(folder, file, **calm)
