"""A policy: a rule over signals that says what to do with an input, as plain data that can be read and signed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import named_keywords, short
from perturbations.files import read_text
from stress.policy._actions import KEEP, action_of
from stress.records.answered import calls_for

__all__ = ["FORMAT", "Policy", "load", "save"]

FORMAT = 2
"""Version of the file of a policy."""


@dataclass(frozen=True)
class Policy:
    """What to do with an input, decided by signals of its streams' quality.

    ``rule`` is an action, or ``{"signal": "audio.snr", "below": 3.2, "then": …, "else": …}`` with rules in it. ``safe``
    is done where a signal that the rule asks for is missing or undefined. ``which`` says which signals are computed
    ("cheap" or "all"); ``answer_from`` is the confidence from which an answer is given, where one was calibrated.
    ``spread`` is the inter-quartile range of the rule's signals on clean input. A rule's ``position`` beside ``below``
    says where the threshold lies among clean values of one group, so that it can be moved to another (``anchored``).
    ``reads`` says how the model's answers are read (``classes`` in order, and their form), where the rule or
    ``answer_from`` needs them. ``about`` says what it was made from, and what it was worth there.
    """

    rule: Mapping[str, Any] | str
    actions: tuple[str, ...]
    signals: tuple[str, ...]
    safe: str = KEEP
    which: str = "cheap"
    answer_from: float | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    reads: Mapping[str, Any] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.actions or not all(map(action_of, self.actions)):
            known = "keep, abstain, 'drop STREAM', 'fill STREAM with FILL' or 'ask module:attribute'"
            raise InputError(f"policy: actions must be {known}, got {short(self.actions)}.")
        if self.safe not in self.actions:
            raise InputError(f"policy: safe must be one of its actions, got {short(self.safe)}.")
        if self.which not in ("cheap", "all"):
            raise InputError(f"policy: which must be cheap or all, got {short(self.which)}.")
        if self.answer_from is not None and not (_number(self.answer_from) and 0 <= self.answer_from <= 1):
            raise InputError(f"policy: answer_from must be a confidence from 0 to 1, got {short(self.answer_from)}.")
        for _ in self._checked(self.rule, 0):
            pass

    def _checked(self, rule: Any, depth: int) -> Iterator[None]:
        if isinstance(rule, str):
            if rule not in self.actions:
                raise InputError(f"policy: the rule takes {short(rule)}, which is none of its actions.")
            return
        needed = {"signal", "below", "then", "else"}
        if depth > 20 or not isinstance(rule, Mapping) or not needed <= set(rule) <= {*needed, "position"}:
            raise InputError(
                f"policy: a rule must be an action or have signal, below, then and else, got {short(rule)}."
            )
        if rule["signal"] not in self.signals:
            raise InputError(f"policy: the rule asks for {short(rule['signal'])}, which is none of its signals.")
        for value in (rule["below"], rule.get("position", 0)):
            if not _number(value):
                raise InputError(f"policy: a threshold must be a finite number, got {short(value)}.")
        for branch in ("then", "else"):
            yield from self._checked(rule[branch], depth + 1)

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams whose signals the rule asks for."""
        return tuple(dict.fromkeys(stream for name in self.asked if (stream := name.rpartition(".")[0])))

    @property
    def relative(self) -> bool:
        """Whether its thresholds say where they lie among clean input, so that they can be moved to another group."""

        def positions(rule: Mapping[str, Any] | str) -> bool:
            return not isinstance(rule, str) and (
                "position" in rule or positions(rule["then"]) or positions(rule["else"])
            )

        return positions(self.rule)

    @property
    def answers_wanted(self) -> tuple[bool, bool]:
        """Whether the rule asks for signals of the model's answer, and of its answers to each stream alone."""
        return calls_for(self.asked)

    @property
    def taken(self) -> tuple[str, ...]:
        """Names of the actions that the rule can take, the safe one last."""

        def actions(rule: Mapping[str, Any] | str) -> list[str]:
            return [rule] if isinstance(rule, str) else [*actions(rule["then"]), *actions(rule["else"])]

        return tuple(dict.fromkeys([*actions(self.rule), self.safe]))

    @property
    def asked(self) -> tuple[str, ...]:
        """Names of the signals that the rule asks for."""

        def names(rule: Mapping[str, Any] | str) -> list[str]:
            return [] if isinstance(rule, str) else [rule["signal"], *names(rule["then"]), *names(rule["else"])]

        return tuple(dict.fromkeys(names(self.rule)))

    def decide(self, signals: Mapping[str, float]) -> str:
        """Return the action for an input whose signals are given by name: ``{"audio.snr": 3.1, …}``.

        The safe action where one that the rule comes to is missing, None or not a number.
        """
        rule = self.rule
        while not isinstance(rule, str):
            value = signals.get(rule["signal"])
            if value is None or value != value:
                return self.safe
            rule = rule["then"] if value < rule["below"] else rule["else"]
        return rule

    def data(self) -> dict[str, Any]:
        """Return the policy as plain data."""
        return {
            "format": FORMAT,
            "actions": list(self.actions),
            "safe": self.safe,
            "signals": list(self.signals),
            "which": self.which,
            "answer_from": self.answer_from,
            "reads": dict(self.reads),
            "spread": dict(self.spread),
            "rule": self.rule,
            "about": dict(self.about),
        }


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@named_keywords
def save(policy: Policy, path: str | Path) -> Path:
    """Write a policy as JSON and return the path."""
    path = Path(path)
    text = json.dumps(policy.data(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"policy: {path} cannot be written: {error.strerror}.") from None
    return path


@named_keywords
def load(path: str | Path) -> Policy:
    """Read a policy. Raises InputError for what is none, or one of another format."""
    path = Path(path)
    try:
        found = json.loads(read_text(path, "policy"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"policy: {path} cannot be read as JSON: {type(error).__name__}.") from None
    if not isinstance(found, dict) or "rule" not in found:
        raise InputError(f"policy: {path} must hold a policy, got {short(found)}. `stress policy fit` writes one.")
    if found.get("format") != FORMAT:
        raise InputError(f"policy: {path} must be of format {FORMAT}, got {short(found.get('format'))}. Fit it again.")
    actions, signals = (found.get(name) for name in ("actions", "signals"))
    for name, value in (("actions", actions), ("signals", signals)):
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise InputError(f"policy: {path}: {name} must be a list of names, got {short(value)}.")
    about, reads, spread = (found.get(name) or {} for name in ("about", "reads", "spread"))
    for name, value in (("about", about), ("reads", reads), ("spread", spread)):
        if not isinstance(value, dict):
            raise InputError(f"policy: {path}: {name} must be a mapping, got {short(value)}.")
    if wrong := [value for value in spread.values() if not _number(value) or value < 0]:
        raise InputError(f"policy: {path}: spread must be numbers from 0 up, got {short(wrong[0])}.")
    return Policy(
        found["rule"],
        tuple(actions or ()),
        tuple(signals or ()),
        found.get("safe", KEEP),
        found.get("which", "cheap"),
        found.get("answer_from"),
        about,
        reads,
        spread,
    )
