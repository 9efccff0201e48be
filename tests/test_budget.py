"""An endpoint within a budget, its answers in the run's folder, and what they took: a smaller grid, but complete."""

import json
import math
from collections import Counter

import numpy as np
import pytest

import stress
from perturbations import InputError, ModelError, RunError
from stress.models import Batch, Replies, Unanswered
from stress.models.endpoints._budget import Budget, cost_of
from stress.models.endpoints._kept import Kept
from stress.models.endpoints._stream import BrokenStreamError, assembled
from tests.test_chat import of
from tests.test_endpoints import DARK, SUITE, samples, server

pytest.importorskip("httpx")
EXACT = {"price": {"input": 10.0, "output": 100.0}}


def grid(run):
    """How many samples each cell has."""
    return Counter(run.records()["cell"].to_pylist())


def test_a_budget_of_calls_ends_a_run_as_a_complete_smaller_grid(tmp_path):
    with server(tmp_path / "log") as url:
        predict = stress.models.json(url, classes=["dark", "bright"])
        run = stress.run(predict, samples(), SUITE, tmp_path / "run", workers=2, max_calls=34)
        assert predict.client.calls <= 34
        spent = run.info["spent"]
        assert spent["calls"] <= 34
        assert spent["ended"] is True
        assert set(grid(run).values()) == {spent["samples"]}
        assert 3 <= spent["samples"] < 12
        assert len(run.samples) == spent["samples"]
        assert run.info["finished"] is True
        first = predict.client.calls
        more = stress.run(predict, samples(), SUITE, tmp_path / "run", workers=2, max_calls=200)
        assert set(grid(more).values()) == {12}
        assert more.info["spent"]["ended"] is False
        assert predict.client.calls - first <= 36 - 3 * spent["samples"] + 5
        whole = stress.run(predict, samples(), SUITE, tmp_path / "whole", workers=2)
        columns = ["cell", "sample", "status", "prediction", "confidence", "score"]
        assert more.records().select(columns).to_pylist() == whole.records().select(columns).to_pylist()


def test_tries_count_and_the_grid_is_complete_all_the_same(tmp_path):
    with server(tmp_path / "log", "busy") as url:  # each question is refused once: it takes two calls
        predict = stress.models.json(url, classes=["dark", "bright"])
        run = stress.run(predict, samples(), SUITE, tmp_path / "run", workers=1, max_calls=60)
        assert predict.client.calls <= 60
        assert set(grid(run).values()) == {run.info["spent"]["samples"]}
        assert run.info["spent"]["ended"] is True


def test_a_budget_of_money(tmp_path):
    with server(tmp_path / "log") as url:
        predict = of(url, **EXACT)
        each = (100 * 10 + 6 * 100) / 1e6  # six words
        run = stress.run(predict, samples(), SUITE, tmp_path / "run", workers=1, max_cost=32 * each)
        spent = run.info["spent"]
        assert spent["cost"] <= 32 * each
        assert set(grid(run).values()) == {spent["samples"]}
        assert 3 <= spent["samples"] < 12
        records = run.records().to_pydict()
        np.testing.assert_allclose(records["cost"], each, rtol=1e-6)
        assert set(records["tokens_in"]) == {100.0}
        assert set(records["tokens_out"]) == {6.0}
        cells = run.table("cells").to_pylist()
        found = {row["metric"]: row["value"] for row in cells if row["cell"] == "clean"}
        assert found["cost"] == pytest.approx(each)
        assert found["unparsed_rate"] == 0
        assert {key for key, _ in Kept(tmp_path / "run" / "answers").all()} >= set(records["answer"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_calls": 5}, "max_calls must be at least 19"),
        ({"max_calls": 0}, "max_calls"),
        ({"max_cost": 1.0}, "max_cost needs prices"),
        ({"max_cost": -1}, "max_cost"),
        ({"backend": "processes"}, "must be"),
    ],
)
def test_budgets_that_cannot_be(tmp_path, options, says):
    predict = stress.models.json("http://127.0.0.1:9/p", classes=["dark", "bright"])
    with pytest.raises((InputError, ModelError), match=says):
        stress.run(predict, samples(), SUITE, tmp_path / "run", **options)
    assert predict.client.calls == 0
    assert not (tmp_path / "run").exists()


