"""ImageNet-C's procedures once more: float64, slow and literal, from the published definition and nothing else.

Every function takes an image as float64 in 0..255, the draws, and a row of the published table; it returns float64 in
0..255, not rounded. Draws come from outside, so that both sides see the same ones.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

TABLES = Path(__file__).resolve().parents[2] / "shared" / "reference" / "imagenet_c_params.json"


def published():
    """Return the tables of parameters as they were read from the scripts, or None where the file is not there."""
    return json.loads(TABLES.read_text())["tables"] if TABLES.is_file() else None


def gaussian(x, sigma, mode="nearest", truncate=4.0):
    sigmas = (sigma, sigma, 0)[: x.ndim] if x.ndim == 3 else sigma
    return ndimage.gaussian_filter(x, sigmas, mode=mode, truncate=truncate)


def gaussian_blur(x, sigma):
    return gaussian(x, sigma)


def defocus_blur(x, radius, alias_blur):
    reach, size = (8, 3) if radius <= 8 else (int(radius), 5)
    axis = np.arange(-reach, reach + 1)
    disk = np.array([[float(a * a + b * b <= radius**2) for a in axis] for b in axis])
    disk /= disk.sum()
    soft = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * alias_blur**2))
    soft /= soft.sum()
    for axis_number in (0, 1):
        disk = ndimage.correlate1d(disk, soft, axis=axis_number, mode="mirror")
    return np.stack([ndimage.correlate(x[..., c], disk, mode="mirror") for c in range(x.shape[2])], axis=-1)


def contrast(x, factor):
    mean = x.mean(axis=(0, 1), keepdims=True)
    return np.clip((x - mean) * factor + mean, 0, 255)


def brightness(x, shift):
    from skimage.color import hsv2rgb, rgb2hsv

    hsv = rgb2hsv(x / 255)
    hsv[..., 2] = np.clip(hsv[..., 2] + shift, 0, 1)
    return 255 * hsv2rgb(hsv)


def saturate(x, factor, shift):
    from skimage.color import hsv2rgb, rgb2hsv

    hsv = rgb2hsv(x / 255)
    hsv[..., 1] = np.clip(hsv[..., 1] * factor + shift, 0, 1)
    return 255 * hsv2rgb(hsv)


def pixelate(x, share):
    from PIL import Image

    height, width = x.shape[:2]
    small = Image.fromarray(x.astype(np.uint8)).resize((int(width * share), int(height * share)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BOX), np.float64)


def jpeg_compression(x, quality):
    from PIL import Image

    memory = io.BytesIO()
    Image.fromarray(x.astype(np.uint8)).save(memory, "JPEG", quality=quality)
    return np.asarray(Image.open(memory), np.float64)


def line_blur(x, radius, sigma, angle):
    """ImageMagick's motion blur: half a Gaussian along a line, offsets ⌈i·direction − ½⌉, the edge repeated."""
    taps = 2 * math.ceil(radius) + 1
    weights = [math.exp(-(i * i) / (2 * sigma * sigma)) for i in range(taps)]
    rows, columns = np.arange(x.shape[0]), np.arange(x.shape[1])
    result = np.zeros_like(x)
    for i, weight in enumerate(weights):
        dx = math.ceil(i * math.cos(math.radians(angle)) - 0.5)
        dy = math.ceil(i * math.sin(math.radians(angle)) - 0.5)
        seen = x[np.clip(rows + dy, 0, len(rows) - 1)][:, np.clip(columns + dx, 0, len(columns) - 1)]
        result += seen * (weight / sum(weights))
    return result


def motion_blur(x, radius, sigma, *, angle):
    return line_blur(x, radius, sigma, angle)


