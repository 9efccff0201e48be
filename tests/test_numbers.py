"""One form for every measured number, and a face of measures on which code can decide without reading prose."""

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbations import InputError
from stress._face import open_run
from stress.gate import Check, judge, loads_gates
from stress.measure import TABLES, Number, change, match, measured
from stress.records.pairing import paired
from stress.report._book import Book
from stress.report._overview import overview
from stress.report._verdict import verdict
from stress.statistics.rates import rates
from tests._runs import subsets, write
from tests.exact import mid_p_ends
from tests.gate_world import graded_run

FLOATS = st.none() | st.floats() | st.floats(0, 1)
COUNTS = st.none() | st.integers(0, 10**9)
NUMBERS = st.builds(
    Number, FLOATS, FLOATS, FLOATS, COUNTS, COUNTS, FLOATS, st.none() | st.text(), st.booleans(), COUNTS,
    st.none() | st.text(),
)  # fmt: skip
GROUPS = {"speaker": [i % 12 for i in range(240)], "accent": ["ab"[i % 2] for i in range(240)]}
RATES = [0.95, 0.9, 0.8, 0.4]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return graded_run(tmp_path_factory.mktemp("numbers") / "run", RATES, n=240, groups=GROUPS)


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    return graded_run(tmp_path_factory.mktemp("numbers") / "later", [0.94, 0.85, 0.8, 0.5], n=240, groups=GROUPS)


# the number


@given(NUMBERS)
def test_a_number_holds_what_json_and_a_table_can(number):
    json.dumps(number.row(), allow_nan=False)
    assert Number.of(number.row()) == number
    shown = [field.name for field in fields(Number)]
    assert list(number.row()) == shown
    for table in TABLES.values():
        if "unchanged" in table.columns:
            assert set(shown) <= set(table.columns)


@given(st.floats(), st.lists(st.floats(), min_size=1, max_size=4), st.data())
def test_a_number_without_an_interval_names_no_method(value, lows, data):
    at = data.draw(st.integers(0, len(lows) - 1))
    bounds = rates(np.full(len(lows), 3.0), np.full(len(lows), 9.0))
    number = Number.within(value, replace(bounds, low=np.array(lows)), at)
    there = math.isfinite(lows[at])
    assert number.method == ("mid-p" if there else None)
    assert number.trials == (9 if there else None)
    assert number.value == (value if math.isfinite(value) else None)


# what the columns say is what the methods are


@pytest.mark.parametrize("cluster", [None, "speaker"])
def test_few_and_trials_say_what_the_methods_do(run, cluster):
    seen = set()
    for name, table in TABLES.items():
        if "trials" not in table.columns:
            continue
        for row in run.table(name, cluster=cluster).to_pylist():
            method = row["method"] or ""
            assert bool(row["few"]) == method.startswith("few clusters"), row
            estimated = method in ("mid-p, effective n", "few clusters (t, mid-p, effective n)")
            assert (row["trials"] is not None) == (method == "mid-p" or estimated), row
            assert (row["freedom"] is not None) == estimated, row
            seen.add((bool(row["few"]), row["trials"] is not None))
            if method == "mid-p":
                hits = row["value"] * row["trials"]
                assert hits == pytest.approx(round(hits), abs=1e-6), row
                assert (row["low"], row["high"]) == pytest.approx(mid_p_ends(round(hits), row["trials"]), abs=1e-9), row
    assert {(False, False), (False, True)} <= seen if cluster is None else {(False, False), (True, True)} <= seen


@pytest.mark.parametrize(("bar", "holds"), [(0.1, True), (0.7, False)])
def test_a_breaking_severity_says_whether_the_curve_holds(run, bar, holds):
    rows = [row for row in run.table("robustness", bar=bar).to_pylist() if row["measure"] == "breaking_severity"]
    for row in rows:
        assert (row["holds"], row["last_severity"]) == (holds, 3.0)
        assert (row["value"] is None) == holds
    told = measured(run, bar=bar).summary()["scenarios"][0]["breaking_severity"]
    assert (told["holds"], told["last_severity"]) == (holds, 3.0)


