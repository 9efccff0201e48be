"""The 19 corruptions of ImageNet-C beside an independent float64 reference, on real photos; prints a table."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from scipy import stats

import perturbations
from perturbations import Key, generator
from perturbations.image._draw import normals, sixteen, uniforms
from tests import image_reference as reference
from tests import weather_statistics

PROFILES = {
    "imagenet-c": "imagenet_c",
    "cifar-10-c": "cifar10_c",
    "tiny-imagenet-c": "tinyimagenet_c",
    "inception-299": "inception299_c",
}
SIDE = {"imagenet-c": 224, "cifar-10-c": 32, "tiny-imagenet-c": 64, "inception-299": 299}
DETERMINISTIC = [
    "defocus_blur",
    "gaussian_blur",
    "zoom_blur",
    "contrast",
    "brightness",
    "saturate",
    "pixelate",
    "jpeg_compression",
]
RANDOM = ["glass_blur", "motion_blur", "fog", "snow", "spatter", "elastic_transform"]
NOISE = ["gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"]
FLOOR_DB = dict.fromkeys(DETERMINISTIC, 45.0) | dict.fromkeys(RANDOM, 40.0) | {"zoom_blur": 40.0}
FOUND: dict[tuple[str, int], float] = {}


@pytest.fixture(scope="module", autouse=True)
def table(request):
    """Show what was measured, whatever pytest captures."""
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n\nfidelity on 224×224, profile imagenet-c: PSNR in dB, or p of a χ² test")
        for name in dict.fromkeys(name for name, _ in FOUND):
            row = (FOUND.get((name, s)) for s in range(1, 6))
            print(f"{name:20}" + "".join("       –" if v is None else f"{v:8.{3 if v < 1 else 1}f}" for v in row))


@pytest.fixture(scope="module")
def photos():
    data = pytest.importorskip("skimage.data")
    samples = pytest.importorskip("sklearn.datasets")
    return [data.astronaut(), samples.load_sample_image("china.jpg")]


def at_side(photo, side):
    return cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)


def row_of(name, profile, severity):
    """Return the published row as a tuple, from the package's own table: the next test compares the two."""
    p = perturbations.get(f"image.{name}")
    return tuple(p.settings(severity, profile)[key] for key in p.graded)


@pytest.mark.parametrize("profile", PROFILES)
def test_tables_are_the_published_ones(profile):
    tables = reference.published()
    if tables is None:
        pytest.skip("the published tables are not beside this checkout")
    for name, rows in tables[PROFILES[profile]].items():
        if name == "fgsm":  # an attack, not a corruption
            continue
        for severity, row in enumerate(rows, start=1):
            row = [row["stop"], row["step"]] if isinstance(row, dict) else row if isinstance(row, list) else [row]
            ours = row_of(name, profile, severity)
            if name == "spatter":
                row = [*row[:5], "mud" if row[5] else "water"]
            if name == "frost":
                ours = ours[:2]  # the third is the size of the texture
            assert [v if isinstance(v, str) else pytest.approx(v) for v in row] == list(ours), (name, severity)


