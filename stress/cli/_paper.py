"""What is written for others to read: tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError
from stress._face import open_run
from stress.cli._display import say

__all__ = ["put", "write_table"]


def write_table(runs: Sequence[Path], output: Path | None, **options: Any) -> None:
    """Print a table of one run or of several, or write it to a file."""
    from stress.report import table_text

    put(table_text([open_run(run) for run in runs], **options), output)


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
