"""Everything that the commands show passes through here: no markup and no control character of the user's is obeyed."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["console", "safe", "say"]


def say(text: object = "", err: bool = False, nl: bool = True) -> None:
    """Print lines of text; line breaks and tabs stay, every other control character is written out."""
    from perturbations.errors import printable  # costs numpy, which --help can do without

    click.echo(printable(text, keep="\n\t"), err=err, nl=nl)


def safe(text: object, style: str = "") -> Any:
    """Return text for a console or a table, of which nothing is markup and nothing is an escape sequence."""
    from rich.text import Text

    from perturbations.errors import printable

    return Text(printable(text), style=style)


def console(quiet: bool = False) -> Any:
    """Return a console: 160 columns wide where nobody looks, in a log; with ``quiet`` it prints nothing."""
    from rich.console import Console

    class Shown(Console):
        def on_broken_pipe(self) -> None:  # rich would end the process, with the status of a failed gate
            raise BrokenPipeError

    found = Shown(quiet=quiet)
    return found if found.is_terminal else Shown(width=160, quiet=quiet)
