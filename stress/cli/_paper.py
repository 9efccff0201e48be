"""What is written for others to read: pages and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError
from stress._face import open_run
from stress.cli._display import say

__all__ = ["put", "write_card", "write_pages", "write_table"]


def write_card(run: Path, form: Any, output: Path | None) -> None:
    """Print the card of a run, or write it to a file."""
    from stress.report import card_text

    put(card_text(open_run(run), form), output)


def write_table(runs: Sequence[Path], output: Path | None, **options: Any) -> None:
    """Print a table of one run or of several, or write it to a file."""
    from stress.report import table_text

    put(table_text([open_run(run) for run in runs], **options), output)


def write_pages(runs: Sequence[Path], output: Path | None, common: bool, goals: str | None) -> None:
    """Write the report of a run, or one page for several."""
    from stress.report import write_comparison, write_report

    opened = [open_run(run) for run in runs]
    if len(opened) == 1:
        if output is not None or common:
            raise InputError("report: -o and --common are of several runs. A run's report lies in its own folder.")
        say(f"{write_report(opened[0], goals)}")
        return
    if goals is not None:
        raise InputError("report: --goals is of one run's report, got several runs.")
    say(f"{write_comparison(opened, output, common=common)}")


def put(text: str, output: Path | None) -> None:
    """Print text, or write it to a file and say where."""
    if output is None:
        say(text, nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror or error}.") from None
    say(f"{output}")
