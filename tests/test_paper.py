"""For a paper: figures of several runs hold each run's own numbers, files are equal, and methods say what was done."""

import pyarrow.compute as pc
import pytest
from click.testing import CliRunner

import stress
from perturbations import InputError, RunError
from stress.cli._commands import stress as command
from stress.gate import compare_several
from stress.report import methods_of, save
from stress.report.paper._figures import KINDS
from stress.report.paper._look import LOOKS, folded, legend
from stress.report.paper._look import plots as plots_of
from tests._runs import LABELS, NUMBERS, write
from tests.report_pages import MIXED, RATES, describe, mixed_run, records

SUITE = {
    "suite": "paper@1",
    "severities": [1, 5],
    "scenarios": {
        "loud": {"audio": "white_noise"},
        "dark": {"image": "low_light"},
        "gone": {"all": "missing", "grid": "subsets"},
        "cross": {"audio": "white_noise", "image": "low_light", "grid": "product"},
        "ramp": {"audio": "white_noise", "timeline": {"shape": "ramp", "severity": 5}},
    },
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    one = stress.run("demo", "demo", SUITE, folder / "v1", limit=60, examples=0)
    narrow = {**SUITE, "scenarios": {k: v for k, v in SUITE["scenarios"].items() if k != "dark"}}
    two = stress.run("demo", "demo", narrow, folder / "v2", limit=40, examples=0)
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
            if folded(r["cell"]) == title and r["bins"] == "width" and r["n"] and r["accuracy"] is not None
        ]  # fmt: skip
        points = next(line for line in place.get_lines() if line.get_linestyle() == "None")
        assert points.get_ydata().tolist() == pytest.approx([100 * r["accuracy"] for r in rows])
        assert points.get_xdata().tolist() == pytest.approx([100 * r["confidence"] for r in rows])


def dotted(place):
    """The values of each row of dots, by the row's label, in the order of the runs."""
    labels = [text.get_text() for text in place.get_yticklabels()]
    found = {}
    for line in place.get_lines():
        if line.get_linestyle() == "None":
            found.setdefault(labels[round(line.get_ydata()[0])], []).append(line.get_xdata()[0])
    return found


def test_dots_of_lost_streams_and_of_what_streams_are_worth_are_the_tables(pair):
    (place,) = pair[0].plot("lost", others=[pair[1]]).axes
    for label, values in dotted(place).items():
        streams = label.partition(" (")[0].replace(" + ", "+")
        rows = [[r for r in run.table("cells").to_pylist() if r["metric"] == "accuracy" and r["lost"] == streams]
                for run in pair]  # fmt: skip
        assert values == pytest.approx([100 * each[0]["value"] for each in rows])
    worth = [
        {(r["measure"], r["stream"], r["other"]): r for r in run.table("contributions").to_pylist()} for run in pair
    ]
    for place in pair[0].plot("contributions", others=[pair[1]]).axes:
        measure = place.get_title(loc="left")
        for stream, values in dotted(place).items():
            assert values == pytest.approx([100 * each[measure, stream, None]["value"] for each in worth])


def test_a_map_holds_each_cell_of_the_product(pair):
    places = [place for place in pair[0].plot("heat", others=[pair[1]]).axes if place.get_title(loc="left")]
    assert [place.get_title(loc="left") for place in places] == ["cross: v1", "cross: v2"]
    for run, place in zip(pair, places):
        rows = {r["cell"]: r for r in run.table("cells").to_pylist() if r["metric"] == "accuracy"}
        wanted = [100 * r["value"] for r in rows.values() if r["scenario"] == "cross" and not r["fallback"]]
        mesh = place.collections[0]
        assert sorted(mesh.get_array().ravel()) == pytest.approx(sorted(wanted))
        assert sorted(float(t.get_text()) for t in place.texts) == pytest.approx(sorted(wanted), abs=0.51)


def test_time_runs_as_in_the_table(pair):
    place = next(place for place in pair[0].plot("timeline").axes if place.get_title(loc="left"))
    rows = [r for r in pair[0].table("timeline").to_pylist() if r["value"] is not None]
    line = place.get_lines()[-1]
    assert line.get_ydata().tolist() == pytest.approx([100 * r["value"] for r in rows])
    assert line.get_xdata().tolist() == pytest.approx([50 * (r["start"] + r["stop"]) for r in rows])


