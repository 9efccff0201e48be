"""Distortions against independent implementations."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import data, metrics

import perturbations
from perturbations.modality import modality
from perturbations.modality.image import luma, ssim


@pytest.mark.parametrize("name", ["image.gaussian_noise", "image.defocus_blur", "image.jpeg_compression"])
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_ssim_and_psnr_are_scikit_images(name, severity):
    clean = np.ascontiguousarray(data.astronaut()[100:324, 100:340])
    after = perturbations.apply(name, clean, severity)
    found = modality("image").distortion(clean, after)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = metrics.structural_similarity(luma(clean).astype(float), luma(after).astype(float), **window)
    assert found["ssim"] == pytest.approx(expected, abs=2e-4)
    assert found["psnr_db"] == pytest.approx(metrics.peak_signal_noise_ratio(clean, after), abs=1e-6)


def test_similarity_of_equal_and_of_tiny_pictures():
    tiny = np.full((1, 1, 1), 7, np.uint8)
    assert modality("image").distortion(tiny, tiny) == {"psnr_db": np.inf, "ssim": 1.0}
    other = np.full((1, 1, 1), 200, np.uint8)
    assert 0 < modality("image").distortion(tiny, other)["ssim"] < 1


def test_a_large_picture_is_judged_at_the_size_it_is_seen():
    rng = np.random.default_rng(0)
    scene = ndimage.gaussian_filter(rng.random((1024, 1024)) * 255, 8).astype(np.float32)
    grain = scene + rng.normal(0, 5, scene.shape).astype(np.float32)
    blocks = scene.reshape(256, 4, 256, 4).mean((1, 3)), grain.reshape(256, 4, 256, 4).mean((1, 3))
    assert ssim(scene, grain) == pytest.approx(ssim(*(b.astype(np.float32) for b in blocks)), abs=1e-3)


def test_character_error_rate_is_the_edit_distance():
    distortion = modality("text").distortion
    assert distortion("kitten", "sitting")["cer"] == pytest.approx(3 / 6)
    assert distortion("", "abc")["cer"] == 3
