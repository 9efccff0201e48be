"""ImageNet-C's 19 corruptions beside the peers: one core, a new key for every call, medians, and two yardsticks.

    python -m benchmarks images [--sizes 224x224 1024x768] [--severities 1 3 5] [--repeats N] [--peers NAME …] [--all]

Sizes are width × height. ``--all`` times every other image perturbation too, without peers.
"""

from __future__ import annotations

import argparse
import platform
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib import util

import cv2
import numpy as np

from benchmarks._image_peers import PEERS
from benchmarks._timing import geometric_mean, medians
from perturbations import Key, Sample, Stream, get, names
from perturbations._core import run_step

CORRUPTIONS = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "speckle_noise",
    "gaussian_blur",
    "glass_blur",
    "defocus_blur",
    "motion_blur",
    "zoom_blur",
    "fog",
    "frost",
    "snow",
    "spatter",
    "contrast",
    "brightness",
    "saturate",
    "jpeg_compression",
    "pixelate",
    "elastic_transform",
)
SAME_WORK = {"gaussian_blur": 1.2, "zoom_blur": 1.2, "contrast": 1.2, "pixelate": 1.2}
"""How many times albumentations' time may be taken where its transform is the same work.

Its brightness adds one number to all channels and its saturation mixes with grey: both are other definitions than V and
S of HSV, and take less.
"""


def photo(size: str) -> np.ndarray:
    """Return a real photo where scikit-image is installed, and the drawn witness elsewhere."""
    width, height = (int(part) for part in size.split("x"))
    if util.find_spec("skimage"):
        from skimage import data

        whole = data.astronaut()
    else:
        from perturbations.modality import modality

        whole = modality("image").witness()
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)


def ours(name: str, severity: int, image: np.ndarray) -> Callable[[int], object]:
    """Return a call of a perturbation as a run makes it: settings worked out once, a new key for each sample."""
    perturbation = get(f"image.{name}")
    settings = perturbation.settings(severity if perturbation.graded else None)
    stream, version, profile = (
        Stream(Sample("0", {"image": image}), "image"),
        perturbation.version,
        perturbation.profile(),
    )

    def call(number: int) -> object:
        return run_step(perturbation, stream, settings, Key(0, name, version, profile, "image", 0, str(number), 0))

    return call


def peer_calls(peers: Sequence[str], name: str, severity: int, image: np.ndarray) -> dict[str, Callable[[int], object]]:
    calls = {}
    for peer in peers:
        call = PEERS[peer](name, severity)
        if call is not None:
            calls[peer] = partial(call, image)
    return calls


def yardsticks(image: np.ndarray, repeats: int) -> None:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    taken = medians(
        {"decode": lambda n: cv2.imdecode(data, cv2.IMREAD_COLOR), "copy": lambda n: image.copy()}, repeats=repeats
    )
    print(f"yardsticks: decoding its JPEG {1e3 * taken['decode']:.3f} ms, copying it {1e3 * taken['copy']:.3f} ms")


def compare(image: np.ndarray, severities: Sequence[int], peers: Sequence[str], repeats: int) -> None:
    """Print milliseconds for each corruption and severity, ours and theirs, and the geometric mean of the ratios."""
    heads = "".join(f"{peer:>18}{'×':>7}" for peer in peers)
    print(f"{'corruption':20}{'severity':>9}{'ours ms':>9}{heads}")
    ratios: dict[str, list[float]] = {}
    totals = dict.fromkeys(severities, 0.0)
    beside: dict[str, float] = {}
    slowest = ("", 0.0)
    for name in CORRUPTIONS:
        for severity in severities:
            calls = {"ours": ours(name, severity, image), **peer_calls(peers, name, severity, image)}
            taken = medians(calls, repeats=repeats)
            mine = taken["ours"]
            totals[severity] += mine
            slowest = max(slowest, (f"{name} at {severity}", mine), key=lambda row: row[1])
            cells = ""
            for peer in peers:
                if peer not in taken:
                    cells += f"{'–':>18}{'':7}"
                    continue
                ratio = taken[peer] / mine
                apart = peer == "imagecorruptions" and name == "glass_blur"
                ratios.setdefault(f"{peer}'s glass blur (compiled loop)" if apart else peer, []).append(ratio)
                cells += f"{1e3 * taken[peer]:18.2f}{ratio:7.1f}"
            print(f"{name:20}{severity:9}{1e3 * mine:9.3f}{cells}", flush=True)
        if name in SAME_WORK and "albumentations" in peers:
            beside[name] = 1 / geometric_mean(ratios["albumentations"][-len(severities) :])
    sums = ", ".join(f"{1e3 * total:.1f} ms at severity {severity}" for severity, total in totals.items())
    print(f"all 19: {sums}; slowest: {slowest[0]}, {1e3 * slowest[1]:.2f} ms")
    for name, most in SAME_WORK.items() if "albumentations" in peers else ():
        print(f"{name}: {beside[name]:.2f} of albumentations' time in the geometric mean (at most {most} wanted)")
    for peer, found in ratios.items():
        print(f"geometric mean over {len(found)} cells: {geometric_mean(found):.1f} × faster than {peer}")


def alone(image: np.ndarray, repeats: int) -> None:
    """Print the time of every image perturbation that is not among the 19, at its middle severity."""
    for name in names("image"):
        short = name.partition(".")[2]
        if short not in CORRUPTIONS:
            call = ours(short, min(3, get(name).top()), image)
            print(f"{short:28}{1e3 * medians({'ours': call}, repeats=repeats)['ours']:9.3f} ms", flush=True)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks images", description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=["224x224", "1024x768"])
    parser.add_argument("--severities", nargs="+", type=int, default=[1, 3, 5])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--all", action="store_true", help="also time the other image perturbations")
    options = parser.parse_args(argv)
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    peers = [peer for peer in options.peers if util.find_spec(peer)]
    missing = [peer for peer in options.peers if peer not in peers]
    print(f"{platform.machine()}, Python {platform.python_version()}, OpenCV {cv2.__version__}, one core")
    print(f"not installed: {', '.join(missing)}" if missing else "all peers are installed")
    for size in options.sizes:
        image = photo(size)
        print(f"\n{size} pixels")
        yardsticks(image, options.repeats)
        compare(image, options.severities, peers, options.repeats)
        if options.all:
            alone(image, options.repeats)
