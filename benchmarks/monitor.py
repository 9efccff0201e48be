"""How soon the monitor alarms, and how often falsely: ``python -m benchmarks monitor [--looks N] [--worlds N]``.

Worlds are made of the demo's test split: its clean inputs, and the same under 20 perturbations at severities 1 to 3,
are what is drawn from, with replacement. The reference, a stream of clean inputs, and a ramp (severity 1, 2, then 3)
come from the same draws for every detector: ours on the signals of the stream that is damaged, River's ADWIN
on each signal (an alarm where any raises one), and SciPy's Kolmogorov–Smirnov test of each window of 100 inputs against
the reference, Bonferroni-corrected for the signals, at 5 %. Then false alarms alone: standard normal values with
references of several sizes, ``--looks`` looks, 200 streams at once. Last, processor time and memory of the monitor
itself, on JSON lines with ready signals. ``--all``: a million looks, a million lines. ``--run`` takes a run instead and
says whether the score to expect holds in each of its scenarios when that one was left out. River is optional.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

PERTURBATIONS = (
    *("image.gaussian_noise", "image.shot_noise", "image.low_light", "image.fog", "image.motion_blur"),
    *("image.defocus_blur", "image.jpeg_compression", "image.contrast", "image.pixelate", "image.brightness"),
    *("audio.white_noise", "audio.pink_noise", "audio.babble", "audio.reverb", "audio.clipping", "audio.packet_loss"),
    *("text.keyboard_typos", "text.dropped_words", "text.ocr_confusions", "text.random_case"),
)
CLEAN, STEP, MOST = 400, 50, 2000
"""Clean looks before a ramp, looks at each of its first two levels, and looks at the last."""
ALPHA = 1e-6
WINDOW = 100
FRAMES, RHO = 10, 0.9
"""Frames of a sequence, and how much each is like the one before it."""


def pools(count):
    """Signals of clean inputs, by stream, and of the same under each perturbation at severities 1, 2 and 3."""
    from perturbations import apply
    from stress.data import load_data
    from stress.policy import signals_of

    data = load_data("demo")
    samples = [data[i] for i in range(min(count, len(data)))]

    def measured(name, severity):
        stream = name.partition(".")[0]
        rows = []
        for one in samples:
            value = one.streams[stream]
            if severity:
                value = apply(name, value, severity=severity, seed=0, sample=one.id)
            rows.append(list(signals_of({stream: value}, "all").values()))
        return np.array(rows)

    clean = {stream: measured(stream, 0) for stream in ("image", "audio", "text")}
    return clean, {name: [measured(name, severity) for severity in (1, 2, 3)] for name in PERTURBATIONS}


def ramp(rng, clean, levels):
    """A stream: clean inputs, then each level for a while, the last for long."""
    parts = [clean[rng.integers(0, len(clean), CLEAN)]]
    parts += [level[rng.integers(0, len(level), STEP)] for level in levels[:2]]
    return np.concatenate([*parts, levels[2][rng.integers(0, len(levels[2]), MOST)]])


def ours(reference, stream, signals, rng):
    """Looks at which an e-detector alarms."""
    from stress.statistics.edetectors import Detector, cells_of

    detector = Detector(cells_of(reference, rng.random(len(reference))), ALPHA, signals)
    ties = rng.random(len(stream))
    return [i for i, values in enumerate(stream) if len(detector.look(values, ties[i]).alarms)]


def adwin(_reference, stream, _signals, _rng):
    """Looks at which any of River's ADWIN says that its signal drifted."""
    from river.drift import ADWIN

    detectors = [ADWIN() for _ in range(stream.shape[1])]
    found = []
    for i, values in enumerate(np.nan_to_num(stream)):
        for detector, value in zip(detectors, values):
            detector.update(float(value))
        if any(detector.drift_detected for detector in detectors):
            found.append(i)
    return found


def smirnov(reference, stream, signals, _rng):
    """Ends of windows that differ from the reference in any signal."""
    from scipy.stats import ks_2samp

    found = []
    for end in range(WINDOW, len(stream) + 1, WINDOW):
        part = np.nan_to_num(stream[end - WINDOW : end])
        p = [ks_2samp(part[:, k], np.nan_to_num(reference[:, k]), method="asymp").pvalue for k in range(signals)]
        if min(p) < 0.05 / signals:
            found.append(end - 1)
    return found


