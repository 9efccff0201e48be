"""The user's own recordings: found in a folder, read in part, brought to a clip's rate."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from perturbations.audio._signal import Samples, fit, resample
from perturbations.errors import InputError

__all__ = [
    "SUFFIXES",
    "a_file",
    "example_folder",
    "example_response",
    "files_in",
    "read_part",
    "read_response",
    "sounding_start",
    "step_energies",
    "unreadable",
]

SUFFIXES = (".aif", ".aiff", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav")
"""Endings of the files that are taken for recordings."""
_STEP_S = 0.02
_ACTIVE = 1e-4
"""A step of 20 ms sounds where it is within 40 dB of a recording's loudest one: what is active in a clip, too."""


def files_in(path: str) -> tuple[Path, ...]:
    """Return a file, or the recordings in a folder and below it, sorted by name. Raises InputError where none is."""
    root = Path(path).expanduser()
    if os.path.isfile(root):
        return (root,)
    if not os.path.isdir(root):
        raise InputError(f"recordings: must be a file or a folder, got {path!r}, which does not exist.")
    return _listed(path, root.stat().st_mtime_ns)


@lru_cache(16)
def _listed(path: str, changed: int) -> tuple[Path, ...]:
    """List a folder once, and again when it has changed."""
    del changed
    root = Path(path).expanduser()
    try:
        found = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and os.path.isfile(p))
    except OSError as error:
        raise InputError(f"recordings: the folder {path!r} cannot be read: {error.strerror}.") from None
    if not found:
        raise InputError(f"recordings: the folder {path!r} must hold recordings ({' '.join(SUFFIXES)}), got none.")
    return tuple(found)


def unreadable(path: str) -> str | None:
    """Return what is wrong with a file or a folder of recordings, or nothing: each one must open and hold sound."""
    try:
        _opened(files_in(path))
    except InputError as error:
        return f"cannot be used: {error}"
    return None


@lru_cache(16)
def _opened(files: tuple[Path, ...]) -> None:
    for file in files:
        _frames(file)
        _refuse_silence(file)


def _refuse_silence(file: Path) -> None:
    """Raise for a recording of nothing but zeros; of others only the first sound is read."""
    import soundfile

    try:
        with soundfile.SoundFile(str(file)) as source:
            if any(block.any() for block in source.blocks(1 << 16, dtype="float32")):
                return
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise InputError(f"recordings: {file} cannot be read as audio: {error}") from None
    raise InputError(f"recordings: {file} must hold sound, got silence from start to end.")


def _frames(file: Path) -> int:
    import soundfile

    try:
        frames = int(soundfile.info(str(file)).frames)
    except (soundfile.LibsndfileError, OSError, TypeError, RuntimeError) as error:
        raise InputError(f"recordings: {file} cannot be read as audio: {error}") from None
    if frames == 0:
        raise InputError(f"recordings: {file} must hold sound, got no frames.")
    return frames


def a_file(files: tuple[Path, ...], draw: float) -> Path:
    """Return the file that a draw in [0, 1) falls on."""
    return files[int(draw * len(files))]


def step_energies(samples: Samples, rate: int) -> Samples:
    """Return the energy of each step of 20 ms, the mean of all channels; the last step may be shorter."""
    length = max(1, round(_STEP_S * rate))
    power = np.square(samples).mean(axis=0)
    return np.add.reduceat(power, np.arange(0, len(power), length)) if len(power) else power


@lru_cache(256)
def _energies(file: str, changed: int) -> Samples:
    """Read a recording once, block by block, for where it sounds; ``changed`` is the file's time."""
    import soundfile

    del changed  # part of what the result is remembered by
    try:
        with soundfile.SoundFile(file) as source:
            block = 512 * max(1, round(_STEP_S * source.samplerate))
            parts = [
                step_energies(b.T, source.samplerate) for b in source.blocks(block, dtype="float32", always_2d=True)
            ]
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise InputError(f"recordings: {file} cannot be read as audio: {error}") from None
    energies = np.concatenate(parts)
    if not np.isfinite(energies).all():
        raise InputError(f"recordings: {file} must hold finite samples, got NaN or infinity.")
    return energies


