"""Docstrings and other texts of the code as Markdown."""

from __future__ import annotations

import re

__all__ = ["prose", "row"]

_CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)


def prose(text: str) -> str:
    """Return a docstring as Markdown: what is code stays code, and nothing else in it is markup."""
    blocks, kept = [], []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.lstrip().startswith(">>>"):
            kept.append(block)
            continue
        if kept:
            blocks.append(_session(kept))
            kept = []
        blocks.append(_plain(block))
    return "\n\n".join([*blocks, *([_session(kept)] if kept else [])])


def _session(blocks: list[str]) -> str:
    return "```pycon\n" + "\n\n".join(blocks) + "\n```"


def _plain(block: str) -> str:
    parts = _CODE.split(block)
    return "".join(part if i % 2 else _escaped(part) for i, part in enumerate(parts))


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
    return text.replace("[", "\\[")


def row(*cells: str) -> str:
    """Return a row of a table; a cell holds one line, and no border of the table."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