def first(found):
    """Inputs from the beginning of the ramp to the first alarm in it."""
    return next((i - CLEAN + 1 for i in found if i >= CLEAN), np.inf)


def delays(clean, degraded, worlds, size):
    """Lines of the table of delays, and false alarms before the ramp."""
    ways = {"e-detector": ours, "ADWIN": adwin, "KS a window": smirnov}
    try:
        import river.drift  # noqa: F401
    except ImportError:
        del ways["ADWIN"]
    false = dict.fromkeys(ways, 0)
    yield f"| ramp to severity 3 of | {' | '.join(f'{way}: median (found)' for way in ways)} |"
    yield "|---|" + "---|" * len(ways)
    total = 0
    for name, levels in degraded.items():
        pool = clean[name.partition(".")[0]]
        cells = []
        found = {way: [] for way in ways}
        for world in range(worlds):
            rng = np.random.default_rng([len(name), ord(name[-1]), world])
            reference, stream = pool[rng.integers(0, len(pool), size)], ramp(rng, pool, levels)
            total += CLEAN
            for way, detect in ways.items():
                alarms = detect(reference, stream, stream.shape[1], rng)
                found[way].append(first(alarms))
                false[way] += sum(i < CLEAN for i in alarms)
        for each in found.values():
            sure = np.isfinite(each).mean()
            cells.append(f"{np.median(each):.0f} ({sure:.0%})" if sure > 0.5 else f"– ({sure:.0%})")
        yield f"| {name} | {' | '.join(cells)} |"
    yield f"| false alarms in {total:,} clean inputs | {' | '.join(f'{n:,}' for n in false.values())} |"


def plain(rng, shape):
    """Values of independent inputs."""
    return rng.standard_normal(shape)


def frames_of(rng, shape):
    """Values of frames (last axis), each much like the one before it: an autoregressive course, from its own law."""
    found = rng.standard_normal((*shape, FRAMES))
    for i in range(1, FRAMES):
        found[..., i] = RHO * found[..., i - 1] + np.sqrt(1 - RHO**2) * found[..., i]
    return found


def blocks_of(rng, shape):
    """Values of sequences: means of their dependent frames."""
    return frames_of(rng, shape).mean(axis=-1)