def sounding_start(energies: Samples, rate: int, total: int, needed: int, draw: float) -> int:
    """Return the frame at which a part of a recording begins: drawn among the parts that sound half of the time.

    Where there is none, it is one of those that sound longest. ``energies`` are those of the recording's steps.
    """
    last, step = total - needed, max(1, round(_STEP_S * rate))
    sounds = energies > _ACTIVE * energies.max()
    if last <= 0 or sounds.all():
        return int(draw * (last + 1)) if last > 0 else 0
    starts = np.append(np.arange(0, last, step), last)
    heard = np.append(0, np.cumsum(sounds))
    first, after = starts // step, np.minimum(-(-(starts + needed) // step), len(sounds))
    share = (heard[after] - heard[first]) / (after - first)
    fitting = starts[share >= min(0.5, share.max())]
    place = draw * len(fitting)
    return min(last, int(fitting[int(place)] + place % 1 * step))


def read_part(file: Path, draw: float, frames: int, rate: int, channels: int) -> Samples:
    """Return a part of a recording that sounds, at a drawn place and a clip's rate; one too short is repeated.

    Only the part is read, after the recording was read once for where it is silent. With the same number of channels
    each goes to its own, otherwise their mean goes to all (one row is returned).
    """
    import soundfile

    total = _frames(file)
    try:
        with soundfile.SoundFile(str(file)) as source:
            ratio = Fraction(rate, source.samplerate)
            needed = min(total, -(-frames * source.samplerate // rate) + 1)
            energies = _energies(str(file), file.stat().st_mtime_ns)
            source.seek(sounding_start(energies, source.samplerate, total, needed, draw))
            raw: Samples = source.read(needed, dtype="float32", always_2d=True).T
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise InputError(f"recordings: {file} cannot be read as audio: {error}") from None
    if not np.isfinite(raw).all():
        raise InputError(f"recordings: {file} must hold finite samples, got NaN or infinity.")
    part = resample(raw if len(raw) == channels else raw.mean(axis=0, keepdims=True), ratio)
    return np.tile(part, -(-frames // part.shape[1]))[:, :frames] if part.shape[1] < frames else part[:, :frames]


def read_response(file: str, changed: float, rate: int) -> Samples:
    """Return an impulse response at a rate, one channel, from its strongest sound on; ``changed`` is the file's time.

    At most 10 s are read.
    """
    import soundfile

    del changed  # part of what the result is remembered by
    try:
        with soundfile.SoundFile(file) as source:
            raw = source.read(10 * source.samplerate, dtype="float32", always_2d=True).T
            ratio = Fraction(rate, source.samplerate)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise InputError(f"recordings: {file} cannot be read as audio: {error}") from None
    response = resample(raw[:1], ratio)[0]
    if not np.isfinite(response).all() or not response.any():
        raise InputError(f"recordings: {file} must be an impulse response, got silence, NaN or infinity.")
    return response[int(np.abs(response).argmax()) :]


@cache
def _example_root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="multimodal-stress-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


@cache
def example_folder() -> str:
    """Return a folder with two recordings of noise, at two rates, made for this process: what the laws are tried on."""
    import soundfile

    root = _example_root() / "noise"
    root.mkdir()
    time = np.arange(44_100) / 44_100
    soundfile.write(str(root / "fan.wav"), 0.2 * np.sign(np.sin(2 * np.pi * 97 * time)), 44_100)
    soundfile.write(str(root / "siren.wav"), 0.2 * np.sin(900 * np.sin(2 * np.pi * time))[:8000], 8_000)
    return str(root)


@cache
def example_response() -> str:
    """Return a file with the impulse response of a small tiled room, made for this process."""
    import soundfile

    time = np.arange(24_000) / 48_000
    echo = np.sin(2.0e9 * time**2) * np.exp(-time * 6.9 / 0.4)
    echo[0] = 4
    path = _example_root() / "bathroom.wav"
    soundfile.write(str(path), fit((0.2 * echo)[None, :].astype(np.float32), 24_000)[0], 48_000)
    return str(path)