def clipped_zoom(x, factor):
    cuts = []
    for length in x.shape[:2]:
        kept = math.ceil(length / factor)
        top = (length - kept) // 2
        cuts.append(slice(top, top + kept))
    large = ndimage.zoom(x[cuts[0], cuts[1]], (factor, factor, 1)[: x.ndim], order=1)
    top, left = ((large.shape[i] - x.shape[i]) // 2 for i in (0, 1))
    return large[top : top + x.shape[0], left : left + x.shape[1]]


def zoom_blur(x, start, stop, step):
    factors = np.arange(start, stop, step)
    return (x + sum(clipped_zoom(x, factor) for factor in factors)) / (len(factors) + 1)


def glass_blur(x, sigma, reach, passes, *, shifts):
    """``shifts`` is (passes, height, width, (dy, dx)). The swap of views written there copies one way."""
    soft = np.uint8(gaussian(x, sigma) + 1e-9)
    height, width = x.shape[:2]
    for i in range(passes):
        for h in range(height - reach, reach, -1):
            for w in range(width - reach, reach, -1):
                dy, dx = shifts[i, h, w]
                soft[h, w] = soft[h + dy, w + dx]
    return gaussian(soft.astype(np.float64), sigma)


def plasma(size, decay, draws):
    """Diamond-square, node by node; ``draws`` in (-1, 1) by place."""
    field = np.zeros((size, size))
    step, wobble = size, 100.0
    while step >= 2:
        half = step // 2
        for i in range(half, size, step):
            for j in range(half, size, step):
                around = [field[(i + a) % size, (j + b) % size] for a in (-half, half) for b in (-half, half)]
                field[i, j] = sum(around) / 4 + wobble * wobble * draws[i, j]
        for i in range(0, size, half):
            for j in range(half if i % step == 0 else 0, size, step):
                around = [
                    field[(i + a) % size, (j + b) % size] for a, b in ((-half, 0), (half, 0), (0, -half), (0, half))
                ]
                field[i, j] = sum(around) / 4 + wobble * wobble * draws[i, j]
        step, wobble = half, wobble / decay
    field -= field.min()
    return field / field.max()


def fog(x, thickness, decay, *, draws):
    cloud = plasma(len(draws), decay, draws)[: x.shape[0], : x.shape[1], None]
    top = x.max() / 255
    return 255 * np.clip((x / 255 + thickness * cloud) * top / (top + thickness), 0, 1)


def snow(x, mean, spread, zoom, threshold, radius, sigma, keep, *, normals, angle):
    layer = clipped_zoom(mean + spread * normals, zoom)
    layer[layer < threshold] = 0
    layer = np.floor(np.clip(layer, 0, 1) * 255)
    layer = np.rint(line_blur(layer, radius, sigma, angle))[..., None] / 255
    x = x / 255
    grey = (x @ np.array([0.299, 0.587, 0.114]))[..., None]
    x = keep * x + (1 - keep) * np.maximum(x, grey * 1.5 + 0.5)
    return 255 * np.clip(x + layer + np.rot90(layer, 2), 0, 1)


def spatter(x, mean, spread, smoothing, threshold, amount, mud, *, normals):
    depth = gaussian(mean + spread * normals, smoothing)
    depth[depth < threshold] = 0
    x = x / 255
    if mud:
        cover = gaussian((depth > threshold).astype(np.float64), amount)[..., None]
        cover[cover < 0.8] = 0
        return 255 * np.clip(x * (1 - cover) + cover * np.array([63, 42, 20]) / 255, 0, 1)
    depth = (depth * 255).astype(np.uint8)
    distance = cv2.distanceTransform(255 - cv2.Canny(depth, 50, 150), cv2.DIST_L2, 5)
    distance = cv2.equalizeHist(cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8))
    distance = cv2.filter2D(distance, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    shine = depth * cv2.blur(distance, (3, 3)).astype(np.float64)
    shine *= amount / shine.max()
    return 255 * np.clip(x + shine[..., None] * np.array([175, 238, 238]) / 255, 0, 1)


def elastic_transform(x, amplitude, sigma, affine, *, moves, shifts):
    height, width, channels = x.shape
    centre = np.array([height // 2, width // 2], float)
    reach = min(height, width) // 3
    start = np.array([centre + reach, [centre[0] + reach, centre[1] - reach], centre - reach])
    forward = np.linalg.solve(np.column_stack([start, np.ones(3)]), start + moves * affine).T  # 2×3: from old to new
    y, x_place = np.mgrid[:height, :width].astype(float)
    back = np.linalg.solve(forward[:, :2], np.stack([x_place, y]).reshape(2, -1) - forward[:, 2:])
    places = back[::-1].reshape(2, height, width)
    moved = [ndimage.map_coordinates(x[..., c], places, order=1, mode="mirror") for c in range(channels)]
    dx, dy = (gaussian(shift, sigma, "reflect", 3) * amplitude for shift in shifts)
    bent = [ndimage.map_coordinates(m, (y + dy, x_place + dx), order=1, mode="reflect") for m in moved]
    return np.stack(bent, axis=-1)
