"""Values as they travel: pictures as PNG, recordings as WAV of 32-bit floats – nothing is lost on the way."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import Audio, Value

__all__ = ["Piece", "body", "encoded", "instance", "key_of", "pcm", "plain", "png", "separated"]

Piece = bytes | NDArray[np.uint8]
"""A part of a request: bytes as they are sent, or a picture, which is sent as the Base64 text of a PNG file."""
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
"""What PNG calls pictures of so many channels."""
_UP = 2
"""The filter of PNG that says of each value how it differs from the one above."""


def body(pieces: Iterable[Piece]) -> bytes:
    """Return the bytes of a request."""
    return b"".join(each if isinstance(each, bytes) else base64.b64encode(png(each)) for each in pieces)


def key_of(url: str, pieces: Iterable[Piece]) -> str:
    """Return the name of a question: the digest of where it is sent and what it holds.

    Pictures count by their pixels: how a library compresses them differs between its versions and between processors,
    and an answer that was paid for is found with all of them. (SHA-256, for which processors have instructions.)
    """
    found = sha256(url.encode() + b"\0")
    for each in pieces:
        if isinstance(each, bytes):
            found.update(each)
        else:  # no JSON has a zero byte
            found.update(b"\0%d %d %d\0" % each.shape)
            found.update(np.ascontiguousarray(each).data)
    return found.hexdigest()[:32]


def instance(values: Mapping[str, Value]) -> list[Piece]:
    """Return a request with one instance: ``{"instances": [{stream: value}]}``, the same for the same values.

    Bytes are ``{"b64": "…"}``, as TensorFlow Serving and KServe (V1) have them; a lost stream is ``null``.
    """
    parts = [[plain(name), b": ", *_value(values[name])] for name in sorted(values)]
    return [b'{"instances": [{', *separated(parts), b"}]}"]


def separated(parts: Iterable[Iterable[Piece]]) -> list[Piece]:
    """Return parts with a comma between them."""
    joined = [piece for part in parts for piece in (b", ", *part)]
    return joined[1:]


def plain(value: Any) -> bytes:
    """Return plain data as JSON, the same bytes for the same data. Raises ValueError for numbers that JSON lacks."""
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()


def encoded(data: bytes) -> list[Piece]:
    """Return bytes as the text that stands for them in JSON."""
    return [b'"', base64.b64encode(data), b'"']


def _value(value: Value) -> list[Piece]:
    if value is None or isinstance(value, str):
        return [plain(value)]
    if isinstance(value, Audio):
        return [b'{"b64": ', *encoded(_wav(value)), b"}"]
    if isinstance(value, np.ndarray):
        return [b'{"b64": "', value, b'"}']
    return [plain({"rate": value.rate, "names": list(value.names), "samples": value.samples.tolist()})]


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture, ``uint8 (height, width, channels)``, as a PNG file, in the least time rather than bytes."""
    height, width, channels = picture.shape
    rows = picture.reshape(height, width * channels)
    data = np.empty((height, 1 + width * channels), np.uint8)
    data[:, 0], data[0, 1:] = _UP, rows[0]
    np.subtract(rows[1:], rows[:-1], out=data[1:, 1:])
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", _deflate()(data)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))))


@cache
def _deflate() -> Callable[[Any], bytes]:
    """Return what compresses: ISA-L, some five times as fast as zlib, or zlib where it is not installed."""
    try:
        from isal import isal_zlib
    except ImportError:
        return _slow
    return lambda data: isal_zlib.compress(data, 1)


def _slow(data: Any) -> bytes:
    """Return compressed data: of zlib's ways, runs of equal bytes are found in the least time."""
    squeezed = zlib.compressobj(1, strategy=zlib.Z_RLE)
    return squeezed.compress(data) + squeezed.flush()


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
