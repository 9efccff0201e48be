"""What every modality keeps: laws over the table of modalities, so that a new one is tested without a new test."""

import itertools
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import perturbations
from perturbations import Audio, InputError, Sample, Series, apply
from perturbations.modality import MODALITIES, modality, modality_of, size_of
from stress.data import from_samples
from stress.data._packed import pack, unpack
from stress.models import Batch

every = pytest.mark.parametrize("kind", [modality(name) for name in MODALITIES], ids=lambda kind: kind.name)
arrays = pytest.mark.parametrize(
    "kind", [modality(name) for name in MODALITIES if modality(name).array is not None], ids=lambda kind: kind.name
)
TIMED = [modality(name) for name in MODALITIES if modality(name).late is not None]


def values(kind, count=3):
    return [kind.vary(kind.witness(), number) for number in range(count)]


@every
def test_values_are_told_apart_by_their_type(kind):
    for value in values(kind):
        kind.check(value, "here")
        assert modality_of(value) is kind
        assert [other for other in MODALITIES if modality(other).holds(value)] == [kind.name]


@pytest.mark.parametrize("value", [3, 2.5, [1, 2], b"bytes", object()])
def test_what_is_of_no_modality_is_refused_with_all_that_there_are(value):
    with pytest.raises(InputError, match="must be an image") as caught:
        modality_of(value, "here")
    assert all(modality(name).takes in str(caught.value) for name in MODALITIES)


@every
def test_variants_differ_and_so_do_their_digests(kind):
    found = values(kind, 5)
    for one, other in itertools.combinations(found, 2):
        assert not kind.same(one, other)
        assert kind.digest(one) != kind.digest(other)
    assert kind.same(found[0], kind.copy(found[0]))


@every
def test_the_distortion_of_nothing_is_the_least_there_is(kind):
    clean, other = values(kind, 2)
    far = [next(iter(kind.distortion(clean, value).values())) for value in (clean, other)]
    harm = [-value if kind.falls else value for value in far]
    assert harm[0] < harm[1]
    assert set(kind.look.titles) <= set(kind.distortion(clean, clean))


@every
def test_what_is_packed_comes_out_the_same_and_starts_where_numbers_may(kind, tmp_path):
    samples = [Sample(str(i), {"a": "a", "x": value if i else None}) for i, value in enumerate(values(kind, 4))]
    found = unpack(pack(from_samples(samples), tmp_path / "packed"))
    for one, other in zip(samples, found, strict=True):
        if one.streams["x"] is None:
            assert other.streams["x"] is None
            continue
        assert kind.same(one.streams["x"], other.streams["x"])
        if kind.array is not None:
            assert kind.array(other.streams["x"]).flags.aligned
    json.loads((tmp_path / "packed" / "index.json").read_text(encoding="utf-8"))


@every
def test_memory_is_counted(kind):
    value = kind.witness()
    least = len(value) if kind.array is None else kind.array(value).nbytes
    assert least <= size_of(value) <= least + 100
    assert size_of(None) == 0


@every
def test_longer_stretches_hold_the_shorter_ones_and_none_is_nothing(kind):
    value, place = kind.witness(), [0.37, 0.61]
    assert kind.same(kind.cut(value, 0.0, place), value)
    assert kind.same(kind.repeat(value, 0.0, place), value)
    harm = []
    for share in (0.1, 0.3, 0.6, 1.0):
        after = kind.cut(value, share, place)
        kind.check(after, "here")
        harm.append(-len(after) if kind.array is None else int((kind.array(after) == 0).sum()))
    assert harm == sorted(harm)
    assert kind.same(kind.cut(value, 1.0, place), kind.zeros(value)) or kind.array is None


@pytest.mark.parametrize("kind", TIMED, ids=lambda kind: kind.name)
def test_late_and_early_undo_each_other_in_the_middle(kind):
    value = kind.witness()
    there = kind.late(kind.late(value, 200), -200)
    assert kind.shape(there) == kind.shape(value)
    frames = round(0.2 * value.rate)
    one, other = ((v.samples if v.samples.shape[0] == value.frames else v.samples.T) for v in (value, there))
    assert np.array_equal(one[:-frames], other[:-frames])
    assert not other[-frames:].any()
    assert kind.same(kind.late(value, 10**9), kind.zeros(value))


@every
def test_noise_has_the_level_of_the_data_or_is_nothing_where_there_is_none(kind):
    value, rng = kind.witness(), np.random.default_rng(3)
    after = kind.noise(value, kind.level(values(kind)), rng)
    kind.check(after, "here")
    assert kind.shape(after) == kind.shape(value)
    if kind.array is not None:
        one, other = kind.array(value).astype(float), kind.array(after).astype(float)
        assert 0.5 < np.sqrt(np.mean(other**2)) / np.sqrt(np.mean(one**2)) < 1.5
    assert kind.same(kind.noise(value, kind.level([]), rng), kind.zeros(value))


@every
def test_values_are_drawn_without_scripts_or_anything_from_elsewhere(kind):
    clean, after = values(kind, 2)
    drawn = kind.look.draw(after, clean, "<b>&'\"</b>")
    assert "<b>" not in drawn
    assert "<script" not in drawn
    assert not re.search(r"(src|href)='(?!data:)", drawn)


def test_modalities_look_different():
    looks = [modality(name).look for name in MODALITIES]
    for what in ("colour", "dark", "terminal", "marker"):
        assert len({getattr(look, what) for look in looks}) == len(looks)


