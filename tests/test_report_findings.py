"""What a report must not keep to itself: failures, what is missing, what was left out, distortion that falls."""

import numpy as np
import pyarrow as pa
import pytest

from stress._face import Run
from stress.measure import table
from tests._runs import graded, grid, nested, write
from tests.report_pages import describe, mixed_run, page_of, printed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return mixed_run(tmp_path_factory.mktemp("runs") / "mixed")


# what must not be overlooked


def test_failures_are_listed_once_each_with_their_cells(tmp_path):
    cells = graded("fog", (1, 2))
    found = grid(nested(50, [0.9, 0.9, 0.9]))
    status = np.array(["ok"] * 150, object)
    status[50:57], status[100:103] = "crash", "timeout"
    run = describe(write(tmp_path, cells, {**found, "status": status}, ["1"] * 50))
    rows = table(run, "failures").to_pylist()
    assert [(r["cell"], r["status"], r["error"], r["records"], r["n"]) for r in rows] == [
        ("fog-1", "crash", "ValueError: no", 7, 50),
        ("fog-2", "timeout", "ValueError: no", 3, 50),
    ]
    page = page_of(run)
    lines = page.find("kind", "message")
    assert [(line["kind"], line["records"], line["cells"]) for line in lines] == [
        ("crash", "7", "fog-1 (7 of 50)"),
        ("timeout", "3", "fog-2 (3 of 50)"),
    ]
    text = "".join(page.text)
    assert "no usable answer to 10 of 150 records in 2 cells (7 crash, 3 timeout)" in text
    assert "10 of 150 records" in printed(run, 100)
    drawn = (run.path / "report" / "index.html").read_text(encoding="utf-8")
    assert drawn.count("dot image failed") == 2


def test_preflight_warnings_and_what_was_left_out_are_said(run):
    info = {
        "preflight": [{"name": "batches", "outcome": "warning", "says": "non-deterministic"}],
        "left_out": [["odd", "no text"]],
    }
    told = describe(run, **info)
    try:
        text = "".join(page_of(told).text)
        assert "Preflight – batches: non-deterministic" in text
        assert "Left out – odd: no text" in text
    finally:
        describe(run, preflight=[], left_out=[])


def test_an_unfinished_run_says_so_first(tmp_path):
    cells = graded("fog", (1, 2))
    scores = nested(40, [0.9, 0.8, 0.7])
    scores[20:, 2] = np.nan
    run = describe(write(tmp_path, cells, grid(scores), ["1"] * 40), finished=False, records=120)
    text = "".join(page_of(run).text)
    assert text.index("Unfinished run. 100 of 120 records (83 %) are there") < text.index("So far:")
    assert "unfinished: 100 of 120 records" in printed(run, 100)


def test_a_run_without_records_has_a_page_too(tmp_path):
    run = describe(write(tmp_path, graded(), grid(nested(10, [1] * 6)), ["1"] * 10), finished=False)
    for part in (tmp_path / "records").iterdir():
        part.unlink()
    text = "".join(page_of(Run(run.path)).text)
    assert "No records yet" in text
    assert "0.0" not in text
    assert "no records yet" in printed(Run(run.path), 80)


def test_a_number_that_is_missing_is_a_dash_with_its_reason(tmp_path):
    cells = graded("fog", (1, 2))
    columns = {"residual": pa.float64()}
    found = grid(np.ones((30, 3)))
    found |= {"residual": np.tile([0.5, -0.25], 45), "status": np.array(["ok"] * 60 + ["crash"] * 30, object)}
    run = describe(
        write(tmp_path, cells, found, [0.0] * 30, task={"task": "regression", "tolerance": None}, columns=columns)
    )
    page = page_of(run)
    line = next(line for line in page.find("scenario", "severity") if line["severity"] == "2")
    value = next(text for head, text in line.items() if head.startswith(("mae", "within")))
    assert value == "–"
    assert "all answers failed" in " ".join(page.titles)
    assert "?" in page.text


