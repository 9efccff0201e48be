"""A small world to try things on: a handwritten digit, the same digit spoken, and a sentence that may name it.

The images are real scans. The speech is synthetic (eSpeak NG), the sentences come from templates; README.md beside this
file says where each part is from and under which licence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perturbations import Audio, InputError, Sample
from stress.data.demo import _sentences
from stress.data.demo._bundle import RATE_HZ, Split, enlarge, read
from stress.data.demo._sentences import LANGUAGES

__all__ = ["CLASSES", "LANGUAGES", "load"]

CLASSES = tuple("0123456789")

_SEEDS = {"train": 1, "test": 2}
# Shares of what the speaker says: names the digit, gives a hint (two or three digits remain), gives nothing away.
_WORDINGS = ("clear", "hint", "vague")
_WORDING_SHARES = (0.52, 0.24, 0.24)
_ROWS = _sentences.CLEAR_ROWS * _sentences.NO_HINT_ROWS


def load(split: Split = "test") -> list[Sample]:
    """Load the samples that the demo is measured on (720, split "test") or trained on (1,200, split "train").

    Streams: `image` (uint8 (32, 32, 1)), `audio` (8 kHz, one channel, up to 0.9 s) and `text`. The target is a label,
    "0" to "9". Groups: `voice`, `language` (of speech and text) and `wording` (clear, hint or vague). Each voice is one
    sequence of forty samples, ten in each of four languages; `time` is in seconds since its start. `alternates` has the
    sentence in all nine languages, its own among them. No voice and no image is in both splits. The samples are the
    same each time.
    """
    if split not in _SEEDS:
        raise InputError(f'demo: split must be "train" or "test", got {split!r}.')
    bundle = read(split)
    rng = np.random.default_rng(_SEEDS[split])
    images = _pair(bundle.clip_digits, bundle.image_digits, rng)
    wordings = rng.choice(_WORDINGS, size=len(bundle.clips), p=_WORDING_SHARES)
    rows = rng.integers(_ROWS, size=len(bundle.clips))
    gaps_s = rng.uniform(1.5, 4.0, size=len(bundle.clips)).round(3)
    samples: list[Sample] = []
    place, time_s = 0, 0.0
    for index, (clip, voice) in enumerate(zip(bundle.clips, bundle.voices, strict=True)):
        new_voice = index == 0 or voice != bundle.voices[index - 1]
        place, time_s = (0, 0.0) if new_voice else (place + 1, round(time_s + float(gaps_s[index]), 3))
        language = LANGUAGES[bundle.languages[index]]
        wording, digit = str(wordings[index]), int(bundle.clip_digits[index])
        sentences = {other: _say(other, wording, int(rows[index]), digit) for other in LANGUAGES}
        samples.append(
            Sample(
                id=f"{split}-{voice}-{place:02d}",
                streams={
                    "image": enlarge(bundle.images[images[index]]),
                    "audio": Audio(clip[np.newaxis], rate=RATE_HZ),
                    "text": sentences[language],
                },
                target=CLASSES[digit],
                groups={"voice": voice, "language": language, "wording": wording},
                sequence=f"{split}-{voice}",
                time=time_s,
                alternates={"text": sentences},
            )
        )
    return samples


def random_sentence(language: str, digit: int, rng: np.random.Generator) -> str:
    """Say anything about a digit, plainly or vaguely, in the same shares as the samples."""
    return _say(language, str(rng.choice(_WORDINGS, p=_WORDING_SHARES)), int(rng.integers(_ROWS)), digit)


def _say(language: str, wording: str, row: int, digit: int) -> str:
    if wording == "clear":
        return _sentences.clear(language, row % _sentences.CLEAR_ROWS, digit)
    if wording == "hint":
        return _sentences.hint(language, digit)
    return _sentences.no_hint(language, row % _sentences.NO_HINT_ROWS)


def _pair(
    clip_digits: NDArray[np.uint8], image_digits: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Give every clip an image of its digit: (clips,) positions, no image twice before each was used once."""
    chosen = np.empty(len(clip_digits), np.int64)
    for digit in range(10):
        wanted = np.flatnonzero(clip_digits == digit)
        chosen[wanted] = np.resize(rng.permutation(np.flatnonzero(image_digits == digit)), len(wanted))
    return chosen
