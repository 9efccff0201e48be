"""Codecs, the real ones: encoded and decoded in memory by libsndfile, the length and the rate restored.

Channels are coded one by one, each in blocks, so that a clip may be of any length. Where a codec knows only some rates
the clip is resampled to one of them and back.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import numpy as np

from perturbations._declare import audio_corruption
from perturbations._params import Choice, Param
from perturbations._values import Audio
from perturbations.audio._signal import Samples, fit, full_scale, resample
from perturbations.errors import InputError

__all__ = ["a_law", "adpcm", "gsm", "mp3", "mu_law", "opus", "vorbis"]

_LAME_DELAY = 528 + 1 + 576
"""Frames by which LAME's encoder and an MP3 decoder delay the sound, where the stream has no room to say so."""


_BLOCK = 8192
"""Frames an encoder is given at once. libvorbis copies the first of them to the stack, of which a thread has 512 KiB
on some systems: one write of a minute's sound ends the process."""


def _cost(milliseconds: str) -> str:
    return f"about, in milliseconds for a second of sound, channel and core: {milliseconds}"


def _encoded(samples: Samples, rate: int, container: str, subtype: str, **options: Any) -> io.BytesIO:
    """Return one channel as a file in memory."""
    import soundfile

    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", rate, 1, subtype, format=container, **options) as file:
        for start in range(0, len(samples), _BLOCK):
            file.write(samples[start : start + _BLOCK])
    memory.seek(0)
    return memory


def _coded(samples: Samples, rate: int, container: str, subtype: str, delay: int = 0, **options: Any) -> Samples:
    """Return one channel after encoding and decoding; where the decoder gives more, ``delay`` frames are dropped."""
    import soundfile

    decoded: Samples = soundfile.read(_encoded(samples, rate, container, subtype, **options), dtype="float32")[0]
    return decoded[delay:] if len(decoded) > len(samples) else decoded


def _through(audio: Audio, rate: int, container: str, subtype: str, passes: int = 1, **options: Any) -> Audio:
    """Return a recording after one or several passes through a codec that runs at a rate."""
    if audio.frames == 0:
        return audio
    there = audio.samples if rate == audio.rate else resample(audio.samples, Fraction(rate, audio.rate))
    rows = np.clip(there, -1, 1)
    for _ in range(passes):
        rows = np.stack([fit(_coded(r, rate, container, subtype, **options)[None, :], rows.shape[1])[0] for r in rows])
    back = rows if rate == audio.rate else resample(rows, Fraction(audio.rate, rate))
    return full_scale(np.ascontiguousarray(fit(back, audio.frames)), audio.rate)


def _telephone_rate(audio: Audio) -> int:
    return min(audio.rate, 8000)


@audio_corruption(cite="itu_g711", cost=_cost("under 1"))
def mu_law(audio: Audio) -> Audio:
    """A fixed-line call in America or Japan: G.711 μ-law, 8 bits a sample at 8 kHz (or the clip's lower rate)."""
    return _through(audio, _telephone_rate(audio), "WAV", "ULAW")


@audio_corruption(cite="itu_g711", cost=_cost("under 1"))
def a_law(audio: Audio) -> Audio:
    """A fixed-line call in Europe: G.711 A-law, 8 bits a sample at 8 kHz (or the clip's lower rate)."""
    return _through(audio, _telephone_rate(audio), "WAV", "ALAW")


@audio_corruption(
    cite="etsi_gsm0610",
    cost=_cost("7 for each pass"),
    version=2,
    passes=Param("calls in a row, each decoded and encoded again", "passes", 1, 50, scale="integer", default=1),
)
def gsm(audio: Audio, *, passes: int) -> Audio:
    """A second-generation mobile call: GSM 06.10 full rate, 13 kbit/s at 8 kHz.

    On or off: the codec has one rate, and a second pass adds little to what the first one took.
    """
    return _through(audio, 8000, "WAV", "GSM610", passes)


@audio_corruption(
    cite="ima1992",
    version=2,
    cost=_cost("1 to 2"),
    rate_hz=Param(
        "rate at which the codec runs", "Hz", 1000, 192_000, scale="integer", levels=(16_000, 11_025, 8000, 6000, 4000)
    ),
)
def adpcm(audio: Audio, *, rate_hz: int) -> Audio:
    """A toy, an intercom or an answering machine: IMA ADPCM, 4 bits a sample at a falling rate.

    Clips of a lower rate keep theirs. A second pass would add nothing: it codes what it gave.
    """
    return _through(audio, min(audio.rate, rate_hz), "WAV", "IMA_ADPCM")