def test_groups_are_the_tables_and_never_where_every_stream_is_lost(pair):
    for place in plots(pair[0].plot("groups", others=[pair[1]])).values():
        by, cell = place.get_title(loc="left").split("\n", 1)
        assert set(pair[0].cells.filter(pc.field("cell") == cell)["lost"].to_pylist()[0]) < {"image", "audio", "text"}
        for group, values in dotted(place).items():
            rows = [[r for r in run.table("groups").to_pylist()
                     if (r["by"], r["group"], r["cell"], r["metric"]) == (by, group, cell, "accuracy")]
                    for run in pair]  # fmt: skip
            assert values == pytest.approx([100 * each[0]["value"] for each in rows])


def test_differences_are_those_of_the_comparison_and_filled_where_it_is_sure(tmp_path):
    made = []
    for name, rates in (("v1", RATES), ("v2", [*RATES[:1], 0.2, 0.2, 0.2, *RATES[4:]])):
        found = records(MIXED, rates, 200)
        made.append(describe(write(tmp_path / name, MIXED, found, ["1"] * 200, columns={**LABELS, **NUMBERS})))
    (place,) = made[0].plot("compare", others=[made[1]]).axes
    rows = {r.part: r.pairs[0] for r in compare_several(*made).rows if r.measure == "accuracy"}
    assert dotted(place) == {part: pytest.approx([-100 * pair.difference.drop]) for part, pair in rows.items()}
    dots = [line for line in place.get_lines() if line.get_linestyle() == "None"]
    filled = [line.get_markerfacecolor() != "white" for line in dots]
    assert filled == [pair.better is not None for pair in rows.values()]
    assert filled.count(True) == 1


def test_runs_of_other_data_are_compared_in_what_they_share_only_when_asked(pair):
    with pytest.raises(RunError, match="must be runs of the same suite"):
        pair[0].plot("compare", others=[pair[1]])
    assert pair[0].plot("compare", others=[pair[1]], common=True).axes


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_equal_files_without_fonts_of_type_3(pair, tmp_path, kind):
    options = {"others": [pair[1]], "common": True}
    first, again = (save(pair[0].plot(kind, **options), tmp_path / f"{i}.pdf").read_bytes() for i in (1, 2))
    assert first == again
    assert b"/Type3" not in first
    assert b"/TrueType" in first or b"/CIDFontType2" in first


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_equal_runs_give_equal_files_without_fonts_of_type_3(pair, tmp_path, suffix):
    first = save(pair[0].plot(others=[pair[1]]), tmp_path / f"one.{suffix}").read_bytes()
    again = save(pair[0].plot(others=[pair[1]]), tmp_path / f"two.{suffix}").read_bytes()
    assert first == again
    assert b"/Type3" not in first


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "lost", "modality": "audio"}, "modality chooses curves, and kind is lost"),
        ({"kind": "lost", "scenarios": ["loud"]}, "lost is of whole runs, not of scenarios"),
        ({"modality": "image"}, r"modality must be one that has curves \(audio\), got 'image'"),
        ({"scenarios": ["dark"]}, r"scenario must be one that all runs have \(loud\), got 'dark'"),
        ({"kind": "heat", "scenarios": ["loud"]}, "heat needs a scenario with `grid: product` that all runs have"),
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
    assert "must end in .pdf, .svg, .pgf, .png, got 'f.txt'" in str(wrong.exception)


def test_methods_say_what_the_run_says(pair):
    text = methods_of(pair[0])
    info = pair[0].info
    assert f"on {len(pair[0].samples)} samples of demo" in text
    assert "Suite paper@1, seed 0, 1 draw: 5 scenarios" in text
    assert f"{len(pair[0].cells)} cells with the clean one" in text
    for name, version in info["identity"]["perturbations"].items():
        assert f"{name} v{version}" in text
    assert "samples of one voice taken together as a cluster" in text
    for package, version in info["packages"].items():
        assert f"{package} {version}" in text
    methods = {r["method"] for r in pair[0].table("cells").to_pylist() if r["method"] and r["low"] is not None}
    assert all(method in text for method in methods)
    assert "counted as a failure: none of 1\u202f020 records." in text


@pytest.mark.parametrize("name", ["v", "demo:intermediate", "a model whose name fills the figure"])
def test_no_entry_of_a_legend_is_cut_off(name):
    figure, places = plots_of(1, 1, (3.2, 1.9), 0.4)
    for i in range(5):
        places[0].plot([0, 1], [0, i], label=f"{name} {i}")
    legend(figure, places, 5)
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