def test_lost_streams_have_no_severity_to_break_at(tmp_path):
    cells = subsets()
    count = 40 * len(cells)
    records = {"cell": np.repeat(np.arange(len(cells)), 40), "sample": np.tile(np.arange(40), len(cells))}
    run = write(tmp_path / "lost", cells, records | {"score": np.ones(count)}, ["0"] * 40)
    rows = [row for row in run.table("robustness").to_pylist() if row["measure"] == "breaking_severity"]
    assert [row["holds"] for row in rows] == [None]


# nothing is read out of prose


def garbled(text):
    return None if text is None else "".join(chr(33 + ord(c) % 90) for c in reversed(text))


RULES = """gates:
  - {metric: accuracy, min: 0.7, per: severity}
  - {metric: f1_macro, min: 0.7}
  - {metric: ece, max: 0.2, per: cell}
  - {metric: recall, min: 0.8, per: class}
  - {metric: gap, by: accent, max: 0.2}
  - {metric: accuracy, against: baseline, max_drop: 0.02, per: cell}
  - {metric: nothing_but_retention, name: x, min: 0.5}
""".replace("nothing_but_retention", "retention")


@pytest.mark.parametrize("cluster", ["", "cluster: speaker\n"])
def test_a_verdict_does_not_rest_on_words(run, later, cluster, monkeypatch):
    gates = loads_gates(cluster + RULES)
    plain = judge(later, gates, run)
    made = Check.of
    monkeypatch.setattr(
        Check,
        "of",
        lambda subject, number, *rest, **more: made(
            subject, replace(number, method=garbled(number.method), note=garbled(number.note)), *rest, **more
        ),
    )
    other = judge(later, gates, run)
    for one, two in zip(plain.verdicts, other.verdicts, strict=True):
        assert [c.outcome for c in one.checks] == [c.outcome for c in two.checks]
        assert [(c.p, c.p_adjusted, c.needed) for c in one.checks] == [
            (c.p, c.p_adjusted, c.needed) for c in two.checks
        ]
    few = [check.few for verdict_ in plain.verdicts for check in verdict_.checks]
    assert any(few) == bool(cluster)


def test_a_report_does_not_rest_on_words(run):
    for bar in (0.1, 0.7):
        book, other = Book(run), Book(run)
        found = measured(run, bar=bar)
        told = found.summary()
        scenarios = [
            {k: v | {"note": garbled(v["note"]), "method": garbled(v["method"])} if isinstance(v, dict) else v
             for k, v in row.items()} for row in told["scenarios"]
        ]  # fmt: skip
        for each, rows in ((book, told["scenarios"]), (other, scenarios)):
            each.__dict__["measured"] = _Told(found, told | {"scenarios": rows})
        assert [verdict(book, row) for row in told["scenarios"]] == [verdict(other, row) for row in scenarios]
        place = [column.title for column in overview(book).columns].index("breaks at")
        assert [r[place] for r in overview(book).rows] == [r[place] for r in overview(other).rows]
        assert overview(book).rows[0][place] != "–"


class _Told:
    """A session whose summary is given."""

    def __init__(self, found, told):
        self._found, self._summary = found, told

    def __getattr__(self, name):
        return getattr(self._found, name)

    def summary(self):
        return self._summary


# the face


@pytest.mark.parametrize("cluster", [None, "speaker"])
def test_a_session_says_what_the_tables_say(run, cluster):
    session = measured(run, cluster=cluster)
    rows = session.rows("cells")
    for name in session.metrics:
        numbers = session.metric(name)
        assert list(numbers) == run.cells["cell"].to_pylist()
        for row in rows:
            if row["metric"] == name:
                assert numbers[row["cell"]] == Number.of(row)
    recalls = session.by_class("recall")
    assert {key: number.value for key, number in recalls.items()} == {
        (row["cell"], row["class"]): row["value"] for row in session.rows("classes") if row["metric"] == "recall"
    }
    widest = {row["cell"]: row for row in session.rows("gaps") if row["metric"] == "gap" and row["by"] == "accent"}
    for cell, gaps in session.gaps().items():
        mine = next(gap for gap in gaps if gap.by == "accent")
        assert (mine.best, mine.worst, mine.number.value) == tuple(widest[cell][k] for k in ("best", "worst", "value"))
    assert session.support("clean") == (240, 12 if cluster else 240)
    assert session.better("ece") == "lower"
    assert session.better("accuracy") == "higher"


