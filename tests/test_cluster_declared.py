"""A data set says once whose samples are alike; what dropping a degraded stream buys, against records counted here."""

import re

import numpy as np
import pytest

import scenarios
import stress
from perturbations import InputError, Sample
from stress.data import from_manifest, from_samples
from stress.statistics.clustered import intraclass
from tests.worlds import brightness, samples

SUITE = """
suite: small@1
severities: [1, 5]
fallbacks: [drop]
scenarios:
  dark: {image: low_light}
  typos: {text: keyboard_typos}
"""


def test_runs_draw_together_what_the_data_declare(tmp_path):
    suite = scenarios.loads(SUITE)
    data = from_samples(samples(), cluster="voice")
    assert stress.run(brightness, data, suite, tmp_path / "a", preflight=False).info["cluster"] == "voice"
    other = stress.run(brightness, data, suite, tmp_path / "b", preflight=False, cluster="language")
    assert other.info["cluster"] == "language"
    plain = stress.run(brightness, from_samples(samples()), suite, tmp_path / "c", preflight=False)
    assert plain.info["cluster"] is None
    with pytest.raises(InputError, match=r"cluster must be a group of the data, got 'voce'.*voice"):
        from_samples(samples(), cluster="voce")


def manifest(path, head, row="yes,hello,ann,a"):
    path.write_text(f"{head}\n{row}\n{row}\n")
    return from_manifest(path)


def test_a_manifest_declares_its_cluster_by_a_column(tmp_path):
    found = manifest(tmp_path / "a.csv", "label,text,cluster:speaker,group:ward")
    assert (found.cluster, set(found.index.groups)) == ("speaker", {"speaker", "ward"})
    assert found[0].groups == {"speaker": "ann", "ward": "a"}
    assert manifest(tmp_path / "b.csv", "label,text,group:speaker,group:ward").cluster is None
    for number, wrong in enumerate(
        ("cluster:speaker,cluster:ward", "cluster:speaker,group:speaker", "cluster:,group:a")
    ):
        with pytest.raises(InputError, match="cluster"):
            manifest(tmp_path / f"wrong{number}.csv", f"label,text,{wrong}")


@pytest.mark.parametrize("cluster", [None, "voice"])
def test_dropping_is_the_difference_of_the_same_samples(tmp_path, cluster):
    data = from_samples(samples(), cluster=cluster)
    run = stress.run(brightness, data, scenarios.loads(SUITE), tmp_path / "run", preflight=False)
    right = {}
    for row in run.records().to_pylist():
        right.setdefault(row["cell"], {})[row["sample"]] = row["score"]
    rows = run.table("dropping").to_pylist()
    assert [row["cell"] for row in rows] == ["dark:1", "dark:5", "typos:1", "typos:5"]
    for row in rows:
        kept, without = (right[row[name]] for name in ("cell", "dropped"))
        assert row["dropped"] == ("drop:image" if row["scenario"] == "dark" else "drop:text")
        assert row["value"] == pytest.approx(np.mean([without[s] - kept[s] for s in kept]))
        assert row["without"] - row["kept"] == pytest.approx(row["value"])
        assert row["all_low"] <= row["low"] <= row["value"] <= row["high"] <= row["all_high"]


def test_without_dropped_cells_the_table_says_what_it_needs(tmp_path):
    suite = scenarios.loads(SUITE.replace("fallbacks: [drop]\n", ""))
    run = stress.run(brightness, from_samples(samples()), suite, tmp_path / "run", preflight=False)
    (row,) = run.table("dropping").to_pylist()
    assert row["value"] is None
    assert "fallbacks: [drop]" in row["note"]


def spoken(alike, cluster=None):
    """Forty speakers of ten texts each; the model understands a speaker always or never, or each text by chance."""
    rng = np.random.default_rng(4)
    understood = np.repeat(rng.random(40) < 0.6, 10) if alike else rng.random(400) < 0.6
    samples = [
        Sample(f"s{i:03d}", {"text": "yes" if fine else "no"}, "yes", {"speaker": str(i // 10), "room": str(i % 20)})
        for i, fine in enumerate(understood)
    ]
    return stress.data.from_samples(samples, cluster=cluster)


@pytest.mark.parametrize(("alike", "cluster"), [(True, None), (True, "speaker"), (False, None)])
def test_preflight_estimates_the_design_effect_of_each_group(tmp_path, alike, cluster):
    """Of 64 clean answers. Were all of one speaker the same, ten would tell what one does."""
    suite = {"suite": "s@1", "scenarios": {"lost": {"text": "missing"}}}
    run = stress.run(
        model=lambda batch: ["no" if text is None else text for text in batch["text"]],
        data=spoken(alike, cluster), suite=suite, out=tmp_path / "run", task=stress.Classification(("no", "yes")),
        progress="quiet",
    )  # fmt: skip
    (check,) = [each for each in run.info["preflight"] if each["name"] == "samples are independent"]
    effects = dict(re.findall(r"(speaker|room) ([\d.]+)(?:, |$)", check["says"].partition("answers: ")[2]))
    assert set(effects) == {"speaker", "room"}
    assert check["outcome"] == ("warning" if alike and not cluster else "ok")
    if alike:
        assert float(effects["speaker"]) == pytest.approx(10, abs=1)
        assert float(effects["room"]) < 5
    if alike and not cluster:
        assert "samples of one speaker are alike" in check["says"]
        assert "--cluster speaker" in check["says"]


def test_groups_without_meaning_are_rarely_taken_for_clusters():
    rng, worlds = np.random.default_rng(9), 300
    member = np.arange(64) // 2
    found = [intraclass((rng.random(64) < 0.97) * 1.0, member, rng) for _ in range(worlds)]
    chances = np.array([chance for _, chance in found if np.isfinite(chance)])
    assert (chances <= 0.05).mean() <= 0.05 + 2 * (0.05 * 0.95 / len(chances)) ** 0.5


@pytest.mark.parametrize("alike", [0.0, 0.3, 1.0])
def test_the_intraclass_correlation_of_a_known_law(alike):
    rng, member = np.random.default_rng(3), np.repeat(np.arange(20), 5)
    values = [
        np.sqrt(alike) * rng.normal(size=20)[member] + np.sqrt(1 - alike) * rng.normal(size=100) for _ in range(200)
    ]
    assert np.mean([intraclass(each, member, rng)[0] for each in values]) == pytest.approx(alike, abs=0.035)
