"""Every image perturbation on every size and on grey, and the one clear error for what is no image."""

from itertools import product

import numpy as np
import pytest

import perturbations
from perturbations import InputError
from stress.testing import check_perturbation
from tests._amount import amount

NAMES = perturbations.names("image")
SMALL = [(1, 1), (3, 5), (32, 32)]
LARGE = [(224, 224), (480, 640)]
ODD = [(1, 9), (9, 1), (2, 2), (5, 300)]


def scene(height, width, channels):
    """Return a picture with shading, edges and texture, of any size."""
    y, x = np.mgrid[:height, :width]
    values = 90 + 60 * np.sin(x / 7) * np.cos(y / 5) + 80 * ((x // 20 + y // 16) % 2)
    return np.stack([np.clip(values + 25 * c, 0, 255) for c in range(channels)], axis=-1).astype(np.uint8)


SIZES = [(size, channels) for size in SMALL for channels in (1, 3)]
BIG = amount(list(zip(LARGE, (3, 1))), [(size, channels) for size in LARGE for channels in (1, 3)])


@pytest.mark.parametrize(("size", "channels"), [*SIZES, *(pytest.param(*big, marks=pytest.mark.slow) for big in BIG)])
@pytest.mark.parametrize("name", NAMES)
def test_laws_hold_at_any_size(name, size, channels):
    check_perturbation(name, scene(*size, channels))


@pytest.mark.parametrize("name", NAMES)
def test_odd_shapes_come_back_as_they_went(name):
    p = perturbations.get(name)
    for size, channels, profile in product(ODD, (1, 3), p.profiles or (None,)):
        image = scene(*size, channels)
        for severity in {1, p.top(profile)}:
            result = perturbations.apply(p, image, severity, profile=profile)
            assert (result.shape, result.dtype) == (image.shape, image.dtype), (profile, severity)


@pytest.mark.parametrize("name", NAMES)
def test_flat_black_and_white_are_no_trouble(name):
    p = perturbations.get(name)
    for level, severity in product((0, 255), (1, p.top())):
        shape = perturbations.apply(p, np.full((24, 33, 3), level, np.uint8), severity).shape
        assert shape == (24, 33, 3), (level, severity)


@pytest.mark.parametrize("name", NAMES)
def test_views_and_read_only_pictures_give_the_same_bytes(name):
    image = scene(40, 50, 3)
    base = np.zeros((80, 100, 3), np.uint8)
    base[::2, ::2] = image
    view = base[::2, ::2]
    view.flags.writeable = False
    severity = perturbations.get(name).top()
    assert np.array_equal(perturbations.apply(name, view, severity), perturbations.apply(name, image, severity))


BAD = {
    "float": (np.zeros((8, 8, 3), np.float32), "uint8"),
    "nan": (np.full((8, 8, 3), np.nan), "uint8"),
    "16-bit": (np.zeros((8, 8, 3), np.uint16), r"stress.image\(array, range=\(0, 65535\)\)"),
    "two channels": (np.zeros((8, 8, 2), np.uint8), "1 or 3 channels"),
    "no channel axis": (np.zeros((8, 8), np.uint8), "1 or 3 channels"),
    "empty": (np.zeros((0, 8, 3), np.uint8), "at least one pixel"),
    "text": ("a picture", "must be an image"),
}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_image_is_refused(name):
    for what, (value, words) in BAD.items():
        with pytest.raises(InputError, match=words) as error:
            perturbations.apply(name, value, 1)
        assert name in str(error.value), what


@pytest.mark.parametrize("name", NAMES)
def test_bad_severities_and_parameters_are_refused(name):
    image = scene(8, 8, 3)
    p = perturbations.get(name)
    if p.axis == "ordinal":
        for severity in (-1, p.top() + 1, float("nan"), "3", True):
            with pytest.raises(InputError, match="severity must be"):
                perturbations.apply(name, image, severity)
        with pytest.raises(InputError, match="profile must be one of"):
            perturbations.apply(name, image, 1, profile="nowhere")
    with pytest.raises(InputError, match="unknown parameter 'sgima'"):
        perturbations.apply(name, image, 1, sgima=1)
    for key, row in p.params.items():
        wrong = row.high + 1 if isinstance(row, perturbations.Param) else "no such choice \n"
        with pytest.raises(InputError, match=key):
            perturbations.apply(name, image, **{key: wrong})


@pytest.mark.parametrize("name", NAMES)
def test_every_value_that_a_declaration_allows_works(name):
    """Each number at either end of its range, the others at the middle level, on a small and on a tiny picture."""
    p = perturbations.get(name)
    base = p.settings(min(3, p.top()) if p.graded else None)
    for key, row in p.params.items():
        ends = (row.low, row.high) if isinstance(row, perturbations.Param) else row.options
        for value in ends:
            for image in (scene(24, 33, 3), scene(3, 2, 1)):
                result = perturbations.apply(p, image, **{**base, key: value})
                assert result.shape == image.shape, (key, value)


@pytest.mark.parametrize("name", [n for n in NAMES if perturbations.get(n).graded])
def test_severities_between_levels_work_or_say_why_not(name):
    p, image = perturbations.get(name), scene(24, 33, 3)
    for severity in (0.5, 1.5, p.top() - 0.5):
        try:
            assert perturbations.apply(p, image, severity).shape == image.shape
        except InputError as error:
            assert "tabulated only" in str(error) or "has no clean value" in str(error)  # noqa: PT017


def test_there_are_enough():
    assert len(NAMES) >= 45


def test_the_typographic_label_says_the_word():
    black = np.zeros((60, 200, 3), np.uint8)
    one, other = (
        perturbations.apply("image.typographic_overlay", black, 5, word=word) for word in ("iPod", "apple pie")
    )
    assert one.max() > 200
    assert not np.array_equal(one, other)