def test_a_selection_pools_the_records_of_its_cells(run):
    session = measured(run)
    records = run.records(columns=["score"]).to_pydict()
    score = {}
    for cell, value in zip(records["cell"], records["score"]):
        score.setdefault(str(cell), []).append(value)
    pooled = session.selection({"mild": ["noise@1", "noise@2"], "clean": ["clean"], "hard": ["noise@3"]})
    numbers = pooled.metric("accuracy")
    assert list(numbers) == ["mild", "clean", "hard"]
    assert numbers["mild"].value == pytest.approx(np.mean(score["noise@1"] + score["noise@2"]))
    assert numbers["mild"].n == 480
    assert 240 < numbers["mild"].trials < 480  # two answers of one sample are not independent
    assert numbers["mild"].freedom == pytest.approx(239)
    hard = session.selection({"hard": ["noise@3"]})
    assert hard.metric("accuracy") == {"hard": session.metric("accuracy")["noise@3"]}
    assert pooled.metric("drop")["hard"].value == pytest.approx(np.mean(score["clean"]) - np.mean(score["noise@3"]))
    assert pooled.support("mild") == (240, 240)
    ada = session.selection({"all": ["noise@1"]}, ("speaker", "3"))
    assert ada.support("all") == (20, 20)
    assert session.selection({"all": ["noise@1"]}, ("speaker", "3")) is ada


def test_a_session_refuses_what_it_does_not_know(run):
    session = measured(run)
    with pytest.raises(InputError, match=r"metric must be one of .*Did you mean accuracy"):
        session.metric("acuracy")
    with pytest.raises(InputError, match=r"group must be one that the samples carry, got 'speakr'"):
        session.selection({"all": ["clean"]}, ("speakr", "3"))


def test_a_change_is_a_number_with_its_pairs(run, later):
    found = change(match(paired(run, later)), "accuracy", ["noise@3"])
    assert found.number.value == found.drop == pytest.approx(found.before - found.after)
    assert (found.number.n, found.samples, found.clusters) == (240, 240, 240)
    assert found.number.few is False
    assert change(match(paired(run, later, cluster="speaker")), "accuracy", ["noise@3"]).number.few


# what a gate makes of it


def test_a_run_that_declares_its_clusters_is_judged_by_them(run):
    info = dict(run.info)
    (run.path / "run.json").write_text(json.dumps(info | {"cluster": "speaker"}))
    try:
        rules = "gates:\n  - {metric: accuracy, min: 0.1, on: clean}\n"
        declared = judge(open_run(run.path), loads_gates(rules)).verdicts[0].checks[0]
        said = judge(open_run(run.path), loads_gates("cluster: speaker\n" + rules)).verdicts[0].checks[0]
    finally:
        (run.path / "run.json").write_text(json.dumps(info))
    assert declared == said
    assert (declared.few, declared.clusters) == (True, 12)


def test_a_part_without_the_number_is_not_passed_over(tmp_path):
    """All answers at the highest severity fail, so that nothing there has a confidence."""
    run = graded_run(tmp_path / "run", [0.9, 0.8, 0.7], n=60)
    path = run.path / "records" / "part-00000.parquet"
    from pyarrow import parquet

    table = parquet.read_table(path)
    worst = np.array([str(c) == "noise@2" for c in table["cell"].to_pylist()])
    columns = {name: table[name].to_pylist() for name in table.column_names}
    for name in ("score", "prediction", "confidence"):
        columns[name] = [None if bad else v for v, bad in zip(columns[name], worst)]
    columns["status"] = ["crash" if bad else v for v, bad in zip(columns["status"], worst)]
    parquet.write_table(type(table).from_pydict(columns, schema=table.schema), path)
    report = judge(open_run(run.path), loads_gates("gates:\n  - {metric: aurc, max: 1, per: severity}\n"))
    assert [check.outcome for check in report.verdicts[0].checks] == ["pass", "unjudged"]
    assert report.status == 3
