"""Standard output that nobody reads, or that cannot show every character."""

from __future__ import annotations

import os
import sys

__all__ = ["printable", "silence"]


def silence() -> None:
    """Write nothing more to standard output: nobody reads it."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process


def printable() -> None:
    """Let a character that the output's encoding lacks be a question mark, not the end of the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
