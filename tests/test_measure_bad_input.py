"""What has no number is answered by a value that says so, and why – never by a 0, never by a crash."""

import numpy as np
import pyarrow as pa
import pytest

from stress.measure import TABLES, summary, table
from stress.tasks import METRICS
from tests._runs import DIGITS, LABELS, NUMBERS, cell, graded, grid, nested, predicted, rows, subsets, write

RATES = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
N = 60


def labelled(scores):
    """Records of digits: the target is 1, a wrong answer is 2."""
    given = np.where(scores > 0, 1, 2)
    return predicted(given, np.ones(len(scores), int), DIGITS)


def all_invalid(path):
    return write(path, graded(), predicted(np.full((N, 6), -1), np.ones(N, int), DIGITS), [1] * N, columns=LABELS)


def one_cell_invalid(path):
    given = np.where(nested(N, RATES) > 0, 1, 2)
    given[:, 3] = -1
    return write(path, graded(), predicted(given, np.ones(N, int), DIGITS), [1] * N, columns=LABELS)


def one_class(path):
    return write(path, graded(), labelled(nested(N, RATES)), [1] * N, columns=LABELS)


def one_sample(path):
    return write(path, graded(), labelled(np.ones((1, 6))), [1], columns=LABELS, groups={"speaker": ["a"]})


def lonely_group(path):
    groups = {"speaker": ["a"] + ["b"] * (N - 1), "empty": [None] * N}
    return write(path, graded(), labelled(nested(N, RATES)), [1] * N, columns=LABELS, groups=groups)


def no_clean(path):
    return write(path, graded()[1:], labelled(nested(N, RATES[1:])), [1] * N, columns=LABELS)


def only_clean(path):
    return write(path, [cell()], labelled(nested(N, RATES[:1])), [1] * N, columns=LABELS)


def empty_cell(path):
    scores = nested(N, RATES)
    records = labelled(scores)
    keep = records["cell"] != 2
    records = {k: np.asarray(v, object)[keep] if not isinstance(v, np.ndarray) else v[keep] for k, v in records.items()}
    return write(path, graded(), records, [1] * N, columns=LABELS)


def no_predictions(path):
    return write(path, graded(), grid(nested(N, RATES)), ["1"] * N)


def perfect(path):
    return write(path, subsets(), labelled(np.ones((N, 8))), [1] * N, columns=LABELS)


def hopeless(path):
    return write(path, subsets(), labelled(np.zeros((N, 8))), [1] * N, columns=LABELS)


def unbalanced_probabilities(path):
    more = {name: np.full(N * 6, 0.5) for name in ("confidence", "nll", "brier", "margin")}
    records = labelled(np.ones((N, 6))) | more | {"rank": np.ones(N * 6, int)}
    return write(path, graded(), records, [1] * N, columns={**LABELS, **NUMBERS})


def regression(path):
    columns = {"prediction": pa.float64(), "residual": pa.float64()}
    records = grid(np.zeros((N, 6)))
    records |= {"prediction": np.ones(N * 6), "residual": np.linspace(-1, 1, N * 6)}
    records["status"] = np.where(np.arange(N * 6) < N * 4, "ok", "crash").astype(object)
    return write(path, graded(), records, [1.0] * N, {"task": "regression", "headline": "mae"}, columns)


def multilabel(path):
    task = {"task": "multilabel", "classes": ["a", "b", "c"]}
    columns = {"prediction": pa.list_(pa.string()), **dict.fromkeys(("f1", "jaccard", "hamming"), pa.float32())}
    records = grid(np.ones((N, 6)))
    records |= {"prediction": [["a"], []] * (N * 3), "f1": np.ones(N * 6), "jaccard": np.ones(N * 6)}
    records["hamming"] = np.zeros(N * 6)
    return write(path, graded(), records, ["a|b", ""] * (N // 2), task, columns)


RUNS = [
    all_invalid,
    one_cell_invalid,
    one_class,
    one_sample,
    lonely_group,
    no_clean,
    only_clean,
    empty_cell,
    no_predictions,
    perfect,
    hopeless,
    unbalanced_probabilities,
    regression,
    multilabel,
]


@pytest.fixture(scope="module", params=RUNS, ids=lambda f: f.__name__)
def run(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("bad") / "run")


@pytest.mark.parametrize("options", [{}, {"cluster": "split"}], ids=["alone", "one cluster"])
def test_every_table_is_made_and_explains_itself(run, options):
    """Of a table that is not, pytest shows the name."""
    for name in TABLES:
        explains_itself(name, table(run, name, **options))


def explains_itself(name, found):
    assert found.column_names == list(TABLES[name].columns)
    for row in found.to_pylist():
        if "value" in row and "note" in row:
            assert row["value"] is not None or row["note"], row
            if row["low"] is not None and row["high"] is not None and row["value"] is not None:
                assert row["low"] <= row["value"] + 1e-9, row
                assert row["value"] <= row["high"] + 1e-9, row
            if name in ("robustness", "cells", "curves") and row["value"] is not None and row["low"] is None:
                assert row["note"] or row["method"] is None, row


def test_summary_is_made(run):
    told = summary(run)
    assert told["metric"] in {m.name for m in METRICS[told["task"]]}
    assert isinstance(told["warnings"], list)


def test_all_invalid_is_zero_accuracy_by_failure_and_nothing_else(tmp_path):
    found = {r["metric"]: r for r in rows(all_invalid(tmp_path / "a"), "cells") if r["cell"] == "clean"}
    assert (found["accuracy"]["value"], found["accuracy"]["failed"]) == (0, N)
    assert found["failure_rate"]["value"] == found["invalid_rate"]["value"] == 1
    assert found["crash_rate"]["value"] == 0
    assert found["retention"]["value"] is None
    assert found["mcc"]["value"] is None


def test_regression_leaves_failures_out_by_name(tmp_path):
    found = {(r["cell"], r["metric"]): r for r in rows(regression(tmp_path / "a"), "cells")}
    assert found["noise-5", "mae"]["value"] is None
    assert found["noise-5", "mae"]["note"] == "all answers failed"
    assert found["clean", "mae"]["value"] == pytest.approx(np.abs(np.linspace(-1, 1, N * 6)[:N]).mean())
    assert found["noise-5", "within_tolerance"]["value"] is None


def test_multilabel_classes(tmp_path):
    """Targets a+b or nothing; answers a or nothing: b is never answered, c never there."""
    found = {(r["class"], r["metric"]): r for r in rows(multilabel(tmp_path / "a"), "classes") if r["cell"] == "clean"}
    assert found["a", "recall"]["value"] == found["a", "f1"]["value"] == 1
    assert found["b", "recall"]["value"] == 0
    assert found["b", "precision"]["value"] is None
    assert found["c", "recall"]["note"] == "no sample of this class"
    micro = {r["metric"]: r for r in rows(multilabel(tmp_path / "b"), "cells") if r["cell"] == "clean"}
    assert micro["recall_micro"]["value"] == 0.5
    assert micro["precision_micro"]["value"] == 1
    assert micro["f1_macro"]["value"] == 0.5
