"""One way to pair two runs: what research and release engineers are told is the same, whichever way they ask."""

import numpy as np
import pytest

import stress
import stress.gate as gate
from perturbations import RunError
from stress.measure import compare, flips, reliance
from stress.measure.between.changes import change, gap_change
from stress.measure.between.matching import match
from stress.records.pairing import paired
from tests._runs import pick
from tests.pair_world import CELLS, CLASSES, release, said, shuffled

MEANS = ("accuracy", "nll", "mean_confidence", "failure_rate", "flip_rate")
COUNTS = ("f1_macro", "precision_weighted", "balanced_accuracy", "mcc")
SURE = ("ece", "ece_equal_mass", "overconfidence", "aurc", "auroc_confidence", "auroc_macro", "average_precision_macro")
METRICS = (*MEANS, *COUNTS, *SURE, "drop", "retention", "latency_p95_ms")
BY_CLASS = ("recall", "precision", "f1", "auroc", "average_precision")
WORLDS = {"plain": {}, "draws": {"draws": 2}, "failures": {"fails": 0.05}, "clusters": {}, "few": {"n": 60}}


@pytest.fixture(scope="module", params=list(WORLDS))
def pair(request, tmp_path_factory):
    """Two releases, the second a little worse, and their clusters."""
    folder, more = tmp_path_factory.mktemp("pair"), WORLDS[request.param]
    cluster = {"clusters": "speaker", "few": "accent"}.get(request.param)
    return release(folder / "one", 1, **more), release(folder / "two", 2, loss=0.3, **more), cluster, folder


def ends(found):
    return [getattr(found, name) for name in ("drop", "low", "high", "before", "after", "p", "lost", "gained")]


def told(found):
    return [np.nan if value is None else value for value in found]


def everything(matched):
    """Every difference that can be asked for, by name."""
    cells = ["noise@1", "noise@2"]
    for name in METRICS:
        for some in (["noise@1"], cells):
            yield f"{name} {some}", change(matched, name, some)
    for name in BY_CLASS:
        for label in CLASSES:
            yield f"{name} {label}", change(matched, name, cells, label=label)
    yield "gap", gap_change(matched, "accent", cells)[1]
    yield "gap of f1", gap_change(matched, "accent", cells, "f1_macro")[1]


def test_swapping_the_runs_flips_the_sign_and_mirrors_the_interval(pair):
    one, two, cluster, _ = pair
    there, back = (match(paired(a, b, cluster=cluster), cluster=cluster) for a, b in ((one, two), (two, one)))
    seen = 0
    for (name, found), (_, other) in zip(everything(there), everything(back)):
        mirrored = [-v if v is not None else None for v in (other.drop, other.high, other.low)]
        mirrored += [other.after, other.before, other.p, other.gained, other.lost]
        assert told(ends(found)) == pytest.approx(told(mirrored), nan_ok=True, abs=1e-9), name
        seen += found.low is not None
    assert seen > 40 or cluster == "accent"


def test_a_run_is_never_told_from_itself(pair):
    one, _, cluster, _ = pair
    for name, found in everything(match(paired(one, one, cluster=cluster), cluster=cluster)):
        if found.drop is None:
            continue
        assert found.drop == 0, name
        if found.low is not None:
            assert found.low <= 0 <= found.high, name
            assert found.p == pytest.approx(1), name
    assert {row["verdict"] for row in compare({"a": one, "b": one}, cluster=cluster).to_pylist()} == {"unknown"}


def test_the_order_of_samples_cells_and_records_says_nothing(pair):
    one, two, cluster, folder = pair
    other = shuffled(two, folder / "shuffled")
    known, again = (match(paired(one, run, cluster=cluster), cluster=cluster) for run in (two, other))
    for (name, found), (_, same) in zip(everything(known), everything(again)):
        assert told(ends(found)) == pytest.approx(told(ends(same)), nan_ok=True, abs=1e-9), name
    itself = match(paired(two, other, cluster=cluster), cluster=cluster)
    for name, found in everything(itself):
        assert found.drop is None or found.drop == pytest.approx(0, abs=1e-12), name


@pytest.mark.parametrize("metric", ["accuracy", "nll", "f1_macro", "ece", "auroc_macro"])
def test_both_faces_say_the_same(pair, metric):
    one, two, cluster, _ = pair
    table = compare({"before": one, "after": two}, metric=metric, cluster=cluster).to_pylist()
    shown = gate.compare(one, two, metric=metric, cluster=cluster)
    most = 9 if metric == "nll" else 1
    rules = "".join(
        f"  - {{metric: {metric}, against: baseline, max_drop: {most}, on: {{cell: '{r['cell']}'}}}}\n" for r in table
    )
    who = f"cluster: {cluster}\n" if cluster else ""
    judged = gate.judge(two, gate.loads_gates(f"{who}gates:\n{rules}"), one)
    assert len(table) == len(shown.cells) == len(CELLS)
    for change_, verdict in zip(shown.cells, judged.verdicts):
        row = pick(table, cell=change_.check.subject)
        known = [row[k] for k in ("value", "low", "high", "value_one", "value_other", "only_one", "only_other")]
        for check in (change_.check, verdict.checks[0]):
            found = [check.value, check.low, check.high, check.before, check.after, check.lost, check.gained]
            assert found == known
        assert change_.check.p == row["p"]
        assert change_.check.p_adjusted == row["p_holm"]
        opposite = {"better": "worse", "worse": "better", "unknown": "unknown"}
        assert change_.verdict == opposite[row["verdict"]]


