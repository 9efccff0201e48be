"""Noise: the ratio that was asked for, the spectrum that the name promises, and one draw for all severities."""

import numpy as np
import pytest

import perturbations
from perturbations import Audio, InputError, Sample, apply
from stress.testing import witness_sample
from tests.audio_signals import db, noise, power, slope_db_per_octave, spectrum, tone

NOISES = [n for n in perturbations.names("audio") if "snr_db" in perturbations.get(n).params]


def noisy(name, audio, **keywords):
    p = perturbations.get(name)
    sample = Sample("0", {"x": audio})
    data = witness_sample("audio", noise(seconds=audio.seconds or 1, rate=audio.rate, seed=9))[1]
    return apply(p, sample, stream="x", data=data, **p.examples, **keywords).streams["x"]


def test_there_are_noises():
    assert len(NOISES) >= 12


@pytest.mark.parametrize("snr_db", [20.0, 3.0])
@pytest.mark.parametrize("rate", [8000, 44_100])
@pytest.mark.parametrize("name", NOISES)
def test_ratio_is_what_was_asked_for(name, rate, snr_db):
    clean = tone(440, rate, 2.0, level_db=-30)
    after = noisy(name, clean, snr_db=snr_db)
    assert np.abs(after.samples).max() < 1, "the ratio holds before clipping"
    measured = db(power(clean.samples) / power(after.samples.astype(np.float64) - clean.samples))
    assert measured == pytest.approx(snr_db, abs=0.1)


def test_ratio_is_to_the_active_part():
    clean = tone(440, seconds=2.0, level_db=-30).samples
    padded = Audio(np.concatenate([clean, np.zeros_like(clean), np.zeros_like(clean)], axis=1), 16_000)
    after = noisy("audio.white_noise", padded, snr_db=10.0)
    assert db(power(clean) / power(after.samples - padded.samples)) == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("name", NOISES)
def test_ratio_to_the_whole_clip(name):
    """With ``snr_over="clip"`` it is the plain ratio of mean powers, whatever part of the clip is silent."""
    clean = tone(440, seconds=1.0, level_db=-40).samples
    padded = Audio(np.concatenate([np.zeros_like(clean), clean, np.zeros_like(clean)], axis=1), 16_000)
    after = noisy(name, padded, snr_db=5.0, snr_over="clip")
    assert db(power(padded.samples) / power(after.samples.astype(float) - padded.samples)) == pytest.approx(5, abs=0.1)
    active = noisy(name, padded, snr_db=5.0)
    louder = power(active.samples.astype(float) - padded.samples) / power(after.samples.astype(float) - padded.samples)
    assert db(louder) == pytest.approx(db(3), abs=0.1), "a third of the clip sounds"


@pytest.mark.parametrize("name", NOISES)
def test_profiles_divide_by_what_their_source_divides_by(name):
    p = perturbations.get(name)
    for profile in p.profiles:
        expected = "clip" if profile == "speech-robust-bench" else "active"
        assert p.settings(3, profile, p.examples)["snr_over"] == expected
        assert p.settings(3, profile, {**p.examples, "snr_over": "active"})["snr_over"] == "active"


def test_speech_robust_bench_is_torchaudios_ratio():
    """The benchmark adds noise with torchaudio: the ratio of the energies of clip and noise."""
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchaudio.functional", exc_type=Exception)
    clean = Audio(np.pad(tone(440, level_db=-30).samples, ((0, 0), (8000, 16_000))), 16_000)
    for severity, snr_db in enumerate((30, 20, 10, 0), start=1):
        after = apply("audio.white_noise", clean, severity, profile="speech-robust-bench").samples
        added = after - clean.samples
        theirs = functional.add_noise(*(torch.from_numpy(x) for x in (clean.samples, added)), torch.tensor([snr_db]))
        assert np.abs(theirs.numpy() - after).max() < 1e-4


