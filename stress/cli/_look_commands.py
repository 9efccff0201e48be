"""What is looked at: sheets of perturbations, samples of a run, figures and words for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stress.cli._display import say
from stress.cli._options import OWN, PLUGIN, RUN

_KINDS = ["curves", "lost", "heat", "contributions", "reliability", "compare", "timeline", "groups"]  # in stress.report
__all__ = ["card", "cite", "figure", "gallery", "methods", "serve", "show", "site", "table", "track"]


@click.command()
@click.argument("modality")
@click.option("-o", "--output", type=RUN, required=True, metavar="FILE", help="An .html file (images: also .png).")
@click.option("--only", multiple=True, metavar="GLOB", help="Only perturbations whose name matches; may be repeated.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N")
@PLUGIN
def gallery(modality: str, output: Path, only: tuple[str, ...], seed: int, plugins: tuple[Path, ...]) -> None:
    """Draw every perturbation of a modality (image, audio …) at every severity."""
    from stress.cli._show import write_gallery

    write_gallery(modality, output, only, seed, plugins)


@click.command("show")
@click.argument("folder", type=RUN, metavar="RUN")
@click.argument("sample", metavar="SAMPLE")
@click.argument("cell", required=False, metavar="[CELL]")
@click.option("--data", metavar="NAME", help="The data of the run, as for `stress run`.")
@click.option("-o", "--output", type=RUN, metavar="FILE", help="[default: in RUN/examples]")
@OWN
def show(folder: Path, sample: str, cell: str | None, data: str | None, output: Path | None) -> None:
    """Draw one SAMPLE of RUN as it is and as the model met it.

    In CELL, or in every cell in which a stream is degraded; with what the model answered.
    """
    from stress.cli._sample import show_sample

    show_sample(folder, sample, cell, data, output)


@click.command()
@click.argument("runs", type=RUN, metavar="RUN [RUN …]", nargs=-1, required=True)
@click.option("--kind", type=click.Choice(_KINDS), default="curves", show_default=True)
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME", help="Only this scenario; may be repeated.")
@click.option("--modality", metavar="NAME", help="Only this modality's curves.")
@click.option("--common", is_flag=True, help="Compare what runs share instead of refusing runs that differ.")
@click.option("--columns", type=click.IntRange(1, 12), default=4, show_default=True, metavar="N")
@click.option("-o", "--output", type=RUN, required=True, metavar="FILE", help="A .pdf, .svg, .pgf or .png file.")
@OWN
def figure(**options: Any) -> None:
    """Draw a figure for a paper.

    Of one run, or of several on shared axes; compare draws how much better than the first the others are.
    Equal runs give equal files.
    """
    from stress.cli._show import write_figure

    write_figure(**options)


@click.command()
@click.argument("runs", type=RUN, metavar="RUN [RUN …]", nargs=-1, required=True)
@click.option("--table", "name", default="scenarios", show_default=True, metavar="NAME", help="scenarios, cells, …")
@click.option("--latex", "form", flag_value="latex", default=True, help="With booktabs rules.  [default]")
@click.option("--markdown", "form", flag_value="markdown")
@click.option("--csv", "form", flag_value="csv", help="Every column; of several runs with their names.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME", help="Only this scenario; may be repeated.")
@click.option("--common", is_flag=True, help="Compare what runs share instead of refusing runs that differ.")
@click.option("-o", "--output", type=RUN, metavar="FILE", help="[default: print it]")
@OWN
def table(**options: Any) -> None:
    """Write a table for a paper.

    Of several runs, side by side: bold is what is surely better than every other run, by paired differences.
    """
    from stress.cli._paper import write_table

    write_table(**options)


@click.command()
@click.argument("runs", type=RUN, metavar="RUN RUN …", nargs=-1, required=True)
@click.option("-o", "--output", type=RUN, required=True, metavar="DIR", help="Its review.toml is read, and kept.")
@click.option("--history", type=RUN, metavar="FILE", help="Of a monitor or of runs on a schedule: shown, too.")
@OWN
def site(runs: tuple[Path, ...], output: Path, history: Path | None) -> None:
    """Write static pages over releases, the oldest first.

    Trends per scenario with intervals and changes, any two releases compared, gates, comments and sign-offs.
    """
    from stress._face import open_run
    from stress.report import write_site

    say(f"{write_site([open_run(run) for run in runs], output, history)}")


@click.command()
@click.argument("folder", type=RUN, metavar="DIR")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, metavar="N", help="0: any free."
)
def serve(folder: Path, port: int) -> None:
    """Show the pages in DIR in a browser of this machine.

    Only this machine can reach them, and nothing can be changed through them.
    """
    from stress.cli._serve import serve_folder

    serve_folder(folder, port)


@click.command()
@click.argument("folder", type=RUN, metavar="RUN")
@click.option("--markdown", "form", flag_value="markdown", default=True, help="[default]")
@click.option("--huggingface", "form", flag_value="huggingface", help="With model-index, as the Hub reads it.")
@click.option("--json", "form", flag_value="json")
@click.option("-o", "--output", type=RUN, metavar="FILE", help="[default: print it]")
@OWN
def card(folder: Path, form: str, output: Path | None) -> None:
    """Write what a model's card says of its robustness.

    Each value with its interval, and the conditions under which it was measured.
    """
    from stress.cli._paper import write_card

    write_card(folder, form, output)


@click.command()
@click.argument("folder", type=RUN, metavar="RUN")
@OWN
def methods(folder: Path) -> None:
    """Print the methods paragraph of RUN.

    Data, suite, seed, perturbations, intervals, what failed: for a paper.
    """
    from stress._face import open_run
    from stress.report import methods_of

    say(methods_of(open_run(folder)))


@click.command()
@click.argument("folder", type=RUN, metavar="RUN")
@OWN
def cite(folder: Path) -> None:
    """Print the sources of RUN as BibTeX: of its perturbations, its metrics and its data."""
    from stress.cli._show import show_citations

    show_citations(folder)


@click.command()
@click.argument("folder", type=RUN, metavar="RUN")
@click.option(
    "--to",
    "trackers",
    multiple=True,
    required=True,
    metavar="TRACKER",
    help="mlflow:URI, wandb:PROJECT (offline), tensorboard:FOLDER; may be repeated.",
)
@OWN
def track(folder: Path, trackers: tuple[str, ...]) -> None:
    """Put RUN into an experiment tracker.

    Its curves with the severity as the step, the report, and gate.json where it was judged. Each call makes an entry
    of its own there.
    """
    from stress.cli._track import track_run

    track_run(folder, trackers)
