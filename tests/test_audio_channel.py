"""Lines, converters, packets: corner frequencies, levels, loudness, steps, loss statistics."""

from itertools import pairwise

import numpy as np
import pytest

import perturbations
from perturbations import Audio, InputError, apply
from tests.audio_signals import db, loudness_lufs, noise, power, tone


def gain_at(name, hertz, rate=16_000, **params):
    """Return the level change of a steady tone in dB, after what the filter needs to settle."""
    clean = tone(hertz, rate, 2.0, level_db=-40)
    after = apply(name, clean, **params)
    middle = slice(rate // 2, 3 * rate // 2)
    return db(power(after.samples[:, middle]) / power(clean.samples[:, middle]))


def corner(name, low, high, rate, rising, **params):
    """Return the frequency of −3.01 dB between two frequencies, by bisection on measured tones."""
    for _ in range(12):
        middle = np.sqrt(low * high)
        above = gain_at(name, middle, rate, **params) > -3.0103
        low, high = (low, middle) if above == rising else (middle, high)
    return np.sqrt(low * high)


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.parametrize("hertz", [300.0, 1200.0, 3000.0])
def test_half_power_points(rate, hertz):
    assert corner("audio.low_pass", 100, 3900, rate, False, cutoff_hz=hertz) == pytest.approx(hertz, rel=0.02)
    assert corner("audio.high_pass", 100, 3900, rate, True, cutoff_hz=hertz) == pytest.approx(hertz, rel=0.02)


@pytest.mark.parametrize("order", [1, 2, 4, 8])
def test_slope_is_six_decibels_an_octave_and_pole(order):
    fall = gain_at("audio.low_pass", 1000, 48_000, cutoff_hz=200.0, order=order)
    assert fall == pytest.approx(-20 * order * np.log10(1000 / 200), abs=0.6)


def test_telephone_band():
    assert corner("audio.telephone", 100, 1000, 16_000, True, low_hz=300.0, high_hz=3400.0) == pytest.approx(
        300, rel=0.02
    )
    assert corner("audio.telephone", 1000, 7000, 16_000, False, low_hz=300.0, high_hz=3400.0) == pytest.approx(
        3400, rel=0.02
    )


def test_low_pass_agrees_with_scipy_and_torchaudio():
    from scipy.signal import butter, sosfilt

    clean = noise(level_db=-30)
    ours = apply("audio.low_pass", clean, cutoff_hz=1000.0, order=2).samples
    scipys = sosfilt(butter(2, 1000, fs=16_000, output="sos"), clean.samples.astype(float))
    assert np.abs(ours - scipys).max() < 1e-6
    functional = pytest.importorskip("torchaudio.functional", exc_type=Exception)
    torch = pytest.importorskip("torch")
    theirs = functional.lowpass_biquad(torch.from_numpy(clean.samples), 16_000, 1000.0).numpy()
    assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize("rate_hz", [8000.0, 4000.0])
def test_resampling_loses_what_is_above_half_the_rate(rate_hz):
    nyquist = rate_hz / 2
    assert gain_at("audio.resampling", 0.85 * nyquist, rate_hz=rate_hz) == pytest.approx(0, abs=0.1)
    assert gain_at("audio.resampling", 1.02 * nyquist, rate_hz=rate_hz) < -70


def test_resampling_is_down_and_up():
    from scipy.signal import resample_poly

    clean = noise(level_db=-30)
    ours = apply("audio.resampling", clean, rate_hz=8000.0).samples
    window = ("kaiser", 12.0)
    theirs = resample_poly(
        resample_poly(clean.samples.astype(float), 1, 2, axis=1, window=window), 2, 1, axis=1, window=window
    )
    low = [np.fft.rfft(s[0])[: int(0.35 * s.shape[1] / 2)] for s in (ours, theirs)]
    assert power(np.abs(low[0] - low[1])) / power(np.abs(low[1])) < 1e-3


@pytest.mark.parametrize(("name", "far", "near"), [("audio.bass", 3000, 25), ("audio.treble", 100, 7500)])
def test_shelves(name, far, near):
    assert gain_at(name, far, gain_db=12.0) == pytest.approx(0, abs=0.3)
    assert gain_at(name, near, gain_db=12.0) == pytest.approx(12, abs=1.2)
    at_corner = perturbations.get(name).params["corner_hz"].default
    assert gain_at(name, at_corner, gain_db=12.0) == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("slope_db", [-6.0, 3.0])
def test_tilt(slope_db):
    for hertz in (250, 500, 2000, 4000):
        assert gain_at("audio.tilt", hertz, slope_db=slope_db) == pytest.approx(
            slope_db * np.log2(hertz / 500), abs=0.3
        )


@pytest.mark.parametrize("change", [6.0, 20.0])
def test_gain_is_a_change_of_loudness(change):
    quiet = noise(48_000, 3.0, level_db=-45)
    louder = apply("audio.gain_up", quiet, gain_db=change)
    assert loudness_lufs(louder.samples, 48_000) - loudness_lufs(quiet.samples, 48_000) == pytest.approx(
        change, abs=0.05
    )
    loud = noise(48_000, 3.0, level_db=-20)
    softer = apply("audio.gain_down", loud, loss_db=change)
    assert loudness_lufs(softer.samples, 48_000) - loudness_lufs(loud.samples, 48_000) == pytest.approx(
        -change, abs=0.05
    )


def test_loudness_meter_meets_the_standard():
    """BS.1770: a 997 Hz sine at 0 dBFS in one channel reads −3.01 LUFS."""
    assert loudness_lufs(tone(997, 48_000, 2.0, level_db=0).samples, 48_000) == pytest.approx(-3.01, abs=0.02)


def test_clipping_is_flat_at_the_threshold():
    clean = noise(level_db=-20)
    after = apply("audio.clipping", clean, threshold_db=0.0).samples
    limit = np.sqrt(power(clean.samples))
    assert np.abs(after).max() == pytest.approx(limit, rel=0.01)
    assert (np.abs(after) >= np.abs(after).max() * 0.9999).mean() == pytest.approx(0.3173, abs=0.01), (
        "normal law: 1 sigma"
    )


@pytest.mark.parametrize("bits", [12, 8, 4])
def test_quantisation_noise(bits):
    """Widrow: a step of 2^(1 − bits) leaves noise of step²/12."""
    clean = noise(level_db=-15)
    error = apply("audio.quantisation", clean, bits=bits).samples.astype(float) - clean.samples
    inside = np.abs(clean.samples) < 1 - 2.0 ** (1 - bits)
    assert power(error[inside]) == pytest.approx((2.0 ** (1 - bits)) ** 2 / 12, rel=0.02)


def test_dc_offset():
    after = apply("audio.dc_offset", noise(level_db=-30), offset=0.1).samples
    assert float(after.mean()) == pytest.approx(0.1, abs=1e-3)


class TestPackets:
    @pytest.mark.parametrize(("loss", "burst"), [(0.05, 1.2), (0.1, 2.0), (0.3, 4.0)])
    def test_gilbert_elliott_statistics(self, loss, burst):
        """Loss rate and mean burst within four standard errors, counted on the sound itself."""
        packet = 160
        ones = Audio(np.full((1, 40_000 * packet), 0.5, np.float32), 8000)
        after = apply("audio.packet_loss", ones, loss=loss, burst=burst, conceal="silence")
        lost = after.samples[0].reshape(-1, packet)[:, 0] == 0
        runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], lost.astype(int), [0]]))))[::2]
        spread = burst * (burst - 1) + 0.1  # variance of a geometric law
        assert runs.mean() == pytest.approx(burst, abs=4 * np.sqrt(spread / len(runs)))
        inflated = loss * (1 - loss) * (2 * burst - 1) / len(lost)
        assert lost.mean() == pytest.approx(loss, abs=4 * np.sqrt(inflated))

    def test_harder_settings_lose_a_superset(self):
        ones = Audio(np.full((1, 160_000), 0.5, np.float32), 8000)
        lost = [apply("audio.packet_loss", ones, s, conceal="silence").samples == 0 for s in (1, 2, 3, 4, 5)]
        for fewer, more in pairwise(lost):
            assert not (fewer & ~more).any()
            assert more.sum() > fewer.sum()

    def test_concealment_repeats_the_last_packet_weaker(self):
        clean = noise(8000, 10.0, level_db=-20)
        silent = apply("audio.packet_loss", clean, 4, conceal="silence").samples[0].reshape(-1, 160)
        repeated = apply("audio.packet_loss", clean, 4, conceal="repeat").samples[0].reshape(-1, 160)
        lost = ~silent.any(axis=1)
        first = np.flatnonzero(lost[1:] & ~lost[:-1]) + 1
        packets = clean.samples[0].reshape(-1, 160)
        assert np.allclose(repeated[first], 0.5 * packets[first - 1], atol=1e-7)
        assert np.array_equal(repeated[~lost], packets[~lost])

    def test_an_impossible_pair_is_refused(self):
        with pytest.raises(InputError, match="burst must be at least"):
            apply("audio.packet_loss", tone(440), loss=0.9, burst=1.0)

    @pytest.mark.parametrize("name", ["audio.dropouts", "audio.muted"])
    def test_share_of_silence(self, name):
        ones = Audio(np.full((2, 80_000), 0.5, np.float32), 8000)
        silent = [apply(name, ones, share=share).samples == 0 for share in (0.1, 0.3, 0.6)]
        assert [s.mean() for s in silent] == pytest.approx([0.1, 0.3, 0.6], abs=0.003)
        assert not (silent[0] & ~silent[1]).any()
        assert not (silent[1] & ~silent[2]).any()


@pytest.mark.parametrize("name", ["audio.high_pass", "audio.treble", "audio.telephone"])
def test_a_corner_beyond_half_the_rate_is_refused(name):
    with pytest.raises(InputError, match="must be below half of the recording's rate"):
        apply(name, tone(100, 600), 5)


def test_low_pass_beyond_half_the_rate_has_nothing_to_take():
    clean = noise(8000, 0.5)
    assert np.array_equal(apply("audio.low_pass", clean, cutoff_hz=4000.0).samples, clean.samples)
    assert np.array_equal(apply("audio.resampling", clean, rate_hz=8000.0).samples, clean.samples)
