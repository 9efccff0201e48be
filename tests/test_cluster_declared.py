"""A data set says once whose samples are alike; what dropping a degraded stream buys, against records counted here."""

import numpy as np
import pytest

import scenarios
import stress
from perturbations import InputError
from stress.data import from_manifest, from_samples
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
