"""How figures for a paper look: fonts, colours and markers, small plots side by side, rows of dots with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from perturbations import InputError
from perturbations.modality import MODALITIES, modality
from stress.report._book import JOINT, Book, Row
from stress.report._numbers import Form, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "LOOKS",
    "MARKERS",
    "SOFT",
    "STYLE",
    "Dots",
    "axis_title",
    "dots",
    "folded",
    "legend",
    "names_of",
    "paper",
    "plots",
    "refuse_mixed",
    "scaled",
]

COLOURS = {name: modality(name).look.colour for name in MODALITIES} | {JOINT: "#8f3f8f", "other": "#5b5b9a"}
"""One hue per modality, the page's own; distinguished with any kind of colour vision, and in grey by their markers."""
MARKERS = {name: modality(name).look.marker for name in MODALITIES} | {JOINT: "D", "other": "X"}
LOOKS = (
    ("#0072b2", "o", "-"), ("#d55e00", "s", "--"), ("#009e73", "^", "-."), ("#cc79a7", "D", ":"),
    ("#e69f00", "v", "-"), ("#56b4e9", "P", "--"), ("#000000", "X", "-."),
)  # fmt: skip
"""Colours that are told apart with any kind of colour vision (Okabe & Ito, 2008), each with a marker and a dash."""
SOFT = "#5b6670"
STYLE: Any = {
    "svg.hashsalt": "multimodal-stress",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dfe3e6",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
    "text.parse_math": False,  # a class named $x$ is a name
}


@cache
def paper() -> type[Figure]:
    """Return the class of figures: they need no window and no pyplot, and a notebook shows them as they are saved."""
    import matplotlib
    from matplotlib.figure import Figure

    class Paper(Figure):
        def _repr_png_(self) -> bytes:
            image = BytesIO()
            with matplotlib.rc_context(STYLE):
                self.savefig(image, format="png", dpi=110)
            return image.getvalue()

    return Paper


def names_of(books: Sequence[Book]) -> list[str]:
    """Return a name for each run: its model's, or its folder's where models are called alike."""
    models = [str((book.identity.get("model") or {}).get("name") or "a model") for book in books]
    folders = [book.run.path.name for book in books]
    for names in (models, folders):
        if len(set(names)) == len(names):
            return [visible(name) for name in names]
    return [visible(f"{number}: {name}") for number, name in enumerate(folders, 1)]


def plots(
    count: int, columns: int, size: tuple[float, float], room: float = 0.2, **share: Any
) -> tuple[Figure, list[Any]]:
    """Return a figure of so many small plots of a size in inches, ``columns`` beside each other at most."""
    wide = max(min(columns, count), 1)
    high = -(-count // wide)
    figure = paper()(figsize=(size[0] * wide + 0.3, size[1] * high + room), layout="constrained")
    places = list(figure.subplots(high, wide, squeeze=False, **share).flat)
    for place in places[count:]:
        place.set_axis_off()
    return figure, places[:count]


def folded(name: str, most: int = 26) -> str:
    """Return a name as the title of a small plot has room for it: in lines of so many characters."""
    shown = visible(name)
    return "\n".join(shown[i : i + most] for i in range(0, len(shown), most)) or shown


def axis_title(form: Form) -> str:
    """Return what stands at an axis of values."""
    return f"{form.title}{f' ({form.mark})' if form.mark else ''}"


def scaled(form: Form, row: Row) -> tuple[float, float | None, float | None]:
    """Return a row's value and the ends of its interval in the unit of the axis."""
    scale = 100.0 if form.share else 1.0
    low, high = (None if row[end] is None else scale * row[end] for end in ("low", "high"))
    return scale * row["value"], low, high


@dataclass(frozen=True)
class Dots:
    """Values by row with their intervals, and how they look; of those in ``open`` the dot is hollow."""

    name: str
    colour: str
    marker: str
    at: Mapping[Any, tuple[float, float | None, float | None]]
    colours: Mapping[Any, str] | None = None
    markers: Mapping[Any, str] | None = None
    open: frozenset[Any] = frozenset()


def dots(place: Any, rows: Sequence[Any], labels: Sequence[str], series: Sequence[Dots]) -> None:
    """Draw rows of dots with intervals, the first row on top; several series stand below each other in a row."""
    step = 0.62 / max(len(series), 1)
    for k, one in enumerate(series):
        first = True
        for i, row in enumerate(rows):
            if row not in one.at:
                continue
            value, low, high = one.at[row]
            y = i + (k - (len(series) - 1) / 2) * step
            colour, marker = (one.colours or {}).get(row, one.colour), (one.markers or {}).get(row, one.marker)
            if low is not None and high is not None:
                place.plot([low, high], [y, y], color=colour, linewidth=2.4, alpha=0.4, solid_capstyle="butt")
            face = "white" if row in one.open else colour
            name = one.name if first else f"_{one.name}"
            place.plot(value, y, color=colour, marker=marker, markersize=4.2, linestyle="", mfc=face, label=name)
            first = False
    place.set_yticks(range(len(rows)), labels)
    place.set_ylim(len(rows) - 0.4, -0.6)
    place.grid(axis="y", visible=False)


def legend(figure: Figure, places: Sequence[Any], count: int) -> None:
    """Draw what tells the runs apart below the plots, where there are several."""
    if count < 2:
        return
    found: dict[str, Any] = {}
    for place in places:
        for handle, name in zip(*place.get_legend_handles_labels()):
            found.setdefault(name, handle)
    inches = 0.085 * max(map(len, found)) + 0.6  # of an entry, so that none is cut off at the margins
    columns = max(1, min(len(found), 4, int(figure.get_figwidth() / inches)))
    figure.legend(found.values(), found, loc="outside lower center", ncols=columns, frameon=False)


def refuse_mixed(books: Sequence[Book]) -> None:
    """Raise InputError for runs of other metrics, or more of them than there are looks."""
    if len(books) > len(LOOKS):
        raise InputError(f"figure: there must be at most {len(LOOKS)} runs in one figure, got {len(books)}.")
    forms = {book.form.name for book in books}
    if len(forms) > 1:
        raise InputError(f"figure: the runs must have one headline metric, got {', '.join(sorted(forms))}.")
