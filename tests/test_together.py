"""Several runs on one page: what got worse comes first, numbers are the comparison's, and a reader finds the sample."""

import shlex

import pytest
from click.testing import CliRunner

from perturbations import InputError, RunError
from stress.cli._commands import stress as command
from stress.gate import compare, compare_several
from stress.report import write_comparison
from tests._runs import LABELS, NUMBERS, write
from tests.report_pages import MIXED, RATES, Page, describe, hidden, hostile_run, mixed_run, records

N = 200


def made(path, rates, **more):
    found = records(MIXED, rates, N)
    return describe(write(path, MIXED, found, ["1"] * N, columns={**LABELS, **NUMBERS}), **more)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    one = made(folder / "v1", RATES, command="stress run night --out runs/v1")
    two = made(folder / "v2", [*RATES[:1], 0.6, 0.5, 0.4, *RATES[4:]], command="stress run night --out runs/v2")
    three = made(folder / "v3", [*RATES[:4], 0.99, 0.99, 0.99, *RATES[7:]])
    return one, two, three


@pytest.fixture(scope="module")
def page(runs):
    return Page(write_comparison(runs[:2]).read_text(encoding="utf-8"))


def words(page):
    return " ".join(" ".join(page.text).replace("\u202f", " ").split())


def test_whether_v2_got_worse_and_where_is_the_first_thing_said(page, runs):
    change = next(c for c in compare(*runs[:2]).overall if c.check.subject != "clean")
    title = next(text for text in page.text if text.startswith("B against A"))
    assert title.startswith(f"B against A: worse by {100 * change.check.value:.1f} (")
    assert "surely worse under fog in 6 scenarios" in title


def test_what_got_worse_comes_first_and_is_the_comparisons(page, runs):
    found = compare(*runs[:2])
    rows = [r for t in page.tables if t and "lost / gained" in t[0] for r in t[1:] if r[1].startswith("scenario ")]
    sides = {c.check.subject: c for c in found.slices if c.slice == "scenario"}
    assert rows[0][:2] == ["worse", "scenario fog"]
    for verdict, part, before, after, drop, flipped, _ in rows:
        change = sides[part.removeprefix("scenario ")]
        assert verdict == {"unknown": "undecided"}.get(change.verdict, change.verdict)
        assert (before, after) == (f"{100 * change.check.before:.1f}", f"{100 * change.check.after:.1f}")
        assert drop.startswith(f"{100 * change.check.value:.1f}".replace("-0.0", "0.0").replace("-", "−"))
        assert flipped == f"{change.check.lost} / {change.check.gained}"
    order = [row[0] for row in rows]
    assert order == sorted(order, key=["worse", "better", "undecided"].index)


def test_which_sample_shows_it_and_how_to_see_it(page, runs):
    first = compare(*runs[:2]).lost[0]
    row = page.find("sample", "cell", "truth")[0]
    assert (row["sample"], row["cell"], row["truth"]) == (first.sample, first.cell, first.target)
    assert shlex.join(["stress", "show", str(runs[1].path), first.sample, first.cell]) in words(page)


def test_how_to_reproduce_is_on_the_page(page, runs):
    said = words(page)
    assert shlex.join(["stress", "report", *(str(run.path) for run in runs[:2])]) in said
    assert "stress run night --out runs/v1" in said


def test_several_are_side_by_side_each_against_the_first(runs, tmp_path):
    page = Page(write_comparison(runs, tmp_path / "all.html").read_text(encoding="utf-8"))
    found = {(row.part, row.measure): row for row in compare_several(*runs).rows}
    for row in page.find("scenario", "measure", "A", "B", "C"):
        side = found[row["scenario"], row["measure"].removesuffix(" %").removesuffix(" ms").replace(" ", "_")]
        assert row["surely better"] == side.order
    titles = [text for text in page.text if " against A: " in text]
    assert any(t.startswith("C against A: better by ") and "surely better under hiss" in t for t in titles)


def test_equal_runs_have_no_difference(runs, tmp_path):
    page = Page(write_comparison([runs[0], runs[0]], tmp_path / "same.html").read_text(encoding="utf-8"))
    assert "B against A: no sure difference in 6 scenarios" in words(page)


def test_refusals(runs, tmp_path):
    with pytest.raises(InputError, match="at least two runs to compare, got 1"):
        write_comparison(runs[:1])
    other = hostile_run(tmp_path / "hostile")
    with pytest.raises(RunError, match="must be"):
        write_comparison([runs[0], other])


def test_hostile_runs_are_inert(tmp_path):
    run = hostile_run(tmp_path / "hostile")
    page = Page(write_comparison([run, run]).read_text(encoding="utf-8"))
    assert not {"iframe", "img"} & {tag for tag, _ in page.elements}
    assert all(not name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert not hidden("".join(page.text).replace("\n", ""))


def test_the_command(runs, tmp_path):
    paths = [str(run.path) for run in runs[:2]]
    found = CliRunner().invoke(command, ["report", *paths, "-o", str(tmp_path / "new" / "c.html")])
    assert found.exit_code == 0, found.output
    assert (tmp_path / "new" / "c.html").is_file()
    wrong = CliRunner().invoke(command, ["report", paths[0], "--common"])
    assert "-o and --common are of several runs" in str(wrong.exception)
    goals = CliRunner().invoke(command, ["report", *paths, "--goals", "equal"])
    assert "--goals is of one run's report" in str(goals.exception)
    single = mixed_run(tmp_path / "one")
    assert CliRunner().invoke(command, ["report", str(single.path)]).exit_code == 0