@every
def test_a_family_and_its_decorator_exist(kind):
    assert perturbations.names(kind.name)
    assert hasattr(perturbations, f"{kind.name}_corruption")
    assert all(kind.name in perturbations.get(name).modalities for name in perturbations.names(kind.name))


@every
def test_every_modality_has_a_sheet(kind, tmp_path):
    from stress.gallery import write_sheet

    name = perturbations.names(kind.name)[0]
    write_sheet(kind.name, tmp_path / "sheet.html", [name])
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert name in page
    assert "<script" not in page


def test_a_gallery_of_an_unknown_modality_names_the_nearest(tmp_path):
    from click.testing import CliRunner

    from stress.cli._commands import stress

    found = CliRunner().invoke(stress, ["gallery", "imgae", "-o", str(tmp_path / "a.html")])
    assert isinstance(found.exception, InputError)
    assert "Did you mean image?" in str(found.exception)


class TestStack:
    """One array of a stream, or why there is none."""

    @arrays
    def test_equal_shapes(self, kind):
        found = values(kind)
        stacked = Batch({"x": found}).stack("x")
        assert np.array_equal(stacked, np.stack([kind.array(value) for value in found]))
        assert not any(np.shares_memory(stacked, kind.array(value)) for value in found)

    @every
    def test_lost_values_are_counted(self, kind):
        with pytest.raises(InputError, match=r"'x' is lost in 1 of 3 samples. Ask present\(\) first"):
            Batch({"x": [kind.witness(), None, kind.witness()]}).stack("x")

    def test_texts(self):
        with pytest.raises(InputError, match=r"stream 'x': the values must be arrays, got texts\. Tokenise"):
            Batch({"x": ["one", "two"]}).stack("x")

    def test_nothing(self):
        with pytest.raises(InputError, match="must have at least one sample"):
            Batch({"x": []}).stack("x")

    def test_two_modalities(self):
        with pytest.raises(InputError, match="must be of one modality, got image and audio"):
            Batch({"x": [modality("image").witness(), modality("audio").witness()]}).stack("x")

    def test_pictures_of_different_sizes(self):
        pictures = [np.zeros((4, width, 3), np.uint8) for width in (5, 7)]
        with pytest.raises(InputError, match=r"must agree in width, got 5, 7\. Resize"):
            Batch({"x": pictures}).stack("x")
        with pytest.raises(InputError, match="must agree in channels, got 1, 3"):
            Batch({"x": [np.zeros((4, 5, n), np.uint8) for n in (3, 1)]}).stack("x")

    def test_pictures_have_no_frames(self):
        with pytest.raises(InputError, match="frames must not be given: height, width, channels"):
            Batch({"x": [np.zeros((4, 5, 3), np.uint8)]}).stack("x", frames=4)

    @pytest.mark.parametrize("picture", [np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3), np.float32)])
    def test_what_is_no_picture_is_not_taken_for_one(self, picture):
        with pytest.raises(InputError, match=r"must be uint8 \(height, width, channels\), got"):
            Batch({"x": [picture, picture]}).stack("x")

    @pytest.mark.parametrize("frames", [None, 100])
    def test_rates_are_not_mixed(self, frames):
        clips = [Audio(np.zeros(100, np.float32), rate) for rate in (8000, 16_000)]
        with pytest.raises(InputError, match=r"must agree in rate, got 8000, 16000\. Resample"):
            Batch({"x": clips}).stack("x", frames)

    def test_lengths_need_frames_and_channels_are_not_lengths(self):
        clips = [Audio(np.ones((1, frames), np.float32), 8000) for frames in (3, 5, 0)]
        with pytest.raises(InputError, match=r"must agree in frames, got 0, 3, 5\. Give frames=N"):
            Batch({"x": clips}).stack("x")
        assert Batch({"x": clips}).stack("x", 4).tolist() == [[[1, 1, 1, 0]], [[1, 1, 1, 1]], [[0, 0, 0, 0]]]
        stereo = [*clips, Audio(np.ones((2, 4), np.float32), 8000)]
        with pytest.raises(InputError, match=r"must agree in channels, got 1, 2\. Mix"):
            Batch({"x": stereo}).stack("x", 4)

    @pytest.mark.parametrize("frames", [0, -3, 2.0, True, "4"])
    def test_frames_are_a_number(self, frames):
        with pytest.raises(InputError, match="frames must be a whole number above 0"):
            Batch({"x": [Audio(np.ones(3, np.float32), 8000)]}).stack("x", frames)

    def test_channels_of_a_series_are_not_mixed_up(self):
        samples = np.zeros((4, 2), np.float32)
        with pytest.raises(InputError, match="must agree in names"):
            Batch({"x": [Series(samples, 10, ("a", "b")), Series(samples, 10, ("b", "a"))]}).stack("x")

    @given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=5), frames=st.integers(1, 12))
    def test_what_is_cut_or_padded_does_not_depend_on_the_others(self, lengths, frames):
        made = [Series(np.arange(1, 2 * n + 1).reshape(n, 2), 10) for n in lengths]
        together = Batch({"x": made}).stack("x", frames)
        alone = [Batch({"x": [value]}).stack("x", frames)[0] for value in made]
        assert np.array_equal(together, np.stack(alone))
        for row, value in zip(together, made, strict=True):
            kept = min(frames, value.frames)
            assert np.array_equal(row[:kept], value.samples[:kept])
            assert not row[kept:].any()


def test_a_fault_of_one_modality_still_refuses_the_others():
    with pytest.raises(InputError, match=r"value must be an Audio\(samples, rate\)"):
        apply("stream.dead_channel", modality("series").witness())
