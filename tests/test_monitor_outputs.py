"""What a monitor says: exit status, lines of JSON, a page, metrics, a webhook; and evaluations on a schedule."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

import stress
from perturbations import InputError, RunError
from stress.cli import main
from stress.monitor import Webhook, add_run, changes, metrics_text, open_history, serve_metrics, write_metrics
from stress.report import write_history
from stress.report._numbers import visible
from tests import monitor_world as world
from tests.report_pages import Page

ROOT = Path(__file__).resolve().parents[1]
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u2028\x1b[31m{{7*7}}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return world.write(tmp_path_factory.mktemp("run") / "watched", count=60)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Clean inputs, then dark ones, as files of lines."""
    folder = tmp_path_factory.mktemp("inputs")
    clean, dark = world.rows(60), world.rows(60, seed=2, perturbation="image.low_light")
    (folder / "clean.jsonl").write_bytes(world.lines(clean))
    (folder / "dark.jsonl").write_bytes(world.lines(clean + dark))
    (folder / "hostile.jsonl").write_bytes(
        world.lines([{**one, "id": f"{HOSTILE}{i}"} for i, one in enumerate(clean + dark)])
        + json.dumps({HOSTILE: 1}).encode() + b"\n"
    )  # fmt: skip
    return folder


def monitor(run, source, history, *more):
    return main(["monitor", str(run.path), str(source), "--history", str(history), "--window", "30", *map(str, more)])


def test_the_exit_status_says_whether_there_was_an_alert(run, inputs, tmp_path, capsys):
    assert monitor(run, inputs / "clean.jsonl", tmp_path / "a.sqlite") == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in said] == ["window", "window"]
    assert monitor(run, inputs / "dark.jsonl", tmp_path / "b.sqlite") == 1
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert next(event["kind"] for event in said if event["event"] == "alert") == "alarm"
    assert monitor(run, inputs / "dark.jsonl", tmp_path / "b.sqlite") == 0  # all of it was taken before
    (tmp_path / "empty.jsonl").write_text("")
    assert monitor(run, tmp_path / "empty.jsonl", tmp_path / "c.sqlite") == 3
    (tmp_path / "few.jsonl").write_bytes(world.lines(world.rows(2)))
    assert monitor(run, tmp_path / "few.jsonl", tmp_path / "d.sqlite") == 0
    assert "So few looks cannot raise an alarm" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["nothing.jsonl"], "does not exist"),
        (["other.csv"], "must have a column of a stream of the run"),
        (["other.txt"], "must be .csv, .jsonl or .parquet"),
        (["broken.parquet"], "not a readable Parquet file"),
        (["clean.jsonl", "--alpha", "2"], "alpha"),
        (["clean.jsonl", "--policy", "nothing.json"], "cannot be read"),
        (["clean.jsonl", "--webhook", "ftp://x"], "webhook must be an address"),
        (["clean.jsonl", "--serve", "70000"], "serve must be a port"),
        ([], "INPUT must be"),
    ],
)
def test_bad_input_is_one_clear_error(run, inputs, tmp_path, capsys, more, says):
    (tmp_path / "other.csv").write_text("lidar,label\nx,1\n")
    (tmp_path / "other.txt").write_text("x")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "clean.jsonl").write_bytes((inputs / "clean.jsonl").read_bytes())
    given = [str(tmp_path / one) if "." in one and not one.startswith(("-", "ftp")) else one for one in more]
    assert main(["monitor", str(run.path), *given, "--history", str(tmp_path / "h.sqlite")]) == 2
    found = capsys.readouterr()
    assert says in found.err
    assert not found.out


