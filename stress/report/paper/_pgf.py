"""A figure as PGF: drawn by TeX itself, in the fonts of the paper that takes it in."""

from __future__ import annotations

from functools import cache
from io import StringIO
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from perturbations import InputError
from perturbations.errors import short
from stress.report._export import tex

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["write_pgf"]

_SETTINGS: Any = {"pgf.texsystem": "pdflatex", "pgf.rcfonts": False}
_HEAD = r"""% For \usepackage{pgf}: \input{FILE} draws this figure.
\begingroup
\makeatletter
\begin{pgfpicture}
\pgfpathrectangle{\pgfpointorigin}{\pgfqpoint{%fin}{%fin}}
\pgfusepath{use as bounding box, clip}
"""
_TAIL = r"""\end{pgfpicture}
\makeatother
\endgroup
"""


@cache
def _renderer() -> type:
    """Return matplotlib's renderer, by which no text is ever TeX: names of classes and scenarios are anybody's."""
    from matplotlib.backends.backend_pgf import LatexError, RendererPgf

    class Plain(RendererPgf):
        def draw_text(
            self, gc: Any, x: Any, y: Any, s: str, prop: Any, angle: Any, ismath: Any = False, mtext: Any = None
        ) -> None:
            super().draw_text(gc, x, y, tex(s), prop, angle, ismath, mtext)  # type: ignore[no-untyped-call]

        def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> Any:
            try:
                return super().get_text_width_height_descent(tex(s), prop, ismath)  # type: ignore[no-untyped-call]
            except (LatexError, ValueError):
                raise InputError(f"figure: TeX cannot set {short(s)}. Write a .pdf instead.") from None

    return Plain


def write_pgf(figure: Figure, path: Path) -> None:
    r"""Write a figure for ``\input`` in LaTeX, laid out with the widths that TeX gives its texts.

    Raises InputError where there is no TeX, or it has no letters for a text.
    """
    import matplotlib
    from matplotlib.backends.backend_pgf import FigureCanvasPgf

    if which(_SETTINGS["pgf.texsystem"]) is None:
        raise InputError(f"figure: {path.name} is drawn by pdflatex, which is not installed. Write a .pdf instead.")
    plain, shown = _renderer(), figure.canvas

    class Canvas(FigureCanvasPgf):
        def get_renderer(self) -> Any:  # by which the layout measures texts
            return plain(self.figure, None)

    drawn = StringIO()
    try:
        with matplotlib.rc_context(_SETTINGS):
            Canvas(figure)
            figure.draw(plain(figure, drawn))
    finally:
        figure.set_canvas(shown)
    size = (figure.get_figwidth(), figure.get_figheight())
    head = _HEAD.replace("FILE", path.name).replace("%fin}{%fin", "{:f}in}}{{{:f}in".format(*size))
    path.write_text(head + drawn.getvalue() + _TAIL, encoding="utf-8")
