"""A run read in blocks gives what one held in memory gives, in any order of its records, and says what it omits."""

import json
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import stress.measure
from perturbations import InputError
from stress.measure import TABLES, summary, table
from stress.records import blocks as blocks_of
from stress.report._book import Book
from stress.report._content import content
from tests._amount import amount
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


def same_tables(run, limit, names=tuple(TABLES), filled=(), **options):
    """Every table is the same, row by row, in the same order; those that are named so have rows."""
    for name in names:
        held, read = (table(run, name, **options, **more).to_pylist() for more in ({}, {"limit": limit}))
        assert held or name not in ("cells", "robustness", *filled), name
        assert len(held) == len(read), name
        for k, (one, other) in enumerate(zip(held, read, strict=True)):
            agree(one, other, (name, k, one.get("cell"), one.get("metric")))


@pytest.mark.parametrize("how", ["samples", "cells", "random"])
@pytest.mark.parametrize("limit", [1, 300])
def test_any_order_of_the_records_gives_the_same(tmp_path, how, limit):
    run = spread(answered(tmp_path / "a", fails=0.05, n=60), 50, how)
    same_tables(run, limit, resamples=200)


CLUSTERS = (None, "speaker", "ward", "clinic")
WAYS = ({}, {"fails": 0.1}, {"draws": 3}, {"share": 0.5}, {"draws": 2, "fails": 0.1, "share": 0.05})
USUAL = [(cluster, WAYS[(k + 1) % 5]) for k, cluster in enumerate((*CLUSTERS, "speaker"))]  # each one of each


@pytest.mark.parametrize(("cluster", "more"), amount(USUAL, list(product(CLUSTERS, WAYS))))
def test_blocks_give_what_memory_gives(tmp_path, cluster, more):
    run = spread(answered(tmp_path / "a", **more), 100, "samples")
    same_tables(run, 400, cluster=cluster, resamples=200)


@pytest.mark.parametrize("room", [1, 3 * 7 * 200])
def test_metrics_that_are_read_apart_give_the_same(tmp_path, monkeypatch, room):
    monkeypatch.setattr("stress.measure.core.blocksums._CHEAP", 1)
    monkeypatch.setattr("stress.measure.core.blocksums._SUMS", room)
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
    target = np.random.default_rng(0).integers(0, 3, 200)
    for k in range(2):
        rng = np.random.default_rng(k)
        given = answers(target, nested(200, rates, seed=k) > 0, 3, rng)
        groups = {"ward": [i % 6 for i in range(200)]}
        runs.append(spread(write(tmp_path / f"m{k}", subsets(), predicted(given, target, DIGITS[:3]),
                                 [DIGITS[t] for t in target], TASK, LABELS, groups), 100, "samples"))  # fmt: skip
    same_tables(runs[0], 400, cluster=cluster, reference=runs[1], resamples=200)


