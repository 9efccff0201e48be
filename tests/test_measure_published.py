"""Numbers that others published, from their own raw numbers: ours must be the same."""

import json
from pathlib import Path

import numpy as np
import pytest

from stress.statistics.calibration import calibration_error
from stress.statistics.robustness import (
    alexnet,
    area,
    corruption_error,
    effective_robustness,
    flip_probability,
    mean_over_corruptions,
    mmi,
    relative_corruption_error,
    relative_robustness,
    rra,
    werd,
)
from tests._runs import LABELS, cell, graded, grid, nested, pick, rows, write

HERE = Path(__file__).parent / "published"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "calibration"
ROBUSTBENCH = json.loads((HERE / "robustbench.json").read_text(encoding="utf-8"))
MOSI = json.loads((HERE / "multibench_mosi.json").read_text(encoding="utf-8"))["mosi"]
MODELS = [(data, model) for data, models in ROBUSTBENCH["accuracy"].items() for model in models]


def test_there_are_48_models():
    assert len(MODELS) == 48
    assert sum("corruptions_mce" in row for row in ROBUSTBENCH["reported"]["imagenet"].values()) == 12


@pytest.mark.parametrize(("data", "model"), MODELS)
def test_reported_accuracies(data, model):
    """The mean over 15 corruptions × 5 severities, to the rounding of the report (in percent)."""
    values = np.array(list(ROBUSTBENCH["accuracy"][data][model].values()))
    assert values.shape == (15, 5)
    reported = ROBUSTBENCH["reported"][data][model]["corruptions_acc"]
    assert 100 * values.mean() == pytest.approx(reported, abs=0.0075)


@pytest.mark.parametrize("model", ROBUSTBENCH["accuracy"]["imagenet"])
def test_reported_mce(model):
    accuracy, facts = ROBUSTBENCH["accuracy"]["imagenet"][model], alexnet()
    each = [corruption_error(1 - np.array(accuracy[name]), np.array(facts.corruptions[name])) for name in accuracy]
    reported = ROBUSTBENCH["reported"]["imagenet"][model]["corruptions_mce"]
    # AlexNet's own 5,000-image errors differ a little from the 50,000-image table that is divided by: 99.99 against 100
    assert 100 * mean_over_corruptions(np.array(each)) == pytest.approx(reported, abs=0.06)


def test_alexnet_denominators():
    """The fifteen mean error rates as google-research/augmix states them."""
    stated = {
        "gaussian_noise": 0.886428,
        "shot_noise": 0.894468,
        "impulse_noise": 0.92264,
        "defocus_blur": 0.81988,
        "glass_blur": 0.826268,
        "motion_blur": 0.785948,
        "zoom_blur": 0.79836,
        "snow": 0.866816,
        "frost": 0.826572,
        "fog": 0.819324,
        "brightness": 0.564592,
        "contrast": 0.853204,
        "elastic_transform": 0.646056,
        "pixelate": 0.71784,
        "jpeg_compression": 0.6065,
    }
    found = {name: np.mean(errors) for name, errors in alexnet().corruptions.items()}
    assert found == pytest.approx(stated, abs=1e-9)


def test_the_whole_way_from_records_to_mce(tmp_path):
    """ResNet-50 as RobustBench measured it on 5,000 images, written as records, read back as mCE 76.38."""
    accuracy = ROBUSTBENCH["accuracy"]["imagenet"]["Standard_R50"]
    n, u = 5000, np.arange(5000)
    cells, scores = [cell()], [u < round(0.7672 * n)]
    for name, values in accuracy.items():
        for severity, value in enumerate(values, 1):
            more = {"perturbation": f"image.{name}", "profile": "imagenet-c"}
            cells.append(cell(f"{name}/{severity}", name, float(severity), "image", **more))
            scores.append(u < round(value * n))
    run = write(tmp_path / "r50", cells, grid(np.stack(scores, axis=1)), ["1"] * n, columns=LABELS)
    found = rows(run, "relative")
    mce = pick(found, measure="mce")
    assert 100 * mce["value"] == pytest.approx(76.38, abs=0.06)
    assert mce["low"] < mce["value"] < mce["high"]
    assert mce["corruptions"] == 15
    assert "profile imagenet-c" in mce["note"]
    assert "frost textures are procedural" in mce["note"]
    assert pick(found, measure="mean_error")["value"] == pytest.approx(1 - 0.3948, abs=1e-4)
    assert pick(found, measure="relative_mce")["value"] > 1
    assert "15 of" not in mce["note"]
    fog = pick(found, measure="ce", perturbation="image.fog")
    assert fog["value"] == pytest.approx((5 - sum(accuracy["fog"])) / sum(alexnet().corruptions["fog"]))


