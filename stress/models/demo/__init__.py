"""A small model of the demo's world: which digit is written, spoken and read about, with any of the three streams lost.

Three variants join the streams early, midway or late. `train.py` beside this file makes their weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import Audio, InputError
from stress.models.demo._features import FRAMES, IMAGE_PIXELS, RATE_HZ, STREAMS, ngrams, resizing
from stress.models.demo._predict import Arrays, Weights, logits

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["DemoModel", "Fusion", "Inputs", "load"]

Fusion = Literal["early", "intermediate", "late"]
FUSIONS: Final = ("early", "intermediate", "late")
DEFAULT: Final = "late"
WEIGHTS: Final = Path(__file__).parent
CLASSES: Final = tuple("0123456789")


@dataclass(frozen=True, eq=False)
class Inputs:
    """A batch as the network takes it: pixels 0 to 255 (n, 1, 32, 32), waveforms ±1 (n, 8000), hashed n-grams.

    `image` and `audio` are plain float tensors, so `requires_grad_()` on them before `DemoModel.logits` gives gradients
    with respect to pixels and samples. A lost stream has zeros and False in `present` (n, 3), whose columns are image,
    audio and text.
    """

    image: Tensor
    audio: Tensor
    ids: Tensor
    offsets: Tensor
    present: Tensor


@dataclass(frozen=True, eq=False)
class DemoModel:
    """Tell the digit from whatever streams are there: call it with a batch, get probabilities (n, 10).

    `batch` maps "image", "audio" and "text" to lists of n values; None is a lost stream, a missing key loses it for
    all. Images may have any size and number of channels, recordings any rate and length (what is beyond one second is
    not heard). An answer does not depend on the rest of the batch. Threads may share a model. With no stream at all the
    late variant answers 0.1 for each digit.

    Answers need numpy alone. Gradients need torch: `inputs = model.inputs(batch); inputs.audio.requires_grad_();
    model.logits(inputs)`. `module` itself also takes whole batches of raw pixels (n, channels, height, width) and 8 kHz
    waveforms (n, frames) of any size, differentiably.
    """

    weights: Weights
    fusion: Fusion
    classes: tuple[str, ...] = CLASSES
    weights_hash: str | None = None

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> NDArray[np.float64]:
        """Answer with probabilities (n, 10)."""
        scores = logits(self.fusion, self.weights, arrays(batch)).astype(np.float64)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)

    @property
    def gradients(self) -> bool:
        """Whether it can be differentiated here: whether torch is installed, which is not loaded to find out."""
        return find_spec("torch") is not None

    @cached_property
    def module(self) -> nn.Module:
        """The torch network with these weights, made when it is first asked for."""
        import torch

        from stress.models.demo._network import FUSIONS as NETWORKS

        with torch.device("meta"):  # no initial weights are drawn, so the caller's generator is left alone
            module = NETWORKS[self.fusion]()
        state = {name: torch.from_numpy(array) for name, array in self.weights.items()}
        module.load_state_dict(state, assign=True)
        return module.requires_grad_(False).eval()

    def logits(self, inputs: Inputs) -> Tensor:
        """Answer before the softmax: (n, 10), differentiable back to `inputs.image` and `inputs.audio`."""
        answer: Tensor = self.module(inputs.image, inputs.audio, inputs.ids, inputs.offsets, inputs.present)
        return answer

    @staticmethod
    def inputs(batch: Mapping[str, Sequence[Any]]) -> Inputs:
        """Bring the values of a batch to the size and rate that the network takes, as tensors."""
        import torch

        found = arrays(batch)
        offsets = np.cumsum([0, *(len(grams) for grams in found.text)])[:-1]
        return Inputs(
            image=torch.from_numpy(found.image).unsqueeze(1),
            audio=torch.from_numpy(found.audio),
            ids=torch.tensor([gram for grams in found.text for gram in grams], dtype=torch.int64),
            offsets=torch.from_numpy(offsets.astype(np.int64)),
            present=torch.from_numpy(found.present),
        )


def arrays(batch: Mapping[str, Sequence[Any]]) -> Arrays:
    """Bring the values of a batch to the size and rate that the network takes."""
    sizes = [len(batch[name]) for name in STREAMS if name in batch]
    if not sizes:
        raise InputError(f"demo model: needs a stream named image, audio or text, got {', '.join(batch) or 'none'}.")
    size = max(sizes)
    nothing: list[Any] = [None] * size
    images, recordings, texts = (list(batch.get(name, nothing)) for name in STREAMS)
    if not len(images) == len(recordings) == len(texts):
        raise InputError(
            f"demo model: every stream must have one value a sample, got {len(images)} images, "
            f"{len(recordings)} recordings and {len(texts)} texts. Use None for a lost one."
        )
    present = [[value is not None for value in row] for row in zip(images, recordings, texts, strict=True)]
    return Arrays(
        image=_stack_images(images),
        audio=_stack_recordings(recordings),
        text=[ngrams(text) if text is not None else [0] for text in texts],
        present=np.array(present, dtype=np.bool_).reshape(size, len(STREAMS)),
    )


def _stack_images(images: Sequence[NDArray[np.uint8] | None]) -> NDArray[np.float32]:
    stacked = np.zeros((len(images), IMAGE_PIXELS, IMAGE_PIXELS), np.float32)
    for row, image in zip(stacked, images, strict=True):
        if image is None:
            continue
        if image.shape == (IMAGE_PIXELS, IMAGE_PIXELS, 1):
            row[:] = image[:, :, 0]
        else:
            grey = image.mean(axis=2, dtype=np.float32)
            row[:] = resizing(grey.shape[0]) @ grey @ resizing(grey.shape[1]).T
    return stacked


def _stack_recordings(recordings: Sequence[Audio | None]) -> NDArray[np.float32]:
    stacked = np.zeros((len(recordings), FRAMES), np.float32)
    for row, recording in zip(stacked, recordings, strict=True):
        if recording is not None:
            heard = _at_8_khz(recording)[:FRAMES]
            row[: len(heard)] = heard
    return stacked


def _at_8_khz(recording: Audio) -> NDArray[np.float32]:
    mono = recording.samples.mean(axis=0, dtype=np.float32)
    if recording.rate == RATE_HZ or not mono.size:
        return mono
    from math import gcd

    from scipy.signal import resample_poly

    common = gcd(recording.rate, RATE_HZ)
    return np.asarray(resample_poly(mono, RATE_HZ // common, recording.rate // common), dtype=np.float32)


def load(fusion: Fusion = DEFAULT, weights: Path | None = None) -> DemoModel:
    """Load a trained variant: "early", "intermediate" or "late". Reads plain arrays, never a pickle."""
    if fusion not in FUSIONS:
        raise InputError(f"demo model: fusion must be one of {', '.join(FUSIONS)}, got {fusion!r}.")
    stored = (weights or WEIGHTS / f"{fusion}.npz").read_bytes()
    with np.load(BytesIO(stored), allow_pickle=False) as kept:
        state = {name: _full_precision(kept[name]) for name in kept.files}
    return DemoModel(weights=state, fusion=fusion, weights_hash=sha256(stored).hexdigest())


def _full_precision(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float32) if array.dtype == np.float16 else array
