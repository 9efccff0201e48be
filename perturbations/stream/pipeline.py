"""Mistakes of the pipeline that teams really ship: the sensor is fine, the code between it and the model is not."""

from __future__ import annotations

import html
from fractions import Fraction
from typing import Any

import numpy as np

from perturbations._core import Stream
from perturbations._declare import fault
from perturbations._params import Choice, Param
from perturbations._values import Audio, Image, Value
from perturbations.stream.missing import _stereo

__all__ = [
    "bgr_for_rgb",
    "channels_swapped",
    "double_jpeg",
    "layout_confused",
    "orientation_ignored",
    "wrong_encoding",
    "wrong_normalisation",
    "wrong_resize",
    "wrong_sample_rate",
]


@fault(cite="sculley2015", of=("image",))
def bgr_for_rgb(stream: Stream) -> Value:
    """A decoder that gives blue first: red and blue change places. Grey pictures stay as they are."""
    value = stream.value
    if not isinstance(value, np.ndarray) or value.shape[2] == 1:
        return value
    return np.ascontiguousarray(value[..., ::-1])


@fault(cite="sculley2015", of=("image",))
def layout_confused(stream: Stream) -> Value:
    """Bytes stored channel by channel are read pixel by pixel: three small grey copies in stripes of false colour.

    Grey pictures stay as they are.
    """
    value = stream.value
    if not isinstance(value, np.ndarray) or value.shape[2] == 1:
        return value
    return np.ascontiguousarray(value.transpose(2, 0, 1)).reshape(value.shape)


