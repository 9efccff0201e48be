"""torchaudio's and audiomentations' transforms in a suite: seeded, threads apart, wrong names told at once."""

import builtins
import random
import threading

import numpy as np
import pytest

import perturbations
import scenarios
import stress
from perturbations import Audio, InputError, SpecError, apply
from tests.audio_signals import noise, pitch_of, tone
from tests.worlds import model, samples

torch = pytest.importorskip("torch")
pytest.importorskip("torchaudio", exc_type=Exception)
pytest.importorskip("audiomentations")

RANDOM = [
    ("audiomentations:AddGaussianSNR", {"min_snr_db": 5.0, "max_snr_db": 30.0}),
    ("audiomentations:TimeMask", {"min_band_part": 0.1, "max_band_part": 0.4}),
    ("audiomentations:PitchShift", {}),
    ("torchaudio:AddNoise", {"snr": 10.0}),
    ("torchaudio:SpeedPerturbation", {"factors": [0.8, 0.9, 1.1, 1.2]}),
    ("torchaudio:TimeMasking", {"time_mask_param": 60}),
]
FIXED = [
    ("torchaudio:Vol", {"gain": 0.5}),
    ("torchaudio:overdrive", {"gain": 20.0}),
    ("torchaudio:lowpass_biquad", {"cutoff_freq": 1000.0}),
    ("audiomentations:TanhDistortion", {"min_distortion": 0.5, "max_distortion": 0.5}),
]
SUITE = """
suite: wrapped@1
scenarios:
  tanh: {audio: "audiomentations:TanhDistortion"}
  noisy: {audio: {name: "audiomentations:AddGaussianSNR", min_snr_db: 5.0, max_snr_db: 30.0}}
  tuned: {audio: {name: "torchaudio:AddNoise", levels: {snr: [20, 10, 0]}}}
  faster: {audio: {name: "torchaudio:SpeedPerturbation", factors: [0.8, 1.2]}}
"""


@pytest.mark.parametrize(("name", "params"), RANDOM)
def test_a_sample_names_its_draw(name, params):
    clips = {s: apply(name, noise(seconds=1.0), sample=s, **params).samples for s in "abcdef"}
    for s, first in clips.items():
        assert np.array_equal(first, apply(name, noise(seconds=1.0), sample=s, **params).samples)
    assert len({clip.tobytes() for clip in clips.values()}) > 1


@pytest.mark.parametrize(("name", "params"), RANDOM + FIXED)
def test_values_and_generators_are_left_alone(name, params):
    clean = noise(seconds=1.0, channels=2)
    kept = clean.samples.copy()
    clean.samples.flags.writeable = False
    states = (random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state())
    after = apply(name, clean, **params)
    assert states[:2] == (random.getstate(), np.random.get_state()[1].tobytes())
    assert torch.equal(states[2], torch.get_rng_state())
    assert np.array_equal(clean.samples, kept)
    assert after.rate == clean.rate
    assert after.channels == 2
    assert np.abs(after.samples).max() <= 1
    assert not np.shares_memory(after.samples, clean.samples)


def test_threads_do_not_disturb_each_other():
    name, params = RANDOM[0]
    expected = [apply(name, noise(seconds=1.0), sample=str(i), **params).samples for i in range(24)]
    found = {}

    def work(part):
        for i in range(part, 24, 4):
            found[i] = apply(name, noise(seconds=1.0), sample=str(i), **params).samples

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[i], expected[i]) for i in range(24))


def test_equal_records_for_one_and_four_workers(tmp_path):
    suite = scenarios.loads(SUITE)
    runs = [
        stress.run(model(), samples(), suite, tmp_path / str(workers), workers=workers, batch_size=8)
        for workers in (1, 4)
    ]
    one, other = (run.records().drop_columns(["seconds"]) for run in runs)
    for column in one.schema.names:
        assert one[column].to_pylist() == other[column].to_pylist(), column
    assert set(one["status"].to_pylist()) <= {"ok", "unchanged"}


def test_the_clip_keeps_its_rate_and_the_sound_its_pitch():
    clean = tone(440, 16_000)
    for name, params in (
        ("torchaudio:Resample", {"new_freq": 8000}),
        ("audiomentations:Resample", {"min_sample_rate": 8000, "max_sample_rate": 8000}),
    ):
        after = apply(name, clean, **params)
        assert after.rate == 16_000
        assert abs(after.frames - clean.frames) <= 2
        assert pitch_of(after.samples, 16_000) == pytest.approx(440, rel=1e-3)


def test_the_rate_is_filled_in():
    import torchaudio

    clean = noise(22_050, 1.0)
    expected = torchaudio.functional.lowpass_biquad(torch.from_numpy(clean.samples), 22_050, 900.0).numpy()
    assert np.array_equal(apply("torchaudio:lowpass_biquad", clean, cutoff_freq=900.0).samples, expected)


def test_own_levels():
    p = perturbations.get("torchaudio:Vol").with_levels({"gain": [0.5, 0.25]})
    clean = tone(440)
    assert np.allclose(apply(p, clean, 2).samples, clean.samples / 4)
    assert p.top() == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchaudio:Vool", "is not a waveform transform of torchaudio. Did you mean Vol?"),
        ("audiomentations:PitchShft", "Did you mean PitchShift"),
        ("torchaudi:Vol", "no adapter for 'torchaudi'. Did you mean torchaudio?"),
    ],
)
def test_unknown_transforms(name, message):
    with pytest.raises(InputError) as error:
        perturbations.get(name)
    assert message in str(error.value)


def test_unknown_arguments_are_told_before_any_work():
    with pytest.raises(InputError, match=r"torchaudio:Vol: unknown parameter 'gian'. Did you mean gain\?"):
        perturbations.get("torchaudio:Vol").settings(None, None, {"gian": 2.0})
    with pytest.raises(InputError, match="Did you mean min_gain_db"):
        perturbations.get("audiomentations:Gain").settings(None, None, {"min_gain_bd": 2.0})
    with pytest.raises(SpecError, match="Did you mean gain"):
        perturbations.get("torchaudio:Vol").with_levels({"gian": [1.0]})


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("torchaudio:Vol", {}),
        ("torchaudio:lowpass_biquad", {}),
        ("audiomentations:AddBackgroundNoise", {"sounds_path": "/does/not/exist"}),
        ("audiomentations:Gain", {"min_gain_db": "loud"}),
    ],
)
def test_wrong_arguments_are_one_clear_error(name, params):
    with pytest.raises(InputError, match=rf"^{name}: (cannot be built|failed)"):
        apply(name, tone(440), **params)


@pytest.mark.parametrize("kind", [ImportError, OSError, RuntimeError])
def test_an_unfit_torchaudio_is_one_clear_error(monkeypatch, kind):
    from perturbations.adapters import torchaudio as adapter

    real = builtins.__import__

    def broken(name, *rest, **keywords):
        if name.partition(".")[0] == "torchaudio":
            raise kind("libc10_cuda.so: cannot open shared object file")
        return real(name, *rest, **keywords)

    adapter._package.cache_clear()
    adapter.adapt.cache_clear()
    monkeypatch.setattr(builtins, "__import__", broken)
    try:
        with pytest.raises(InputError, match="torchaudio: cannot be imported: libc10_cuda"):
            perturbations.get("torchaudio:Vol")
    finally:
        adapter._package.cache_clear()


@pytest.mark.parametrize(("name", "params"), RANDOM + FIXED)
def test_no_frames(name, params):
    assert apply(name, Audio(np.zeros((2, 0), np.float32), 16_000), **params).frames == 0
