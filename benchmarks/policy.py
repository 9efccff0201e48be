"""What fallback policies are worth: ``python -m benchmarks policy [FOLDER] [--docs PAGE] [--avdigits FILE]``.

Runs the suite that docs/policies.md describes on the demo's test split (or takes the run in FOLDER), fits a policy
without and with signals of the model's own answers, and with them where half of the damage is wrong pictures; prints
what each closes of the gap between doing nothing and the best action of each condition: on voices that it has not
heard, then on scenarios that it has not seen either.
``--docs`` writes the tables into the page. ``--avdigits`` takes recordings and pictures of digits instead (see
``benchmarks/_avdigits.py``): two ways to fuse them, under damage of the sound, each speaker judged by a rule that was
made from others, by signals relative to clean speech of each.
"""

import argparse
import itertools
import re
import tempfile
from pathlib import Path

SUITE = """
suite: fallbacks@1
severities: [2, 5]
fallbacks: [drop, each, unimodal]
scenarios:
  fog: {image: fog}
  rain: {image: rain, audio: white_noise}
  babble: {audio: babble}
  gaussian-noise: {image: gaussian_noise}
  defocus: {image: defocus_blur}
  low-light: {image: low_light}
  white-noise: {audio: white_noise}
  reverb: {audio: reverb}
  typos: {text: keyboard_typos}
  wrong-image: {image: {name: wrong_pairing, partner: other_class}}
  lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}
"""
SOUND = """
suite: sound@1
severities: [2, 5]
fallbacks: [drop]
scenarios:
  white-noise: {audio: white_noise}
  pink-noise: {audio: pink_noise}
  babble: {audio: babble}
  reverb: {audio: reverb}
  clipping: {audio: clipping}
  dropouts: {audio: dropouts}
  hum: {audio: mains_hum}
  low-pass: {audio: low_pass}
  lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}
"""
CLEAN = """
suite: clean@1
severities: [2]
fallbacks: [drop]
scenarios:
  hum: {audio: mains_hum}
  lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}
"""
"""What acting comes to on all clean input: one degraded cell, as evidence must have one."""
FOLDS = (("george", "jackson", "nicolas"), ("lucas", "theo", "yweweler"))
LIMITS = (1.0, 0.02, 0.01, 0.005)
"""What a rule may lose on clean input, in wrong answers an input; 1: any."""
BEGIN, END = "<!-- made by python -m benchmarks policy: -->", "<!-- end -->"


def run_of(folder, model="demo", data="demo", suite=SUITE, **options):
    """Run the suite, or what is missing of it."""
    import scenarios
    import stress

    return stress.run(model, data, scenarios.loads(suite), folder, preflight=False, workers=1, **options)


def without(run, *names):
    """Return a run's cells, but for these scenarios and their fallbacks."""
    return run.only([row["cell"] for row in run.cells.to_pylist() if row["scenario"] not in names])


def gains(fits):
    """Return the lines of a table: each scenario's loss without a policy, and what each policy makes of it."""
    for unseen, title in (
        ("samples", "On voices that the rule has not heard"),
        ("scenario", "On scenarios that it has not seen, and voices that it has not heard"),
    ):
        rows = {name: {r.scenario: r for r in fitted.worth if r.unseen == unseen} for name, fitted in fits.items()}
        yield f"{title}: error without a policy and with the best action of each condition, and what the rule gains."
        yield ""
        yield f"| scenario | never | best | {' | '.join(f'{name}, points' for name in fits)} |"
        yield "|---|---|---|" + "---|" * len(fits)
        for scenario in dict.fromkeys(name for each in rows.values() for name in each):
            first = next(each[scenario] for each in rows.values() if scenario in each)
            said = (_gain(each.get(scenario)) for each in rows.values())
            yield f"| {scenario} | {100 * first.never:.1f} | {100 * first.by_condition:.1f} | {' | '.join(said)} |"
        yield ""


def _gain(row):
    if row is None:
        return "–"
    share = f", {100 * row.share:.0f} % of the gap" if row.never - row.by_condition > 0.02 else ""
    return f"{100 * row.gain:+.1f} ({100 * row.low:.1f} to {100 * row.high:.1f}){share}"


def rules(fits):
    """Return each policy in words, with the verdict on it."""
    from stress.policy import sentences

    for name, fitted in fits.items():
        verdict = "Worth it" if fitted.worth_it else "Not worth it"
        yield f"*{name}*: {' '.join(sentences(fitted.policy)[:-1])} {verdict}: {fitted.reason}."
        yield ""


def deciding(policy, times=20_000):
    """Return the microseconds that a decision takes (CPU time), over inputs that come to every part of the rule."""
    import time

    import numpy as np

    rng = np.random.default_rng(0)
    inputs = [
        {name: float(value) for name, value in zip(policy.asked, rng.random(len(policy.asked)))} for _ in range(100)
    ]
    start = time.process_time()
    for i in range(times):
        policy.decide(inputs[i % 100])
    return 1e6 * (time.process_time() - start) / times


