"""What to do when a stream degrades: what each action would have come to and, with a policy, the system with it."""

from __future__ import annotations

from perturbations import StressError
from stress.measure import measured
from stress.policy import Policy, load, sentences, system
from stress.report._book import Book
from stress.report._grid import Column, Grid, nums, texts, wrapped
from stress.report._numbers import DASH, count, plural
from stress.report._part import Part

__all__ = ["POLICY", "fallbacks"]

POLICY = "policy.json"
"""File in a run's folder whose policy the report shows."""


def fallbacks(book: Book) -> Part | None:
    """Return the section, of a run of a suite with fallbacks."""
    rows = [row for row in book.table("dropping") if row["value"] is not None]
    if not rows:
        return None
    form, body = book.form, []
    for row in sorted(rows, key=lambda row: -row["value"]):
        does = f"drop {row['action'].replace('+', ' and ')}" if row["kind"] == "drop" else row["action"]
        gain = form.change({"value": row["value"], "low": row["all_low"], "high": row["all_high"]})
        sure = "yes" if row["all_low"] is not None and row["all_low"] > 0 else ""
        body.append([row["cell"], does, form.value(row["kept"]), form.value(row["without"]), gain, sure])
    columns = [
        *texts("cell"),
        *wrapped("what is done"),
        *nums("as it is", "with it", f"gain, {form.points}"),
        Column("sure"),
    ]
    grids = [Grid(columns, body, "What each action would have come to").cut("dropping")]
    how = f"Gains are paired, with intervals over all {plural(len(rows), 'comparison')} at once."
    path = book.run.path / POLICY
    if not path.is_file():
        how += f" `stress policy fit` makes a rule; as {POLICY} in the run's folder it is shown here."
        return Part("fallbacks", "When a stream degrades", how, grids=grids)
    try:
        policy = load(path)
        return Part("fallbacks", "When a stream degrades", how, grids=[_rule(policy), _system(book, policy), *grids])
    except StressError as error:
        return Part(
            "fallbacks",
            "When a stream degrades",
            f"{how} The policy beside the run cannot be shown: {error}",
            grids=grids,
        )


def _rule(policy: Policy) -> Grid:
    notes = []
    if "worth_it" in policy.about:
        worth = "Worth it" if policy.about["worth_it"] else "Not worth it"
        notes.append(f"{worth}: {policy.about.get('reason', DASH)}.")
    return Grid(wrapped("rule"), [[line] for line in sentences(policy)], "The policy", notes=notes)


def _system(book: Book, policy: Policy) -> Grid:
    """Return each cell without and with the policy, replayed from the records."""
    with_it = measured(system(book.run, policy)).metric(book.form.name)
    form, body = book.form, []
    for name, number in with_it.items():
        row = {"value": number.value, "low": number.low, "high": number.high}
        silent = (number.failed or 0) - ((book.value(name) or {}).get("failed") or 0)
        body.append([name, form.both(book.value(name) or {}), form.both(row), count(max(0, silent))])
    columns = [*texts("cell"), *nums(f"{form.title} without", f"{form.title} with it", "answers not given")]
    note = (
        "On the run that a policy was made from, it looks better than it is: see what it is worth on unseen scenarios."
    )
    return Grid(columns, body, "The system with its policy, from the records", notes=[note]).cut("cells")
