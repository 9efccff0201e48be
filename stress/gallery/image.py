"""A contact sheet of pictures: every perturbation in a row, clean on the left, then severity by severity."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from perturbations import Image, InputError, Perturbation, apply, get, names
from perturbations.modality import modality

__all__ = ["any_photo", "sheet"]

_SIDE = 176
"""Longest side of a picture on the sheet; perturbations are applied at this size."""
_GAP, _LABEL = 6, 18


def sheet(out: Path, chosen: Sequence[str] | None = None, seed: int = 0, photo: Path | Image | None = None) -> None:
    """Write a contact sheet as PNG or HTML, by the file's suffix.

    ``chosen`` are names of image perturbations (all where None). ``photo`` is an image or a file with one; where None,
    a photo that scikit-image or scikit-learn brings, or a drawn scene. Raises InputError for another suffix, an
    unknown name or a file that is not a picture.
    """
    out = Path(out)
    if out.suffix.lower() not in (".png", ".html"):
        raise InputError(f"gallery: the file must end in .png or .html, got {out.name!r}.")
    picture = _picture(photo)
    rows = [_row(get(name), picture, seed) for name in chosen or names("image")]
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".png":
        out.write_bytes(_coded(_drawn(rows)))
    else:
        out.write_text(_page(rows), encoding="utf-8")


def _picture(photo: Path | Image | None) -> Image:
    if photo is None:
        photo = any_photo()
    if isinstance(photo, np.ndarray):
        modality("image").check(photo, "gallery")
        picture = photo
    else:
        data = np.fromfile(photo, np.uint8) if os.path.isfile(photo) else np.zeros(0, np.uint8)
        read = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if read is None:
            raise InputError(f"gallery: photo must be a picture that can be read, got {photo}.")
        picture = cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
    factor = _SIDE / max(picture.shape[:2])
    size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, size, interpolation=how).reshape(size[1], size[0], -1)


def any_photo() -> Image:
    """Return a photo that an installed package brings along, or the drawn scene that perturbations are tested on."""
    for module, name, arguments in _PHOTOS:
        if find_spec(module.partition(".")[0]):
            picture: Image = getattr(import_module(module), name)(*arguments)
            return picture
    witness: Image = modality("image").witness()
    return witness


_PHOTOS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("skimage.data", "astronaut", ()),
    ("sklearn.datasets", "load_sample_image", ("flower.jpg",)),
)


def _row(perturbation: Perturbation, picture: Image, seed: int) -> tuple[Perturbation, list[tuple[str, Image]]]:
    """Return a perturbation's pictures, each with its caption."""
    cells: list[tuple[str, Image]] = [("clean", picture)]
    if perturbation.axis == "ordinal":
        for severity in range(1, perturbation.top() + 1):
            settings = perturbation.settings(severity)
            caption = ", ".join(f"{name} {_short(settings[name])}" for name in perturbation.graded)
            cells.append(
                (f"{severity}: {caption}", apply(perturbation, picture, severity, seed=seed, sample="gallery"))
            )
    else:
        cells.append(("on", apply(perturbation, picture, 1, seed=seed, sample="gallery")))
    return perturbation, cells


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _coded(picture: Image) -> bytes:
    return bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())


def _drawn(rows: Sequence[tuple[Perturbation, list[tuple[str, Image]]]]) -> Image:
    """Return the rows as one picture on white, with each row's name above it."""
    tall, wide = rows[0][1][0][1].shape[:2]
    columns = max(len(cells) for _, cells in rows)
    step_y, step_x = tall + _LABEL + _GAP, wide + _GAP
    page = np.full((len(rows) * step_y + _GAP, columns * step_x + _GAP, 3), 255, np.uint8)
    for number, (perturbation, cells) in enumerate(rows):
        top = _GAP + number * step_y
        label = f"{perturbation.name.partition('.')[2]} ({', '.join(perturbation.graded) or perturbation.axis})"
        cv2.putText(page, label, (_GAP, top + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (20, 20, 20), 1, cv2.LINE_AA)
        for place, (_, cell) in enumerate(cells):
            left = _GAP + place * step_x
            page[top + _LABEL : top + _LABEL + cell.shape[0], left : left + cell.shape[1]] = cell
    return page


_STYLE = """body{font:14px/1.4 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}
h2{margin:1.6rem 0 0;font-size:1rem}p{margin:.1rem 0 .5rem;color:#555;max-width:60rem}
.row{display:flex;flex-wrap:wrap;gap:6px}figure{margin:0}figcaption{font-size:11px;color:#666;max-width:176px}"""


def _page(rows: Sequence[tuple[Perturbation, list[tuple[str, Image]]]]) -> str:
    """Return one self-contained page; everything that is shown is escaped."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Image perturbations</title>",
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'\">",
        f"<style>{_STYLE}</style></head><body><h1>Image perturbations</h1>",
    ]
    for perturbation, cells in rows:
        name, summary = html.escape(perturbation.name), html.escape(perturbation.summary)
        parts.append(f"<h2 id='{name}'>{name}</h2><p>{summary}</p><div class='row'>")
        for caption, cell in cells:
            drawn = modality("image").look.draw(cell, cells[0][1], caption)
            parts.append(f"<figure>{drawn}<figcaption>{html.escape(caption)}</figcaption></figure>")
        parts.append("</div>")
    return "\n".join([*parts, "</body></html>", ""])
