"""The networks of `_network.py` as they answer, in numpy: the same numbers, without torch, and no gradients.

Values are laid out with channels last, so that a convolution is one product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stress.models.demo._features import HOP, MAP_PIXELS, STREAMS, WINDOW, hann, mel_filters

__all__ = ["Arrays", "Weights", "logits"]

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]
_EPSILON: Final = np.float32(1e-5)
"""What torch adds to a variance before it divides by its root."""


@dataclass(frozen=True, eq=False)
class Arrays:
    """A batch as the network takes it: pixels 0 to 255 (n, 32, 32), waveforms ±1 (n, 8000), a text's hashed n-grams.

    `present` (n, 3) says which streams are there, in the order image, audio, text; a lost one's values are not read.
    """

    image: Floats
    audio: Floats
    text: Sequence[Sequence[int]]
    present: NDArray[np.bool_]


def logits(fusion: str, w: Weights, batch: Arrays) -> Floats:
    """Answer before the softmax: (n, 10)."""
    return {"early": _early, "intermediate": _intermediate, "late": _late}[fusion](w, batch)


def _early(w: Weights, batch: Arrays) -> Floats:
    features = {
        "image": lambda there: _image_stem(w, batch.image[there]),
        "audio": lambda there: _thirds(_audio_stem(w, batch.audio[there])),
        "text": lambda there: _text_stem(w, _those(batch.text, there))[:, None, None],
    }
    size = (MAP_PIXELS, MAP_PIXELS)
    joined = np.concatenate([_kept(w, batch, name, features[name], size) for name in STREAMS], axis=3)
    return _linear(w, "head.3", _relu(_linear(w, "head.1", _flat(_body(w, "body", joined)))))


def _intermediate(w: Weights, batch: Arrays) -> Floats:
    understood = _encoders(w, batch)
    joined = np.concatenate([_kept(w, batch, name, understood[name]) for name in STREAMS], axis=1)
    one = np.float32(1)
    gate = one / (one + np.exp(-_linear(w, "gate", joined)))
    return _linear(w, "head.2", _relu(_linear(w, "head.0", joined * gate)))


def _late(w: Weights, batch: Arrays) -> Floats:
    total = np.zeros((len(batch.present), 10), np.float32)
    for place, name in enumerate(STREAMS):
        there = np.flatnonzero(batch.present[:, place])
        if len(there):
            opinion = _linear(w, f"heads.{name}", _encoders(w, batch)[name](there))
            opinion -= opinion.max(axis=1, keepdims=True)
            opinion -= np.log(np.exp(opinion).sum(axis=1, keepdims=True))
            total[there] += w["weights"][place] * opinion
    return total


def _encoders(w: Weights, batch: Arrays) -> Mapping[str, Callable[[NDArray[np.int64]], Floats]]:
    """Return, for each stream, what makes its embedding (rows, 32) of some rows."""

    def image(there: NDArray[np.int64]) -> Floats:
        maps = _body(w, "image.body", _image_stem(w, batch.image[there]))
        return _relu(_linear(w, "image.head.1", _flat(maps)))

    def audio(there: NDArray[np.int64]) -> Floats:
        maps = _body(w, "audio.body", _audio_stem(w, batch.audio[there]))
        return _relu(_linear(w, "audio.head.1", _whenever(maps)))

    def text(there: NDArray[np.int64]) -> Floats:
        return _relu(_linear(w, "text.head.1", _text_stem(w, _those(batch.text, there), "text.stem")))

    return {"image": image, "audio": audio, "text": text}


def _kept(
    w: Weights, batch: Arrays, name: str, make: Callable[[NDArray[np.int64]], Floats], size: tuple[int, ...] = ()
) -> Floats:
    """Return a stream's features, and the learned vector where it is lost; what is lost is not worked out."""
    there = np.flatnonzero(batch.present[:, STREAMS.index(name)])
    found = np.tile(w[f"lost.{name}.vector"], (len(batch.present), *size, 1))
    if len(there):
        found[there] = make(there)
    return found


def _those(texts: Sequence[Sequence[int]], rows: NDArray[np.int64]) -> list[Sequence[int]]:
    return [texts[row] for row in rows]


