"""What a perturbation does to an input that one can look at or listen to, and how far from clean that is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from io import BytesIO
from math import isfinite
from typing import Any

import cv2
import numpy as np

from perturbations import Audio, Image, Perturbation, Sample, apply
from perturbations.modality import modality
from perturbations.modality.drawn_audio import SPECTRUM, WAVE, columns_of, extremes, spectrogram
from perturbations.modality.drawn_text import visible
from stress.gallery.audio import digits
from stress.gallery.image import any_photo
from stress.gallery.plain import ways
from stress.gallery.text import SAMPLES
from stress.testing import witness_sample

Media = dict[str, bytes]
"""Pictures and sounds by their place beside the page."""

_SIDE, _MOST = 176, 4
"""Longest side of a picture, in pixels; categories that are shown of one perturbation, at most."""


@dataclass(frozen=True)
class After:
    """A value as a perturbation leaves it, with what did it and how far it is from clean."""

    caption: str
    severity: int | None
    value: Any
    distortion: dict[str, float]


@dataclass(frozen=True)
class Shown:
    """A clean value, and what becomes of it."""

    perturbation: Perturbation
    of: str
    clean: Any
    after: tuple[After, ...]

    def drawn(self, media: Media) -> str:
        """Return the figures of the clean value and of a few others; pictures and sounds go to ``media``."""
        if not self.after:
            return ""
        some = [each for each in self.after if each.severity in (None, 1, 3, self.perturbation.top())]
        if self.perturbation.axis == "categorical":
            some = some[:_MOST]
        if self.of == "text":
            return _texts(self.clean, some)
        figures = [_figure(self, After("clean", 0, self.clean, {}), media)]
        figures += [_figure(self, each, media) for each in some]
        return f'<div class="shown">{"".join(figures)}</div>'


def shown(perturbation: Perturbation) -> Shown:
    """Return what a perturbation does: to a photograph, to spoken digits, to a sentence; else to its own witness."""
    of = perturbation.modalities[0]
    for sample, data in _inputs(perturbation, of):
        found = Shown(perturbation, of, sample.streams["x"], tuple(_after(perturbation, of, sample, data)))
        if any(not modality(of).same(each.value, found.clean) for each in found.after):
            return found
    return found


def _inputs(perturbation: Perturbation, of: str) -> Iterator[tuple[Sample, Any]]:
    own = [perturbation.witness()] if perturbation.witness else []
    own = [value for value in own if modality(of).holds(value)]
    bases = {"image": [_photo()], "audio": [_spoken()], "text": [text for _, text in SAMPLES]}.get(of, [])
    for base in [*own, *bases] if of == "text" else [*bases, *own]:
        sample, data = witness_sample(of, base)
        others = {language: text for language, text in SAMPLES if language != "en"}
        yield (replace(sample, alternates={"x": others}) if of == "text" else sample), data
    yield witness_sample(of)


@cache
def _photo() -> Image:
    picture = any_photo()
    factor = _SIDE / max(picture.shape[:2])
    size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


@cache
def _spoken() -> Audio:
    whole = digits()
    return Audio(np.ascontiguousarray(whole.samples[:, : 2 * whole.rate]), whole.rate)


def _after(perturbation: Perturbation, of: str, sample: Sample, data: Any) -> Iterator[After]:
    clean = sample.streams["x"]
    for caption, keywords in _ways(perturbation):
        given = {**perturbation.examples, **keywords}
        value = apply(perturbation, sample, stream="x", data=data, seed=0, **given).streams["x"]
        if value is not None:
            far = dict(modality(of).distortion(clean, value))
            yield After(caption, keywords.get("severity"), value, far)


def _ways(perturbation: Perturbation) -> list[tuple[str, dict[str, Any]]]:
    """Return the degrees or categories that can be tried without a model or a file of one's own."""
    if "alternates" in perturbation.needs:
        return [(language, {"to": language}) for language, _ in SAMPLES[1:]]
    row = perturbation.params.get(perturbation.category or "")
    if row is not None and not getattr(row, "options", ()) and row.default is None:
        return []
    return list(ways(perturbation))


def _figure(found: Shown, after: After, media: Media) -> str:
    same = modality(found.of).same(after.value, found.clean) and after.severity != 0
    words = f"{found.perturbation.name}, {after.caption}"
    drawn = _drawn(found, after.value, words, media)
    caption = f"{after.caption}{' (unchanged)' if same else ''}"
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"


def _drawn(found: Shown, value: Any, words: str, media: Media) -> str:
    if isinstance(value, Audio):
        sound = _stored(media, _ogg(value), "ogg")
        picture = _picture(media, _sound_drawn(value, found.clean), f"waveform and spectrogram of {words}")
        return f'{picture}<audio controls preload="none" aria-label="{escape(words)}" src="{sound}"></audio>'
    if isinstance(value, np.ndarray):
        return _picture(media, value, words)
    return modality(found.of).look.draw(value, found.clean, words)


