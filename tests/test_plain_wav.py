"""A WAV of 16-bit PCM is read where it stands in memory: as libsndfile reads it."""

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from perturbations import InputError
from perturbations.modality import Limits
from perturbations.modality.audio import MODALITY

STORED = MODALITY.stored


def part(name, content, length=None):
    said = len(content) if length is None else length
    return name + struct.pack("<I", said) + content + b"\0" * (len(content) % 2)


def wav(samples, rate, before=(), after=(), tag=1, bits=16):
    """Return a WAV file, written to the letter of its format: numbers ``(frames, channels)``, other parts around."""
    samples = np.asarray(samples, "<i2")
    channels = samples.shape[1]
    about = struct.pack("<HHIIHH", tag, channels, rate, rate * 2 * channels, 2 * channels, bits)
    parts = [part(b"fmt ", about), *before, part(b"data", samples.tobytes()), *after]
    body = b"WAVE" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def by_libsndfile(content):
    found, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    return found.T, rate


recordings = st.tuples(st.integers(0, 300), st.integers(1, 8), st.sampled_from([100, 8000, 16_000, 44_100, 192_000]))
around = st.lists(
    st.sampled_from([part(b"LIST", b"INFOISFT\5\0\0\0abcd\0\0"), part(b"JUNK", b"123"), part(b"fact", b"\1\0\0\0")]),
    max_size=2,
)


@given(recordings, around, around, st.integers(0, 2**32 - 1))
def test_it_is_what_libsndfile_reads(shape, before, after, seed):
    frames, channels, rate = shape
    samples = np.random.default_rng(seed).integers(-32_768, 32_768, (frames, channels))
    content = wav(samples, rate, before, after if frames else ())  # after no sound, anything may be the sound
    value, remark = STORED.decode(content, "a", Limits())
    wanted, wanted_rate = by_libsndfile(content)
    np.testing.assert_array_equal(value.samples, wanted)
    assert (value.rate, remark) == (wanted_rate, None)
    assert value.samples.dtype == np.float32


@given(recordings, st.integers(0, 2**32 - 1), st.data())
def test_what_is_certain_by_its_header_is_decoded_valid_and_unaltered(shape, seed, data):
    """Whatever bytes are put into the file: where its header is trusted, decoding it finds nothing wrong."""
    frames, channels, rate = shape
    rng = np.random.default_rng(seed)
    content = bytearray(wav(rng.integers(-32_768, 32_768, (frames, channels)), rate))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, min(len(content), 60) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(12, len(content)))])
    if STORED.certain(content, Limits()):
        value, remark = STORED.decode(content, "a", Limits())
        MODALITY.check(value, "a")
        assert remark is None


def test_whole_files_are_certain_and_others_are_decoded():
    samples = np.zeros((400, 1))
    assert STORED.certain(wav(samples, 8000), Limits())
    for odd in (
        wav(samples, 8000, tag=3),  # of floats
        wav(samples, 8000, tag=0xFFFE),
        wav(samples, 8000, bits=12),
        wav(np.zeros((2, 12)), 8000),  # more channels than frames
        wav(samples, 8000)[:-200],
        wav(samples, 8000, after=[part(b"data", b"1234")]),
        wav(samples, 8000, before=[part(b"fmt ", b"\1\0\2\0" + bytes(12))]),
        b"RIFF",
        b"",
    ):
        assert not STORED.certain(odd, Limits())
    assert not STORED.certain(wav(samples, 100), Limits(seconds=3))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (wav(np.zeros((400, 1)), 8000)[:-200], "is truncated: its header promises 800 bytes"),
        (wav(np.zeros((400, 1)), 100), "at most 3 s"),
        (wav(np.zeros((400, 1)), 1_000_000), "a rate of at most 768,000 Hz"),
        (wav(np.zeros((400, 65)), 8000), "at most 64 channels, got 65"),
    ],
)
def test_what_cannot_be_used_is_refused_as_by_any_other_way(content, said):
    with pytest.raises(InputError, match=said):
        STORED.decode(content, "a", Limits(seconds=3))
