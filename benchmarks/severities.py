"""What levels of equal cost are worth on a model that they were not fitted to: ``python -m benchmarks severities``.

Runs a suite over the demo's three fusions (``--limit`` samples of the test split), fits levels to two of them in turn,
runs the suite that is written over the third, and prints how far apart the scenarios of a modality are at one severity
before and after: highest minus lowest loss, and standard deviation at equal mean loss. Beside it the same for levels of
equal distortion.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

SUITE = {
    "suite": "unequal@1",
    "scenarios": {
        "gaussian-noise": {"image": "gaussian_noise"},
        "shot-noise": {"image": "shot_noise"},
        "low-light": {"image": "low_light"},
        "fog": {"image": "fog"},
        "contrast": {"image": "contrast"},
        "motion-blur": {"image": "motion_blur"},
        "occlusion": {"image": "occlusion"},
        "white-noise": {"audio": "white_noise"},
        "babble": {"audio": "babble"},
        "reverb": {"audio": "reverb"},
        "packet-loss": {"audio": "packet_loss"},
        "clipping": {"audio": "clipping"},
        "typos": {"text": {"name": "keyboard_typos", "levels": {"share": [0.1, 0.2, 0.3, 0.4, 0.5]}}},
        "dropped-words": {"text": "dropped_words"},
        "misread": {"text": "ocr_confusions"},
    },
}
FUSIONS = ("early", "intermediate", "late")


def run_of(fusion, suite, out, limit):
    """Run a suite with one of the demo's fusions."""
    import stress
    from stress.models.demo import load

    return stress.run(load(fusion), "demo", suite, out, limit=limit, preflight=False, workers=1, signals="none")


def spreads(run):
    """Return (modality, severity) → scenarios, mean loss, highest minus lowest, standard deviation."""
    rows = run.table("severities").to_pylist()
    return {(r["modality"], int(r["severity"])): (r["scenarios"], r["mean"], r["value"], r["deviation"]) for r in rows}


def matched(before, kind, mean):
    """Return the standard deviation at the severity of the suite's own tables that costs as much on the whole."""
    points = sorted((each[1], each[3]) for (modality, _), each in before.items() if modality == kind)
    return float(np.interp(mean, [0.0, *(p[0] for p in points)], [0.0, *(p[1] for p in points)]))


def lines(left, before, after, how):
    """Yield a row for each modality and level."""
    for (kind, level), (count, mean, spread, deviation) in sorted(after.items()):
        plain = before.get((kind, level))
        own = matched(before, kind, mean)
        cut = f"{1 - deviation / own:.0%}" if own > 0 else "–"
        fall = f"{1 - spread / plain[2]:.0%}" if plain and plain[2] > 0 else "–"
        was = f"{100 * plain[2]:.1f}" if plain else "–"
        yield (
            f"| {left} | {how} | {kind} {level} | {count} | {100 * mean:.1f} | {was} → {100 * spread:.1f} ({fall}) "
            f"| {100 * own:.1f} → {100 * deviation:.1f} ({cut}) |"
        )


def main(arguments):
    """Print the table."""
    from stress.calibrate import calibrate, suite_of

    parser = argparse.ArgumentParser(prog="python -m benchmarks severities")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--limit", type=int, default=None)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        runs = {fusion: run_of(fusion, SUITE, folder / fusion, given.limit) for fusion in FUSIONS}
        print("| judged on | equal | level | scenarios | mean loss | apart, points | deviation at equal mean loss |")
        print("|---|---|---|---|---|---|---|")
        for left in FUSIONS:
            panel = [run for fusion, run in runs.items() if fusion != left]
            for how, found in (("loss", calibrate(panel)), ("distortion", calibrate(panel[0], by="distortion"))):
                again = run_of(left, suite_of(found), folder / f"{left}-{how}", given.limit)
                print("\n".join(lines(left, spreads(runs[left]), spreads(again), how)), flush=True)
