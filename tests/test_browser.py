"""Pages in a real browser: every control pressed, nothing asked for, nothing cut, nothing hostile run."""

import json

import pytest

from stress.report import write_comparison, write_report, write_site
from tests.browser import usable
from tests.report_pages import HOSTILE, hostile_run, mixed_run

pytestmark = [pytest.mark.alone, pytest.mark.skipif(not usable(), reason="needs Chromium")]

CUT = """[...document.querySelectorAll("main *, header *, nav *")].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.width > 0 && box.right > innerWidth + 1 && !each.closest(".scroll") && !each.closest("svg")
    && !each.closest("pre");
}).map((each) => each.tagName + " " + each.textContent.slice(0, 40))"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    run, hostile = mixed_run(folder / "mixed"), hostile_run(folder / "hostile")
    out = folder / "site"
    out.mkdir()
    remark = f'[[comment]]\nrun = "hostile"\nname = {json.dumps(HOSTILE)}\ntext = {json.dumps(HOSTILE)}\n'
    (out / "review.toml").write_text(f"{remark}date = 2026-01-01\n", encoding="utf-8")
    other = hostile_run(folder / "other")
    found = {"report": write_report(run), "hostile": write_report(hostile)}
    found["compared"] = write_comparison([run, run], folder / "compared.html")
    found["hostile compared"] = write_comparison([hostile, other], folder / "hostile.html")
    found["hostile site"] = write_site([hostile, other], out)
    return found


@pytest.mark.parametrize("name", ["report", "hostile", "compared", "hostile compared", "hostile site"])
def test_nothing_is_asked_for_complained_of_or_cut(browser, pages, name):
    for width, dark in ((360, False), (768, True), (1280, False), (1920, True)):
        browser.open(pages[name], width=width, dark=dark)
        assert browser.run("document.documentElement.scrollWidth <= innerWidth + 1"), width
        assert browser.run(CUT) == [], width
        assert browser.requests == [pages[name].as_uri()]
        assert browser.errors == []
        paper = browser.run("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(20, 24, 27)") == dark


@pytest.mark.parametrize("width", [1280, 1600, 1920])
def test_the_main_table_is_whole(browser, pages, width):
    browser.open(pages["report"], width=width)
    assert browser.run(
        """(() => { const box = document.querySelector("#scenarios ~ .scroll, #scenarios ~ * .scroll");
        return box.scrollWidth <= box.clientWidth + 1; })()"""
    )


def test_every_head_sorts_up_down_and_back(browser, pages):
    browser.open(pages["report"])
    found = browser.run(
        """[...document.querySelectorAll("main table")].filter((t) => t.querySelector("button.sort")).map((table) => {
          const rows = () => [...table.tBodies[0].rows].map((row) => [...row.cells].map((c) => c.textContent.trim()));
          const first = JSON.stringify(rows());
          return [...table.tHead.rows[0].cells].map((head, at) => {
            const button = head.querySelector("button");
            if (!button) return null;
            button.click();
            const up = rows().map((row) => row[at]), way = head.getAttribute("aria-sort");
            button.click();
            const down = rows().map((row) => row[at]);
            button.click();
            return {up, down, way, back: JSON.stringify(rows()) === first, still: head.getAttribute("aria-sort")};
          });
        })"""
    )
    columns = [each for table in found for each in table if each]
    assert len(columns) > 20
    for each in columns:
        assert each["back"]
        assert (each["way"], each["still"]) == ("ascending", None)
        numbers = [leading(text) for text in each["up"]]
        known = [value for value in numbers if value is not None]
        assert known == sorted(known)
        assert [value is None for value in numbers] == sorted(value is None for value in numbers)
        assert sorted(each["up"]) == sorted(each["down"])
        falling = [value for value in map(leading, each["down"]) if value is not None]
        assert falling == sorted(falling, reverse=True)
    assert browser.errors == []


def leading(text):
    """The number that a text begins with, in our own way of writing."""
    given = text.replace("\u202f", "").replace("−", "-").lstrip("<> ")
    digits = ""
    for character in given:
        if character.isdigit() or character in ".-" or (character == "e" and digits):
            digits += character
        else:
            break
    try:
        return float(digits)
    except ValueError:
        return None


def test_a_filter_keeps_the_rows_that_hold_every_word(browser, pages):
    browser.open(pages["report"])
    found = browser.run(
        """[...document.querySelectorAll(".filter input")].map((field) => {
          const table = field.closest("label").nextElementSibling.querySelector("table");
          const rows = [...table.tBodies[0].rows];
          const word = rows[rows.length - 1].cells[0].textContent.trim();
          field.value = word;
          field.dispatchEvent(new Event("input"));
          const seen = rows.filter((row) => !row.hidden).map((row) => row.textContent);
          const said = field.closest("label").querySelector("output").textContent;
          field.value = "";
          field.dispatchEvent(new Event("input"));
          return {word, seen, said, all: rows.every((row) => !row.hidden), count: rows.length};
        })"""
    )
    assert found
    for each in found:
        assert each["all"]
        assert each["seen"]
        assert all(each["word"].lower() in text.lower() for text in each["seen"])
        assert each["said"] == f" {len(each['seen'])} of {each['count']} rows"


def test_a_point_is_read_on_hover_and_stays_when_pinned(browser, pages):
    browser.open(pages["report"])
    found = browser.run(
        """(() => {
          const tip = document.querySelector(".tip"), points = document.querySelectorAll("svg .point");
          const title = (point) => point.querySelector("title").textContent;
          const said = [];
          points[1].dispatchEvent(new Event("pointerenter"));
          said.push(tip.textContent === title(points[1]) && !tip.hidden);
          points[1].dispatchEvent(new Event("pointerleave"));
          said.push(tip.hidden);
          points[2].dispatchEvent(new Event("click"));
          points[1].dispatchEvent(new Event("pointerenter"));
          points[1].dispatchEvent(new Event("pointerleave"));
          said.push(tip.textContent === title(points[2]) && points[2].classList.contains("pinned"));
          document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
          said.push(tip.hidden && !points[2].classList.contains("pinned"));
          return said;
        })()"""
    )
    assert found == [True] * 4


def test_one_metric_is_shown_at_a_time_and_all_are_there_without_the_script(browser, pages):
    browser.open(pages["report"])
    found = browser.run(
        """(() => {
          const select = document.querySelector("#metrics + label select");
          const every = [...document.querySelectorAll("#metrics ~ details")];
          const names = [...select.options].map((each) => each.textContent).slice(1);
          select.value = "1";
          select.dispatchEvent(new Event("change"));
          const shown = every.slice(0, names.length).filter((each) => !each.hidden);
          return {names, shown: shown.map((each) => [each.querySelector("summary").textContent, each.open])};
        })()"""
    )
    assert found["shown"] == [[found["names"][1], True]]
    browser.open(pages["report"], script=False)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.run("document.querySelectorAll('.sort, .filter, .tip').length") == 0
    assert browser.run("document.querySelectorAll('#metrics ~ details').length") >= len(found["names"])


def test_print_hides_the_controls_and_opens_what_is_folded(browser, pages):
    browser.open(pages["report"], media="print")
    assert browser.run(
        "[...document.querySelectorAll('.filter, nav')].every((e) => getComputedStyle(e).display === 'none')"
    )
    assert browser.errors == []
