"""Mistakes of pipelines, and every stream fault on values of odd sizes."""

import numpy as np
import pytest

import perturbations
from perturbations import Audio, apply


def test_one_channel_dies_and_each_has_its_chance():
    array = Audio(np.ones((4, 100), np.float32), 8000)
    dead = [apply("stream.dead_channel", array, sample=str(i)).samples.sum(axis=1).tolist() for i in range(60)]
    assert all(sorted(sums) == [0, 100, 100, 100] for sums in dead)
    assert len({tuple(sums) for sums in dead}) == 4


def test_channels_and_layouts():
    picture = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal(apply("stream.bgr_for_rgb", picture)[..., 0], picture[..., 2])
    again = apply("stream.layout_confused", picture)
    assert np.array_equal(again.ravel()[:20], picture[..., 0].ravel())
    for turn, back in (("90", 3), ("180", 2), ("270", 1)):
        turned = apply("stream.orientation_ignored", picture, turn=turn)
        assert np.array_equal(np.rot90(turned, back), picture)
    stereo = Audio(np.stack([np.zeros(9), np.ones(9)]).astype(np.float32), 8000)
    assert apply("stream.channels_swapped", stereo).samples.sum(axis=1).tolist() == [9, 0]


def test_grey_and_mono_inputs_stay_where_nothing_can_be_swapped():
    grey, mono = np.arange(20, dtype=np.uint8).reshape(4, 5, 1), Audio(np.ones(50, np.float32), 8000)
    for name in ("stream.bgr_for_rgb", "stream.layout_confused"):
        assert np.array_equal(apply(name, grey), grey)
    for name in ("stream.channels_swapped", "stream.dead_channel"):
        assert np.array_equal(apply(name, mono).samples, mono.samples)


def test_wrong_resizing():
    stripes = np.zeros((32, 32, 1), np.uint8)
    stripes[:, ::2] = 255
    aliased = apply("stream.wrong_resize", stripes, how="aliased")
    assert len(np.unique(aliased)) == 1, "the finest stripes turn into one flat tone"
    disc = ((np.mgrid[:60, :60] - 29.5) ** 2).sum(axis=0) < 15**2
    wide = apply("stream.wrong_resize", (disc * 255).astype(np.uint8)[..., None], how="stretched")[..., 0] > 127
    assert wide.any(axis=0).sum() / wide.any(axis=1).sum() == pytest.approx(4 / 3, rel=0.05)
    boxed = apply("stream.wrong_resize", np.full((60, 60, 3), 200, np.uint8), how="letterboxed")
    assert not boxed[:7].any()
    assert not boxed[-7:].any()
    assert (boxed[10:50] == 200).all()


def test_wrong_normalisation():
    picture = np.array([0, 1, 100, 255], np.uint8).reshape(2, 2, 1)
    assert apply("stream.wrong_normalisation", picture, how="forgotten").ravel().tolist() == [0, 255, 255, 255]
    assert apply("stream.wrong_normalisation", picture, how="twice").max() <= 1
    sound = Audio(np.array([0, 0.01, -0.5], np.float32), 8000)
    loud = apply("stream.wrong_normalisation", sound, how="forgotten").samples[0]
    assert loud.tolist() == [0, 1, -1]
    assert np.abs(apply("stream.wrong_normalisation", sound, how="twice").samples).max() < 1e-4
    silence = Audio(np.zeros(8, np.float32), 8000)
    assert not apply("stream.wrong_normalisation", silence, how="standardised").samples.any()


@pytest.mark.parametrize(("read_as", "ratio"), [("44100_as_48000", 160 / 147), ("half", 0.5), ("double", 2.0)])
def test_a_wrong_sample_rate_moves_the_pitch_by_the_ratio(read_as, ratio):
    rate = 16_000
    tone = Audio((0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)).astype(np.float32), rate)
    heard = apply("stream.wrong_sample_rate", tone, read_as=read_as).samples[0]
    heard = heard[: int(rate / max(ratio, 1))]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)), 1 << 18))
    assert spectrum.argmax() * rate / (1 << 18) == pytest.approx(1000 * ratio, rel=1e-3)


def test_wrong_encodings():
    def read(read_as):
        return apply("stream.wrong_encoding", "Zoë & co", read_as=read_as)

    assert read("cp1252") == "ZoÃ« & co"
    assert read("ascii_question_marks") == "Zo? & co"
    assert read("ascii_dropped") == "Zo & co"
    assert read("html_escaped") == "Zoë &amp; co"
    assert read("python_bytes") == "b'Zo\\xc3\\xab & co'"
    assert apply("stream.wrong_encoding", "plain") == "plain"


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 1), (3, 5, 3), (17, 9, 1)])
@pytest.mark.parametrize("name", perturbations.names("stream"))
def test_any_size_of_picture(name, shape):
    check_edges(name, "image", np.full(shape, 77, np.uint8))


@pytest.mark.parametrize("frames", [0, 1, 2, 50])
@pytest.mark.parametrize("name", perturbations.names("stream"))
def test_any_length_of_recording(name, frames):
    check_edges(name, "audio", Audio(np.full((2, frames), 0.25, np.float32), 8000))


@pytest.mark.parametrize("text", ["", "a", "  ", "字" * 60, "नमस्ते दुनिया"])
@pytest.mark.parametrize("name", perturbations.names("stream"))
def test_any_text(name, text):
    check_edges(name, "text", text)


def check_edges(name, of, value):
    from perturbations.modality import modality
    from stress.testing import witness_sample

    perturbation = perturbations.get(name)
    if of not in perturbation.modalities:
        return
    sample, data = witness_sample(of, value)
    for severity in range(1, perturbation.top() + 1) if perturbation.axis == "ordinal" else [None]:
        result = apply(name, sample, severity, stream="x", data=data).streams["x"]
        if result is not None:
            modality(of).check(result, name)
