"""A section of the page that is there only where the measures have something for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from stress.report._grid import Grid
from stress.report._heat import Heat

__all__ = ["Drawing", "Part"]


@dataclass(frozen=True)
class Drawing:
    """A wide figure."""

    title: str
    about: str
    hue: str
    drawing: Markup


@dataclass(frozen=True)
class Part:
    """A section: figures first, then tables, folded unless ``open``."""

    id: str
    title: str
    how: str = ""
    figures: Sequence[Drawing] = ()
    grids: Sequence[Grid] = field(default_factory=tuple)
    heats: Sequence[Heat] = ()
    open: bool = False
