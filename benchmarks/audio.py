"""Audio beside audiomentations and torchaudio: milliseconds a clip at 16 kHz, on one core, for equal work.

``python -m benchmarks audio [--repeats N] [--all]``. Both are called as a run calls them: parameters are resolved, and
the clip is checked, once; a line tells what ``perturbations.apply`` adds, which does both every time. Equal work: a
reverb takes one measured response, resampling goes down to 8 kHz and back, filters have 24 dB an octave at 1 kHz, and
a gain is followed by the clipping at full scale that is part of ours. ``--all`` times every built-in on 10 s, with
those above 30 ms named.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import perturbations
from benchmarks._timing import geometric_mean, medians
from perturbations import Audio, Key, Sample, Stream, apply
from perturbations._core import run_step
from perturbations.audio._signal import resample
from perturbations.modality.audio import MODALITY
from stress.testing import witness_sample

RATE = 16_000
CODECS = ("a_law", "adpcm", "gsm", "mp3", "mu_law", "opus", "vorbis")
LIMIT_MS = 30.0
Call = Callable[[int], object]


def clip(seconds: int) -> Audio:
    """Return something like speech of that length, with a little noise so that no two seconds are equal."""
    second = MODALITY.witness()
    hiss = np.random.default_rng(0).standard_normal((1, seconds * RATE)).astype(np.float32)
    return Audio(np.clip(np.tile(second.samples, seconds) + 0.001 * hiss, -1, 1), RATE)


def wide(seconds: int, rate: int) -> Audio:
    """Return the same at a higher rate, with hiss in the band that is new."""
    full = resample(clip(seconds).samples, Fraction(rate, RATE))
    full += 0.003 * np.random.default_rng(1).standard_normal(full.shape).astype(np.float32)
    return Audio(full.clip(-1, 1), rate)


def room(folder: Path) -> Path:
    """Write an impulse response of half a second, as a WAV file."""
    import soundfile

    draws = np.random.default_rng(1).standard_normal(RATE // 2) * np.exp(-13.8 * np.arange(RATE // 2) / RATE)
    draws[0] = 4
    soundfile.write(folder / "room.wav", 0.2 * draws / np.abs(draws).max(), RATE, subtype="FLOAT")
    return folder / "room.wav"


def ours(name: str, audio: Audio, **params: object) -> Call:
    """Return a call of this project as the engine makes it, with a draw of its own each time."""
    p = perturbations.get(f"audio.{name}")
    settings = p.settings(None, None, params)
    stream = Stream(Sample("0", {"audio": audio}), "audio")
    return lambda number: run_step(p, stream, settings, Key(number, p.name, p.version, "", "audio", 0, "0"))


def pairs(audio: Audio, response: Path) -> dict[str, tuple[Call, Call]]:
    """Return this project's call and audiomentations' for every line of the table."""
    import audiomentations as peer

    samples = audio.samples[0]

    def theirs(transform: object) -> Call:
        return lambda _: transform(samples=samples, sample_rate=RATE)  # type: ignore[operator]

    def fixed(kind: str, p: float = 1.0, **ranges: float) -> Call:
        both = {f"{end}_{name}": value for name, value in ranges.items() for end in ("min", "max")}
        return theirs(getattr(peer, kind)(p=p, **both))

    def round_trip(_: int) -> object:
        low = peer_down(samples=samples, sample_rate=RATE)
        return peer_up(samples=low, sample_rate=RATE // 2)

    def gain(_: int) -> object:
        return full_scale(samples=louder(samples=samples, sample_rate=RATE), sample_rate=RATE)

    louder, full_scale = peer.Gain(min_gain_db=6.0, max_gain_db=6.0, p=1.0), peer.Clip(p=1.0)
    peer_down = peer.Resample(min_sample_rate=RATE // 2, max_sample_rate=RATE // 2, p=1.0)
    peer_up = peer.Resample(min_sample_rate=RATE, max_sample_rate=RATE, p=1.0)
    reverb = peer.ApplyImpulseResponse(ir_path=str(response), p=1.0)
    return {
        "noise (white, 10 dB)": (ours("white_noise", audio, snr_db=10.0), fixed("AddGaussianSNR", snr_db=10.0)),
        "reverb (a response)": (ours("impulse_response", audio, wet=1.0, response=str(response)), theirs(reverb)),
        "low-pass": (ours("low_pass", audio, cutoff_hz=1e3), fixed("LowPassFilter", cutoff_freq=1e3, rolloff=24)),
        "high-pass": (ours("high_pass", audio, cutoff_hz=1e3), fixed("HighPassFilter", cutoff_freq=1e3, rolloff=24)),
        "clipping": (ours("clipping", audio, threshold_db=3.0), fixed("ClippingDistortion", percentile_threshold=10)),
        "resampling": (ours("resampling", audio, rate_hz=8e3), round_trip),
        "stretch (×1.2)": (ours("tempo_up", audio, factor=1.2), fixed("TimeStretch", rate=1.2)),
        "pitch (+3)": (ours("pitch_up", audio, semitones=3.0), fixed("PitchShift", semitones=3.0)),
        "gain (+6 dB)": (ours("gain_up", audio, gain_db=6.0), gain),
    }


def compare(seconds: int, response: Path, repeats: int) -> None:
    audio = clip(seconds)
    copy = 1000 * medians({"copy": lambda _: audio.samples.copy()}, repeats)["copy"]
    print(f"\n{seconds} s at 16 kHz (a copy takes {copy:.3f} ms)   ours ms   audiomentations ms   ratio")
    ratios = {}
    for name, (one, other) in pairs(audio, response).items():
        taken = medians({"ours": one, "theirs": other}, repeats)
        ratios[name] = taken["theirs"] / taken["ours"]
        print(f"{name:40s} {1000 * taken['ours']:9.3f} {1000 * taken['theirs']:20.3f} {ratios[name]:7.2f}")
    checked = medians({"apply": lambda _: apply("audio.gain_up", audio, gain_db=6.0)}, repeats)["apply"]
    print(f"{'gain through apply, checks included':40s} {1000 * checked:9.3f}")
    mean, slowest = geometric_mean(list(ratios.values())), min(ratios, key=ratios.__getitem__)
    print(f"geometric mean {mean:.2f} (required 3); least: {slowest} {ratios[slowest]:.2f} (required 0.67)")


def beside_torchaudio(repeats: int) -> None:
    """Print torchaudio's times for the same filters and resampling, where it can be imported."""
    try:
        import torch
        from torchaudio import functional
    except (ImportError, OSError, RuntimeError) as error:
        print(f"\ntorchaudio cannot be imported: {error}")
        return
    torch.set_num_threads(1)
    audio = clip(10)
    tensor = torch.from_numpy(audio.samples)
    rows = {
        "low-pass (12 dB an octave)": (
            ours("low_pass", audio, cutoff_hz=1000.0, order=2),
            lambda _: functional.lowpass_biquad(tensor, RATE, 1000.0),
        ),
        "speed ×1.25": (ours("speed_up", audio, factor=1.25), lambda _: functional.resample(tensor, 5, 4)),
        "phaser": (ours("phaser", audio, decay=0.7), lambda _: functional.phaser(tensor, RATE)),
    }
    print("\n10 s                                         ours ms        torchaudio ms   ratio")
    for name, (one, other) in rows.items():
        taken = medians({"ours": one, "theirs": other}, min(repeats, 5))
        ratio = taken["theirs"] / taken["ours"]
        print(f"{name:40s} {1000 * taken['ours']:9.3f} {1000 * taken['theirs']:20.3f} {ratio:7.2f}")


