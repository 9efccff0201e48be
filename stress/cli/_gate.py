"""``stress gate`` and ``stress compare``: what is printed, what is written, and the exit status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from perturbations import InputError, StressError
from perturbations.errors import printable
from stress._face import Run, open_run
from stress.cli._display import console, safe, say
from stress.gate import (
    MARKS,
    Change,
    Comparison,
    Example,
    Report,
    Several,
    compare,
    compare_several,
    comparison_data,
    comparison_markdown,
    flips,
    headline,
    interval,
    judge,
    letters,
    load_disputed,
    load_gates,
    notable,
    number,
    report_data,
    save,
    several_data,
    several_markdown,
    shown,
    worst_failures,
)

__all__ = ["run_compare", "run_gate"]

_COLOURS = {"pass": "green", "fail": "red", "undecided": "yellow", "unjudged": "magenta",
            "better": "green", "worse": "red", "unknown": "default"}  # fmt: skip


def run_gate(
    folder: Path,
    gates: str | None,
    against: Path | None,
    common: bool,
    undecided: str | None,
    correction: str | None,
    allow_mixed: bool,
    suggest: bool,
    labels_disputed: Path | None,
    regression: Path | None,
    **outputs: Any,
) -> int:
    """Hold a run against gates, print and write what came of it, and return the exit status."""
    run = open_run(folder)
    if suggest:
        from stress.gate import suggest as suggested

        say(suggested(run, None if against is None else open_run(against)), nl=False)
        return 0
    if gates is None and regression is None:
        raise InputError("gate: GATES must be given: a YAML file, good or floor (or --suggest to get a first one).")
    status = 0
    if gates is not None:
        rules = load_gates(gates)
        rules = replace(rules, correction=correction) if correction else rules
        before = open_run(against) if against is not None else None
        disputed = () if labels_disputed is None else load_disputed(labels_disputed, run)
        report = judge(
            run, rules, before, undecided=undecided, common=common, allow_mixed=allow_mixed, labels_disputed=disputed
        )
        examples = _examples(report, run)
        with _until_nobody_reads():
            _show(report)
        _write(report, examples, folder, **outputs)
        _on_the_page(run)
        status = report.status
    if regression is not None:
        from stress.gate import export_regression

        say(f"regression suite: {export_regression(run, regression)}")
    return status


_SOON = 250_000
"""Records up to which a page that is there already is made anew, so that it shows the verdict."""


def _on_the_page(run: Run) -> None:
    """Put the verdict on the run's page, where there is one and it takes seconds."""
    from stress.report import write_report

    if not (run.path / "report" / "index.html").is_file():
        return
    if run.count > _SOON:
        say(f"`stress report {printable(run.path)}` puts the verdict on its page.", err=True)
        return
    try:
        write_report(run)
    except StressError as error:  # the verdict stands: it was printed and written
        say(f"{error} The page is as it was.", err=True)


@contextmanager
def _until_nobody_reads() -> Iterator[None]:
    """Print as long as it is read: a closed pipe (``| head``) changes neither the files nor the exit status."""
    try:
        yield
    except BrokenPipeError:
        from stress.cli._pipe import silence

        silence()


def _examples(report: Report, run: Run) -> list[Example]:
    """Return the worst three examples: answers lost since the last release, or lost under stress."""
    bad = [v for v in report.verdicts if v.outcome in ("fail", "undecided")] or list(report.verdicts)
    cells = list(dict.fromkeys(name for v in bad for check in v.checks for name in check.cells))
    if report.matched is not None and any(v.rule.against for v in bad):
        return flips(report.matched, cells)[:3]
    return worst_failures(run, cells, 3)


def _mark(outcome: str) -> Any:
    from rich.text import Text

    return Text(f"{MARKS.get(outcome, '')} {outcome}".strip(), style=_COLOURS[outcome])


def _show(report: Report) -> None:
    from rich.table import Table

    table = Table("outcome", "rule", "worst", "value", "n", title=safe(f"{report.gates.name} on {report.run}"))
    for verdict in report.verdicts:
        check = verdict.worst
        value = interval(check) if check.value is not None else (check.note or "")
        row = (verdict.rule.title, check.subject, value, f"{check.n:,}")
        table.add_row(_mark(verdict.outcome), *map(safe, row))
    console().print(table)
    for line in report.dropped:
        say(printable(f"left out: {line}"))
    for verdict in report.verdicts:
        if verdict.outcome != "pass":
            say(printable(f"{verdict.outcome} {verdict.rule.where} {verdict.message}"))
    _labels(report)
    for text in report.obstacles:
        say(f"{text}.")
    counts = ", ".join(f"{report.count(o)} {o}" for o in ("pass", "fail", "undecided", "unjudged") if report.count(o))
    size = f"{len(report.verdicts)} rules, {report.checks} checks (correction: {report.gates.correction})"
    policy = f" – undecided counts as {report.undecided}" if report.undecided and report.count("undecided") else ""
    say(f"{size}: {counts}{policy}. {report.outcome.upper()}, exit status {report.status}")


