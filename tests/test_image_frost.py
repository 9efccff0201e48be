"""Ice that is grown beside statistics of the photographs it stands for, and ice cut from photographs of one's own."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

import perturbations
from perturbations import InputError, Key, generator
from perturbations.image import _frost, _photographs

FACTS = json.loads((Path(__file__).parent / "published" / "frost_photographs.json").read_text())["textures"]
GREY = np.array([0.299, 0.587, 0.114])
PERCENT = [1, 5, 10, 25, 50, 75, 90, 95, 99]


def spectrum(grey, side):
    """Return the shares of variance in eight bands and the slope of the spectrum in the middle of a picture."""
    top, left = ((n - side) // 2 for n in grey.shape)
    middle = grey[top : top + side, left : left + side]
    power = np.abs(np.fft.fft2((middle - middle.mean()) * np.outer(np.hanning(side), np.hanning(side)))) ** 2
    waves = np.hypot(*np.meshgrid(np.fft.fftfreq(side) * side, np.fft.fftfreq(side) * side))
    edges = 2 * (side / 4) ** (np.arange(9) / 8)
    bands = np.histogram(waves, edges, weights=power)[0]
    whole = waves.astype(int).ravel()
    mean = np.bincount(whole, power.ravel()) / np.bincount(whole)
    steps = np.arange(2, int(0.45 * side) + 1)
    return bands / bands.sum(), np.polyfit(np.log(steps), np.log(mean[steps]), 1)[0]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("size", ["whole", "fifth"])
def test_spectra_are_those_of_the_photographs(number, size):
    facts = FACTS[number][size]
    shares, slope = spectrum(_frost.texture(number, 1.0 if size == "whole" else 0.2) @ GREY, facts["side"])
    assert slope == pytest.approx(facts["slope"], rel=0.1)
    assert shares / facts["shares"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("number", range(5))
def test_spectra_elsewhere_are_near(number):
    """The slowest waves of a part are chance, in a texture as in a photograph; fine ice is the same everywhere."""
    for size, step in (("whole", 160), ("fifth", 32)):
        facts, grey = FACTS[number][size], _frost.texture(number, 1.0 if size == "whole" else 0.2) @ GREY
        places = [(y, x) for y in range(0, len(grey), step) for x in range(0, len(grey), step)]
        found = [spectrum(np.roll(grey, place, (0, 1)), facts["side"]) for place in places]
        assert np.mean([slope for _, slope in found]) == pytest.approx(facts["slope"], rel=0.2)
        ratios = np.mean([shares for shares, _ in found], axis=0) / facts["shares"]
        assert ratios[2:] == pytest.approx(1, abs=0.3)
        assert ratios[:2] == pytest.approx(1, abs=0.36)


def blocks(grey, side):
    """Return quantiles of the means and of the standard deviations of square blocks."""
    height, width = (n // side * side for n in grey.shape)
    parts = grey[:height, :width].reshape(height // side, side, width // side, side)
    return [np.percentile(of, [5, 25, 50, 75, 95]) for of in (parts.mean(axis=(1, 3)), parts.std(axis=(1, 3)))]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize(
    ("size", "side", "of_means", "of_spreads"),
    [("whole", 8, 0.1, 0.2), ("whole", 32, 0.17, 0.2), ("fifth", 8, 0.19, 0.25), ("fifth", 32, 0.19, 0.4)],
)
def test_ice_is_spread_as_unevenly(number, size, side, of_means, of_spreads):
    """Thick ice here, thin there: blocks weighed little in the fit. A fifth has only three to fifteen blocks of 32."""
    facts, grey = FACTS[number][size], _frost.texture(number, 1.0 if size == "whole" else 0.2) @ GREY
    means, spreads = blocks(grey, side)
    assert means / facts[f"block{side}_mean_5_25_50_75_95"] == pytest.approx(1, abs=of_means)
    assert spreads / facts[f"block{side}_sd_5_25_50_75_95"] == pytest.approx(1, abs=of_spreads)


@pytest.mark.parametrize("number", range(5))
def test_levels_of_a_fifth_are_those_of_the_photographs(number):
    found = np.percentile(_frost.texture(number, 0.2) @ GREY, PERCENT)
    assert found / FACTS[number]["fifth"]["quantiles_1_5_10_25_50_75_90_95_99"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("number", range(5))
def test_levels_and_colours_are_those_of_the_photographs(number):
    facts, picture = FACTS[number]["whole"], _frost.texture(number, 1.0)
    assert np.percentile(picture @ GREY, PERCENT) == pytest.approx(facts["quantiles_1_5_10_25_50_75_90_95_99"], abs=1)
    values = picture.reshape(-1, 3).astype(float)
    assert values.mean(axis=0) == pytest.approx(facts["mean"], abs=1)
    assert values.std(axis=0) == pytest.approx(facts["sd"], rel=0.06)
    assert np.corrcoef(values.T)[[0, 0, 1], [1, 2, 2]] == pytest.approx(facts["correlation"], abs=0.02)


def test_a_fifth_is_every_fifth_pixel():
    """Two taps of a linear kernel leave out most pixels; averages would take half of the fine ice's contrast."""
    whole, fifth = _frost.texture(3, 1.0), _frost.texture(3, 0.2)
    assert np.array_equal(fifth, whole[2::5, 2::5])
    averaged = cv2.resize(whole, fifth.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert averaged.std() < 0.75 * fifth.std()


@pytest.mark.parametrize("number", range(5))
def test_textures_have_no_seam(number):
    grey = _frost.texture(number, 1.0) @ GREY
    for axis in (0, 1):
        steps = np.abs(np.diff(grey, axis=axis, append=grey.take([0], axis=axis))).mean(axis=1 - axis)
        assert steps[-1] < steps[:-1].mean() + 5 * steps[:-1].std()


def test_ice_is_no_noise():
    """Crystals are long and bright: far fewer pixels than in noise of the same spectrum make up the brightest edges."""
    from scipy.stats import kurtosis

    for number in (3, 4):
        grey = _frost.texture(number, 1.0) @ GREY
        rng = np.random.default_rng(0)
        phases = np.angle(np.fft.fft2(rng.normal(size=grey.shape)))
        scrambled = np.fft.ifft2(np.abs(np.fft.fft2(grey)) * np.exp(1j * phases)).real
        ice, noise = (
            kurtosis(cv2.Laplacian(cv2.GaussianBlur(x, (0, 0), 1), cv2.CV_64F).ravel()) for x in (grey, scrambled)
        )
        assert abs(noise) < 0.2
        assert ice > 0.5


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(5)
    for number, (height, width) in enumerate([(315, 560), (350, 527), (495, 661)]):
        cv2.imwrite(str(tmp_path / f"frost{number}.png"), rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return tmp_path


@pytest.mark.parametrize(("profile", "side"), [("imagenet-c", 224), ("cifar-10-c", 32), ("tiny-imagenet-c", 64)])
def test_photographs_of_ones_own_give_the_definition(folder, profile, side):
    """The script of the release once more: shrunk by the factor, cut at random, BGR turned to RGB, weighted, added."""
    image = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    files = sorted(folder.iterdir())
    p = perturbations.get("image.frost")
    seen = set()
    for severity in range(1, 6):
        for sample in "abcdefghijkl":
            key = Key(0, "image.frost", p.version, profile, "image", 0, sample, 0)
            which, top, left = generator(key).random(3)
            settings = p.settings(severity, profile)
            photo = cv2.imread(str(files[int(which * len(files))]))
            if settings["scale"] != 1:
                photo = cv2.resize(photo, (0, 0), fx=settings["scale"], fy=settings["scale"])
            y, x = int(top * (photo.shape[0] - side)), int(left * (photo.shape[1] - side))
            piece = photo[y : y + side, x : x + side][..., [2, 1, 0]]
            wanted = np.clip(settings["scene"] * image.astype(float) + settings["ice"] * piece, 0, 255)
            found = perturbations.apply(p, image, severity, profile=profile, sample=sample, folder=str(folder))
            assert np.abs(found - wanted).max() <= 0.501
            seen.add(int(which * len(files)))
    assert seen == {0, 1, 2}


def test_a_photograph_that_is_too_small_goes_on_mirrored(tmp_path):
    tile = np.random.default_rng(2).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "one.png"), tile[..., ::-1])
    black = np.zeros((23, 11, 3), np.uint8)
    found = perturbations.apply("image.frost", black, scene=1, ice=1, scale=1, folder=str(tmp_path / "one.png"))
    wanted = np.pad(tile, ((0, 18), (0, 4), (0, 0)), mode="symmetric")
    assert np.array_equal(found, wanted)


