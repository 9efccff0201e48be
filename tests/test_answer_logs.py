"""Answers that were paid for, in logs: whole on the disk before they count, found again by all, whatever was torn."""

import errno
import os
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perturbations import ModelError
from stress.models.endpoints import _log, _wire
from stress.models.endpoints._kept import Kept, logs
from stress.models.endpoints._wire import key_of, png

ROOT = Path(__file__).parents[1]
ANSWERS = {f"{i:032x}": [{"predictions": [[i, "\n“é”\0"]]}, {"seconds": i / 8}] for i in range(6)}


def keep(folder, answers=ANSWERS):
    kept = Kept(folder)
    for key, (answer, took) in answers.items():
        kept.put(key, answer, took)
    return kept


def file_of(folder):
    (entry,) = logs(folder)
    return Path(entry.path)


def test_what_is_kept_is_found_by_its_writer_and_by_others(tmp_path):
    kept = keep(tmp_path / "kept")
    for reader in (kept, Kept(tmp_path / "kept")):
        assert dict(reader.all()) == ANSWERS
        assert reader.get("f" * 32) is None
        assert reader.get("no key") is None
    assert len(logs(tmp_path / "kept")) == 1


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_log_that_is_cut_anywhere_has_all_whole_lines_before_the_cut(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    keep(folder)
    file = file_of(folder)
    whole = file.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    file.write_bytes(whole[:cut])
    found = dict(Kept(folder).all())
    assert found == dict(list(ANSWERS.items())[: whole[:cut].count(b"\n")])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_byte_that_was_damaged_harms_no_line_but_its_own(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    keep(folder)
    file = file_of(folder)
    whole = bytearray(file.read_bytes())
    place, value = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    hit = whole[:place].count(b"\n")
    same, at_end = whole[place] == value, whole[place] == ord("\n")
    whole[place] = value
    file.write_bytes(whole)
    found = dict(Kept(folder).all())
    lost = set(ANSWERS) - set(found)
    assert all(found[key] == ANSWERS[key] for key in found)
    harmed = set() if same else {f"{hit:032x}", *([f"{hit + 1:032x}"] if at_end and hit + 1 < len(ANSWERS) else [])}
    assert lost == harmed


def test_an_answer_damaged_after_it_was_found_is_none(tmp_path):
    kept = keep(tmp_path)
    file = file_of(tmp_path)
    file.write_bytes(file.read_bytes().replace(b"predictions", b"predictiens", 1))
    assert kept.get(f"{0:032x}") is None
    assert kept.get(f"{1:032x}") == ANSWERS[f"{1:032x}"]


WRITER = """
import sys
sys.path.insert(0, {root!r})
from stress.models.endpoints._kept import Kept
kept = Kept({folder!r})
for line in sys.stdin:
    kept.put(line.strip(), line.strip(), {{}})
    print(line.strip(), flush=True)
"""


@pytest.mark.alone
def test_processes_write_logs_of_their_own_and_see_each_others_answers_at_once(tmp_path):
    """Answers of a process that lives are seen as soon as they are on the disk; those of a killed one, too."""
    text = WRITER.format(root=str(ROOT), folder=str(tmp_path / "kept"))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([sys.executable, "-c", text], **pipes) for _ in range(2)]
    reader = Kept(tmp_path / "kept")
    try:
        for number in range(12):
            key = f"{number:032x}"
            assert reader.get(key) is None
            writer = writers[number % 2]
            writer.stdin.write(f"{key}\n")
            writer.stdin.flush()
            assert writer.stdout.readline().strip() == key
            assert reader.get(key) == [key, {}]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    reader.put("f" * 32, "mine", {})
    assert len(logs(tmp_path / "kept")) == 3
    assert [key for key, _ in Kept(tmp_path / "kept").all()] == [*(f"{number:032x}" for number in range(12)), "f" * 32]


@pytest.mark.parametrize("fails", ["_write", "_flushed"])
def test_what_could_not_be_written_does_not_count_and_nothing_follows_it(tmp_path, monkeypatch, fails):
    """After half a line, or a flush that failed, the next answer goes into another log."""
    kept = keep(tmp_path, {f"{0:032x}": ["a", {}]})

    def full(handle, line=b"") -> None:
        os.write(handle, line[:-4])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(_log, fails, full)
        with pytest.raises(ModelError, match="an answer cannot be kept: No space left"):
            kept.put(f"{1:032x}", "b", {})
        assert kept.get(f"{1:032x}") is None
    kept.put(f"{2:032x}", "c", {})
    assert kept.get(f"{2:032x}") == ["c", {}]
    assert len(logs(tmp_path)) == 2
    assert {f"{0:032x}", f"{2:032x}"} <= set(dict(Kept(tmp_path).all()))


def test_every_line_is_flushed_before_it_counts(tmp_path, monkeypatch):
    """From many threads: at each return, a flush has begun after the line was whole."""
    from concurrent.futures import ThreadPoolExecutor

    flushed = [0]
    real = _log._flushed

    def flush(handle) -> None:
        size = os.fstat(handle).st_size
        real(handle)
        flushed[0] = max(flushed[0], size)

    monkeypatch.setattr(_log, "_flushed", flush)
    kept = Kept(tmp_path)

    def one(number):
        key = f"{number:032x}"
        kept.put(key, number, {})
        safe = flushed[0]
        return file_of(tmp_path).read_bytes()[:safe].count(key.encode()) == 1

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(200)))
    assert dict(Kept(tmp_path).all()) == {f"{number:032x}": [number, {}] for number in range(200)}


@pytest.mark.parametrize("squeeze", ["installed", "zlib"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_are_png_files_that_lose_nothing(monkeypatch, squeeze, channels):
    """Read by OpenCV, and where it turns colours, by Pillow."""
    import io

    from PIL import Image

    if squeeze == "zlib":
        monkeypatch.setattr(_wire, "_deflate", lambda: _wire._slow)
    rng = np.random.default_rng(channels)
    for height, width in ((1, 1), (1, 7), (7, 1), (33, 20)):
        picture = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
        picture[::2] = picture[:1]
        for view in (picture, np.asfortranarray(picture), picture[::-1]):
            data = png(view)
            found = np.asarray(Image.open(io.BytesIO(data))).reshape(view.shape)
            assert (found == view).all()
            if channels == 3:
                assert (cv2.imdecode(np.frombuffer(data, np.uint8), -1)[..., ::-1] == view).all()
            assert zlib.decompress(data[41:-16]) is not None  # one chunk of data, as its length says


def test_a_question_is_known_by_pixels_and_shape_and_not_by_how_they_are_compressed(monkeypatch):
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    names = {key_of("u", [b"{", each, b"}"]) for each in (picture, picture.reshape(4, 2, 3), picture + 1)}
    assert len(names) == 3
    assert key_of("u", [b"{", picture[::-1][::-1], b"}"]) in names
    assert key_of("v", [b"{", picture, b"}"]) not in names
