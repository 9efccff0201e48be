"""What a line, a converter or a loudspeaker does to the spectrum."""

from __future__ import annotations

from perturbations._declare import audio_corruption
from perturbations._params import Param
from perturbations._values import Audio
from perturbations.audio._filters import band_limit, butterworth, shelf, tilt_response
from perturbations.audio._signal import below_nyquist, convolve, full_scale

__all__ = ["bass", "high_pass", "low_pass", "resampling", "telephone", "tilt", "treble"]


@audio_corruption(
    cite=("butterworth1930", "shah2024"),
    version=2,
    cutoff_hz=Param(
        "frequency at which the power has halved (−3 dB)",
        "Hz",
        20,
        96_000,
        scale="log",
        levels={"default": (4000, 3000, 2000, 1200, 700), "speech-robust-bench": (4000, 2833, 1666, 500)},
    ),
    order=Param("order: 6 dB an octave each", "poles", 1, 12, scale="integer", default=4),
)
def low_pass(audio: Audio, *, cutoff_hz: float, order: int) -> Audio:
    """A covered microphone or a wall: the high frequencies do not get through (Butterworth, causal).

    A cutoff at or above half of the recording's rate has nothing to take away. Speech Robust Bench's own filter is
    steeper (a windowed sinc); its cutoffs are kept.
    """
    if cutoff_hz >= audio.rate / 2:
        return audio
    return full_scale(convolve(audio.samples, butterworth, "low", cutoff_hz, audio.rate, order), audio.rate)


_PHASE = "A causal filter shifts phases near its cutoff: the waveform moves by more than what it loses."


@audio_corruption(
    cite=("butterworth1930", "shah2024"),
    version=2,
    not_monotone=_PHASE,
    cutoff_hz=Param(
        "frequency at which the power has halved (−3 dB)",
        "Hz",
        20,
        96_000,
        scale="log",
        levels={"default": (150, 300, 600, 1200, 2400), "speech-robust-bench": (500, 1333, 2166, 3000)},
    ),
    order=Param("order: 6 dB an octave each", "poles", 1, 12, scale="integer", default=4),
)
def high_pass(audio: Audio, *, cutoff_hz: float, order: int) -> Audio:
    """A small loudspeaker or a rumble filter set too high: the low frequencies are gone (Butterworth, causal).

    Raises InputError where the cutoff is not below half of the recording's rate: nothing would be left.
    """
    below_nyquist("audio.high_pass", "cutoff_hz", cutoff_hz, audio)
    return full_scale(convolve(audio.samples, butterworth, "high", cutoff_hz, audio.rate, order), audio.rate)


@audio_corruption(
    cite="itu_g712",
    version=2,
    not_monotone=_PHASE,
    low_hz=Param("lower −3 dB point", "Hz", 20, 5000, scale="log", levels=(50, 200, 300, 400, 500)),
    high_hz=Param("upper −3 dB point", "Hz", 500, 96_000, scale="log", levels=(7000, 5000, 3400, 2700, 2000)),
)
def telephone(audio: Audio, *, low_hz: float, high_hz: float) -> Audio:
    """A telephone line: from wideband (50–7000 Hz) over the classic band (300–3400 Hz, level 3) to a worn-out handset.

    Fourth-order high-pass and eighth-order low-pass; the rate stays, the codec is a perturbation of its own.
    """
    if low_hz >= high_hz:
        from perturbations.errors import InputError

        raise InputError(f"audio.telephone: low_hz must be below high_hz {high_hz:g} Hz, got {low_hz:g}.")
    below_nyquist("audio.telephone", "low_hz", low_hz, audio)
    samples = convolve(audio.samples, butterworth, "high", low_hz, audio.rate, 4)
    if high_hz < audio.rate / 2:
        samples = convolve(samples, butterworth, "low", high_hz, audio.rate, 8)
    return full_scale(samples, audio.rate)


@audio_corruption(
    cite="shah2024",
    version=2,
    rate_hz=Param(
        "rate that the recording went through",
        "Hz",
        500,
        192_000,
        scale="log",
        levels={"default": (12_000, 8000, 6000, 4000, 2000), "speech-robust-bench": (12_000, 8000, 4000, 2000)},
    ),
)
def resampling(audio: Audio, *, rate_hz: float) -> Audio:
    """A cheap recorder or a stored copy: a lower sampling rate, and back, takes what lies above half of that rate.

    Both conversions are good ones (80 dB), so together they are one filter, flat to 90 % of the lower Nyquist
    frequency. A rate at or above the recording's own changes nothing.
    """
    if rate_hz >= audio.rate:
        return audio
    return full_scale(convolve(audio.samples, band_limit, rate_hz, audio.rate, symmetric=True), audio.rate)


def _gain(default: tuple[float, ...], srb: tuple[float, ...]) -> Param:
    levels = {"default": default, "speech-robust-bench": srb}
    return Param("gain of the shelf", "dB", -60, 60, clean=0, levels=levels)


@audio_corruption(
    cite=("shah2024", "bristowjohnson2005"),
    version=2,
    gain_db=_gain((6, 12, 18, 24, 30), (20, 30, 40, 50)),
    corner_hz=Param("frequency of half the gain", "Hz", 20, 20_000, scale="log", default=100),
)
def bass(audio: Audio, *, gain_db: float, corner_hz: float) -> Audio:
    """A talker too close to a directional microphone, or a tone control turned up: boom, up to clipping."""
    below_nyquist("audio.bass", "corner_hz", corner_hz, audio)
    return full_scale(convolve(audio.samples, shelf, "bass", corner_hz, gain_db, audio.rate, 0.5), audio.rate)


@audio_corruption(
    cite=("shah2024", "bristowjohnson2005"),
    version=2,
    gain_db=_gain((6, 12, 18, 24, 30), (10, 23, 36, 50)),
    corner_hz=Param("frequency of half the gain", "Hz", 20, 20_000, scale="log", default=3000),
)
def treble(audio: Audio, *, gain_db: float, corner_hz: float) -> Audio:
    """A shrill microphone or a tone control turned up: hiss and sibilants, up to clipping."""
    below_nyquist("audio.treble", "corner_hz", corner_hz, audio)
    return full_scale(convolve(audio.samples, shelf, "treble", corner_hz, gain_db, audio.rate, 0.5), audio.rate)


@audio_corruption(
    cite="kates2008",
    version=2,
    slope_db=Param("change of the gain", "dB an octave", -18, 18, clean=0, levels=(-1.5, -3, -4.5, -6, -9)),
    pivot_hz=Param("frequency that keeps its level", "Hz", 50, 20_000, scale="log", default=500),
)
def tilt(audio: Audio, *, slope_db: float, pivot_hz: float) -> Audio:
    """Speech through cloth or around a corner: the whole spectrum tilts to the lows (above 0 dB: the highs)."""
    tilted = convolve(audio.samples, tilt_response, slope_db, pivot_hz, audio.rate, symmetric=True)
    return full_scale(tilted, audio.rate)
