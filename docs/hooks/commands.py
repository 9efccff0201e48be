"""The commands as a page: what ``--help`` says of each, in one place."""

from __future__ import annotations

from collections.abc import Iterator

import click

from docs.hooks.words import prose, row
from stress.cli._commands import stress


def page() -> str:
    """Return the page of all commands."""
    parts = ["# Commands", "What `stress COMMAND --help` says, for each."]
    for path, command in walked(("stress",), stress):
        context = click.Context(command, info_name=" ".join(path))
        usage = command.get_usage(context).removeprefix("Usage: ")
        parts += [f"## {' '.join(path)}", f"```text\n{usage}\n```", prose(command.help or "")]
        lines = [line for each in command.params if (line := option(each, context))]
        if lines:
            parts.append("\n".join(["| option | what it does |", "|---|---|", *lines]))
    return "\n\n".join(parts) + "\n"


def walked(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Return every command that does something, with the words that call it, in order."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name in sorted(command.commands):
        yield from walked((*path, name), command.commands[name])


def option(each: click.Parameter, context: click.Context) -> str:
    """Return the row of an option; nothing for an argument, which the usage names."""
    record = each.get_help_record(context)
    if record is None:
        return ""
    names, about = record
    return row(f"`{names}`", prose(about))
