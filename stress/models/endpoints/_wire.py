"""Values as they travel: pictures as PNG, recordings as WAV of 32-bit floats – nothing is lost on the way."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import Audio, InputError, Value
from perturbations.errors import short

__all__ = ["instance", "pcm", "png"]


def instance(values: Mapping[str, Value]) -> bytes:
    """Return a request with one instance: ``{"instances": [{stream: value}]}``, the same bytes for the same values.

    Bytes are ``{"b64": "…"}``, as TensorFlow Serving and KServe (V1) have them; a lost stream is ``null``.
    """
    plain = {name: _plain(value) for name, value in values.items()}
    return json.dumps({"instances": [plain]}, sort_keys=True, ensure_ascii=True, allow_nan=False).encode()


def _plain(value: Value) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Audio):
        return {"b64": base64.b64encode(_wav(value)).decode()}
    if isinstance(value, np.ndarray):
        return {"b64": base64.b64encode(png(value)).decode()}
    return {"rate": value.rate, "names": list(value.names), "samples": value.samples.tolist()}


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture as a PNG file."""
    import cv2

    turned = picture[..., ::-1] if picture.shape[2] == 3 else picture
    fine, data = cv2.imencode(".png", np.ascontiguousarray(turned))
    if not fine:
        raise InputError(f"model: a picture cannot be sent: {short(picture)}.")
    return data.tobytes()


def _wav(audio: Audio) -> bytes:
    """Return a WAV file of IEEE floats, which loses nothing."""
    frames = struct.pack("<I", audio.frames)
    return _riff(audio, 3, np.ascontiguousarray(audio.samples.T, "<f4").tobytes(), 4, [(b"fact", frames)])


def pcm(audio: Audio) -> bytes:
    """Return a WAV file of 16 bits, which every reader knows; full scale is 32767."""
    whole = np.rint(np.clip(audio.samples.T, -1, 1) * 32767)
    return _riff(audio, 1, np.ascontiguousarray(whole, "<i2").tobytes(), 2, [])


def _riff(audio: Audio, form: int, data: bytes, size: int, more: list[tuple[bytes, bytes]]) -> bytes:
    """Return a WAV file; libraries write the time of day into theirs, and equal sounds would differ."""
    width = size * audio.channels
    head = struct.pack("<HHIIHH", form, audio.channels, audio.rate, audio.rate * width, width, 8 * size)
    chunks = [(b"fmt ", head + (b"" if form == 1 else b"\0\0")), *more, (b"data", data)]
    parts = (name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2) for name, part in chunks)
    body = b"WAVE" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body
