"""What people type: ``stress run``, ``list``, ``validate``, ``report``, ``measure`` and the other commands."""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Sequence

__all__ = ["main"]

DONE, FAILED, BAD_INPUT, UNDECIDED, OUR_FAULT, INTERRUPTED = 0, 1, 2, 3, 70, 130
"""Exit statuses."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; every error that is not a fault of ours is one clear message."""
    import click

    from stress.cli._commands import stress
    from stress.cli._pipe import printable, silence

    printable()
    try:
        given = sys.argv[1:] if arguments is None else list(arguments)
        found = stress.main(given, prog_name="stress", standalone_mode=False, obj=shlex.join(["stress", *given]))
        return found if isinstance(found, int) else DONE
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        sys.stderr.write(_shown(said.getvalue()))
        return BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("\ninterrupted – what was finished is kept; run the same command again to continue\n")
        return INTERRUPTED
    except SystemExit as error:
        return _left(error)
    except BrokenPipeError:  # the reader (head, less) has seen enough
        silence()
        return DONE
    except Exception as error:
        return _explain(error)


def _left(error: SystemExit) -> int:
    """Return the status of a command that ended itself: click ends one with 1 where nobody reads its output."""
    from stress.cli._pipe import silence

    if isinstance(error.__context__, BrokenPipeError):
        silence()
        return DONE
    return error.code if isinstance(error.code, int) else DONE


def _shown(text: str) -> str:
    """Return text for a terminal; a word that fills it – a name of thousands of characters – is cut."""
    from perturbations.errors import printable

    cut = re.sub(r"\S{400,}", lambda word: f"{word[0][:200]}…", text)
    return printable(cut, keep="\n\t")


def _explain(error: Exception) -> int:
    from perturbations import StressError

    if isinstance(error, StressError):
        sys.stderr.write(f"stress: {_shown(str(error))}\n")
        return BAD_INPUT
    import traceback

    sys.stderr.write(_shown("".join(traceback.format_exception(error))))
    sys.stderr.write(
        "\nstress: this is a fault of ours, not of your input. Please report it with the lines above, the command and "
        "the output of `stress --version`.\n"
    )
    return OUR_FAULT