def test_an_error_rate_is_worse_when_it_rises(tmp_path):
    cells = graded("fog", (1, 2))
    columns = dict.fromkeys(("word_errors", "words", "character_errors", "characters"), pa.int32())
    columns |= dict.fromkeys(("deletions", "insertions", "substitutions", "exact"), pa.int32())
    found = grid(np.ones((50, 3)))
    count = len(found["cell"])
    found |= {name: np.ones(count, int) for name in columns}
    found |= {"words": np.full(count, 10), "word_errors": 1 + 3 * found["cell"], "characters": np.full(count, 50)}
    run = describe(write(tmp_path, cells, found, ["a"] * 50, task={"task": "transcription"}, columns=columns))
    page = page_of(run)
    text = "".join(page.text)
    assert "Clean wer" in text
    assert "70.0 %" in text  # the worst cell is the highest
    assert page.find("scenario", "verdict", "keeps %")[0]["keeps %"] == "–"


# what the report asked the measures for


def test_distortion_is_the_mean_of_what_was_changed_and_says_what_it_leaves_out(tmp_path):
    cells = graded("fog", (1, 2))
    found = grid(np.ones((40, 3)))
    psnr = np.where(found["cell"] == 1, 30.0, 20.0) + found["sample"] % 2
    psnr = np.where(found["cell"] == 0, np.nan, psnr)
    psnr[(found["cell"] == 2) & (found["sample"] < 10)] = np.inf
    name = "distortion.image.psnr_db"
    run = describe(write(tmp_path, cells, {**found, name: psnr}, ["1"] * 40, columns={name: pa.float32()}))
    rows = {row["cell"]: row for row in table(run, "distortion").to_pylist()}
    assert set(rows) == {"fog-1", "fog-2"}
    assert rows["fog-1"]["value"] == pytest.approx(30.5)
    assert rows["fog-1"]["low"] < 30.5 < rows["fog-1"]["high"]
    assert rows["fog-2"]["n"] == 30
    assert "30 of 40" in rows["fog-2"]["note"]
    assert {line["cell"]: line["mean"] for line in page_of(run).find("cell", "measure")} == {
        "fog-1": "30.5",
        "fog-2": "20.5",
    }


def test_distortion_that_falls_is_said(tmp_path):
    cells = graded("fog", (1, 2, 3))
    found = grid(np.ones((30, 4)))
    name = "distortion.image.psnr_db"
    psnr = np.array([np.nan, 30.0, 35.0, 20.0])[found["cell"]]
    run = describe(write(tmp_path, cells, {**found, name: psnr}, ["1"] * 30, columns={name: pa.float32()}))
    text = "".join(page_of(run).text)
    assert "Severity 2 of fog changes image less than severity 1: psnr_db 35 after 30." in text
    assert "Severity 3 of fog changes" not in text


def test_latency_counts_calls_and_not_records(tmp_path):
    cells = graded("fog", (1,))
    found = grid(np.ones((400, 2)))
    call = found["sample"] // 4  # four samples a call
    seconds = 0.010 + 0.0001 * call
    run = describe(write(tmp_path, cells, {**found, "seconds": seconds}, ["1"] * 400))
    rows = {(row["cell"], row["metric"]): row for row in table(run, "latency").to_pylist()}
    middle = rows["fog-1", "latency_p50_ms"]
    assert middle["n"] == 100
    assert middle["value"] == pytest.approx(14.9)
    # the 40th and 61st of 100 ordered calls hold the median with 96 %
    assert (middle["low"], middle["high"]) == (pytest.approx(13.9), pytest.approx(16.0))


def test_order_statistics_hold_the_quantile_as_often_as_they_say():
    from scipy.stats import binom

    from stress.statistics.intervals import quantile_interval

    for n in (6, 20, 100, 700):
        for share in (0.5, 0.95):
            _, low, high = quantile_interval(np.arange(n, dtype=float), share, 0.95)
            assert np.isnan(low) == (binom.cdf(0, n, share) > 0.025)
            assert np.isnan(high) == (binom.cdf(n - 1, n, share) < 0.975)
            if np.isnan(low) or np.isnan(high):
                continue
            # it lies between these two where more than low values, and at most high, fall under it
            assert binom.cdf(high, n, share) - binom.cdf(low, n, share) >= 0.95
            assert binom.cdf(low + 1, n, share) > 0.025  # no narrower one holds at either end
            assert binom.cdf(high - 1, n, share) < 0.975