def draws_of(name, profile, shape, reach):
    """Return the draws of the key that ``apply`` uses, as the reference wants them."""
    version = perturbations.get(f"image.{name}").version
    rng = generator(Key(0, f"image.{name}", version, profile, "image", 0, "photo", 0))
    height, width = shape
    if name == "motion_blur":
        return {"angle": rng.uniform(-1, 1) * 45}
    if name == "fog":
        side = 1 << (max(shape) - 1).bit_length()
        return {"draws": uniforms(rng, (side, side)).astype(float)}
    if name == "snow":
        angle = rng.uniform(-135, -45)
        return {"angle": angle, "normals": normals(rng, shape).astype(float)}
    if name == "spatter":
        return {"normals": normals(rng, shape).astype(float)}
    if name == "elastic_transform":
        moves = rng.uniform(-1, 1, (3, 2))
        return {"moves": moves, "shifts": uniforms(rng, (2, height, width)).astype(float)}
    both = np.stack([sixteen(rng, shape) for _ in range(4)]).astype(int)
    return {"shifts": np.stack([both >> 8, both & 255], axis=-1) * 2 * reach // 256 - reach}


def psnr(result, expected):
    return 10 * np.log10(255**2 / max(np.mean((result - np.asarray(expected, np.float64)) ** 2), 1e-12))


@pytest.mark.parametrize("severity", range(1, 6))
@pytest.mark.parametrize("name", [*DETERMINISTIC, *RANDOM])
def test_same_pictures_as_the_definition(name, severity, photos):
    worst = np.inf
    for photo in photos:
        worst = min(worst, fidelity(name, "imagenet-c", severity, at_side(photo, 224)))
    FOUND[name, severity] = worst
    assert worst >= FLOOR_DB[name]


@pytest.mark.parametrize("profile", [p for p in PROFILES if p != "imagenet-c"])
@pytest.mark.parametrize("name", [*DETERMINISTIC, *RANDOM])
def test_same_pictures_in_the_other_profiles(name, profile, photos):
    for severity in (1, 5) if profile == "inception-299" else range(1, 6):
        assert fidelity(name, profile, severity, at_side(photos[0], SIDE[profile])) >= FLOOR_DB[name], severity


def fidelity(name, profile, severity, image):
    """Return the PSNR of our result over the reference's, before that is rounded."""
    row = row_of(name, profile, severity)
    extra = {}
    if name in RANDOM:
        extra = draws_of(name, profile, image.shape[:2], row[1] if name == "glass_blur" else 0)
    if name == "zoom_blur":
        row = (1, *row)
    if name == "spatter":
        row = (*row[:5], row[5] == "mud")
    expected = getattr(reference, name)(image.astype(np.float64), *row, **extra)
    result = perturbations.apply(f"image.{name}", image, severity, profile=profile, sample="photo")
    return psnr(result, np.clip(expected, 0, 255))


def test_frost_adds_the_published_shares_of_a_texture(photos):
    image = at_side(photos[0], 224)
    for severity in range(1, 6):
        scene, ice, _ = row_of("frost", "imagenet-c", severity)
        black = perturbations.apply("image.frost", np.zeros_like(image), severity, sample="photo")
        texture = black / ice
        result = perturbations.apply("image.frost", image, severity, sample="photo")
        assert psnr(result, np.clip(scene * image + ice * texture, 0, 255)) > 45
        assert 60 < texture.mean() < 220
        assert texture.std() > 8


@pytest.mark.parametrize("name", ["snow", "fog"])
def test_weather_has_the_statistics_of_the_definition_with_other_draws(name):
    mine, theirs, error = weather_statistics.compared(name, 3, 12)
    assert (np.abs(mine - theirs) <= 4 * error + 1e-9).all(), (mine, theirs, error)


def test_the_cloud_of_those_statistics_is_the_slow_one():
    draws = np.random.default_rng(0).uniform(-1, 1, (16, 16))
    np.testing.assert_allclose(weather_statistics.plasma(16, 1.7, draws), reference.plasma(16, 1.7, draws), atol=1e-9)


def law(name, parameter, value):
    """Return the exact probabilities of the results 0..255 for a value."""
    levels = np.arange(256)
    edges = np.concatenate([[-np.inf], levels[:-1] + 0.5, [np.inf]])
    if name == "gaussian_noise":
        return np.diff(stats.norm.cdf((edges - value) / (255 * parameter)))
    if name == "speckle_noise":
        return np.diff(stats.norm.cdf((edges - value) / (value * parameter)))
    if name == "impulse_noise":
        result = np.zeros(256)
        result[value] = 1 - parameter
        result[[0, 255]] += parameter / 2
        return result
    counts = np.arange(int(parameter) * 4 + 60)
    result = np.zeros(256)
    results = np.rint(255 * np.minimum(counts / parameter, 1)).astype(int)
    np.add.at(result, results, stats.poisson.pmf(counts, value / 255 * parameter))
    return result / result.sum()


def p_value(counts, probabilities):
    """Return p of a χ² test; results that are expected under five times are pooled with their neighbours."""
    n = counts.sum()
    observed, expected, pools = [0.0], [0.0], []
    for seen, wanted in zip(counts, probabilities * n):
        observed[-1] += seen
        expected[-1] += wanted
        if expected[-1] >= 5:
            pools.append((observed[-1], expected[-1]))
            observed[-1] = expected[-1] = 0.0
    pools[-1] = (pools[-1][0] + observed[-1], pools[-1][1] + expected[-1])
    seen, wanted = np.array(pools).T
    return stats.chisquare(seen, wanted * seen.sum() / wanted.sum()).pvalue if len(pools) > 1 else float(n == seen[0])


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NOISE)
def test_noise_follows_its_law(name, profile):
    for severity in range(1, 6):
        parameter = row_of(name, profile, severity)[0]
        found = []
        for value in (12, 128, 231):
            flat = np.full((340, 300, 3), value, np.uint8)
            result = perturbations.apply(f"image.{name}", flat, severity, profile=profile, sample=str(value))
            assert result.size >= 1e5
            found.append(p_value(np.bincount(result.ravel(), minlength=256), law(name, parameter, value)))
        if profile == "imagenet-c":
            FOUND[name, severity] = min(found)
        assert min(found) > 1e-4, (severity, found)


def test_the_test_of_laws_would_notice():
    """The χ² test has the power to tell a noise that is off by three in a hundred."""
    flat = np.full((340, 300, 3), 128, np.uint8)
    counts = np.bincount(perturbations.apply("image.gaussian_noise", flat, sigma=0.08).ravel(), minlength=256)
    assert p_value(counts, law("gaussian_noise", 0.08, 128)) > 1e-4
    assert p_value(counts, law("gaussian_noise", 0.0824, 128)) < 1e-6
    counts = np.bincount(perturbations.apply("image.shot_noise", flat, photons=25).ravel(), minlength=256)
    assert p_value(counts, law("shot_noise", 25.7, 128)) < 1e-6


@pytest.mark.parametrize("name", ["gaussian_noise", "speckle_noise", "shot_noise"])
def test_a_sample_sees_the_same_noise_louder(name):
    grey = np.full((224, 224, 3), 110, np.uint8)
    profile = "cifar-10-c"  # little enough noise that nothing clips
    quiet, loud = (
        perturbations.apply(f"image.{name}", grey, s, profile=profile, sample="a").astype(float) - 110 for s in (1, 3)
    )
    assert np.corrcoef(quiet.ravel(), loud.ravel())[0, 1] >= 0.95
    assert loud.std() > 1.2 * quiet.std()


def test_impulses_are_nested():
    grey = np.full((224, 224, 3), 110, np.uint8)
    hit = [perturbations.apply("image.impulse_noise", grey, s, sample="a") != 110 for s in range(1, 6)]
    for fewer, more in itertools.pairwise(hit):
        assert not (fewer & ~more).any()
        assert more.sum() > fewer.sum()


def test_monotone_profiles_are_monotone(photos):
    image = at_side(photos[0], 224)
    for name in ("elastic_transform", "saturate"):
        harm = [-psnr(perturbations.apply(f"image.{name}", image, s, profile="monotone"), image) for s in range(1, 6)]
        assert harm == sorted(harm), name
