"""What is there, as text: perturbations, suites, measures, citations, galleries."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Sequence
from fnmatch import fnmatch
from math import isfinite
from pathlib import Path
from typing import Any

from perturbations import (
    FAMILIES,
    Choice,
    InputError,
    Param,
    Perturbation,
    StressError,
    bibliography,
    citation,
    get,
    names,
)
from perturbations.errors import meant
from stress.cli._display import console, say

__all__ = ["show_citations", "show_list", "show_measures", "show_suite", "write_figure", "write_gallery"]


def show_list(what: str | None, plugins: Sequence[Path] = ()) -> None:
    """List a family, the suites, or everything; or show one perturbation, a plug-in's too."""
    load_plugins(plugins)
    if what == "suites":
        _list_suites()
    elif what == "signals":
        _list_signals()
    elif what is None or what in FAMILIES:
        _list_perturbations(names(what))
    else:
        if "." not in what and meant(what, ("suites", "signals", "perturbations")):
            known = f"{', '.join(FAMILIES)}, suites, signals or a perturbation's name, or nothing for all perturbations"
            raise InputError(f"list: must be one of {known}, got {what!r}.")
        _show_perturbation(get(what))


_WIDE = 80
"""Columns of a terminal that a list fits."""


def _list_perturbations(found: Sequence[str]) -> None:
    """List perturbations by family: each name in it, how it is graded, and what it is."""
    families: dict[str, list[str]] = {}
    for name in found:
        family, _, short = name.partition(".")
        families.setdefault(family, []).append(short)
    for family, members in families.items():
        say(f"{family} ({len(members)})")
        width = max(map(len, members))
        for short in members:
            perturbation = get(f"{family}.{short}")
            head = f"  {short:<{width}}  {_axis(perturbation):<10}  "
            say(textwrap.fill(perturbation.summary, _WIDE, initial_indent=head, subsequent_indent=" " * len(head)))
        say()
    say(f"{len(found)} perturbations. `stress list FAMILY.NAME` shows one: parameters,\nunits, levels, source.")


def _axis(perturbation: Perturbation) -> str:
    if perturbation.axis == "ordinal":
        return f"1–{perturbation.top()}"
    return "categories" if perturbation.axis == "categorical" else "on or off"


def _list_suites() -> None:
    import scenarios

    for name in scenarios.suites():
        try:
            suite = scenarios.load(name)
        except StressError as error:  # it needs an extra that is not installed, and says which
            say(textwrap.fill(f"{name}  ({error})", _WIDE, subsequent_indent="    "))
            continue
        say(f"{suite.title}  ({len(suite.scenarios)} scenarios)")
        say(textwrap.fill(suite.about, _WIDE, initial_indent="    ", subsequent_indent="    "))


def _list_signals() -> None:
    """Say of every signal what it tells: those recorded by default are marked."""
    from perturbations.modality import MODALITIES, arrivals
    from perturbations.modality import modality as known
    from stress.records.answered import ANSWERED

    rows: list[tuple[str, Any, bool]]
    rows = [(f"{of}.{each.name}", each, each.cheap) for of in MODALITIES for each in known(of).signals.all.values()]
    rows += [(f"stream.{each.name}", each, each.cheap) for each in arrivals.all.values()]
    rows += [(each.name, each, False) for each in ANSWERED]
    width = max(len(name) for name, *_ in rows)
    for name, each, cheap in rows:
        ends = "".join(f", {word} {end:g}" for word, end in (("from", each.low), ("to", each.high)) if isfinite(end))
        about = f"{each.meaning.splitlines()[0]} [{each.unit}{ends}]{f' ({each.source})' if each.source else ''}"
        head = f"{name:<{width}} {'*' if cheap else ' '} "
        say(textwrap.fill(about, _WIDE, initial_indent=head, subsequent_indent=" " * len(head)))
    say(
        f"\n{len(rows)} signals of a stream's quality, by modality. *: recorded beside every\nanswer; the others with "
        "`stress run --signals all`. Those of any stream are\nrecorded of data that come in sequences. The last are "
        "of the model's own\nanswers, and are worked out from a run's records (table signals,\n"
        "`stress policy fit --asking`)."
    )


