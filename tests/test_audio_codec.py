"""Codecs: real ones, aligned with the clip, of its length, at falling quality."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perturbations
from benchmarks.codecs import coded_in_a_process
from perturbations import Audio, apply
from perturbations.modality.audio import MODALITY
from tests._amount import amount
from tests.audio_signals import db, noise, power, tone

CODECS = ("a_law", "adpcm", "gsm", "mp3", "mu_law", "opus", "vorbis")


def speechlike(rate, seconds=1.0):
    from fractions import Fraction

    from perturbations.audio._signal import resample

    witness = MODALITY.witness()
    samples = np.tile(witness.samples, (1, int(np.ceil(seconds))))[:, : round(seconds * witness.rate)]
    return Audio(np.clip(resample(samples, Fraction(rate, witness.rate)), -1, 1), rate)


def lag(clean, after, reach=2000):
    """Return by how many frames the second is late, from the peak of the cross-correlation."""
    size = 1 << (clean.frames + reach).bit_length()
    cross = np.fft.irfft(np.fft.rfft(after.samples[0], size) * np.fft.rfft(clean.samples[0], size).conj(), size)
    return int(np.concatenate([cross[-reach:], cross[:reach]]).argmax()) - reach


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("name", CODECS)
def test_length_rate_and_time_are_restored(name, rate):
    p = perturbations.get(f"audio.{name}")
    clean = speechlike(rate)
    for severity in (1, p.top()):
        after = apply(p, clean, severity)
        assert after.samples.shape == clean.samples.shape
        assert after.rate == rate
        assert abs(lag(clean, after)) <= max(2, rate // 2000), f"severity {severity}: shifted"
        assert np.corrcoef(np.abs(after.samples[0]), np.abs(clean.samples[0]))[0, 1] > 0.5


def test_mu_law_is_g711():
    """The companding law itself: y = sign(x) ln(1 + 255 |x|) / ln 256, in 8 bits."""
    clean = noise(8000, 1.0, level_db=-20)
    after = apply("audio.mu_law", clean).samples.astype(float)
    error = np.abs(after - clean.samples)
    step = (1 + 255 * np.abs(clean.samples)) * np.log(256) / 255 / 128
    assert (error <= 0.6 * step + 2**-12).mean() > 0.99
    assert len(np.unique(after)) <= 256
    assert db(power(clean.samples) / power(error)) == pytest.approx(37, abs=3)


@pytest.fixture
def sizes(monkeypatch):
    """Return a list that every encoded stream's bytes are counted in."""
    from perturbations.audio import codec

    counted, real = [], codec._encoded

    def counting(*rest, **keywords):
        stream = real(*rest, **keywords)
        counted.append(stream.getbuffer().nbytes)
        return stream

    monkeypatch.setattr(codec, "_encoded", counting)
    return counted


@pytest.mark.parametrize("kbps", [64, 32, 16, 8])
def test_mp3_has_the_bit_rate_asked_for(sizes, kbps):
    apply("audio.mp3", noise(16_000, 8.0), kbps=kbps)
    assert sizes[-1] * 8 / 8.0 / 1000 == pytest.approx(kbps, rel=0.06)


@pytest.mark.parametrize(
    ("kbps", "rate", "expected"), [(8, 48_000, 24_000), (320, 8000, 32_000), (64, 8000, 8000), (32, 44_100, 44_100)]
)
def test_mp3_runs_at_a_rate_that_has_the_bit_rate(kbps, rate, expected):
    from perturbations.audio.codec import mp3_rate

    assert mp3_rate(kbps, rate) == expected


@pytest.mark.parametrize("kbps", [24.0, 12.0, 6.0])
def test_opus_aims_at_the_bit_rate(sizes, kbps):
    apply("audio.opus", noise(16_000, 8.0), kbps=kbps)
    assert 0.6 * kbps < sizes[-1] * 8 / 8.0 / 1000 < 1.3 * kbps


@pytest.mark.parametrize("block", [37, 1000, 100_000])
@pytest.mark.parametrize("name", CODECS)
def test_result_does_not_depend_on_where_blocks_fall(monkeypatch, name, block):
    """Nor on their size. Vorbis guesses what came before the clip from the first block: its first window may differ."""
    from perturbations.audio import codec

    clean = speechlike(16_000, 3.0)
    p = perturbations.get(f"audio.{name}")
    severity = p.top() if p.graded else None
    usual = apply(p, clean, severity).samples
    monkeypatch.setattr(codec, "_BLOCK", block)
    other = apply(p, clean, severity).samples
    start = 2048 if name == "vorbis" else 0
    assert np.array_equal(other[:, start:], usual[:, start:])


