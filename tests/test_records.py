"""Records are the same from any source; a status counts as its row says; a new table works on a run of any size."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stress.measure import TABLES, summary, table
from stress.measure.core.rows import CELL
from stress.measure.core.sections import Section, apart
from stress.measure.session import registry
from stress.records import statuses
from stress.records.blocks import Block
from stress.records.cells import CellRow, cell_rows
from stress.records.folder import Folder
from stress.records.memo import Memo
from stress.records.pool import Pool
from stress.records.portions import Portion
from stress.records.statuses import Status
from stress.records.views import View, pooled
from tests._runs import LABELS, cell, graded, grid, nested, subsets, write
from tests.test_measure_large import agree, answered, rich, spread

KINDS = (Folder, View, Block, Portion, Pool)
HOUSE = Path(__file__).parents[1] / "stress"


def held_rows(source):
    """All records of a source by cell, sample and draw."""
    found = source.records(columns=["status", "score"]).to_pylist()
    return sorted((row["cell"], row["sample"], row["draw"], row["status"], str(row["score"])) for row in found)


def sources(run):
    """The same records, each cell by its own name, from every kind of source."""
    names = [row.cell for row in cell_rows(run.cells)]
    alone = {name: [name] for name in names}
    (block,) = run.blocks(10**9, run.columns)
    return {
        "folder": run,
        "view": pooled(run, alone),
        "block": block,
        "portion": run.only(names),
        "pool": Pool(run, alone, None, 100),
    }


def test_no_source_is_another():
    assert {kind.__mro__ for kind in KINDS} == {(kind, object) for kind in KINDS}


@pytest.mark.parametrize("kind", ["folder", "view", "block", "portion", "pool"])
def test_every_source_gives_the_same_records(tmp_path, kind):
    run = spread(answered(tmp_path / "a", draws=2, fails=0.1, share=0.5, n=60), 40, "random")
    source, names = sources(run)[kind], [row.cell for row in cell_rows(run.cells)]
    everything = held_rows(run)
    assert held_rows(source) == everything
    assert (source.path, source.info, source.columns) == (run.path, run.info, run.columns)
    assert cell_rows(source.cells) == cell_rows(run.cells)
    assert source.samples.equals(run.samples)
    assert source.count == run.count == len(everything)
    assert source.layout.count.tolist() == run.layout.count.tolist()
    assert sorted(map(str, source.column("score").to_pylist())) == sorted(row[4] for row in everything)
    batched = [row for batch in source.batches(["sample", "score"]) for row in batch.to_pylist()]
    assert sorted(str(row["score"]) for row in batched) == sorted(row[4] for row in everything)
    for name in names:
        mine = {row[1] for row in everything if row[0] == name}
        assert np.flatnonzero(source.present(name)).tolist() == sorted(mine)
    some = source.only([names[1], names[4]])
    assert held_rows(some) == [row for row in everything if row[0] in (names[1], names[4])]
    assert [row.cell for row in cell_rows(some.cells)] == [names[1], names[4]]
    for room in (1, 150, float("inf")):
        parts = list(source.pieces(room))
        assert sorted(row for _, part in parts for row in held_rows(part)) == everything
        for places, part in parts:
            assert [row.cell for row in cell_rows(part.cells)] == [names[i] for i in places]
    blocks = list(source.blocks(100, ["status", "score"]))
    assert sorted(row for block in blocks for row in held_rows(block)) == everything
    seen = [order for block in blocks for order in block.samples["order"].to_pylist()]
    assert sorted(seen) == run.samples["order"].to_pylist()


def median_rows(context):
    """The median score of each cell, and how far that is from clean: none of it a sum over records."""
    frame = context.frame
    score = np.where(frame.failed, 0.0, frame.column("score") + frame.column("confidence"))
    middle = [float(np.median(score[rows])) if len(rows) else None for rows in frame.by_cell]
    clean = None if frame.clean is None else middle[frame.clean]
    found = []
    for row, own in zip(frame.cells, middle):
        less = None if clean is None or own is None else clean - own
        found += [{**row.about, "what": "median", "value": own}, {**row.about, "what": "below clean", "value": less}]
    return found


def nothing_rows(context):
    """One row of the whole run, of no cell."""
    return [{"what": "of the run", "value": float(len(context.frame.samples))}]


MEDIANS = {**CELL, "what": (pa.string(), "what is given"), "value": (pa.float64(), "the number")}


@pytest.mark.parametrize("limit", [1, 300])
@pytest.mark.parametrize("how", ["samples", "random"])
def test_a_new_table_works_on_a_run_of_any_size(tmp_path, monkeypatch, limit, how):
    fills = (Section(median_rows), Section(nothing_rows, apart))
    mine = registry.Table("medians", MEDIANS, fills)
    monkeypatch.setattr(registry, "TABLES", {**TABLES, "medians": mine})
    run = spread(answered(tmp_path / "a", draws=2, fails=0.1, share=0.5, n=60), 40, how)
    held = table(run, "medians")
    assert held.num_rows == 2 * 7 + 1
    assert held["value"].null_count == 0
    assert table(run, "medians", limit=limit).equals(held)


def test_a_section_without_a_bundle_says_why_on_a_run_of_any_size(tmp_path):
    run = spread(answered(tmp_path / "a", n=60), 40, "samples")
    held = table(run, "consistency")
    assert held["note"].null_count == 0
    assert table(run, "consistency", limit=1).equals(held)


LOST = Status("perturbation_error", "left out", "the perturbation raised", fault="perturbation")
REFUSED = Status("refused", "failed", "the endpoint refused to answer", fault="endpoint")


def with_status(run, status, share, seed=0):
    """Give some records another status, and none of the answers that go with it."""
    from pyarrow import parquet

    rng = np.random.default_rng(seed)
    for part in sorted((run.path / "records").glob("part-*.parquet")):
        records = parquet.read_table(part)
        hit, columns = rng.random(len(records)) < share, {}
        for field in records.schema:
            values = records[field.name].to_pylist()
            kept = field.name in ("cell", "sample", "draw", "seconds", "batch")
            given = {"status": status, "error": "ValueError: no ground"}.get(field.name)
            columns[field.name] = values if kept else [given if bad else v for bad, v in zip(hit, values)]
        parquet.write_table(pa.Table.from_pydict(columns, schema=records.schema), part)
    return type(run)(run.path)


def without(run, path, status):
    """The same run, in which records of a status never were."""
    import shutil

    from pyarrow import compute, parquet

    shutil.copytree(run.path, path)
    for part in (path / "records").glob("part-*.parquet"):
        records = parquet.read_table(part)
        kept = compute.not_equal(records["status"].cast(pa.string()), status)
        parquet.write_table(records.filter(kept), part)
    return type(run)(path)


@pytest.mark.parametrize("make", [answered, rich])
@pytest.mark.parametrize("limit", [4_000_000, 300])
def test_a_status_that_is_left_out_is_in_no_number(tmp_path, monkeypatch, make, limit):
    monkeypatch.setattr(statuses, "STATUSES", (LOST, *statuses.STATUSES))
    run = with_status(make(tmp_path / "a", n=60), LOST.name, 0.2)
    never = without(run, tmp_path / "b", LOST.name)
    for name in TABLES:
        found, other = (table(each, name, resamples=100, limit=limit) for each in (run, never))
        if name == "failures":
            listed = [row for row in found.to_pylist() if row["status"] == LOST.name]
            lost = run.records()["status"].to_pylist().count(LOST.name)
            assert sum(row["records"] for row in listed) == lost > 0
            assert {row["error"] for row in listed} == {"ValueError: no ground"}
            continue
        for one, two in zip(found.to_pylist(), other.to_pylist(), strict=True):  # blocks end elsewhere: to rounding
            agree(one, two, (name, one.get("cell"), one.get("metric")))
    told, before = (summary(each, resamples=100, limit=limit) for each in (run, never))
    assert told["records"] == before["records"]
    assert told["statuses"] == {**before["statuses"], LOST.name: lost}
    assert [text for text in told["warnings"] if text not in before["warnings"]] == [
        f"{lost} records were not asked for, since a perturbation raised; they are left out everywhere"
    ]


@pytest.mark.parametrize("limit", [4_000_000, 300])
def test_a_status_that_is_a_failure_counts_as_one(tmp_path, monkeypatch, limit):
    run = answered(tmp_path / "a", n=60)
    crashed = table(with_status(run, "crash", 0.2), "cells", resamples=100, limit=limit).to_pylist()
    monkeypatch.setattr(statuses, "STATUSES", (*statuses.STATUSES, REFUSED))
    refused = table(with_status(answered(tmp_path / "b", n=60), "refused", 0.2), "cells", resamples=100, limit=limit)
    for one, other in zip(crashed, refused.to_pylist(), strict=True):
        assert one == other or one["metric"] == "crash_rate"
    assert sum(row["failed"] for row in crashed if row["metric"] == "accuracy") > 0


def test_the_order_of_the_statuses_means_nothing(tmp_path, monkeypatch):
    run = answered(tmp_path / "a", fails=0.1, n=60)
    before = {name: table(run, name, resamples=100) for name in TABLES}, summary(run, resamples=100)
    monkeypatch.setattr(statuses, "STATUSES", statuses.STATUSES[::-1])
    again = type(run)(run.path)
    after = {name: table(again, name, resamples=100) for name in TABLES}, summary(again, resamples=100)
    assert all(after[0][name].equals(before[0][name]) for name in TABLES)
    assert after[1] == before[1]


def test_each_curve_over_time_has_its_own_intervals(tmp_path):
    """Two cells whose windows hold other samples: neither is given the other's interval."""
    rng, n = np.random.default_rng(1), 200
    place = np.stack([np.full(n, np.nan), np.arange(n) / n, rng.permutation(n) / n], axis=1)
    scores = nested(n, [0.95, 0.7, 0.5])
    found = grid(scores)
    found["place"] = place[found["sample"], found["cell"]]
    found["severity"] = found["place"]
    kinds = dict.fromkeys(("place", "severity"), pa.float32())
    both = [cell(), *(cell(name, name, grid="timeline") for name in ("rain", "dusk"))]
    run = write(tmp_path / "both", both, found, ["1"] * n, columns={**LABELS, **kinds})
    together = table(run, "timeline").to_pylist()
    for k, name in ((1, "rain"), (2, "dusk")):
        mine = {key: values[found["cell"] != 3 - k] for key, values in found.items()}
        mine["cell"] = np.minimum(mine["cell"], 1)
        alone = write(tmp_path / name, [both[0], both[k]], mine, ["1"] * n, columns={**LABELS, **kinds})
        assert table(alone, "timeline").to_pylist() == [row for row in together if row["cell"] == name]


