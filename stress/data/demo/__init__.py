"""A small world to try things on: a handwritten digit, the same digit spoken, and a sentence that may name it.

The images are real scans. The speech is synthetic (eSpeak NG), the sentences come from templates; README.md beside this
file says where each part is from and under which licence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perturbations import Audio, InputError, Sample
from stress.data.demo import sentences
from stress.data.demo._voices import Split, speaker_of
from stress.data.demo.bundle import RATE_HZ, Bundle, enlarge, read
from stress.data.demo.capture import POOR_SHARE, heard, seen
from stress.data.demo.sentences import LANGUAGES

__all__ = ["CLASSES", "CLUSTER", "LANGUAGES", "load"]

CLASSES = tuple("0123456789")
CLUSTER = "voice"
"""The group whose samples are alike: one cluster in intervals."""
PER_VOICE = 30

_SEEDS = {"train": 1, "validation": 2, "test": 3}
# Shares of what the speaker says: names the digit, gives a hint (two or three digits remain), gives nothing away.
_WORDINGS = ("clear", "hint", "vague")
_WORDING_SHARES = (0.45, 0.25, 0.3)
_ROWS = sentences.CLEAR_ROWS * sentences.NO_HINT_ROWS


def load(split: Split = "test") -> list[Sample]:
    """Load the samples that the demo is measured on (720, split "test"), was trained on (1,080, "train") or chosen on
    (360, "validation").

    Streams: `image` (uint8 (32, 32, 1)), `audio` (8 kHz, one channel, up to 0.9 s) and `text`. The target is a label,
    "0" to "9". Groups: `voice`, `speaker` (female or male), `language` (of speech and text), `wording` (clear, hint or
    vague) and `capture` (good, or poor: in bad light and a loud room). Each voice is one sequence of thirty samples,
    ten in each of three languages; `time` is in seconds since its start. `alternates` has the sentence in all nine
    languages, its own among them. No voice and no image is in two splits. The samples are the same each time.
    """
    if split not in _SEEDS:
        raise InputError(f"demo: split must be one of {', '.join(_SEEDS)}, got {split!r}.")
    return assemble(read(split), split, np.random.default_rng(_SEEDS[split]), loud_rooms=split != "train")


def assemble(bundle: Bundle, name: str, rng: np.random.Generator, *, loud_rooms: bool) -> list[Sample]:
    """Give every spoken digit a picture, a sentence and a capture, drawn from the generator.

    A poor capture's room is loud only where ``loud_rooms``. Samples and sequences are called NAME-VOICE.
    """
    count = len(bundle.clips)
    pairs = _pair(bundle.clip_digits, bundle.image_digits, rng)
    wordings = rng.choice(_WORDINGS, size=count, p=_WORDING_SHARES)
    rows = rng.integers(_ROWS, size=count)
    poor = rng.random(count) < POOR_SHARE
    times_s = _times_s(count, rng)
    samples: list[Sample] = []
    for index, (clip, voice) in enumerate(zip(bundle.clips, bundle.voices, strict=True)):
        image = seen(enlarge(bundle.images[pairs[index]]), bool(poor[index]), rng)
        clip = heard(clip, bool(poor[index]) and loud_rooms, rng)
        language, wording = LANGUAGES[bundle.languages[index]], str(wordings[index])
        digit = int(bundle.clip_digits[index])
        sentences = {other: _say(other, wording, int(rows[index]), digit) for other in LANGUAGES}
        capture = "poor" if poor[index] else "good"
        samples.append(
            Sample(
                id=f"{name}-{voice}-{index % PER_VOICE:02d}",
                streams={"image": image, "audio": Audio(clip, rate=RATE_HZ), "text": sentences[language]},
                target=CLASSES[digit],
                groups={
                    "voice": voice,
                    "speaker": speaker_of(voice),
                    "language": language,
                    "wording": wording,
                    "capture": capture,
                },
                sequence=f"{name}-{voice}",
                time=float(times_s[index]),
                alternates={"text": sentences},
            )
        )
    return samples


def random_sentence(language: str, digit: int, rng: np.random.Generator) -> str:
    """Say anything about a digit, plainly or vaguely, in the same shares as the samples."""
    return _say(language, str(rng.choice(_WORDINGS, p=_WORDING_SHARES)), int(rng.integers(_ROWS)), digit)


def _times_s(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Let each voice start at zero and pause between its digits: (count,) seconds."""
    gaps_s = rng.uniform(1.5, 4.0, size=(count // PER_VOICE, PER_VOICE))
    gaps_s[:, 0] = 0
    return gaps_s.cumsum(axis=1).round(3).ravel()


def _say(language: str, wording: str, row: int, digit: int) -> str:
    if wording == "clear":
        return sentences.clear(language, row % sentences.CLEAR_ROWS, digit)
    if wording == "hint":
        return sentences.hint(language, digit)
    return sentences.no_hint(language, row % sentences.NO_HINT_ROWS)


def _pair(
    clip_digits: NDArray[np.uint8], image_digits: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Give every clip an image of its digit: (clips,) positions, no image twice before each was used once."""
    chosen = np.empty(len(clip_digits), np.int64)
    for digit in range(10):
        wanted = np.flatnonzero(clip_digits == digit)
        chosen[wanted] = np.resize(rng.permutation(np.flatnonzero(image_digits == digit)), len(wanted))
    return chosen
