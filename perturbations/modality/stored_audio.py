"""A recording's file: what is wrong with it by its header, and its waveform, whole and within full scale."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perturbations._values import Audio
from perturbations.errors import InputError
from perturbations.modality import Limits, Stored

__all__ = ["FEW", "STORED", "waveform"]

_ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".mp3", ".opus", ".aiff", ".aif", ".aifc", ".au", ".caf", ".w64", ".rf64")
_CHANNELS = 64
FEW = 8
"""Channels that a clip of fewer frames may have; above, its axes are taken to be in the wrong order."""
_NUMBERS_A_SECOND = 96_000
"""Numbers that a second of the limit may have, over all channels: two at 48 kHz."""
_UNKNOWN = 2**40
"""Frames from which on a header only says that the length is not known."""
_SLACK = 1152
"""Frames that may lack at the end of a lossy file, which counts in packets: one packet of MP3."""
_OVER = 2.0
"""Up to this peak a float or lossy recording is clipped at full scale; above, its scale must be another one."""
_BLOCK = 65_536
_NAME = re.compile(rb"[A-Za-z0-9_ ]{3,4}\Z")
"""What a part of a RIFF or AIFF file is called."""
_KINDS = ("WAV", "WAVEX", "RF64", "AIFF", "FLAC", "OGG", "MP3", "MPEG")
"""Formats whose headers show whether a file is whole."""
_FASTEST = 768_000
"""Hertz above which a rate is a damaged header's."""
_READ = "WAV, FLAC, OGG, Opus, MP3 and AIFF"
_BESIDE = (b"LIST", b"JUNK", b"bext", b"fact")
"""Parts that may stand before the sound of a plain WAV, and say nothing of it."""


class _Plain(NamedTuple):
    """A WAV of 16-bit PCM, ``int16 (frames, channels)``: what most data sets of speech and sounds are."""

    samplerate: int
    samples: NDArray[np.int16]
    format: str = "WAV"

    @property
    def frames(self) -> int:
        return len(self.samples)

    @property
    def channels(self) -> int:
        return self.samples.shape[1]


def _header(content: bytes) -> str | None:
    """Return what is wrong with a file, as far as its first bytes tell."""
    if not content:
        return "is an empty file"
    if content[4:8] == b"ftyp" or content[:4] == b"\x1a\x45\xdf\xa3":
        return f"is MP4, M4A or Matroska, which is not supported ({_READ} are). Convert it first"
    return _promised(content)


def _mismatch(file: Any, limits: Limits) -> str | None:
    if file.format not in _KINDS:
        return f"is {file.format}, which is not supported ({_READ} are). Convert it first"
    if file.samplerate > _FASTEST:
        return f"must have a rate of at most {_FASTEST:,} Hz, got {file.samplerate:,} Hz: its header is damaged"
    if file.channels > _CHANNELS:
        return f"must have at most {_CHANNELS} channels, got {file.channels}"
    length = file.frames / max(file.samplerate, 1)
    numbers = file.frames * file.channels
    if file.frames < _UNKNOWN and (length > limits.seconds or numbers > limits.seconds * _NUMBERS_A_SECOND):
        wanted = f"at most {limits.seconds:g} s, of {_NUMBERS_A_SECOND:,} numbers each (--max-seconds)"
        return f"must have {wanted}, got {length:.6g} s of {file.channels} channels at {file.samplerate} Hz"
    return None


def _promised(content: bytes) -> str | None:
    """Return what is wrong where a WAV or AIFF promises more sound than the file holds, or none at all."""
    if content[:4] in (b"RIFF", b"RF64") and content[8:12] == b"WAVE":
        order, name = "<", b"data"
    elif content[:4] == b"FORM" and content[8:12] in (b"AIFF", b"AIFC"):
        order, name = ">", b"SSND"
    else:
        return None
    long = None
    for kind, at, length in _parts(content, order):
        left = len(content) - at
        if kind == b"ds64":
            (long,) = struct.unpack_from("<Q", content, at + 8)
        if kind == name:
            length = long if long and length == 0xFFFFFFFF else length
            if length > left and length < 0xFFFFFF00:  # of a stream the length was never written
                return f"is truncated: its header promises {length:,} bytes of sound, and the file holds {left:,}"
            if length == 0 and left > 0:
                return f"is damaged: its header promises no sound, and {left:,} bytes follow"
            if stray := _stray(content[at + length :]):
                return f"is damaged: its header promises {length:,} bytes of sound, and {stray:,} more follow"
            return None
    return None


def _parts(content: bytes, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Give the parts of a RIFF or AIFF file: each one's name, where its content begins, its length by the header."""
    at = 12
    while at + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}4sI", content, at)
        yield kind, at + 8, length
        at += 8 + length + length % 2


