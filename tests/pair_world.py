"""Two releases of one model: alike, but not equal; with probabilities, groups, repeats, lost streams and failures."""

import json
import shutil

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from stress._face import open_run
from tests._runs import LABELS, NUMBERS, cell, write
from tests.gate_world import with_streams

CLASSES = ("car", "person", "tree")
CELLS = [
    cell(),
    cell("noise@1", "noise", 1.0),
    cell("noise@2", "noise", 2.0),
    *(
        cell(f"lost/{name}", "lost", None, name, lost=name.split("+"), fill="none", perturbation="stream.missing")
        for name in ("image", "audio", "image+audio")
    ),
]
TASK = {"task": "classification", "classes": list(CLASSES), "answers": "probabilities", "keep": "all"}


def release(path, seed, n=240, loss=0.0, draws=1, fails=0.0, strength=(3.0, 2.2, 1.4, 1.5, 1.0, 0.0)):
    """A run whose logits are a signal for the truth, a noise that both releases share, and one of its own."""
    world, own = np.random.default_rng(0), np.random.default_rng(seed)
    target = world.integers(0, 3, n)
    shape = (len(CELLS), draws, n, 3)
    logits = world.normal(0, 1, shape) + own.normal(0, 0.6, shape)
    logits += (np.asarray(strength) - loss)[:, None, None, None] * np.eye(3)[target]
    share = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    flat, count = share.reshape(-1, 3), len(CELLS) * draws * n
    given, truth = flat.argmax(axis=1), np.tile(target, len(CELLS) * draws)
    records = {
        "cell": np.repeat(np.arange(len(CELLS)), draws * n),
        "draw": np.tile(np.repeat(np.arange(draws), n), len(CELLS)),
        "sample": np.tile(np.arange(n), len(CELLS) * draws),
        "score": (given == truth).astype(float),
        "prediction": [CLASSES[k] for k in given],
        "confidence": flat.max(axis=1),
        "nll": -np.log(flat[np.arange(count), truth]),
        "probabilities": list(flat),
        "seconds": 0.01 + own.random(count) / 1000,
        "status": np.where(own.random(count) < fails, "crash", "ok").astype(object),
    }
    groups = {"accent": ["north" if i % 3 else "south" for i in range(n)], "speaker": [i % 40 for i in range(n)]}
    columns = {**LABELS, "confidence": NUMBERS["confidence"], "nll": NUMBERS["nll"]}
    columns |= {"probabilities": pa.list_(pa.float32())}
    names = [CLASSES[k] for k in target]
    streams = {"image": "image", "audio": "audio"}
    data = {"name": "test", "streams": streams, "content": "one", "samples": n}
    return with_streams(write(path, CELLS, records, names, TASK, columns, groups), data=data)


def shuffled(run, path, seed=0):
    """The same run with its samples in another order, its cells backwards and its records in any order."""
    rng = np.random.default_rng(seed)
    shutil.copytree(run.path, path)
    samples, cells, records = run.samples, run.cells, run.records()
    place = rng.permutation(len(samples))
    samples = samples.set_column(1, "order", pa.array(place[samples["order"].to_numpy()], pa.int32()))
    parquet.write_table(samples.sort_by("order"), path / "samples.parquet")
    parquet.write_table(cells.take(np.arange(len(cells))[::-1]), path / "cells.parquet")
    where = records.column_names.index("sample")
    moved = pa.array(place[records["sample"].to_numpy()], pa.int32())
    records = records.set_column(where, "sample", moved).take(rng.permutation(len(records)))
    for part in (path / "records").glob("*.parquet"):
        part.unlink()
    parquet.write_table(records, path / "records" / "part-00000.parquet")
    return open_run(path)


def said(run, path, **info):
    """A copy of a run that says something else of itself."""
    shutil.copytree(run.path, path)
    (path / "run.json").write_text(json.dumps({**run.info, **info}), encoding="utf-8")
    return open_run(path)
