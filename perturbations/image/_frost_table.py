"""What the grown textures of ice share with photographs: statistics, no pictures.

Mean, spread, correlation and quantiles are those of the five frost photographs of the ImageNet-C release (levels
0..255, at full size). The density of the power spectrum was fitted so that slopes and shares of variance by octave
band, measured over the middle of a texture, are theirs, both whole and shrunk to a fifth (damped Gauss-Newton steps on
the logarithms of slopes, shares and, for the second and third, spreads of blocks); key and origin were chosen so that
the few slowest waves, which are chance in one picture as in the other, lie as there.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ROWS", "Row"]

Three = tuple[float, float, float]


@dataclass(frozen=True)
class Row:
    """One texture. ``key`` seeds its growth, ``origin`` (row, column) is where it begins.

    ``mean`` and ``spread`` are those of red, green and blue; ``hues`` are angles (degrees) whose cosines are the
    correlations between channels. ``quantiles`` are brightnesses at 0, 1, 5, 10, 25, 50, 75, 90, 95, 99 and 100 per
    cent, of which the two ends are continued. ``density`` is the natural logarithm of the power at frequencies evenly
    spaced in logarithm, from one wave a texture to the corner of the spectrum.
    """

    key: int
    origin: tuple[int, int]
    mean: Three
    spread: Three
    hues: Three
    quantiles: tuple[float, ...]
    density: tuple[float, ...]


ROWS = (
    Row(
        102,
        (560, 80),
        (77.67, 149.12, 165.74),
        (26.91, 16.48, 15.33),
        (0, 34.5, 55.3),
        (87.1, 95.5, 102.5, 107.3, 116.1, 127.9, 141.3, 154.8, 163.0, 177.4, 194.7),
        (
            0.0,
            -0.39,
            -1.19,
            -1.68,
            -1.69,
            -2.56,
            -4.02,
            -6.08,
            -4.28,
            -5.85,
            -6.26,
            -6.65,
            -8.5,
            -7.98,
            -9.46,
            -9.24,
            -8.68,
            -11.19,
            -11.97,
            -8.92,
            -11.16,
            -11.11,
            -11.36,
            -10.12,
        ),
    ),
    Row(
        123,
        (100, 60),
        (200.79, 205.38, 214.48),
        (21.37, 22.09, 22.57),
        (0, 5, 9),
        (110.0, 139.8, 164.6, 175.9, 193.0, 208.1, 220.4, 229.8, 234.8, 244.1, 255.0),
        (
            0.0,
            -1.65,
            -2.47,
            -4.31,
            -5.52,
            -6.99,
            -7.04,
            -6.75,
            -7.43,
            -8.66,
            -6.33,
            -8.31,
            -8.19,
            -9.41,
            -7.68,
            -11.37,
            -8.22,
            -13.83,
            -10.16,
            -12.13,
            -11.45,
            -13.39,
            -16.05,
            -13.22,
        ),
    ),
    Row(
        116,
        (360, 380),
        (200.79, 205.38, 214.48),
        (21.37, 22.09, 22.57),
        (0, 5, 9),
        (110.0, 139.8, 164.6, 175.9, 193.0, 208.1, 220.4, 229.8, 234.8, 244.1, 255.0),
        (
            0.0,
            -1.65,
            -1.25,
            -3.82,
            -5.46,
            -6.6,
            -7.57,
            -7.92,
            -7.25,
            -8.46,
            -7.37,
            -9.18,
            -7.94,
            -10.11,
            -8.38,
            -10.93,
            -9.45,
            -12.62,
            -10.11,
            -13.28,
            -12.15,
            -13.44,
            -15.83,
            -13.03,
        ),
    ),
    Row(
        106,
        (140, 180),
        (137.62, 152.77, 165.18),
        (28.48, 28.49, 29.86),
        (0, 3.5, 8.5),
        (55.0, 80.7, 102.1, 114.2, 132.0, 149.8, 166.7, 183.0, 195.8, 230.7, 255.0),
        (
            0.0,
            -2.04,
            -4.03,
            -5.84,
            -7.32,
            -8.46,
            -9.33,
            -8.4,
            -5.98,
            -7.06,
            -7.12,
            -7.77,
            -7.67,
            -7.64,
            -8.46,
            -8.72,
            -9.25,
            -7.95,
            -15.05,
            -9.02,
            -10.16,
            -11.64,
            -14.93,
            -18.33,
        ),
    ),
    Row(
        100,
        (620, 520),
        (112.38, 123.37, 134.75),
        (44.42, 43.26, 41.66),
        (0, 2.3, 4.2),
        (25.2, 43.0, 57.8, 68.1, 89.0, 116.8, 148.8, 181.2, 201.9, 236.8, 255.0),
        (
            0.0,
            -2.13,
            -4.19,
            -5.88,
            -6.96,
            -7.37,
            -7.22,
            -6.38,
            -6.56,
            -7.43,
            -6.53,
            -7.85,
            -7.99,
            -9.66,
            -8.1,
            -11.28,
            -9.24,
            -11.95,
            -13.86,
            -11.36,
            -11.16,
            -13.29,
            -15.48,
            -8.16,
        ),
    ),
)
