"""Real spoken digits, MNIST images and sentences in nine languages, where a checkout has them beside the repository.

Not part of the product. `samples("test")` and `late_model(cache)` skip the calling test where the data is not there.
"""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from perturbations import Audio, Sample
from stress.models.demo import DemoModel, load

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "avdigits" / "avdigits.npz"
EPOCHS = 40


def columns():
    """Open the file, or skip the test that asks for it."""
    if not DATA.is_file():
        pytest.skip("the avdigits data is not beside this checkout")
    with np.load(DATA, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "ru", "zh")


def clips_of(arrays):
    bounds = arrays["audio_offset"]
    waves = arrays["audio"].astype(np.float32) / 32768
    return [waves[start:end] for start, end in itertools.pairwise(bounds)]


def samples(split="test"):
    """Pair every recording of a split with its image and sentence; a speaker is one sequence."""
    arrays = columns()
    clips = clips_of(arrays)
    found, clocks = [], {}
    for row in np.flatnonzero(arrays["split"] == split):
        speaker, language = str(arrays["speaker"][row]), LANGUAGES[row % len(LANGUAGES)]
        sentences = {name: str(arrays[f"text_{name}"][row]) for name in LANGUAGES}
        clocks[speaker] = clocks.get(speaker, -2.0) + 2.0
        found.append(Sample(
            id=f"{speaker}-{arrays['label'][row]}-{arrays['take'][row]}",
            streams={"image": arrays["image"][row][:, :, np.newaxis],
                     "audio": Audio(clips[row][np.newaxis], rate=int(arrays["sample_rate"])),
                     "text": sentences[language]},
            target=str(arrays["label"][row]),
            groups={"speaker": speaker, "language": language},
            sequence=speaker,
            time=clocks[speaker],
            alternates={"text": sentences},
        ))  # fmt: skip
    return found


def late_model(cache: Path) -> DemoModel:
    """Train the demo's late variant on three speakers (about a minute), or take the weights in `cache`."""
    path = cache / f"avdigits-late-{EPOCHS}.npz"
    if not path.is_file():
        from stress.models.demo import train

        arrays = columns()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")  # a second test process must never read half a file
        train.save(train.fit("late", training_data(arrays), EPOCHS, seed=0), partial)
        partial.replace(path)
    return load("late", weights=path)


def named_model():
    """Return the trained model to a worker, which knows where its weights lie from the environment."""
    return load("late", weights=Path(os.environ["AVDIGITS_WEIGHTS"]))


def training_data(arrays):
    from stress.models.demo.train import TrainingData

    rows = np.flatnonzero(arrays["split"] == "train")
    digits = arrays["label"][rows].astype(np.int64)
    clips = clips_of(arrays)
    rows_of = [rows[digits == digit] for digit in range(10)]
    pixels = np.stack([train_image(image) for image in arrays["image"][rows]])
    return TrainingData(
        images=pixels,
        image_digits=digits,
        clips=[clips[row] for row in rows],
        clip_digits=digits,
        say=lambda digit, rng: str(arrays[f"text_{rng.choice(LANGUAGES)}"][rng.choice(rows_of[digit])]),
    )


def train_image(image):
    """Bring an image to 32×32 just as the model will."""
    import torch

    from stress.models.demo._network import standard_image

    return standard_image(torch.from_numpy(image.astype(np.float32))[None, None])[0, 0].numpy().round().astype(np.uint8)
