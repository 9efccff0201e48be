"""The report: one inert file that says what the measures say, no more and no less."""

import base64
import hashlib
import html
import json
import re
import sys
import unicodedata
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbations import InputError
from stress.engine import Run
from stress.measure import summary, table
from stress.report import plot, save, write_report
from stress.report._book import Book
from stress.report._numbers import Form, visible
from stress.report._page import render
from stress.report._svg import axis_of
from stress.report._verdict import verdict
from tests._runs import LABELS, NUMBERS, cell, graded, grid, nested, write

HOSTILE = '</script><script>alert(1)</script>" onmouseover="alert(2)\u2028\u202e\x1b[31m{{7*7}}'
HOSTILE += "<img src=x onerror=alert(3)>'&"
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements with their attributes, tables as rows of texts, and everything that would be read aloud."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.tables, self.titles, self.text, self.stack = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.stack.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if "style" in self.stack:
            return
        if "title" in self.stack:
            self.titles.append(data)
            return
        self.text.append(data)
        if {"td", "th"} & set(self.stack) and "svg" not in self.stack:
            self.tables[-1][-1][-1] += data

    def find(self, *heads):
        """The body of the table whose head holds these titles."""
        for rows in self.tables:
            if rows and all(head in rows[0] for head in heads):
                return [dict(zip(rows[0], row)) for row in rows[1:]]
        raise AssertionError(f"no table with {heads}")


def hidden(text):
    """Characters that steer, reorder or break what stands around them."""
    return [c for c in text if unicodedata.category(c)[0] == "C" or unicodedata.category(c) in ("Zl", "Zp")]


def page_of(run):
    return Page(write_report(run).read_text(encoding="utf-8"))


def describe(run, **more):
    """Give a run the run.json that the engine writes."""
    info = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    info |= {"finished": True, "streams": {"image": "image", "audio": "audio"}, **more}
    (run.path / "run.json").write_text(json.dumps(info), encoding="utf-8")
    return Run(run.path)


def records(cells, rates, n=200, seed=1):
    """Records of a classifier with these rates, with its confidences."""
    found = grid(nested(n, rates, seed))
    rng = np.random.default_rng(seed)
    right = found["score"] == 1
    found["prediction"] = np.where(right, "1", "2")
    found["confidence"] = np.clip(rng.normal(0.8, 0.1, len(right)), 0, 1)
    for name in ("nll", "brier", "margin"):
        found[name] = rng.random(len(right))
    found["rank"] = np.where(right, 1, 2)
    return found


MIXED = [
    *graded("fog", (1, 2, 3), stream="image"),
    *(cell(f"hiss-{s}", "hiss", float(s), stream="audio") for s in (1, 2, 3)),
    *(cell(f"storm-{s}", "storm", float(s), stream="image+audio") for s in (1, 2)),
    cell("de", "tongues", stream="audio", category="de"),
    cell("fr", "tongues", stream="audio", category="fr"),
    cell("mute", "mute", stream="audio", lost=["audio"], fill="none"),
    *(
        cell(
            f"x{a}{b}",
            "cross",
            stream="image+audio",
            grid="product",
            axes=json.dumps({"audio.hiss": a, "image.fog": b}),
        )
        for a in (1, 3)
        for b in (1, 5)
    ),
]
RATES = [0.95, 0.94, 0.92, 0.91, 0.9, 0.7, 0.4, 0.8, 0.5, 0.85, 0.6, 0.75, 0.9, 0.8, 0.7, 0.3]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "mixed"
    return describe(write(path, MIXED, records(MIXED, RATES), ["1"] * 200, columns={**LABELS, **NUMBERS}))


@pytest.fixture(scope="module")
def page(run):
    return page_of(run)


def percent(value):
    return f"{100 * value:.1f}".replace("-0.0", "0.0").replace("-", "−")


def pair(row):
    low, high = percent(row["low"]), percent(row["high"])
    return f"{percent(row['value'])} ({low}{' to ' if '−' in low else '–'}{high})"


# one inert file


def test_the_page_needs_nothing_from_outside_and_runs_nothing(run):
    text = write_report(run).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.stack
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img", "form", "base"}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset")], tag
        assert attributes.get("href", "#").startswith("#")
    assert not re.search(r"https?://|@import|url\(", re.sub(r"<pre>.*?</pre>", "", text, flags=re.S))


