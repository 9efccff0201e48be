"""The harness on a GPU: ResNet-50 at 224² in bfloat16 over ImageNet-C's 95 cells, beside the bare forward passes."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import scenarios
import stress

__all__ = ["device_of", "measure"]

_DEPTHS = (3, 4, 6, 3)


def device_of(wanted: str | None) -> tuple[str | None, str]:
    """Return the device to run on, or none and the reason."""
    try:
        import torch
    except ImportError:
        return None, "torch is not installed"
    if wanted is not None:
        return wanted, "as asked for"
    return ("cuda", torch.cuda.get_device_name()) if torch.cuda.is_available() else (None, "no GPU: torch sees none")


def resnet50(width: int = 64) -> Any:
    """Return a ResNet-50 with random weights (He et al. 2016): how long it takes is what counts."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self, before: int, inner: int, stride: int) -> None:
            super().__init__()
            after = 4 * inner
            self.main = nn.Sequential(
                nn.Conv2d(before, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
                nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
                nn.Conv2d(inner, after, 1, bias=False), nn.BatchNorm2d(after),
            )  # fmt: skip
            same = stride == 1 and before == after
            beside = [nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)]
            self.beside = nn.Identity() if same else nn.Sequential(*beside)

        def forward(self, x: Any) -> Any:
            return (self.main(x) + self.beside(x)).relu()

    layers: list[Any] = [
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    before = width
    for stage, depth in enumerate(_DEPTHS):
        for number in range(depth):
            layers.append(Block(before, width << stage, 2 if stage and not number else 1))
            before = 4 * (width << stage)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10)).eval()


def measure(
    pictures: list[Any], device: str, batch: int, workers: int, suite: str, width: int = 64
) -> tuple[float, float]:
    """Return the seconds of the bare forward passes over all cells, and those of the run."""
    import torch
    from torch import nn

    class Half(nn.Module):
        """Takes pictures as they come and answers in single precision; in between all is bfloat16."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = resnet50(width).to(torch.bfloat16)

        def forward(self, image: Any) -> Any:
            return self.inner(image.to(torch.bfloat16)).float()

    module = Half().to(device)
    samples = [stress.Sample(str(i), {"image": p}, target=str(i % 10)) for i, p in enumerate(pictures)]
    classes = [str(k) for k in range(10)]
    size = pictures[0].shape[0]
    model = stress.models.torch(module, {"image": stress.models.Pixels(size=size)}, classes=classes, device=device)
    plan = scenarios.expand(scenarios.load(suite), {"image": "image"})
    stacked = [
        torch.from_numpy(np.stack(pictures[i : i + batch]).transpose(0, 3, 1, 2).copy()).float().to(device)
        for i in range(0, len(pictures), batch)
    ]

    def bare() -> None:
        with torch.inference_mode():
            for _ in plan.cells:
                for each in stacked:
                    module(each).cpu()

    def run() -> None:
        with TemporaryDirectory() as folder:
            stress.run(
                model, samples, suite, Path(folder) / "run", workers=workers, batch_size=batch, preflight=False,
                signals="none", examples=0, answers="logits",
            )  # fmt: skip

    with torch.inference_mode():
        module(stacked[0]).cpu()  # kernels are chosen, memory is taken
    return _seconds(bare), _seconds(run)


def _seconds(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