def loose(rng, shape):
    """Dependent frames taken for looks of their own, which breaks what the promise rests on."""
    *rest, last = shape
    return frames_of(rng, (*rest, -(-last // FRAMES))).reshape(*rest, -1)[..., :last]


def false_alarms(looks, sizes, streams=200):
    """Lines on false alarms by size of the reference; with fewer looks than a million, at a rate that shows some."""
    alpha = ALPHA if looks * ALPHA >= 1 else 10 / looks
    yield f"| references | false alarms promised in {looks:,} looks | seen, mean of {streams} streams (most in one) |"
    yield "|---|---|---|"
    kinds = [(f"{size:,}", size, plain, looks) for size in sizes]
    kinds.append((f"{sizes[0]:,} sequences of {FRAMES} dependent frames", sizes[0], blocks_of, looks))
    kinds.append(("the same, each frame a look (not promised)", sizes[0], loose, looks // 10))
    for name, size, law, some in kinds:
        each = alarms(law, size, alpha, some, streams)
        yield f"| {name} | {alpha * some:g} | {each.mean():g} ({each.max():.0f}) |"


def alarms(law, size, alpha, looks, streams):
    """False alarms of each of many streams, each with a reference and a bar of its own."""
    from stress.statistics.edetectors import Detector, cells_of

    rng = np.random.default_rng(size)
    cells = cells_of(law(rng, (streams, size)).T, rng.random(size))
    detector, found = Detector(cells, alpha, 1), np.zeros(streams)
    for start in range(0, looks, 1000):  # without ties cells are found for many looks at once
        values = law(rng, (streams, min(1000, looks - start)))
        at = np.array([np.searchsorted(*each) for each in zip(cells.edges, values)])
        for look in detector.look_at(at.T):
            found[look.alarms] += 1
    return found


def left_out(reference, windows=20, size=200):
    """Lines on the score to expect in each scenario, by severities that were fitted without it from the beginning."""
    from dataclasses import replace

    from stress.monitor import fit_severities

    yield "| left out | measured, by cell | expected (interval) | holds | unlike |"
    yield "|---|---|---|---|---|"
    held, silent = [], []
    for name in dict.fromkeys(scene.cell.scenario for scene in reference.scenes[1:]):
        rest = replace(reference, scenes=tuple(s for s in reference.scenes if s.cell.scenario != name))
        laws = fit_severities(rest, size)
        rows, within, strange = [], [], []
        for scene in (s for s in reference.scenes if s.cell.scenario == name):
            rng = np.random.default_rng(len(rows))
            for _ in range(windows):
                found = laws.explain(scene.values[rng.integers(0, len(scene.values), size)])
                within.append(abs(found.score - scene.score) <= laws.error(found))
                strange.append(laws.unlike(found))
            error = laws.error(found)
            rows.append((scene.score, found.score, max(0.0, found.score - error), min(1.0, found.score + error)))
        held.append(np.mean(np.array(within) | np.array(strange)))
        silent.append(np.mean(strange))
        measured = " ".join(f"{100 * row[0]:.0f}" for row in rows)
        expected = ", ".join(f"{100 * row[1]:.0f} ({100 * row[2]:.0f}–{100 * row[3]:.0f})" for row in rows)
        yield f"| {name} | {measured} | {expected} | {np.mean(within):.0%} | {np.mean(strange):.0%} |"
    yield ""
    yield f"Holds, or is called unlike: {np.mean(held):.0%} of windows, scenarios alike; unlike: {np.mean(silent):.0%}."


def along(reference, run, size=50):
    """Lines on each timeline of another run: windows in the order of time, the score expected of each, and measured.

    A measured score is of so many inputs as a window has: it holds where the interval does, or an end of its own 90 %
    interval (Wilson) reaches into that.
    """
    from stress.monitor import fit_severities
    from stress.records.frame import Frame

    frame, laws = Frame(run), fit_severities(reference, size)
    score = np.where(frame.failed, 0.0, frame.column("score"))
    columns = np.column_stack([frame.column(f"signal.{name}") for name in reference.signals])
    yield "| timeline | measured, by window | expected | within | within, with its own interval | unlike |"
    yield "|---|---|---|---|---|---|"
    total = []
    for i, cell in enumerate(frame.cells):
        if cell.grid != "timeline" or cell.fallback:
            continue
        rows = frame.by_cell[i]
        rows = rows[np.argsort(frame.column("place")[rows], kind="stable")]
        found = [held(laws, columns[part], score[part]) for part in np.array_split(rows, max(1, len(rows) // size))]
        total += found
        seen, wanted, within, near, strange = np.array(found, float).T
        numbers = (" ".join(f"{100 * value:.0f}" for value in each) for each in (seen, wanted))
        shares = " | ".join(f"{each.mean():.0%}" for each in (within, near, strange))
        yield f"| {cell.scenario} | {' | '.join(numbers)} | {shares} |"
    _, _, within, near, strange = np.array(total, float).T
    yield ""
    yield (
        f"Holds, or is called unlike: {np.maximum(within, strange).mean():.0%} of {len(total)} windows of {size}; with "
        f"the measured score's own interval {np.maximum(near, strange).mean():.0%}; unlike: {strange.mean():.0%}."
    )


def held(laws, values, score):
    """Measured and expected score of a window, whether its interval holds it, or meets its interval, and unlike."""
    found = laws.explain(values)
    error, seen, n, z = laws.error(found), float(score.mean()), len(score), 1.645
    middle, half = (seen + z * z / (2 * n)) / (1 + z * z / n), z / (1 + z * z / n)
    half *= np.sqrt(seen * (1 - seen) / n + z * z / (4 * n * n))
    near = middle - half <= found.score + error and middle + half >= found.score - error
    return seen, found.score, abs(found.score - seen) <= error, near, laws.unlike(found)


def spoken(table, folder):
    """A run on SIB-200: topics of English sentences, by their words, and each of 30 other languages as a scenario."""
    import csv
    import gzip

    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    import stress
    from perturbations import Sample

    with gzip.open(table, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    languages = [name for name in rows[0] if "_" in name and name not in ("index_id", "eng_Latn")]
    train, test = ([row for row in rows if (row["split"] == "test") == is_test] for is_test in (False, True))
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10, max_iter=500))
    model.fit([row["eng_Latn"] for row in train], [row["label"] for row in train])

    def predict(batch):
        return model.predict_proba(["" if text is None else text for text in batch["text"]])

    predict.classes = model.classes_.tolist()
    samples = [
        Sample(f"{i}", {"text": row["eng_Latn"]}, target=row["label"],
               alternates={"text": {name: row[name] for name in languages}})
        for i, row in enumerate(test)
    ]  # fmt: skip
    scenarios = {name.lower().replace("_", "-"): {"text": {"name": "language", "to": [name]}} for name in languages}
    suite = {"suite": "spoken@1", "scenarios": scenarios}
    return stress.run(predict, samples, suite, folder, workers=1, preflight=False, examples=0)


class Lines:
    """So many lines of ready signals and times, as a file that is never whole in memory."""

    def __init__(self, reference, count, seed=0):
        self.left, self.number = count, 0
        rows = np.random.default_rng(seed).permutation(len(reference.clean))
        known = ({n: v for n, v in zip(reference.signals, reference.clean[i].tolist()) if np.isfinite(v)} for i in rows)
        self.signals = [json.dumps(each) for each in known]
        self.order = np.random.default_rng(seed)

    def readline(self, _most=-1):
        if not self.left:
            return b""
        self.left, self.number = self.left - 1, self.number + 1
        signals = self.signals[self.order.integers(len(self.signals))]
        return f'{{"id": "i{self.number}", "signals": {signals}, "time": {self.number * 0.0864:.4f}}}\n'.encode()


def speed(count, looks=10):
    """Lines on what the monitor costs a sample, on JSON lines with ready signals of a run of the demo."""
    import stress
    from stress.monitor import Monitor, line_arrivals, open_history, read_reference

    with tempfile.TemporaryDirectory() as folder:
        run = stress.run(
            "demo", "demo", "quick", Path(folder) / "run", limit=100, workers=1, preflight=False, examples=0
        )
        reference = read_reference(run, "sample")
        begun = time.process_time()
        lines = Lines(reference, max(1, count // looks))
        while lines.readline():
            pass
        made = (time.process_time() - begun) / max(1, count // looks)
        history = open_history(Path(folder) / "h.sqlite", writer=True, monitor=True)
        monitor = Monitor(reference, history)
        head = ("µs of processor a line", "memory now, MB", "at most, MB", "history, MB")
        yield f"| lines of {len(reference.signals)} ready signals | {' | '.join(head)} |"
        yield "|---|---|---|---|---|"
        begun = time.process_time()
        for number, arrival in enumerate(line_arrivals(Lines(reference, count), "lines"), 1):
            for _ in monitor.take(arrival, "lines"):
                pass
            if number % max(1, count // looks) == 0:
                used = 1e6 * ((time.process_time() - begun) / max(1, count // looks) - made)
                size = sum(path.stat().st_size for path in Path(folder).glob("h.sqlite*")) / 2**20
                yield f"| {number:,} | {used:.0f} | {_resident():.0f} | {_most():.0f} | {size:.0f} |"
                begun = time.process_time()
        history.close()


def _resident():
    """Megabytes that the process has now, not at most."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _most():
    """Megabytes that the process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def expected(options):
    """Lines on the score to expect."""
    import stress
    from stress.monitor import read_reference

    with tempfile.TemporaryDirectory() as folder:
        run = stress.open(options.run) if options.run else spoken(options.sib200, Path(folder) / "run")
        reference = read_reference(run, "sample")
        if options.along:
            yield from along(reference, stress.open(options.along))
        else:
            yield from left_out(reference)


def main(arguments):
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks monitor", description=__doc__)
    parser.add_argument("--looks", type=int, default=20_000)
    parser.add_argument("--all", action="store_true", help="a million looks, and a million lines")
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 1000, 5000], help="of references")
    parser.add_argument("--worlds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=300, help="of the demo, that worlds are drawn from")
    parser.add_argument("--reference", type=int, default=500)
    parser.add_argument("--only", choices=["delays", "false", "speed"])
    parser.add_argument("--run", metavar="FOLDER", help="of many scenarios: whether the score to expect holds")
    parser.add_argument("--along", metavar="FOLDER", help="with --run: a run of timelines that is watched")
    parser.add_argument("--sib200", metavar="TABLE", help="sentences in 31 languages: the same, each a scenario")
    options = parser.parse_args(arguments)
    if options.run or options.sib200:
        print("\n".join(expected(options)))
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if options.only in (None, "delays"):
        print("\n".join(delays(*pools(options.samples), options.worlds, options.reference)), end="\n\n")
    if options.only in (None, "false"):
        for line in false_alarms(1_000_000 if options.all else options.looks, options.sizes):
            print(line, flush=True)
        print()
    if options.only in (None, "speed"):
        for line in speed(1_000_000 if options.all else 10_000):
            print(line, flush=True)