def test_a_mean_of_one_corruption_says_so(tmp_path):
    more = {"perturbation": "image.fog", "profile": "imagenet-c"}
    cells = [cell(), *(cell(f"fog/{s}", "fog", float(s), "image", **more) for s in range(1, 6))]
    run = write(tmp_path / "fog", cells, grid(np.ones((20, 6))), ["1"] * 20, columns=LABELS)
    found = rows(run, "relative")
    assert "1 of 15 corruptions" in pick(found, measure="mce")["note"]
    assert "of 15" not in pick(found, measure="ce")["note"]


def test_alexnet_against_itself_is_one():
    facts = alexnet()
    for errors in facts.corruptions.values():
        own = np.array(errors)
        assert corruption_error(own, own) == 1
        clean = np.array(facts.clean)
        assert relative_corruption_error(own, clean, own, clean) == 1


def test_without_a_known_corruption_there_is_no_mce(tmp_path):
    run = write(tmp_path / "a", graded(), grid(nested(50, [0.9] * 6)), ["1"] * 50, columns=LABELS)
    assert rows(run, "relative")[0]["note"] == "no scenario is one of the fifteen corruptions at severities 1 to 5"


LEVELS = [k / 10 for k in range(10)]


def test_multibench_text_late_fusion():
    assert relative_robustness(np.array(MOSI["LF"]["text"]), LEVELS) == pytest.approx(0.5255, abs=5e-5)


@pytest.mark.parametrize(("method", "kind"), [(m, k) for m in MOSI for k in MOSI[m]])
def test_multibench_curves(method, kind):
    """Each curve against the definitions, spelled out term by term."""
    f = MOSI[method][kind]
    trapezoids = sum((a + b) / 2 * 0.1 for a, b in zip(f, f[1:]))
    assert relative_robustness(np.array(f), LEVELS) == pytest.approx(trapezoids)
    assert area(np.array(f), LEVELS) == pytest.approx(trapezoids / 0.9)
    if kind in MOSI["LF"]:
        late = MOSI["LF"][kind]
        expected = sum(a - (b + f[0] - late[0]) for a, b in zip(f, late))
        assert effective_robustness(np.array(f), np.array(late)) == pytest.approx(expected)


def test_effective_robustness_of_late_fusion_is_zero():
    late = np.array(MOSI["LF"]["text"])
    assert effective_robustness(late, late) == 0


@pytest.mark.parametrize(("name", "published"), [("mnist", 0.0030), ("cifar10", 0.0326), ("imdb", 0.0399)])
def test_published_calibration_errors(name, published):
    """IMDB's .0399 lost 2,744 answers on the way: their confidence is 1.00001, beyond the last bin. All: .0404."""
    path = SHARED / f"cv_probs_{name}.npz"
    if not path.exists():
        pytest.skip("the cross-validated probabilities are not on this machine")
    data = np.load(path)
    share, target = data["probs"].astype(np.float64), data["label"]
    right = (share.argmax(axis=1) == target).astype(float)
    confidence = share.max(axis=1)
    kept = confidence <= 1
    found = calibration_error(confidence[kept], right[kept], 15)[0] * kept.mean()
    assert found == pytest.approx(published, abs=5e-5)
    whole = calibration_error(confidence, right, 15)[0]
    assert whole == pytest.approx(0.0404 if name == "imdb" else published, abs=5e-5)


def test_small_formulas():
    assert mmi(np.array(0.8), np.array(0.6)) == pytest.approx(0.25)
    assert rra(np.array([0.6, 0.4]), np.array([0.5, 0.3])) == pytest.approx(0.25)
    assert werd(np.array([0.3, 0.1]), np.array(0.2)) == pytest.approx([0.1, 0])
    steps = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
    assert flip_probability(steps) == pytest.approx([1 / 3, 1])
    assert flip_probability(steps, against_first=True) == pytest.approx([2 / 3, 2 / 3])