def rich(path, draws=1, n=90):
    """A classifier's run with everything a record can hold: probabilities, distortion, times, attacks, a timeline."""
    rng = np.random.default_rng(8)
    budget = {"epsilon": 4}
    about = [{"stream": "image", "perturbation": f"attack.{a}", "settings": budget}
             for a in ("fgsm", "square", "fab")]  # fmt: skip
    hit = [cell(f"{c['perturbation']}-3", c["perturbation"], 3.0, perturbation=c["perturbation"],
                conditions=json.dumps([c])) for c in about]  # fmt: skip
    graded_text = [cell(f"typos-{s}", "typos", float(s), "text") for s in (1, 3)]
    lost = [row for row in subsets(streams=("image", "text")) if row["cell"] != "clean"]
    cells = [*graded(severities=(1, 2, 3)), *hit, cell("weather", "weather", grid="timeline"), *graded_text, *lost]
    names = [row["cell"] for row in cells]
    keys = np.array([(c, d, s) for c in range(len(cells)) for d in range(draws if c else 1) for s in range(n)])
    where, draw, sample = keys[rng.random(len(keys)) < 0.95].T
    target = rng.integers(0, 3, n)
    chances = rng.dirichlet((1, 1, 1), len(where))
    chances[np.arange(len(where)), target[sample]] += 0.5
    chances /= chances.sum(axis=1, keepdims=True)
    given = chances.argmax(axis=1)
    image, text = (np.array([stream in row["streams"] for row in cells])[where] for stream in ("image", "text"))
    attacked, timed = np.isin(where, (4, 5, 6)), where == names.index("weather")
    least = np.where(rng.random(len(where)) < 0.2, np.nan, rng.integers(0, 9, len(where)) / 8)
    numbers = {"confidence": chances.max(axis=1), "distortion.image.psnr_db": np.where(image, 40 - where, np.nan),
               "signal.image.noise": np.where(where % 7, rng.random(len(where)) + where, np.nan),
               "distortion.text.cer": np.where(text, rng.random(len(where)) < 0.3, np.nan),
               "place": np.where(timed, sample / n, np.nan), "severity": np.where(timed, sample % 5, np.nan),
               "attack.calls": np.where(attacked, rng.integers(2, 60, len(where)), np.nan),
               "attack.gradients": np.where(attacked, 2.0 * (where == 4), np.nan),
               "attack.least": np.where(where == names.index("attack.fab-3"), least, np.nan),
               "attack.random": np.where(attacked, rng.random(len(where)) < 0.8, np.nan)}  # fmt: skip
    records = {"cell": where, "draw": draw, "sample": sample, "score": (given == target[sample]).astype(float),
               "prediction": [DIGITS[k] for k in given], "probabilities": chances.tolist(), "rank": 1 + (given > 0),
               "status": np.where(rng.random(len(where)) < 0.04, "crash", "ok"),
               "seconds": 0.01 + 0.001 * (sample // 8) + 1e-4 * where, **numbers}  # fmt: skip
    kinds = {**LABELS, **dict.fromkeys(numbers, pa.float32()), "probabilities": pa.list_(pa.float32())}
    task = {"task": "classification", "classes": list(DIGITS[:3]), "answers": "probabilities", "keep": "all"}
    run = write(path, cells, records, [DIGITS[t] for t in target], task, {**kinds, "rank": pa.int32()},
                {"speaker": [i % 25 for i in range(n)], "accent": ["ab"[i % 2] for i in range(n)]})  # fmt: skip
    info = {**run.info, "streams": {"image": "image", "text": "text"}}
    (run.path / "run.json").write_text(json.dumps(info), encoding="utf-8")
    return type(run)(run.path)


@pytest.mark.parametrize("limit", [1, 700])
@pytest.mark.parametrize("more", [{}, {"draws": 2}])
def test_everything_that_a_record_can_hold(tmp_path, limit, more):
    run = spread(rich(tmp_path / "a", **more), 70, "samples")
    filled = set(TABLES) - {"cost"}  # of a run whose cost was measured: tests/test_cost.py
    same_tables(run, limit, filled=filled, resamples=200, small=5)
    same_tables(run, limit, resamples=200, small=5, cluster="speaker", names=("cells", "attacks", "classes", "groups"))


def test_warnings_of_attacks_and_streams(tmp_path):
    run = spread(rich(tmp_path / "a", draws=2), 70, "cells")
    assert summary(run, limit=1, resamples=200)["warnings"] == summary(run, resamples=200)["warnings"]


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
    assert read["warnings"] == held["warnings"]


def test_a_measure_of_counts_as_the_headline(tmp_path):
    run = spread(answered(tmp_path / "a", fails=0.05, share=0.5), 100, "samples")
    same_tables(run, 400, metric="f1_macro", resamples=200)


def test_what_is_refused(tmp_path):
    run = answered(tmp_path / "a")
    with pytest.raises(InputError, match="limit must be at least 1"):
        table(run, "cells", limit=0)


def test_the_page_of_a_large_run_is_that_of_memory(tmp_path, monkeypatch):
    run = answered(tmp_path / "a", fails=0.05)
    about = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    (run.path / "run.json").write_text(json.dumps({**about, "finished": False}), encoding="utf-8")
    held = content(Book(run))
    monkeypatch.setattr("stress._face.Run.measured", lambda run, **o: stress.measure.measured(run, limit=500, **o))
    read = content(Book(run))
    assert [finding.text for finding in read["findings"]] == [finding.text for finding in held["findings"]]
    assert [part.id for part in read["more"]] == [part.id for part in held["more"]]
    assert {"classes", "groups", "calibration"} <= {part.id for part in read["more"]}


def test_blocks_hold_whole_samples_and_few_records(tmp_path):
    run = spread(answered(tmp_path / "a", draws=2), 100, "samples")
    plan = blocks_of.plan(run, 400, tuple(run.parts))
    blocks = list(plan.blocks(run, ["status"]))
    assert sum(len(block.table) for block in blocks) == run.count == len(run.records())
    assert sorted(np.concatenate([block.places for block in blocks])) == list(range(240))
    assert max(len(block.table) for block in blocks) <= 400
    # parts are read once, but for those of the shard (208 records in up to 4 parts) in which a block ends
    assert int(plan.holds.sum()) <= len(plan.parts) + 4 * len(blocks)