def spoken(path, folder, takes):
    """Print, for both ways to fuse, what a rule made from other speakers gains with each, and loses on clean input."""
    from benchmarks._avdigits import Fused, samples_of
    from stress.data import from_samples
    from stress.policy import Costs
    from stress.policy._evidence import evidence
    from stress.policy._judge import chosen

    def known(model, speakers, suite, name, most):
        data = from_samples(samples_of(path, speakers, most), cluster="speaker")
        return evidence(run_of(folder / name, model, data, suite, signals="all"), Costs(), relative_to="speaker")

    for joint in (True, False):
        name = "joint" if joint else "apart"
        print(f"{'jointly trained, logits summed' if joint else 'trained apart, probabilities averaged'}:")
        found = {limit: [] for limit in LIMITS}
        for fold, trained in enumerate(FOLDS):
            model, speakers = Fused(samples_of(path, trained), joint), FOLDS[1 - fold]
            seen = known(model, speakers, SOUND, f"{name}-{fold}", takes)
            clean = known(model, speakers, CLEAN, f"{name}-clean-{fold}", None)
            for limit, k in itertools.product(LIMITS, range(len(speakers))):
                others = seen.of(seen.member != k)
                parts = others, seen.of(seen.member == k), clean.of(clean.clean & (clean.member == k))
                found[limit].append(left_out(chosen(others, False, limit), *parts, speakers[k], limit))
            for safe in (False, True):
                new_scenarios(seen, safe)
        for limit in LIMITS:
            summed_up(limit, found[limit])


def left_out(rule, others, mine, clean, name, limit):
    """Print what a rule gains that was made from ``others`` and may lose so much on clean input; return the gap and its
    gain on a speaker's damaged input, its gain on all of their clean input, in points, and how often it acts there.
    """
    import numpy as np

    from stress.policy._tree import taken

    mine = mine.of(~mine.clean)
    actions = {cell: int(others.loss[others.cell == cell].mean(axis=0).argmin()) for cell in np.unique(mine.cell)}
    best = mine.loss[np.arange(len(mine)), [actions[cell] for cell in mine.cell]]
    done = mine.loss[np.arange(len(mine)), taken(rule, mine.values)]
    never = mine.loss[:, 0]
    gap, gain = (100 * float((never - each).mean()) for each in (best, done))
    does = taken(rule, clean.values)
    lead = 100 * float((clean.loss[:, 0] - clean.loss[np.arange(len(clean)), does]).mean())
    acts, share = 100 * float((does != 0).mean()), f" ({100 * gain / gap:.0f} %)" if gap > 0 else ""
    print(
        f"  at most {100 * limit:g} points on clean: {name}: never {100 * never.mean():.1f} % wrong, best per "
        f"condition {gap:+.1f} points, rule {gain:+.1f}{share}; clean {lead:+.1f}, acting on {acts:.1f} % of "
        f"{len(clean)}",
        flush=True,
    )
    return gap, gain, lead, acts


def summed_up(limit, rows):
    """Print a line over all speakers: the share of the gap, and clean input with the interval of its mean (t)."""
    import numpy as np

    from stress.statistics.intervals import t_quantile

    gap, gain, clean, acts = np.array(rows).T
    shares = 100 * gain[gap > 0] / gap[gap > 0]
    reach = t_quantile(0.95, len(clean) - 1) * clean.std(ddof=1) / np.sqrt(len(clean))
    print(
        f"  at most {100 * limit:g} points on clean: median {np.median(shares):.0f} % of the gap, least "
        f"{shares.min():.0f} %; clean {clean.mean():+.2f} points ({clean.mean() - reach:.2f} to "
        f"{clean.mean() + reach:.2f}), worst {clean.min():+.1f}; acting on {acts.mean():.1f} % of it, at most "
        f"{acts.max():.0f} %",
        flush=True,
    )


def new_scenarios(known, safe):
    """Print what rules made in this way gain on new speakers, and the worst that they do on a new scenario."""
    from stress.policy._judge import harms, judged

    rows = judged(known, safe)
    worst = min((row for row in rows if row.unseen == "scenario"), key=lambda row: row.gain)
    print(
        f"  {'safe' if safe else 'any'} rule: on new speakers {100 * rows[0].gain:+.1f} ({100 * rows[0].low:.1f} to "
        f"{100 * rows[0].high:.1f}); worst on a scenario it has not seen: {worst.scenario} {100 * worst.gain:+.1f}; "
        f"{len(harms(rows))} lose more than a point",
        flush=True,
    )


def main(arguments):
    """Print the tables, and write them into the page where one is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks policy", description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--docs", type=Path, help="the page whose figures are made anew")
    parser.add_argument("--avdigits", type=Path, metavar="FILE", help="arrays of spoken and written digits")
    parser.add_argument("--takes", type=int, default=10, help="recordings of each digit and speaker that are judged")
    options = parser.parse_args(arguments)
    if options.avdigits is not None:
        with tempfile.TemporaryDirectory() as temporary:
            spoken(options.avdigits, options.folder or Path(temporary), options.takes)
        return
    from stress.policy import Costs, fit
    from stress.tasks import Classification

    with tempfile.TemporaryDirectory() as temporary:
        task = Classification(tuple("0123456789"), keep="all")
        run = run_of(options.folder or Path(temporary) / "run", task=task)
        fits = {
            "signals of the streams": fit(without(run, "wrong-image"), clean_loss=1.0),
            "and of the model's answers": fit(run, asking="alone", clean_loss=1.0),
            "half of the damage wrong pictures": fit(
                run, Costs(scenarios={"wrong-image": 10}), asking="alone", clean_loss=1.0
            ),
        }
    lines = [*rules(fits), *gains(fits)]
    print("\n".join(lines))
    print("one decision, µs:", *(f"{deciding(fitted.policy):.2f}" for fitted in fits.values()))
    if options.docs is not None:
        page = options.docs.read_text(encoding="utf-8")
        block = "\n".join([BEGIN, "", *lines, END])
        found, count = re.subn(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, page, flags=re.S)
        if count != 1:
            raise SystemExit(f"{options.docs}: must have one block between {BEGIN} and {END}, got {count}.")
        options.docs.write_text(found, encoding="utf-8")