def test_the_plan_of_a_cell_is_parsed_in_one_place():
    """Whoever reads what a run says of its cells gets it from ``records.cells``."""
    readers = [*(HOUSE / "measure").rglob("*.py"), *(HOUSE / "gate").rglob("*.py"), *(HOUSE / "report").rglob("*.py")]
    for path in readers:
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        names = {ast.unparse(call.func) for call in calls}
        assert not names & {"json.loads", "loads"}, path


def test_cells_that_only_lose_streams_are_told_from_those_that_are_also_degraded(tmp_path):
    rows = cell_rows(write(tmp_path / "a", subsets(), grid(np.ones((2, 8))), ["1"] * 2, columns=LABELS).cells)
    assert [row.only_lost for row in rows] == [not row.clean for row in rows]
    assert [row.clean for row in rows] == [True] + [False] * 7
    one = rows[1]
    others = [replace(one, fallback="drop"), replace(one, perturbation="image.noise"), replace(one, lost=())]
    others.append(replace(one, streams=(*one.streams, "radar")))
    assert not any(row.only_lost for row in others)
    assert all(isinstance(row, CellRow) and row.about["cell"] == row.cell for row in rows)


def test_points_of_one_curve_share_all_coordinates_but_the_severity(tmp_path):
    rows = cell_rows(write(tmp_path / "a", graded(), grid(np.ones((2, 6))), ["1"] * 2, columns=LABELS).cells)
    assert {row.coordinates for row in rows} == {"{}"}
    assert replace(rows[1], axes={"severity": 1, "fog": 2}).coordinates == '{"fog": 2}'


def test_a_memo_knows_functions_and_arguments_apart():
    memo, calls = Memo(), []

    def double(owner, number, more=0):
        calls.append(number)
        return [owner, 2 * number + more]

    def triple(owner, number):
        return [owner, 3 * number]

    first = memo(double, "me", 2)
    assert first == ["me", 4]
    assert memo(double, "me", 2) is first
    assert memo(triple, "me", 2) == ["me", 6]
    assert memo(double, "me", 2, more=1) == ["me", 5]
    assert calls == [2, 2]
