"""What fallback policies are worth on the demo: ``python -m benchmarks policy [FOLDER] [--docs docs/policies.md]``.

Runs the suite that docs/policies.md describes on the demo's test split (or takes the run in FOLDER), fits a policy
without and with signals of the model's own answers, and prints what each closes of the gap between doing nothing and
the best action of each condition: on voices that it has not heard, then on scenarios that it has not seen either.
``--docs`` writes the tables into the page.
"""

import argparse
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
        yield f"*{name}*: {' '.join(sentences(fitted.policy)[:-1])} {'Worth it' if fitted.worth_it else 'Not worth it'}: {fitted.reason}."
        yield ""


def main(arguments):
    """Print the tables, and write them into the page where one is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks policy", description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--docs", type=Path, help="the page whose figures are made anew")
    options = parser.parse_args(arguments)
    from stress.policy import fit

    with tempfile.TemporaryDirectory() as temporary:
        run = run_of(options.folder or Path(temporary) / "run")
        fits = {
            "signals of the streams": fit(without(run, "wrong-image")),
            "and of the model's answers": fit(run, asking="alone"),
        }
    lines = [*rules(fits), *gains(fits)]
    print("\n".join(lines))
    if options.docs is not None:
        page = options.docs.read_text(encoding="utf-8")
        block = "\n".join([BEGIN, "", *lines, END])
        found, count = re.subn(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, page, flags=re.S)
        if count != 1:
            raise SystemExit(f"{options.docs}: must have one block between {BEGIN} and {END}, got {count}.")
        options.docs.write_text(found, encoding="utf-8")
