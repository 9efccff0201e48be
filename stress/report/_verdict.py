"""The verdict over each scenario – holds, breaks or neither – from the measures' numbers and their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from stress.report._book import BREAK_AT, Book, Row, about_of
from stress.report._numbers import plural, visible

__all__ = ["Verdict", "curve_of", "headline", "label", "verdict", "worst_cell", "worst_of"]

Verdict = Literal["holds", "breaks", "unsure", "few", "unknown", "untested"]
"""``unsure``: the interval leaves it open. ``few``: it looks sound, but rests on too few clusters to say so.
``unknown``: the measure is undefined here. ``untested``: no perturbation could change any record, so that nothing was
seen."""


def verdict(book: Book, scenario: Row) -> Verdict:
    """Return whether a scenario of the summary breaks the model, its interval taken into account."""
    if (scenario["unchanged"] or 0.0) >= 1:
        return "untested"
    breaking = scenario["breaking_severity"]
    value, low, high = breaking["value"], breaking["low"], breaking["high"]
    if value is not None:
        return "breaks" if high is not None else "unsure"
    if breaking["holds"]:
        return "unsure" if low is not None else _unbroken(book, scenario)
    return _ungraded(book, scenario)


def _unbroken(book: Book, scenario: Row) -> Verdict:
    """Return the verdict over a curve that breaks in no resample: it holds only if the intervals beside it say so, too.

    Where no answer changed, no resample differs; and with one of few clusters left out, a curve that does not break
    has no spread at all. What then tells is the worst cell: its interval, which allows for all cells, is to lie above
    the bar.
    """
    worst, kept, start = scenario["worst"], scenario["retention"], book.curve_at[about_of(scenario)][0]["value"]
    error = book.form.better == "lower"
    end = worst["high"] if error else worst["low"]
    if end is None or scenario["breaking_severity"]["few"]:
        sure = end is not None and (1 - end >= BREAK_AT * (1 - start) if error else end >= BREAK_AT * start)
        return "holds" if sure else "few"
    return "unsure" if kept["low"] is not None and kept["low"] < BREAK_AT else "holds"


def _ungraded(book: Book, scenario: Row) -> Verdict:
    """Return the verdict over a scenario's single cells: the worst of them decides."""
    found: set[Verdict] = set()
    for row in book.single.get((scenario["scenario"], scenario["fallback"]), ()):
        if row["low"] is None or row["high"] is None:
            found.add("unknown" if row["value"] is None else "few")
        elif row["high"] < BREAK_AT:
            found.add("breaks")
        elif row["low"] >= BREAK_AT:
            found.add("holds")
        else:
            found.add("few" if row["few"] and row["value"] >= BREAK_AT else "unsure")
    order: tuple[Verdict, ...] = ("breaks", "unknown", "unsure", "few", "holds")
    return next((name for name in order if name in found), "unknown")


def label(scenario: Row, book: Book) -> str:
    """Return a scenario's name, with its stream or perturbation where one name stands for several curves."""
    name = visible(scenario["scenario"])
    same = book.scenarios_named[scenario["scenario"]]
    if len(same) < 2:
        return name
    for key in ("stream", "perturbation", "profile"):
        if len({row[key] for row in same}) == len(same):
            return f"{name} ({visible(scenario[key])})"
    return f"{name} ({visible(scenario['stream'])}, {visible(scenario['perturbation'])})"


def worst_of(book: Book, scenarios: Sequence[Row]) -> Row | None:
    """Return the worst of some scenarios' worst cells: cell, value, low, high."""
    sign = 1 if book.form.better == "higher" else -1
    known = [row["worst"] for row in scenarios if row["worst"]["value"] is not None]
    return min(known, key=lambda row: sign * row["value"], default=None)


def worst_cell(book: Book) -> Row | None:
    """Return the worst cell of the run, fallbacks aside, and cells without any stream, which show chance alone."""
    sign, streams = 1 if book.form.better == "higher" else -1, set(book.info.get("streams") or ())
    found = []
    for row in book.summary["scenarios"]:
        worst = row["worst"]
        if row["fallback"] or worst["value"] is None:
            continue
        if set(book.plan[worst["cell"]].lost) == streams:
            others = [c for c in book.plan_of[row["scenario"]] if set(c.lost) != streams]
            known = [v for c in others if (v := book.value(c.cell)) is not None and v["value"] is not None]
            worst = min(known, key=lambda value: sign * value["value"], default=None)
        found += [] if worst is None else [worst]
    return min(found, key=lambda row: sign * row["value"], default=None)


def curve_of(book: Book, row: Row) -> Row | None:
    """Return the summary's entry for the curve that a row of the curves is part of."""
    return book.scenario_at.get(about_of(row))


def headline(book: Book) -> str:
    """Return the run in one sentence."""
    scenarios = [row for row in book.summary["scenarios"] if not row["fallback"]]
    if not scenarios:
        return "Clean input only: no scenario was run."
    found: dict[Verdict, list[str]] = {name: [] for name in get_args(Verdict)}
    for row in scenarios:
        found[verdict(book, row)].append(label(row, book))
    if not book.finished:
        return f"So far: {_sentence(found, len(scenarios))}"
    return _sentence(found, len(scenarios))


def _sentence(found: dict[Verdict, list[str]], total: int) -> str:
    broken, unsure = found["breaks"], found["unsure"]
    if len(found["holds"]) == total:
        return f"Holds under {'its one scenario' if total == 1 else f'all {total} scenarios'}."
    parts = []
    if broken:
        share = (
            f"all {total} scenarios" if len(broken) == total > 1 else f"{len(broken)} of {plural(total, 'scenario')}"
        )
        parts.append(f"breaks under {share} – {_named(broken)}")
    if unsure:
        of = "" if broken else f" of {plural(total, 'scenario')}"
        parts.append(f"may break under {len(unsure)}{of} – {_named(unsure)}")
    if found["few"]:
        of = "" if parts else f" of {plural(total, 'scenario')}"
        parts.append(f"not enough evidence under {len(found['few'])}{of} – {_named(found['few'])}")
    if found["unknown"]:
        parts.append(f"cannot be judged under {len(found['unknown'])}")
    if found["untested"]:
        parts.append(f"not tested under {len(found['untested'])} – {_named(found['untested'])}")
    if found["holds"]:
        parts.append(f"holds under {len(found['holds'])}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _named(names: list[str], most: int = 4) -> str:
    listed = ", ".join(names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"
