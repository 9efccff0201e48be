"""The report outside its page: the terminal, tables and figures for a paper, and the small parts of drawings."""

import html
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbations import InputError
from stress.measure import table
from stress.report import plot, save, write_report
from stress.report._numbers import Form, visible
from stress.report._svg import axis_of, tag
from tests._runs import graded, grid, nested, write
from tests.report_pages import HOSTILE, describe, mixed_run, pair, percent, printed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return mixed_run(tmp_path_factory.mktemp("runs") / "mixed")


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_terminal_shows_the_measures_numbers_in_any_width(run, width):
    out = printed(run, width)
    assert max(map(len, out.splitlines())) <= width
    rows = {(row["scenario"], row["measure"]): row for row in table(run, "robustness").to_pylist()}
    if width >= 80:
        assert pair(rows["hiss", "retention"]) in out
    if width == 140:
        line = next(line for line in out.splitlines() if line.startswith("hiss"))
        values = [
            row["value"]
            for row in table(run, "curves").to_pylist()
            if row["scenario"] == "hiss" and row["metric"] == "accuracy"
        ]
        assert [percent(value) for value in values[1:]] == line.split()[3:6]


def test_the_terminal_reads_names_as_text_and_not_as_markup(tmp_path):
    run = describe(write(tmp_path, graded("[red]fog[/red]", (1, 2)), grid(nested(40, [1, 1, 0])), ["1"] * 40))
    assert "[red]fog[/red]" in printed(run, 100)


def test_tables_for_a_paper_are_the_measures_tables(run):
    from pyarrow import csv

    write_report(run)
    folder = run.path / "report" / "tables"
    for name in ("cells", "curves", "robustness"):
        wanted = table(run, name, break_at=0.9)
        got = csv.read_csv(folder / f"{name}.csv")
        assert got.column_names == wanted.column_names
        assert got["value"].to_pylist() == pytest.approx(wanted["value"].to_pylist(), nan_ok=True)
    lines = (folder / "robustness.tex").read_text(encoding="utf-8").splitlines()
    assert lines[1] == r"\toprule"
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]
    assert len(lines) == 4 + 6 + 2
    assert all(line.count(" & ") == 4 for line in lines if line.endswith(r"\\"))


def test_hostile_names_are_inert_in_a_spreadsheet_and_in_latex(tmp_path):
    name = r"=cmd|'/C calc'!A0_100%_$x$_#\input{/etc/passwd}"
    run = describe(write(tmp_path, graded(name, (1, 2)), grid(nested(30, [1, 1, 0])), ["1"] * 30))
    write_report(run)
    folder = tmp_path / "report" / "tables"
    assert '"=cmd' not in (folder / "curves.csv").read_text(encoding="utf-8")
    text = (folder / "robustness.tex").read_text(encoding="utf-8")
    assert r"\input" not in text
    assert r"100\%\_\$x\$\_\#\textbackslash{}input\{" in text


def test_figures_are_the_same_file_each_time_and_hold_the_measures_numbers(run, tmp_path):
    one, other = (save(plot(run, "curves"), tmp_path / f"{i}.svg").read_bytes() for i in (1, 2))
    assert one == other
    assert b"dc:date" not in one
    figure = run.plot("curves", modality="audio")
    (axes,) = [place for place in figure.axes if place.lines]
    wanted = [
        100 * r["value"]
        for r in table(run, "curves").to_pylist()
        if r["scenario"] == "hiss" and r["metric"] == "accuracy"
    ]
    assert list(axes.lines[-1].get_ydata()) == pytest.approx(wanted)
    assert [text.get_text() for text in plot(run, "lost").axes[0].get_yticklabels()] == ["audio (none)"]


def test_a_figure_that_cannot_be_drawn_says_why(run, monkeypatch):
    with pytest.raises(InputError, match=r"kind must be one of curves, lost, .*got 'curve'"):
        plot(run, "curve")
    with pytest.raises(InputError, match="modality must be one that has curves"):
        plot(run, "curves", modality="video")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"needs matplotlib.*\[report\]"):
        plot(run)


def test_neither_the_page_nor_the_terminal_need_matplotlib_or_torch():
    code = (
        "import sys, stress.report; print([m for m in ('matplotlib', 'torch', 'pandas', 'jinja2') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# small parts


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_an_axis_holds_its_values_and_has_a_few_round_ticks(values):
    axis = axis_of(values, str)
    slack = 1e-6 * (axis.high - axis.low)
    assert axis.low - slack <= min(values)
    assert max(values) <= axis.high + slack
    assert 2 <= len(axis.ticks) <= 8
    assert axis.low - slack <= axis.ticks[0]
    assert axis.ticks[-1] <= axis.high + slack


@given(st.floats(0, 1))
def test_a_share_looks_perfect_or_nil_only_if_it_is(value):
    found = Form("accuracy").value(value)
    if 0.000001 < value < 0.999999:
        assert found not in ("100.0", "0.0")
    assert not found.endswith(".0000")
    assert float(found) == pytest.approx(100 * value, abs=0.051)


def test_escaped_quotes_do_not_end_an_attribute():
    text = str(tag("svg", tag("title", HOSTILE), aria_label=HOSTILE))
    assert text.count('"') == 2
    assert html.unescape(re.search('aria-label="([^"]*)"', text)[1]) == visible(HOSTILE)


@pytest.mark.parametrize(("value", "said"), [(1 - 1e-7, "100.0"), (1e-8, "0.0"), (0.99999, "99.999"), (1.0, "100.0")])
def test_what_four_decimals_cannot_tell_from_an_end_is_that_end(value, said):
    assert Form("accuracy").value(value) == said
