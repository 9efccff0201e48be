"""The methods paragraph of a paper: what was run on what, how it was measured, and what failed – from the run alone."""

from __future__ import annotations

from stress.measure import Measurable
from stress.records.statuses import failures
from stress.report._book import Book
from stress.report._numbers import count, plural, visible

__all__ = ["methods_of"]


def methods_of(run: Measurable) -> str:
    """Return sentences on data, suite, seed, perturbations, intervals and failures, each from the run's own record."""
    book = Book(run)
    return "\n".join([_data(book), _suite(book), *_measures(book), _failures(book), _packages(book)])


def _data(book: Book) -> str:
    data, info = book.identity.get("data") or {}, book.info
    streams = ", ".join(f"{visible(name)} ({kind})" for name, kind in (info.get("streams") or {}).items())
    model = visible((book.identity.get("model") or {}).get("name") or "a model")
    samples = count(book.summary["samples"])
    content = f", content {data['content'][:12]}" if data.get("content") else ""
    return (
        f"Model {model} was run on {samples} samples of {visible(data.get('name') or 'a data set')} (streams: "
        f"{streams}{content}), task {visible(str(info.get('task')))}."
    )


def _suite(book: Book) -> str:
    suite = book.identity.get("suite") or {}
    name = f"{visible(str(suite.get('name')))}@{suite.get('version')}"
    used = ", ".join(f"{visible(k)} v{v}" for k, v in (book.identity.get("perturbations") or {}).items())
    draws = plural(int(suite.get("draws") or 1), "draw")
    scenarios = len({row.scenario for row in book.plan.values() if not (row.clean or row.fallback)})
    return (
        f"Suite {name}, seed {book.identity.get('seed')}, {draws}: {plural(scenarios, 'scenario')}, "
        f"{plural(len(book.plan), 'cell')} with the clean one. Perturbations: {used or 'none'}."
    )


def _measures(book: Book) -> list[str]:
    if not book.begun:
        return ["No record was there yet."]
    summary = book.summary
    sure = f"{100 * summary['confidence']:.3g} %"
    drawn = (
        "samples taken as independent"
        if summary["cluster"] == "sample"
        else f"samples of one {visible(str(summary['cluster']))} taken together as a cluster"
    )
    named: dict[str, list[str]] = {}
    for row in book.table("cells"):
        if row["method"] and row["low"] is not None:
            named.setdefault(row["method"], []).append(row["metric"])
    how = "; ".join(f"{method} ({', '.join(dict.fromkeys(metrics))})" for method, metrics in named.items())
    text = f"Intervals are of {sure}, {drawn}: {how}."
    left = [f"{visible(name)} ({visible(reason)})" for name, reason in book.info.get("left_out") or ()]
    return [text, *([f"Left out: {'; '.join(left)}."] if left else [])]


def _failures(book: Book) -> str:
    if not book.begun:
        return ""
    statuses, records = book.summary["statuses"], book.summary["records"]
    failed = {name: statuses[name] for name in failures() if statuses.get(name)}
    said = ", ".join(f"{count(n)} {name}" for name, n in failed.items()) or "none"
    unfinished = "" if book.finished else " The run is unfinished."
    return f"Without a usable answer, each counted as a failure: {said} of {plural(records, 'record')}.{unfinished}"


def _packages(book: Book) -> str:
    packages = ", ".join(f"{key} {value}" for key, value in (book.info.get("packages") or {}).items())
    return f"Run {book.info.get('run', '')} with {packages}."