def _picture(media: Media, value: Image, words: str) -> str:
    tall, wide = value.shape[:2]
    shown = value if value.shape[2] == 1 else cv2.cvtColor(value, cv2.COLOR_RGB2BGR)
    place = _stored(media, cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes(), "jpg")
    return f'<img loading="lazy" width="{wide}" height="{tall}" alt="{escape(words)}" src="{place}">'


def _stored(media: Media, content: bytes, ending: str) -> str:
    """Keep a picture or a sound once, and return its place."""
    place = f"media/{hashlib.sha256(content).hexdigest()[:16]}.{ending}"
    media[place] = content
    return place


def _ogg(sound: Audio) -> bytes:
    import soundfile

    memory = BytesIO()
    soundfile.write(memory, sound.samples.T[:, :2], sound.rate, format="OGG", subtype="VORBIS")
    return memory.getvalue()


def _sound_drawn(sound: Audio, clean: Audio) -> Image:
    """Return the waveform above the spectrogram, on the clean one's scale of time."""
    columns = columns_of(sound, clean)
    page = np.full((WAVE + SPECTRUM, columns, 3), 255, np.uint8)
    for x, (low, high) in enumerate(extremes(sound, columns)):
        start, end = (int(np.clip(round(WAVE // 2 - end * (WAVE // 2 - 1)), 0, WAVE - 1)) for end in (high, low))
        page[start : end + 1, x] = (40, 80, 140)
    page[WAVE:] = spectrogram(sound, columns)
    return page


def _texts(clean: str, after: list[After]) -> str:
    rows = [f'<tr><th scope="row">clean</th><td dir="auto">{visible(clean)}</td></tr>']
    for each in after:
        same = each.value == clean
        drawn = "<em>unchanged</em>" if same else modality("text").look.draw(each.value, clean, each.caption)
        rows.append(f'<tr><th scope="row">{escape(each.caption)}</th><td dir="auto">{drawn}</td></tr>')
    return f'<table class="texts">{"".join(rows)}</table>'


def curve(perturbation: Perturbation, found: Shown) -> str:
    """Return how far from clean the shown input is at each severity, drawn; in a table where there are none."""
    if not any(each.distortion for each in found.after):
        return ""
    first = next(iter(modality(found.of).look.titles))
    if perturbation.axis != "ordinal":
        told = [(each.caption, each.distortion.get(first, float("nan"))) for each in found.after[:_MOST]]
        said = ", ".join(f"{caption} {_number(value)}" for caption, value in told)
        return f"Distortion of what is shown, {modality(found.of).look.titles[first]}: {escape(said)}."
    points = [(each.severity or 0, each.distortion[first]) for each in found.after if first in each.distortion]
    return _plotted([p for p in points if isfinite(p[1])], modality(found.of).look.titles[first], perturbation.top())


def _number(value: float) -> str:
    return "undefined" if value != value else "unchanged" if value == float("inf") else f"{value:.3g}"


def _plotted(points: list[tuple[int, float]], title: str, top: int) -> str:
    """Return a small curve as SVG, with its numbers as text for those who do not see it."""
    if not points:
        return f"Distortion of what is shown ({title}) is undefined: its size has changed, or nothing has."
    low, high = (end([value for _, value in points]) for end in (min, max))
    low = min(low, 0.0) if low < 0.4 * high or low == high else low
    span = (high - low) or 1.0

    def place(severity: int, value: float) -> str:
        return f"{40 + 200 * (severity - 1) / max(top - 1, 1):.1f},{78 - 60 * (value - low) / span:.1f}"

    line = " ".join(place(*each) for each in points)
    dots = "".join("<circle cx='{}' cy='{}' r='2.6'/>".format(*place(*each).split(",")) for each in points)
    ticks = "".join(f"<text x='{place(s, low).split(',')[0]}' y='94'>{s}</text>" for s in range(1, top + 1))
    said = f"{title} at severity " + ", ".join(f"{severity}: {_number(value)}" for severity, value in points)
    ends = f"<text class='y' x='34' y='22'>{_number(high)}</text><text class='y' x='34' y='82'>{_number(low)}</text>"
    return (
        f"<figure class='far'><svg viewBox='0 0 260 100' width='260' height='100' role='img' "
        f"aria-label='{escape(said)}'>"
        f"<path d='M40 12V82H248'/><polyline points='{line}'/>{dots}{ticks}{ends}</svg>"
        f"<figcaption>{escape(title)} of what is shown, by severity</figcaption></figure>"
    )