def test_a_manifest_of_files_and_a_folder_that_is_filled_say_the_same(run, tmp_path):
    import pyarrow as pa
    import soundfile
    from PIL import Image
    from pyarrow import parquet

    folder, rows = tmp_path / "filled", []
    for stream in ("audio", "text"):
        (folder / stream).mkdir(parents=True)
    for i in range(12):
        one = world.sample(i, 5)
        Image.fromarray(one.streams["image"]).save(folder / f"n{i:02}.png")
        soundfile.write(folder / "audio" / f"n{i:02}.wav", one.streams["audio"].samples.T, 8000, subtype="FLOAT")
        (folder / "text" / f"n{i:02}.txt").write_text(one.streams["text"])
        for place in (f"n{i:02}.png", f"audio/n{i:02}.wav", f"text/n{i:02}.txt"):
            os.utime(folder / place, (i, i))
        rows.append({"id": f"n{i:02}", "image": f"filled/n{i:02}.png", "audio": f"filled/audio/n{i:02}.wav",
                     "text": one.streams["text"], "time": float(i)})  # fmt: skip
    head = ",".join(rows[0])
    (tmp_path / "m.csv").write_text("\n".join([head, *(",".join(map(str, row.values())) for row in rows)]) + "\n")
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")
    (tmp_path / "m.jsonl").write_bytes(world.lines(rows))
    found = []
    for name in ("filled", "m.csv", "m.parquet", "m.jsonl"):
        history = tmp_path / f"{name}.sqlite"
        assert monitor(run, tmp_path / name, history) == 0
        assert monitor(run, tmp_path / name, history) == 0
        opened = open_history(history)
        found.append((opened.rows("SELECT n, first_item, last_item, begin, expected, distance FROM windows"),
                      opened.rows("SELECT signal, mean, undefined FROM signals ORDER BY signal")))  # fmt: skip
        assert not opened.rows("SELECT * FROM exceptions")
        opened.close()
    assert found[0][0][0]["n"] == 12
    assert found[1:] == found[:1] * 3


