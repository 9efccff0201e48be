"""Cells, curves, robustness and summary, against known truth."""

import math

import numpy as np
import pytest

from perturbations import InputError
from stress.measure import TABLES, summary, table
from stress.statistics.intervals import degenerate
from tests._runs import LABELS, cell, graded, grid, nested, pick, rows, write
from tests.exact import mid_p_ends

RATES = [0.95, 0.93, 0.90, 0.80, 0.60, 0.40]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    scores = nested(400, RATES, seed=1)
    groups = {"speaker": [i % 40 for i in range(400)], "ward": [i % 8 for i in range(400)]}
    return write(
        tmp_path_factory.mktemp("runs") / "a", graded(), grid(scores), ["1"] * 400, columns=LABELS, groups=groups
    )


def test_tables_have_their_documented_columns(run):
    for name, about in TABLES.items():
        assert table(run, name).column_names == list(about.columns), name
        assert all(about.documented.values())


def test_cells(run):
    found = rows(run, "cells")
    scores = nested(400, RATES, seed=1)
    for k, name in enumerate(["clean", *(f"noise-{s}" for s in range(1, 6))]):
        row = pick(found, cell=name, metric="accuracy")
        assert row["value"] == pytest.approx(scores[:, k].mean())
        assert row["low"] < row["value"] < row["high"]
        assert (row["n"], row["failed"], row["unchanged"], row["method"]) == (400, 0, 0.0, "mid-p")
        drop = pick(found, cell=name, metric="drop")
        assert drop["value"] == pytest.approx(scores[:, 0].mean() - scores[:, k].mean())
        assert drop["low"] <= drop["value"] <= drop["high"]
    missing = pick(found, cell="clean", metric="nll")
    assert missing["value"] is None
    assert "nll" in missing["note"]


def test_pairing_makes_the_drop_surer_than_two_separate_cells(run):
    found = rows(run, "cells")
    drop = pick(found, cell="noise-3", metric="drop")
    apart = sum(
        (r["high"] - r["low"]) ** 2 for r in found if r["metric"] == "accuracy" and r["cell"] in ("clean", "noise-3")
    )
    assert drop["high"] - drop["low"] < 0.8 * math.sqrt(apart)


def test_curve_starts_clean_and_bands_are_wider(run):
    found = [r for r in rows(run, "curves") if r["metric"] == "accuracy"]
    assert [r["severity"] for r in found] == [0, 1, 2, 3, 4, 5]
    assert found[0]["cell"] == "clean"
    for r in found:
        assert r["band_low"] <= r["low"] < r["value"] < r["high"] <= r["band_high"]


def test_robustness(run):
    found = rows(run, "robustness")
    means = nested(400, RATES, seed=1).mean(axis=0)
    expected = {
        "drop": means[0] - means[1:].mean(),
        "retention": means[1:].mean() / means[0],
        "mmi": 1 - means[1:].mean() / means[0],
        "area": np.trapezoid(means) / 5,
        "relative_robustness": np.trapezoid(means),
        "worst": means[5],
    }
    for measure, value in expected.items():
        row = pick(found, measure=measure)
        assert row["value"] == pytest.approx(value)
        assert row["low"] < value < row["high"]
    broken = pick(found, measure="breaking_severity")
    k = int(np.argmax(means < 0.9 * means[0]))
    assert k - 1 < broken["value"] < k
    assert broken["low"] < broken["value"] < broken["high"]
    assert pick(found, measure="worst")["cell"] == "noise-5"


def test_a_model_that_holds_has_no_breaking_severity(run):
    row = pick(rows(run, "robustness", bar=0.1), measure="breaking_severity")
    assert row["value"] is None
    assert row["note"] == "holds up to severity 5"


def test_few_clusters_are_marked_and_wider(run):
    for name in ("cells", "robustness"):
        many = [r for r in rows(run, name) if r["value"] is not None]
        few = [r for r in rows(run, name, cluster="ward") if r["value"] is not None]
        assert [r["value"] for r in many] == pytest.approx([r["value"] for r in few])
    assert pick(few, measure="drop")["method"].startswith("few clusters")
    assert "few clusters" in " ".join(summary(run, cluster="ward")["warnings"])


