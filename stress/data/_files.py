"""Files of pictures and sounds: are they what their names say, and what do they hold."""

from __future__ import annotations

from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from perturbations import Audio, Image, InputError, Value
from perturbations.modality import modality

__all__ = ["decode", "looks_right"]


def looks_right(path: Path, kind: str, who: str) -> tuple[bytes, str | None]:
    """Return a digest of a file's bytes, and what is wrong with it, if anything, judged by its header."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return b"", f"{who}: {path} cannot be read: {error.strerror}."
    problem = None
    if kind == "image" and not _is_image(content):
        problem = f"{who}: {path} is not an image that can be read (its first bytes are {content[:8]!r})."
    elif kind == "audio":
        problem = _audio_problem(content, path, who)
    return blake2b(content, digest_size=16).digest(), problem


_IMAGE_SIGNATURES = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\x00", b"MM\x00*", b"RIFF", b"\x00\x00\x00\x0cjP  ",
    b"P1", b"P2", b"P3", b"P4", b"P5", b"P6",
)  # fmt: skip


def _is_image(content: bytes) -> bool:
    return content.startswith(_IMAGE_SIGNATURES) or content[4:8] == b"ftyp"


def _audio_problem(content: bytes, path: Path, who: str) -> str | None:
    import soundfile

    try:
        soundfile.info(BytesIO(content))
    except (soundfile.SoundFileError, RuntimeError) as error:
        reason = str(error).rpartition(": ")[2].rstrip(".")
        return f"{who}: {path} is not a recording that can be read ({reason})."
    return None


def decode(source: Any, kind: str, who: str) -> Value:
    """Return the value of a text, an image file or an audio file. Raises InputError where it cannot be decoded."""
    value: Value = str(source) if kind == "text" else (_image if kind == "image" else _audio)(source, who)
    modality(kind).check(value, who)
    return value


def _image(path: Path, who: str) -> Image:
    import cv2

    content = np.fromfile(path, np.uint8)
    found = cv2.imdecode(content, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION) if content.size else None
    if found is None:
        raise InputError(f"{who}: {path} is damaged: it has the header of an image, but cannot be decoded.")
    if found.dtype != np.uint8:
        raise InputError(f"{who}: {path} must have 8 bits a channel, got {found.dtype}. Convert it first.")
    if found.ndim == 2:
        return found[..., None]
    if found.shape[2] == 4:
        if found[..., 3].min() < 255:
            raise InputError(f"{who}: {path} is partly transparent. Flatten it onto a background first.")
        found = found[..., :3]
    return np.ascontiguousarray(found[..., ::-1])


def _audio(path: Path, who: str) -> Audio:
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"{who}: {path} is damaged: {error}.") from None
    return Audio(np.ascontiguousarray(samples.T), rate)