def test_reliance_is_the_difference_of_contributions(pair):
    one, two, cluster, _ = pair
    rows = reliance({"one": one, "two": two}, cluster=cluster).to_pylist()
    each = [run.table("contributions", cluster=cluster).to_pylist() for run in (one, two)]
    checked = 0
    for row in rows:
        stream, _, other = row["stream"].partition("+")
        values = [
            pick(t, stream=stream, other=other or None, measure=row["measure"], kind="raw")["value"] for t in each
        ]
        assert row["value"] == pytest.approx(values[0] - values[1])
        assert row["low"] < row["value"] < row["high"] or cluster == "accent"
        checked += 1
    assert checked == 7


# --- what is matched, and what is refused


def test_clusters_that_differ_are_refused_until_one_is_said(tmp_path):
    one, two = release(tmp_path / "one", 1), release(tmp_path / "two", 2)
    drawn = said(two, tmp_path / "drawn", cluster="speaker")
    for a, b in ((one, drawn), (drawn, one)):
        with pytest.raises(RunError, match="speaker"):
            compare({"a": a, "b": b}, common=True)
        with pytest.raises(RunError, match="speaker"):
            gate.compare(a, b, common=True)
    rows = compare({"a": one, "b": drawn}, cluster="speaker").to_pylist()
    assert {row["clusters"] for row in rows} == {40}
    declared = said(one, tmp_path / "declared", cluster="speaker")
    assert compare({"a": declared, "b": drawn}).to_pylist() == rows


def test_a_run_of_more_draws_is_compared_on_the_draws_that_both_have(tmp_path):
    one, two = release(tmp_path / "one", 1, draws=2), release(tmp_path / "two", 2, draws=1)
    row = pick(compare({"a": one, "b": two}).to_pylist(), cell="noise@1")
    first = one.records(cells=["noise@1"], columns=["score"])
    kept = first.filter(np.asarray(first["draw"].to_numpy() == 0))
    assert (row["n"], row["samples"]) == (240, 240)
    assert row["value_one"] == pytest.approx(np.mean(kept["score"].to_numpy()))


def test_an_unfinished_run_is_compared_on_what_it_has_and_it_is_said(tmp_path):
    from pyarrow import parquet

    one, two = release(tmp_path / "one", 1), said(release(tmp_path / "whole", 2), tmp_path / "cut", finished=False)
    (part,) = two.parts
    parquet.write_table(two.records().slice(0, 300), part)
    two = stress.open(two.path)  # who has read a run keeps what it was
    for a, b, place in ((one, two, "second"), (two, one, "first")):
        found = gate.compare(a, b)
        assert found.pair.dropped == (f"the {place} run is unfinished: what it has not answered yet",)
        assert {c.check.subject: c.check.n for c in found.cells if c.check.value is not None} == {
            "clean": 240, "noise@1": 60}  # fmt: skip
    assert pick(compare({"a": one, "b": two}).to_pylist(), cell="noise@2")["note"] == "no records that both runs have"


def test_failures_without_a_price_are_left_out_of_both_runs(tmp_path):
    one, two = release(tmp_path / "one", 1, fails=0.1), release(tmp_path / "two", 2, fails=0.1)
    (row,) = [r for r in compare({"a": one, "b": two}, metric="nll").to_pylist() if r["cell"] == "clean"]
    status = [run.records(cells=["clean"]).sort_by("sample")["status"].to_pylist() for run in (one, two)]
    alive = [i for i, pair in enumerate(zip(*status)) if "crash" not in pair]
    nll = [run.records(cells=["clean"]).sort_by("sample")["nll"].to_numpy()[alive].mean() for run in (one, two)]
    assert (row["n"], row["value_one"], row["value_other"]) == (len(alive), *map(pytest.approx, nll))
    assert f"{240 - len(alive)} records left out" in row["note"]


@pytest.mark.parametrize("limit", [1, 1000])
def test_runs_beyond_memory_are_compared_cell_by_cell(tmp_path, limit):
    one, two = release(tmp_path / "one", 1, fails=0.02), release(tmp_path / "two", 2, loss=0.3)
    for metric in ("accuracy", "f1_macro", "nll", "flip_rate", "drop", "ece", "auroc_macro", "latency_p50_ms"):
        read, held = (compare({"a": one, "b": two}, metric=metric, **more) for more in ({"limit": limit}, {}))
        assert read.equals(held), metric
    small, large = (match(paired(one, two), limit=most) for most in (10**6, limit))
    assert large.before.frame.large
    assert not small.before.frame.large
    assert small.ran == large.ran == {row["cell"] for row in CELLS}
    for (name, found), (_, other) in zip(everything(small), everything(large)):
        assert found == other, name
    assert flips(large, small.pair.cells) == flips(small, small.pair.cells) != []
    assert reliance({"a": one, "b": two}, limit=limit).equals(reliance({"a": one, "b": two}))