@fault(
    cite="cipa_exif",
    of=("image",),
    keeps_shape=False,
    turn=Choice("how the camera was held", ("90", "180", "270"), default="90", axis=True),
)
def orientation_ignored(stream: Stream, *, turn: str) -> Value:
    """The orientation tag of a phone's picture is not read: the picture lies on its side or on its head."""
    value = stream.value
    if not isinstance(value, np.ndarray):
        return value
    return np.ascontiguousarray(np.rot90(value, int(turn) // 90))


def _resized(image: Image, width: int, height: int, method: int) -> Image:
    import cv2

    result: Image = cv2.resize(image, (max(1, width), max(1, height)), interpolation=method)
    return result.reshape(*result.shape[:2], image.shape[2])


@fault(
    cite="parmar2022",
    of=("image",),
    how=Choice("what the resizing does wrong", ("aliased", "stretched", "letterboxed"), default="aliased", axis=True),
)
def wrong_resize(stream: Stream, *, how: str) -> Value:
    """Another resizing than in training, at the same final size.

    ``aliased`` picks the nearest pixel on the way to half the size and back, so fine patterns turn into false ones;
    ``stretched`` takes a picture of 4:3 for a square one: it gets wider by a third, and its sides are cut;
    ``letterboxed`` fits the picture into the middle between black bars.
    """
    import cv2

    value = stream.value
    if not isinstance(value, np.ndarray):
        return value
    height, width = value.shape[:2]
    if how == "aliased":
        half = _resized(value, width // 2, height // 2, cv2.INTER_NEAREST)
        return _resized(half, width, height, cv2.INTER_NEAREST)
    if how == "stretched":
        wide = _resized(value, round(width * 4 / 3), height, cv2.INTER_LINEAR)
        left = (wide.shape[1] - width) // 2
        return np.ascontiguousarray(wide[:, left : left + width])
    inner = _resized(value, width, round(height * 3 / 4), cv2.INTER_AREA)
    top = (height - inner.shape[0]) // 2
    boxed = np.zeros_like(value)
    boxed[top : top + inner.shape[0]] = inner
    return boxed


@fault(
    cite="sculley2015",
    of=("image", "audio"),
    how=Choice("what the scaling does wrong", ("forgotten", "twice", "standardised"), default="forgotten", axis=True),
)
def wrong_normalisation(stream: Stream, *, how: str) -> Value:
    """The scaling to unit range is forgotten, done twice, or another one than in training; the result is clipped.

    ``forgotten``: 8-bit (16-bit) numbers are taken for fractions, so all that is not black (silent) is white
    (full scale). ``twice``: next to nothing is left. ``standardised``: the value has mean 0 and deviation 1, where the
    unit range was meant; a picture loses its darker half.
    """
    value = stream.value
    if isinstance(value, Audio):
        samples = value.samples
        if how == "standardised":
            deviation = float(samples.std()) if samples.size else 0.0
            scaled = (samples - samples.mean()) / np.float32(deviation) if deviation else samples
        else:
            scaled = samples * np.float32(32768.0 if how == "forgotten" else 1 / 32768)
        return Audio(np.clip(scaled, -1, 1).astype(np.float32), value.rate)
    if not isinstance(value, np.ndarray):
        return value
    if how == "forgotten":
        return np.where(value > 0, 255, 0).astype(np.uint8)
    if how == "twice":
        return (value == 255).astype(np.uint8)
    pixels = value.astype(np.float32)
    deviation = float(pixels.std())
    scaled = 255 * (pixels - pixels.mean()) / deviation if deviation else pixels
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


_SPEEDS = {
    "44100_as_48000": Fraction(160, 147),
    "48000_as_44100": Fraction(147, 160),
    "half": Fraction(1, 2),
    "double": Fraction(2),
}


@fault(
    cite="sculley2015",
    of=("audio",),
    read_as=Choice("which rate is taken for which", tuple(_SPEEDS), default="44100_as_48000", axis=True),
)
def wrong_sample_rate(stream: Stream, *, read_as: str) -> Value:
    """Samples of one rate are read at another: pitch and tempo are off by the ratio.

    ``half`` plays at half the speed, ``double`` at twice. Length and rate are kept: the end is cut, or silent.
    """
    from scipy.signal import resample_poly

    value = stream.value
    if not isinstance(value, Audio) or value.frames == 0:
        return value
    speed = _SPEEDS[read_as]
    played = resample_poly(value.samples, speed.denominator, speed.numerator, axis=1)[:, : value.frames]
    samples = np.zeros_like(value.samples)
    samples[:, : played.shape[1]] = np.clip(played, -1, 1)
    return Audio(samples, value.rate)


@fault(cite="sculley2015", of=("audio",), witness=_stereo)
def channels_swapped(stream: Stream) -> Value:
    """Left and right are plugged in the wrong way round: the channels come in reverse order.

    A recording of one channel stays as it is.
    """
    value = stream.value
    return Audio(value.samples[::-1].copy(), value.rate) if isinstance(value, Audio) and value.channels > 1 else value


_READ_AS = ("cp1252", "ascii_question_marks", "ascii_dropped", "html_escaped", "python_bytes")


@fault(
    cite="speer2019",
    of=("text",),
    read_as=Choice("what the text is taken for on the way", _READ_AS, default="cp1252", axis=True),
)
def wrong_encoding(stream: Stream, *, read_as: str) -> Value:
    """One service writes a text in one way and the next reads it in another.

    ``cp1252``: UTF-8 bytes are read as Windows-1252 (bytes without a meaning there become U+FFFD);
    ``ascii_question_marks`` and ``ascii_dropped``: what is not ASCII turns into ``?``, or is gone; ``html_escaped``:
    markup was escaped, and shows; ``python_bytes``: the text is the representation of its bytes.
    """
    value = stream.value
    if not isinstance(value, str):
        return value
    if read_as == "cp1252":
        return value.encode("utf-8").decode("cp1252", errors="replace")
    if read_as == "ascii_question_marks":
        return value.encode("ascii", errors="replace").decode("ascii")
    if read_as == "ascii_dropped":
        return value.encode("ascii", errors="ignore").decode("ascii")
    return html.escape(value) if read_as == "html_escaped" else repr(value.encode("utf-8"))


@fault(
    cite="lukas2003",
    version=2,
    of=("image",),
    quality=Param("quality of the second compression; the first has 75", "JPEG quality", 1, 100, scale="integer",
                  levels=(90, 60, 40, 20, 10)),
)  # fmt: skip
def double_jpeg(stream: Stream, *, quality: int) -> Value:
    """Two services each save the picture as a JPEG: the second time on a grid of blocks that is shifted by 4 pixels."""
    import cv2

    value = stream.value
    if not isinstance(value, np.ndarray):
        return value

    def saved(image: Image, at: int) -> Image:
        _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, at])
        flags = cv2.IMREAD_GRAYSCALE if image.shape[2] == 1 else cv2.IMREAD_COLOR
        decoded: Any = cv2.imdecode(data, flags)
        result: Image = decoded.reshape(image.shape)[..., ::-1]
        return result

    edge = ((4, 0), (4, 0), (0, 0))
    shifted = np.pad(saved(value, 75), edge, mode="edge")
    return np.ascontiguousarray(saved(shifted, quality)[4:, 4:])