def _plain(content: bytes) -> _Plain | None:
    """Return a WAV of 16-bit PCM as it stands in memory, or nothing where a file is, or may be, anything else.

    libsndfile asks for such a file in a dozen small reads, each a call back into Python: ten times the work.
    """
    if content[:4] != b"RIFF" or content[8:16] != b"WAVEfmt ":
        return None
    channels = rate = 0
    for kind, at, length in _parts(content, "<"):
        if kind == b"fmt " and not channels and length >= 16 and at + 16 <= len(content):
            tag, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", content, at)
            if (tag, bits) != (1, 16) or not channels or frame != 2 * channels or not 0 < rate < 2**31:
                return None
        elif kind == b"data" and channels and at + length <= len(content) <= at + length + 1:
            count = length // (2 * channels) * channels
            return _Plain(rate, np.frombuffer(content, "<i2", count, at).reshape(-1, channels))
        elif kind not in _BESIDE:
            return None
    return None


def _stray(rest: bytes) -> int:
    """Return how many bytes follow the sound that are neither another part of the file nor zeros."""
    known = any(rest[i : i + 3] in (b"ID3", b"TAG") or _NAME.match(rest[i : i + 4]) for i in (0, 1))
    return 0 if len(rest) < 8 or known or not rest.strip(b"\0") else len(rest)


def waveform(content: bytes, who: str, limits: Limits) -> tuple[NDArray[np.float32], int]:
    """Return all frames, ``float32 (frames, channels)``, and the rate. Raises InputError where some are missing."""
    import soundfile

    if (problem := _header(content)) is not None:
        raise InputError(f"{who} {problem}.")
    if (plain := _plain(content)) is not None:
        if (problem := _mismatch(plain, limits)) is not None:
            raise InputError(f"{who} {problem}.")
        return plain.samples * np.float32(1 / 32768), plain.samplerate
    try:
        file = soundfile.SoundFile(BytesIO(content))
    except (soundfile.SoundFileError, RuntimeError):
        raise InputError(f"{who} is not a recording that can be read: it is damaged, or none of {_READ}.") from None
    with file:
        if (problem := _mismatch(file, limits)) is not None:
            raise InputError(f"{who} {problem}.")
        try:
            return _whole(file, content, who, limits), file.samplerate
        except (soundfile.SoundFileError, RuntimeError):
            raise InputError(f"{who} is damaged or truncated: it cannot be decoded to its end.") from None


def _whole(file: Any, content: bytes, who: str, limits: Limits) -> NDArray[np.float32]:
    if file.frames >= _UNKNOWN:
        return _streamed(file, who, int(limits.seconds * _NUMBERS_A_SECOND) // file.channels)
    frames, lossy = file.frames, file.subtype in ("MPEG_LAYER_III", "MPEG_LAYER_II", "VORBIS", "OPUS")
    found: NDArray[np.float32] = file.read(dtype="float32", always_2d=True)
    unended = content[:4] == b"OggS" and not _ends(content)
    if len(found) < frames - (_SLACK if lossy else 0) or unended:
        promised = "it stops in the middle of a stream" if unended else f"its header promises {frames:,} frames"
        raise InputError(f"{who} is truncated: {promised}, and the file holds {len(found):,} frames.")
    return found


def _ends(content: bytes) -> bool:
    """Whether the last page of an Ogg file is whole and says that it is the last (RFC 3533, section 6)."""
    last = content.rfind(b"OggS")
    head = content[last : last + 27]
    if len(head) < 27 or not head[5] & 4:
        return False
    lengths = content[last + 27 : last + 27 + head[26]]
    return last + 27 + head[26] + sum(lengths) <= len(content)


def _streamed(file: Any, who: str, most: int) -> NDArray[np.float32]:
    """Return the frames of a file that does not say how many there are: a FLAC that was encoded as a stream.

    libsndfile fails on the block that it cannot fill, after it has filled what there is.
    """
    import soundfile

    blocks: list[NDArray[np.float32]] = []
    while True:
        block = np.full((_BLOCK, file.channels), np.nan, np.float32)
        try:
            whole = file.buffer_read_into(block, "float32") == _BLOCK
        except soundfile.LibsndfileError as error:
            if error.code != 39:  # SFE_INTERNAL: psf_fseek past the end
                raise
            whole = False
        blocks.append(block if whole else block[: int(np.isfinite(block).all(axis=1).sum())])
        if sum(map(len, blocks)) > most:
            raise InputError(f"{who} must have at most {most:,} frames, got more.")
        if not whole:
            return np.concatenate(blocks)


def _decode(content: bytes, who: str, limits: Limits) -> tuple[Audio, str | None]:
    found, rate = waveform(content, who, limits)
    remark = None
    if found.size and 1 < (peak := max(float(found.max()), -float(found.min()))) <= _OVER:  # false for NaN, too
        np.clip(found, -1, 1, out=found)
        remark = f"peaks up to {peak:.3g} were clipped at full scale"
    return Audio(np.ascontiguousarray(found.T), rate), remark


def _certain(content: bytes, limits: Limits) -> bool:
    """Whether a file is a whole WAV of 16-bit PCM of few channels: no number of it is beyond full scale, or none."""
    plain = _plain(content)
    return plain is not None and plain.channels <= FEW and _header(content) is None and _mismatch(plain, limits) is None


STORED = Stored(in_file=True, decode=_decode, endings=_ENDINGS, certain=_certain)