def _show_perturbation(perturbation: Perturbation) -> None:
    of = f" of {', '.join(perturbation.modalities)}" if perturbation.modalities else ", of no stream"
    say(f"{perturbation.name}  ({perturbation.kind}{of}, version {perturbation.version})")
    say(f"\n{inspect.getdoc(perturbation.function)}\n")
    for name, row in perturbation.params.items():
        say(f"  {name}: {row.meaning}{_range(row)}")
        for profile, table in row.tables.items():
            say(f"      {profile}: {', '.join(map(str, table))}")
    for reason in dict.fromkeys(filter(None, map(perturbation.may_fall, perturbation.profiles))):
        where = [name for name in perturbation.profiles if perturbation.may_fall(name) == reason]
        said = "" if len(where) == len(perturbation.profiles) else f" in {', '.join(where)}"
        say(f"\nNot monotone in severity{said}: {reason}")
    if perturbation.cost:
        say(f"\nCost: {perturbation.cost}.")
    if perturbation.changes_meaning:
        say("\nChanges the meaning: the right answer may be another one afterwards.")
    say(f"\n{citation([perturbation.name])}")


def _range(row: Param | Choice) -> str:
    if isinstance(row, Choice):
        options = f": one of {', '.join(row.options)}" if row.options else ""
        others = "".join(f"; {value} in {profile}" for profile, value in row.by_profile.items())
        return f"{options} [default {row.default}{others}]" if row.default is not None else f"{options} (must be given)"
    clean = "" if row.clean is None else f", clean {row.clean:g}"
    default = "" if row.default is None else f" [default {row.default:g}]"
    return f", {row.low:g} to {row.high:g} {row.unit}, {row.scale}{clean}{default}"


def show_suite(file: str, imports: bool = False) -> None:
    """Check a suite and say what is in it; its plug-ins are imported only where that is asked for."""
    import scenarios

    suite = scenarios.load(file, plugins=imports)
    for name in suite.unchecked if suite.plugins else ():
        say(f"not checked: {name} (of a plug-in; --import runs {', '.join(suite.plugins)} to check it)")
    say(f"{file}: fine – {suite.title}, {len(suite.scenarios)} scenarios")


def show_measures(folder: Path, name: str | None, goals: str | None = None, label_error: float | None = None) -> None:
    """Print the summary of a run, or one table as CSV."""
    from stress._face import open_run

    run = open_run(folder)
    if name is None:
        from stress.report import print_summary

        print_summary(console(), run, goals)
        return
    from pyarrow import csv

    from stress.report import plain_table

    csv.write_csv(plain_table(run.table(name, goals=goals, label_error=label_error), as_json=True), sys.stdout.buffer)


_FIGURES = (".pdf", ".svg", ".pgf", ".png")


def write_figure(runs: Sequence[Path], output: Path, **options: Any) -> None:
    """Write a figure of one run or of several. Raises InputError for another suffix than a figure's."""
    from stress._face import open_run
    from stress.report import plot, save

    if output.suffix.lower() not in _FIGURES:
        raise InputError(f"figure: the file must end in {', '.join(_FIGURES)}, got {output.name!r}.")
    first, *others = map(open_run, runs)
    drawn = plot(first, others=others, **options)
    output.parent.mkdir(parents=True, exist_ok=True)
    say(f"{save(drawn, output)}")


def show_citations(folder: Path) -> None:
    """Print the sources of a run's perturbations, metrics and data as BibTeX, each once."""
    from stress._face import open_run
    from stress.report import sources_of

    told: set[str] = set()
    for what, sources in sources_of(open_run(folder)).items():
        if fresh := [key for key in sources if key not in told]:
            say(f"% {what}\n\n{bibliography(fresh)}\n")
        told.update(fresh)


def load_plugins(files: Sequence[Path]) -> None:
    """Import files that declare perturbations of a user's own, so that their names are known."""
    from perturbations.plugins import import_file

    for file in files:
        import_file(file)


def write_gallery(modality: str, output: Path, only: Sequence[str], seed: int, plugins: Sequence[Path] = ()) -> None:
    """Draw the sheet of a modality."""
    from perturbations.modality import modality as known
    from stress.gallery import write_sheet

    load_plugins(plugins)

    def wanted(name: str) -> bool:
        return not only or any(fnmatch(name, glob) or fnmatch(name.partition(".")[2], glob) for glob in only)

    chosen = [name for name in names(known(modality).name) if wanted(name)]
    if not chosen:
        raise InputError(f"gallery: --only must match a perturbation of {modality}, got {', '.join(only)}.")
    write_sheet(modality, output, chosen, seed)
    say(f"{output}")
