"""For a paper: figures of several runs hold each run's own numbers, files are equal, and methods say what was done."""

import pytest
from click.testing import CliRunner

import stress
from perturbations import InputError
from stress.cli._commands import stress as command
from stress.report import methods_of, save
from stress.report._several import LOOKS
from tests.report_pages import mixed_run

SUITE = {
    "suite": "paper@1",
    "severities": [1, 5],
    "scenarios": {"loud": {"audio": "white_noise"}, "dark": {"image": "low_light"}, "gone": {"all": "missing"}},
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    one = stress.run("demo", "demo", SUITE, folder / "v1", limit=60, examples=0)
    narrow = {**SUITE, "scenarios": {k: v for k, v in SUITE["scenarios"].items() if k != "dark"}}
    two = stress.run("demo", "demo", narrow, folder / "v2", limit=40, seed=1, examples=0)
    return one, two


def plots(figure):
    return {place.get_title(loc="left"): place for place in figure.axes if place.has_data()}


def test_each_line_is_its_runs_curve(pair):
    found = plots(pair[0].plot(others=[pair[1]]))
    assert set(found) == {"loud"}  # dark is in one of them alone
    lines = found["loud"].get_lines()
    assert [line.get_label() for line in lines] == ["v1", "v2"]
    for run, line in zip(pair, lines):
        rows = [
            r for r in run.table("curves").to_pylist()
            if r["metric"] == "accuracy" and r["scenario"] == "loud" and not r["fallback"]
        ]  # fmt: skip
        assert line.get_xdata().tolist() == [r["severity"] for r in rows]
        assert line.get_ydata().tolist() == pytest.approx([100 * r["value"] for r in rows])


def test_reliability_is_the_table(pair):
    for title, place in plots(pair[0].plot("reliability")).items():
        rows = [
            r for r in pair[0].table("reliability").to_pylist()
            if r["cell"] == title and r["bins"] == "width" and r["n"] and r["accuracy"] is not None
        ]  # fmt: skip
        points = place.get_lines()[-1]
        assert points.get_ydata().tolist() == pytest.approx([100 * r["accuracy"] for r in rows])
        assert points.get_xdata().tolist() == pytest.approx([100 * r["confidence"] for r in rows])


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_equal_runs_give_equal_files_without_fonts_of_type_3(pair, tmp_path, suffix):
    first = save(pair[0].plot(others=[pair[1]]), tmp_path / f"one.{suffix}").read_bytes()
    again = save(pair[0].plot(others=[pair[1]]), tmp_path / f"two.{suffix}").read_bytes()
    assert first == again
    assert b"/Type3" not in first


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "lost"}, "several runs are drawn as curves"),
        ({"modality": "audio"}, "several runs are drawn as curves"),
        ({"scenarios": ["dark"]}, r"scenario must be one that all runs have \(loud\), got dark"),
    ],
)
def test_what_cannot_be_drawn_together_is_one_error(pair, options, says):
    with pytest.raises(InputError, match=says):
        pair[0].plot(others=[pair[1]], **options)


def test_runs_without_a_common_scenario_and_too_many_are_refused(pair, tmp_path):
    with pytest.raises(InputError, match="must have a graded scenario in common"):
        pair[0].plot(others=[mixed_run(tmp_path / "other")])
    with pytest.raises(InputError, match=f"at most {len(LOOKS)} runs"):
        pair[0].plot(others=[pair[1]] * len(LOOKS))
    with pytest.raises(InputError, match="scenario must be one that has curves, got 'dusk'"):
        pair[0].plot(scenarios=["dusk"])


def test_the_command_writes_a_file_and_refuses_another_suffix(pair, tmp_path):
    file = tmp_path / "new" / "f.pdf"
    runs = [str(run.path) for run in pair]
    found = CliRunner().invoke(command, ["figure", *runs, "--scenario", "loud", "-o", str(file)])
    assert found.exit_code == 0, found.output
    assert file.read_bytes().startswith(b"%PDF")
    wrong = CliRunner().invoke(command, ["figure", *runs, "-o", str(tmp_path / "f.txt")])
    assert "must end in .pdf, .svg, .png, got 'f.txt'" in str(wrong.exception)


def test_methods_say_what_the_run_says(pair):
    text = methods_of(pair[0])
    info = pair[0].info
    assert f"on {len(pair[0].samples)} samples of demo" in text
    assert "Suite paper@1, seed 0, 1 draw: 3 scenarios" in text
    assert f"{len(pair[0].cells)} cells with the clean one" in text
    for name, version in info["identity"]["perturbations"].items():
        assert f"{name} v{version}" in text
    assert "samples of one voice taken together as a cluster" in text
    for package, version in info["packages"].items():
        assert f"{package} {version}" in text
    methods = {r["method"] for r in pair[0].table("cells").to_pylist() if r["method"] and r["low"] is not None}
    assert all(method in text for method in methods)
    assert f"counted as a failure: none of {len(pair[0].records())} records." in text