def test_a_budget_is_for_endpoints(tmp_path):
    def predict(batch):
        return [[0.0, 1.0] for _ in batch["image"]]

    predict.classes = ["dark", "bright"]
    with pytest.raises(InputError, match="is for endpoints"):
        stress.run(predict, samples(), SUITE, tmp_path / "run", max_calls=100)


def test_a_budget_that_is_spent_before_the_grid_says_so(tmp_path):
    with server(tmp_path / "log") as url:
        predict = of(url, **EXACT)
        with pytest.raises((RunError, ModelError), match=r"max_cost|budget was not enough"):
            stress.run(predict, samples(), SUITE, tmp_path / "run", workers=1, max_cost=0.01)
        assert predict.client.calls <= 20


def test_a_key_that_is_refused_ends_the_run_and_a_new_one_goes_on(tmp_path):
    """No record says that the model failed where it was never asked."""
    with server(tmp_path / "log", "later:denied:31") as url:
        predict = stress.models.json(url, classes=["dark", "bright"])
        with pytest.raises(ModelError, match=r"refuses the key.*HTTP 401.*expired.*goes on"):
            stress.run(predict, samples(), SUITE, tmp_path / "run", workers=1, batch_size=4)
        kept = len(list(Kept(tmp_path / "run" / "answers").all()))
        assert kept > 12
        assert set(stress.open(tmp_path / "run").records()["status"].to_pylist()) <= {"ok"}
    with server(tmp_path / "log", "denied") as url, pytest.raises(ModelError, match="refuses the key"):
        stress.run(stress.models.json(url), samples(), SUITE, tmp_path / "other", workers=1)


@pytest.mark.parametrize(
    ("faults", "status"), [("busy,busy", "rate_limited"), ("broken,broken", "crash"), ("declined", "refusal")]
)
def test_what_became_of_a_question_has_a_status_of_its_own(tmp_path, faults, status):
    with server(tmp_path / "log", faults) as url:
        (row,) = of(url, tries=2)(Batch({"image": [DARK]}))
    assert row.status == status


def test_unparsed_answers_are_counted_cell_by_cell_and_found(tmp_path):
    def predict(batch):
        rows = []
        for picture in batch["image"]:
            wrong = float(np.abs(np.diff(picture.astype(float), axis=1)).mean()) > 30
            rows.append(Unanswered("unparsed", "names no class: 'hm'") if wrong else "bright")
        return Replies(rows, [{"tokens_out": 5.0, "seconds": 0.25} for _ in rows])

    predict.classes, predict.statuses, predict.reports = ["dark", "bright"], ["unparsed"], ["tokens_out"]
    data = [stress.Sample(f"s{i}", {"image": np.full((9, 9, 3), 120, np.uint8)}, target="bright") for i in range(30)]
    suite = {"suite": "s@1", "severities": [1, 5], "scenarios": {"noise": {"image": "impulse_noise"}}}
    run = stress.run(predict, data, suite, tmp_path / "run", workers=1)
    rates = {r["cell"]: r for r in run.table("cells").to_pylist() if r["metric"] == "unparsed_rate"}
    assert rates["clean"]["value"] == 0
    worst = max(rates.values(), key=lambda row: row["value"])
    assert worst["value"] == 1
    assert set(run.records()["seconds"].to_pylist()) == {0.25}
    assert set(run.records()["batch"].to_pylist()) == {1}
    page = run.report().read_text()
    assert "Answers that could not be read rise" in page


@pytest.mark.parametrize("attribute", ["reports", "statuses"])
def test_what_a_predict_says_of_its_answers_is_checked(attribute):
    def predict(batch):
        return ["x"]

    setattr(predict, attribute, ["tokens"])
    with pytest.raises(ModelError, match=f"{attribute} must be among"):
        stress.models.load_model(predict)


def test_a_status_that_is_none_is_refused():
    with pytest.raises(InputError, match=r"status must be one of.*timeout"):
        Unanswered("time-out", "late")


# -- answers word by word


