"""What a model's card says of its robustness: values with intervals, and under what conditions they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.measure import Measurable, Number
from stress.records.statuses import failures
from stress.report._book import Book, Row, about_of
from stress.report._numbers import count, plural, readable, visible
from stress.report.paper._sheet import Cell, Sheet, scenarios_sheet
from stress.report.paper._text import markdown

__all__ = ["card_data", "card_text"]

Form = Literal["huggingface", "markdown", "json"]
_ONE_STREAM = {"image": "image-classification", "audio": "audio-classification", "text": "text-classification"}
_ENDS = ("value", "low", "high", "n", "method")


def _number(found: Mapping[str, Any] | Number | None, **more: Any) -> dict[str, Any]:
    """Return a number as JSON holds it: its value, interval, what it rests on; null with its reason where undefined."""
    if found is None:
        return {"value": None, **more}
    get = found.get if isinstance(found, Mapping) else lambda name: getattr(found, name)
    kept = {name: get(name) for name in (*_ENDS, "note") if get(name) is not None}
    return {"value": None, **kept, **more}


@named_keywords
def card_data(run: Measurable) -> dict[str, Any]:
    """Return what a card says of a run, as data that JSON can hold: each value with its interval and conditions."""
    book = Book(run)
    if not book.begun:
        raise InputError(f"card: {run.path} has no records yet.")
    suite, data = book.identity.get("suite") or {}, book.identity.get("data") or {}
    scenarios = [row for row in book.summary["scenarios"] if not row["fallback"]]
    cells = {i: _cells(book, row) for i, row in enumerate(scenarios)}
    parts = book.measured.selection({str(i): ids for i, ids in cells.items()}) if cells else None
    means = parts.metric(book.form.name) if parts else {}
    statuses = book.summary["statuses"]
    return {
        "format": 1,
        "model": (book.identity.get("model") or {}).get("name"),
        "weights": (book.identity.get("model") or {}).get("weights"),
        "data": {"name": data.get("name"), "content": data.get("content"), "samples": book.summary["samples"]},
        "streams": dict(book.info.get("streams") or {}),
        "task": book.info.get("task"),
        "suite": {"name": suite.get("name"), "version": suite.get("version"), "seed": book.identity.get("seed")},
        "metric": {"name": book.form.name, "better": book.form.better, "unit": book.form.mark},
        "confidence": book.summary["confidence"],
        "clusters": None if book.summary["cluster"] == "sample" else book.summary["cluster"],
        "finished": book.finished,
        "clean": _number(book.clean),
        "scenarios": [_scenario(book, row, cells[i], means.get(str(i))) for i, row in enumerate(scenarios)],
        "failed": {name: statuses[name] for name in failures() if statuses.get(name)},
        "records": book.summary["records"],
        "left_out": [list(each) for each in book.info.get("left_out") or ()],
        "packages": dict(book.info.get("packages") or {}),
    }


def _cells(book: Book, row: Row) -> list[str]:
    every = (each for each in book.table("cells") if each["metric"] == book.form.name)
    return [each["cell"] for each in every if about_of(each) == about_of(row)]


def _scenario(book: Book, row: Row, cells: Sequence[str], mean: Number | None) -> dict[str, Any]:
    versions = book.identity.get("perturbations") or {}
    used = {name: versions.get(name) for cell in cells for name in _perturbations(book, cell)}
    levels = sorted(
        {float(each["severity"]) for c in cells if (each := book.value(c)) and each["severity"] is not None}
    )
    return {
        "scenario": row["scenario"],
        "streams": row["stream"],
        "perturbations": used,
        "profile": row["profile"] or None,
        "severities": levels,
        "cells": len(cells),
        "mean": _number(mean),
        "drop": _number(row["drop"]),
        "retention": _number(row["retention"]),
        "worst": _number(row["worst"], cell=row["worst"]["cell"]),
        "failed": row["failed"],
        "unchanged": row["unchanged"],
    }


def _perturbations(book: Book, cell: str) -> list[str]:
    conditions = book.plan[cell].conditions if cell in book.plan else ()
    return [str(each["perturbation"]) for each in conditions if each.get("perturbation")]


@named_keywords
def card_text(run: Measurable, form: Form = "markdown") -> str:
    """Return the card of a run: Markdown, JSON, or Markdown with the metadata that the Hugging Face Hub reads.

    There ``model-index`` has a result for clean input and one for each scenario: its ``dataset.args`` say under what
    conditions, each metric's ``args`` its interval, so that no value stands alone.
    """
    if form not in get_args(Form):
        raise InputError(f"card: form must be one of {', '.join(get_args(Form))}, got {form!r}.")
    data = card_data(run)
    if form == "json":
        return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    text = _words(Book(run), data)
    return f"---\n{_metadata(data)}---\n\n{text}" if form == "huggingface" else text


def _words(book: Book, data: Mapping[str, Any]) -> str:
    sheet = scenarios_sheet([book], (), common=False)
    about = [
        ["Data", f"{data['data']['name']}, {plural(data['data']['samples'], 'sample')}"],
        ["Streams", ", ".join(f"{name} ({kind})" for name, kind in data["streams"].items())],
        ["Suite", f"{data['suite']['name']}@{data['suite']['version']}, seed {data['suite']['seed']}"],
        ["Without an answer", f"{count(sum(data['failed'].values()))} of {plural(data['records'], 'record')}"],
        ["Left out", "; ".join(f"{name}: {why}" for name, why in data["left_out"]) or "nothing"],
        *([] if data["finished"] else [["Unfinished", "numbers rest on the records that are there"]]),
    ]
    rows = [[Cell(name), Cell(visible(str(value)))] for name, value in about]
    title = "## Robustness\n\n"
    return f"{title}{markdown(Sheet(['', ''], rows, 2, []))}\n{markdown(sheet)}"


def _metadata(data: Mapping[str, Any]) -> str:
    import yaml

    results = [_result(data, "clean", {}, {data["metric"]["name"]: data["clean"]})]
    for each in data["scenarios"]:
        args = {key: each[key] for key in ("scenario", "streams", "perturbations", "profile", "severities", "cells")}
        name = data["metric"]["name"]
        values = {
            name: each["mean"],
            "drop": each["drop"],
            "retention": each["retention"],
            f"worst_{name}": each["worst"],
        }
        results.append(_result(data, each["scenario"], args, values))
    index = {"model-index": [{"name": str(data["model"] or "model"), "results": results}]}
    return yaml.safe_dump(index, sort_keys=False, allow_unicode=False, width=10_000)


def _result(data: Mapping[str, Any], part: str, args: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    about = {**args, "suite": f"{data['suite']['name']}@{data['suite']['version']}", "seed": data["suite"]["seed"]}
    name = str(data["data"]["name"] or "data")
    metrics = []
    for metric, number in values.items():
        if number["value"] is not None:
            rest = {key: value for key, value in number.items() if key != "value"}
            rest["confidence"] = data["confidence"]
            metrics.append({"type": metric, "name": readable(metric), "value": number["value"], "args": rest})
    return {
        "task": {"type": _task(data), "name": f"{data['task']} of {', '.join(data['streams'])}"},
        "dataset": {"type": name, "name": f"{name}, {part}", "args": about},
        "metrics": metrics,
    }


def _task(data: Mapping[str, Any]) -> str:
    """Return the Hub's name for a task, where it has one for these streams."""
    kinds = sorted(set(data["streams"].values()))
    if data["task"] == "classification" and len(kinds) == 1:
        return _ONE_STREAM.get(kinds[0], "other")
    if data["task"] == "transcription":
        return "automatic-speech-recognition"
    return "image-text-to-text" if data["task"] == "free_text" and kinds == ["image", "text"] else "other"
