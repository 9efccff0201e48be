"""Reading files that people write: nodes that know their place, and problems gathered with theirs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perturbations.errors import meant
from scenarios._yaml import Node, from_plain, parse

__all__ = ["Node", "Problems", "from_plain", "number_of", "one_of", "parse", "text_of"]


@dataclass
class Problems:
    """What is wrong so far, and the folder that relative paths start from: that of the file, where there is one.

    ``plugins`` tells whether the plug-ins that the file names are imported; else what is theirs is ``unchecked``.
    """

    found: list[str]
    folder: Path | None
    plugins: bool = True
    unchecked: list[str] = field(default_factory=list)

    def say(self, where: str, who: str, text: str, got: str = "", known: Iterable[str] = ()) -> None:
        """Note a problem, with a hint at which of the ``known`` names may be meant by ``got``."""
        hint = meant(got, known) if got else ""
        self.found.append(f"{where}: {who}: {text} {hint}".rstrip())

    def sorted(self) -> list[str]:
        """Return the problems in the order of the file, each once."""

        def place(line: str) -> tuple[int, int]:
            found = re.match(r".*?:(\d+):(\d+): ", line)
            return (int(found[1]), int(found[2])) if found else (0, 0)

        return sorted(dict.fromkeys(self.found), key=place)


def text_of(node: Node | None, who: str, what: str, problems: Problems) -> str | None:
    """Return a text that is not empty, or nothing."""
    if node is None:
        return None
    if not isinstance(node.value, str) or not node.value:
        problems.say(node.where, who, f"{what} must be a text, got {node.shown}.")
        return None
    return node.value


def one_of(node: Node, known: Sequence[str], who: str, what: str, problems: Problems) -> str | None:
    """Return one of the known names, or nothing."""
    if not isinstance(node.value, str) or node.value not in known:
        problems.say(
            node.where, who, f"{what} must be one of {', '.join(known)}, got {node.shown}.", _hint(node), known
        )
        return None
    return node.value


def _hint(node: Node) -> str:
    return node.value if isinstance(node.value, str) else ""


def number_of(node: Node) -> float | None:
    """Return a finite number from 0 up, or nothing."""
    number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
    return float(node.value) if number and math.isfinite(node.value) and node.value >= 0 else None