def test_the_policy_allows_this_style_sheet_and_nothing_else(run):
    text = write_report(run).read_text(encoding="utf-8")
    policy = next(a["content"] for tag, a in Page(text).elements if a.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == f"'sha256-{digest}'"
    assert "script-src" not in rules
    assert text.index("Content-Security-Policy") < text.index("<style>")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    h = HOSTILE
    cells = [
        cell(),
        cell(f"{h}:1", h, 1.0, stream="image", perturbation=h, profile=h),
        cell(f"{h}:2", h, 2.0, stream="image", perturbation=h, profile=h),
        cell(f"cat{h}", f"cat{h}", stream="image", category=h),
        cell(f"lost{h}", f"lost{h}", stream="image", lost=[h], fill=h),
        *(
            cell(f"x{i}", "cross", stream="image+audio", grid="product", axes=json.dumps({h: i, f"{h}2": h}))
            for i in (1, 2)
        ),
    ]
    found = records(cells, [0.9] * 7, n=60)
    found["status"] = np.where(np.arange(60 * 7) % 11 == 0, "crash", "ok")
    found["prediction"] = np.where(found["score"] == 1, h, "2")
    run = write(
        tmp_path_factory.mktemp("runs") / "hostile",
        cells,
        found,
        [h] * 60,
        task={"task": "classification", "classes": [h, "2"], "answers": "labels"},
        columns={**LABELS, **NUMBERS},
        groups={h.replace(".", ""): [h if i % 2 else "b" for i in range(60)]},
    )
    who = {"model": {"name": h}, "data": {"name": h}, "suite": {"name": h, "version": 1}, "perturbations": {h: 1}}
    who |= {"task": run.info["identity"]["task"]}
    check = {"name": h, "outcome": "warning", "says": h}
    return describe(run, identity=who, preflight=[check], left_out=[[h, h]], host={h: h}, packages={h: h}, command=h)


def test_hostile_names_stay_text(hostile):
    text = write_report(hostile).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.stack
    assert not {tag for tag, _ in page.elements} & {"script", "img"}
    assert not [a for _, attributes in page.elements for a in attributes if a.startswith("on")]
    assert not hidden(text.replace("\n", ""))
    assert "49" not in "".join(page.text).replace("alert", "")
    shown = visible(HOSTILE)
    assert "".join(page.text).count(shown) >= 20
    assert "\\u2028" in shown
    assert "\\u202e" in shown


@given(st.text())
def test_visible_text_has_no_hidden_characters_and_keeps_the_rest(text):
    found = visible(text)
    assert not hidden(found)
    assert hidden(text) or found == text
    kept = [c for c in text if not hidden(c)]
    rest = iter(found)
    assert all(c in rest for c in kept)  # in their order


def test_hostile_names_reach_a_terminal_as_text(hostile):
    out = printed(hostile, 120)
    assert "\x1b" not in out
    assert "\\u001b" in out


# the measures' numbers, all of them


def test_every_point_of_every_curve_is_the_measures_number(run, page):
    found = {}
    for rows in page.tables:
        if rows and rows[0][:2] == ["scenario", "severity"]:
            for row in rows[1:]:
                line = dict(zip(rows[0], row))
                found[line["scenario"], line["severity"]] = line["accuracy %"]
    wanted = {
        (row["scenario"], f"{row['severity']:.0f}"): pair(row)
        for row in table(run, "curves").to_pylist()
        if row["metric"] == "accuracy" and row["cell"] != "clean"
    }
    assert len(wanted) == 8
    assert found == wanted


def test_the_points_are_drawn_where_the_numbers_say(run, page):
    numbers = [row["value"] for row in table(run, "curves").to_pylist() if row["metric"] == "accuracy"]
    text = (run.path / "report" / "index.html").read_text(encoding="utf-8")
    charts = re.findall(r'<svg[^>]*class="chart">.*?</svg>', text, re.S)[:3]
    heights = []
    for chart in charts:
        for point in re.findall(r'<g class="point">(.*?)</g>', chart, re.S):
            mark = re.search(
                r'cy="([\d.]+)"|<rect x="[\d.]+" y="([\d.]+)" width="5.2"|<path d="M[\d.]+ ([\d.]+)', point
            )
            shift = 0.0 if mark[1] else (2.6 if mark[2] else 3.8)
            heights.append(float(mark[1] or mark[2] or mark[3]) + shift)
    assert len(heights) == len(numbers) == 11
    slope, start = np.polyfit(numbers, heights, 1)
    assert slope < 0
    assert np.abs(np.polyval([slope, start], numbers) - heights).max() < 0.11


def test_the_overview_is_the_robustness_table(run, page):
    lines = {line["scenario"]: line for line in page.find("scenario", "verdict", "keeps %")}
    rows = {(row["scenario"], row["measure"]): row for row in table(run, "robustness").to_pylist()}
    assert set(lines) == {"fog", "hiss", "storm", "tongues", "mute", "cross"}
    for name, line in lines.items():
        assert line["keeps %"] == pair(rows[name, "retention"])
        assert line["drop pp"] == pair(rows[name, "drop"])
        assert line["worst cell %"] == pair(rows[name, "worst"])
    breaking = rows["hiss", "breaking_severity"]
    text = f"{breaking['value']:.1f} ({breaking['low']:.1f}–{breaking['high']:.1f})"
    assert lines["hiss"]["breaks at"] == text
    assert lines["fog"]["breaks at"] == "> 3"
    assert lines["mute"]["breaks at"] == "–"


def test_lost_streams_categories_and_products_are_the_table_of_cells(run, page):
    rows = {(row["cell"], row["metric"]): row for row in table(run, "cells").to_pylist()}
    lost = page.find("lost", "filled with")
    assert [(line["lost"], line["filled with"]) for line in lost] == [("audio", "none")]
    assert lost[0]["accuracy %"] == pair(rows["mute", "accuracy"])
    assert lost[0]["drop pp"] == pair(rows["mute", "drop"])
    dots = {line["case"]: line["accuracy %"] for line in page.find("scenario", "case")}
    assert dots == {name: pair(rows[name, "accuracy"]) for name in ("de", "fr")}
    heat = next(rows for rows in page.tables if rows[0] == ["", "image.fog"])
    assert heat[1] == ["audio.hiss", "1", "5"]
    assert heat[2:] == [[str(a), *(percent(rows[f"x{a}{b}", "accuracy"]["value"]) for b in (1, 5))] for a in (1, 3)]


def test_the_headline_says_which_scenarios_break(run, page):
    found = {row["scenario"]: verdict(Book(run), row) for row in summary(run)["scenarios"]}
    assert found["hiss"] == found["storm"] == found["mute"] == found["cross"] == "breaks"
    assert found["fog"] == "holds"
    text = "".join(page.text)
    broken = [name for name in ("hiss", "storm", "tongues", "mute", "cross") if found[name] == "breaks"]
    assert f"Breaks under {len(broken)} of 6 scenarios – {', '.join(broken[:4])}" in text
    clean = Book(run).clean
    assert percent(clean["value"]) + " %" in text


def test_what_the_interval_leaves_open_is_not_decided(tmp_path):
    cells = [*graded("edge", (1, 2)), cell("off", "off")]
    scores = nested(60, [0.9, 0.85, 0.8, 0.81], seed=4)
    run = describe(write(tmp_path, cells, grid(scores), ["1"] * 60))
    found = {row["scenario"]: verdict(Book(run), row) for row in summary(run)["scenarios"]}
    assert found == {"edge": "unsure", "off": "unsure"}
    assert "May break under 2 of 2 scenarios – edge, off." in "".join(page_of(run).text)


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


# size, time, sameness


def many(path, cells, n):
    plan = [cell()]
    for i in range(cells // 5):
        stream = ("image", "audio", "image+audio")[i % 3]
        plan += [cell(f"s{i}:{s}", f"s{i}", float(s), stream=stream) for s in range(1, 6)]
    rates = [0.95, *([0.9, 0.85, 0.8, 0.7, 0.6] * (cells // 5))]
    return describe(write(path, plan, records(plan, rates, n), ["1"] * n, columns={**LABELS, **NUMBERS}))


def test_the_page_stays_small_with_many_cells_and_does_not_grow_with_samples(tmp_path):
    few = len(render(Book(many(tmp_path / "few", 300, 40))).encode())
    more = len(render(Book(many(tmp_path / "more", 300, 120))).encode())
    assert few < 1_000_000
    assert abs(more - few) < 0.03 * few


def test_the_same_run_gives_the_same_page(run):
    assert render(Book(run)) == render(Book(Run(run.path)))


# the terminal, tables and figures


def printed(run, width):
    from io import StringIO

    from rich.console import Console

    from stress.report import print_summary

    console = Console(width=width, file=StringIO(), force_terminal=False)
    print_summary(console, run)
    return console.file.getvalue()


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
    figure = plot(run, "curves", modality="audio")
    (axes,) = [place for place in figure.axes if place.lines]
    wanted = [
        100 * r["value"]
        for r in table(run, "curves").to_pylist()
        if r["scenario"] == "hiss" and r["metric"] == "accuracy"
    ]
    assert list(axes.lines[-1].get_ydata()) == pytest.approx(wanted)
    assert [text.get_text() for text in plot(run, "lost").axes[0].get_yticklabels()] == ["audio (none)"]


def test_a_figure_that_cannot_be_drawn_says_why(run, monkeypatch):
    with pytest.raises(InputError, match="kind must be one of curves, lost, got 'curve'"):
        plot(run, "curve")
    with pytest.raises(InputError, match="modality must be one that has curves"):
        plot(run, "curves", modality="video")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"needs matplotlib.*\[report\]"):
        plot(run)


def test_neither_the_page_nor_the_terminal_need_matplotlib_or_torch():
    import subprocess

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
    assert float(found) == pytest.approx(100 * value, abs=0.051)


def test_escaped_quotes_do_not_end_an_attribute():
    from stress.report._svg import tag

    text = str(tag("svg", tag("title", HOSTILE), aria_label=HOSTILE))
    assert text.count('"') == 2
    assert html.unescape(re.search('aria-label="([^"]*)"', text)[1]) == visible(HOSTILE)
