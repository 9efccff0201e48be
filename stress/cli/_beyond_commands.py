"""Commands that go beyond a single run's numbers: what answers rest on, equal severities, evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stress.cli._options import EPILOG, OWN, RUN

__all__ = ["attribute", "calibrate", "evidence"]


@click.command(epilog=EPILOG)
@click.argument("folder", type=RUN, metavar="RUN")
@click.option("--model", metavar="NAME", help="The model of the run, which must give gradients.  [default: demo's]")
@click.option("--data", metavar="NAME", help="The data of the run.  [default: demo's]")
@click.option("--cells", multiple=True, metavar="GLOB", help="[default: clean, and each scenario's last severity]")
@click.option("--samples", type=int, default=30, show_default=True, metavar="N", help="Looked at, evenly spread.")
@click.option("--fill", metavar="NAME", help="What stands for a lost stream: none, zeros, mean.  [default: RUN's]")
@click.option(
    "--judgements", type=RUN, metavar="FILE", help="A CSV of what people say: sample, rater, a column a stream."
)
@click.option("--confidence", type=float, default=0.95, show_default=True, metavar="SHARE")
@click.option("--json", "out", type=RUN, metavar="FILE", help="[default: RUN/attribution.json]")
@OWN
def attribute(**options: Any) -> int:
    """Say which streams the answers of RUN rest on.

    Integrated gradients and occlusion, each stream's share cell by cell, beside the share that the run's own lost
    streams measure: where they disagree, an explanation is not what the model does. Deletion curves say how faithful
    each is; attention is listed where the model hands it over.
    """
    from stress.cli._attribute import run_attribute

    return run_attribute(**options)


@click.command(epilog=EPILOG)
@click.argument("runs", type=RUN, metavar="[RUN …]", nargs=-1)
@click.option("--by", type=click.Choice(["loss", "distortion"]), help="What is to be equal.  [default: loss]")
@click.option("--metric", metavar="NAME", help="Whose loss.  [default: the task's headline]")
@click.option("--measure", metavar="NAME", help="Of distortion: ssim, psnr_db, snr_db, cer.  [default: one a modality]")
@click.option("--levels", type=int, default=5, show_default=True, metavar="N")
@click.option(
    "--top", type=float, metavar="X", help="What the last level gives.  [default: what half the scenarios reach]"
)
@click.option("--judge", type=RUN, multiple=True, metavar="RUN", help="Of another model, to judge by; may be repeated.")
@click.option("--confidence", type=float, default=0.95, show_default=True, metavar="SHARE")
@click.option("--suite", metavar="SUITE", help="Without runs: the suite whose scenarios are measured on --data.")
@click.option("--data", metavar="NAME", help="Without runs: clean data, as for `stress run`.")
@click.option("--samples", type=int, default=100, show_default=True, metavar="N", help="Of --data, at most.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Names the draws, without runs.")
@click.option("-o", "--out", type=RUN, metavar="FILE", help="The suite to write.  [default: equal.yaml]")
@click.option("--name", metavar="NAME", help="Of that suite.  [default: SUITE-equal-loss]")
@click.option("--json", "json_file", type=RUN, metavar="FILE", help="Write levels, intervals and spreads.")
@OWN
def calibrate(**options: Any) -> int:
    """Find severities that mean the same in every scenario.

    RUNs are of one suite on the same samples, one for each model of a panel: level k then costs the panel the same in
    every scenario of a modality. With --by distortion (one RUN, or --suite and --data without a model) inputs are
    equally far from clean ones instead. The levels are written as a suite, whose version rises when they change.

    Exit status: 0 done, 3 no scenario has a level, 2 bad input.
    """
    from stress.cli._calibrate import run_calibrate

    return run_calibrate(**options)


@click.command(epilog=EPILOG)
@click.argument("runs", type=RUN, metavar="RUN …", nargs=-1, required=True)
@click.option("--declaration", type=RUN, required=True, metavar="FILE", help="YAML: intended use, levels, conditions.")
@click.option("-o", "--out", type=RUN, default=Path("evidence"), show_default=True, metavar="DIR")
@OWN
def evidence(**options: Any) -> int:
    """Write what RUNs of one model show, for a technical file.

    One folder: JSON, pages and hashes. Declared levels against measured ones, what was tested and what was not,
    failures, versions, digests; mapped to the EU AI Act, ISO/IEC 24029 and the NIST AI RMF. Evidence, not conformity.

    Exit status: 0 every declared level is met, 1 one is not, 3 one could not be judged or decided, 2 bad input.
    """
    from stress.cli._evidence import run_evidence

    return run_evidence(**options)