def _image_stem(w: Weights, image: Floats) -> Floats:
    """(n, 32, 32) → (n, 16, 16, 8)."""
    name = "image.convolution" if "image.convolution.0.weight" in w else "image.stem.convolution"
    return _convolution(w, name, (image / np.float32(255) - np.float32(0.3))[..., None], 2)


def _audio_stem(w: Weights, audio: Floats) -> Floats:
    """(n, 8000) → (n, 16, 41, 12)."""
    name = "audio.convolution" if "audio.convolution.0.weight" in w else "audio.stem.convolution"
    return _convolution(w, name, _log_mel(audio)[..., None], 2)


def _text_stem(w: Weights, texts: Sequence[Sequence[int]], name: str = "text") -> Floats:
    """The mean of the n-grams' vectors, brought to mean 0 and variance 1: (n, 32)."""
    lengths = np.array([len(grams) for grams in texts])
    vectors = w[f"{name}.embedding.weight"][np.concatenate([np.asarray(grams) for grams in texts])]
    mean = np.add.reduceat(vectors, np.cumsum(lengths) - lengths, axis=0) / lengths[:, None].astype(np.float32)
    mean -= mean.mean(axis=1, keepdims=True)
    scaled = mean / np.sqrt(np.square(mean).mean(axis=1, keepdims=True) + _EPSILON)
    return scaled * w[f"{name}.norm.weight"] + w[f"{name}.norm.bias"]


def _log_mel(audio: Floats) -> Floats:
    """(n, 8000) → (n, 32, 81)."""
    from scipy.fft import rfft

    level = np.sqrt(np.square(audio).mean(axis=1, keepdims=True) + np.float32(1e-7))
    padded = np.pad(audio / level, ((0, 0), (WINDOW // 2, WINDOW // 2)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=1)[:, ::HOP]
    spectrum = rfft(frames * _ear()[0], axis=2)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel = np.log(power @ _ear()[1] + np.float32(0.1))
    mel = (mel - mel.mean(axis=(1, 2), keepdims=True)) / np.float32(3)
    return np.ascontiguousarray(mel.transpose(0, 2, 1))


@cache
def _ear() -> tuple[Floats, Floats]:
    return hann(), np.ascontiguousarray(mel_filters().T)


def _body(w: Weights, name: str, maps: Floats) -> Floats:
    return _convolution(w, f"{name}.1", _convolution(w, f"{name}.0", maps, 2), 2)


def _convolution(w: Weights, name: str, maps: Floats, stride: int) -> Floats:
    """Convolve with zeros around, normalise each channel and cut below zero: (n, h, w, in) → (n, h', w', out)."""
    kernel = w[f"{name}.0.weight"]
    size, around = kernel.shape[2], kernel.shape[2] // 2
    padded = np.pad(maps, ((0, 0), (around, around), (around, around), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    count, height, width = windows.shape[:3]
    scale = w[f"{name}.1.weight"] / np.sqrt(w[f"{name}.1.running_var"] + _EPSILON)
    shift = w[f"{name}.1.bias"] - w[f"{name}.1.running_mean"] * scale
    product = windows.reshape(count * height * width, -1) @ (kernel.reshape(len(kernel), -1).T * scale) + shift
    return _relu(product).reshape(count, height, width, len(kernel))


def _linear(w: Weights, name: str, values: Floats) -> Floats:
    return values @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _relu(values: Floats) -> Floats:
    return np.maximum(values, 0, out=values)


def _flat(maps: Floats) -> Floats:
    """(n, h, w, channels) → (n, channels · h · w), in the order that the networks have."""
    return maps.transpose(0, 3, 1, 2).reshape(len(maps), -1)


def _thirds(maps: Floats) -> Floats:
    """Fill up with silence, and take the mean of every three frames: (n, 16, 41, 12) → (n, 16, 16, 12)."""
    count, bands, frames, channels = maps.shape
    filled = np.pad(maps, ((0, 0), (0, 0), (0, 3 * MAP_PIXELS - frames), (0, 0)))
    return filled.reshape(count, bands, MAP_PIXELS, 3, channels).mean(axis=3)


def _whenever(maps: Floats) -> Floats:
    """Keep what was heard and forget when: mean and peak over time, (n, bands, time, channels) → (n, features)."""
    both = np.concatenate([maps.mean(axis=2), maps.max(axis=2)], axis=2)
    return both.transpose(0, 2, 1).reshape(len(maps), -1)