def speech(path, rates, n=300, words=12, seed=0):
    """A recogniser that gets each word wrong with a cell's rate."""
    rng = np.random.default_rng(seed)
    errors = rng.binomial(words, np.asarray(rates)[None, :], (n, len(rates)))
    records = grid(1 - errors / words)
    records |= {"word_errors": errors.T.ravel(), "words": np.full(errors.size, words)}
    task = {"task": "transcription", "headline": "wer"}
    import pyarrow as pa

    columns = dict.fromkeys(("word_errors", "words"), pa.int32())
    cells = graded(severities=range(1, len(rates)), stream="audio")
    return write(path, cells, records, ["a b"] * n, task, columns), errors


def test_word_error_rates_and_their_degradation(tmp_path):
    ours, errors = speech(tmp_path / "ours", [0.1, 0.15, 0.3])
    theirs, other = speech(tmp_path / "theirs", [0.2, 0.4, 0.6], seed=1)
    found = rows(ours, "curves")
    wer = [r for r in found if r["metric"] == "wer"]
    assert [r["value"] for r in wer] == pytest.approx(list(errors.sum(axis=0) / (300 * 12)))
    assert all(r["low"] < r["value"] < r["high"] for r in wer)
    told = rows(ours, "relative", reference=theirs)
    wide, narrow = errors.sum(axis=0) / 3600, other.sum(axis=0) / 3600
    assert pick(told, measure="werd")["value"] == pytest.approx(np.mean(wide[1:] - wide[0]))
    nwerd = pick(told, measure="nwerd")
    assert nwerd["value"] == pytest.approx(np.mean(wide[1:] - wide[0]) / np.mean(narrow[1:] - narrow[0]))
    assert nwerd["low"] < nwerd["value"] < nwerd["high"]
    assert "share kept has no meaning" in pick(rows(ours, "robustness"), measure="retention")["note"]
    drop = pick(rows(ours, "robustness"), measure="drop")
    assert drop["value"] == pytest.approx(np.mean(wide[1:] - wide[0]))
    broken = pick(rows(ours, "robustness"), measure="breaking_severity")
    assert 1 < broken["value"] < 2


def test_a_failed_transcript_counts_as_all_words_wrong(tmp_path):
    run, errors = speech(tmp_path / "a", [0.1, 0.2])
    path = next((run.path / "records").glob("*.parquet"))
    from pyarrow import parquet

    records = parquet.read_table(path).to_pylist()
    for r in records:
        if r["cell"] == "noise-1" and r["sample"] < 30:
            r |= {"status": "crash", "word_errors": None, "words": None, "score": None}
    import pyarrow as pa

    parquet.write_table(pa.Table.from_pylist(records, parquet.read_schema(path)), path)
    found = pick(rows(run, "cells"), cell="noise-1", metric="wer")
    assert found["failed"] == 30
    assert found["value"] == pytest.approx((errors[30:, 1].sum() + 30 * 12) / 3600)


def test_rra_and_effective_robustness_against_a_run(tmp_path):
    one = nested(400, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], seed=1)
    two = nested(400, [0.92, 0.75, 0.6, 0.5, 0.4, 0.3], seed=2)
    ours = write(tmp_path / "ours", graded(), grid(one), ["1"] * 400, columns=LABELS)
    late = write(tmp_path / "late", graded(), grid(two), ["1"] * 400, columns=LABELS)
    found = rows(ours, "relative", reference=late)
    a, b = one.mean(axis=0), two.mean(axis=0)
    gain = pick(found, measure="rra")
    assert gain["value"] == pytest.approx(a[1:].sum() / b[1:].sum() - 1)
    assert gain["low"] < gain["value"] < gain["high"]
    assert gain["reference"] == "late"
    effective = pick(found, measure="effective_robustness")
    assert effective["value"] == pytest.approx(sum(a - (b + a[0] - b[0])))
    assert pick(found, measure="flip_rate_ratio")["value"] is None  # these records hold no predictions
    itself = pick(rows(ours, "relative", reference=ours), measure="rra")
    assert (itself["value"], itself["low"], itself["high"]) == (0, 0, 0)