def _labels(report: Report) -> None:
    """Say which verdict would turn first if labels were wrong."""
    known = [(check.turns_at, v) for v in report.verdicts for check in v.checks if check.turns_at is not None]
    if known:
        first, verdict = min(known, key=lambda each: each[0])
        say(printable(f"labels: if {first:.1%} of them or more are wrong, {verdict.rule.title} may end otherwise"))


def _write(
    report: Report,
    examples: Sequence[Example],
    folder: Path,
    json_file: Path | None,
    junit: Path | None,
    markdown: Path | None,
    sarif: Path | None,
    annotations: bool,
) -> None:
    from stress.gate import commands
    from stress.gate import junit as to_junit
    from stress.gate import markdown as to_markdown
    from stress.gate import sarif as to_sarif

    try:
        save(json_file or folder / "gate.json", report_data(report, examples))
    except InputError as error:
        if json_file is not None:
            raise
        say(f"{error} The verdict stands; --json FILE writes it elsewhere.", err=True)
    if junit is not None:
        save(junit, to_junit(report))
    if sarif is not None:
        save(sarif, to_sarif(report))
    if markdown is not None:
        _text(markdown, to_markdown(report, examples))
    with _until_nobody_reads():
        for line in commands(report) if annotations else ():
            say(line)


def _text(path: Path, text: str) -> None:
    if str(path) == "-":
        say(text, nl=False)
    else:
        save(path, text)


def run_compare(runs: Sequence[Path], json_file: Path | None, markdown: Path | None, **options: Any) -> None:
    """Compare two runs, or put more side by side, and print and write what came of it."""
    opened = [open_run(path) for path in runs]
    if len(opened) < 2:
        raise InputError("compare: must have at least two runs, got 1.")
    make: Any = compare
    show: Any = _show_comparison
    data: Any = comparison_data
    text: Any = comparison_markdown
    if len(opened) > 2:
        make, show, data, text = compare_several, _show_several, several_data, several_markdown
    found = make(*opened, **options)
    show(found)
    if json_file is not None:
        save(json_file, data(found))
    if markdown is not None:
        _text(markdown, text(found))


def _show_several(found: Several) -> None:
    from rich.table import Table

    screen, names = console(), [letters(i) for i in range(len(found.runs))]
    for name, run in zip(names, found.runs):
        say(printable(f"{name}  {run.path}"))
    for line in found.dropped:
        say(printable(f"left out: {line}"))
    table = Table("", "measure", "surely better")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    before = None
    for row in found.rows:
        table.add_section() if row.part != before else None
        part, before = row.part if row.part != before else "", row.part
        table.add_row(*map(safe, (part, row.measure, row.order, *(shown(row.measure, v) for v in row.values))))
    screen.print(table)
    say(
        f"{found.tested} differences over all pairs and rows, {found.confidence:.0%}, correction {found.correction}. "
        "A>B: A is surely better than B, sample by sample; of reliance: leans more on the stream"
    )


def _show_comparison(found: Comparison) -> None:
    from rich.table import Table

    screen = console()
    for line in found.pair.dropped:
        say(printable(f"left out: {line}"))
    for title, changes in (("overall", found.overall), ("slices", found.slices), ("cells", found.cells)):
        shown = notable(changes, 20)
        table = Table("", "part", "before", "after", "drop (positive: worse)", "lost/gained", title=title)
        for change in shown:
            table.add_row(_mark(change.verdict), *map(safe, _cells(change)))
        screen.print(table)
        if len(changes) > len(shown):
            say(f"… and {len(changes) - len(shown)} more with smaller changes (--json has all)")
    for word, examples in (("lost", found.lost), ("gained", found.gained)):
        for example in examples[:3]:
            answers = f"{example.before} → {example.after}"
            line = f"{word}: {example.sample} in {example.cell} (truth {example.target}): {answers}"
            say(printable(line))
    say(f"{found.metric}, {found.confidence:.0%}, correction {found.correction}: {headline(found)}")


def _cells(change: Change) -> list[str]:
    check = change.check
    name = f"{change.slice} {check.subject}" if change.slice not in ("", "cell") else check.subject
    flipped = "" if check.lost is None else f"{check.lost}/{check.gained}"
    return [name, number(check.before), number(check.after), interval(check), flipped]
