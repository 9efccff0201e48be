"""Train the demo's three networks again, from the demo's training split: `python -m stress.models.demo.train`.

A maintainer's script. A few minutes on one core; seeded, so the same machine and versions give the same weights.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from stress.models.demo import FUSIONS, WEIGHTS, DemoModel, Fusion, Inputs, load
from stress.models.demo._features import ngrams
from stress.models.demo._network import FRAMES, STREAMS, LateFusion, LogMel
from stress.models.demo._network import FUSIONS as NETWORKS

BATCH = 64
# The networks that join the streams before the answer take longer to learn speech.
EPOCHS: Final = MappingProxyType({"early": 75, "intermediate": 75, "late": 60})
# Which streams a training sample has (image, audio, text), and how often. Speech alone is the commonest: it is the
# slowest to learn, and a network that joins the streams hardly learns it where the image gives the answer away.
SUBSETS = tuple(subset for subset in itertools.product((True, False), repeat=3) if any(subset))
SUBSET_SHARES = (0.2, 0.1, 0.05, 0.1, 0.15, 0.35, 0.05)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What to learn from; every epoch pairs a clip with any picture and any sentence of its digit.

    `images` (m, 32, 32) of 0 to 255, `clips` of 8 kHz samples, `say(digit, rng)` makes a sentence.
    """

    images: NDArray[np.uint8]
    image_digits: NDArray[np.int64]
    clips: Sequence[NDArray[np.float32]]
    clip_digits: NDArray[np.int64]
    say: Callable[[int, np.random.Generator], str]


def demo_data() -> TrainingData:
    """Take the demo's training split; sentences are made afresh each time, in any language."""
    from stress.data.demo import _bundle, _sentences, random_sentence

    bundle = _bundle.read("train")
    return TrainingData(
        images=np.stack([_bundle.enlarge(image)[:, :, 0] for image in bundle.images]),
        image_digits=bundle.image_digits.astype(np.int64),
        clips=bundle.clips,
        clip_digits=bundle.clip_digits.astype(np.int64),
        say=lambda digit, rng: random_sentence(str(rng.choice(_sentences.LANGUAGES)), digit, rng),
    )


