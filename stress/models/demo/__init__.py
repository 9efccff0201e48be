"""A small model of the demo's world: which digit is written, spoken and read about, with any of the three streams lost.

Three variants join the streams early, midway or late. `train.py` beside this file makes their weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import Audio, InputError
from stress.models.demo._features import ngrams

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["DemoModel", "Fusion", "Inputs", "load"]

Fusion = Literal["early", "intermediate", "late"]
FUSIONS: Final = ("early", "intermediate", "late")
WEIGHTS: Final = Path(__file__).parent
CLASSES: Final = tuple("0123456789")
RATE_HZ: Final = 8000
_FRAMES, _IMAGE_PIXELS = 8000, 32


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

    Gradients: `inputs = model.inputs(batch); inputs.audio.requires_grad_(); model.logits(inputs)`. `module` itself also
    takes whole batches of raw pixels (n, channels, height, width) and 8 kHz waveforms (n, frames) of any size,
    differentiably.
    """

    module: nn.Module
    fusion: Fusion
    classes: tuple[str, ...] = CLASSES
    weights_hash: str | None = None

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> NDArray[np.float64]:
        """Answer with probabilities (n, 10)."""
        import torch

        with torch.inference_mode():
            probabilities = self.logits(self.inputs(batch)).double().softmax(dim=1)
        return np.asarray(probabilities.numpy(), dtype=np.float64)

    def logits(self, inputs: Inputs) -> Tensor:
        """Answer before the softmax: (n, 10), differentiable back to `inputs.image` and `inputs.audio`."""
        answer: Tensor = self.module(inputs.image, inputs.audio, inputs.ids, inputs.offsets, inputs.present)
        return answer

    @staticmethod
    def inputs(batch: Mapping[str, Sequence[Any]]) -> Inputs:
        """Bring the values of a batch to the size and rate that the network takes."""
        return inputs(batch)


def inputs(batch: Mapping[str, Sequence[Any]]) -> Inputs:
    """Bring the values of a batch to the size and rate that the network takes."""
    import torch

    sizes = [len(batch[name]) for name in ("image", "audio", "text") if name in batch]
    if not sizes:
        raise InputError(f"demo model: needs a stream named image, audio or text, got {', '.join(batch) or 'none'}.")
    size = max(sizes)
    nothing: list[Any] = [None] * size
    images, recordings, texts = (list(batch.get(name, nothing)) for name in ("image", "audio", "text"))
    if not len(images) == len(recordings) == len(texts):
        raise InputError(
            f"demo model: every stream must have one value a sample, got {len(images)} images, "
            f"{len(recordings)} recordings and {len(texts)} texts. Use None for a lost one."
        )
    grams = [ngrams(text) if text is not None else [0] for text in texts]
    offsets = np.cumsum([0, *(len(sentence) for sentence in grams)])[:-1]
    present = [[value is not None for value in row] for row in zip(images, recordings, texts, strict=True)]
    return Inputs(
        image=torch.from_numpy(_stack_images(images)),
        audio=torch.from_numpy(_stack_recordings(recordings)),
        ids=torch.tensor([gram for sentence in grams for gram in sentence], dtype=torch.int64),
        offsets=torch.from_numpy(offsets.astype(np.int64)),
        present=torch.tensor(present, dtype=torch.bool).reshape(size, 3),
    )


def _stack_images(images: Sequence[NDArray[np.uint8] | None]) -> NDArray[np.float32]:
    from stress.models.demo._network import standard_image

    stacked = np.zeros((len(images), 1, _IMAGE_PIXELS, _IMAGE_PIXELS), np.float32)
    for row, image in zip(stacked, images, strict=True):
        if image is None:
            continue
        if image.shape == (_IMAGE_PIXELS, _IMAGE_PIXELS, 1):
            row[0] = image[:, :, 0]
        else:
            import torch

            pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)).unsqueeze(0)
            row[:] = standard_image(pixels)[0].numpy()
    return stacked


def _stack_recordings(recordings: Sequence[Audio | None]) -> NDArray[np.float32]:
    stacked = np.zeros((len(recordings), _FRAMES), np.float32)
    for row, recording in zip(stacked, recordings, strict=True):
        if recording is not None:
            heard = _at_8_khz(recording)[:_FRAMES]
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


def load(fusion: Fusion = "late", weights: Path | None = None) -> DemoModel:
    """Load a trained variant: "early", "intermediate" or "late". Reads plain arrays, never a pickle."""
    import torch

    from stress.models.demo._network import FUSIONS as NETWORKS

    if fusion not in NETWORKS:
        raise InputError(f"demo model: fusion must be one of {', '.join(FUSIONS)}, got {fusion!r}.")
    with torch.device("meta"):  # no initial weights are drawn, so the caller's generator is left alone
        module = NETWORKS[fusion]()
    stored = (weights or WEIGHTS / f"{fusion}.npz").read_bytes()
    with np.load(BytesIO(stored), allow_pickle=False) as arrays:
        state = {name: torch.from_numpy(_full_precision(arrays[name])) for name in arrays.files}
    module.load_state_dict(state, assign=True)
    module.requires_grad_(False)
    return DemoModel(module=module.eval(), fusion=fusion, weights_hash=sha256(stored).hexdigest())


def _full_precision(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float32) if array.dtype == np.float16 else array
