"""A suite on a data set: bind every scenario, make its cells, choose among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from perturbations import SpecError
from perturbations.errors import gather, named_keywords, nearest
from scenarios._acting import pairwise_note
from scenarios._bind import Absent, bind_all, imagine, labelled
from scenarios._bound import Bound, Mismatch
from scenarios._cells import CLEAN, Cell, Plan
from scenarios._count import count
from scenarios._fallbacks import Fallback, fallbacks, lacking
from scenarios._grid import cells
from scenarios._spec import EVERYTHING, Scenario, Suite

__all__ = ["check", "expand"]

_TRIED = 2_000
"""Cells of a scenario that are made to check it without a data set."""


@named_keywords
def expand(
    suite: Suite,
    streams: Mapping[str, str],
    *,
    has: Collection[str] = EVERYTHING,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    most: int | None = None,
) -> Plan:
    """Return the plan of a suite for a data set: its streams (name → modality) and what its samples have.

    ``has`` holds those of ``data``, ``sequence``, ``alternates`` and ``target`` that are there, and the languages of
    alternates as ``alternates:de``, where they are known. ``only`` and ``skip`` are globs over cell ids and scenario
    names; they choose cells and change none. ``most`` is how many cells there may be. Raises SpecError with all
    problems.
    """
    if most is not None:
        _check_size(suite, streams, has, only, skip, most)
    found: list[Cell] = []
    left_out: list[tuple[str, str]] = []
    notes: list[tuple[str, str]] = []
    problems: list[str] = []
    for scenario in suite.scenarios:
        try:
            spared: list[str] = []
            bounds = bind_all(scenario, streams, has, spared if suite.builtin else None)
            left_out += [(scenario.name, reason) for reason in dict.fromkeys(spared)]
            if wrong := lacking(scenario.fallbacks, has):
                raise Absent(scenario.steps[0], wrong)
            made = cells(scenario, bounds)
            found += made
            if scenario.grid == "pairwise":
                notes.append((scenario.name, pairwise_note(scenario, bounds, len(made))))
        except Mismatch as error:
            problems += error.problems
        except Absent as error:
            left_out.append((scenario.name, str(error)))
            if not suite.builtin:
                problems.append(f"{error.where}: {scenario.name}: {error}{'' if str(error)[-1] in '.?' else '.'}")
    gather(problems, SpecError)
    wanted = {scenario.name: scenario.fallbacks for scenario in suite.scenarios}
    fallen = fallbacks([(cell, wanted[cell.scenario]) for cell in found], streams, left_out)
    _check_ids([*found, *(one.cell for one in fallen)], suite)
    chosen = _choose(suite, found, fallen, only, skip)
    _check_chosen(suite, chosen, most, left_out)
    return Plan(
        suite.name,
        suite.version,
        (CLEAN, *chosen),
        draws=suite.draws,
        left_out=tuple(left_out),
        plugins=suite.plugins,
        source=suite.source,
        notes=tuple(note for note in notes if any(cell.scenario == note[0] for cell in chosen)),
    )


def _check_chosen(suite: Suite, chosen: Sequence[Cell], most: int | None, left_out: Sequence[tuple[str, str]]) -> None:
    """Raise SpecError where no cell is left, or where there are too many, with those of the fallbacks."""
    if most is not None and len(chosen) > most:
        raise SpecError(
            f"{suite.title}: must have at most {most:,} cells, got {len(chosen):,} with those of its fallbacks. "
            "--only chooses scenarios, --max-cells allows more."
        )
    if not chosen and suite.scenarios:  # one without any is of data that are perturbed already
        reasons = "\n".join(f"{name}: {reason}." for name, reason in left_out)
        raise SpecError(f"{suite.title}: must have a cell that fits the data, got none.\n{reasons}".rstrip())


def _check_ids(found: Sequence[Cell], suite: Suite) -> None:
    """Raise where two cells have one id: their records could not be distinguished."""
    counts = Counter(cell.id for cell in found)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise SpecError(f"{suite.title}: cells must have ids of their own, got {twice[0]!r} {counts[twice[0]]} times.")


def _check_size(
    suite: Suite,
    streams: Mapping[str, str],
    has: Collection[str],
    only: Sequence[str],
    skip: Sequence[str],
    most: int,
) -> None:
    """Raise SpecError where the scenarios that are chosen have more cells than they may, before one is made."""
    counts: dict[str, int] = {}
    for scenario in suite.scenarios:
        chosen = not only or any(fnmatchcase(scenario.name, glob.partition(":")[0]) or "*" in glob for glob in only)
        if chosen and not any(fnmatchcase(scenario.name, glob) for glob in skip):
            try:
                counts[scenario.name] = count(scenario, bind_all(scenario, streams, has, [] if suite.builtin else None))
            except (Mismatch, Absent):  # said in full when the cells are made
                continue
    if (total := sum(counts.values())) > most:
        largest = max(counts, key=lambda name: counts[name])
        raise SpecError(
            f"{suite.title}: must have at most {most:,} cells, got {total:,} ({largest} has {counts[largest]:,}). "
            "A pairwise grid has every pair of values in few cells, --only chooses scenarios, --max-cells allows more."
        )


def check(scenario: Scenario) -> list[str]:
    """Return all that is wrong with a scenario, as far as it shows without a data set."""
    problems: dict[str, None] = {}
    bounds: list[Bound] = []
    for step in scenario.steps:
        try:
            bounds.append(imagine(scenario, step))
        except Mismatch as error:
            problems.update(dict.fromkeys(error.problems))
    try:
        if bounds and not problems:
            cells(scenario, labelled(bounds), _TRIED)
    except Mismatch as error:
        problems.update(dict.fromkeys(error.problems))
    return list(problems)


def _choose(
    suite: Suite, found: Sequence[Cell], fallen: Sequence[Fallback], only: Sequence[str], skip: Sequence[str]
) -> list[Cell]:
    """Return the cells that the globs leave, and of the fallback cells those that belong to them."""
    known = [*found, *(one.cell for one in fallen)]
    for option, globs in (("only", only), ("skip", skip)):
        for glob in globs:
            if not any(_matches(cell, [glob]) for cell in known):
                hint = nearest(glob, [*(cell.id for cell in known), *(s.name for s in suite.scenarios)])
                raise SpecError(f"{suite.title}: {option} must match a cell or a scenario, got {glob!r}. {hint}")
    kept = [cell for cell in found if (not only or _matches(cell, only)) and not _matches(cell, skip)]
    needed = {cell.id for cell in kept}
    return kept + [
        one.cell
        for one in fallen
        if (not one.of.isdisjoint(needed) or _matches(one.cell, only)) and not _matches(one.cell, skip)
    ]


def _matches(cell: Cell, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(cell.id, glob) or fnmatchcase(cell.scenario, glob) for glob in globs)