def test_profile_defaults_are_checked_where_they_are_declared():
    from perturbations import Choice, Param, SpecError, audio_corruption

    for by_profile, wrong in (({"other": "b"}, "must name profiles"), ({"default": "c"}, "must be one of a, b")):
        with pytest.raises(SpecError, match=wrong):

            @audio_corruption(
                cite="shah2024",
                loss=Param("loss", "dB", 0, 9, levels=(1, 2)),
                how=Choice("how", ("a", "b"), default="a", by_profile=by_profile),
            )
            def loss_of_something(audio, *, loss, how):
                """Less of it."""
                return audio


def test_clipped_share_is_reported():
    from perturbations.modality.audio import MODALITY

    after = noisy("audio.white_noise", tone(440, level_db=-3), snr_db=0.0)
    expected = float((np.abs(after.samples) >= 0.999).mean())
    assert MODALITY.signals(after)["clipped"] == pytest.approx(expected)
    assert expected > 0.01


@pytest.mark.parametrize(
    ("name", "slope", "low", "high"),
    [
        ("audio.white_noise", 0.0, 100, 7000),
        ("audio.pink_noise", -3.01, 40, 7000),
        ("audio.brown_noise", -6.02, 40, 7000),
    ],
)
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_colour_by_its_slope(name, slope, low, high, rate):
    clean = tone(440, rate, 20.0, level_db=-40)
    residual = noisy(name, clean, snr_db=10.0).samples - clean.samples
    assert slope_db_per_octave(residual, rate, low, high) == pytest.approx(slope, abs=0.15)


def test_wind_follows_kolmogorov():
    """Power falls with frequency to the power −5/3 in the inertial range: 10 log10(2) × 5/3 = 5.02 dB an octave."""
    clean = tone(440, 16_000, 30.0, level_db=-40)
    residual = noisy("audio.wind", clean, snr_db=0.0).samples - clean.samples
    assert slope_db_per_octave(residual, 16_000, 60, 2000) == pytest.approx(-5.02, abs=0.4)


# Long-term average speech spectrum, dB in third-octave bands (Byrne et al. 1994, males and females).
LTASS = {125: 57.7, 250: 60.3, 500: 62.1, 1000: 53.7, 2000: 48.7, 4000: 45.6, 6300: 44.3}


@pytest.mark.parametrize("name", ["audio.babble", "audio.crowd"])
def test_voices_have_the_spectrum_of_speech(name):
    clean = tone(440, 16_000, 15.0, level_db=-40)
    residuals = [noisy(name, clean, snr_db=0.0, seed=seed).samples - clean.samples for seed in range(6)]
    hertz, density = spectrum(np.concatenate(residuals, axis=1), 16_000)
    level = {f: db(density[(hertz >= f * 2 ** (-1 / 6)) & (hertz < f * 2 ** (1 / 6))].sum()) for f in LTASS}
    offset = np.mean([level[f] - LTASS[f] for f in LTASS])
    for f in LTASS:
        slack = 4 if f >= 250 else 6  # few voices have a fundamental as low as that
        assert level[f] - offset == pytest.approx(LTASS[f], abs=slack), f"{f} Hz"


def test_babble_has_the_rhythm_of_syllables():
    """The envelope of speech is strongest between 2 and 8 Hz; that of stationary noise is flat."""
    clean = tone(440, 16_000, 30.0, level_db=-60)

    def share(name):
        residual = noisy(name, clean, snr_db=0.0).samples - clean.samples
        envelope = np.abs(residual[0]).reshape(-1, 160).mean(axis=1)
        hertz, density = spectrum((envelope - envelope.mean())[None, :], 100, 1024)
        return density[(hertz >= 1) & (hertz < 8)].mean() / density[(hertz >= 20) & (hertz < 40)].mean()

    assert share("audio.babble") > 4
    assert share("audio.white_noise") < 2


