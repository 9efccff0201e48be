"""No call is made twice: equal cells are one question, and what leaves nothing to chance has one draw."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

import perturbations
import scenarios
import stress
from perturbations._params import Choice
from stress.engine import Settings, _plan, execute, plan_run
from stress.engine._parts import GROUP, signed
from stress.gate import compare, judge, loads_gates
from stress.measure import TABLES, measured
from stress.records.writing import write_table
from stress.testing import witness_sample
from tests.worlds import brightness, loose

SUITE = """
suite: repeats@1
severities: [1, 4]
draws: {draws}
fallbacks: [drop]
scenarios:
  bright: {{image: brightness}}
  noise: {{image: gaussian_noise}}
  again: {{image: {{name: gaussian_noise, severity: 4}}}}
  crossed: {{image: brightness, audio: white_noise, grid: product, severities: [0, 4]}}
  lost: {{all: missing, grid: subsets}}
  no-sound: {{audio: missing}}
  grey-sound: {{audio: {{name: missing, fill: noise}}}}
"""
MACHINE = ("latency", "seconds", "calls", "throughput")
COUNTS = "calibration_error_debiased"
"""Takes off what chance adds with so few answers: equal ones are no more evidence, and with them too little is."""


class Counting:
    """A model that is instant, and counts of which samples it is asked how often."""

    def __init__(self, unsteady=False):
        self.asked, self.unsteady, self.calls = 0, unsteady, 0

    def __call__(self, batch):
        self.calls += 1
        self.asked += batch.size
        return brightness(batch) + (0.01 * self.calls if self.unsteady else 0.0)


def run(out, draws=1, model=brightness, **settings):
    settings = {"workers": 1, "batch_size": 7, "preflight": False, **settings}
    return stress.run(model, loose(20), scenarios.loads(SUITE.format(draws=draws)), out, **settings)


@pytest.fixture
def twice(monkeypatch):
    """Make runs as if every cell had to be asked for itself, in each draw."""
    from stress.engine import _repeats

    def asks_all(**what):
        numbers = itertools.count()
        monkeypatch.setattr(_repeats, "content", lambda cell: next(numbers))
        if what.get("draws"):
            monkeypatch.setattr(_repeats, "drawn", lambda cell: True)

    return asks_all


def rows(table, *without):
    names = [name for name in table.column_names if name not in without]
    return table.select(names).to_pylist()


def said(table):
    """The numbers of a table, with what they are of; the time that calls take is each run's own."""
    about = ("cell", "scenario", "stream", "measure", "metric", "class", "value")
    found = [{name: row[name] for name in about if name in row} for row in rows(table)]
    return [row for row in found if not any(word in str(row) for word in (*MACHINE, COUNTS))]


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-9, abs=1e-12, nan_ok=True)
    return one == other


def test_tables_are_those_of_a_run_that_made_every_call(tmp_path, twice):
    once = run(tmp_path / "once")
    twice()
    often = run(tmp_path / "often")
    assert rows(once.records(), "seconds") == rows(often.records(), "seconds")
    assert once.info["units"] < often.info["units"]
    for name in sorted(TABLES):
        found, expected = (
            [row for row in rows(r.table(name)) if not any(w in str(row) for w in MACHINE)] for r in (once, often)
        )
        assert len(found) == len(expected)
        assert all(map(same, found, expected)), name


def test_values_are_those_of_a_run_that_drew_what_does_not_depend_on_the_draw(tmp_path, twice):
    once = run(tmp_path / "once", draws=3)
    twice(draws=True)
    often = run(tmp_path / "often", draws=3)
    for name in ("cells", "curves", "robustness", "contributions", "classes", "calibration", "groups"):
        one, other = (said(r.table(name)) for r in (once, often))
        assert one
        assert [each for each in zip(one, other) if not same(*each)] == [], name
    gates = loads_gates(
        """
gates:
  - {metric: accuracy, min: 0.1}
  - {metric: accuracy, per: scenario, min: 0.1}
  - {metric: retention, on: {scenario: [crossed, lost]}, min: 0.1}
  - {metric: recall_macro, on: {stream: image}, min: 0.1}
"""
    )
    reports = [judge(r, gates) for r in (once, often)]
    found, expected = ([(c.subject, c.value) for v in each.verdicts for c in v.checks] for each in reports)
    assert len(found) == len(expected) > 5
    assert all(one[0] == other[0] and same(one[1], other[1]) for one, other in zip(found, expected))
    assert not compare(often, once).lost, "an older run of all draws, and one of few"
    changes = [c for c in compare(often, once).slices if c.check.value is not None]
    assert changes
    assert all(abs(c.check.value) < 1e-12 for c in changes)


