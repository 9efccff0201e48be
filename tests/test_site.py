"""A site of releases: a true regression is found, numbers are the runs', remarks are shown or refused, all is inert."""

import http.client
import json
import os
import threading

import numpy as np
import pytest
from click.testing import CliRunner

from perturbations import InputError, StressError
from stress.cli._commands import stress as command
from stress.cli._serve import server
from stress.gate import compare_several
from stress.monitor import open_history
from stress.report import write_report, write_site
from tests._runs import LABELS, NUMBERS, cell, graded, write
from tests.report_pages import HOSTILE, Page, describe, hidden, records

CELLS = [*graded("fog", (1, 2), stream="image"), cell("hiss-1", "hiss", 1.0, stream="audio")]
N, WORSE_FROM = 400, 5
SUITE = {"suite": {"name": "night", "version": 1}}
REVIEW = """
[[sign_off]]
run = "v8"
name = "A. Berg"
date = 2026-11-20
verdict = "accepted"
text = "fog is known"

[[comment]]
run = "v5"
scenario = "fog"
name = "C. Diaz"
date = 2026-11-02
text = "<b>seen</b> on the road"
"""


def release(path, rates, started):
    found = records(CELLS, rates, N, 7)
    run = write(path, CELLS, found, ["1"] * N, columns={**LABELS, **NUMBERS})
    return describe(run, started=started, identity={"task": run.info["identity"]["task"], **SUITE})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    made = []
    for i in range(8):
        fog = 0.86 if i < WORSE_FROM - 1 else 0.78
        wobble = (i % 2) * 0.0025  # one answer of four hundred
        run = release(folder / f"v{i + 1}", [0.95, fog - wobble, fog, 0.9 + wobble], 1.79e9 + 86400 * i)
        made.append(run)
    gate = {"outcome": "fail", "gates": "gates.yaml", "counts": {"fail": 1, "pass": 2}, "records": made[4].count}
    gate |= {"baseline": "v4", "verdicts": [{"outcome": "fail", "rule": "fog >= 0.8", "checks": [{}], "message": "no"}]}
    (made[4].path / "gate.json").write_text(json.dumps(gate), encoding="utf-8")
    write_report(made[7])
    return made


@pytest.fixture(scope="module")
def folder(runs, tmp_path_factory):
    found = tmp_path_factory.mktemp("pages")
    (found / "review.toml").write_text(REVIEW, encoding="utf-8")
    write_site(runs, found)
    return found


def page(path):
    return Page(path.read_text(encoding="utf-8"))


def test_the_regression_is_found_and_nothing_else(folder):
    front = page(folder / "index.html")
    (row,) = front.find("from release", "scenario")
    assert (row["from release"], row["scenario"], row[""]) == ("v5", "fog", "worse")
    assert row["change pp"].startswith("−8.")
    assert "1 change for the worse, last fog in v5" in " ".join(front.text)


def test_every_value_is_the_runs_own(folder, runs):
    rows = page(folder / "index.html").find("release", "clean", "fog", "hiss")
    for row, run in zip(rows, runs):
        cells = {r["cell"]: r["value"] for r in run.table("cells").to_pylist() if r["metric"] == "accuracy"}
        wanted = {"clean": cells["clean"], "fog": np.mean([cells["fog-1"], cells["fog-2"]]), "hiss": cells["hiss-1"]}
        for part, value in wanted.items():
            assert row[part].startswith(f"{100 * value:.1f} (")


def test_any_two_releases_are_compared_as_compare_does(folder, runs):
    shown = page(next(folder.glob("006-*.html")))
    title = next(text for text in shown.text if text.startswith("v6 against v3"))
    assert title == "v6 against v3: 1 surely worse"
    tables = [t for t in shown.tables if t and "scenario" in t[0]]
    rows = {row[0]: row for row in tables[2][1:]}  # v5, v4, v3 …
    sides = {s.part: s for s in compare_several(runs[2], runs[5]).rows if s.measure == "accuracy"}
    for part, row in rows.items():
        assert row[1:3] == [f"{100 * value:.1f}" for value in sides[part].values]
        gain = -100 * sides[part].pairs[0].difference.drop
        assert float(row[3].split(" ")[0].replace("−", "-")) == pytest.approx(gain, abs=0.051)
        assert (row[4] != "") == (sides[part].pairs[0].better is not None)


def test_gates_sign_offs_comments_and_reports_are_there(folder):
    front = page(folder / "index.html")
    rows = {row["release"]: row for row in front.find("release", "gate", "signed off")}
    assert next(iter(rows)) == "v8"
    assert rows["v8"]["signed off"] == "accepted by A. Berg, 2026-11-20"
    assert rows["v5"]["gate"] == "fail"
    assert "1 fail of 3 rules" in rows["v5"]["rules"]
    assert rows["v8"][""] == "report"
    said = front.find("day", "who")
    assert [row["who"] for row in said] == ["A. Berg", "C. Diaz"]
    assert "<b>seen</b>" in said[1][""]  # as text
    links = [a["href"] for tag, a in front.elements if tag == "a" and not a["href"].startswith("#")]
    assert links
    assert all((folder / link).is_file() for link in links)


