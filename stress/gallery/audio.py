"""A sheet of sounds: every perturbation in a row, severity by severity, as waveform and spectrogram, and to play."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

import perturbations
from perturbations import Audio, Image, InputError, Perturbation, Sample, apply
from perturbations.audio import resample
from perturbations.modality import modality
from perturbations.modality.drawn_audio import SPECTRUM, WAVE, WIDE, columns_of, extremes, spectrogram
from stress.data import Samples, from_samples

__all__ = ["digits", "sheet"]

_GAP, _LABEL = 6, 18
_LONGEST_S = 10.0


@dataclass(frozen=True)
class _Cell:
    """One sound on the sheet; ``changed`` is false where the perturbation could not act."""

    caption: str
    sound: Audio
    changed: bool = True


_Row = tuple[Perturbation, list[_Cell]]


def sheet(out: Path, names: Sequence[str] | None = None, seed: int = 0, clip: Path | None = None) -> None:
    """Write a sheet as HTML (pictures and sounds inside) or PNG (pictures only), by the file's suffix.

    ``names`` are of audio perturbations (all where None), ``clip`` is a sound file of which the first ten seconds are
    used (three spoken digits of the demo where None). Perturbations that need a file of one's own get a synthetic
    one. Raises InputError for another suffix, an unknown name or a file that is not sound.
    """
    out = Path(out)
    if out.suffix.lower() not in (".png", ".html"):
        raise InputError(f"gallery: the file must end in .png or .html, got {out.name!r}.")
    data = _data(digits() if clip is None else _read(clip))
    wanted = [perturbations.get(name) for name in (perturbations.names("audio") if names is None else names)]
    for perturbation in wanted:
        if "audio" not in perturbation.modalities:
            raise InputError(f"gallery: {perturbation.name} must be a perturbation of audio.")
    rows = [_row(perturbation, data, seed) for perturbation in wanted]
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".png":
        out.write_bytes(_png(_drawn(rows)))
    else:
        out.write_text(_page(rows), encoding="utf-8")


def digits() -> Audio:
    """Return three spoken digits of the demo, at 16 kHz."""
    from stress.data import demo

    spoken = [s.streams["audio"] for s in demo.load() if s.groups["capture"] == "good"][:80:27]
    clips = [audio for audio in spoken if isinstance(audio, Audio)]
    pause = np.zeros((1, clips[0].rate // 10), np.float32)
    joined = np.concatenate([part for audio in clips for part in (audio.samples, pause)], axis=1)
    return Audio(np.clip(resample(joined, Fraction(16_000, clips[0].rate)), -1, 1), 16_000)


def _read(path: Path) -> Audio:
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as source:
            samples = source.read(int(_LONGEST_S * source.samplerate), dtype="float32", always_2d=True).T
            audio = Audio(np.ascontiguousarray(samples), source.samplerate)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise InputError(f"gallery: clip must be a sound file that can be read, got {path}: {error}") from None
    modality("audio").check(audio, "gallery")
    if audio.frames == 0:
        raise InputError(f"gallery: clip must hold sound, got {path} without any.")
    return audio


def _data(clip: Audio) -> Samples:
    """Return a data set of the clip and of two other voices, for the faults that look around."""
    from stress.data import demo

    others = [s.streams["audio"] for s in demo.load("train")[40:120:40]]
    return from_samples(Sample(str(i), {"audio": value}) for i, value in enumerate([clip, *others]))


def _row(perturbation: Perturbation, data: Samples, seed: int) -> _Row:
    """Return the clean clip and what the perturbation makes of it, each with its caption."""
    sample = data[0]
    clean = sample.streams["audio"]
    if not isinstance(clean, Audio):
        raise InputError("gallery: the clip must be a recording.")
    cells = [_Cell("clean", clean)]
    for severity in range(1, perturbation.top() + 1):
        after = apply(
            perturbation, sample, severity, stream="audio", data=data, seed=seed, **perturbation.examples
        ).streams["audio"]
        if isinstance(after, Audio):
            cells.append(_Cell(_caption(perturbation, severity), after, not modality("audio").same(after, clean)))
    return perturbation, cells


def _caption(perturbation: Perturbation, severity: int) -> str:
    if perturbation.axis != "ordinal":
        return "on"
    settings = perturbation.settings(severity, given=perturbation.examples)
    shown = [f"{name} {_short(settings[name])}" for name in perturbation.graded]
    return f"{severity}: {', '.join(shown)}"


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _png(picture: Image) -> bytes:
    return bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())


def _drawn(rows: Sequence[_Row]) -> Image:
    """Return the rows as one picture on white, with each row's name above it."""
    step_y, step_x = WAVE + SPECTRUM + _LABEL + _GAP, 2 * WIDE + _GAP
    wide = max(
        (_GAP + sum(columns_of(c.sound, cells[0].sound) + _GAP for c in cells) for _, cells in rows), default=step_x
    )
    page = np.full((len(rows) * step_y + _GAP, max(wide, step_x), 3), 255, np.uint8)
    for number, (perturbation, cells) in enumerate(rows):
        top, left = _GAP + number * step_y, _GAP
        label = f"{perturbation.name.partition('.')[2]} ({', '.join(perturbation.graded) or perturbation.axis})"
        cv2.putText(page, label, (_GAP, top + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (20, 20, 20), 1, cv2.LINE_AA)
        for cell in cells:
            columns = columns_of(cell.sound, cells[0].sound)
            middle = top + _LABEL + WAVE // 2
            for x, (low, high) in enumerate(extremes(cell.sound, columns)):
                start, end = (round(middle - value * (WAVE // 2 - 1)) for value in (high, low))
                page[start : end + 1, left + x] = (40, 80, 140)
            page[top + _LABEL + WAVE : top + _LABEL + WAVE + SPECTRUM, left : left + columns] = spectrogram(
                cell.sound, columns
            )
            left += columns + _GAP
    return page


_STYLE = """body{font:14px/1.4 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}
h2{margin:1.6rem 0 0;font-size:1rem}p{margin:.1rem 0 .5rem;color:#555;max-width:60rem}
.row{display:flex;flex-wrap:wrap;gap:10px}figure{margin:0}figcaption{font-size:11px;color:#666;max-width:176px}
svg,img{display:block}audio{width:176px;height:28px;margin-top:4px}.same{opacity:.45}"""


def _page(rows: Sequence[_Row]) -> str:
    """Return one self-contained page; everything that is shown is escaped."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Audio perturbations</title>",
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; media-src data:; "
        "style-src 'unsafe-inline'\">",
        f"<style>{_STYLE}</style></head><body><h1>Audio perturbations</h1>",
        "<p>Waveform (full scale ±1) above spectrogram (0 Hz to half the rate, 90 dB). Pale: nothing changed.</p>",
    ]
    for perturbation, cells in rows:
        name, summary = html.escape(perturbation.name), html.escape(perturbation.summary)
        parts.append(f"<h2 id='{name}'>{name}</h2><p>{summary}</p><div class='row'>")
        parts += [_figure(cell, cells[0].sound) for cell in cells]
        parts.append("</div>")
    return "\n".join([*parts, "</body></html>", ""])


def _figure(cell: _Cell, clean: Audio) -> str:
    drawn = modality("audio").look.draw(cell.sound, clean, cell.caption)
    caption = f"<figcaption>{html.escape(cell.caption)}</figcaption>"
    return f"<figure{'' if cell.changed else ' class=same'}>{drawn}{caption}</figure>"
