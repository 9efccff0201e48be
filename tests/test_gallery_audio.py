"""The sheet of sounds: all of it inside one file, escaped, and only of sound."""

import re
from base64 import b64decode

import cv2
import numpy as np
import pytest

import perturbations
from perturbations import Audio, InputError
from stress.gallery.audio import sheet
from tests.audio_signals import tone


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("gallery") / "sheet.html"
    sheet(path, ["audio.white_noise", "audio.speed_up", "audio.mu_law", "audio.crosstalk", "audio.recorded_noise"])
    return path.read_text(encoding="utf-8")


def test_every_severity_is_heard_and_seen(page):
    rows = page.split("<h2 ")[1:]
    assert [row.count("<audio ") for row in rows] == [6, 6, 2, 6, 6]
    assert [row.count("<svg ") for row in rows] == [6, 6, 2, 6, 6]
    assert [row.count("<img ") for row in rows] == [6, 6, 2, 6, 6]


def test_the_sounds_are_the_sounds(page):
    import io

    import soundfile

    clips = [soundfile.read(io.BytesIO(b64decode(c))) for c in re.findall(r"data:audio/flac;base64,([^']+)'", page)]
    clean, noisy, fastest = clips[0], clips[5], clips[11]
    residual = noisy[0] - clean[0]
    assert 0 < np.mean(clean[0] ** 2) / np.mean(residual**2) < 1.5, "0 dB to the active part: less to the whole"
    assert len(fastest[0]) == pytest.approx(len(clean[0]) / 2, rel=0.01)


def test_the_page_needs_nothing_from_outside(page):
    assert not re.search(r"(src|href)='(?!data:)", page)
    assert "default-src 'none'" in page
    assert "<script" not in page


def test_names_are_escaped(tmp_path):
    from dataclasses import replace

    from stress.gallery.audio import _Cell, _page

    evil = replace(perturbations.get("audio.white_noise"), name="audio.<script>alert(1)</script>'\"")
    text = _page([(evil, [_Cell("<b>&'\"", tone(440))])])
    assert "<script>" not in text
    assert "<b>" not in text


def test_a_picture_for_a_paper(tmp_path):
    sheet(tmp_path / "sheet.png", ["audio.reverb"])
    picture = cv2.imread(str(tmp_path / "sheet.png"))
    assert picture.shape[1] > 6 * 176
    assert picture.std() > 20


def test_a_clip_of_ones_own(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "own.wav", np.stack([tone(440, 22_050).samples[0]] * 2, axis=1), 22_050)
    sheet(tmp_path / "own.html", ["audio.gain_up"], clip=tmp_path / "own.wav")
    assert (tmp_path / "own.html").read_text(encoding="utf-8").count("<audio ") == 6


def test_what_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must end in .png or .html, got 'x.gif'"):
        sheet(tmp_path / "x.gif")
    with pytest.raises(InputError, match="must be a perturbation of audio"):
        sheet(tmp_path / "x.html", ["text.keyboard_typos"])
    with pytest.raises(InputError, match=r"Did you mean audio\.white_noise"):
        sheet(tmp_path / "x.html", ["audio.white_nose"])
    (tmp_path / "no.wav").write_bytes(b"no")
    with pytest.raises(InputError, match="must be a sound file that can be read"):
        sheet(tmp_path / "x.html", ["audio.gain_up"], clip=tmp_path / "no.wav")


def test_an_empty_sound_is_drawn():
    from perturbations.modality.drawn_audio import extremes, spectrogram

    silent = Audio(np.zeros((1, 0), np.float32), 8000)
    assert extremes(silent, 10).shape == (10, 2)
    assert spectrogram(silent, 10).shape == (72, 10, 3)
