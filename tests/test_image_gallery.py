"""The contact sheet of pictures: every perturbation, every severity, as PNG or as one self-contained page."""

import cv2
import numpy as np
import pytest

import perturbations
from perturbations import InputError
from stress.gallery.image import sheet


def photo():
    return pytest.importorskip("skimage.data").astronaut()[:300, :400]


def test_a_page_shows_every_perturbation_at_every_severity(tmp_path):
    sheet(tmp_path / "all.html", photo=photo())
    page = (tmp_path / "all.html").read_text(encoding="utf-8")
    pictures = 0
    for name in perturbations.names("image"):
        p = perturbations.get(name)
        assert f"id='{name}'" in page
        pictures += 1 + (p.top() if p.axis == "ordinal" else 1)
    assert page.count("<img ") == pictures
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_picture_has_a_row_for_each_and_is_the_same_again(tmp_path):
    chosen = ["image.fog", "image.gaussian_noise", "image.mirrored"]
    for file in ("one.png", "other.png"):
        sheet(tmp_path / file, chosen, seed=4, photo=photo())
    sheet(tmp_path / "third.png", chosen, seed=5, photo=photo())
    one, other, third = (cv2.imread(str(tmp_path / f"{n}.png")) for n in ("one", "other", "third"))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)
    assert one.shape[1] > 6 * 170
    assert one.shape[0] > 3 * 130


def test_photos_come_from_files_too_and_the_witness_stands_in(tmp_path):
    cv2.imwrite(str(tmp_path / "photo.jpg"), photo())
    sheet(tmp_path / "a.png", ["image.fog"], photo=tmp_path / "photo.jpg")
    sheet(tmp_path / "b.png", ["image.fog"])
    sheet(tmp_path / "c.png", ["image.fog"], photo=photo()[..., :1].copy())
    assert all((tmp_path / f"{n}.png").stat().st_size > 10_000 for n in "abc")


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.png or \.html"):
        sheet(tmp_path / "sheet.pdf", ["image.fog"])
    with pytest.raises(InputError, match="must be a picture that can be read"):
        sheet(tmp_path / "sheet.png", ["image.fog"], photo=tmp_path / "missing.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(InputError, match="must be a picture that can be read"):
        sheet(tmp_path / "sheet.png", ["image.fog"], photo=tmp_path / "text.jpg")
    with pytest.raises(InputError, match="Did you mean"):
        sheet(tmp_path / "sheet.png", ["image.fgo"])