def codecs(repeats: int) -> None:
    """Print the codecs' times at both ends of their scales, fast-mp3-augment's, a minute's, and what the list says."""
    at = {rate: clip(10) if rate == RATE else wide(10, rate) for rate in (RATE, 44_100)}
    print("\ncodecs: ms a second of sound          16 kHz: first level   last   44.1 kHz: first level   last")
    for name in CODECS:
        p = perturbations.get(f"audio.{name}")
        ends = (1, p.top()) if p.graded else (None,)
        calls = {(rate, s): lambda _, a=audio, s=s, p=p: apply(p, a, s) for rate, audio in at.items() for s in ends}
        taken = [100 * seconds for seconds in medians(calls, min(repeats, 3)).values()]
        print(f"{name:40s} {'   '.join(f'{ms:9.2f}' for ms in taken)}\n    said: {p.cost}")
    try:
        import fast_mp3_augment  # noqa: F401
    except ImportError:
        print("fast-mp3-augment is not installed")
    else:
        calls = {rate: ours("mp3", audio, kbps=64, encoder="fast-mp3-augment") for rate, audio in at.items()}
        print(
            "mp3 by fast-mp3-augment, 64 kbit/s:", *(f"{100 * s:.2f}" for s in medians(calls, min(repeats, 3)).values())
        )
    minute = wide(60, 44_100)
    for name in CODECS:
        start = time.perf_counter()
        apply(f"audio.{name}", minute, 3 if perturbations.get(f"audio.{name}").graded else None)
        print(f"a minute at 44.1 kHz through {name:10s} {time.perf_counter() - start:6.2f} s")


def every(repeats: int) -> None:
    """Print every built-in's time for 10 s at its highest severity, and which are above the limit."""
    sample, data = witness_sample("audio", clip(10))
    calls: dict[str, Call] = {}
    for name in perturbations.names("audio"):
        p = perturbations.get(name)
        top = p.top() if p.graded else None

        def call(number: int, p: perturbations.Perturbation = p, top: int | None = top) -> Sample:
            return apply(p, sample, top, stream="x", data=data, seed=number, **p.examples)

        calls[name] = call
    taken = {name: 1000 * seconds for name, seconds in medians(calls, min(repeats, 5)).items()}
    print("\nevery built-in: ms for 10 s at its highest severity")
    for name in sorted(taken, key=taken.__getitem__):
        print(f"{name:40s} {taken[name]:9.3f}")
    late = [n for n, ms in taken.items() if ms > LIMIT_MS and n.partition(".")[2] not in CODECS]
    print(f"above {LIMIT_MS:g} ms, codecs left aside: {', '.join(late) or 'none'}")


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks audio")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--all", action="store_true", help="time every built-in too")
    arguments = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import cv2

    cv2.setNumThreads(1)
    with TemporaryDirectory() as folder:
        response = room(Path(folder))
        for seconds in (1, 10):
            compare(seconds, response, arguments.repeats)
    beside_torchaudio(arguments.repeats)
    codecs(arguments.repeats)
    if arguments.all:
        every(arguments.repeats)