def residual_of(name, seconds=20.0, **params):
    clean = tone(440, 16_000, seconds, level_db=-60)
    return noisy(name, clean, snr_db=0.0, **params).samples - clean.samples


def test_machinery_turns_at_its_shaft():
    """Lines at multiples of the shaft's frequency, the twelfth (its gear's teeth) above its neighbours."""
    sound = residual_of("audio.machinery", shaft_hz=25.0)
    hertz, density = spectrum(sound, 16_000, 32_768)
    line = [density[np.abs(hertz - 25 * order) < 1.5].max() for order in range(1, 25)]
    between = [density[np.abs(hertz - 25 * (order + 0.5)) < 1.5].max() for order in range(1, 25)]
    assert all(db(on / off) > 10 for on, off in zip(line[:12], between[:12]))
    assert line[11] > 4 * max(line[10], line[12])


def test_rain_has_drops():
    """Single drops stand out: the fourth moment of 120 drops a second is far above the normal law's 3."""
    from scipy.stats import kurtosis

    assert kurtosis(residual_of("audio.rain")[0], fisher=False) > 6
    assert kurtosis(residual_of("audio.rain", drops_per_s=0.0)[0], fisher=False) == pytest.approx(3, abs=0.2)
    hertz, density = spectrum(residual_of("audio.rain"), 16_000)
    level = {f: db(density[(hertz > 0.8 * f) & (hertz < 1.25 * f)].mean()) for f in (100, 1000, 3000)}
    assert level[1000] - level[100] > 15
    assert abs(level[3000] - level[1000]) < 4


def test_traffic_passes_by():
    """The level swings by several decibels within seconds; lows are far above highs, tyres make a shoulder at 1 kHz."""
    sound = residual_of("audio.traffic_noise", 40.0)
    level = db(np.square(sound[0]).reshape(-1, 4000).mean(axis=1))
    assert level.max() - level.min() > 4
    hertz, density = spectrum(sound, 16_000)
    at = {f: db(density[(hertz > 0.8 * f) & (hertz < 1.25 * f)].mean()) for f in (60, 300, 900, 5000)}
    assert at[60] > at[900] > at[300] - 1
    assert at[900] - at[5000] > 10


def test_music_is_notes_of_one_key():
    """The strongest lines lie on a chromatic scale; between its notes there is little."""
    sound = residual_of("audio.music", 30.0)
    level = np.abs(np.fft.rfft(sound[0] * np.hanning(sound.shape[1]))) ** 2
    hertz = np.fft.rfftfreq(sound.shape[1], 1 / 16_000)
    part = (hertz > 400) & (hertz < 1500)
    octaves = np.log2(hertz[part] / 110) * 12
    by_cent = np.bincount((np.floor(octaves % 1 * 20)).astype(int), weights=level[part], minlength=20)
    assert np.convolve(np.tile(by_cent, 2), np.ones(5))[4:24].max() / by_cent.sum() > 0.7


@pytest.mark.parametrize("mains", ["50", "60"])
def test_hum_is_the_mains_and_its_harmonics(mains):
    clean = tone(440, 16_000, 4.0, level_db=-50)
    residual = noisy("audio.mains_hum", clean, snr_db=0.0, mains=mains).samples - clean.samples
    level = np.abs(np.fft.rfft(residual[0] * np.hanning(residual.shape[1]))) ** 2
    hertz = np.fft.rfftfreq(residual.shape[1], 1 / 16_000)
    base = float(mains)
    near = np.abs(hertz / base - np.rint(hertz / base)) * base < 1
    assert level[near & (hertz > base / 2) & (hertz < 20.5 * base)].sum() / level.sum() > 0.9999
    at = [level[np.abs(hertz - k * base) < 1].sum() for k in (1, 2, 3)]
    assert db(at[0] / at[2]) == pytest.approx(20 * np.log10(3), abs=0.2)
    assert db(at[0] / at[1]) == pytest.approx(20 * np.log10(2) + 10, abs=0.2)


