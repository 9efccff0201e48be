"""Options and words that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["EPILOG", "GOALS", "LEXICON", "OWN", "PLUGIN", "RUN", "TASKS"]

EPILOG = (
    "Exit status: 0 done, 1 a gate failed, 2 bad input, 3 incomplete or undecided, 70 a fault of ours, 130 interrupted."
)
TASKS = (
    "classification",
    "multilabel",
    "regression",
    "transcription",
    "free_text",
    "captioning",
    "vqa",
    "retrieval",
)  # fmt: skip; as in stress.tasks
RUN = click.Path(path_type=Path)
PLUGIN = click.option(
    "--plugin",
    "plugins",
    type=RUN,
    multiple=True,
    metavar="FILE",
    help="A file of your own perturbations; may be repeated.",
)


def _declare(_context: click.Context, _parameter: Any, files: tuple[Path, ...]) -> None:
    """Import files that declare metrics, tasks or perturbations, so that their names are known."""
    if files:
        from stress.cli._show import load_plugins

        load_plugins(files)


OWN = click.option(
    "--plugin",
    type=RUN,
    multiple=True,
    metavar="FILE",
    expose_value=False,
    callback=_declare,
    help="A file of your own metrics and perturbations; may be repeated.",
)


def _lexicon(_context: click.Context, _parameter: Any, source: str | None) -> Any:
    from perturbations.modality import load_lexicon

    return None if source is None else load_lexicon(source)


LEXICON = click.option(
    "--lexicon",
    metavar="FILE",
    callback=_lexicon,
    help="Measure the sentiment of texts, too, by a lexicon: 'vader', or a file in its format.",
)
GOALS = click.option(
    "--goals",
    metavar="GOALS",
    help="Shares of the streams: equal, adaptive, or image=0.5,audio=0.5.  [default: the suite's]",
)
