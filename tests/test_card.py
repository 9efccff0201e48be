"""The card of a model: each value is the run's with its interval and conditions, and the Hub's own reader takes it."""

import json

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import stress
from perturbations import InputError
from stress.cli._commands import stress as command
from stress.report import card_data, card_text
from tests.report_pages import HOSTILE, hidden, hostile_run, mixed_run

SUITE = {
    "suite": "card@3",
    "severities": [1, 5],
    "scenarios": {"loud": {"audio": "white_noise"}, "both": {"image": ["low_light", "shot_noise"]}},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return stress.run("demo", "demo", SUITE, tmp_path_factory.mktemp("card") / "v1", limit=40, examples=0)


@pytest.fixture(scope="module")
def index(run):
    text = card_text(run, "huggingface")
    return yaml.safe_load(text.split("---\n")[1])["model-index"][0]


def test_each_value_is_the_runs_with_its_interval(run, index):
    cells = {r["cell"]: r for r in run.table("cells").to_pylist() if r["metric"] == "accuracy"}
    clean, *others = index["results"]
    (metric,) = clean["metrics"]
    assert (metric["type"], metric["value"]) == ("accuracy", cells["clean"]["value"])
    assert (metric["args"]["low"], metric["args"]["high"]) == (cells["clean"]["low"], cells["clean"]["high"])
    for result in others:
        name = result["dataset"]["args"]["scenario"]
        found = {each["type"]: each for each in result["metrics"]}
        mine = [r["value"] for r in cells.values() if r["scenario"] == name]
        assert found["accuracy"]["value"] == pytest.approx(np.mean(mine))
        assert found["worst_accuracy"]["value"] == min(mine)
        drop = next(r for r in run.table("robustness").to_pylist() if (r["scenario"], r["measure"]) == (name, "drop"))
        assert found["drop"]["value"] == drop["value"]
        assert (found["drop"]["args"]["low"], found["drop"]["args"]["high"]) == (drop["low"], drop["high"])
        assert all("confidence" in each["args"] for each in result["metrics"])


def test_no_value_stands_without_its_conditions(run, index):
    versions = run.info["identity"]["perturbations"]
    for result in index["results"][1:]:
        args = result["dataset"]["args"]
        assert args["severities"] == [1.0, 5.0]
        assert (args["suite"], args["seed"]) == ("card@3", 0)
        assert args["perturbations"] == {name: versions[name] for name in args["perturbations"]}
    both = next(r for r in index["results"] if r["dataset"]["args"].get("scenario") == "both")
    assert set(both["dataset"]["args"]["perturbations"]) == {"image.low_light", "image.shot_noise"}


def test_the_hubs_own_reader_takes_it(run):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(card_text(run, "huggingface"))
    found = card.data.eval_results
    assert {each.metric_type for each in found} >= {"accuracy", "drop", "retention"}
    data = card_data(run)
    clean = next(each for each in found if each.dataset_name == "demo, clean")
    assert clean.metric_value == data["clean"]["value"]


def test_a_reader_of_the_words_finds_clean_value_and_limits(run):
    text = card_text(run)
    clean = card_data(run)["clean"]
    assert f"Clean accuracy: {100 * clean['value']:.1f} %" in text.replace("&#40;", "(")
    assert "| Without an answer | 0 of 200 records |" in text
    assert "card@3, seed 0" in text


def test_failures_and_what_is_undefined_are_said(tmp_path):
    data = json.loads(card_text(hostile_run(tmp_path / "hostile"), "json"))
    assert sum(data["failed"].values()) > 0
    for each in data["scenarios"]:
        for name in ("mean", "drop", "retention", "worst"):
            assert each[name]["value"] is not None or each[name].get("note"), (name, each[name])


def test_hostile_names_are_inert(tmp_path):
    run = hostile_run(tmp_path / "hostile")
    text = card_text(run, "huggingface")
    head, body = text.split("---\n", 2)[1:]
    assert HOSTILE in yaml.safe_load(head)["model-index"][0]["name"]
    assert not hidden(text.replace("\n", ""))
    assert "<script" not in body
    assert "\n---" not in head


def test_the_command(run, tmp_path):
    for option, form in (("--huggingface", "huggingface"), ("--markdown", "markdown"), ("--json", "json")):
        file = tmp_path / form
        found = CliRunner().invoke(command, ["card", str(run.path), option, "-o", str(file)])
        assert found.exit_code == 0, found.output
        assert file.read_text(encoding="utf-8") == card_text(run, form)
    with pytest.raises(InputError, match="form must be one of"):
        card_text(mixed_run(tmp_path / "mixed"), "html")
