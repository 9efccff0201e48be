"""Tables for a paper: every number is the run's own, and bold is what a paired test by other means says."""

import csv
import io
import json
import re
from itertools import combinations

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import binom

from perturbations import InputError, RunError
from stress.cli._commands import stress as command
from stress.measure import TABLES
from stress.report import table_text
from tests._runs import LABELS, NUMBERS, cell, graded, write
from tests.report_pages import HOSTILE, MIXED, RATES, describe, hidden, hostile_run, records

WORSE = [*RATES[:2], 0.6, 0.5, *RATES[4:]]
N = 200


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    made = {}
    for name, rates, seed in (("v1", RATES, 1), ("v2", WORSE, 1), ("v3", [r - 0.1 for r in WORSE], 1)):
        found = records(MIXED, rates, N, seed)
        run = write(
            folder / name, MIXED, found, ["1"] * N, columns={**LABELS, **NUMBERS}, groups={"who": list("ab") * 100}
        )
        made[name] = describe(run)
    return list(made.values())


def rows(text):
    """The rows of a LaTeX table: its cells as they stand there."""
    body = text.partition("\\midrule\n")[2].partition("\\bottomrule")[0]
    return [[c.strip() for c in line.removesuffix(" \\\\").split(" & ")] for line in body.splitlines()]


def plain(text):
    found = text.replace("\\%", "%").replace("--", "–").replace("$-$", "−").replace("\\_", "_")
    return re.sub(r"\\textbf\{([^}]*)\}", r"\1", found)


def test_each_number_is_the_tables(runs):
    found = rows(table_text(runs[:1], "curves", metrics=["accuracy"], scenarios=["fog"]))
    wanted = [r for r in runs[0].table("curves").to_pylist() if r["metric"] == "accuracy" and r["scenario"] == "fog"]
    assert len(found) == len(wanted)
    for line, row in zip(found, wanted):
        assert plain(line[-1]).startswith(f"{100 * row['value']:.1f} ({100 * row['low']:.1f}")


def holm(p):
    order, worst, found = sorted(range(len(p)), key=lambda i: p[i]), 0.0, [0.0] * len(p)
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        found[i] = worst
    return found


def mid_p(one, other):
    lost, gained = int((one > other).sum()), int((other > one).sum())
    n, k = lost + gained, min(lost, gained)
    if not n:
        return 1.0
    return min(1.0, 2 * (binom.cdf(k, n, 0.5) - 0.5 * binom.pmf(k, n, 0.5)))


def test_bold_is_what_mcnemars_test_with_holms_correction_says(runs):
    text = table_text(runs, "cells", metrics=["accuracy"])
    names = [row["cell"] for row in runs[0].cells.to_pylist()]
    scores = []
    for run in runs:
        said = sorted((r["cell"], r["sample"], r["score"]) for r in run.records().to_pylist())
        scores.append({name: np.array([score for at, _, score in said if at == name]) for name in names})
    twos = list(combinations(range(len(runs)), 2))
    sure = iter(holm([mid_p(scores[i][name], scores[j][name]) for name in names for i, j in twos]))
    wanted = []
    for name in names:
        wins = [max((i, j), key=lambda k: scores[k][name].mean()) for i, j in twos if next(sure) <= 0.05]
        wanted.append(next((i for i in range(len(runs)) if wins.count(i) == len(runs) - 1), None))
    assert wanted.count(None) not in (0, len(wanted))
    found = [[i for i, c in enumerate(line[-len(runs) :]) if "textbf" in c] for line in rows(text)]
    assert found == [[] if best is None else [best] for best in wanted]


def test_equal_runs_have_no_best(runs):
    assert "textbf" not in table_text([runs[0], runs[0]])
    assert "textbf" not in table_text([runs[0], runs[0]], "cells", metrics=["accuracy"])