def test_hostile_names_are_inert_on_the_page_and_in_metrics(run, inputs, tmp_path):
    history = tmp_path / "h.sqlite"
    assert monitor(run, inputs / "hostile.jsonl", history, "--prometheus", tmp_path / "m.prom") == 1
    page = write_history(history).read_text(encoding="utf-8")
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in page
    for bad in ("<script", "<img", "\u2028", "\x1b", "onerror=alert(1)>"):
        assert bad not in page
    assert "{{7*7}}" in page
    found = Page(page)
    assert dict(found.elements)["meta"]  # it is whole: every element is closed by its own end
    policy = next(about["content"] for tag, about in found.elements if about.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert not {tag for tag, _ in found.elements} & {"script", "img", "iframe", "object", "link", "form"}
    assert not [name for _, about in found.elements for name in about if name.startswith("on")]
    assert visible(HOSTILE) in " ".join(found.text)
    assert (tmp_path / "m.prom").read_text().startswith("# HELP stress_monitor_windows_total")


def test_the_page_is_of_any_history(run, tmp_path):
    open_history(tmp_path / "h.sqlite", writer=True).close()
    assert "No window ended yet" in write_history(tmp_path / "h.sqlite").read_text(encoding="utf-8")
    with pytest.raises(RunError, match="does not exist"):
        write_history(tmp_path / "none.sqlite")
    assert main(["monitor", str(run.path), "--report", "--history", str(tmp_path / "h.sqlite")]) == 0


def test_metrics_are_read_by_the_official_parser(run, inputs, tmp_path):
    parser = pytest.importorskip("prometheus_client.parser")
    assert monitor(run, inputs / "hostile.jsonl", tmp_path / "h.sqlite") == 1
    history = open_history(tmp_path / "h.sqlite", writer=True)
    with history.write():
        history.count('kind "with" \\ and\nlines', "x", "x", 3)
    families = {each.name: each for each in parser.text_string_to_metric_families(metrics_text(history))}
    history.close()
    assert families["stress_monitor_inputs"].samples[0].value == 120
    assert {each.labels["bound"] for each in families["stress_monitor_expected_score"].samples} == {
        "expected", "low", "high",
    }  # fmt: skip
    kinds = {each.labels["kind"]: each.value for each in families["stress_monitor_exceptions"].samples}
    assert kinds == {'kind "with" \\ and\nlines': 3, "no stream": 1}


def test_metrics_are_served_to_this_machine_only(tmp_path):
    server = serve_metrics(0, lambda: "a 1\n")
    try:
        at = f"http://127.0.0.1:{server.server_address[1]}"
        assert server.server_address[0] == "127.0.0.1"
        with urlopen(f"{at}/metrics", timeout=600) as answer:  # noqa: S310
            assert answer.read() == b"a 1\n"
        for request in (Request(f"{at}/etc/passwd"), Request(f"{at}/metrics", headers={"Host": "evil.example"})):  # noqa: S310
            with pytest.raises(HTTPError):
                urlopen(request, timeout=600)  # noqa: S310
    finally:
        server.shutdown()
    write_metrics(tmp_path / "m.prom", "b 2\n")
    assert [path.name for path in tmp_path.iterdir()] == ["m.prom"]


class Server:
    """A server that refuses the first requests, each in another way."""

    def __init__(self, failures):
        self.got, self.asked, self.failures = [], 0, failures
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                if outer.asked <= len(outer.failures):
                    status = outer.failures[outer.asked - 1]
                    if status is not None:
                        self.send_response(status)
                        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                        self.end_headers()
                    return
                outer.got.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def test_a_webhook_is_asked_again_until_it_takes_each_alert_once_and_in_order():
    server = Server([500, None, 302, 404])
    hook = Webhook(server.url, first=0.01)
    for number in range(5):
        hook.send(number, {"alert": number})
    while len(server.got) < 5:
        time.sleep(0.01)
    hook.close()
    server.server.shutdown()
    assert [each["alert"] for each in server.got] == list(range(5))
    assert hook.taken() == list(range(5))
    assert server.asked == 9


def test_a_webhook_that_nobody_answers_holds_nothing_up_and_its_alerts_are_sent_later(run, inputs, tmp_path):
    history = tmp_path / "h.sqlite"
    assert monitor(run, inputs / "dark.jsonl", history, "--webhook", "http://127.0.0.1:9/nobody") == 1
    opened = open_history(history)
    assert {row["sent"] for row in opened.rows("SELECT sent FROM alerts")} == {0}
    opened.close()
    server = Server([])
    monitor(run, inputs / "dark.jsonl", history, "--webhook", server.url)
    server.server.shutdown()
    opened = open_history(history)
    assert [row["id"] for row in opened.rows("SELECT id FROM alerts ORDER BY id")] == [
        each["id"] for each in server.got
    ]
    assert {row["sent"] for row in opened.rows("SELECT sent FROM alerts")} == {1}
    opened.close()


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "http://", "http://x:99999/", "http://a b/"])
def test_addresses_that_are_none_are_refused(url):
    with pytest.raises(InputError, match="webhook"):
        Webhook(url)


def test_a_killed_monitor_goes_on(run, inputs, tmp_path):
    """The process itself is killed while it reads standard input; the history is whole, and the lock is free."""
    history = tmp_path / "h.sqlite"
    command = [
        sys.executable,
        "-m",
        "stress",
        "monitor",
        str(run.path),
        "-",
        "--history",
        str(history),
        "--window",
        "30",
    ]
    content = (inputs / "dark.jsonl").read_bytes().splitlines(keepends=True)
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    process.stdin.writelines([*content[:65], b"not json\n"])
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["id"] == 1  # of 30; the pipe stays open, as it does when it stalls
    assert main([*command[3:5], str(inputs / "dark.jsonl"), *command[6:]]) == 2  # one writer
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stdin.close()
    process.stdout.close()
    assert main([*command[3:5], str(inputs / "dark.jsonl"), *command[6:]]) == 1
    opened = open_history(history)
    assert opened.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    windows = opened.rows("SELECT n, first_item, last_item FROM windows")
    opened.close()
    assert [row["n"] for row in windows] == [30, 30, 30, 30]
    assert (windows[0]["first_item"], windows[-1]["last_item"]) == ("s1-0", "s2-59")