def test_the_same_site_is_the_same_bytes(folder, runs, tmp_path):
    (tmp_path / "review.toml").write_text(REVIEW, encoding="utf-8")
    write_site(runs, tmp_path)
    for path in folder.glob("*.html"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = ", "must be TOML"),
        ('[[coment]]\nrun = "v1"', "got 'coment'. Did you mean comment"),
        ('[[comment]]\nrun = "v1"\nname = "A"\ndate = 2026-01-01', "comment 1: text must be given"),
        ('[[comment]]\nrun = "v0"\nname = "A"\ndate = 2026-01-01\ntext = "t"', "run must be one of the releases"),
        ('[[comment]]\nrun = "v1"\nname = "A"\ndate = "yesterday"\ntext = "t"', "date must be a day"),
        (
            '[[sign_off]]\nrun = "v1"\nname = "A"\ndate = 2026-01-01\nverdict = "ok"',
            "verdict must be accepted or rejected",
        ),
        ('[[sign_off]]\nrun = "v1"\nname = ""\ndate = 2026-01-01\nverdict = "accepted"', "name must be a text"),
        ('[[comment]]\nrun = "v1"\nname = "A"\ndate = 2026-01-01\ntext = "t"\nwho = "B"', "there is no key 'who'"),
        ("comment = 3", r"comment must be a list of tables"),
    ],
)
def test_a_wrong_review_is_refused_before_anything_is_written(runs, tmp_path, text, says):
    (tmp_path / "review.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        write_site(runs, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["review.toml"]


def test_one_run_is_no_history(runs, tmp_path):
    with pytest.raises(InputError, match="site: must have at least two runs, got 1"):
        write_site(runs[:1], tmp_path)


def test_hostile_names_and_remarks_are_inert(tmp_path):
    cells = [cell(), cell(f"{HOSTILE}:1", HOSTILE, 1.0)]
    made = []
    for i, rate in enumerate((0.9, 0.5)):
        found = records(cells, [0.95, rate], 100)
        made.append(describe(write(tmp_path / f"<b>{i}&'", cells, found, ["1"] * 100, columns={**LABELS, **NUMBERS})))
    out = tmp_path / "out"
    out.mkdir()
    remark = {"run": "<b>0&'", "name": HOSTILE, "text": HOSTILE}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in remark.items())
    (out / "review.toml").write_text(f"[[comment]]\n{lines}\ndate = 2026-01-01\n", encoding="utf-8")
    write_site(made, out)
    for path in out.glob("*.html"):
        shown = page(path)
        assert path.name.replace("-", "").replace(".", "").isalnum()
        assert all(not name.startswith("on") for _, attributes in shown.elements for name in attributes)
        assert not hidden("".join(shown.text).replace("\n", ""))
        assert not {"iframe", "img"} & {tag for tag, _ in shown.elements}


@pytest.fixture
def served(folder):
    with server(folder, 0) as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def asked(served, path, method="GET", host=None):
    client = http.client.HTTPConnection("127.0.0.1", served.server_port, timeout=600)
    client.request(method, path, headers={"Host": host or f"127.0.0.1:{served.server_port}"})
    answer = client.getresponse()
    return answer.status, answer.read(), dict(answer.getheaders())


def test_the_server_is_this_machines_and_reads_the_folder_alone(served, folder, tmp_path):
    assert served.server_address[0] == "127.0.0.1"
    status, body, headers = asked(served, "/")
    assert (status, body) == (200, (folder / "index.html").read_bytes())
    assert headers["X-Content-Type-Options"] == "nosniff"
    secret = tmp_path / "secret.html"
    secret.write_text("secret", encoding="utf-8")
    link = folder / "link.html"
    os.symlink(secret, link)
    (folder / ".hidden.html").write_text("secret", encoding="utf-8")
    (folder / "x.pem").write_text("secret", encoding="utf-8")
    try:
        away = (
            "/link.html",
            "/../secret.html",
            "/%2e%2e/secret.html",
            "/.hidden.html",
            "/x.pem",
            "/reports",
            "/no.html",
        )
        for path in away:
            assert asked(served, path)[0] == 404, path
    finally:
        for each in (link, folder / ".hidden.html", folder / "x.pem"):
            each.unlink()


def test_nothing_can_be_written_and_no_other_name_is_answered(served):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert asked(served, "/index.html", method)[0] == 501
    assert asked(served, "/", host="evil.example")[0] == 403
    assert asked(served, "/", host="localhost:80")[0] == 200


def test_a_history_shows_where_evaluations_changed_and_hostile_names_are_inert(runs, tmp_path):
    history = open_history(tmp_path / "h.sqlite", writer=True)
    row = {"suite": "s", "model": HOSTILE, "data": "d", "scenario": "fog", "stream": "image", "severity": 1.0, "n": 400}
    with history.write():
        for day in range(12):
            about = {**row, "run": f"r{day}", "started": f"2026-11-{day + 1:02} {HOSTILE}", "metric": "accuracy"}
            for cell, value in (("fog:1", 0.9 if day < 7 else 0.7), ("clean", 0.95)):
                history.insert(
                    "evaluations", {**about, "cell": cell, "value": value, "low": value - 0.03, "high": value + 0.03}
                )
    history.close()
    write_site(runs[:2], tmp_path / "site", tmp_path / "h.sqlite")
    text = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    part = text[text.index('<h2 id="evaluations">') : text.index('<h2 id="releases">')]
    assert "accuracy of fog:1" in part
    assert "0.9 → 0.7" in part
    assert "accuracy of clean" not in part
    assert HOSTILE not in text
    assert '<h2 id="evaluations">' not in rendered_without(runs, tmp_path)
    with pytest.raises(StressError):
        write_site(runs[:2], tmp_path / "other", tmp_path / "no.sqlite")
    assert not (tmp_path / "other").exists()


def rendered_without(runs, tmp_path):
    return write_site(runs[:2], tmp_path / "plain").read_text(encoding="utf-8")


def test_the_commands(runs, tmp_path):
    found = CliRunner().invoke(command, ["site", *(str(run.path) for run in runs[:2]), "-o", str(tmp_path / "s")])
    assert found.exit_code == 0, found.output
    assert (tmp_path / "s" / "index.html").is_file()
    with pytest.raises(InputError, match="serve: the folder must exist"):
        server(tmp_path / "none", 0)
