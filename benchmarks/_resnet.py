"""ResNet-18 (He et al. 2016) with random weights: a model of an ordinary size, for timing only."""

from __future__ import annotations

from typing import Any

import numpy as np


def load() -> Any:
    """Return ``predict(batch)`` over 224² pictures; the weights do not matter for time."""
    import torch
    from torch import nn

    torch.manual_seed(0)

    def block(inside: int, outside: int, stride: int) -> nn.Module:
        class Block(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.one = nn.Sequential(
                    nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(True)
                )
                self.two = nn.Sequential(nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside))
                plain = stride == 1 and inside == outside
                self.by = (
                    nn.Identity()
                    if plain
                    else nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
                )

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return torch.relu(self.two(self.one(x)) + self.by(x))

        return Block()

    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(True)]
    layers.append(nn.MaxPool2d(3, 2, 1))
    widths = [64, 64, 128, 256, 512]
    for inside, outside in zip(widths, widths[1:]):
        layers += [block(inside, outside, 1 if inside == outside else 2), block(outside, outside, 1)]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)).eval()
    mean = torch.tensor([123.7, 116.3, 103.5]).view(1, 3, 1, 1)
    scale = 1 / torch.tensor([58.4, 57.1, 57.4]).view(1, 3, 1, 1)

    def forward(pictures: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().sub_(mean).mul_(scale)
            return network(x).numpy()

    def predict(batch: Any) -> np.ndarray:
        return forward(batch.stack("image"))

    predict.forward = forward  # type: ignore[attr-defined]
    predict.classes = tuple("0123456789")  # type: ignore[attr-defined]
    return predict
