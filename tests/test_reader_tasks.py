"""Five things that readers come for, found on the page's text alone."""

import json

import pytest

from stress.gate import compare, judge, loads_gates, report_data, save
from stress.report import write_comparison, write_report
from tests._runs import LABELS, NUMBERS, write
from tests.report_pages import MIXED, RATES, Page, describe, records

N = 200
GATES = "gates:\n  - {metric: accuracy, on: {scenario: fog}, min: 0.8}\n  - {metric: accuracy, on: clean, min: 0.5}\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readers")
    made = []
    for name, rates in (("v1", RATES), ("v2", [*RATES[:1], 0.6, 0.5, 0.4, *RATES[4:]])):
        run = write(folder / name, MIXED, records(MIXED, rates, N), ["1"] * N, columns={**LABELS, **NUMBERS})
        made.append(describe(run, command=f"stress run night --model m:{name} --seed 0"))
    save(made[1].path / "gate.json", report_data(judge(made[1], loads_gates(GATES))))
    return made


def text_of(path):
    page = Page(path.read_text(encoding="utf-8"))
    return " ".join(" ".join(page.text).replace("\u202f", " ").split())


@pytest.fixture(scope="module")
def page(runs):
    return text_of(write_report(runs[1]))


@pytest.fixture(scope="module")
def both(runs):
    return text_of(write_comparison(runs))


def test_which_stream_to_repair(page, runs):
    drops = [r for r in runs[1].table("robustness").to_pylist() if r["measure"] == "drop" and r["stream"] == "image"]
    worst = max((r for r in drops if r["value"] is not None), key=lambda r: r["value"])
    assert f"Stream to repair image: {worst['scenario']} costs {100 * worst['value']:.1f} (" in page


def test_which_rule_fails_and_by_how_much(page, runs):
    data = json.loads((runs[1].path / "gate.json").read_text(encoding="utf-8"))
    (failed,) = [verdict for verdict in data["verdicts"] if verdict["outcome"] == "fail"]
    assert "Gate: fail – 1 fail of 2 rules" in page
    assert failed["message"] in page
    value = failed["checks"][0]["value"]
    assert f"{value:.3f}" in failed["message"] or f"{value:.3g}" in failed["message"]


def test_did_v2_get_worse_and_where(both):
    assert "B against A: worse by" in both
    assert "surely worse under fog in" in both


def test_which_sample_shows_it(both, runs):
    first = compare(*runs).lost[0]
    assert f"{first.sample} {first.cell} {first.target} {first.before} {first.after}" in both
    assert f"stress show {runs[1].path} {first.sample} {first.cell}" in both


def test_how_to_reproduce(page, both, runs):
    assert "stress run night --model m:v2 --seed 0" in page
    assert f"stress report {runs[0].path} {runs[1].path}" in both
