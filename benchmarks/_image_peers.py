"""The peers' nearest thing to each corruption of ImageNet-C, at the same parameter; each peer only where installed.

Each entry of ``PEERS`` makes a corruption at a severity once and returns a call of (picture, number of the call), or
None where the peer has no such corruption.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np

from perturbations import get

Call = Callable[[np.ndarray, int], object]


def level(name: str, severity: int) -> dict[str, Any]:
    return get(f"image.{name}").settings(severity)


@cache
def _imagecorruptions() -> types.ModuleType:
    """Import imagecorruptions with the patches that it needs today: it was written for numpy 1 and setuptools."""
    import scipy.ndimage
    import skimage.filters

    resources = types.ModuleType("pkg_resources")
    resources.resource_filename = lambda module, path: os.path.join(  # type: ignore[attr-defined]
        os.path.dirname(sys.modules[module].__file__ or ""), path
    )
    interpolation = types.ModuleType("scipy.ndimage.interpolation")
    interpolation.map_coordinates = scipy.ndimage.map_coordinates  # type: ignore[attr-defined]
    sys.modules.setdefault("pkg_resources", resources)
    sys.modules["scipy.ndimage.interpolation"] = interpolation
    if not hasattr(np, "float_"):
        setattr(np, "float_", np.float64)  # noqa: B010 - removed in numpy 2
    import imagecorruptions.corruptions as found

    def gaussian(image, sigma=1, multichannel=None, **keywords):
        return skimage.filters.gaussian(image, sigma, channel_axis=-1 if multichannel else None, **keywords)

    found.gaussian = gaussian
    return found


@cache
def _compiled_glass() -> Callable[..., Any] | None:
    """Return its glass blur with the pixel loop compiled, where numba is installed."""
    try:
        import numba
    except ImportError:
        return None
    module = _imagecorruptions()

    @numba.njit
    def shuffle(x, reach, passes):
        for _ in range(passes):
            for h in range(x.shape[0] - reach, reach, -1):
                for w in range(x.shape[1] - reach, reach, -1):
                    dx, dy = np.random.randint(-reach, reach), np.random.randint(-reach, reach)
                    x[h, w], x[h + dy, w + dx] = x[h + dy, w + dx], x[h, w]

    def glass(image, severity):
        sigma, reach, passes = [(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)][severity - 1]
        x = np.uint8(module.gaussian(np.array(image) / 255.0, sigma=sigma, multichannel=True) * 255)
        shuffle(x, reach, passes)
        return np.clip(module.gaussian(x / 255.0, sigma=sigma, multichannel=True), 0, 1) * 255

    return glass


def imagecorruptions(name: str, severity: int) -> Call | None:
    from PIL import Image

    module = _imagecorruptions()
    if name == "glass_blur" and _compiled_glass() is None:
        return None  # minutes for a large picture
    function = _compiled_glass() if name == "glass_blur" else getattr(module, name)
    return lambda image, number: np.uint8(function(Image.fromarray(image), severity))


def albumentations(name: str, severity: int) -> Call | None:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations as A  # noqa: N812

    v = level(name, severity)
    means: Any = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_NEAREST}  # it takes one pixel of each box otherwise
    made = {
        "gaussian_noise": lambda: A.GaussNoise(std_range=(v["sigma"],) * 2, p=1),
        "shot_noise": lambda: A.ShotNoise(scale_range=(1 / v["photons"],) * 2, p=1),
        "impulse_noise": lambda: A.SaltAndPepper(amount=(v["amount"],) * 2, salt_vs_pepper=(0.5, 0.5), p=1),
        "speckle_noise": lambda: A.MultiplicativeNoise((1 - v["sigma"], 1 + v["sigma"]), True, True, p=1),
        "gaussian_blur": lambda: A.GaussianBlur(blur_limit=0, sigma_limit=(v["sigma"],) * 2, p=1),
        "glass_blur": lambda: A.GlassBlur(v["sigma"], v["max_shift"], v["passes"], p=1),
        "defocus_blur": lambda: A.Defocus((int(v["radius"]),) * 2, (v["alias_blur"],) * 2, p=1),
        "motion_blur": lambda: A.MotionBlur((2 * int(v["radius"]) + 1,) * 2, p=1),
        "zoom_blur": lambda: A.ZoomBlur((v["stop"],) * 2, (v["increment"],) * 2, p=1),
        "fog": lambda: A.RandomFog(fog_coef_range=(0.2 * severity,) * 2, p=1),
        "snow": lambda: A.RandomSnow(p=1),
        "spatter": lambda: A.Spatter(mode="mud" if v["liquid"] == "mud" else "rain", p=1),
        "contrast": lambda: A.RandomBrightnessContrast(0, (v["factor"] - 1,) * 2, p=1),
        "brightness": lambda: A.RandomBrightnessContrast((v["shift"],) * 2, 0, p=1),
        "saturate": lambda: A.ColorJitter((1, 1), (1, 1), (v["factor"],) * 2, (0, 0), p=1),
        "jpeg_compression": lambda: A.ImageCompression("jpeg", (v["quality"],) * 2, p=1),
        "pixelate": lambda: A.Downscale((v["scale"],) * 2, means, p=1),
        "elastic_transform": lambda: A.ElasticTransform(v["amplitude"], v["sigma"], p=1),
    }
    if name not in made:
        return None
    transform = made[name]()

    def call(image: np.ndarray, number: int) -> object:
        transform.set_random_seed(number)
        return transform(image=image)["image"]

    return call


def nrtk(name: str, severity: int) -> Call | None:
    from nrtk.impls.perturb_image.photometric import blur, enhance, noise

    v = level(name, severity)
    made = {
        "gaussian_noise": lambda: noise.GaussianNoisePerturber(var=v["sigma"] ** 2),
        "speckle_noise": lambda: noise.SpeckleNoisePerturber(var=v["sigma"] ** 2),
        "impulse_noise": lambda: noise.SaltAndPepperNoisePerturber(amount=v["amount"]),
        "gaussian_blur": lambda: blur.GaussianBlurPerturber(ksize=2 * int(4 * v["sigma"] + 0.5) + 1),
        "brightness": lambda: enhance.BrightnessPerturber(1 + v["shift"]),
        "contrast": lambda: enhance.ContrastPerturber(v["factor"]),
        "saturate": lambda: enhance.ColorPerturber(v["factor"]),
    }
    if name not in made:
        return None
    perturber = made[name]()
    return lambda image, number: perturber.perturb(image=image)


def kornia(name: str, severity: int) -> Call | None:
    import kornia as K  # noqa: N812
    import torch

    torch.set_num_threads(1)
    v = level(name, severity)

    def span(sigma: float) -> int:
        return 2 * int(4 * sigma + 0.5) + 1

    functions: dict[str, Callable[[Any], Any]] = {
        "gaussian_noise": lambda x: (x + v["sigma"] * torch.randn_like(x)).clamp(0, 1),
        "gaussian_blur": lambda x: K.filters.gaussian_blur2d(x, (span(v["sigma"]),) * 2, (v["sigma"],) * 2),
        "motion_blur": lambda x: K.filters.motion_blur(x, 2 * int(v["radius"]) + 1, 20.0, 1.0),
        "brightness": lambda x: K.enhance.adjust_brightness(x, v["shift"]),
        "contrast": lambda x: K.enhance.adjust_contrast(x, v["factor"]),
        "saturate": lambda x: K.enhance.adjust_saturation(x, v["factor"]),
        "jpeg_compression": lambda x: K.enhance.jpeg_codec_differentiable(x, torch.tensor([float(v["quality"])])),
    }
    if name not in functions:
        return None

    def call(image: np.ndarray, number: int) -> object:
        torch.manual_seed(number)
        with torch.inference_mode():
            x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
            return (functions[name](x)[0].permute(1, 2, 0) * 255).round().byte().numpy()

    return call


PEERS = {"imagecorruptions": imagecorruptions, "albumentations": albumentations, "nrtk": nrtk, "kornia": kornia}
