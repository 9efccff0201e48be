"""Train the demo's three networks again, from the demo's training split: `python -m stress.models.demo.train`.

A maintainer's script. A few minutes on one core; seeded, so the same machine and versions give the same weights, byte
for byte. What was tuned – sizes, epochs, the temperature of the answers – was tuned on the validation split; the test
split is not opened here.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from perturbations import Sample
from stress.models.demo import FUSIONS, WEIGHTS, DemoModel, Fusion, Inputs, load
from stress.models.demo._features import FRAMES, STREAMS, ngrams
from stress.models.demo._network import FUSIONS as NETWORKS
from stress.models.demo._network import LateFusion

BATCH = 64
# What is joined before it is understood takes longer to learn.
EPOCHS: Final = MappingProxyType({"early": 100, "intermediate": 40, "late": 40})
# Which streams a training sample has (image, audio, text), and how often.
SUBSETS = tuple(subset for subset in itertools.product((True, False), repeat=3) if any(subset))
SUBSET_SHARES = (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)

Capture = Callable[
    [NDArray[np.uint8], NDArray[np.float32], np.random.Generator], tuple[NDArray[np.uint8], NDArray[np.float32]]
]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What to learn from; every epoch pairs a clip with any picture and any sentence of its digit.

    `images` (m, 32, 32) of 0 to 255, `clips` of 8 kHz samples, `say(digit, rng)` makes a sentence. `capture` is how a
    picture (32, 32, 1) and a clip come to camera and microphone.
    """

    images: NDArray[np.uint8]
    image_digits: NDArray[np.int64]
    clips: Sequence[NDArray[np.float32]]
    clip_digits: NDArray[np.int64]
    say: Callable[[int, np.random.Generator], str]
    capture: Capture = lambda image, clip, _: (image, clip)


def demo_data() -> TrainingData:
    """Take the demo's training split; sentences are made afresh each time, in any language."""
    from stress.data.demo import bundle, capture, random_sentence, sentences

    known = bundle.read("train")
    return TrainingData(
        images=np.stack([bundle.enlarge(image)[:, :, 0] for image in known.images]),
        image_digits=known.image_digits.astype(np.int64),
        clips=known.clips,
        clip_digits=known.clip_digits.astype(np.int64),
        say=lambda digit, rng: random_sentence(str(rng.choice(sentences.LANGUAGES)), digit, rng),
        capture=capture.to_learn_from,
    )


def vary_clip(clip: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Say it a little faster or slower: no longer than a second."""
    length = max(2, int(len(clip) / rng.uniform(0.95, 1.05)))
    return np.interp(np.linspace(0, len(clip) - 1, length), np.arange(len(clip)), clip)[:FRAMES].astype(np.float32)


def vary_images(images: Tensor, generator: torch.Generator) -> Tensor:
    """Write it a little slanted, shifted, smaller or larger: (n, 1, 32, 32)."""
    count = len(images)
    angle, slant, zoom_x, zoom_y, shift_x, shift_y = torch.rand(6, count, generator=generator) * 2 - 1
    angle, slant = angle * 0.2, slant * 0.15
    scale_x, scale_y = 1 + 0.12 * zoom_x, 1 + 0.12 * zoom_y
    first = torch.stack([scale_x * angle.cos(), -angle.sin() + slant, 0.12 * shift_x], dim=1)
    second = torch.stack([angle.sin(), scale_y * angle.cos(), 0.12 * shift_y], dim=1)
    grid = functional.affine_grid(torch.stack([first, second], dim=1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


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
        images = data.images[[rng.choice(pictures[digit]) for digit in digits]].astype(np.float32)
        written = vary_images(torch.from_numpy(images).unsqueeze(1), generator).numpy().round().astype(np.uint8)
        audio = np.zeros((len(chosen), FRAMES), np.float32)
        for row, clip in enumerate(chosen):
            picture, spoken = data.capture(written[row, 0, :, :, None], vary_clip(data.clips[clip], rng), rng)
            written[row, 0] = picture[:, :, 0]
            at = int(rng.integers(0, FRAMES - len(spoken) + 1))
            audio[row, at : at + len(spoken)] = spoken
        subsets = rng.choice(len(SUBSETS), size=len(chosen), p=SUBSET_SHARES)
        yield (
            Inputs(
                image=torch.from_numpy(written.astype(np.float32)),
                audio=torch.from_numpy(audio),
                ids=torch.tensor([gram for sentence in grams for gram in sentence], dtype=torch.int64),
                offsets=torch.tensor(np.cumsum([0, *(len(sentence) for sentence in grams)])[:-1], dtype=torch.int64),
                present=torch.tensor([SUBSETS[subset] for subset in subsets]),
            ),
            torch.from_numpy(digits),
        )


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
    return network.eval()


def temper(network: nn.Module, samples: Sequence[Sample]) -> float:
    """Soften or sharpen a network's answers so that they fit how often it is right on these samples (Guo et al. 2017).

    The temperature that gives the least log loss is divided out of the last layer, in place, and returned.
    """
    from scipy.optimize import minimize_scalar

    inputs = DemoModel.inputs({name: [sample.streams[name] for sample in samples] for name in STREAMS})
    targets = torch.tensor([int(sample.target) for sample in samples])
    with torch.inference_mode():
        logits = network(inputs.image, inputs.audio, inputs.ids, inputs.offsets, inputs.present).double()
    loss = lambda log_t: float(functional.cross_entropy(logits / np.exp(log_t), targets))  # noqa: E731
    temperature = float(np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x))
    last = network if isinstance(network, LateFusion) else cast(nn.Sequential, network.head)[-1]
    with torch.no_grad():
        for values in [last.weights] if isinstance(last, LateFusion) else last.parameters():
            values.div_(temperature)
    return temperature


def save(network: nn.Module, path: Path) -> None:
    """Keep the weights as plain arrays of half precision."""
    state = {name: value.numpy() for name, value in network.state_dict().items() if "num_batches" not in name}
    np.savez_compressed(path, allow_pickle=False, **{name: value.astype(np.float16) for name, value in state.items()})


def accuracies(model: DemoModel, samples: Sequence[Sample]) -> dict[str, float]:
    """Measure every subset of streams: the other streams are lost."""
    targets = np.array([int(sample.target) for sample in samples])
    found = {}
    for subset in reversed(SUBSETS):
        kept = [name for name, there in zip(STREAMS, subset, strict=True) if there]
        answers = model({name: [sample.streams[name] for sample in samples] for name in kept}).argmax(axis=1)
        found["+".join(kept)] = float(np.mean(answers == targets))
    return found


def main(seed: int = 0, folder: Path = WEIGHTS) -> None:
    """Train and save all three, and say how they do on the validation split."""
    from stress.data.demo import load as load_data

    torch.set_num_threads(1)
    data, chosen_on = demo_data(), load_data("validation")
    for fusion in FUSIONS:
        started = time.perf_counter()
        network = fit(fusion, data, EPOCHS[fusion], seed)
        temperature = temper(network, chosen_on)
        save(network, folder / f"{fusion}.npz")
        found = accuracies(load(fusion, folder / f"{fusion}.npz"), chosen_on)
        row = "  ".join(f"{subset} {share:.3f}" for subset, share in found.items())
        took = time.perf_counter() - started
        sys.stdout.write(f"{fusion} ({took:.0f} s, temperature {temperature:.2f}): {row}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0, Path(sys.argv[2]) if len(sys.argv) > 2 else WEIGHTS)