def test_a_stream_is_the_same_answer_and_tells_its_first_word(tmp_path):
    with server(tmp_path / "log", "") as url:
        plain, streamed = of(url), of(url, stream=True)
        batch = Batch({"image": [DARK]})
        assert plain(batch) == streamed(batch) == ["dark"]
        (took,) = streamed(batch).took
        assert 0.05 <= took["first_token_s"] < took["seconds"]
        assert took["tokens_out"] == 6
        assert "first_token_s" not in plain(batch).took[0]
    with server(tmp_path / "log", "torn") as url:  # broken on the way, and asked again
        predict = of(url, stream=True)
        assert predict(batch) == ["dark"]
        assert predict.client.calls == 2


def events(*each):
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in each)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_events_are_put_together_wherever_they_are_cut(size):
    data = events(
        {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"delta": {"content": "Zwölf "}}]},
        {"choices": [{"delta": {"content": "🚗\n"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    )
    parts = [(float(start), data[start : start + size]) for start in range(0, len(data), size)]
    found, first = assembled(parts)
    assert found["choices"][0]["message"]["content"] == "Zwölf 🚗\n"
    assert found["usage"]["completion_tokens"] == 2
    end = data.index(b"\n", data.index(b"Zw"))
    assert first == end // size * size


def test_streams_that_are_none():
    with pytest.raises(BrokenStreamError, match="after 2 characters"):
        assembled([(0.0, events({"choices": [{"delta": {"content": "ab"}}]}))])
    with pytest.raises(BrokenStreamError, match="overloaded"):
        assembled([(0.0, events({"error": "overloaded"}))])
    with pytest.raises(ValueError):
        assembled([(0.0, b"data: {\n")])


# -- money


def test_costs_are_those_of_the_price_table():
    assert cost_of({"input": 2.5, "output": 10}, {"tokens_in": 1e6, "tokens_out": 2e5}) == 4.5
    assert cost_of({"call": 0.002}, {}) == 0.002
    assert math.isnan(cost_of({"input": 2.5}, {}))


@pytest.mark.parametrize("price", [{}, {"in": 1}, {"input": -1}, {"input": True}, {"input": float("inf")}, 3])
def test_price_tables_that_are_none(price):
    with pytest.raises(InputError, match="price"):
        stress.models.json("http://127.0.0.1:9/p", price=price)


def test_a_budget_counts_what_was_paid_before_once():
    budget = Budget(max_calls=3)
    budget.pay("a", 1.0, before=True)
    budget.pay("a", 1.0, before=True)
    assert (budget.calls, budget.cost) == (1, 1.0)
    assert [budget.take(), budget.take()] == [None, None]
    assert "max_calls 3 is spent" in budget.take()
    assert budget.calls == 3


@pytest.mark.parametrize("keep", [True, 3, []])
def test_places_of_answers_that_are_none(keep):
    with pytest.raises(InputError, match="keep must be"):
        stress.models.json("http://127.0.0.1:9/p", keep=keep)


def test_a_file_is_no_place_for_answers(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="must be a folder"):
        stress.models.json("http://127.0.0.1:9/p", keep=tmp_path / "file")


def test_a_fallback_that_is_an_endpoint_pays_no_answer_twice_either(tmp_path):
    with server(tmp_path / "log") as url:
        (tmp_path / "other.yaml").write_text("classes: [dark, bright]\nmissing: leave_out\n")
        suite = {**SUITE, "fallbacks": [{"model": f"json:{url}@{tmp_path / 'other.yaml'}"}]}

        def run(**options):
            predict = stress.models.json(url, classes=["dark", "bright"], missing="leave_out")
            return stress.run(predict, samples(), suite, tmp_path / "run", workers=1, **options)

        asked = {row["fallback"] for row in run().cells.to_pylist()}
        assert any(each and "json" in each for each in asked)
        paid = (tmp_path / "log").read_text().split()
        assert len(paid) == len(set(paid))
        for part in (tmp_path / "run" / "records").iterdir():
            part.unlink()  # as a kill would that came before the first was written
        run()
        assert (tmp_path / "log").read_text().split() == paid
        with pytest.raises(InputError, match="a fallback asks another"):
            run(max_calls=1000)
