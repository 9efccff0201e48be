"""The fast paths inside the image corruptions beside the slow and obvious way of doing the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

import perturbations
from perturbations import Key, _tables, generator
from perturbations.image import _bands, _disks, _draw, _filters, _photons, _plasma, blur
from tests import image_reference as reference


def rng(seed=0):
    return generator(Key(seed, "test"))


def copied_one_by_one(draws, reach):
    """Visit pixels from the last to the first; each copies the index that its neighbour holds."""
    height, width = draws.shape
    shifts = np.stack([draws >> 8, draws & 255], axis=-1).astype(int) * 2 * reach // 256 - reach
    held = np.arange(height * width).reshape(height, width)
    for h in range(height - reach, reach, -1):
        for w in range(width - reach, reach, -1):
            dy, dx = shifts[h, w]
            held[h, w] = held[h + dy, w + dx]
    return held.ravel()


@pytest.mark.parametrize("narrow", [0, 10**6])
@pytest.mark.parametrize("band", [1, 100, 700, 10**6])
@pytest.mark.parametrize(("size", "reach"), [((40, 33), 1), ((21, 60), 2), ((35, 35), 4), ((9, 9), 4), ((1, 1), 1)])
def test_glass_copies_are_those_of_the_visit_one_by_one(size, reach, band, narrow, monkeypatch):
    monkeypatch.setattr(blur, "_BAND", band)
    monkeypatch.setattr(blur, "_NARROW", narrow)
    for seed in range(3):
        draws = _draw.sixteen(rng(seed), size)
        held = np.arange(draws.size).reshape(size)
        blur._shuffle(held, draws, reach)
        assert np.array_equal(held.ravel(), copied_one_by_one(draws, reach))


@pytest.mark.parametrize("shape", [(0,), (5,), (7, 9), (4, 5, 3)])
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.intp])
@pytest.mark.parametrize("wide", [False, True])
def test_tables_are_read_alike_with_and_without_wide_ones(shape, kind, wide, monkeypatch):
    if wide and not _tables._wide():
        pytest.skip("this OpenCV has no tables for 16-bit numbers")
    monkeypatch.setattr(_tables, "_wide", lambda: wide)
    table = np.arange(-30_000, 35_536).astype(kind)[::-1].copy()
    draws = _draw.sixteen(rng(), shape)
    found = _tables.looked_up(table, draws)
    assert found.dtype == table.dtype
    assert np.array_equal(found, table[draws])


@pytest.mark.parametrize("channels", [1, 3])
def test_bands_of_zooms_make_no_difference(channels, monkeypatch):
    picture = np.random.default_rng(0).integers(0, 256, (37, 50, channels), np.uint8)
    factors = [1.03, 1.2, 1.7]
    wanted = 2 * picture.astype(float) + sum(reference.clipped_zoom(picture.astype(float), f) for f in factors)
    for band in (10**9, 400, 1):
        monkeypatch.setattr(_bands, "BAND", band)
        found = _filters.mean_with_zooms(picture, 2, factors)
        assert np.abs(found - wanted / 5).max() < 0.5 + 0.03  # rounded, from places rounded to floats


@pytest.mark.parametrize("sigma", [1.2, 4.9, 5.1, 19.5, 60.0, 170.8])
@pytest.mark.parametrize("size", [(224, 224), (64, 90), (7, 200)])
def test_mirrored_smoothing_is_the_gaussian(size, sigma):
    field = _draw.uniforms(rng(), size)
    wanted = ndimage.gaussian_filter(field.astype(float), sigma, mode="reflect", truncate=3)
    error = _filters.smooth_mirrored(field, sigma) - wanted
    assert np.abs(error).max() < 2e-3 * max(1.0, 40 / sigma)
    assert error.std() < 0.05 * wanted.std() + 1e-4


@pytest.mark.parametrize("photons", [0.1, 0.7, 3, 25, 60, 255, 256.5, 1000, 20000])
def test_photon_counts_invert_the_distribution(photons):
    values = np.repeat(np.arange(256, dtype=np.uint8), 64).reshape(256, 64, 1)
    draws = _draw.sixteen(rng(), values.shape)
    draws[:, :4, 0] = (0, 1, 65534, 65535)
    mean = values.astype(float) / 255 * photons
    result = _photons.photon_counts(values, draws, photons).astype(int)
    for slack, side in ((-1.0, np.less_equal), (2.0, np.greater_equal)):  # the draw's share, give or take one in 65536
        count = stats.poisson.ppf(np.clip((draws + slack) / 65536, 0, 1), mean)
        assert side(np.rint(255 * np.minimum(np.maximum(count, 0) / photons, 1)), result).all()


@pytest.mark.parametrize("size", [2, 8, 64])
def test_plasma_is_the_diamond_square_rule(size):
    draws = _draw.uniforms(rng(), (size, size))
    np.testing.assert_allclose(_plasma.plasma(draws, 1.7), reference.plasma(size, 1.7, draws.astype(float)), atol=1e-5)


def test_plasma_stays_linear_in_pixels_for_long_pictures():
    for size in ((1, 100_000), (224, 224), (3, 5), (768, 1024), (20, 4000)):
        assert _plasma.plasma_size(*size) ** 2 <= 16 * size[0] * size[1] + 16


def test_normal_draws_are_normal_into_the_tails():
    draws = _draw.normals(rng(), (2000, 2000)).ravel().astype(float)
    assert abs(draws.mean()) < 0.003
    assert stats.kstest(draws[:200_000], "norm").pvalue > 1e-3
    for edge in (2.0, 3.0, 4.0):
        expected = 2 * stats.norm.sf(edge) * draws.size
        assert abs((np.abs(draws) > edge).sum() - expected) < 5 * expected**0.5
    assert len(np.unique(draws[np.abs(draws) > 3.5])) > 500  # not the same few outermost values again and again


def test_chosen_grow_and_never_change():
    hit = [_draw.chosen(rng(), 200, share) for share in (0.0, 0.01, 0.1, 0.5, 1.0)]
    assert [h.sum() for h in hit] == [1, 2, 20, 100, 200]
    for fewer, more in zip(hit[:-1], hit[1:], strict=True):
        assert not (fewer & ~more).any()


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 120), st.integers(1, 120), st.floats(0.01, 1), st.sampled_from([1, 3]))
def test_pixels_are_pillow_boxes_at_any_size(height, width, scale, channels):
    from PIL import Image

    picture = np.random.default_rng(height * 121 + width).integers(0, 256, (height, width, channels), np.uint8)
    small = max(1, int(width * scale)), max(1, int(height * scale))
    shown = Image.fromarray(picture if channels == 3 else picture[..., 0])
    wanted = shown.resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.BOX)
    found = perturbations.apply("image.pixelate", picture, scale=scale).reshape(np.asarray(wanted).shape)
    assert np.abs(found.astype(int) - wanted).max() <= 1  # Pillow rounds twice


@pytest.mark.parametrize("scale", [0.001, 0.003, 0.01])
def test_large_boxes_do_not_overflow(scale):
    white = np.full((900, 1100, 3), 255, np.uint8)
    assert np.array_equal(perturbations.apply("image.pixelate", white, scale=scale), white)


@pytest.mark.parametrize("alias_blur", [0.1, 0.5, 10])
@pytest.mark.parametrize("radius", [0.3, 1, 3, 6, 7.9, 8, 8.5, 10, 14.5, 20])
@pytest.mark.parametrize("size", [(60, 61, 3), (31, 120, 1), (40, 3, 3), (1, 1, 1)])
def test_sums_of_runs_are_the_disk(radius, alias_blur, size):
    values = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    kernel = _disks.disk(radius, alias_blur)
    wanted = ndimage.correlate(values.astype(float), kernel[..., None].astype(float), mode="mirror")
    found = _disks.out_of_focus(values, radius, alias_blur)
    assert np.abs(found - np.clip(wanted, 0, 255)).max() < 0.5 + 2e-3


@pytest.mark.parametrize("name", ["brightness", "saturate", "defocus_blur", "motion_blur"])
def test_bands_make_no_difference(name, monkeypatch):
    picture = np.random.default_rng(0).integers(0, 256, (97, 50, 3), np.uint8)
    picture[:9] = 0
    monkeypatch.setattr(_bands, "BAND", 10**9)
    whole = [perturbations.apply(f"image.{name}", picture, s, sample="a") for s in range(1, 6)]
    monkeypatch.setattr(_bands, "BAND", 400)
    assert np.array_equal(whole, [perturbations.apply(f"image.{name}", picture, s, sample="a") for s in range(1, 6)])
