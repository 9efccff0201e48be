"""The commands and their options; what they do lies elsewhere and is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stress.cli._adaptive_commands import power
from stress.cli._audit_commands import audit, split
from stress.cli._beyond_commands import attribute, calibrate, evidence
from stress.cli._display import say
from stress.cli._look_commands import card, cite, figure, gallery, methods, serve, show, site, table, track
from stress.cli._monitor_commands import monitor
from stress.cli._options import EPILOG, GOALS, LEXICON, OWN, PLUGIN, RUN
from stress.cli._policy_commands import policy

__all__ = ["stress"]


def _version(context: click.Context, _: Any, wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        try:
            say(f"stress {metadata.version('multimodal-stress')}")
        except metadata.PackageNotFoundError:  # run from a checkout
            say("stress, from a checkout that is not installed")
        context.exit()


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
def stress() -> None:
    """What does this model do when the world goes wrong?

    Run suites of perturbed inputs – noise, lighting, missing streams, language shift – over any model that takes
    images, audio and text, and see how it degrades, stream by stream, with intervals.

    Start with:  stress run demo
    """


@stress.command("run", epilog=EPILOG)
@click.argument("suite")
@click.option(
    "--model",
    metavar="NAME",
    help="demo, module:attribute, file.py:attribute, onnx:FILE, hf:FOLDER, json:URL, torch:… or sklearn:….",
)
@click.option("--data", metavar="NAME", help="demo, a .csv, .jsonl or .parquet manifest, or module:attribute.")
@click.option(
    "--task",
    metavar="NAME",
    help="classification (default), multilabel, regression, transcription, free_text, captioning, vqa, retrieval.",
)
@click.option(
    "--answers",
    type=click.Choice(["probabilities", "logits", "labels", "positions"]),
    help="What the model answers.  [default: what its clean answers show]",
)
@click.option("--out", type=RUN, metavar="DIR", help="Folder of the run.  [default: runs/SUITE]")
@click.option("--workers", type=int, metavar="N", help="Cells done at once.  [default: one per processor]")
@click.option("--batch-size", type=int, default=32, show_default=True, metavar="N", help="Samples a call.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Names the random draws.")
@click.option("--limit", type=int, metavar="N", help="Only the first N samples of the seeded, stratified order.")
@click.option("--samples", type=RUN, metavar="FILE", help="Only the samples whose ids stand in FILE, one a line.")
@click.option("--only", multiple=True, metavar="GLOB", help="Only scenarios whose name matches; may be repeated.")
@click.option("--skip", multiple=True, metavar="GLOB", help="No scenarios whose name matches; may be repeated.")
@click.option("--cluster", metavar="GROUP", help="Samples of one GROUP belong together: intervals respect it.")
@click.option(
    "--signals",
    type=click.Choice(["none", "cheap", "all"]),
    default="cheap",
    show_default=True,
    help="Which measures of each stream's quality are recorded.",
)
@LEXICON
@click.option("--cost", is_flag=True, help="Measure energy, processor time and memory of each cell, with one worker.")
@click.option("--timeout", type=float, metavar="S", help="Seconds a call of the model may take.")
@click.option("--fresh", is_flag=True, help="A new run beside the one in DIR, which is kept.")
@click.option(
    "--accept-model",
    metavar="WHY",
    help="Go on although the model has changed; the run is marked as mixed.",
)
@click.option("--keep-failures", is_flag=True, help="Going on, do not ask again what crashed or timed out.")
@click.option("--verify", is_flag=True, help="Decode files again that have the size and time they had.")
@click.option("--skip-bad-samples", is_flag=True, help="Leave out samples that cannot be used, and say so.")
@click.option("--inside", is_flag=True, help="Refuse files outside the manifest's folder.")
@click.option("--max-cells", type=int, default=10_000, show_default=True, metavar="N", help="Cells a suite may have.")
@click.option("--max-megapixels", type=float, default=100.0, show_default=True, metavar="N", help="Of a picture.")
@click.option("--max-seconds", type=float, default=3600.0, show_default=True, metavar="S", help="Of a recording.")
@click.option("--until", metavar="GATES", help="Stop where its rules are decided; or precision=P, mean=P.")
@click.option("--against", type=RUN, metavar="RUN", help="The whole run that rules of --until compare with.")
@click.option("--max-calls", type=int, metavar="N", help="Calls of an endpoint; a complete smaller grid is run.")
@click.option("--max-cost", type=float, metavar="X", help="The same in money, by the model's price table.")
@click.option("--examples", type=int, default=24, show_default=True, metavar="N", help="Samples kept to look at.")
@click.option("--no-examples", is_flag=True, help="Keep no sample's picture, sound or text.")
@click.option("--history", type=RUN, metavar="FILE", help="Add the run's numbers to this history; say what changed.")
@click.option(
    "--track", multiple=True, metavar="TRACKER", help="Put the run into mlflow:URI, wandb:PROJECT or tensorboard:DIR."
)
@click.option("--no-preflight", is_flag=True, help="Skip the checks before the grid.")
@click.option("--no-report", is_flag=True, help="Leave report/index.html unwritten.")
@click.option("--progress", type=click.Choice(["bar", "json", "quiet"]), default="bar", show_default=True)
@click.option("--backend", type=click.Choice(["threads", "processes", "dask"]), default="threads", show_default=True)
@click.option("--scheduler", metavar="ADDRESS", help="Of a dask cluster (tcp://…).  [default: one started here]")
@OWN
@click.option("--dry-run", is_flag=True, help="Print cells, model calls and an estimate; run nothing.")
def run(**options: Any) -> int:
    """Run SUITE, a built-in one or a YAML file.

    `stress list suites` names the built-in ones.

    The same command continues a run that was interrupted, and asks again what failed. A model that has changed since is
    refused (--fresh, --accept-model). `stress run demo` needs no model and no data.
    """
    from stress.cli._run import run_suite

    return run_suite(**options)


@stress.command("list")
@click.argument("what", required=False, metavar="[image|audio|text|stream|attack|suites|signals|NAME]")
@PLUGIN
def list_(what: str | None, plugins: tuple[Path, ...]) -> None:
    """List perturbations, suites or signals, or show one perturbation.

    Of one perturbation: its parameters with units, ranges and levels, and its source.
    """
    from stress.cli._show import show_list

    show_list(what, plugins)


@stress.command()
@click.argument("file", type=str)
@click.option("--import", "imports", is_flag=True, help="Import the suite's plug-ins, which runs them.")
def validate(file: str, imports: bool) -> None:
    """Check a suite file; list every problem.

    Plug-ins are not imported: names of theirs are not checked, unless --import is given.
    """
    from stress.cli._show import show_suite

    show_suite(file, imports)


@stress.command()
@click.argument("runs", type=RUN, metavar="RUN [RUN …]", nargs=-1, required=True)
@click.option("--common", is_flag=True, help="Compare what runs share instead of refusing runs that differ.")
@click.option("-o", "--output", type=RUN, metavar="FILE", help="Of several runs.  [default: in the last run's report]")
@GOALS
@OWN
def report(**options: Any) -> None:
    """Write RUN/report/index.html, or one page for several runs.

    Curves per modality, findings, tables. Works on unfinished runs. Several runs are held against the first, sample by
    sample: what got worse comes first.
    """
    from stress.cli._paper import write_pages

    write_pages(**options)


@stress.command()
@click.argument("folder", type=RUN, metavar="RUN")
@click.option("--table", "name", metavar="NAME", help="Print one table whole, as CSV, instead of the summary.")
@click.option("--label-error", type=float, metavar="SHARE", help="Of the labels may be wrong (table label_noise).")
@GOALS
@OWN
def measure(folder: Path, name: str | None, label_error: float | None, goals: str | None) -> None:
    """Print what the records of RUN mean: the summary, or one table."""
    from stress.cli._show import show_measures

    show_measures(folder, name, goals, label_error)


@stress.command(epilog=EPILOG)
@click.argument("folder", type=RUN, metavar="RUN")
@click.argument("gates", required=False, metavar="[GATES]")
@click.option("--against", type=RUN, metavar="RUN", help="The last release's run, for rules against baseline.")
@click.option("--common", is_flag=True, help="Compare what the two runs share instead of refusing runs that differ.")
@click.option("--allow-mixed", is_flag=True, help="Judge a run in which a changed model was accepted.")
@click.option("--undecided", type=click.Choice(["pass", "fail"]), help="What undecided rules count as.  [default: 3]")
@click.option(
    "--correction", type=click.Choice(["holm", "bh", "none"]), help="For the number of checks.  [default: holm]"
)
@click.option("--labels-disputed", type=RUN, metavar="FILE", help="Samples whose labels may be wrong, one id a line.")
@click.option("--json", "json_file", type=RUN, metavar="FILE", help="[default: RUN/gate.json]")
@click.option("--junit", type=RUN, metavar="FILE", help="Write JUnit XML: a test per rule.")
@click.option("--markdown", type=RUN, metavar="FILE", help="Write a comment for a pull request ('-': print it).")
@click.option("--sarif", type=RUN, metavar="FILE", help="Write SARIF 2.1.0, placed at the lines of the gate file.")
@click.option("--annotations", is_flag=True, help="Print GitHub's ::error and ::warning lines.")
@click.option("--suggest", is_flag=True, help="Print a gate file that RUN passes, instead.")
@OWN
@click.option("--regression", type=RUN, metavar="DIR", help="Write the worst failures as a small suite.")
def gate(**options: Any) -> int:
    """Hold RUN against the rules of GATES.

    GATES is a YAML file of rules, or a preset (good, floor).

    Exit status: 0 every rule passes, 1 one fails, 3 one is undecided or could not be judged, 2 bad input.
    """
    from stress.cli._gate import run_gate

    return run_gate(**options)


@stress.command()
@click.argument("runs", type=RUN, metavar="A B [C …]", nargs=-1, required=True)
@click.option("--metric", metavar="NAME", help="[default: the task's headline]")
@click.option("--by", multiple=True, metavar="GROUP", help="Slice by this group too; may be repeated.")
@OWN
@click.option("--cluster", metavar="GROUP", help="The group whose samples form one cluster: speaker, patient.")
@click.option("--confidence", type=float, default=0.95, show_default=True, metavar="SHARE")
@click.option("--correction", type=click.Choice(["holm", "bh", "none"]), default="holm", show_default=True)
@click.option("--common", is_flag=True, help="Compare what the two runs share instead of refusing runs that differ.")
@click.option("--json", "json_file", type=RUN, metavar="FILE", help="Write everything as JSON.")
@click.option("--markdown", type=RUN, metavar="FILE", help="Write a comment for a pull request ('-': print it).")
def compare(**options: Any) -> None:
    """Say what became better or worse from A to B.

    Both are runs; they are compared in pairs, sample by sample. Of more than two – ways to fuse streams, say – one
    table puts all side by side, and each pair is compared.
    """
    from stress.cli._gate import run_compare

    run_compare(**options)


@stress.command()
@click.argument("folder", type=RUN, default=Path(), metavar="[DIR]")
def init(folder: Path) -> None:
    """Write the files that a project starts from.

    A commented stress.yaml, a model stub and a manifest; files that are there already are kept.
    """
    from stress.cli._init import write_project

    write_project(folder)


@stress.command()
@click.argument("folder", type=RUN, metavar="RUN")
@click.option(
    "--parse", metavar="RULE", help="labels, choice_letter, json:FIELD, regex:PATTERN, text.  [default: RUN's]"
)
@click.option("--out", type=RUN, metavar="DIR", help="Folder of the new run.  [default: beside RUN]")
@OWN
def reparse(folder: Path, parse: str | None, out: Path | None) -> None:
    """Score the kept answers of RUN anew.

    RUN is of a chat model. What it wrote is read by another rule, without a call; RUN itself stays as it is.
    """
    from stress.engine import reparse as read_again

    say(f"{read_again(folder, parse, out)}")


@stress.command()
@click.option("--out", type=RUN, default=Path("runs"), show_default=True, metavar="DIR", help="Where runs will lie.")
@click.option("--endpoint", metavar="URL", help="Whether somebody answers there; nothing is asked that is billed.")
@click.option("--key-env", metavar="NAME", help="The environment variable with its key.")
def doctor(out: Path, endpoint: str | None, key_env: str | None) -> int:
    """Say what is installed, what of it imports, and what mends the rest.

    Exit status: 0 a run can start, 1 something is broken. Extras that are not installed are no fault.
    """
    from stress.cli._doctor import run_doctor

    return run_doctor(out, endpoint, key_env)


for each in (attribute, audit, calibrate, card, cite, evidence, figure, gallery, methods, monitor, policy):
    stress.add_command(each)
for each in (power, serve, show, site, split, table, track):
    stress.add_command(each)
