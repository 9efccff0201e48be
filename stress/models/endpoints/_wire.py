"""Values as they travel: pictures as PNG, recordings as WAV of 32-bit floats – nothing is lost on the way."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from perturbations import Audio, InputError, Value
from perturbations.errors import short

__all__ = ["instance"]


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
        import cv2

        turned = value[..., ::-1] if value.shape[2] == 3 else value
        fine, data = cv2.imencode(".png", np.ascontiguousarray(turned))
        if not fine:
            raise InputError(f"model: a picture cannot be sent: {short(value)}.")
        return {"b64": base64.b64encode(data.tobytes()).decode()}
    return {"rate": value.rate, "names": list(value.names), "samples": value.samples.tolist()}


def _wav(audio: Audio) -> bytes:
    """Return a WAV file (IEEE float); libraries write the time of day into theirs, and equal sounds would differ."""
    data = np.ascontiguousarray(audio.samples.T, "<f4").tobytes()
    width = 4 * audio.channels
    form = struct.pack("<HHIIHHH", 3, audio.channels, audio.rate, audio.rate * width, width, 32, 0)
    chunks = [(b"fmt ", form), (b"fact", struct.pack("<I", audio.frames)), (b"data", data)]
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(part)) + part for name, part in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body
