"""The page's section on attacks: every row of the table, with its interval, and none where nothing was attacked."""

import pytest

import scenarios
import stress
from stress.report import write_report
from tests.report_pages import Page, mixed_run

torch = pytest.importorskip("torch")
from tests import attack_world as world  # noqa: E402 - it needs torch

SUITE = """
suite: attacked@1
severities: [3]
scenarios:
  fgsm: {image: attack.fgsm}
  tries: {image: {name: attack.random_search, calls: 10}}
"""


def test_what_attacks_found_is_on_the_page(tmp_path):
    run = stress.run(
        world.Net(world.trained()), world.samples(30), scenarios.loads(SUITE), tmp_path / "run", workers=1, examples=0
    )
    rows = run.table("attacks").to_pylist()
    shown = Page(write_report(run).read_text(encoding="utf-8")).find("budget", "attack", "calls")
    assert [line["attack"] for line in shown] == [row["attack"] for row in rows]
    assert {"plain chance", "worst case", "attack.fgsm"} <= {line["attack"] for line in shown}
    for line, row in zip(shown, rows):
        assert line["accuracy %"].startswith(f"{100 * row['value']:.1f} (")
        assert line["budget"].startswith("image: ")
        assert '"' not in line["budget"]


def test_a_run_without_attacks_has_no_such_section(tmp_path):
    page = Page(write_report(mixed_run(tmp_path / "run")).read_text(encoding="utf-8"))
    assert ("h2", "attacks") not in [(tag, a.get("id")) for tag, a in page.elements]