def test_pools_weigh_cells_alike_whether_held_or_read_in_pieces(tmp_path):
    found = run(tmp_path / "run", draws=3)
    parts = {"pool": [c for c in found.cells["cell"].to_pylist() if c != "clean"], "one": ["noise:1"]}
    cells = dict(zip(found.cells["cell"].to_pylist(), range(99)))
    by_cell = {row["cell"]: row["value"] for row in rows(found.table("cells")) if row["metric"] == "accuracy"}
    assert set(parts["pool"]) <= set(cells)
    for limit in (None, 60):
        value = measured(found, **({"limit": limit} if limit else {})).selection(parts, None).metric("accuracy")
        assert value["pool"].value == pytest.approx(np.mean([by_cell[name] for name in parts["pool"]]), abs=1e-9)


def test_equal_cells_are_one_question_and_chance_alone_is_drawn_again(tmp_path):
    model = Counting()
    found = run(tmp_path / "run", draws=3, model=model)
    drawn = dict(zip(found.cells["cell"].to_pylist(), found.cells["draws"].to_pylist()))
    once = {name for name, count in drawn.items() if count == 1}
    by_chance = {name for name in drawn if any(w in name for w in ("noise", "again", "grey-sound"))}
    by_chance |= {name for name in drawn if name.startswith("crossed") and "white_noise" in name and "0" not in name}
    records = found.records()
    for name, count in drawn.items():
        numbers = records.filter(np.array([str(c) == name for c in records["cell"].to_pylist()]))["draw"].to_pylist()
        assert sorted(set(numbers)) == list(range(count)), name
    assert {"clean", "bright:1", "bright:4", "lost:audio", "no-sound", "drop:audio"} <= once
    assert {"noise:1", "noise:4", "grey-sound"} <= set(drawn) - once
    planned = plan_run(model, loose(20), scenarios.loads(SUITE.format(draws=3)), None, Settings(batch_size=7))
    names = [[planned.plan.cells[i].id for i in same] for same in planned.repeats.names.values()]
    shared = [set(each) for each in names if len(each) > 1]
    assert any({"no-sound", "drop:audio"} <= each for each in shared)
    assert any({"noise:4"} < each for each in shared), shared
    assert any({"bright:4"} < each for each in shared), shared
    assert planned.records == found.count == found.info["records"]
    assert len(planned.units) == found.info["units"]


def test_the_dry_run_counts_the_calls_that_are_made(tmp_path):
    found = [
        (run(tmp_path / str(i), draws=3, model=model, skip=skip), model)
        for i, (model, skip) in enumerate([(Counting(), []), (Counting(), ["noise"])])
    ]
    planned = [
        plan_run(brightness, loose(20), scenarios.loads(SUITE.format(draws=3)), None, Settings(batch_size=7, skip=skip))
        for skip in ([], ["noise"])
    ]
    (_, one), (_, other) = found
    assert [plan.records for plan in planned] == [each.count for each, _ in found]
    # beside the grid, both ask the clean cell and one of each scenario who the model is: that of noise stands for again
    asked_who = 1
    assert one.calls - other.calls - asked_who == planned[0].calls - planned[1].calls > 0


