"""Who is hurt, and does stress widen a gap – in worlds whose truth is known."""

from importlib.util import find_spec

import numpy as np
import pytest

from tests._runs import LABELS, answers, graded, grid, pick, predicted, rows, write

CLASSES = ("yes", "no", "maybe")
TASK = {"task": "classification", "classes": list(CLASSES), "answers": "labels", "keep": "none"}


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """Ten speakers of each of three languages; in Welsh, noise hurts three times as much. Breton has nine samples."""
    rng, n = np.random.default_rng(4), 909
    language = np.array(["en", "de", "cy"])[np.arange(n) % 3].astype(object)
    language[900:] = "br"
    hurt = np.where(language == "cy", 0.45, 0.15)
    right = np.stack([rng.random(n) < 0.95, rng.random(n) < 0.95 - hurt], axis=1).astype(float)
    groups = {"language": language, "speaker": [f"{v}-{i % 30}" for i, v in enumerate(language)]}
    groups["sex"] = [("f", "m")[i // 3 % 2] for i in range(n)]
    path = tmp_path_factory.mktemp("voices") / "run"
    return write(path, graded(severities=[1]), grid(right), ["1"] * n, columns=LABELS, groups=groups), right, language


def test_groups(voices):
    run, right, language = voices
    found = rows(run, "groups", by=["language"])
    for name in ("en", "de", "cy", "br"):
        row = pick(found, group=name, cell="noise-1", metric="accuracy")
        assert row["value"] == pytest.approx(right[language == name, 1].mean())
        assert row["low"] < row["value"] <= row["high"]
        rest = pick(found, group=name, cell="noise-1", metric="minus_rest")
        assert rest["value"] == pytest.approx(row["value"] - right[language != name, 1].mean())
    assert pick(found, group="br", cell="clean", metric="accuracy")["note"] == "small group: 9 samples"
    assert pick(found, group="cy", cell="noise-1", metric="minus_rest")["high"] < 0


def test_intersections_come_by_themselves(voices):
    run, right, language = voices
    by = {r["by"] for r in rows(run, "groups")}
    assert {"language", "sex", "language*sex", "speaker"} <= by
    row = pick(rows(run, "groups"), by="language*sex", group="cy × f", cell="noise-1", metric="accuracy")
    chosen = (language == "cy") & (np.arange(909) // 3 % 2 == 0)
    assert row["value"] == pytest.approx(right[chosen, 1].mean())


def test_gaps_widen_under_stress(voices):
    run = voices[0]
    for options in ({}, {"cluster": "speaker"}):
        found = [r for r in rows(run, "gaps", by=["language"], **options) if r["cell"] == "noise-1"]
        gap, wider = pick(found, metric="gap"), pick(found, metric="widening")
        assert gap["worst"] == "cy"
        assert gap["low"] > 0.13
        assert wider["low"] > 0.1
        assert "left out, small: br (9 samples)" in gap["note"]
        clean = pick(rows(run, "gaps", by=["language"], **options), cell="clean", metric="gap")
        assert clean["low"] == 0


def test_gaps_are_fairlearns(voices):
    if find_spec("fairlearn") is None:
        pytest.skip("fairlearn is not installed")
    from fairlearn.metrics import MetricFrame

    run, right, language = voices
    keep = language != "br"
    frame = MetricFrame(
        metrics=lambda t, p: float(np.mean(t == p)),
        y_true=np.ones(keep.sum()),
        y_pred=right[keep, 1],
        sensitive_features=language[keep],
    )
    gap = pick(rows(run, "gaps", by=["language"]), cell="noise-1", metric="gap")
    assert gap["value"] == pytest.approx(frame.difference())


def test_equal_groups_rarely_show_a_gap(tmp_path):
    """The interval allows for the choice of best and worst: of 60 cells of equals, few may exclude 0."""
    rng = np.random.default_rng(0)
    right = (rng.random((600, 61)) < 0.8).astype(float)
    groups = {"ward": [i % 6 for i in range(600)]}
    run = write(
        tmp_path / "a", graded(severities=range(1, 61)), grid(right), ["1"] * 600, columns=LABELS, groups=groups
    )
    found = [r for r in rows(run, "gaps") if r["metric"] == "gap"]
    assert sum(r["low"] > 0 for r in found) <= 7


def test_measures_of_counts_by_group(tmp_path):
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    target, group = rng.integers(0, 3, 600), np.arange(600) % 2
    right = rng.random((600, 2)) < np.array([0.9, 0.5])[None, :] + 0.1 * group[:, None]
    given = answers(target, right, 3, rng)
    names = [CLASSES[t] for t in target]
    records = predicted(given, target, CLASSES)
    run = write(tmp_path / "a", graded(severities=[1]), records, names, TASK, LABELS, {"half": group})
    found = rows(run, "groups", metric="f1_macro")
    f1 = {g: f1_score(target[group == g], given[group == g, 1], average="macro") for g in (0, 1)}
    for g in (0, 1):
        row = pick(found, group=str(g), cell="noise-1", metric="f1_macro")
        assert row["value"] == pytest.approx(f1[g])
        assert row["low"] < f1[g] < row["high"]
        against = pick(found, group=str(g), cell="noise-1", metric="minus_rest")
        assert against["value"] == pytest.approx(f1[g] - f1[1 - g])
    gaps = rows(run, "gaps", metric="f1_macro")
    assert pick(gaps, cell="noise-1", metric="gap")["value"] == pytest.approx(abs(f1[0] - f1[1]))
    assert pick(gaps, cell="noise-1", metric="widening")["low"] is not None


def test_a_curve_over_time_shows_the_ramp_and_the_recovery(tmp_path):
    import numpy as np

    import scenarios
    import stress
    from stress import Sample

    rng = np.random.default_rng(0)
    pictures = rng.integers(100, 156, (300, 8, 8, 1)).astype(np.uint8)
    world = [Sample(str(i), {"image": picture}, target="x") for i, picture in enumerate(pictures)]

    def sees_little_noise(batch):
        spread = np.array([float(np.std(value)) for value in batch["image"]])
        return ["x" if s < 45 else "y" for s in spread]

    text = (
        "suite: t@1\nscenarios:\n  noise: {image: gaussian_noise, timeline: {points: [[0.2, 0], [0.5, 5], [0.8, 0]]}}"
    )
    task = stress.Classification(("x", "y"))
    run = stress.run(sees_little_noise, world, scenarios.loads(text), tmp_path, task=task, workers=1)
    rows = run.table("timeline").to_pylist()
    met = [row["met"] for row in rows]
    assert [row["n"] for row in rows] == [30] * 10
    assert met[0] == met[1] == met[8] == met[9] == 0
    assert met[2] < met[3] < met[4]
    assert met[5] > met[6] > met[7]
    value = [row["value"] for row in rows]
    assert value[0] == value[9] == 1
    assert min(value) == min(value[4:6]) < 0.5
    records = run.records(cells=["noise"])
    order = np.array(records["sample"].to_pylist())
    met_by_record = np.array(records["severity"].to_pylist())
    right = np.array(records["score"].to_pylist())
    window = order * 10 // 299.001
    for w in range(10):
        assert value[w] == right[window == w].mean()
        assert abs(met[w] - met_by_record[window == w].mean()) < 1e-5
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    assert "Over time" in run.report().read_text()