def test_a_metric_of_which_less_is_better_is_bold_where_it_is_lower(tmp_path):
    cells = graded("fog", (1, 2))
    made = []
    for name, bad in (("good", 0.1), ("bad", 0.4)):
        found = records(cells, [0.99, 0.95, 0.9], N)
        found["nll"] = np.random.default_rng(0).random(len(found["score"])) * bad
        made.append(describe(write(tmp_path / name, cells, found, ["1"] * N, columns={**LABELS, **NUMBERS})))
    for line in rows(table_text(made[::-1], "cells", metrics=["nll"], scenarios=["fog"])):
        assert "textbf" in line[-1]
        assert "textbf" not in line[-2]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_is_written_or_refused_in_a_sentence(runs, name):
    for form in ("latex", "markdown", "csv"):
        if not len(runs[0].table(name)):
            with pytest.raises(InputError, match=f"has no rows in its table {name}"):
                table_text(runs[:1], name, form)
            continue
        text = table_text(runs[:1], name, form)
        if form == "csv":
            assert len(list(csv.reader(io.StringIO(text)))) == 1 + len(runs[0].table(name))
        elif form == "latex":
            width = {len(line) for line in rows(text)}
            assert width == {len(re.search(r"tabular}{(\w+)}", text)[1])}
            names = [tuple(line[:-1]) for line in rows(text)]
            assert len(set(names)) == len(names), "two rows have one name"


def test_csv_of_several_runs_holds_all_rows_of_each(runs):
    found = list(csv.DictReader(io.StringIO(table_text(runs, "cells", "csv"))))
    assert [sum(row["run"] == run.path.name for row in found) for run in runs] == [len(r.table("cells")) for r in runs]


def test_a_group_and_a_class_have_paired_differences_too(runs):
    for name, metric in (("groups", "accuracy"), ("classes", "recall")):
        text = table_text(runs[::2], name, metrics=[metric])
        assert "textbf" in text
        assert "corrected (Holm) over" in text


def test_runs_that_differ_are_refused_unless_their_common_part_is_asked_for(runs, tmp_path):
    cells = [c for c in MIXED if c["scenario"] != "hiss"]
    rates = [r for c, r in zip(MIXED, RATES) if c["scenario"] != "hiss"]
    other = describe(write(tmp_path / "v4", cells, records(cells, rates), ["1"] * N, columns={**LABELS, **NUMBERS}))
    for name in ("scenarios", "cells"):
        with pytest.raises(RunError, match="is in the first run only"):
            table_text([runs[0], other], name)
        assert "Left out: " in table_text([runs[0], other], name, "markdown", common=True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "cell"}, "table must be one of scenarios, .*got 'cell'. Did you mean cells"),
        ({"form": "word"}, "form must be one of latex, markdown, csv, got 'word'"),
        ({"scenarios": ["fgo"]}, "got 'fgo'. Did you mean fog"),
        ({"name": "cells", "metrics": ["acuracy"]}, "got 'acuracy'. Did you mean accuracy"),
        ({"metrics": ["accuracy"]}, "the table of scenarios is of the headline metric"),
    ],
)
def test_what_is_not_there_is_one_error(runs, given, says):
    with pytest.raises(InputError, match=says):
        table_text(runs[:1], **given)


def test_hostile_names_are_inert_in_each_form(tmp_path):
    run = hostile_run(tmp_path / "hostile")
    for name in ("scenarios", "cells", "classes", "failures", "groups"):
        latex, markdown = table_text([run], name, "latex"), table_text([run], name, "markdown")
        for text in (latex, markdown):
            assert not hidden(text.replace("\n", ""))
            assert HOSTILE not in text
        assert "<script" not in markdown
        table = "".join(line for line in latex.splitlines() if not line.startswith("%"))
        assert "{{7" not in table
        for line in rows(latex):
            for part in line:
                assert not re.search(r"(?<!\\)[&%#]", part.replace("\\\\", ""))


def test_the_command_prints_and_writes(runs, tmp_path):
    paths = [str(run.path) for run in runs]
    shown = CliRunner().invoke(command, ["table", *paths, "--markdown"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.strip() == table_text(runs, form="markdown").strip()
    file = tmp_path / "new" / "t.tex"
    found = CliRunner().invoke(command, ["table", *paths, "--table", "robustness", "-o", str(file)])
    assert found.exit_code == 0, found.output
    assert file.read_text(encoding="utf-8") == table_text(runs, "robustness")
    assert json.loads((runs[0].path / "run.json").read_text(encoding="utf-8"))["finished"]


def test_a_name_that_no_other_column_needs_is_left_out(tmp_path):
    cells = [cell(), cell("fog-1", "fog", 1.0), cell("fog-2", "fog", 2.0)]
    run = describe(
        write(tmp_path / "run", cells, records(cells, [0.9, 0.8, 0.7]), ["1"] * N, columns={**LABELS, **NUMBERS})
    )
    text = table_text([run], "cells", "markdown", metrics=["accuracy"], scenarios=["fog"])
    assert text.startswith("| severity | value |")
    assert "scenario: fog" in text
