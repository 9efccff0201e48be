"""Inputs that could pass for something else: the same table in every form, files as they come, what is missing."""

from __future__ import annotations

import io
import json
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import soundfile
from PIL import Image, ImageOps
from pyarrow import parquet

import stress
from perturbations import Audio, InputError, RunError, Sample
from perturbations.files import read_regular
from perturbations.modality import Limits, modality
from stress.data import Reading, from_manifest, from_samples, load_data
from stress.models import Batch

FORMS = ("csv", "jsonl", "parquet", "frame")
RATE = 16_000


def picture(seed=0, shape=(20, 31, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def tone(frames=RATE, peak=0.5):
    return (peak * np.sin(2 * np.pi * 440 * np.arange(frames) / RATE)).astype(np.float32)


def encoded(kind, **more):
    found = io.BytesIO()
    Image.fromarray(picture()).save(found, kind, **more)
    return found.getvalue()


def sound(kind="WAV", subtype="PCM_16", samples=None):
    found = io.BytesIO()
    soundfile.write(found, tone() if samples is None else samples, RATE, format=kind, subtype=subtype)
    return found.getvalue()


def table(folder: Path, form: str, rows: list[dict], monkeypatch=None):
    """Return a manifest of these rows in one of its forms; None is an empty cell."""
    if form == "csv":
        frame = pd.DataFrame(rows, dtype=object)
        frame.to_csv(folder / "m.csv", index=False)
        return folder / "m.csv"
    if form == "jsonl":
        (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder / "m.jsonl"
    if form == "parquet":
        names = list(rows[0])
        blank = [{n: v if n == "time" or v == v else None for n, v in row.items()} for row in rows]
        parquet.write_table(pa.table({n: pa.array([row[n] for row in blank]) for n in names}), folder / "m.parquet")
        return folder / "m.parquet"
    os.chdir(folder)
    return pd.DataFrame(rows)


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def decode(kind: str, content: bytes, **limits):
    return modality(kind).stored.decode(content, "here", Limits(**limits))


class TestMissing:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("nothing", [None, float("nan")])
    def test_a_missing_cell_is_none_in_every_form(self, tmp_path, form, nothing):
        rows = [
            {"id": "a", "text": "hello", "label": "x", "group:age": "old", "time": 1.0, "sequence": "s", "split": "t"},
            {"id": "b", "text": nothing, "label": "y", "group:age": nothing, "time": nothing, "sequence": nothing,
             "split": nothing},
        ]  # fmt: skip
        data = load_data(table(tmp_path, form, rows))
        assert data[1].streams == {"text": None}
        assert data[1].groups == {}
        assert data.index.groups == {"age": ["old", None]}
        assert data.times == [1.0, None]
        assert data[1].time is None
        assert data.sequences == ["s", None]
        assert data.index.splits == ["t", None]
        assert data[0].groups == {"age": "old", "split": "t"}

    @pytest.mark.parametrize("form", FORMS)
    def test_empty_text_is_text_but_where_a_cell_cannot_tell(self, tmp_path, form):
        rows = [{"text": "", "label": "x"}, {"text": "b", "label": "y"}]
        assert load_data(table(tmp_path, form, rows))[0].streams["text"] == (None if form == "csv" else "")

    def test_missing_values_of_python_samples(self):
        nan = float("nan")
        samples = [
            Sample("a", {"text": "hello"}, "x", {"age": "1"}, "s", 1.0),
            Sample("b", {"text": nan}, "y", {"age": nan}, nan, nan),  # type: ignore[arg-type]
            Sample("c", {"text": pd.NaT}, "y", {"age": pd.NA}, pd.NA, np.float64("nan")),  # type: ignore[arg-type]
        ]
        data = from_samples(samples)
        for position in (1, 2):
            found = data[position]
            assert (found.streams["text"], found.groups, found.sequence, found.time) == (None, {}, None, None)
        assert data.times == [1.0, None, None]
        assert data.index.groups == {"age": ["1", None, None]}

    @pytest.mark.parametrize("form", FORMS)
    def test_a_missing_time_is_refused_by_a_timeline_over_time(self, tmp_path, form):
        rows = [{"text": f"some words {i}", "label": i % 2, "time": float(i)} for i in range(40)]
        rows[7]["time"] = float("nan")
        suite = {
            "suite": "t@1",
            "scenarios": {"s": {"text": "typos", "timeline": {"over": "time", "points": [[0, 0], [1, 5]]}}},
        }
        source = table(tmp_path, form, rows)
        with pytest.raises(stress.StressError):
            stress.run(lambda batch: ["0"] * batch.size, source, suite, tmp_path / "out")


def timed(time, sequence="s", name="a"):
    return from_samples([Sample(name, {"text": "x"}, "p", sequence=sequence, time=time)])


@pytest.mark.parametrize("time", ["1.5", np.float32(1.5), np.array(1.5), 1.5])
def test_a_time_in_python_is_read_as_in_a_table(time):
    assert timed(time).times == [1.5]
    assert type(timed(time)[0].time) is float


@pytest.mark.parametrize("time", [True, "noon", pd.Timestamp("2020-01-01"), [1], {}])
def test_a_time_that_is_no_number_is_refused(time):
    with pytest.raises(InputError, match="time must be a number of seconds"):
        timed(time)


def test_an_empty_name_is_missing_or_refused():
    assert timed(1.0, sequence="").sequences == [None]
    with pytest.raises(InputError, match="id must be a text or a number, got an empty text"):
        timed(1.0, name="")
    with pytest.raises(InputError, match="must be called group:NAME"):
        load_data(pd.DataFrame({"text": ["x"], "label": ["a"], "group:": ["b"]}))


class TestTables:
    def test_a_column_given_twice_is_refused(self, tmp_path):
        (tmp_path / "a.csv").write_text("text,label,label\na,b,c\n")
        (tmp_path / "b.jsonl").write_text('{"text": "a", "label": "b", "label": "c"}\n')
        twice = pa.table([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], names=["text", "label", "label"])
        parquet.write_table(twice, tmp_path / "c.parquet")
        frame = pd.DataFrame([["a", "b", "c"]], columns=["text", "label", "label"])
        for source in (tmp_path / "a.csv", tmp_path / "b.jsonl", tmp_path / "c.parquet", frame, twice):
            with pytest.raises(InputError, match="a column must be given once, got 'label' 2 times"):
                load_data(source)

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize(
        ("name", "meant"), [("images", "image"), ("text ", "text"), ("Audio", "audio"), ("grp:x", "group")]
    )
    def test_a_misspelt_column_is_named(self, tmp_path, form, name, meant):
        rows = [{"text": "a", "label": "x", name: "c"}, {"text": "b", "label": "y", name: "d"}]
        notes = load_data(table(tmp_path, form, rows)).notes
        assert len(notes) == 1
        assert repr(name) in notes[0]
        assert meant in notes[0]

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("text", ["a\u2028b", "a\x85b", "a\x0cb", "x" * 200_000, 'q"u,o\nte', "\ufeffa"])
    def test_any_text_comes_back(self, tmp_path, form, text):
        rows = [{"text": text, "label": "x"}, {"text": "b", "label": "y"}]
        data = load_data(table(tmp_path, form, rows))
        assert [sample.streams["text"] for sample in data] == [text, "b"]

    @pytest.mark.parametrize("form", FORMS)
    def test_the_same_table_is_the_same_data(self, tmp_path, form):
        rows = [{"id": f"s{i}", "text": f"t{i}", "label": "ab"[i % 2], "time": i + 0.5} for i in range(6)]
        data = load_data(table(tmp_path, form, rows))
        assert (data.ids, data.targets) == ([f"s{i}" for i in range(6)], list("ababab"))
        assert data.times == [i + 0.5 for i in range(6)]
        assert data[3].streams == {"text": "t3"}


class TestTextsThatNameFiles:
    @pytest.mark.parametrize("stream", ["image", "img", "front_image", "caption"])
    @pytest.mark.parametrize("kind", [str, Path])
    def test_a_path_is_refused_with_its_loader(self, tmp_path, stream, kind):
        cv2.imwrite("a.png", picture())
        with pytest.raises(InputError, match=r"stress\.image\(file\)"):
            from_samples([Sample("a", {stream: kind("a.png")}, "x")])

    def test_a_sound_file_too_and_any_text_in_a_stream_of_that_name(self):
        for value in ("nowhere.wav", Path("x.flac"), "https://a.b/c.mp3"):
            with pytest.raises(InputError, match=r"stress\.audio\(file\)"):
                from_samples([Sample("a", {"audio": value}, "x")])
        with pytest.raises(InputError, match="would run as a text"):
            from_samples([Sample("a", {"image": "a cat"}, "x")])

    def test_texts_stay_texts(self):
        texts = ["see cat.png", "a.b", "README", "", "what is in photo.jpg?", "C:\\x.wav"]
        data = from_samples([Sample(str(i), {"caption": text}, "x") for i, text in enumerate(texts)])
        assert [sample.streams["caption"] for sample in data] == texts

    @pytest.mark.parametrize("kind", [str, Path])
    def test_a_declared_stream_is_loaded(self, kind):
        cv2.imwrite("a.png", picture()[..., ::-1])
        data = from_samples([Sample("a", {"front": kind("a.png")}, "x")], streams={"front": "image"})
        assert data.streams == {"front": "image"}
        assert np.array_equal(data[0].streams["front"], picture())

    def test_a_declared_stream_of_another_kind_is_refused(self):
        with pytest.raises(InputError, match="must be audio as declared, got image"):
            from_samples([Sample("a", {"front": picture()}, "x")], streams={"front": "audio"})


class TestArraysThatAreNoImages:
    @pytest.mark.parametrize(
        ("value", "says"),
        [
            (np.zeros(8000, np.float32), r"looks like a waveform.*stress\.audio\(array, rate\)"),
            (np.zeros((2, 8000), np.float32), "looks like a waveform"),
            (np.zeros((3, 20, 30), np.uint8), "layout='channels_first'"),
            (np.zeros((3, 20, 30), np.float32), r"layout='channels_first', range=\(0, 1\)"),
            (np.zeros((20, 30, 3), np.float64), r"stress\.image\(array, range=\(0, 1\)\)"),
            (np.zeros((20, 30, 3), np.uint16), r"range=\(0, 65535\)"),
            (np.zeros((20, 30, 4), np.uint8), r"background=\(255, 255, 255\)"),
            (Image.new("RGB", (4, 4)), r"stress\.image"),
            ([[0, 1]], r"stress\.image"),
        ],
    )
    def test_each_is_told_what_makes_it_one(self, value, says):
        with pytest.raises(InputError, match=says):
            from_samples([Sample("a", {"x": value}, "y")])

    @pytest.mark.parametrize("shape", [(16_000, 2), (400, 10), (16_000, 1), (70, 80)])
    def test_frames_before_channels(self, shape):
        with pytest.raises(InputError, match="channels_last"):
            from_samples([Sample("a", {"x": stress.Audio(np.zeros(shape, np.float32), RATE)}, "y")])

    def test_the_helpers_say_what_is_meant(self):
        unit = picture() / 255
        assert np.array_equal(stress.image(unit, range=(0, 1)), picture())
        assert np.array_equal(stress.image(np.moveaxis(unit, 2, 0), range=(0, 1), layout="channels_first"), picture())
        assert np.array_equal(stress.image(Image.fromarray(picture())), picture())
        assert np.array_equal(stress.image(picture().astype(np.uint16) * 257, range=(0, 65535)), picture())
        clear = np.dstack([picture(), np.zeros((20, 31), np.uint8)])
        assert (stress.image(clear, background=(1, 2, 3)) == (1, 2, 3)).all()
        half = Image.fromarray(np.dstack([picture(), np.full((20, 31), 128, np.uint8)]))
        white = np.asarray(Image.alpha_composite(Image.new("RGBA", half.size, "white"), half))[..., :3]
        assert np.abs(stress.image(half, background=255).astype(int) - white).max() <= 1
        stereo = np.stack([tone(), -tone()], axis=1)
        whole = np.rint(stereo * 32767).astype(np.int16)
        found = stress.audio(whole, RATE, layout="channels_last", full_scale=32768)
        assert found.samples.shape == (2, RATE)
        assert np.abs(found.samples - stereo.T).max() < 1e-4

    @pytest.mark.parametrize(
        "make",
        [
            lambda: stress.image(picture() / 255),
            lambda: stress.image(picture() / 128, range=(0, 1)),
            lambda: stress.image(np.full((4, 4, 3), np.nan), range=(0, 1)),
            lambda: stress.image(np.dstack([picture(), picture()[..., :1]])),
            lambda: stress.image(picture(), layout="CHW"),
            lambda: stress.image(picture(), range=(1, 0)),
            lambda: stress.image("nowhere.png"),
            lambda: stress.image("text"),
            lambda: stress.audio(np.zeros(9, np.int16), RATE),
            lambda: stress.audio(tone()),
            lambda: stress.audio(tone(peak=1.2), RATE),
            lambda: stress.audio(tone(), RATE, full_scale=0),
        ],
    )
    def test_nothing_is_guessed(self, make):
        with pytest.raises(InputError):
            make()


class TestPictures:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    @pytest.mark.parametrize("turned", range(1, 9))
    def test_every_orientation_of_every_format_is_upright(self, kind, turned):
        exif = Image.Exif()
        exif[274] = turned
        content = encoded(kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
        oracle = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB"))
        found, _ = decode("image", content)
        assert found.shape == oracle.shape
        assert np.abs(found.astype(int) - oracle).mean() < (2 if kind == "JPEG" else 1e-9)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF"])
    def test_pixels_are_counted_before_they_are_decoded(self, kind):
        content = encoded(kind)
        with pytest.raises(InputError, match=r"at most 0.0006 megapixels.*got 31 × 20 pixels"):
            decode("image", content, megapixels=0.0006)
        assert decode("image", content, megapixels=0.00062)[0].shape == (20, 31, 3)
        with pytest.raises(InputError, match=r"damaged|does not say"):
            decode("image", content[: len(content) * 2 // 3])

    def test_a_bomb_is_refused_by_its_header(self):
        import zlib

        def chunk(kind, body):
            return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

        head = (30_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
        content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000)))
        with pytest.raises(InputError, match="at most 100 megapixels"):
            decode("image", content)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"GIF89a" + bytes(20), "GIF, which is not supported"),
            (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC, which is not supported"),
            (b"\0\0\0\x18ftypisom" + bytes(20), "MP4, which is not supported"),
            (b"", "empty file"),
            (b"secret text", "is not an image"),
        ],
    )
    def test_what_is_not_read_is_not_called_damaged(self, content, says):
        with pytest.raises(InputError, match=says) as caught:
            decode("image", content)
        assert "damaged" not in str(caught.value)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("kind", "mode", "more", "says"),
        [
            (
                "TIFF",
                "RGB",
                {"save_all": True, "append_images": [Image.fromarray(picture(1))]},
                "TIFF of several pages",
            ),
            ("TIFF", "LAB", {}, r"L\*a\*b\*"),
            ("JPEG2000", "YCbCr", {}, "YCC"),
            ("PNG", "RGB", {"save_all": True, "append_images": [Image.fromarray(picture(1))]}, "moving picture"),
        ],
    )
    def test_what_would_stand_for_another_picture_is_not_supported(self, kind, mode, more, says):
        image = Image.fromarray(picture()).convert("RGB" if mode == "LAB" else mode)
        image = Image.merge("LAB", image.split()) if mode == "LAB" else image
        content = io.BytesIO()
        image.save(content, kind, **more)
        with pytest.raises(InputError, match=says + ".*not supported"):
            decode("image", content.getvalue())

    @pytest.mark.parametrize(
        ("kind", "mode"), [("TIFF", "CMYK"), ("JPEG", "CMYK"), ("TIFF", "P"), ("PNG", "P"), ("BMP", "P"), ("PNG", "1"),
                           ("TIFF", "1"), ("TIFF", "YCbCr")],
    )  # fmt: skip
    def test_other_colours_than_rgb_are_those_of_pillow(self, kind, mode):
        y, x = np.mgrid[0:32, 0:48]
        content = io.BytesIO()
        Image.fromarray(np.dstack([x * 5, y * 7, (x + y) * 3]).astype(np.uint8)).convert(mode).save(content, kind)
        oracle = np.asarray(Image.open(content).convert("RGB"), int)
        found = decode("image", content.getvalue())[0]
        assert np.abs(np.broadcast_to(found, oracle.shape) - oracle).mean() < 2

    def test_transparency_and_depth_name_the_helper(self):
        clear = io.BytesIO()
        Image.fromarray(np.dstack([picture(), picture()[..., :1]])).save(clear, "PNG")
        with pytest.raises(InputError, match=r"partly transparent.*stress\.image\(file, background="):
            decode("image", clear.getvalue())
        deep = cv2.imencode(".png", picture().astype(np.uint16) * 257)[1].tobytes()
        with pytest.raises(InputError, match=r"8 bits a channel.*stress\.image"):
            decode("image", deep)


class TestRecordings:
    @pytest.mark.parametrize(
        ("kind", "subtype"),
        [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("AIFF", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"),
         ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")],
    )  # fmt: skip
    @pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
    def test_truncated_files_are_refused_and_whole_ones_are_not(self, kind, subtype, share):
        content = sound(kind, subtype, np.tile(tone(), 5))
        assert decode("audio", content)[0].frames == 5 * RATE
        with pytest.raises(InputError, match=r"truncated|damaged"):
            decode("audio", content[: int(len(content) * share)])

    def test_a_wav_whose_header_promises_nothing(self):
        content = bytearray(sound())
        at = content.index(b"data") + 4
        content[at : at + 4] = bytes(4)
        with pytest.raises(InputError, match="promises no sound"):
            decode("audio", bytes(content))

    @pytest.mark.parametrize("frames", [1, 100, 16_000, 65_536, 70_000])
    @pytest.mark.parametrize("channels", [1, 2])
    def test_flac_of_unknown_length(self, frames, channels):
        samples = np.tile(tone(frames)[:, None], (1, channels))
        content = bytearray(sound("FLAC", "PCM_16", samples))
        known = decode("audio", bytes(content))[0]
        content[21] &= 0xF0  # STREAMINFO: 36 bits of the number of samples
        content[22:26] = bytes(4)
        found = decode("audio", bytes(content))[0]
        assert np.array_equal(found.samples, known.samples)

    def test_peaks_slightly_above_full_scale_are_clipped_and_told(self):
        found, remark = decode("audio", sound("WAV", "FLOAT", tone(peak=1.015)))
        assert np.abs(found.samples).max() == 1
        assert "1.01" in remark
        assert np.allclose(found.samples[0], np.clip(tone(peak=1.015), -1, 1), atol=1e-6)
        with pytest.raises(InputError, match="full scale"):
            from_samples([Sample("a", {"x": decode("audio", sound("WAV", "FLOAT", tone(peak=1000)))[0]}, "y")])

    def test_seconds_are_counted_before_they_are_decoded(self):
        with pytest.raises(InputError, match=r"at most 0\.5 s"):
            decode("audio", sound("FLAC"), seconds=0.5)
        assert decode("audio", sound("FLAC"), seconds=1)[0].seconds == 1


def files(folder: Path, count=30) -> Path:
    rows = ["image,audio,label"]
    for i in range(count):
        cv2.imwrite(str(folder / f"{i}.png"), picture(i))
        (folder / f"{i}.wav").write_bytes(sound(samples=tone(800)))
        rows.append(f"{i}.png,{i}.wav,{'ab'[i % 2]}")
    (folder / "m.csv").write_text("\n".join(rows) + "\n")
    return folder / "m.csv"


class TestReadingFirst:
    def test_bad_samples_are_listed_together_before_the_model_is_asked(self, tmp_path):
        source = files(tmp_path)
        (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:60])
        (tmp_path / "9.wav").write_bytes(sound("WAV", "FLOAT", np.full(800, np.nan)))
        asked = []
        with pytest.raises(InputError) as caught:
            stress.run(lambda batch: asked.append(1), source, "quick", tmp_path / "out")
        assert not asked
        assert "2 problems" in str(caught.value)
        assert "m.csv:5: image" in str(caught.value)
        assert "m.csv:11: audio" in str(caught.value)

    @pytest.mark.parametrize("python", [True, False])
    def test_bad_samples_are_left_out_and_said_to_be(self, tmp_path, python):
        source = files(tmp_path, 12)
        if python:
            rows = list(from_manifest(source))
            rows[3] = rows[3].with_streams({"image": picture() / 255})
            source = rows
        else:
            (tmp_path / "3.png").write_bytes(b"")
        run = stress.run(
            lambda batch: [["a", "b"][0]] * batch.size, source, "quick", tmp_path / "out", only=["*noise*"],
            skip_bad_samples=True,
        )  # fmt: skip
        assert len(run.samples) == 11
        said = [check for check in run.info["preflight"] if check["name"] == "data"]
        assert said[0]["outcome"] == "warning"
        assert "1 bad sample was left out" in said[0]["says"]

    def test_a_second_start_trusts_size_and_time_and_verify_reads(self, tmp_path, monkeypatch):
        source = files(tmp_path, 8)
        first = load_data(source)
        read = []
        monkeypatch.setattr(
            "stress.data._reading.read_regular", lambda path, who: read.append(path) or Path(path).read_bytes()
        )
        again = load_data(source, reading=Reading(known=first.files))
        assert not read
        assert again.fingerprint == first.fingerprint
        assert again.known.digests == first.known.digests
        checked = load_data(source, reading=Reading(known=first.files, verify=True))
        assert len(read) == 16
        assert checked.fingerprint == first.fingerprint
        cv2.imwrite("0.png", picture(99))
        changed = load_data(source, reading=Reading(known=first.files))
        assert changed.fingerprint != first.fingerprint
        assert [a != b for a, b in zip(changed.known.digests, first.known.digests)] == [True] + [False] * 7

    def test_clipped_recordings_are_counted(self, tmp_path):
        source = files(tmp_path, 6)
        (tmp_path / "2.wav").write_bytes(sound("WAV", "FLOAT", tone(800, 1.2)))
        assert any("1 recordings go beyond full scale" in note for note in load_data(source).notes)

    def test_files_elsewhere_are_named_or_refused(self, tmp_path):
        inner = tmp_path / "inner"
        inner.mkdir()
        cv2.imwrite("out.png", picture())
        cv2.imwrite(str(inner / "in.png"), picture(1))
        (inner / "link.png").symlink_to(tmp_path / "out.png")
        (inner / "m.csv").write_text("image,label\nin.png,a\n../out.png,b\nlink.png,a\n")
        assert any("2 files lie outside" in note for note in load_data(inner / "m.csv").notes)
        with pytest.raises(InputError, match="got 2 outside"):
            load_data(inner / "m.csv", reading=Reading(inside=True))

    def test_an_orientation_is_part_of_what_data_are(self, tmp_path):
        found = []
        for turned in (1, 6):
            exif = Image.Exif()
            exif[274] = turned  # 1: upright; 6: to be turned by a quarter
            (tmp_path / "a.jpg").write_bytes(encoded("JPEG", exif=exif))
            (tmp_path / "m.csv").write_text("image,label\na.jpg,a\n")
            data = load_data(tmp_path / "m.csv")
            found.append((data.fingerprint, data[0].streams["image"].shape))
        assert found[0][0] != found[1][0]
        assert (found[0][1], found[1][1]) == ((20, 31, 3), (31, 20, 3))


def test_a_batch_has_the_ids_of_its_samples(tmp_path):
    seen = []

    def predict(batch: Batch):
        assert len(batch.ids) == batch.size
        seen.extend(zip(batch.ids, batch["text"]))
        return ["a"] * batch.size

    samples = [Sample(f"s{i}", {"text": f"words of sample {i}"}, "ab"[i % 2]) for i in range(6)]
    stress.run(predict, samples, "quick", tmp_path / "out", only=["*typos*"], batch_size=4)
    assert {name for name, _ in seen} == {f"s{i}" for i in range(6)}
    clean = {sample.id: sample.streams["text"] for sample in samples}
    assert any(text == clean[name] for name, text in seen)
    assert Batch.of(samples).only(2).ids == ("s2",)
    with pytest.raises(InputError, match="ids must be one for each"):
        Batch({"text": ["a"]}, ["x", "y"])


def watched(monkeypatch):
    """Return a list that gets the name of every file that is read."""
    read = []
    monkeypatch.setattr(
        "stress.data._reading.read_regular", lambda path, who: read.append(Path(path).name) or Path(path).read_bytes()
    )
    return read


NOISE = {"suite": "s@1", "severities": [1], "scenarios": {"noise": {"image": "gaussian_noise"}}}
PAIRED = {"suite": "p@1", "scenarios": {"wrong": {"image": "wrong_pairing"}}}


def riff(samples, promised=None, rate=8000, head=b"RIFF", after=b""):
    """A WAV of 16 bits, whose header says what it is told to say."""
    length = samples.nbytes if promised is None else promised
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    size = struct.pack("<I", 36 + samples.nbytes)
    return head + size + b"WAVEfmt " + form + b"data" + struct.pack("<I", length) + samples.tobytes() + after


class TestHeadersThatLie:
    NUMBERS = (1000 * np.sin(np.arange(4000))).astype("<i2")

    @pytest.mark.parametrize(
        ("made", "says"),
        [
            ({"promised": 32_000}, "truncated: its header promises 32,000 bytes"),
            ({"promised": 0}, "promises no sound"),
            ({"promised": 4000}, "promises 4,000 bytes of sound, and 4,000 more follow"),
            ({"rate": 2**30}, "rate of at most 768,000 Hz"),
            ({"rate": 0}, "cannot be read|can be read"),
        ],
    )
    def test_a_wav_whose_header_lies_is_refused(self, made, says):
        with pytest.raises(InputError, match=says):
            decode("audio", riff(self.NUMBERS, **made))

    @pytest.mark.parametrize(
        "made",
        [{}, {"promised": 0xFFFFFFFF}, {"after": bytes(512)}, {"after": b"LIST\x04\0\0\0INFO"},
         {"after": b"TAG" + bytes(125)}, {"after": b"\0LIST\x04\0\0\0INFO"}],
    )  # fmt: skip
    def test_a_wav_that_is_whole_is_read_whole(self, made):
        assert decode("audio", riff(self.NUMBERS, **made))[0].frames == 4000

    @pytest.mark.parametrize("kind", ["W64", "AU", "CAF", "PAF", "NIST", "VOC"])
    def test_formats_of_which_nobody_can_tell_whether_they_are_whole_are_not_supported(self, kind):
        with pytest.raises(InputError, match=f"is {kind}, which is not supported"):
            decode("audio", sound(kind))


def test_what_a_mask_hides_is_no_pixel_and_no_sound():
    with pytest.raises(InputError, match=r"got a masked array\. Fill it"):
        from_samples([Sample("a", {"image": np.ma.array(picture(), mask=picture() > 9)}, "x")])
    with pytest.raises(InputError, match=r"got a masked one\. Fill it"):
        Audio(np.ma.array(tone(100), mask=[True] + [False] * 99), RATE)


class TestWhatALimitVisits:
    """Content is read before work starts – of the samples that are visited, and of no other."""

    def run(self, source, out, suite=None, **options):
        return stress.run(lambda batch: ["a"] * batch.size, source, suite or NOISE, out, workers=1, **options)

    def test_no_other_file_is_read_and_the_whole_where_there_is_no_limit(self, tmp_path, monkeypatch):
        source, read = files(tmp_path, 40), watched(monkeypatch)
        run = self.run(source, tmp_path / "few", limit=10)
        assert len(set(read)) == 20
        assert {f"{i}.png" for i in run.samples["id"].to_pylist()} == {name for name in read if name.endswith("png")}
        read.clear()
        self.run(source, tmp_path / "named", samples=["7", "11"])
        assert {"7.png", "11.png"} <= set(read)
        assert len(set(read)) <= 2 * (2 + 8)  # and the eight by which sizes and the model are told
        read.clear()
        self.run(source, tmp_path / "all")
        assert len(set(read)) == 80

    def test_a_fault_that_draws_from_all_samples_has_all_read(self, tmp_path, monkeypatch):
        source, read = files(tmp_path, 40), watched(monkeypatch)
        self.run(source, tmp_path / "out", PAIRED, limit=10)
        assert len(set(read)) == 80

    def test_what_an_attack_is_fitted_on_is_read_before_work(self, tmp_path, monkeypatch):
        """A universal pattern is fitted on samples that a limit leaves out; one that is bad ends nothing half-way."""
        monkeypatch.setattr("stress.engine._order._FITTED", 6)
        source = files(tmp_path, 40)
        fitted = {"suite": "s@1", "severities": [1], "scenarios": {"u": {"image": "attack.universal"}}}

        def attacked(out):
            answers = lambda batch: np.stack([[v.mean() - 128, -1.0] for v in batch["image"]])  # noqa: E731
            answers.classes = ["a", "b"]
            return stress.run(answers, source, fitted, out, workers=1, limit=10)

        read = watched(monkeypatch)
        visited = {f"{i}.png" for i in attacked(tmp_path / "first").samples["id"].to_pylist()}
        beside = {name for name in read if name.endswith("png")} - visited
        assert 1 <= len(beside) <= 12
        spoiled = tmp_path / sorted(beside)[0]
        spoiled.write_bytes(spoiled.read_bytes()[:50])
        with pytest.raises(InputError, match=spoiled.name):
            attacked(tmp_path / "second")

    def test_what_is_bad_is_refused_before_work_once_it_is_visited(self, tmp_path):
        source = files(tmp_path, 40)
        visited = set(self.run(source, tmp_path / "first", limit=10).samples["id"].to_pylist())
        bad = next(i for i in range(40) if str(i) not in visited)
        good = (tmp_path / f"{bad}.png").read_bytes()
        (tmp_path / f"{bad}.png").write_bytes(good[:50])
        self.run(source, tmp_path / "out", limit=10)
        with pytest.raises(InputError, match=f"{bad}.png"):
            self.run(source, tmp_path / "out")
        assert len(self.run(source, tmp_path / "out", limit=9).samples) == 9
        (tmp_path / f"{bad}.png").write_bytes(good)
        assert len(self.run(source, tmp_path / "out").samples) == 40
        hit = tmp_path / f"{next(iter(visited))}.png"
        hit.write_bytes(hit.read_bytes()[:50])
        with pytest.raises(InputError, match=hit.name):
            self.run(source, tmp_path / "new", limit=10)

    def test_a_limit_grows_and_shrinks_and_what_was_looked_at_stays_known(self, tmp_path):
        source = files(tmp_path, 40)
        whole = self.run(source, tmp_path / "whole", limit=40)
        content = sorted(map(repr, whole.records().drop_columns(["seconds", "batch"]).to_pylist()))
        fingerprint = whole.info["identity"]["data"]["content"]
        for limit in (10, 25, 12, None):
            run = self.run(source, tmp_path / "out", limit=limit)
            table = parquet.read_table(tmp_path / "out" / "data.parquet")
            known = [d is not None for d in table["digest"].to_pylist()]
            assert sum(known) == {10: 10, 25: 25, 12: 25, None: 40}[limit]
        assert sorted(map(repr, run.records().drop_columns(["seconds", "batch"]).to_pylist())) == content
        assert run.info["identity"]["data"]["content"] == fingerprint
        assert len(parquet.read_table(tmp_path / "out" / "files.parquet")) == 80

    def test_content_that_changed_is_refused_by_name_once_it_is_visited(self, tmp_path):
        source = files(tmp_path, 40)
        first = self.run(source, tmp_path / "out", limit=20).samples["id"].to_pylist()
        few = self.run(source, tmp_path / "out", limit=10).samples["id"].to_pylist()
        moved = next(name for name in first if name not in few)
        cv2.imwrite(str(tmp_path / f"{moved}.png"), picture(99))
        self.run(source, tmp_path / "out", limit=10)
        with pytest.raises(RunError, match=f"sample '{moved}'"):
            self.run(source, tmp_path / "out", limit=20)


class TestRoomForAFile:
    """A file is read to its end whatever its size was said to be, and no further than it may be."""

    @pytest.mark.parametrize("said", [0, 3, 10])
    def test_what_a_file_grew_by_is_read_too(self, tmp_path, monkeypatch, said):
        path, real = tmp_path / "file", os.fstat
        path.write_bytes(b"0123456789")
        monkeypatch.setattr(os, "fstat", lambda file: os.stat_result((real(file)[0], *real(file)[1:6], said, 0, 0, 0)))
        assert read_regular(path, "who") == b"0123456789"
        assert read_regular(path, "who", most=10) == b"0123456789"
        with pytest.raises(InputError, match="must"):
            read_regular(path, "who", most=9)

    def test_an_empty_file_is_empty(self, tmp_path):
        (tmp_path / "file").touch()
        assert read_regular(tmp_path / "file", "who") == b""