def test_runs_on_a_schedule_show_where_they_changed(run, tmp_path, capsys):
    history = open_history(tmp_path / "h.sqlite", writer=True)
    count = add_run(history, stress.open(run.path))
    assert add_run(history, stress.open(run.path)) == count
    assert history.rows("SELECT count(*) AS n FROM evaluations")[0]["n"] == count
    steady = {"suite": "s", "model": "m", "data": "d", "scenario": "x", "stream": "", "n": 100}
    with history.write():
        for i in range(8):
            for cell in range(40):
                value = 0.9 - (0.4 if cell == 7 and i >= 5 else 0.0) + 0.03 * ((i * 7 + cell * 3) % 5 - 2) / 2
                row = {
                    **steady,
                    "run": f"r{i}",
                    "started": f"2026-01-{i + 1:02}",
                    "cell": f"c{cell}",
                    "metric": "accuracy",
                }
                history.insert("evaluations", {**row, "value": value, "low": value - 0.06, "high": value + 0.06})
    found = changes(history)
    assert [(each.series[2], each.started) for each in found] == [("c7", "2026-01-06")]
    assert found[0].before - found[0].after == pytest.approx(0.4, abs=0.05)
    history.close()
    page = write_history(tmp_path / "h.sqlite").read_text(encoding="utf-8")
    assert "Evaluations over time" in page
    assert "c7" in page


def test_the_same_alerts_whatever_the_time_zone_and_the_clock(run, inputs, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        assert monitor(run, inputs / "dark.jsonl", tmp_path / "h.sqlite") == 1
        assert "0 s" in write_history(tmp_path / "h.sqlite").read_text(encoding="utf-8")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_folder_that_is_filled_is_followed_and_what_is_damaged_is_tried_once(run, tmp_path):
    from PIL import Image

    from stress.monitor import Monitor, folder_arrivals, read_reference

    reference = read_reference(run)
    history = open_history(tmp_path / "h.sqlite", writer=True, monitor=True)
    monitor = Monitor(reference, history)
    folder = tmp_path / "in"
    folder.mkdir()

    def put(name, value, age):
        path = folder / name
        Image.fromarray(value).save(path) if value is not None else path.write_bytes(b"no picture")
        os.utime(path, (time.time() - age, time.time() - age))

    picture = world.sample(0, 9).streams["image"]
    put("old.png", picture, 100)
    put("bad.png", None, 90)
    put("new.png", picture, 0)  # may still be written
    (folder / "notes.md").write_text("of no stream")
    (folder / ".hidden.png").write_bytes(b"x")
    following = folder_arrivals(folder, reference, monitor.known, follow=True)
    seen = []
    for arrival in following:
        list(monitor.take(arrival, "folder"))
        if arrival.kind == "idle":
            if len(seen) == 2:
                put("new.png", picture, 60)
            if len(seen) >= 4:
                break
        seen.append(arrival.name)
    following.close()
    list(monitor.flush())
    assert seen == ["old", "bad", "", "new"]
    assert history.rows("SELECT kind, count FROM exceptions") == [{"kind": "unreadable image", "count": 1}]
    assert monitor.memory.number == 2
    assert monitor.memory.window.lost == {"audio": 2, "text": 2}
    history.close()


def test_lines_that_stall_are_told_from_lines_that_end():
    from stress.monitor import line_arrivals

    read, write = os.pipe()
    with os.fdopen(read, "rb") as stream:
        arrivals = line_arrivals(stream, "line", idle_s=0.01)
        os.write(write, b'{"id": 1}\n{"id"')
        found = [next(arrivals), next(arrivals)]
        os.write(write, b": 2}\n")
        while (last := next(arrivals)).kind == "idle":
            pass
        os.write(write, b'{"id": 3')
        os.close(write)
        rest = [each for each in arrivals if each.kind != "idle"]
    assert [each.row for each in found] == [{"id": 1}, None]
    assert found[1].kind == "idle"
    assert last.row == {"id": 2}
    assert [each.kind for each in rest] == ["garbage"]  # the last line was cut
