"""A run read in blocks gives what one held in memory gives, in any order of its records, and says what it omits."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from perturbations import InputError
from stress.measure import TABLES, compare, summary, table
from stress.measure import _blocks as blocks_of
from stress.measure._registry import BLOCKWISE, context_of
from stress.report._book import Book
from stress.report._content import content
from tests._runs import DIGITS, LABELS, NUMBERS, answers, cell, graded, grid, nested, predicted, subsets, write

TASK = {"task": "classification", "classes": list(DIGITS), "answers": "probabilities", "keep": "none"}


def spread(run, size, how):
    """Write the records anew, as parts of ``size`` records: by sample (as large runs are), by cell, or at random."""
    (part,) = (run.path / "records").glob("part-*.parquet")
    whole = parquet.read_table(part)
    rng = np.random.default_rng(5)
    sample = whole["sample"].to_numpy()
    keys = {"cells": np.arange(len(whole)), "samples": rng.permutation(sample.max() + 1)[sample] // 16,
            "random": rng.random(len(whole))}  # fmt: skip
    whole = whole.take(np.argsort(keys[how], kind="stable"))
    part.unlink()
    for k in range(0, len(whole), size):
        parquet.write_table(whole.slice(k, size), run.path / "records" / f"part-{k:06d}.parquet")
    return run


def answered(path, draws=1, fails=0.0, share=1.0, n=240):
    """A classifier's run: some answers fail, and of some cells a share of the samples is missing."""
    rng = np.random.default_rng(3)
    cells = [*graded(), cell("glare", "glare")]
    target = rng.integers(0, 10, n)
    chance = np.array([0.95, 0.93, 0.9, 0.8, 0.6, 0.4, 0.7])
    keys = np.array([(c, d, s) for c in range(7) for d in range(draws if c else 1) for s in range(n)])
    keys = keys[(keys[:, 0] < 3) | (rng.random(len(keys)) < share)]
    where, draw, sample = keys.T
    right = rng.random(n)[sample] + 0.1 * rng.normal(size=len(keys)) < chance[where]
    given = np.where(right, target[sample], (target[sample] + 1) % 10)
    status = np.where(rng.random(len(keys)) < fails, rng.choice(["crash", "invalid", "timeout"], len(keys)), "ok")
    status = np.where((status == "ok") & (rng.random(len(keys)) < 0.1) & (where == 1), "unchanged", status)
    confidence = rng.uniform(0.1, 1, len(keys))
    records = {"cell": where, "draw": draw, "sample": sample, "status": status, "score": right.astype(float)}
    records |= {"prediction": [DIGITS[k] for k in given], "confidence": confidence, "nll": -np.log(confidence)}
    records |= {"brier": (1 - confidence) ** 2, "margin": confidence, "rank": np.where(right, 1, 4)}
    groups = {"speaker": [i % 40 for i in range(n)], "ward": [i % 8 for i in range(n)]}
    groups["clinic"] = ["rare" if i % 60 == 0 else None for i in range(n)]
    return write(path, cells, records, [str(t) for t in target], TASK, {**LABELS, **NUMBERS}, groups)