def vary_clip(clip: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Say it a little faster or slower, earlier or later, in some noise: (FRAMES,)."""
    length = max(2, int(len(clip) / rng.uniform(0.8, 1.25)))
    spoken = np.interp(np.linspace(0, len(clip) - 1, length), np.arange(len(clip)), clip)[:FRAMES]
    if rng.random() < 0.7:  # before the silence that fills the second, as a noisy recording comes to the model
        snr_db = rng.uniform(0, 40)
        noise = rng.standard_normal(len(spoken))
        if rng.random() < 0.4:  # low rumble rather than hiss
            noise = np.convolve(noise, np.full(8, 8**-0.5), mode="same")
        spoken = spoken + noise * (np.sqrt(np.mean(spoken**2)) * 10 ** (-snr_db / 20))
    heard = np.zeros(FRAMES, np.float32)
    start = int(rng.integers(0, FRAMES - len(spoken) + 1))
    heard[start : start + len(spoken)] = spoken
    return heard


def vary_images(images: Tensor, generator: torch.Generator) -> Tensor:
    """Write it a little slanted, shifted, smaller or larger, in better or worse light: (n, 1, 32, 32)."""
    count = len(images)
    angle, slant, zoom_x, zoom_y, shift_x, shift_y = torch.rand(6, count, generator=generator) * 2 - 1
    angle, slant = angle * 0.2, slant * 0.15
    scale_x, scale_y = 1 + 0.12 * zoom_x, 1 + 0.12 * zoom_y
    first = torch.stack([scale_x * angle.cos(), -angle.sin() + slant, 0.12 * shift_x], dim=1)
    second = torch.stack([angle.sin(), scale_y * angle.cos(), 0.12 * shift_y], dim=1)
    grid = functional.affine_grid(torch.stack([first, second], dim=1), list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    contrast, veil, grain = torch.rand(3, count, 1, 1, 1, generator=generator)
    contrast, veil, grain = 0.2 + 0.8 * contrast.sqrt(), 60 * veil.square(), 45 * grain.square()
    return (veil + contrast * moved + grain * torch.randn(images.shape, generator=generator)).clamp(0, 255)


def batches(
    data: TrainingData, rng: np.random.Generator, generator: torch.Generator
) -> Iterator[tuple[Inputs, Tensor]]:
    """Go once through all clips in random order, with fresh pairs, variations and lost streams."""
    pictures = [np.flatnonzero(data.image_digits == digit) for digit in range(10)]
    order = rng.permutation(len(data.clips))
    for start in range(0, len(order) - BATCH // 2, BATCH):
        chosen = order[start : start + BATCH]
        digits = data.clip_digits[chosen]
        grams = [ngrams(data.say(int(digit), rng)) for digit in digits]
        images = data.images[[rng.choice(pictures[digit]) for digit in digits]]
        subsets = rng.choice(len(SUBSETS), size=len(chosen), p=SUBSET_SHARES)
        yield (
            Inputs(
                image=vary_images(torch.from_numpy(images.astype(np.float32)).unsqueeze(1), generator),
                audio=torch.from_numpy(np.stack([vary_clip(data.clips[clip], rng) for clip in chosen])),
                ids=torch.tensor([gram for sentence in grams for gram in sentence], dtype=torch.int64),
                offsets=torch.tensor(np.cumsum([0, *(len(sentence) for sentence in grams)])[:-1], dtype=torch.int64),
                present=torch.tensor([SUBSETS[subset] for subset in subsets]),
            ),
            torch.from_numpy(digits),
        )


def mask_bands(generator: torch.Generator) -> Callable[[nn.Module, object, Tensor], Tensor]:
    """Blank a few bands and a stretch of time of every spectrogram while training (SpecAugment, Park et al. 2019)."""

    def hook(module: nn.Module, _: object, mel: Tensor) -> Tensor:
        if not module.training:
            return mel
        for axis, widest in ((2, 6), (3, 10)):
            size = mel.shape[axis]
            width = torch.randint(0, widest, (len(mel), 1), generator=generator)
            start = (torch.rand(len(mel), 1, generator=generator) * (size - width)).long()
            place = torch.arange(size).unsqueeze(0)
            blank = (place >= start) & (place < start + width)
            mel = mel.masked_fill(blank[:, None, :, None] if axis == 2 else blank[:, None, None, :], 0)
        return mel

    return hook


def loss_of(network: nn.Module, inputs: Inputs, digits: Tensor) -> Tensor:
    """Charge for wrong answers; in late fusion each stream for its own, the weights for the sum."""
    if not isinstance(network, LateFusion):
        logits = network(inputs.image, inputs.audio, inputs.ids, inputs.offsets, inputs.present)
        return functional.cross_entropy(logits, digits)
    opinions = network.opinions(inputs.image, inputs.audio, inputs.ids, inputs.offsets)
    alone = sum((functional.nll_loss(opinions[:, place], digits) for place in range(len(STREAMS))), torch.zeros(()))
    return alone + functional.cross_entropy(network.combine(opinions.detach(), inputs.present), digits)


def fit(fusion: Fusion, data: TrainingData, epochs: int, seed: int) -> nn.Module:
    """Train one variant from nothing: AdamW with a one-cycle learning rate."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # initial weights and dropout draw from the process's generator
    network = NETWORKS[fusion]()
    spectrum = next(module for module in network.modules() if isinstance(module, LogMel))
    hook = spectrum.register_forward_hook(mask_bands(generator))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.02)
    steps = epochs * len(list(range(0, len(data.clips) - BATCH // 2, BATCH)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    network.train()
    for _ in range(epochs):
        for inputs, digits in batches(data, rng, generator):
            optimizer.zero_grad()
            loss_of(network, inputs, digits).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    hook.remove()
    return network.eval()


def save(network: nn.Module, path: Path) -> None:
    """Keep the weights as plain arrays of half precision."""
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    halved = {name: value.astype(np.float16) if value.dtype == np.float32 else value for name, value in state.items()}
    np.savez_compressed(path, allow_pickle=False, **halved)


def accuracies(model: DemoModel) -> dict[str, float]:
    """Measure the test split with every subset of streams: the other streams are lost."""
    from stress.data.demo import load as load_data

    samples = load_data("test")
    targets = np.array([int(sample.target) for sample in samples])
    found = {}
    for subset in reversed(SUBSETS):
        kept = [name for name, there in zip(STREAMS, subset, strict=True) if there]
        answers = model({name: [sample.streams[name] for sample in samples] for name in kept}).argmax(axis=1)
        found["+".join(kept)] = float(np.mean(answers == targets))
    return found


def main(seed: int = 0) -> None:
    """Train, save and measure all three."""
    torch.set_num_threads(1)
    data = demo_data()
    for fusion in FUSIONS:
        started = time.perf_counter()
        save(fit(fusion, data, EPOCHS[fusion], seed), WEIGHTS / f"{fusion}.npz")
        row = "  ".join(f"{subset} {share:.3f}" for subset, share in accuracies(load(fusion)).items())
        sys.stdout.write(f"{fusion} ({time.perf_counter() - started:.0f} s): {row}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