@pytest.mark.parametrize("name", [n for n in NOISES if n != "audio.wind"])
def test_one_draw_for_all_severities(name):
    clean = tone(440, seconds=1.0, level_db=-40)
    quiet, loud = (noisy(name, clean, snr_db=s).samples - clean.samples for s in (20.0, 5.0))
    assert np.corrcoef(quiet[0], loud[0])[0, 1] > 0.999


def test_channels_hear_one_place_but_have_their_own_electronics():
    clean = tone(440, channels=2, level_db=-40)
    traffic = noisy("audio.traffic_noise", clean, snr_db=5.0).samples - clean.samples
    hiss = noisy("audio.white_noise", clean, snr_db=5.0).samples - clean.samples
    assert np.corrcoef(traffic)[0, 1] > 0.999
    assert abs(np.corrcoef(hiss)[0, 1]) < 0.05


@pytest.mark.parametrize("name", NOISES)
def test_silence_stays_silent(name):
    assert not noisy(name, Audio(np.zeros((2, 8000), np.float32), 16_000), snr_db=0.0).samples.any()


def test_fast_normals_are_normal():
    from scipy.stats import kstest

    from perturbations import Key, generator
    from perturbations.audio._signal import normals

    draws = normals(generator(Key(0, "test")), 2, 200_000)
    assert kstest(draws[0], "norm").pvalue > 1e-3
    assert abs(np.corrcoef(draws)[0, 1]) < 0.01
    assert abs(np.corrcoef(draws[0, 1:], draws[0, :-1])[0, 1]) < 0.01
    assert np.array_equal(normals(generator(Key(0, "test")), 1, 100)[0], draws[0, :100])