def heard(path, n=120):
    """A recogniser's run: ratios of two sums, failures priced by the words of the reference, empty references too."""
    rng = np.random.default_rng(4)
    words = np.maximum(rng.integers(-1, 12, n), 0)
    found = grid(np.zeros((n, 4)))
    sample, where = found["sample"], found["cell"]
    errors = {k: rng.binomial(words[sample] + 1, 0.1 + 0.1 * where) for k in ("word_errors", "insertions")}
    same = {"words": words[sample], "characters": 5 * words[sample], "deletions": errors["word_errors"] // 2}
    status = np.where(rng.random(len(sample)) < 0.1, "timeout", "ok")
    columns = {**errors, **same, "substitutions": same["deletions"], "character_errors": errors["word_errors"]}
    columns["exact"] = (errors["word_errors"] == 0).astype(float)
    records = {**found, **columns, "status": status, "score": errors["word_errors"].astype(float)}
    kinds = dict.fromkeys(columns, pa.float64())
    return write(path, graded(severities=(1, 2, 3)), records, ["a"] * n, {"task": "transcription"}, kinds,
                 {"speaker": [i % 30 for i in range(n)], "ward": [i % 5 for i in range(n)]})  # fmt: skip


def measured(path):
    rng = np.random.default_rng(6)
    found = grid(np.ones((80, 4)))
    residual = rng.normal(0, 1 + found["cell"])
    records = {**found, "residual": residual, "within": (np.abs(residual) < 1).astype(float)}
    records["status"] = np.where(rng.random(len(residual)) < 0.05, "crash", "ok")
    return write(path, graded(severities=(1, 2, 3)), records, [0.0] * 80, {"task": "regression"},
                 dict.fromkeys(("residual", "within"), pa.float64()))  # fmt: skip


def agree(one, other, about):
    """Equal to rounding: values to 1e-9, ends of intervals that rest on resamples (single precision) to 2e-6."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, float) and isinstance(other[name], float):
            allowed = 1e-9 if name in ("value", "unchanged") else 2e-6
            assert other[name] == pytest.approx(value, abs=allowed, rel=allowed), (about, name)
        else:
            assert other[name] == value, (about, name)


def unread(row):
    return "records in memory" in (row.get("note") or "")


def same_tables(run, limit, **options):
    linear = {metric.name for metric in context_of(run).metrics} | {"drop", "retention"}
    for name in BLOCKWISE:
        held, read = (table(run, name, **options, **more).to_pylist() for more in ({}, {"limit": limit}))
        if name in ("cells", "curves"):  # of which some metrics need all records
            held = [row for row in held if row["metric"] in linear]
            assert not any(row["metric"] in linear for row in read if unread(row))
            read = [row for row in read if not unread(row)]
        assert held or name not in ("cells", "robustness")
        for k, (one, other) in enumerate(zip(held, read, strict=True)):
            agree(one, other, (name, k, one.get("cell"), one.get("metric")))


@pytest.mark.parametrize("how", ["samples", "cells", "random"])
@pytest.mark.parametrize("limit", [1, 300])
def test_any_order_of_the_records_gives_the_same(tmp_path, how, limit):
    run = spread(answered(tmp_path / "a", fails=0.05, n=60), 50, how)
    same_tables(run, limit, resamples=200)


@pytest.mark.parametrize("cluster", [None, "speaker", "ward", "clinic"])
@pytest.mark.parametrize(
    "more", [{}, {"fails": 0.1}, {"draws": 3}, {"share": 0.5}, {"draws": 2, "fails": 0.1, "share": 0.05}]
)
def test_blocks_give_what_memory_gives(tmp_path, cluster, more):
    run = spread(answered(tmp_path / "a", **more), 100, "samples")
    same_tables(run, 400, cluster=cluster, resamples=200)


@pytest.mark.parametrize("room", [1, 3 * 7 * 200])
def test_metrics_that_are_read_apart_give_the_same(tmp_path, monkeypatch, room):
    monkeypatch.setattr("stress.measure._stream._CHEAP", 1)
    monkeypatch.setattr("stress.measure._stream._SUMS", room)
    run = spread(answered(tmp_path / "a", fails=0.1, share=0.5), 100, "samples")
    same_tables(run, 400, resamples=200)


@pytest.mark.parametrize("cluster", [None, "speaker", "ward"])
def test_ratios_and_roots(tmp_path, cluster):
    same_tables(spread(heard(tmp_path / "a"), 64, "samples"), 100, cluster=cluster, resamples=200)
    same_tables(spread(measured(tmp_path / "b"), 64, "samples"), 100, resamples=200)


@pytest.mark.parametrize("metric", ["accuracy", "nll", "flip_rate"])
def test_the_headline_that_is_asked_for(tmp_path, metric):
    run = spread(answered(tmp_path / "a", fails=0.05, share=0.5), 100, "samples")
    same_tables(run, 400, metric=metric, resamples=200)


@pytest.mark.parametrize("cluster", [None, "ward"])
def test_what_streams_are_worth_and_a_reference(tmp_path, cluster):
    rates = [0.9, 0.8, 0.85, 0.7, 0.6, 0.5, 0.65, 0.1]
    runs = []
    for k in range(2):
        rng = np.random.default_rng(k)
        target = rng.integers(0, 3, 200)
        given = answers(target, nested(200, rates, seed=k) > 0, 3, rng)
        groups = {"ward": [i % 6 for i in range(200)]}
        runs.append(spread(write(tmp_path / f"m{k}", subsets(), predicted(given, target, DIGITS[:3]),
                                 [DIGITS[t] for t in target], TASK, LABELS, groups), 100, "samples"))  # fmt: skip
    same_tables(runs[0], 400, cluster=cluster, reference=runs[1], resamples=200)


@pytest.mark.parametrize("scores", [np.ones((50, 6)), np.zeros((50, 6)), nested(25, [1, 1, 1, 1, 0.5, 0])])
def test_degenerate_runs(tmp_path, scores):
    run = spread(write(tmp_path / "a", graded(), grid(scores), ["1"] * len(scores), columns=LABELS), 40, "samples")
    same_tables(run, 60, resamples=200)


def test_a_cell_without_records_and_samples_without_any(tmp_path):
    scores = nested(60, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    scores[:, 5] = np.nan
    scores[40:] = np.nan
    scores[:30, 4] = np.nan
    run = spread(write(tmp_path / "a", graded(), grid(scores), ["1"] * 60, columns=LABELS), 40, "samples")
    same_tables(run, 60, resamples=200)


def test_summary_is_that_of_memory(tmp_path):
    run = spread(answered(tmp_path / "a", fails=0.1, share=0.5), 100, "samples")
    held, read = summary(run, resamples=200), summary(run, limit=400, resamples=200)
    for name in ("task", "metric", "samples", "cells", "records", "cluster", "statuses", "errors"):
        assert read[name] == held[name]
    agree(held["clean"], read["clean"], "clean")
    for one, other in zip(held["scenarios"], read["scenarios"], strict=True):
        for key, value in one.items():
            if isinstance(value, dict):
                agree(value, other[key], (one["scenario"], key))
            else:
                assert other[key] == value
    kept = [said for said in held["warnings"] if not said.startswith("accuracy paradox")]
    assert read["warnings"][: len(kept)] == kept
    assert "not looked at: classes" in read["warnings"][-1]


def test_other_tables_say_that_they_need_memory(tmp_path):
    run = answered(tmp_path / "a")
    for name in set(TABLES) - set(BLOCKWISE):
        with pytest.raises(InputError, match="needs all 1,680 records in memory, more than limit=100"):
            table(run, name, limit=100)
        table(run, name, limit=1680)
    with pytest.raises(InputError, match="records in memory"):
        table(run, "robustness", limit=100, metric="f1_macro")
    with pytest.raises(InputError, match="records in memory"):
        compare({"one": run, "other": run}, limit=100)
    with pytest.raises(InputError, match="limit must be at least 1"):
        table(run, "cells", limit=0)


def test_the_page_of_a_large_run_says_what_it_leaves_out(tmp_path, monkeypatch):
    run = answered(tmp_path / "a", fails=0.05)
    about = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    (run.path / "run.json").write_text(json.dumps({**about, "finished": False}), encoding="utf-8")
    monkeypatch.setattr("stress.report._book.context_of", lambda run, **o: context_of(run, limit=500, **o))
    found = content(Book(run))
    assert any("Not looked at: classes" in finding.text for finding in found["findings"])
    assert found["overview"]
    assert found["panels"]
    assert {part.id for part in found["more"]} <= {"scenarios"}


def test_blocks_hold_whole_samples_and_few_records(tmp_path):
    run = spread(answered(tmp_path / "a", draws=2), 100, "samples")
    plan = blocks_of.plan(run, 400)
    blocks = list(plan.blocks(["status"]))
    assert sum(len(block.table) for block in blocks) == run.count == len(run.records())
    assert sorted(np.concatenate([block.places for block in blocks])) == list(range(240))
    assert max(len(block.table) for block in blocks) <= 400
    # parts are read once, but for those of the shard (208 records in up to 4 parts) in which a block ends
    assert int(plan.holds.sum()) <= len(plan.parts) + 4 * len(blocks)
