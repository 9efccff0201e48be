"""Snow and fog beside the definition with draws of its own: ``python -m tests.weather_statistics [draws]``.

On a grey picture of 224², means over the draws: brightness, spread, quantiles, the slope of the power spectrum, and
1.96 standard errors of the difference. The definition is ``image_reference``, with draws of numpy's own.
"""

from __future__ import annotations

import sys

import numpy as np

import perturbations
from tests import image_reference as reference

SIDE, LEVEL = 224, 110
MEASURES = ("mean", "sd", "5 %", "50 %", "95 %", "slope")


def plasma(size, decay, draws):
    """Return the definition's cloud, all nodes of a step at once; ``image_reference.plasma`` is the slow one."""
    field = np.zeros((size, size))
    step, wobble = size, 100.0
    while step >= 2:
        half = step // 2
        corners = field[0:size:step, 0:size:step]
        around = corners + np.roll(corners, -1, 0)
        around = (around + np.roll(around, -1, 1)) / 4
        field[half:size:step, half:size:step] = around + wobble**2 * draws[half:size:step, half:size:step]
        middles = field[half:size:step, half:size:step]
        corners = field[0:size:step, 0:size:step]
        above = (middles + np.roll(middles, 1, 0) + corners + np.roll(corners, -1, 1)) / 4
        field[0:size:step, half:size:step] = above + wobble**2 * draws[0:size:step, half:size:step]
        left = (middles + np.roll(middles, 1, 1) + corners + np.roll(corners, -1, 0)) / 4
        field[half:size:step, 0:size:step] = left + wobble**2 * draws[half:size:step, 0:size:step]
        step, wobble = half, wobble / decay
    field -= field.min()
    return field / field.max()


def definition(name, severity, rng):
    """Return the definition's result on the grey picture, rounded."""
    p = perturbations.get(f"image.{name}")
    row = [p.settings(severity, "imagenet-c")[key] for key in p.graded]
    grey = np.full((SIDE, SIDE, 3), float(LEVEL))
    if name == "fog":
        thickness, decay = row
        cloud = plasma(256, decay, rng.uniform(-1, 1, (256, 256)))[:SIDE, :SIDE, None]
        top = LEVEL / 255
        return np.rint(255 * np.clip((top + thickness * cloud) * top / (top + thickness), 0, 1))
    draws = {"normals": rng.standard_normal((SIDE, SIDE)), "angle": rng.uniform(-135, -45)}
    return np.rint(reference.snow(grey, *row, **draws))


def ours(name, severity, number):
    """Return ours on the same picture."""
    grey = np.full((SIDE, SIDE, 3), LEVEL, np.uint8)
    return perturbations.apply(f"image.{name}", grey, severity, sample=str(number)).astype(float)


def measures(picture):
    """Return the measures of one result."""
    plane = picture[..., 0]
    power = np.abs(np.fft.fft2((plane - plane.mean()) * np.outer(np.hanning(SIDE), np.hanning(SIDE)))) ** 2
    waves = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIDE) * SIDE] * 2)).astype(int).ravel()
    mean = np.bincount(waves, power.ravel()) / np.bincount(waves)
    steps = np.arange(2, int(0.45 * SIDE))
    slope = np.polyfit(np.log(steps), np.log(mean[steps] + 1e-9), 1)[0]
    return [plane.mean(), plane.std(), *np.percentile(plane, (5, 50, 95)), slope]


def compared(name, severity, count):
    """Return the means of ours and of the definition over so many draws, and the differences' standard errors."""
    rng = np.random.default_rng(severity)
    mine = np.array([measures(ours(name, severity, number)) for number in range(count)])
    theirs = np.array([measures(definition(name, severity, rng)) for _ in range(count)])
    return mine.mean(0), theirs.mean(0), np.hypot(mine.std(0, ddof=1), theirs.std(0, ddof=1)) / count**0.5


def main(count):
    """Print the table."""
    print(f"| ours / definition, {count} draws | " + " | ".join(MEASURES) + " |")
    print("|---" * (len(MEASURES) + 1) + "|")
    for name in ("snow", "fog"):
        for severity in range(1, 6):
            mine, theirs, error = compared(name, severity, count)
            cells = (f"{a:.2f} / {b:.2f} (± {1.96 * e:.2f})" for a, b, e in zip(mine, theirs, error))
            print(f"| {name} {severity} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