def test_clusters_that_fail_together_widen_the_interval(tmp_path):
    together = np.repeat(nested(40, RATES, seed=2), 10, axis=0)
    speakers = {"speaker": [i // 10 for i in range(400)]}
    run = write(tmp_path / "a", graded(), grid(together), ["1"] * 400, columns=LABELS, groups=speakers)
    alone = pick(rows(run, "cells"), cell="noise-3", metric="accuracy")
    both = pick(rows(run, "cells", cluster="speaker"), cell="noise-3", metric="accuracy")
    assert both["method"] == "mid-p, effective n"
    assert (both["high"] - both["low"]) > 2.5 * (alone["high"] - alone["low"])


def test_failures_are_failures_and_never_zero_records(tmp_path):
    scores = nested(100, RATES)
    records = grid(scores)
    at = np.flatnonzero((records["cell"] == 5) & (records["score"] == 1))[:7]
    records["status"] = np.array(["ok"] * 600, object)
    records["status"][at] = ["crash", "invalid", "timeout", "crash", "crash", "crash", "crash"]
    run = write(tmp_path / "a", graded(), records, ["1"] * 100, columns=LABELS)
    row = pick(rows(run, "cells"), cell="noise-5", metric="accuracy")
    assert (row["n"], row["failed"]) == (100, 7)
    assert row["value"] == pytest.approx((scores[:, 5].sum() - 7) / 100)
    assert pick(rows(run, "cells"), cell="noise-5", metric="failure_rate")["value"] == pytest.approx(0.07)
    told = summary(run)
    assert told["statuses"]["crash"] == 5
    assert told["errors"] == [{"error": "ValueError: no", "records": 7}]
    assert any("7 of 600" in w for w in told["warnings"])


def test_an_empty_cell_says_so(tmp_path):
    scores = nested(100, RATES)
    scores[:, 3] = np.nan
    run = write(tmp_path / "a", graded(), grid(scores), ["1"] * 100, columns=LABELS)
    for metric in ("accuracy", "drop", "retention"):
        row = pick(rows(run, "cells"), cell="noise-3", metric=metric)
        assert row["value"] is None
        assert row["low"] is None
        assert row["note"] == "the cell has no records"
    assert "noise-3" in pick(rows(run, "robustness"), measure="drop")["note"]
    assert pick(rows(run, "robustness"), measure="drop")["value"] is None
    assert any("noise-3" in w for w in summary(run)["warnings"])


def test_a_run_cut_short_is_compared_on_shared_samples(tmp_path):
    """The clean answers of the samples that a cell lacks must not enter its drop."""
    scores = np.ones((100, 2))
    scores[60:, 0] = 0
    scores[:30, 1] = 0
    scores[60:, 1] = np.nan
    run = write(tmp_path / "a", graded(severities=[1]), grid(scores), ["1"] * 100, columns=LABELS)
    assert pick(rows(run, "cells"), cell="noise-1", metric="drop")["value"] == pytest.approx(0.5)
    assert pick(rows(run, "cells"), cell="noise-1", metric="retention")["value"] == pytest.approx(0.5)


def test_a_cell_with_few_clusters_has_a_t_interval_though_the_run_has_many(tmp_path):
    from scipy import stats

    scores = nested(400, RATES)
    scores[60:, 5] = np.nan
    ward = {"ward": [i // 10 for i in range(400)]}
    run = write(tmp_path / "a", graded(), grid(scores), ["1"] * 400, columns=LABELS, groups=ward)
    row = pick(rows(run, "cells", cluster="ward"), cell="noise-5", metric="accuracy")
    means = scores[:60, 5].reshape(6, 10).mean(axis=1)
    error, t = stats.sem(means), stats.t.ppf(0.975, 5)
    rate = means.mean()
    effect = max(error**2 / (rate * (1 - rate) / 60), 1)  # sixty of six wards are worth no more than sixty
    scarce = min(rate, 1 - rate) * 60 / effect
    # drawn towards ten alike, the more the rarer errors are; for decisions with more caution
    answers, least = (60 / (effect + max(10 - effect, 0) * c / (c + scarce)) for c in (0.25, 1.5))
    expected = mid_p_ends(rate * answers, answers, 2 * stats.norm.sf(t))
    assert (row["low"], row["high"]) == pytest.approx(expected)
    assert (row["trials"], row["freedom"]) == pytest.approx((least, 5))


def test_a_perfect_model_is_not_infinitely_sure(tmp_path):
    from statsmodels.stats.proportion import proportion_confint

    speakers = {"speaker": [i // 4 for i in range(200)]}
    run = write(tmp_path / "a", graded(), grid(np.ones((200, 6))), ["1"] * 200, columns=LABELS, groups=speakers)
    for options in ({}, {"cluster": "speaker"}):
        clean = pick(rows(run, "cells", **options), cell="clean", metric="accuracy")
        assert (clean["value"], clean["high"]) == (1, 1)
        assert 0.9 < clean["low"] < 0.99
        drop = pick(rows(run, "robustness", **options), measure="drop")
        assert drop["low"] < 0 < drop["high"]
    assert degenerate(50) == pytest.approx(proportion_confint(0, 50, method="wilson")[1])


def test_zero_clean_accuracy_has_no_retention(tmp_path):
    run = write(tmp_path / "a", graded(), grid(np.zeros((50, 6))), ["1"] * 50, columns=LABELS)
    row = pick(rows(run, "cells"), cell="noise-1", metric="retention")
    assert row["value"] is None
    assert row["note"] == "undefined: clean accuracy is 0"
    assert pick(rows(run, "robustness"), measure="retention")["note"] == "undefined: clean accuracy is 0"


def test_several_draws_count_as_one_sample(tmp_path):
    """Twenty draws of one sample are not twenty samples."""
    one = nested(100, RATES, seed=3)
    records = grid(np.concatenate([one] * 20))
    records["draw"] = records["sample"] // 100
    records["sample"] = records["sample"] % 100
    run = write(tmp_path / "a", graded(), records, ["1"] * 100, columns=LABELS)
    row = pick(rows(run, "cells"), cell="noise-3", metric="accuracy")
    single = write(tmp_path / "b", graded(), grid(one), ["1"] * 100, columns=LABELS)
    alone = pick(rows(single, "cells"), cell="noise-3", metric="accuracy")
    assert row["n"] == 2000
    assert row["high"] - row["low"] == pytest.approx(alone["high"] - alone["low"], rel=0.15)


def test_ungraded_cells_are_summarised_without_area(tmp_path):
    cells = [cell(), cell("mute", "dead-mic", None, "audio", lost=["audio"]), cell("dark", "dark", None, "image")]
    run = write(tmp_path / "a", cells, grid(nested(200, [0.95, 0.7, 0.5])), ["1"] * 200, columns=LABELS)
    found = rows(run, "robustness")
    assert pick(found, scenario="dead-mic", measure="drop")["value"] > 0.15
    assert pick(found, scenario="dead-mic", measure="area")["note"] == "the scenario has no severities"
    assert rows(run, "curves") == []


def test_no_clean_cell_is_said(tmp_path):
    cells = graded()[1:]
    run = write(tmp_path / "a", cells, grid(nested(50, RATES[1:])), ["1"] * 50, columns=LABELS)
    assert (
        pick(rows(run, "cells"), cell="noise-1", metric="drop")["note"] == "the run has no clean cell to compare with"
    )
    assert pick(rows(run, "robustness"), measure="drop")["note"] == "the run has no clean cell"
    assert summary(run)["clean"] is None


def test_the_parts_of_a_run_can_come_in_any_order(tmp_path, run):
    scores = nested(400, RATES, seed=1)
    records = grid(scores)
    order = np.random.default_rng(0).permutation(2400)
    shuffled = write(
        tmp_path / "a", graded(), {k: v[order] for k, v in records.items()}, ["1"] * 400, columns=LABELS, parts=7
    )
    assert table(shuffled, "curves").equals(table(run, "curves"))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("curvs", {}, "Did you mean curves"),
        ("curves", {"confidense": 0.9}, "Did you mean confidence"),
        ("curves", {"cluster": "speeker"}, "Did you mean speaker"),
        ("curves", {"metric": "acuracy"}, "Did you mean accuracy"),
        ("curves", {"confidence": 1.5}, r"confidence must be in \[0.5, 1\)"),
        ("curves", {"resamples": 3}, "at least 100"),
    ],
)
def test_bad_options_are_named(run, name, options, words):
    with pytest.raises(InputError, match=words):
        table(run, name, **options)


def test_summary_is_plain(run):
    import json

    told = summary(run)
    assert json.loads(json.dumps(told)) == told
    assert told["metric"] == "accuracy"
    assert told["clean"]["low"] < told["clean"]["value"] < told["clean"]["high"]
    (scenario,) = told["scenarios"]
    assert scenario["area"]["low"] < scenario["area"]["value"]


def test_a_curve_with_streams_lost_starts_where_only_these_are_lost(tmp_path):
    import scenarios
    import stress
    from tests.worlds import brightness, samples

    text = """
suite: alone@1
severities: [1, 3]
scenarios:
  lost: {all: {name: missing, fill: none}, grid: subsets}
  picture-only: {image: gaussian_noise, audio: missing, text: missing}
  together: {image: gaussian_noise}
"""
    run = stress.run(brightness, samples(), scenarios.loads(text), tmp_path, workers=1)
    rows = [row for row in run.table("curves").to_pylist() if row["metric"] == "accuracy" and row["severity"] == 0]
    starts = {row["scenario"]: row["cell"] for row in rows}
    assert starts == {"picture-only": "lost:audio+text", "together": "clean"}
    cells = {row["cell"]: row["value"] for row in run.table("cells").to_pylist() if row["metric"] == "accuracy"}
    assert all(row["value"] == cells[row["cell"]] for row in rows)


@pytest.mark.parametrize(("idle", "said"), [([2], "1 cell leaves most"), ([2, 5], "2 cells leave most")])
def test_a_warning_says_in_how_many_cells_there_was_nothing_to_perturb(idle, said, tmp_path):
    records = grid(nested(20, RATES))
    records["status"] = np.array(["ok"] * 120, object)
    records["status"][np.isin(records["cell"], idle) & (records["sample"] < 15)] = "unchanged"
    told = summary(write(tmp_path / "a", graded(), records, ["1"] * 20, columns=LABELS))["warnings"]
    assert [w for w in told if w.casefold().startswith(said)] != []
    assert all(f"noise-{place}" in next(w for w in told if said in w) for place in idle)
