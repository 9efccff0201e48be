"""Which cells a rule is about: ``on:`` as it is written, matched against the cells of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from perturbations.modality import MODALITIES
from scenarios import MACHINE
from scenarios.reading import Node, Problems
from stress.records.source import Source

__all__ = ["Selection", "read_selection", "streams_of"]

KEYS = (
    "scenario", "severity", "modality", "stream", "lost", "only_stream", "perturbation", "category", "cell", "profile",
    "fallback",
)  # fmt: skip
_NAMED = ("modality", "stream", "lost", "only_stream")
_BOUND = re.compile(r"\s*(<=|>=|<|>|=|==)?\s*(\d+(?:\.\d+)?)\s*")
_RANGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True)
class Selection:
    """What ``on:`` says: ``every`` cell, the ``clean`` one, or the cells for which each key has one of its values."""

    kind: str = "every"
    terms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.kind != "terms":
            return {"clean": "clean", "every": "all cells"}[self.kind]
        return ", ".join(f"{key} {' or '.join(values)}" for key, values in self.terms.items())

    def check(self, run: Source, problems: Problems) -> None:
        """Note streams and modalities that the run's data does not have: no other run of it could have them."""
        streams = streams_of(run)
        there = sorted({*streams, *streams.values()} - {""})
        machine = [MACHINE] if any(MACHINE in str(kind) for kind in run.cells["modality"].to_pylist()) else []
        for key in _NAMED:
            known = [*there, *(machine if key == "modality" else [])]
            for value in self.terms.get(key, ()):
                special = ("none", "any") if key == "lost" else ()
                for name in () if value in special else value.split("+"):
                    if name not in known:
                        text = f"{key} must be one of {', '.join(known)}, got {name!r}."
                        problems.say(self.where[key], "on", text, name, known)

    def cells(self, run: Source) -> list[str]:
        """Return the ids of the cells that are meant. Dropped-stream fallbacks are left out unless asked for."""
        rows = run.cells.to_pylist()
        if self.kind == "clean":
            return [row["cell"] for row in rows if row["cell"] == "clean"]
        if self.kind == "every":
            return [row["cell"] for row in rows if not row["fallback"]]
        streams = streams_of(run)
        return [row["cell"] for row in rows if self._meant(row, streams)]

    def _meant(self, row: Mapping[str, Any], streams: Mapping[str, str]) -> bool:
        if row["cell"] == "clean" and "cell" not in self.terms:
            return False
        if row["fallback"] and "fallback" not in self.terms:
            return False
        return all(any(_matches(key, v, row, streams) for v in values) for key, values in self.terms.items())


def streams_of(run: Source) -> dict[str, str]:
    """Return the modality of each stream of a run's data, as far as the run says it."""
    found = run.info.get("identity", {}).get("data", {}).get("streams")
    if found:
        return {str(name): str(kind) for name, kind in found.items()}
    known: dict[str, str] = {}
    for row in run.cells.to_pylist():
        for name in row["streams"]:
            single = row["modality"] if len(row["streams"]) == 1 and row["modality"] in MODALITIES else ""
            known[name] = known.get(name) or single
    return known


def _named(value: str, streams: Mapping[str, str]) -> set[str]:
    """Return the streams that ``audio`` (a stream, or all streams of a modality) or ``audio+image`` stands for."""
    found: set[str] = set()
    for name in value.split("+"):
        found |= {name} if name in streams else {s for s, kind in streams.items() if kind == name}
    return found


def _matches(key: str, value: str, row: Mapping[str, Any], streams: Mapping[str, str]) -> bool:
    touched, lost = set(row["streams"]), set(row["lost"] or ())
    machine = {MACHINE} & set((row["modality"] or "").split("+"))
    if key == "severity":
        return row["severity"] is not None and _holds(value, float(row["severity"]))
    if key == "modality":
        return {streams.get(s) or row["modality"] for s in touched} | machine == set(value.split("+"))
    if key == "lost" and value in ("none", "any"):
        return bool(lost) == (value == "any")
    if key in ("stream", "lost", "only_stream") and machine:
        return False  # of such a cell a stream is not the only subject
    if key == "stream":
        return bool(touched) and touched <= _named(value, streams)
    if key == "lost":
        return lost == _named(value, streams)
    if key == "only_stream":
        return bool(lost) and set(streams) - lost == _named(value, streams)
    if key == "perturbation":
        names = [n for name in row[key].split(" > ") for n in (name, name.partition(".")[2])]
        return any(fnmatchcase(name, value) for name in (row[key], *names) if name)
    return fnmatchcase(row[key] or "", value)


def _holds(value: str, severity: float) -> bool:
    if span := _RANGE.fullmatch(value):
        return float(span[1]) <= severity <= float(span[2])
    found = _BOUND.fullmatch(value)
    if found is None:
        return False
    sign, bar = found[1] or "=", float(found[2])
    return {"<=": severity <= bar, ">=": severity >= bar, "<": severity < bar, ">": severity > bar}.get(
        sign, severity == bar
    )


def read_selection(node: Node | None, problems: Problems) -> Selection:
    """Return what ``on:`` says, and note what is wrong with it."""
    if node is None or node.value in ("all", "clean"):
        return Selection() if node is None or node.value == "all" else Selection("clean")
    if not isinstance(node.value, dict) or not node.value:
        forms = "clean, all, or a mapping such as {modality: audio, severity: '<=3'}"
        problems.say(node.where, "on", f"must be {forms}, got {node.shown}.", str(node.value), ("clean", "all"))
        return Selection()
    terms: dict[str, tuple[str, ...]] = {}
    for key, child in node.value.items():
        if key not in KEYS:
            problems.say(node.keys[key], "on", f"a key must be one of {', '.join(KEYS)}, got {key!r}.", key, KEYS)
            continue
        terms[key] = tuple(_texts(child, key, problems))
    return Selection("terms", terms, {key: child.where for key, child in node.value.items()})


def _texts(node: Node, key: str, problems: Problems) -> Iterable[str]:
    children: Sequence[Node] = node.value if isinstance(node.value, list) else [node]
    if not children:
        problems.say(node.where, "on", f"{key} must have at least one value, got an empty list.")
    for child in children:
        value = child.value
        if key == "severity" and isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{value:g}"
        elif not isinstance(value, str) or not value:
            problems.say(child.where, "on", f"{key} must be a text or a list of texts, got {child.shown}.")
        elif key == "severity" and not (_BOUND.fullmatch(value) or _RANGE.fullmatch(value)):
            problems.say(child.where, "on", f"severity must be like 3, '<=3', '>1' or 1-3, got {child.shown}.")
        else:
            yield value
