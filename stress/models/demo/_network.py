"""Answers which digit is seen, heard and read, whichever of the three are there, joined at one of three points.

All three networks take raw pixels and raw waveforms and are differentiable from there to the logits. They are trained
here and asked for gradients; `_predict.py` beside this file answers the same with numpy alone.
"""

from __future__ import annotations

from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stress.models.demo._features import (
    BUCKETS,
    FRAMES,
    HOP,
    IMAGE_PIXELS,
    MAP_PIXELS,
    STREAMS,
    WINDOW,
    hann,
    mel_filters,
    resizing,
)

CLASSES: Final = 10
WIDTH: Final = 32


def standard_image(image: Tensor) -> Tensor:
    """Make any picture one grey channel of 32×32: float (n, channels, height, width) of 0 to 255 → (n, 1, 32, 32)."""
    grey = image.mean(dim=1, keepdim=True)
    if grey.shape[-2:] == (IMAGE_PIXELS, IMAGE_PIXELS):
        return grey
    rows, columns = (torch.from_numpy(resizing(size)).to(grey) for size in grey.shape[-2:])
    return rows @ grey @ columns.T


def standard_audio(audio: Tensor) -> Tensor:
    """Make any 8 kHz recording one second long: (n, frames) → (n, 8000), silence added or the end cut off."""
    return functional.pad(audio, (0, FRAMES - audio.shape[-1]))  # a negative length cuts