class TestRecordings:
    @pytest.fixture
    def folder(self, tmp_path):
        import soundfile

        stereo = np.stack([tone(1000, 44_100, 3.0).samples[0], np.zeros(3 * 44_100, np.float32)], axis=1)
        soundfile.write(tmp_path / "stereo.wav", stereo, 44_100)
        return tmp_path

    def test_noise_is_played_at_the_right_rate_and_in_all_channels(self, folder):
        clean = noise(16_000, 2.0, level_db=-60, channels=3)
        after = apply("audio.recorded_noise", clean, folder=str(folder), snr_db=-30.0)
        residual = after.samples - clean.samples
        hertz, density = spectrum(residual, 16_000)
        assert hertz[density.argmax()] == pytest.approx(1000, abs=3)
        assert np.allclose(residual[0], residual[2], atol=1e-6)

    def test_a_short_recording_is_repeated(self, folder):
        clean = noise(8000, 10.0, level_db=-60)
        residual = apply("audio.recorded_noise", clean, folder=str(folder), snr_db=-20.0).samples - clean.samples
        parts = residual[0].reshape(20, -1)
        assert power(parts.min(axis=0)) > 0
        assert min(power(part) for part in parts) > 0.5 * power(residual)

    @pytest.mark.parametrize("seconds", [0.1, 1.0, 3.0, 20.0])
    def test_of_a_recording_that_is_mostly_silent_the_sound_is_played(self, tmp_path, seconds):
        import soundfile

        samples = np.zeros(11 * 16_000, np.float32)
        samples[-16_000:] = noise(16_000, 1.0).samples[0]
        soundfile.write(tmp_path / "late.wav", samples, 16_000)
        clean = tone(440, 8000, seconds, level_db=-40)
        sounding = []
        for number in range(30):
            after = apply("audio.recorded_noise", clean, folder=str(tmp_path), snr_db=10.0, sample=str(number))
            added = after.samples.astype(float) - clean.samples
            assert db(power(clean.samples) / power(added)) == pytest.approx(10, abs=0.1)
            steps = np.square(added[0, : added.shape[1] // 160 * 160]).reshape(-1, 160).mean(axis=1)
            sounding.append((steps > 1e-4 * steps.max()).mean())
        assert min(sounding) >= min(0.4, 0.9 / seconds if seconds < 11 else 0.05)
        if seconds < 11:
            assert len({round(share, 2) for share in sounding}) > 1 or seconds != 1.0, "places are drawn"

    def test_places_in_a_recording_without_silence_are_drawn_evenly(self):
        from perturbations.audio._recordings import sounding_start

        draws = np.linspace(0, 1, 101, endpoint=False)
        sounds = np.ones(500, np.float32)
        starts = np.array([sounding_start(sounds, 16_000, 160_000, 16_000, draw) for draw in draws])
        assert np.array_equal(starts, (draws * 144_001).astype(int))
        silent = sounds.copy()
        silent[100:200] = 0
        starts = np.array([sounding_start(silent, 16_000, 160_000, 3200, draw) for draw in draws])
        assert starts.min() == 0
        assert starts.max() > 155_000
        assert not ((starts > 100 * 320) & (starts + 3200 < 200 * 320)).any()

    def test_a_recording_of_silence_is_one_clear_error(self, tmp_path, folder):
        import soundfile

        soundfile.write(folder / "nothing.wav", np.zeros(16_000), 16_000)
        with pytest.raises(InputError, match=r"nothing.wav must hold sound, got silence from start to end"):
            apply("audio.recorded_noise", tone(440), folder=str(folder), snr_db=10.0)

    @pytest.mark.parametrize("content", [None, b"not a recording"])
    def test_an_unusable_folder_is_one_clear_error(self, tmp_path, content):
        if content is not None:
            (tmp_path / "broken.wav").write_bytes(content)
        with pytest.raises(
            InputError, match=r"audio.recorded_noise: folder cannot be used: recordings: .*broken|got none"
        ):
            apply("audio.recorded_noise", tone(440), folder=str(tmp_path), snr_db=10.0)

    def test_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(InputError, match="does not exist"):
            apply("audio.recorded_noise", tone(440), folder=str(tmp_path / "no"), snr_db=10.0)

    def test_a_folder_must_be_given(self):
        with pytest.raises(InputError, match="folder must be given"):
            apply("audio.recorded_noise", tone(440), snr_db=10.0)


class TestCrosstalk:
    def test_the_other_voice_is_resampled_and_never_the_same_sample(self):
        _, data = witness_sample("audio", tone(1000, 44_100))
        clean = noise(16_000, 2.0, level_db=-60, channels=2)
        sample = Sample(data.ids[3], {"x": clean})
        after = apply("audio.crosstalk", sample, stream="x", data=data, snr_db=-30.0).streams["x"]
        hertz, density = spectrum(after.samples - clean.samples, 16_000)
        assert hertz[density.argmax()] == pytest.approx(1000, abs=3)

    def test_it_depends_on_the_data_set_not_on_a_batch(self):
        sample, data = witness_sample("audio")
        one = apply("audio.crosstalk", sample, 3, stream="x", data=data)
        other = apply("audio.crosstalk", sample, 3, stream="x", data=data)
        assert np.array_equal(one.streams["x"].samples, other.streams["x"].samples)

    def test_of_the_other_voice_its_pauses_are_passed_over(self):
        spoken = np.zeros((1, 160_000), np.float32)
        spoken[:, 150_000:] = noise(16_000, 1.0).samples[:, :10_000]
        _, data = witness_sample("audio", Audio(spoken, 16_000))
        for number in range(12):
            sample = Sample(f"new {number}", {"x": tone(440, seconds=0.5)})
            after = apply("audio.crosstalk", sample, stream="x", data=data, snr_db=10.0).streams["x"]
            assert db(power(sample.streams["x"].samples) / power(after.samples - sample.streams["x"].samples)) < 10.2

    def test_needs_data(self):
        with pytest.raises(InputError, match="data must be given"):
            apply("audio.crosstalk", tone(440), 3)
