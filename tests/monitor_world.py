"""A small run with three streams, and production like it, degraded, or otherwise."""

import json

import numpy as np

import stress
from perturbations import Audio, Sample, apply

SUITE = {
    "suite": "watched@1",
    "severities": [1, 3, 5],
    "scenarios": {
        "low-light": {"image": "low_light"},
        "sensor-noise": {"image": "gaussian_noise"},
        "fog": {"image": "fog"},
        "hiss": {"audio": "white_noise"},
        "typos": {"text": "keyboard_typos"},
        "no-image": {"image": "missing"},
    },
}
WORDS = ["the", "of", "and", "to", "in", "is", "it", "that", "was", "for", "on", "are", "with", "as", "his", "they"]
STREAMS = ("image", "audio", "text")


def sample(number, seed=0, side=24, rate=8000, words=WORDS):
    """One input: a picture whose brighter half is the answer, a tone, and a sentence."""
    rng = np.random.default_rng([seed, number])
    target = int(rng.integers(0, 2))
    step = rng.uniform(2, 60)
    picture = np.full((side, side, 3), rng.uniform(60, 160)) + rng.normal(0, 4, (side, side, 3))
    picture[:, side // 2 :] += step if target else -step
    tone = rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * rng.uniform(200, 900) * np.arange(rate // 4) / rate)
    text = " ".join(rng.choice(words, rng.integers(8, 16)))
    values = {
        "image": np.clip(picture, 0, 255).astype(np.uint8),
        "audio": Audio((tone + rng.normal(0, 0.003, len(tone))).astype(np.float32), rate),
        "text": text,
    }
    return Sample(f"s{seed}-{number}", values, target=str(target))


def predict(batch):
    """Which half is brighter, if it can be seen; a lost picture is answered by chance."""
    answers = []
    for picture in batch["image"]:
        half = 0 if picture is None else picture.shape[1] // 2
        step = 0.0 if picture is None else float(picture[:, half:].mean()) - float(picture[:, :half].mean())
        sure = 0.5 + 0.5 * np.tanh(step / 8)
        answers.append([1 - sure, sure])
    return np.array(answers)


def write(folder, count=80, suite=SUITE, **settings):
    """Run the suite."""
    samples = [sample(i) for i in range(count)]
    settings = {"workers": 1, "preflight": False, "examples": 0, **settings}
    return stress.run(predict, samples, suite, folder, **settings)


def row(one, number, perturbation=None, severity=3, **more):
    """An input as a line with ready signals, degraded if asked."""
    streams = dict(one.streams)
    if perturbation is not None:
        stream = perturbation.partition(".")[0]
        streams[stream] = apply(perturbation, streams[stream], severity=severity, seed=0, sample=one.id)
    signals = stress.policy.signals_of(streams)
    return {
        "id": one.id,
        "time": float(number),
        "signals": {k: None if v != v else v for k, v in signals.items()},
        **more,
    }


def rows(count, seed=1, start=0, perturbation=None, **more):
    """Lines of inputs that the run has not seen."""
    keep = {key: more.pop(key) for key in ("severity", "label", "prediction") if key in more}
    return [row(sample(i, seed, **more), i, perturbation, **keep) for i in range(start, start + count)]


def lines(found):
    """Rows as bytes of JSON lines."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in found)