class LogMel(nn.Module):
    """Turn a waveform (n, 8000) into how loud each band is over time (n, 1, 32, 81), whatever the recording level."""

    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.from_numpy(hann()), persistent=False)
        self.register_buffer("filters", torch.from_numpy(mel_filters()), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        level = (audio.square().mean(dim=-1, keepdim=True) + 1e-7).sqrt()
        spectrum = torch.stft(audio / level, WINDOW, HOP, window=self.window, return_complex=True)
        power = torch.view_as_real(spectrum).square().sum(dim=-1)
        mel = (self.filters @ power + 0.1).log()
        return ((mel - mel.mean(dim=(1, 2), keepdim=True)) / 3).unsqueeze(1)


def _convolution(channels_in: int, channels: int, size: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, size, stride, size // 2, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
    )


def _whenever(maps: Tensor) -> Tensor:
    """Keep what was heard and forget when: mean and peak over time, (n, channels, bands, time) → (n, features)."""
    return torch.cat([maps.mean(dim=3), maps.amax(dim=3)], dim=1).flatten(1)


class ImageStem(nn.Module):
    """See strokes in pixels: (n, 1, 32, 32) of 0 to 255 → (n, 8, 16, 16)."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = _convolution(1, 8, 5, 2)

    def forward(self, image: Tensor) -> Tensor:
        return cast(Tensor, self.convolution(image / 255 - 0.3))


class AudioStem(nn.Module):
    """Hear formants in a waveform: (n, 8000) → (n, 12, 16, 41)."""

    def __init__(self) -> None:
        super().__init__()
        self.log_mel = LogMel()
        self.convolution = _convolution(1, 12, 5, 2)

    def forward(self, audio: Tensor) -> Tensor:
        return cast(Tensor, self.convolution(self.log_mel(audio)))


class TextStem(nn.Module):
    """Read character n-grams, already hashed into buckets: ids (total,), offsets (n,) → (n, 32)."""

    def __init__(self) -> None:
        super().__init__()
        # Its own draws, of the same numbers, would load the compiler of torch where weights are only declared ("meta").
        self.embedding = nn.EmbeddingBag(BUCKETS, WIDTH, mode="mean", _weight=torch.randn(BUCKETS, WIDTH))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, ids: Tensor, offsets: Tensor) -> Tensor:
        return cast(Tensor, self.norm(self.embedding(ids, offsets)))


class ImageEncoder(nn.Module):
    """See a digit in a picture: (n, 1, 32, 32) → (n, 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ImageStem()
        self.body = nn.Sequential(_convolution(8, 16, 3, 2), _convolution(16, 16, 3, 2))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(16 * 16, WIDTH), nn.ReLU())

    def forward(self, image: Tensor) -> Tensor:
        return cast(Tensor, self.head(self.body(self.stem(image)).flatten(1)))


class AudioEncoder(nn.Module):
    """Hear a digit in a recording, wherever in the second it lies: (n, 8000) → (n, 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = AudioStem()
        self.body = nn.Sequential(_convolution(12, 16, 3, 2), _convolution(16, 24, 3, 2))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * 24 * 4, WIDTH), nn.ReLU())

    def forward(self, audio: Tensor) -> Tensor:
        return cast(Tensor, self.head(_whenever(self.body(self.stem(audio)))))


class TextEncoder(nn.Module):
    """Read a digit in a sentence: hashed n-grams → (n, 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = TextStem()
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(WIDTH, WIDTH), nn.ReLU())

    def forward(self, ids: Tensor, offsets: Tensor) -> Tensor:
        return cast(Tensor, self.head(self.stem(ids, offsets)))


class Lost(nn.Module):
    """Put a learned vector where a stream is lost: (n, width, ...) and present (n,) → (n, width, ...)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.zeros(width))

    def forward(self, values: Tensor, present: Tensor) -> Tensor:
        around = [1] * (values.ndim - 2)
        return torch.where(present.view(-1, 1, *around), values, self.vector.view(1, -1, *around))


class EarlyFusion(nn.Module):
    """Lay light features of the three streams over each other as channels of one map, and look at all of them at once.

    Rows and columns of the picture lie on bands and times of the sound, three frames a column; what was read is the
    same all over the map.
    """

    def __init__(self) -> None:
        super().__init__()
        self.image, self.audio, self.text = ImageStem(), AudioStem(), TextStem()
        widths = {"image": 8, "audio": 12, "text": WIDTH}
        self.lost = nn.ModuleDict({name: Lost(width) for name, width in widths.items()})
        self.body = nn.Sequential(_convolution(sum(widths.values()), 32, 3, 2), _convolution(32, 32, 3, 2))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, CLASSES))

    def forward(self, image: Tensor, audio: Tensor, ids: Tensor, offsets: Tensor, present: Tensor) -> Tensor:
        heard = self.audio(standard_audio(audio))
        read = self.text(ids, offsets)
        features = {
            "image": self.image(standard_image(image)),
            "audio": functional.avg_pool2d(functional.pad(heard, (0, MAP_PIXELS * 3 - heard.shape[3])), (1, 3)),
            "text": read.view(*read.shape, 1, 1).expand(-1, -1, MAP_PIXELS, MAP_PIXELS),
        }
        kept = [self.lost[name](features[name], present[:, place]) for place, name in enumerate(STREAMS)]
        return cast(Tensor, self.head(self.body(torch.cat(kept, dim=1)).flatten(1)))


class IntermediateFusion(nn.Module):
    """Join what each stream was understood to be, each turned up or down by a gate that sees all three."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.audio, self.text = ImageEncoder(), AudioEncoder(), TextEncoder()
        self.lost = nn.ModuleDict({name: Lost(WIDTH) for name in STREAMS})
        self.gate = nn.Linear(3 * WIDTH, 3 * WIDTH)
        self.head = nn.Sequential(nn.Linear(3 * WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES))

    def forward(self, image: Tensor, audio: Tensor, ids: Tensor, offsets: Tensor, present: Tensor) -> Tensor:
        embeddings = {
            "image": self.image(standard_image(image)),
            "audio": self.audio(standard_audio(audio)),
            "text": self.text(ids, offsets),
        }
        kept = [self.lost[name](embeddings[name], present[:, place]) for place, name in enumerate(STREAMS)]
        joined = torch.cat(kept, dim=1)
        return cast(Tensor, self.head(joined * torch.sigmoid(self.gate(joined))))


class LateFusion(nn.Module):
    """Let each stream give its own answer, and add up their log-probabilities with learned weights."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.audio, self.text = ImageEncoder(), AudioEncoder(), TextEncoder()
        self.heads = nn.ModuleDict({name: nn.Linear(WIDTH, CLASSES) for name in STREAMS})
        self.weights = nn.Parameter(torch.ones(len(STREAMS)))

    def opinions(self, image: Tensor, audio: Tensor, ids: Tensor, offsets: Tensor) -> Tensor:
        """Ask each stream alone: log-probabilities (n, 3, 10)."""
        logits = [
            self.heads["image"](self.image(standard_image(image))),
            self.heads["audio"](self.audio(standard_audio(audio))),
            self.heads["text"](self.text(ids, offsets)),
        ]
        return torch.stack(logits, dim=1).log_softmax(dim=2)

    def forward(self, image: Tensor, audio: Tensor, ids: Tensor, offsets: Tensor, present: Tensor) -> Tensor:
        return self.combine(self.opinions(image, audio, ids, offsets), present)

    def combine(self, opinions: Tensor, present: Tensor) -> Tensor:
        """Add up what the streams that are there say: (n, 3, 10) → (n, 10)."""
        # `where`, not a product: a lost stream must not leak even a NaN into the sum.
        heard = torch.where(present.unsqueeze(2), opinions, torch.zeros_like(opinions))
        return (heard * self.weights.view(1, -1, 1)).sum(dim=1)


FUSIONS: Final = {"early": EarlyFusion, "intermediate": IntermediateFusion, "late": LateFusion}
