"""A policy in words, for those who sign it, and as a function without imports, for those who run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from perturbations import InputError
from perturbations.errors import named_keywords, short
from stress.policy._actions import action_of
from stress.policy._policy import Policy

__all__ = ["markdown", "python", "sentences"]


def _does(action: str) -> str:
    known = action_of(action)
    return action if known is None else known.says


@named_keywords
def sentences(policy: Policy) -> list[str]:
    """Return the rule as sentences, one a way through it."""
    lines = [f"{when[0].upper()}{when[1:]}: {_does(action)}." for when, action in _ways(policy.rule, ())]
    lines.append(f"Where a signal that is asked for is missing or undefined: {_does(policy.safe)}.")
    if policy.answer_from is not None:
        lines.append(f"An answer of confidence below {policy.answer_from:.4g} is not given.")
    return lines


def _ways(rule: Mapping[str, Any] | str, so_far: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(rule, str):
        yield (f"where {' and '.join(so_far)}" if so_far else "always"), rule
        return
    name, limit = rule["signal"], f"{rule['below']:.4g}"
    yield from _ways(rule["then"], (*so_far, f"{name} is below {limit}"))
    yield from _ways(rule["else"], (*so_far, f"{name} is {limit} or more"))


@named_keywords
def python(policy: Policy) -> str:
    """Return the source of a function ``decide(signals)`` that imports nothing and decides the same."""
    lines = [
        "def decide(signals):",
        '    """Return what to do with an input, from signals of its quality by name (`stress policy export`)."""',
        *_branches(policy.rule, policy.safe, 1),
        "",
    ]
    return "\n".join(lines)


def _branches(rule: Mapping[str, Any] | str, safe: str, depth: int) -> list[str]:
    indent = "    " * depth
    if isinstance(rule, str):
        return [f"{indent}return {rule!r}"]
    return [
        f"{indent}value = signals.get({rule['signal']!r})",
        f"{indent}if value is None or value != value:",
        f"{indent}    return {safe!r}",
        f"{indent}if value < {float(rule['below'])!r}:",
        *_branches(rule["then"], safe, depth + 1),
        *_branches(rule["else"], safe, depth),
    ]


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


@named_keywords
def markdown(policy: Policy) -> str:
    """Return a page to sign: the rule in words, what it is worth on input it has not seen, what it promises.

    Raises InputError where what the policy says about itself was edited into something else.
    """
    try:
        return _page(policy)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"policy: what it says about its worth (about) must be as it was fitted, got {type(error).__name__} at "
            f"{short(str(error))}. Fit it again."
        ) from None


def _page(policy: Policy) -> str:
    about = policy.about
    lines = ["# Fallback policy", ""]
    lines += [f"Model {_cell(about.get('model'))} on {_cell(about.get('data'))}, run {_cell(about.get('run'))}.", ""]
    lines += [f"- {_cell(line)}" for line in sentences(policy)] + [""]
    if "worth_it" in about:
        lines += [f"**{'Worth it' if about['worth_it'] else 'Not worth it'}**: {_cell(about['reason'])}.", ""]
    for unseen, title in (("scenario", "On scenarios and samples it has not seen"), ("samples", "On new samples")):
        rows = [row for row in about.get("worth") or () if row["unseen"] == unseen]
        if rows:
            lines += [f"## {title}", "", "| scenario | never | rule | best action of each condition | gain | acts on |"]
            lines += ["|---|---|---|---|---|---|", *(_worth(row) for row in rows), ""]
    if found := about.get("guarantee"):
        lines += _promise(found)
    lines += ["Loss is in wrong answers per input, or as the costs say; intervals are paired, of whole clusters.", ""]
    return "\n".join([*lines, "Signed: ________________________  Date: ____________", ""])


def _worth(row: Mapping[str, Any]) -> str:
    acts = "–" if row.get("acts") is None else f"{row['acts']:.1%}"  # of a policy that was fitted before it was told
    gain = f"{row['gain']:+.3f} ({row['low']:.3f} to {row['high']:.3f}) | {acts}"
    return f"| {_cell(row['scenario'])} | {row['never']:.3f} | {row['rule']:.3f} | {row['by_condition']:.3f} | {gain} |"


def _promise(found: Mapping[str, Any]) -> list[str]:
    risk, delta = found["risk"], found["delta"]
    if found["threshold"] is None:
        return ["## No promise", "", f"No threshold keeps wrong answers to {risk:.0%} in every scenario.", ""]
    lines = [
        "## What is promised", "",
        f"With probability {1 - delta:.0%}, at most {risk:.1%} of the given answers are wrong in each scenario below, "
        "for new input like it. **It is no promise for other kinds of damage**: the last column is what the error was "
        "where the scenario had no part in the calibration.", "",
        "| scenario | error among answers | answered | error if it had been new |", "|---|---|---|---|",
    ]  # fmt: skip
    columns = zip(found["families"], found["error"], found["answered"], found["unseen"])
    shown = (["–" if value is None else f"{value:.1%}" for value in row[1:]] for row in columns)
    return lines + [f"| {_cell(name)} | {' | '.join(row)} |" for name, row in zip(found["families"], shown)] + [""]