@audio_corruption(
    cite="rfc6716",
    cost=_cost("25 (low bit rates) to 45"),
    kbps=Param("bit rate of each channel", "kbit/s", 6, 256, scale="log", levels=(24, 16, 12, 9, 6)),
)
def opus(audio: Audio, *, kbps: float) -> Audio:
    """A video call on a thin line: Opus at a falling bit rate.

    Runs at the next of 8, 12, 16, 24 and 48 kHz. The bit rate is the encoder's target; it is variable.
    """
    rate = next((known for known in (8000, 12_000, 16_000, 24_000, 48_000) if known >= audio.rate), 48_000)
    return _through(audio, rate, "OGG", "OPUS", compression_level=min(1.0, max(0.0, (256 - kbps) / 250)))


@audio_corruption(
    cite="xiph_vorbis",
    cost=_cost("3 (at 16 kHz) to 6 (44.1 kHz)"),
    version=2,
    quality=Param("quality of the encoder, a tenth of oggenc's -q", "fraction", 0, 1, levels=(0.4, 0.3, 0.2, 0.1, 0)),
)
def vorbis(audio: Audio, *, quality: float) -> Audio:
    """A voice message or a game's sound: Ogg Vorbis at falling quality (clips above 192 kHz are brought down to it)."""
    rate = min(max(audio.rate, 8000), 192_000)
    return _through(audio, rate, "OGG", "VORBIS", compression_level=1 - quality)


_MP3_RATES = {
    8000: (8, 64), 11_025: (8, 64), 12_000: (8, 64), 16_000: (8, 160), 22_050: (8, 160), 24_000: (8, 160),
    32_000: (32, 320), 44_100: (32, 320), 48_000: (32, 320),
}  # fmt: skip
"""Lowest and highest bit rate at each sampling rate of MPEG-1, 2 and 2.5 layer III."""


def mp3_rate(kbps: int, rate: int) -> int:
    """Return the sampling rate an MP3 of this bit rate has: the clip's or the next higher one, lower if it must be."""
    fitting = [known for known, (low, high) in _MP3_RATES.items() if low <= kbps <= high]
    return next((known for known in fitting if known >= rate), fitting[-1])


@audio_corruption(
    cite="iso13818_3",
    cost=_cost("6 (at 16 kHz) to 12 (44.1 kHz), with fast-mp3-augment 2 to 3"),
    version=2,
    kbps=Param("bit rate of each channel", "kbit/s", 8, 320, scale="integer", levels=(64, 32, 24, 16, 8)),
    encoder=Choice("library that encodes", ("soundfile", "fast-mp3-augment"), default="soundfile"),
)
def mp3(audio: Audio, *, kbps: int, encoder: str) -> Audio:
    """A podcast or a stored recording: MP3 at a constant, falling bit rate, by LAME.

    Bit rates between those of the standard become the nearest one. Runs at the clip's rate or the next that the
    standard has for the bit rate. ``fast-mp3-augment`` is LAME too, with other settings and ten times as fast, where
    it is installed; a result never depends on what happens to be installed, so it is asked for by name.
    """
    rate = mp3_rate(kbps, audio.rate)
    if encoder == "fast-mp3-augment":
        return _fast_mp3(audio, rate, kbps)
    low, high = _MP3_RATES[rate]
    level = min((high - kbps) / (high - low), 0.999)  # libsndfile refuses 1
    return _through(
        audio, rate, "MP3", "MPEG_LAYER_III", delay=_LAME_DELAY, bitrate_mode="CONSTANT", compression_level=level
    )


def _fast_mp3(audio: Audio, rate: int, kbps: int) -> Audio:
    try:
        from fast_mp3_augment import compress_roundtrip
    except ImportError:
        raise InputError(
            "audio.mp3: encoder fast-mp3-augment must be installed (pip install fast-mp3-augment). "
            "Or leave encoder out."
        ) from None
    if audio.frames == 0:
        return audio
    there = audio.samples if rate == audio.rate else resample(audio.samples, Fraction(rate, audio.rate))
    coded = np.stack([compress_roundtrip(np.clip(row, -1, 1), rate, kbps) for row in there]).astype(np.float32)
    back = coded if rate == audio.rate else resample(coded, Fraction(audio.rate, rate))
    return full_scale(np.ascontiguousarray(fit(back, audio.frames)), audio.rate)
