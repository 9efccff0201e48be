"""Evidence: every number is one of the run's tables, a level not met stands first, what was not tested is said."""

import json
import re
import shutil
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

import stress
from perturbations import InputError, SpecError
from stress.cli import main
from stress.data import from_samples
from stress.data.demo import load as demo_samples
from stress.evidence import NOTICE, assemble, load_declaration, write_evidence
from stress.gate import judge
from stress.models.demo import load as load_model
from tests._runs import graded, grid, nested, write
from tests.report_pages import HOSTILE, Page

SUITE = {
    "suite": "little@2",
    "severities": [2, 5],
    "fallbacks": ["drop"],
    "scenarios": {
        "noise": {"image": "gaussian_noise"},
        "mute": {"audio": "missing"},
        "late": {"audio": {"name": "late_start"}},
        "attacked": {"image": {"name": "attack.square", "calls": 5}, "severities": [3], "fallbacks": []},
    },
}
DECLARATION = """
declaration: digit-reader@2
system: reads a digit
provider: Example Ltd
intended_use: teaching children to count
not_intended: [medical use]
fallback: a lost stream is left out
levels:
  - {metric: accuracy, on: clean, min: 0.5, name: right on clean input}
  - {metric: accuracy, on: {scenario: noise}, max: 0.01}
  - {metric: failure_rate, max: 0.9, suite: little}
  - {metric: accuracy, on: {scenario: fog}, min: 0.5}
  - {metric: accuracy, on: clean, min: 0.5, suite: another}
conditions:
  - {name: a noisy camera, scenarios: [noise]}
  - {name: a street, scenarios: [noise, traffic]}
  - {name: rain, scenarios: [rain]}
  - {name: snow}
signed_by: {name: A. Person, role: head of testing, date: "2026-11-29"}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "little"
    samples = from_samples(demo_samples(), "demo")  # each by itself: forty samples of two voices would decide nothing
    return stress.run(load_model(), samples, SUITE, folder, limit=40, preflight=False)


def declared(folder, text=DECLARATION):
    path = folder / "declaration.yaml"
    path.write_text(text, encoding="utf-8")
    return load_declaration(path)


@pytest.fixture(scope="module")
def data(run, tmp_path_factory):
    return assemble([run], declared(tmp_path_factory.mktemp("declaration")))


def numbers(rows):
    return {json.dumps(row, sort_keys=True, default=str) for row in rows}


def test_every_number_is_one_of_the_tables(run, data):
    """Results, gaps between groups, attacks and failures, cell by cell, as the tables have them."""
    found, tables = data["runs"][0], {}
    for name, table in (("results", "cells"), ("groups", "gaps"), ("attacks", "attacks"), ("failures", "failures")):
        tables[name] = run.table(table).to_pylist()
        assert found[name] or name in ("groups", "failures"), name
        for row in found[name]:
            alike = [each for each in tables[name] if all(each[k] == value for k, value in row.items())]
            assert len(alike) == 1, row
    told = {row["cell"] for row in found["results"] if row["metric"] == "accuracy"}
    assert told == {row["cell"] for row in tables["results"]}
    assert {row["metric"] for row in found["results"] if row["cell"] == "clean"} == {
        row["metric"] for row in tables["results"] if row["cell"] == "clean"
    }
    assert len(found["attacks"]) == len(tables["attacks"])


def test_levels_are_judged_as_a_gate_would(run, data, tmp_path):
    gates = declared(tmp_path).gates("little")
    verdicts = judge(run, gates).verdicts
    mine = [level for level in data["levels"] if level["suite"] in (None, "little")]
    assert len(verdicts) == len(mine) == 4
    for level, verdict in zip(mine, verdicts):
        for one in level["runs"]:
            assert one["outcome"] == verdict.outcome
            assert [c["value"] for c in one["checks"]] == [c.value for c in verdict.checks]
            assert [(c["low"], c["high"]) for c in one["checks"]] == [(c.low, c.high) for c in verdict.checks]
    assert [level["outcome"] for level in data["levels"]] == [
        mine[0]["outcome"], "fail", mine[2]["outcome"], "unjudged", "unjudged",
    ]  # fmt: skip
    assert data["outcome"] == "fail"


def test_a_level_that_is_not_met_stands_on_the_first_page(run, tmp_path):
    write_evidence([run], declared(tmp_path), tmp_path / "e")
    first = (tmp_path / "e" / "index.html").read_text(encoding="utf-8")
    assert re.search(r"<h1[^>]*>1 of 5 declared levels not met</h1>", first)
    better = DECLARATION.replace("max: 0.01", "max: 0.9999")
    write_evidence([run], declared(tmp_path, better), tmp_path / "e")
    assert "not met" not in (tmp_path / "e" / "index.html").read_text(encoding="utf-8")


def test_every_page_says_that_it_is_evidence_and_needs_nothing_from_elsewhere(run, tmp_path):
    write_evidence([run], declared(tmp_path), tmp_path / "e")
    pages = sorted((tmp_path / "e").glob("*.html"))
    assert len(pages) == 6
    for path in pages:
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        assert not page.stack
        assert text.count(NOTICE) == 2
        assert "to be checked by whoever signs" in NOTICE
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"script", "iframe", "object", "embed", "link", "img", "form", "base"}
        links = {attributes["href"] for tag, attributes in page.elements if tag == "a"}
        assert links == {each.name for each in pages}
        assert not re.search(r"https?://|@import|url\(", text)


def test_what_was_not_tested_is_said(data):
    assert {each["name"]: each["outcome"] for each in data["conditions"]} == {
        "a noisy camera": "tested", "a street": "tested in part", "rain": "not tested", "snow": "not tested",
    }  # fmt: skip
    left = data["runs"][0]["not_tested"]
    assert left["streams"] == ["text"]
    assert "image.fog" in left["perturbations"]
    assert "image.gaussian_noise" not in left["perturbations"]
    assert left["kinds"] == ["machine"]  # corruption, fault, loss and attack are all there


def clauses(data):
    return {clause["clause"]: clause for framework in data["frameworks"] for clause in framework["clauses"]}


def test_adversarial_robustness_rests_on_attack_cells_alone(run, data, tmp_path):
    """The paragraph on attacks is not served by noise, and the one on faults not by attacks."""
    assert clauses(data)["Article 15(5)"]["evidence"] == {"attacks": True}
    assert "attacks" not in clauses(data)["Article 15(4)"]["evidence"]
    assert clauses(data)["formal methods"]["state"] == clauses(data)["whole document"]["state"] == "not offered"
    plain = write(tmp_path / "plain", graded(), grid(nested(50, [1, 0.9, 0.8, 0.7, 0.6, 0.5])), list("01") * 25)
    said = declared(tmp_path, "declaration: d@1\nintended_use: tests\nlevels: [{metric: accuracy, min: 0.5}]\n")
    poor = assemble([plain], said)
    assert clauses(poor)["Article 15(5)"]["state"] == "nothing tested"
    assert clauses(poor)["Article 15(1)"]["state"] == "evidence"
    assert clauses(poor)["Annex IV, 2(g)"]["evidence"]["signed"] is False
    assert poor["signed_by"] is None
    sources = {framework["name"]: framework["source"] for framework in poor["frameworks"]}
    assert "2024/1689" in sources["EU AI Act"]
    assert all(sources.values())


def check(value, schema, where="$"):
    """What of JSON Schema the schema uses; anything else in it is an error."""
    known = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "pattern", "minItems"}
    assert set(schema) - {"$schema", "title"} <= known, where
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
             "null": type(None)}  # fmt: skip
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        fits = [isinstance(value, kinds[n]) and (n == "boolean" or not isinstance(value, bool)) for n in names]
        assert any(fits), f"{where}: {value!r} is not {names}"
    assert "enum" not in schema or value in schema["enum"], f"{where}: {value!r}"
    assert "const" not in schema or value == schema["const"], where
    assert "pattern" not in schema or re.search(schema["pattern"], value), where
    if isinstance(value, dict):
        properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        assert not [name for name in schema.get("required", ()) if name not in value], where
        for name, each in value.items():
            inner = properties.get(name, more)
            assert inner is not False, f"{where}.{name} is not in the schema"
            if isinstance(inner, dict):
                check(each, inner, f"{where}.{name}")
    if isinstance(value, list):
        assert len(value) >= schema.get("minItems", 0), where
        for at, each in enumerate(value):
            check(each, schema.get("items", {}), f"{where}[{at}]")


def test_the_json_keeps_to_its_schema(run, tmp_path):
    write_evidence([run], declared(tmp_path), tmp_path / "e")
    schema = json.loads((tmp_path / "e" / "schema.json").read_text(encoding="utf-8"))
    found = json.loads((tmp_path / "e" / "evidence.json").read_text(encoding="utf-8"))
    check(found, schema)
    if find_spec("jsonschema"):
        import jsonschema

        jsonschema.validate(found, schema)
    with pytest.raises(AssertionError):
        check({**found, "outcome": "conforms"}, schema)


def test_the_hashes_are_those_of_the_files_and_two_runs_of_the_command_agree(run, tmp_path):
    said = declared(tmp_path)
    write_evidence([run], said, tmp_path / "e")
    before = {path.name: path.read_bytes() for path in (tmp_path / "e").iterdir()}
    write_evidence([run], said, tmp_path / "e")
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "e").iterdir()}
    sums = dict(reversed(line.split("  ")) for line in before["SHA256SUMS"].decode().splitlines())
    assert sums == {name: sha256(content).hexdigest() for name, content in before.items() if name != "SHA256SUMS"}


def test_one_changed_record_changes_the_digest(run, data, tmp_path):
    copy = tmp_path / run.path.name
    shutil.copytree(run.path, copy)
    said = declared(tmp_path)
    assert assemble([stress.open(copy)], said)["digest"] == data["digest"]
    changed = write(tmp_path / "a", graded(), grid(nested(20, [1, 0.9, 0.8, 0.7, 0.6, 0.5])), list("01") * 10)
    text = "declaration: d@1\nintended_use: tests\nlevels: [{metric: accuracy, min: 0.5}]\n"
    one = assemble([changed], declared(tmp_path, text))["digest"]
    records = grid(nested(20, [1, 0.9, 0.8, 0.7, 0.6, 0.5]))
    records["score"][7] = 1 - records["score"][7]
    other = write(tmp_path / "b" / "a", graded(), records, list("01") * 10)
    assert assemble([other], declared(tmp_path, text))["digest"] != one
    assert assemble([changed], declared(tmp_path, text.replace("0.5", "0.6")))["digest"] != one


def test_hostile_names_stay_text(run, tmp_path):
    text = DECLARATION.replace("teaching children to count", json.dumps(HOSTILE))
    write_evidence([run], declared(tmp_path, text), tmp_path / "e")
    page = Page((tmp_path / "e" / "index.html").read_text(encoding="utf-8"))
    assert not page.stack
    assert "script" not in {tag for tag, _ in page.elements}


def test_an_unfinished_run_cannot_pass(tmp_path):
    run = write(tmp_path / "r", graded(), grid(nested(200, [1] * 6)), list("01") * 100)
    text = "declaration: d@1\nintended_use: tests\nlevels: [{metric: accuracy, min: 0.5}]\n"
    assert assemble([run], declared(tmp_path, text))["outcome"] == "pass"
    info = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    (run.path / "run.json").write_text(json.dumps({**info, "finished": False}), encoding="utf-8")
    found = assemble([stress.open(run.path)], declared(tmp_path, text))
    assert found["outcome"] == "undecided"
    assert found["obstacles"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("metric: accuracy, on: clean", "metric: acuracy, on: clean"), "acuracy"),
        (("min: 0.5, name", "min: 85, name"), "85"),
        (("max: 0.01", "max: -0.2"), "-0.2"),
        (("intended_use: teaching children to count", ""), "must have intended_use"),
        (("provider:", "provder:"), "provder"),
        (("levels:", "levls:"), "levels must be a list"),
        (("{name: snow}", "{nme: snow}"), "nme"),
        (("{name: A. Person, role", "{nam: A. Person, role"), "signed_by"),
        (("max: 0.01", "max: 0.01, against: baseline"), "bar of its own"),
        (("max: 0.01", "max: 0.01, min: 0.2"), "one of min, max"),
    ],
)
def test_a_declaration_that_cannot_hold_is_one_clear_error(run, tmp_path, capsys, change, said):
    assert change[0] in DECLARATION
    path = tmp_path / "d.yaml"
    path.write_text(DECLARATION.replace(*change), encoding="utf-8")
    out = tmp_path / "e"
    assert main(["evidence", str(run.path), "--declaration", str(path), "-o", str(out)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert str(path) in error
    assert not out.exists()


def test_runs_that_do_not_belong_together_are_refused(run, tmp_path):
    said = declared(tmp_path)
    with pytest.raises(InputError, match="one twice"):
        assemble([run, run], said)
    with pytest.raises(InputError, match="a run at least"):
        assemble([], said)
    other = write(tmp_path / "o", graded(), grid(nested(20, [1] * 6)), list("01") * 10)
    with pytest.raises(InputError, match="of one model"):
        assemble([run, other], said)
    empty = tmp_path / "empty"
    shutil.copytree(other.path, empty)
    shutil.rmtree(empty / "records")
    (empty / "records").mkdir()
    with pytest.raises(InputError, match="must have records"):
        assemble([stress.open(empty)], said)


def test_nothing_of_the_users_is_written_over(run, tmp_path):
    said, out = declared(tmp_path), tmp_path / "mine"
    out.mkdir()
    (out / "letter.txt").write_text("dear reader", encoding="utf-8")
    with pytest.raises(InputError, match="must be free"):
        write_evidence([run], said, out)
    assert [path.name for path in out.iterdir()] == ["letter.txt"]
    with pytest.raises(InputError, match="YAML file in UTF-8"):
        load_declaration(tmp_path / "nothing.yaml")
    with pytest.raises(SpecError):
        declared(tmp_path, "- a list")


def test_the_command_ends_as_a_gate_does(run, tmp_path, capsys):
    path = tmp_path / "d.yaml"
    head = "declaration: d@1\nintended_use: tests\n"
    for level, status in (
        ("{metric: failure_rate, max: 0.9}", 0),
        ("{metric: accuracy, on: clean, max: 0.01}", 1),
        ("{metric: accuracy, on: {scenario: fog}, min: 0.5}", 3),
    ):
        path.write_text(f"{head}levels: [{level}]\n", encoding="utf-8")
        assert main(["evidence", str(run.path), "--declaration", str(path), "-o", str(tmp_path / "e")]) == status
        assert NOTICE in capsys.readouterr().out
    assert Path(tmp_path / "e" / "SHA256SUMS").is_file()