@pytest.mark.parametrize("where", ["main", "threads"])
@pytest.mark.parametrize("name", CODECS)
def test_a_minute(name, where):
    """A crash of the encoder is the end of its process, and an error here."""
    coded_in_a_process(name, 60, 44_100 if name == "vorbis" else 16_000, where)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "where"), amount([("vorbis", "threads")], list(product(CODECS, ("main", "threads")))))
def test_ten_minutes(name, where):
    coded_in_a_process(name, 600, 44_100 if name == "vorbis" else 16_000, where)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(CODECS),
    rate=st.one_of(st.integers(1, 400_000), st.sampled_from([1, 100, 7999, 8001, 44_101, 192_001, 384_000])),
    frames=st.integers(0, 9000),
    channels=st.integers(1, 12),
    top=st.booleans(),
)
def test_any_rate_length_and_number_of_channels(name, rate, frames, channels, top):
    p = perturbations.get(f"audio.{name}")
    frames = min(frames, 8 * rate)  # a second at a low rate is a second of sound to be coded
    channels = min(channels, max(frames, 8))  # more than frames are taken for another layout, and refused
    clean = Audio(np.random.default_rng(frames).uniform(-0.5, 0.5, (channels, frames)).astype(np.float32), rate)
    after = apply(p, clean, (p.top() if top else 1) if p.graded else None)
    MODALITY.check(after, p.name)
    assert after.samples.shape == clean.samples.shape
    assert after.rate == rate


@pytest.mark.parametrize("name", ["mp3", "opus", "vorbis", "adpcm"])
def test_quality_falls(name):
    clean = speechlike(16_000, 2.0)
    p = perturbations.get(f"audio.{name}")
    ratio = [MODALITY.distortion(clean, apply(p, clean, s))["snr_db"] for s in (1, p.top())]
    assert ratio[0] > ratio[1]


@pytest.mark.parametrize("name", CODECS)
def test_the_list_says_the_cost(capsys, name):
    from stress.cli._show import show_list

    show_list(f"audio.{name}")
    assert "Cost: about, in milliseconds for a second of sound" in capsys.readouterr().out


def test_the_list_says_what_a_ratio_is_over(capsys):
    from stress.cli._show import show_list

    show_list("audio.white_noise")
    said = capsys.readouterr().out
    assert "one of active, clip [default active; clip in speech-robust-bench]" in " ".join(said.split())


def test_gsm_is_on_or_off():
    p = perturbations.get("audio.gsm")
    assert p.axis == "binary"
    clean = speechlike(8000, 2.0)
    once, twice = (MODALITY.distortion(clean, apply(p, clean, passes=n))["snr_db"] for n in (1, 2))
    assert once > twice
    assert np.array_equal(apply(p, clean).samples, apply(p, clean, passes=1).samples)


def test_channels_are_coded_apart():
    both = Audio(np.concatenate([tone(300).samples, tone(900).samples]), 16_000)
    after = apply("audio.mp3", both, kbps=64)
    for row in range(2):
        alone = apply("audio.mp3", Audio(both.samples[row : row + 1], 16_000), kbps=64)
        assert np.array_equal(after.samples[row : row + 1], alone.samples)


def test_the_fast_encoder_is_asked_for_by_name():
    pytest.importorskip("fast_mp3_augment")
    clean = speechlike(16_000)
    after = apply("audio.mp3", clean, kbps=32, encoder="fast-mp3-augment")
    assert after.samples.shape == clean.samples.shape
    assert MODALITY.distortion(clean, after)["snr_db"] > 5
    assert lag(clean, after) == 0


def test_without_the_fast_encoder_the_error_says_what_to_do(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "fast_mp3_augment", None)
    with pytest.raises(perturbations.InputError, match="pip install fast-mp3-augment"):
        apply("audio.mp3", tone(440), kbps=32, encoder="fast-mp3-augment")


def test_soundfile_has_the_codecs():
    import soundfile

    assert {"OPUS", "VORBIS"} <= set(soundfile.available_subtypes("OGG"))
    assert "MPEG_LAYER_III" in soundfile.available_subtypes("MP3")