def test_grey_pictures_get_grey_ice(folder):
    grey = np.zeros((40, 50, 1), np.uint8)
    assert perturbations.apply("image.frost", grey, 3, folder=str(folder)).std() > 5
    assert perturbations.apply("image.frost", grey, 3).std() > 3


def test_what_holds_no_photographs_is_refused(tmp_path):
    image = np.zeros((8, 8, 3), np.uint8)
    (tmp_path / "notes.txt").write_text("ice")
    empty, torn = tmp_path / "empty.png", tmp_path / "torn"
    torn.mkdir()
    (torn / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    empty.write_bytes(b"")
    for path, words in (
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path / "notes.txt", "cannot be read as a picture"),
        (empty, "cannot be read as a picture"),
        (torn, "broken.jpg cannot be read as a picture"),
    ):
        with pytest.raises(InputError, match=words) as error:
            perturbations.apply("image.frost", image, 1, folder=str(path))
        assert "folder" in str(error.value)
    empty.unlink()
    (torn / "broken.jpg").unlink()
    with pytest.raises(InputError, match="must hold photographs"):
        perturbations.apply("image.frost", image, 1, folder=str(tmp_path))


def test_a_changed_photograph_is_read_anew(tmp_path):
    path = tmp_path / "one.png"
    for level in (40, 90):
        cv2.imwrite(str(path), np.full((30, 30, 3), level, np.uint8))
        os.utime(path, ns=(level * 10**9, level * 10**9))
        os.utime(tmp_path, ns=(level * 10**9, level * 10**9))
        black = np.zeros((9, 9, 3), np.uint8)
        for place in (path, tmp_path):
            result = perturbations.apply("image.frost", black, scene=1, ice=1, scale=1, folder=str(place))
            assert result.max() == result.min() == level
    assert _photographs.photograph.cache_info().maxsize == 8
