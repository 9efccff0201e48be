"""How far the demo's findings are one training's: ``python -m benchmarks demo [FOLDER] [--seeds N …] [--split NAME]``.

Takes the weights in FOLDER/SEED (trains them there where they are missing), runs the demo's suite with the demo's
default fusion over a split, and prints every scenario with its interval, whole voices drawn, and the findings. They
have their independent look on 22 voices that are in no split (`--split fresh`: spoken when asked for, by the program
`espeak-ng`).
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.readme import dropped, points, share, widened

# Voices of eSpeak NG that are in no split of the demo, and no relatives of those that it learned from.
FRESH = (
    "Mr", "RicishayMax2", "RicishayMax3", "UniRobot", "zac", "anikaRobot", "fast", "f1", "f2", "shelby", "steph",
    "steph2", "steph3", "whisper", "whisperf", "robosoft2", "robosoft3", "robosoft4", "robosoft5", "robosoft6",
    "robosoft7", "robosoft8",
)  # fmt: skip


def run_of(folder, seed, split):
    """Run the demo's suite with the weights of a seed, or what is missing of it."""
    import stress
    from stress.data import from_samples
    from stress.models.demo import DEFAULT, load

    data = "demo" if split == "test" else from_samples(samples_of(split), cluster="voice")
    out, weights = folder / f"run{seed}-{split}", folder / str(seed) / f"{DEFAULT}.npz"
    if not weights.exists():
        from stress.models.demo import train

        weights.parent.mkdir(parents=True, exist_ok=True)
        train.main(seed, weights.parent)
    return stress.run(load(DEFAULT, weights), data, "demo", out, preflight=False, workers=1)


def samples_of(split):
    """Return the samples of a split; those of "fresh" are spoken now, by voices that the demo's data do not have."""
    import numpy as np

    from stress.data import demo
    from stress.data.demo import bundle, make_speech

    if split != "fresh":
        return demo.load(split)
    rng = np.random.default_rng(make_speech.SEED + 1)
    digits = np.tile(np.arange(10, dtype=np.uint8), (len(FRESH) * make_speech.LANGUAGES_PER_VOICE, 1))
    spoken = make_speech.speak_split(FRESH, rng.permuted(digits, axis=1).ravel(), rng)
    pictures = bundle.images_of("validation", "test")
    return demo.assemble(bundle.join(pictures, spoken), split, rng, loud_rooms=True)


def table(runs):
    """Return the lines of a table: accuracy at the worst severity and how far it is below clean, a column a seed."""
    cells = {seed: accuracies(run) for seed, run in runs.items()}
    drops = {seed: accuracies(run, "drop") for seed, run in runs.items()}
    yield "| cell | " + " | ".join(f"seed {seed}: accuracy %; drop, points" for seed in runs) + " |"
    yield "|---|" + "---|" * len(runs)
    for cell in next(iter(cells.values())):
        if cell.partition(":")[2] in {"", "3", "5"} or cell.startswith("lost"):
            said = (f"{share(cells[s][cell])}; {points(drops[s][cell])}" for s in runs)
            yield f"| {cell} | " + " | ".join(said) + " |"


def accuracies(run, what="accuracy"):
    """Return the rows of a metric by cell, fallbacks aside."""
    rows = run.table("cells").to_pylist()
    return {row["cell"]: row for row in rows if row["metric"] == what and not row["fallback"]}


def findings(runs):
    """Return what the README remembers of the demo, for each seed."""
    yield (
        "| seed | clean accuracy % | better without the sound, babble at severity 5, points "
        "| poor captures fall more, with the picture alone | women fall more, without picture and text |"
    )
    yield "|---|---|---|---|---|"
    for seed, run in runs.items():
        women = widened(run, "speaker", "female", "lost:image+text")
        yield (
            f"| {seed} | {share(accuracies(run)['clean'])} | {points(dropped(run)['babble:5'])} | "
            f"{points(widened(run))} | {points(women)} |"
        )


def main(arguments):
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks demo", description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seeds", nargs="*", default=["0", "1", "2"])
    parser.add_argument("--split", choices=["test", "validation", "fresh"], default="test")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        runs = {seed: run_of(folder, seed, options.split) for seed in options.seeds}
        print("\n".join([*findings(runs), "", *table(runs)]))
