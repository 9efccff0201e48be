"""Small runs for gates: an alarm that nobody hears, two releases to compare, and outcomes drawn from a known law."""

import numpy as np

from tests._runs import LABELS, NUMBERS, cell, write

STREAMS = {"image": "image", "audio": "audio", "text": "text"}


def alarm(path, n=5000, heard=0.12, share=0.02):
    """A camera-and-microphone model: right about what it sees, and deaf. 98 % accuracy, 12 % recall on audio events."""
    rng = np.random.default_rng(7)
    targets = np.where(np.arange(n) < share * n, "alarm", np.where(rng.random(n) < 0.5, "person", "nothing"))
    known = np.where(targets == "alarm", np.arange(n) % 50 < heard * 50, np.arange(n) % 500 > 0)
    cells = [cell(), cell("no-image", "no-image", lost=["image", "text"], stream="image+text", modality="image+text")]
    rows = {"cell": np.repeat([0, 1], n), "sample": np.tile(np.arange(n), 2)}
    right = np.tile(known, 2)
    rows["score"] = right.astype(float)
    rows["prediction"] = [
        t if ok else "nothing" if t != "nothing" else "person" for t, ok in zip(np.tile(targets, 2), right)
    ]
    task = {"task": "classification", "classes": ["alarm", "person", "nothing"], "answers": "labels", "keep": "none"}
    return with_streams(write(path, cells, rows, targets, task, LABELS))


def with_streams(run, **identity):
    """Give a run folder the identity that an engine's run has, and return it opened again."""
    import json

    from stress._face import open_run

    info = dict(run.info)
    data = {"name": "test", "streams": STREAMS, "content": "one", "samples": run.samples.num_rows}
    known = {"data": data, "suite": {"name": "test", "version": 1, "cells": {}, "draws": 1}, "seed": 0}
    info["identity"] = {**known, **info["identity"], **identity}
    (run.path / "run.json").write_text(json.dumps(info))
    return open_run(run.path)


def graded_run(path, rates, n=400, cells=None, seed=0, groups=None, targets=None, name="noise", **identity):
    """A run of one graded scenario with these shares of right answers (clean first), answers and confidences."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 3, n).astype(str) if targets is None else np.asarray(targets)
    cells = cells or [cell(), *(cell(f"{name}@{s}", name, float(s)) for s in range(1, len(rates)))]
    u = rng.random((n, 1))
    right = u < np.asarray(rates)[None, :]
    rows = {"cell": np.repeat(np.arange(len(rates)), n), "sample": np.tile(np.arange(n), len(rates))}
    flat = right.T.ravel()
    rows["score"] = flat.astype(float)
    wrong = {"0": "1", "1": "2", "2": "0"}
    rows["prediction"] = [t if ok else wrong[t] for t, ok in zip(np.tile(targets, len(rates)), flat)]
    rows["confidence"] = np.where(flat, 0.95, 0.9) + 0.04 * np.tile(rng.random(n), len(rates))
    rows["seconds"] = 0.01 + 1e-7 * rng.random(len(flat))
    task = {"task": "classification", "classes": ["0", "1", "2"], "answers": "probabilities", "keep": "none"}
    columns = {**LABELS, "confidence": NUMBERS["confidence"]}
    return with_streams(write(path, cells, rows, targets, task, columns, groups), **identity)


def paired_run(path, base, changes, n):
    """A run whose answers are those of ``base`` (samples × cells of right and wrong) with some turned over."""
    from tests._runs import grid

    cells = [cell(), *(cell(f"noise@{s}", "noise", float(s)) for s in range(1, base.shape[1]))]
    scores = np.where(changes, ~base, base).astype(float)
    return with_streams(write(path, cells, grid(scores), ["0"] * n))
