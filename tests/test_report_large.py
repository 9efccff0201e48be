"""What a page leaves out it says, what it looks up it finds, and many groups cost no pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stress.measure import table
from stress.report._book import weakest
from stress.report._grid import Grid, texts
from stress.statistics.rates import mid_p
from tests._runs import DIGITS, LABELS, graded, grid, write

TASK = {"task": "classification", "classes": list(DIGITS), "answers": "probabilities", "keep": "none"}


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=30), st.integers(1, 30))
def test_the_weakest_are_kept_in_their_order(values, most):
    rows = [{"at": at, "value": value} for at, value in enumerate(values)]
    kept = weakest(rows, most, lambda row: row["value"])
    assert [row["at"] for row in kept] == sorted(row["at"] for row in kept)
    assert len(kept) == min(most, len(rows))
    left = [row for row in rows if row not in kept]
    worst = max((row["value"] for row in kept if row["value"] is not None), default=0.0)
    assert all(row["value"] is None or row["value"] >= worst for row in left)


def test_a_table_says_how_many_rows_it_leaves_out():
    whole = Grid(texts("cell"), [[str(row)] for row in range(310)], hues=["image"] * 310)
    cut = whole.cut("cells")
    assert len(cut.rows) == len(cut.hues) == 300
    assert list(cut.notes) == ["10 more rows are in tables/cells.csv."]
    assert whole.cut("cells", 310) is whole


COUNTS = st.one_of(st.integers(0, 40).map(float), st.floats(0, 1e4))


@settings(deadline=None)
@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=13, max_size=30))
def test_one_rate_is_as_many(pairs):
    """However many are asked for together: few are worked out one by one, many as arrays."""
    right = np.array([min(pair) for pair in pairs], float)
    count = np.array([max(pair) for pair in pairs], float)
    many = mid_p(right, count, 0.025)
    for at in range(len(pairs)):
        for one, all_ in zip(mid_p(right[at], count[at], 0.025), many):
            np.testing.assert_allclose(one, all_[at], rtol=1e-9, atol=1e-12)
    for some, all_ in zip(mid_p(right[:7], count[:7], 0.025), many):
        np.testing.assert_allclose(some, all_[:7], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("columns", "paired"), [(3, True), (13, False)])
def test_pairs_are_measured_of_few_groups(tmp_path, columns, paired):
    count = 24
    found = grid(np.ones((count, 3)))
    records = {**found, "prediction": ["0"] * len(found["cell"]), "status": ["ok"] * len(found["cell"])}
    groups = {f"g{k}": [i // (k + 1) % 2 for i in range(count)] for k in range(columns)}
    run = write(tmp_path, graded(severities=(1, 2)), records, ["0"] * count, TASK, LABELS, groups)
    by = set(table(run, "groups")["by"].to_pylist())
    assert {name for name in by if "*" not in name} == set(groups)
    assert any("*" in name for name in by) == paired
    asked = set(table(run, "groups", by=["g0*g1"])["by"].to_pylist())
    assert asked == {"g0*g1"}
