"""``stress monitor``: its options."""

from __future__ import annotations

from typing import Any

import click

from stress.cli._options import EPILOG, LEXICON, OWN, RUN

__all__ = ["monitor"]


@click.command(epilog=EPILOG)
@click.argument("folder", type=RUN, metavar="RUN")
@click.argument("source", type=str, required=False, metavar="[INPUT]")
@click.option("--history", type=RUN, metavar="FILE", help="SQLite file of all windows.  [default: RUN/monitor.sqlite]")
@click.option("--alpha", type=float, default=1e-6, show_default=True, metavar="RATE", help="False alarms a look.")
@click.option("--window", type=int, default=200, show_default=True, metavar="N", help="Inputs of a window.")
@click.option("--every", type=float, metavar="S", help="Seconds of the inputs' time after which a window ends, too.")
@click.option(
    "--block", metavar="GROUP", help="Inputs of one GROUP are one look; 'sample': each is.  [default: a sequence is]"
)
@LEXICON
@click.option("--policy", type=RUN, metavar="FILE", help="policy.json: say what it would do now.")
@click.option(
    "--tolerance", type=float, default=0.05, show_default=True, metavar="LOSS", help="Rise that labels may show."
)
@click.option("--follow", is_flag=True, help="Keep looking at a folder that is being filled, until interrupted.")
@click.option("--prometheus", type=RUN, metavar="FILE", help="Write metrics in Prometheus' text format.")
@click.option("--serve", type=int, metavar="PORT", help="Serve the metrics on 127.0.0.1:PORT/metrics.")
@click.option("--webhook", metavar="URL", help="POST each alert as JSON; tried again, never waited for.")
@click.option("--report", is_flag=True, help="Write the page of the history, and read no input.")
@OWN
def monitor(**options: Any) -> int:
    """Watch production against RUN.

    INPUT is a manifest (.csv, .jsonl, .parquet), a folder that is being filled, or '-' for JSON lines: values' paths or
    ready signals, with id, time, prediction and, when they come, labels. Says for each window how degraded its inputs
    are on the run's scale and what score to expect, and alerts where inputs are no longer as on clean input. Every
    window is a line of JSON on standard output, and a row of the history.

    Exit status: 0 no alert, 1 an alert, 3 nothing could be looked at, 2 bad input.
    """
    from stress.cli._monitor import run_monitor

    return run_monitor(**options)
