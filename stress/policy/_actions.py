"""What can be done with an input, as it is named: keep, drop streams, fill one, ask another model, give no answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ABSTAIN", "KEEP", "Action", "action_of"]

KEEP, ABSTAIN = "keep", "abstain"
"""Give the model everything as it is; give no answer."""


@dataclass(frozen=True)
class Action:
    """An action: its ``kind``, the ``streams`` that it is about, and what they are filled with or who is asked."""

    kind: Literal["keep", "abstain", "drop", "fill", "ask"]
    streams: tuple[str, ...] = ()
    what: str = ""

    @property
    def says(self) -> str:
        """What is done, in words."""
        words = {
            "keep": "use every stream",
            "abstain": "give no answer",
            "drop": f"drop {' and '.join(self.streams)}",
            "fill": f"fill {' and '.join(self.streams)} with {self.what}",
            "ask": f"ask {self.what} instead",
        }
        return words[self.kind]


def action_of(name: object) -> Action | None:
    """Return what a name means – ``drop image+audio``, ``fill image with mean``, ``ask module:attribute`` – or None."""
    if not isinstance(name, str):
        return None
    if name in (KEEP, ABSTAIN):
        return Action("keep" if name == KEEP else "abstain")
    kind, _, rest = name.partition(" ")
    if kind == "drop" and all(rest.split("+")):
        return Action("drop", tuple(rest.split("+")))
    if kind == "fill" and all(parts := rest.rpartition(" with ")):
        return Action("fill", (parts[0],), parts[2])
    if kind == "ask" and ":" in rest:
        return Action("ask", (), rest)
    return None
