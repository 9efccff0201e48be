"""Speak digits in 72 synthetic voices and nine languages into the one file that the demo reads.

A maintainer's script: `python -m stress.data.demo.make_speech`. It needs the `espeak-ng` program (the file was made
with version 1.51) and scikit-learn; reading the file needs neither. Each clip is spoken by a fresh process, which is
what makes eSpeak NG give the same bytes every time.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stress.data.demo._voices import VOICES
from stress.data.demo.bundle import BUNDLE, IMAGES, RATE_HZ
from stress.data.demo.sentences import LANGUAGES, NUMBER_WORDS

SEED = 20261128
LANGUAGES_PER_VOICE = 3
CLIPS_PER_LANGUAGE = 10
VORBIS_COMPRESSION = 0.85

_ESPEAK_VOICE = {"fr": "fr-fr", "en": "en-us", "zh": "cmn-latn-pinyin"}
# eSpeak NG has no dictionary for Chinese characters in its default build; it reads Pinyin well.
_PINYIN = ("ling2", "yi1", "er4", "san1", "si4", "wu3", "liu4", "qi1", "ba1", "jiu3")


def speak(variant: str, language: str, digit: int, speed: int, pitch: int) -> NDArray[np.float64]:
    """Let eSpeak NG say one digit: float samples (frames,) at 22,050 Hz."""
    word = _PINYIN[digit] if language == "zh" else NUMBER_WORDS[language][digit]
    voice = f"{_ESPEAK_VOICE.get(language, language)}+{variant}"
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", word]
    wave = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(wave[44:], dtype="<i2").astype(np.float64) / 32768


def trim(samples: NDArray[np.float64], peak: float) -> NDArray[np.float32]:
    """Bring a clip down to 8 kHz, cut the silence around it to 30 ms, and set how loud it is."""
    from scipy.signal import resample_poly

    narrow = resample_poly(samples, 160, 441)
    loud = np.flatnonzero(np.abs(narrow) > 0.01 * np.abs(narrow).max())
    margin = int(0.03 * RATE_HZ)
    cut = narrow[max(0, loud[0] - margin) : loud[-1] + margin]
    return np.asarray(cut / np.abs(cut).max() * peak, dtype=np.float32)


def encode(clips: Sequence[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Put clips end to end into one Ogg Vorbis stream whose serial number is fixed: the same bytes each time."""
    import soundfile

    stream = io.BytesIO()
    with soundfile.SoundFile(
        stream, "w", RATE_HZ, channels=1, format="OGG", subtype="VORBIS", compression_level=VORBIS_COMPRESSION
    ) as file:
        for clip in clips:  # one by one: the library's Vorbis writer crashes on one very long block
            file.write(clip)
    return _fix_serial(np.frombuffer(stream.getvalue(), np.uint8).copy())


def _fix_serial(ogg: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Replace the random serial number that the library draws, page by page, and the checksum that covers it."""
    at = 0
    while at < len(ogg):
        segments = int(ogg[at + 26])
        length = 27 + segments + int(ogg[at + 27 : at + 27 + segments].sum())
        ogg[at + 14 : at + 18] = (1, 0, 0, 0)
        ogg[at + 22 : at + 26] = 0
        checksum = _ogg_checksum(ogg[at : at + length].tobytes())
        ogg[at + 22 : at + 26] = np.frombuffer(checksum.to_bytes(4, "little"), np.uint8)
        at += length
    return ogg


def _ogg_checksum(page: bytes) -> int:
    """The checksum of an Ogg page: a 32-bit CRC, polynomial 0x04c11db7, not reflected (RFC 3533)."""
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = ((value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
        table.append(value)
    checksum = 0
    for byte in page:
        checksum = ((checksum << 8) & 0xFFFFFFFF) ^ table[(checksum >> 24) ^ byte]
    return checksum


def speak_split(
    voices: Sequence[str], digits: NDArray[np.uint8], rng: np.random.Generator
) -> dict[str, NDArray[np.generic]]:
    """Let every voice speak its share of the digits: three languages, ten digits in each, at its own pitch and pace."""
    clips: list[NDArray[np.float32]] = []
    voice_column, language_column = [], []
    for voice, variant in enumerate(voices):
        own_speed, own_pitch = int(rng.integers(150, 195)), int(rng.integers(30, 70))
        for block in range(LANGUAGES_PER_VOICE):
            language = (voice * LANGUAGES_PER_VOICE + block) % len(LANGUAGES)
            for _ in range(CLIPS_PER_LANGUAGE):
                speed = own_speed + int(rng.integers(-15, 16))
                pitch = own_pitch + int(rng.integers(-8, 9))
                samples = speak(variant, LANGUAGES[language], int(digits[len(clips)]), speed, pitch)
                clips.append(trim(samples, peak=float(rng.uniform(0.35, 0.8))))
                voice_column.append(voice)
                language_column.append(language)
    return {
        "ogg": encode(clips),
        "frames": np.array([len(clip) for clip in clips], np.int32),
        "digit": digits,
        "voice": np.array(voice_column, np.uint8),
        "language": np.array(language_column, np.uint8),
        "voices": np.array(voices),
    }


def make(path: Path = BUNDLE) -> None:
    """Write the file: digit images as they are, and the spoken digits of all parts."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    rng = np.random.default_rng(SEED)
    digits = load_digits()
    labels = digits.target.astype(np.uint8)
    arrays: dict[str, NDArray[np.generic]] = {"images": digits.images.astype(np.uint8), "digits": labels}
    for split, voices in VOICES.items():
        blocks = len(voices) * LANGUAGES_PER_VOICE
        wanted = rng.permuted(np.tile(np.arange(10, dtype=np.uint8), (blocks, 1)), axis=1).ravel()
        if split != "train":  # each image is of one sample
            wanted = rng.permutation(labels[IMAGES[split]])
        if len(wanted) != blocks * CLIPS_PER_LANGUAGE:
            raise ValueError(f"make_speech: every {split} image needs one clip")
        arrays.update({f"{split}_{name}": column for name, column in speak_split(voices, wanted, rng).items()})
    np.savez_compressed(path, allow_pickle=False, **arrays)


if __name__ == "__main__":
    make()