def test_processes_share_what_threads_do(tmp_path, monkeypatch):
    root = Path(__file__).resolve().parents[1]
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", str(root))
    one = run(tmp_path / "threads", draws=2)
    settings = {"workers": 2, "batch_size": 7, "preflight": False, "backend": "processes"}
    suite = scenarios.loads(SUITE.format(draws=2))
    other = stress.run("tests.worlds:brightness", "tests.worlds:loose", suite, tmp_path / "processes", **settings)
    assert rows(one.records(), "seconds") == rows(other.records(), "seconds")
    assert one.info["units"] == other.info["units"]


def test_a_model_that_answers_in_several_ways_keeps_its_draws(tmp_path):
    found = run(tmp_path / "run", draws=2, model=Counting(unsteady=True))
    drawn = dict(zip(found.cells["cell"].to_pylist(), found.cells["draws"].to_pylist()))
    assert not found.info["steady"]
    assert {name for name, count in drawn.items() if count == 1} == {"clean"}
    assert len(set(found.records(["bright:1"])["draw"].to_pylist())) == 2


def test_a_run_goes_on_from_one_that_made_every_call(tmp_path, monkeypatch):
    monkeypatch.setattr(_plan, "_SHARD_SAMPLES", 5)
    with pytest.MonkeyPatch.context() as patch:
        from stress.engine import _repeats

        numbers = itertools.count()
        patch.setattr(_repeats, "content", lambda cell: next(numbers))
        patch.setattr(_repeats, "drawn", lambda cell: True)
        run(tmp_path / "run", draws=3, limit=9)
    fresh = run(tmp_path / "fresh", draws=3)
    on = run(tmp_path / "run", draws=3)
    assert rows(on.records(), "seconds", "batch") == rows(fresh.records(), "seconds", "batch")
    assert on.info["reused_units"] > 0


def test_what_is_there_under_one_name_alone_is_asked_for_the_other(tmp_path):
    planned = plan_run(brightness, loose(20), scenarios.loads(SUITE.format(draws=1)), None, Settings(workers=1))
    fresh = execute(planned, tmp_path / "run").run
    expected = rows(fresh.records(), "seconds")
    part = fresh.parts[0]
    table = parquet.read_table(part).replace_schema_metadata(None)
    kept = table.filter(np.array([str(c) != "drop:audio" for c in table["cell"].to_pylist()]))
    assert 0 < len(kept) < len(table)
    write_table(part, signed(kept, fresh.info["run"], whole=False), GROUP)
    again = execute(planned, tmp_path / "run")
    assert again.reused == len(planned.units) - 1
    assert rows(again.run.records(), "seconds") == expected


CASES = [
    (name, choice, option)
    for name in perturbations.names()
    for choice, row in perturbations.get(name).params.items()
    if isinstance(row, Choice)
    for option in row.still
]


@pytest.mark.parametrize(("name", "choice", "option"), CASES)
def test_what_is_said_to_leave_nothing_to_chance_is_the_same_in_every_draw(name, choice, option):
    declaration = perturbations.get(name)
    assert not declaration.draws(declaration.settings(None, None, {choice: option}))
    for of in declaration.modalities:
        sample, data = witness_sample(of)
        values = [
            scenarios.perturb_stream(
                sample,
                next(iter(sample.streams)),
                [scenarios.Condition(next(iter(sample.streams)), name, {choice: option})],
                data,
                seed=3,
                draw=draw,
            )
            for draw in range(3)
        ]
        kind = perturbations.modality.modality(of)
        assert all(v is None if values[0] is None else kind.same(values[0], v) for v in values)


def test_content_is_what_the_model_is_given_and_no_label():
    suite = scenarios.loads(SUITE.format(draws=1))
    plan = scenarios.expand(suite, {"image": "image", "audio": "audio", "text": "text"})
    sample, seen = loose(20)[0], {}
    from stress.data import from_samples

    data = from_samples(loose(20))
    for cell in plan.cells:
        given = scenarios.perturb(cell, sample, data, 0)
        shown = repr([(name, getattr(v, "tobytes", lambda v=v: repr(v))()) for name, v in given.streams.items()])
        seen.setdefault(scenarios.content(cell), set()).add(shown)
    assert all(len(each) == 1 for each in seen.values()), "equal content, other inputs"
    assert len(seen) < len(plan.cells)
