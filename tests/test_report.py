"""The report: one inert file that says what the measures say, no more and no less."""

import base64
import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stress._face import Run
from stress.measure import summary, table
from stress.report import write_report
from stress.report._book import Book
from stress.report._numbers import visible
from stress.report._page import render
from stress.report._verdict import verdict
from tests._runs import cell, graded, grid, nested, write
from tests.report_pages import (
    HOSTILE,
    Page,
    describe,
    hidden,
    hostile_run,
    many,
    mixed_run,
    page_of,
    pair,
    percent,
    printed,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return mixed_run(tmp_path_factory.mktemp("runs") / "mixed")


@pytest.fixture(scope="module")
def page(run):
    return page_of(run)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return hostile_run(tmp_path_factory.mktemp("runs") / "hostile")


# one inert file


def test_the_page_needs_nothing_from_outside_and_runs_its_own_script_alone(run):
    text = write_report(run).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.stack
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"iframe", "object", "embed", "link", "img", "form", "base"}
    assert [tag for tag, _ in page.elements].count("script") == 1
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
    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
    assert rules["script-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_the_script_is_small_asks_for_nothing_and_makes_no_markup(run):
    script = (files("stress.report") / "report.js").read_text(encoding="utf-8")
    assert f"<script>{script}</script>" in write_report(run).read_text(encoding="utf-8")
    assert len(script.encode()) < 8000
    reach = (
        "eval|Function|innerHTML|outerHTML|insertAdjacent|document.write|fetch|XMLHttp|WebSocket|import|Worker|Storage"
    )
    assert not re.search(rf"\b({reach})|\.(src|href|cookie)\b|http|setTimeout|javascript:", script)


def test_hostile_names_stay_text(hostile):
    text = write_report(hostile).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.stack
    tags = [tag for tag, _ in page.elements]
    assert "img" not in tags
    assert tags.count("script") == 1  # our own
    assert not [a for _, attributes in page.elements for a in attributes if a.startswith("on")]
    assert not hidden(text.replace("\n", ""))
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


@pytest.mark.parametrize("perturbed", [cell("off", "off"), *graded("edge", (1, 2))[1:2]], ids=["cell", "curve"])
@pytest.mark.parametrize(("clusters", "said"), [(1, "few"), (3, "few"), (19, "few"), (24, "unsure"), (60, "holds")])
def test_where_nothing_changed_holds_is_said_of_many_clusters_only(tmp_path, perturbed, clusters, said):
    """None of n clusters lost an answer: 90 % is out of doubt from about 35 on (Wilson's z² / (n + z²) under .1)."""
    samples = 4 * clusters
    ward = [str(i // 4) for i in range(samples)]
    written = write(tmp_path, [cell(), perturbed], grid(np.ones((samples, 2))), ["1"] * samples, groups={"ward": ward})
    run = describe(written, cluster="ward")
    (scenario,) = summary(run)["scenarios"]
    assert verdict(Book(run), scenario) == said
    text = "".join(page_of(run).text)
    assert ("Holds under its one scenario." in text) == (said == "holds")
    assert ("Not enough evidence under 1 of 1 scenario" in text) == (said == "few")


def test_few_clusters_that_agree_decide(tmp_path):
    """Twelve clusters of 500 answers, of which about 94 % are right in each: far enough above the bar to say so."""
    right = np.random.default_rng(2).random((6000, 1)) < np.array([0.96, 0.95, 0.945])
    ward = [str(i // 500) for i in range(6000)]
    written = write(tmp_path, graded("edge", (1, 2)), grid(right), ["1"] * 6000, groups={"ward": ward})
    (line,) = page_of(describe(written, cluster="ward")).find("scenario", "verdict", "keeps %")
    assert line["verdict"] == "holds"


def test_a_scenario_that_acted_on_little_says_so_under_its_verdict(tmp_path):
    records = grid(nested(60, [0.9, 0.85, 0.8], seed=4))
    degraded = np.asarray(records["cell"]) > 0
    records["status"] = np.where(degraded & (np.asarray(records["sample"]) % 4 == 0), "unchanged", "ok")
    run = describe(write(tmp_path, graded("mild", (1, 2)), records, ["1"] * 60))
    (line,) = page_of(run).find("scenario", "verdict", "keeps %")
    assert re.fullmatch(r"(holds|may break|breaks) ?25 % unchanged", line["verdict"])


def test_the_page_stays_small_with_many_cells_and_does_not_grow_with_samples(tmp_path):
    few = len(render(Book(many(tmp_path / "few", 300, 40))).encode())
    more = len(render(Book(many(tmp_path / "more", 300, 120))).encode())
    assert few < 1_000_000
    assert abs(more - few) < 0.03 * few


def test_the_same_run_gives_the_same_page(run):
    assert render(Book(run)) == render(Book(Run(run.path)))
