"""The first screen: each sentence is bound to its number, the gate's verdict is on it, chance is named."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import stress
from stress.cli._commands import stress as command
from stress.report import write_report
from stress.report._book import Book
from stress.report._first import costliest, takeaways
from stress.report._gate import gated
from tests.report_pages import Page, hidden, hostile_run, mixed_run, page_of

GATES = """
gates:
  - {metric: accuracy, on: clean, min: 0.01}
  - {metric: accuracy, on: clean, min: 0.99}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return mixed_run(tmp_path_factory.mktemp("first") / "mixed")


@pytest.fixture(scope="module")
def book(run):
    return Book(run)


def words(page):
    return " ".join(" ".join(page.text).replace("\u202f", " ").split())


def said(book):
    return {sentence.title: sentence.text for sentence in takeaways(book)}


def test_the_worst_scenario_is_that_of_the_greatest_drop_and_no_stream_taken_away(run, book):
    rows = [r for r in run.table("robustness").to_pylist() if r["measure"] == "drop" and not r["fallback"]]
    lost = {c["scenario"] for c in run.cells.to_pylist() if c["perturbation"] == "stream.missing"}
    worst = max((r for r in rows if r["scenario"] not in lost and r["value"] is not None), key=lambda r: r["value"])
    text = said(book)["Worst scenario"]
    assert text.startswith(worst["scenario"])
    assert f"{100 * worst['value']:.1f} (" in text
    assert f"{100 * worst['low']:.1f}–{100 * worst['high']:.1f}" in text.replace("−", "-")


def test_the_stream_to_repair_is_that_of_the_costliest_scenario_of_one_stream(run, book):
    rows = [r for r in run.table("robustness").to_pylist() if r["measure"] == "drop" and not r["fallback"]]
    lost = {c["scenario"] for c in run.cells.to_pylist() if c["perturbation"] == "stream.missing"}
    single = [
        r for r in rows if "+" not in (r["stream"] or "+") and r["scenario"] not in lost and r["value"] is not None
    ]
    first = max(single, key=lambda r: r["value"])
    text = said(book)["Stream to repair"]
    assert text.startswith(f"{first['stream']}: {first['scenario']} costs {100 * first['value']:.1f} (")
    order = [row["drop"]["value"] for row in costliest(book)]
    assert order == sorted(order, reverse=True)


def test_the_fallback_is_the_best_sure_one_or_none(tmp_path):
    suite = {
        "suite": "drop@1",
        "severities": [1, 5],
        "fallbacks": ["drop"],
        "scenarios": {"loud": {"audio": "white_noise"}, "dark": {"image": "low_light"}},
    }
    made = stress.run("demo", "demo", suite, tmp_path / "run", limit=300, examples=0)
    rows = [r for r in made.table("dropping").to_pylist() if r["all_low"] is not None]
    best = max(rows, key=lambda r: r["value"])
    text = said(Book(made))["Best fallback"]
    if best["all_low"] > 0:
        assert text.startswith(f"drop {best['action']} under {best['scenario']}")
        assert f"{100 * best['value']:.1f} (" in text
    else:
        assert text.startswith(f"none: in none of {len(rows)} comparisons")


def test_a_run_without_fallbacks_says_that_none_was_tested(tmp_path):
    suite = {"suite": "plain@1", "severities": [5], "scenarios": {"loud": {"audio": "white_noise"}}}
    made = stress.run("demo", "demo", suite, tmp_path / "run", limit=60, examples=0)
    assert said(Book(made))["Best fallback"].startswith("not tested")


def test_every_sentence_leads_to_a_section_of_the_page(run):
    page = Page(write_report(run).read_text(encoding="utf-8"))
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links
    assert {link.removeprefix("#") for link in links} <= ids


def judged(run, tmp_path, text=GATES):
    gates = tmp_path / "gates.yaml"
    gates.write_text(text)
    return CliRunner().invoke(command, ["gate", str(run.path), str(gates)])


def test_the_gate_is_on_the_page_as_it_was_judged(tmp_path):
    run = mixed_run(tmp_path / "run")
    write_report(run)
    assert "Gate:" not in words(page_of(run))
    assert "no gate was run" in words(page_of(run))
    judged(run, tmp_path)
    data = json.loads((run.path / "gate.json").read_text())
    text = Page((run.path / "report" / "index.html").read_text(encoding="utf-8"))
    text = words(text)
    assert data["outcome"] == "fail"
    assert f"Gate: fail – {data['counts']['fail']} fail of 2 rules" in text
    assert "no gate was run" not in text
    for verdict in data["verdicts"]:
        assert verdict["message"] in text


def test_a_gate_of_fewer_records_is_named_as_such(tmp_path):
    run = mixed_run(tmp_path / "run")
    judged(run, tmp_path)
    data = json.loads((run.path / "gate.json").read_text())
    assert data["records"] == run.count
    (run.path / "gate.json").write_text(json.dumps({**data, "records": run.count - 1}))
    assert "Judge it again" in gated(Book(stress.open(run.path))).stale


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"null", b"\xff\xfe", b'{"outcome": "pass"}', b'{"outcome": 3, "counts": [], "verdicts": {}}',
     b'{"outcome": "pass", "counts": {"pass": "x"}, "gates": "g", "verdicts": []}', b"[" * 100_000],
)  # fmt: skip
def test_a_gate_file_that_cannot_be_read_is_none(tmp_path, content):
    run = mixed_run(tmp_path / "run")
    (run.path / "gate.json").write_bytes(content)
    assert gated(Book(run)) is None
    assert "no gate was run" in words(page_of(run))


def test_a_hostile_gate_file_is_inert(tmp_path):
    run = mixed_run(tmp_path / "run")
    judged(run, tmp_path)
    data = json.loads((run.path / "gate.json").read_text())
    bad = "<img src=x onerror=alert(1)>\x1b[2J"
    data["gates"] = data["baseline"] = bad
    for verdict in data["verdicts"]:
        verdict["rule"] = verdict["message"] = bad
    (run.path / "gate.json").write_text(json.dumps(data))
    text = write_report(stress.open(run.path)).read_text(encoding="utf-8")
    assert "<img" not in text
    assert "\x1b" not in text
    assert hidden(bad)


def test_chance_is_the_share_of_the_most_frequent_class(run, book):
    targets = run.samples["target"].to_pylist()
    _, counts = np.unique(targets, return_counts=True)
    assert book.chance == pytest.approx(counts.max() / len(targets))
    assert f"most frequent {100 * book.chance:.1f} %" in words(page_of(run))


def test_the_page_of_hostile_names_has_its_first_screen(tmp_path):
    page = page_of(hostile_run(tmp_path / "hostile"))
    assert not page.stack
