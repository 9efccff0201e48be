"""Hostile and broken inputs on the command line: one clear error or a run, never a traceback, nothing obeyed."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
import soundfile
from pyarrow import parquet

from stress.cli import main
from stress.report import plain_table

ESCAPE = "\x1b[31m\x1b]0;owned\x07"
NAMES = (
    ESCAPE, "[/bold]", "[/dim]", "[red]", "\\", "a\x00b", "a\rb", "\u202egpj.exe",
    "\u2028",
    "=cmd|' /C calc'!A0",
    " =1+1", "--1", "-", "1e400", "nan", "None", "null", "x" * 70_000, "../..", "%s{0}", "'; DROP",
    "\U0001f4a9", "é\u0301", "<script>alert(1)</script>", "[link=file:///etc/passwd]x[/link]", ":smile:", "{{ 7*7 }}",
    "a\tb",
    "\ufeff",
)  # fmt: skip
TYPOS = "{name: keyboard_typos, severity: [1, 2, 3, 4, 5]}"
FIELDS = ("id", "label", "group:g")
PLACES = ("suite", "about", "scenario", "stream", "perturbation", "parameter", "plugin")


def chunk(kind, body):
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def png(width, height, body=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body or bytes(64)))


def wav(promised, frames=100, channels=1, rate=8000, bits=16):
    body = bytes(frames * 2)
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * 2, 2 * channels, bits)
    parts = b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", promised) + body
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts


CONTENTS = {
    "nothing": b"", "text": b"root:x:0:0:secret", "nul": bytes(1000), "a bomb": png(30_000, 30_000),
    "no size": png(0, 0), "a wide line": png(2**31 - 1, 1), "short": png(8, 8)[:40], "rotten": png(8, 8, b"\xff" * 9),
    "gif": b"GIF89a" + bytes(30), "heic": b"\0\0\0\x18ftypheic" + bytes(30), "mp4": b"\0\0\0\x18ftypisom" + bytes(30),
    "jpeg head": b"\xff\xd8\xff\xe0" + bytes(30), "jpeg markers": b"\xff\xd8\xff" + b"\xff" * 5000,
    "exif bomb": b"\xff\xd8\xff\xe1\xff\xffExif\0\0II*\0\xff\xff\xff\xff" + bytes(90),
    "tiff": b"II*\x00\xff\xff\xff\xff", "tiff loop": b"II*\x00\x08\0\0\0\xff\xff" + bytes(40), "bmp": b"BM" + bytes(60),
    "webp": b"RIFF\xff\xff\xff\xffWEBPVP8X", "webp empty": b"RIFF\x04\0\0\0WEBP", "pnm": b"P6 999999999 999999999 255 ",
    "pnm text": b"P6 a b c", "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), "pdf": b"%PDF-1.7", "wav": wav(200),
    "wav cut": wav(99_999), "wav none": wav(0), "wav wide": wav(200, channels=900), "wav slow": wav(200, rate=0),
    "wav odd": wav(200, bits=3), "flac": b"fLaC" + bytes(60), "ogg": b"OggS" + bytes(60), "mp3": b"\xff\xfb" * 40,
    "aiff": b"FORM\0\0\0\xffAIFFSSND\xff\xff\xff\xff", "id3": b"ID3" + b"\x7f" * 40,
}  # fmt: skip

MANIFESTS = {
    "csv nul": ("m.csv", b"text,label\na\0b,x\nc,y\n"),
    "csv quote": ("m.csv", b'text,label\n"a,x\nc,y\n'),
    "csv ragged": ("m.csv", b"text,label\na,x,z\n"),
    "csv empty": ("m.csv", b""),
    "csv head": ("m.csv", b"text,label\n"),
    "csv latin": ("m.csv", "text,label\né,x\n".encode("latin-1")),
    "csv utf16": ("m.csv", "text,label\na,x\n".encode("utf-16")),
    "csv twice": ("m.csv", b"text,text,label\na,b,x\n"),
    "csv no name": ("m.csv", b",label\na,x\nb,y\n"),
    "csv columns": ("m.csv", b",".join(b"c%d" % i for i in range(5000)) + b"\n"),
    "csv long": ("m.csv", b"text,label\n" + b"x" * 300_000 + b",x\nb,y\n"),
    "csv cr": ("m.csv", b"text,label\ra,x\rb,y\r"),
    "csv markup": ("m.csv", b"text:[/bold],label\na,x\nb,y\n"),
    "csv escape": ("m.csv", f"text:{ESCAPE},label\na,x\nb,y\n".encode()),
    "csv inf": ("m.csv", b"text,label,time\na,x,inf\nb,y,1\n"),
    "csv time": ("m.csv", b"text,label,time\na,x,soon\nb,y,1\n"),
    "json deep": ("m.jsonl", b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b', "label": 1}\n'),
    "json objects": ("m.jsonl", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "json digits": ("m.jsonl", b'{"text": "a", "label": ' + b"9" * 5000 + b"}\n"),
    "json time": ("m.jsonl", b'{"text": "a", "label": "x", "time": ' + b"9" * 4000 + b"}\n"),
    "json float": ("m.jsonl", b'{"text": "a", "label": 1e999}\n{"text": "b", "label": 2}\n'),
    "json surrogate": ("m.jsonl", b'{"text": "a", "label": "\\ud800"}\n{"text": "b", "label": "y"}\n'),
    "json id": ("m.jsonl", b'{"id": "\\udfff", "text": "a", "label": "x"}\n{"id": "2", "text": "b", "label": "y"}\n'),
    "json group": ("m.jsonl", b'{"group:g": "\\ud900", "text": "a", "label": "x"}\n'),
    "json text": ("m.jsonl", b'{"text": "\\ud800", "label": "x"}\n'),
    "json nul": ("m.jsonl", b'{"id": "a\\u0000", "text": "a", "label": "x"}\n{"id": "b", "text": "b", "label": "y"}\n'),
    "json list": ("m.jsonl", b'[1, 2]\n'),
    "json number": ("m.jsonl", b"1\n"),
    "json half": ("m.jsonl", b'{"text": "a", "label"\n'),
    "json twice": ("m.jsonl", b'{"text": "a", "text": "b", "label": "x"}\n'),
    "json nested text": ("m.jsonl", b'{"text": {"a": 1}, "label": "x"}\n'),
    "json list text": ("m.jsonl", b'{"text": ["a"], "label": "x"}\n'),
    "json path": ("m.jsonl", b'{"image": 7, "label": "x"}\n'),
    "json nul path": ("m.jsonl", b'{"image": "a\\u0000.png", "label": "x"}\n'),
    "json surrogate path": ("m.jsonl", b'{"image": "\\ud800.png", "label": "x"}\n'),
    "json long path": ("m.jsonl", b'{"image": "' + b"a" * 100_000 + b'", "label": "x"}\n'),
    "a folder for a picture": ("m.csv", b"image,label\n.,x\n"),
    "a device for a picture": ("m.csv", b"image,label\n/dev/zero,x\n"),
    "random for a sound": ("m.csv", b"audio,label\n/dev/urandom,x\n"),
    "a pipe for a picture": ("m.csv", b"image,label\npipe,x\n"),
    "a pipe for a sound": ("m.csv", b"audio,label\npipe,x\n"),
    "secret": ("m.csv", b"series,label\nsecret.txt,x\n"),
    "parquet": ("m.parquet", b"PAR1" + bytes(60) + b"PAR1"),
    "parquet text": ("m.parquet", b"root:x:0:0:secret"),
    "another ending": ("m.xlsx", b"PK\x03\x04"),
}  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a model that answers anything, a small suite for each modality, and things that are no files."""
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text("def predict(batch):\n    return ['x'] * batch.size\n")
    Path("all.yaml").write_text("suite: all@1\nscenarios:\n  i: {image: missing}\n  a: {audio: missing}\n")
    Path("text.yaml").write_text("suite: text@1\nseverities: [3]\nscenarios:\n  t: {text: keyboard_typos}\n")
    Path("secret.txt").write_text("root:x:0:0:secret\n")
    os.mkfifo("pipe")
    return tmp_path


def status(capfd, *arguments):
    """Return the exit status of a command, after a look at what it printed."""
    found = main(list(arguments))
    out, error = capfd.readouterr()
    printed = out + error
    assert "Traceback" not in printed, printed[-2000:]
    assert "secret" not in printed.replace("secret.txt", "")
    bad = {c for c in printed if not c.isprintable() and c not in "\n\t"}
    assert not bad, bad
    assert all(len(line) < 1500 for line in printed.split("\n"))
    return found


def run(capfd, data, suite="text.yaml", *more):
    options = ("--model", "model.py:predict", "--data", data, "--out", "out", "--workers", "1", *more)
    return status(capfd, "run", suite, *options)


def manifest(name, rows):
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


@pytest.mark.parametrize("what", CONTENTS)
@pytest.mark.parametrize("kind", ["image", "audio"])
def test_files(project, capfd, kind, what):
    Path("file").write_bytes(CONTENTS[what])
    fine = (0,) if what == "wav" and kind == "audio" else (0, 2) if what == "wav odd" else (2,)
    data = manifest("m.jsonl", [{kind: "file", "label": "x"}, {kind: "file", "label": "y"}])
    Path("one.yaml").write_text(f"suite: one@1\nscenarios:\n  s: {{{kind}: missing}}\n")
    assert run(capfd, data, "one.yaml", "--no-report") in fine


@pytest.mark.parametrize("what", MANIFESTS)
def test_manifests(project, capfd, what):
    name, content = MANIFESTS[what]
    Path(name).write_bytes(content)
    assert run(capfd, name, "text.yaml", "--no-report") in (0, 2)


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:30] for name in NAMES])
@pytest.mark.parametrize("where", FIELDS)
def test_names(project, capfd, where, name):
    rows = [{"id": "a", "text": "some words", "label": "x", "group:g": "one"} for _ in range(4)]
    for i, row in enumerate(rows):
        row["id"], row["label"], row["group:g"] = f"s{i}", "xy"[i % 2], "ab"[i % 2]
    rows[2][where] = name
    whole = where == "label"  # the most places show it
    found = run(capfd, manifest("m.jsonl", rows), "text.yaml", *([] if whole else ["--no-report", "--no-preflight"]))
    assert found in (0, 2)
    if found == 0 and whole:
        assert status(capfd, "measure", "out") == 0
        for table in ("curves", "classes", "groups"):
            main(["measure", "out", "--table", table])
            for line in capfd.readouterr().out.split("\n"):
                assert not line.lstrip('" \t').startswith(("=", "+", "@"))


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:30] for name in NAMES])
@pytest.mark.parametrize("where", PLACES)
def test_suites(project, capfd, where, name):
    named = {place: name if place == where else usual for place, usual in zip(PLACES, (
        "s@1", "what it is", "typos", "text", "keyboard_typos", "rate", "gone.py"))}  # fmt: skip
    scenario = {named["stream"]: {"name": named["perturbation"], named["parameter"]: 0.1}}
    suite = {"suite": named["suite"], "about": named["about"], "scenarios": {named["scenario"]: scenario}}
    suite |= {"plugins": [name]} if where == "plugin" else {}
    Path("s.yaml").write_text(json.dumps(suite), encoding="utf-8")
    assert status(capfd, "validate", "s.yaml") in (0, 2)
    assert not Path("owned").exists()


@pytest.mark.parametrize("text", [ESCAPE, "[/dim]", "[/bold] [red]", "a\x9bb", "x" * 100_000, "\u202e"])
def test_what_a_model_raises(project, capfd, text):
    Path("model.py").write_text(
        f"def predict(batch):\n    if any(t != 'some words' for t in batch['text']):\n"
        f"        raise ValueError({text!r})\n    return ['x'] * batch.size\n"
    )
    rows = [{"text": "some words", "label": "xy"[i % 2]} for i in range(4)]
    assert run(capfd, manifest("m.jsonl", rows)) == 0


@pytest.mark.parametrize("arguments", [
    ("run", ESCAPE), ("list", ESCAPE), ("report", ESCAPE), (ESCAPE,), ("run", "demo", f"--{ESCAPE}"),
    ("measure", "[/bold]"),
    ("validate", "a\0b"), ("gate", ESCAPE, ESCAPE),
    ("run", "text.yaml", "--model", ESCAPE, "--data", ESCAPE),
    ("run", "demo", "--samples", "pipe"), ("run", "demo", "--samples", "/dev/zero"),
    ("run", "demo", "--max-cells", "0"),
    ("run", "demo", "--max-cells", "3", "--dry-run"), ("run", "demo", "--max-megapixels", "-1"),
    ("run", "demo", "--max-seconds", "nan"),
])  # fmt: skip
def test_arguments(project, capfd, arguments):
    assert status(capfd, *arguments) == 2


@pytest.mark.parametrize(
    ("scenario", "cells"),
    [
        (
            "{grid: product, text: [" + ", ".join(["{name: keyboard_typos, severity: [1, 2, 3, 4, 5]}"] * 7) + "]}",
            78_125,
        ),
        ("{severities: [" + ", ".join(str(1 + i / 5000) for i in range(20_000)) + "], text: keyboard_typos}", 20_000),
    ],
)
def test_large_grids_are_asked_for(project, capfd, scenario, cells):
    Path("large.yaml").write_text(f"suite: large@1\nscenarios:\n  s: {scenario}\n")
    data = manifest("m.jsonl", [{"text": "some words", "label": "x"}, {"text": "more words", "label": "y"}])
    assert main(["run", "large.yaml", "--model", "model.py:predict", "--data", data, "--out", "out"]) == 2
    said = capfd.readouterr().err
    assert "must have at most 10,000 cells" in said
    assert f"{cells:,}" in said
    assert "--max-cells" in said


def test_validate_imports_nothing(project, capfd):
    Path("plug.py").write_text("open('ran', 'w').write('x')\n")
    Path("s.yaml").write_text(
        "suite: s@1\nplugins: [plug.py]\nscenarios:\n  a: {text: text.mine}\n  b: {text: keyboard_typos}\n"
    )
    assert main(["validate", "s.yaml"]) == 0
    assert "not checked: a: text.mine" in capfd.readouterr().out
    assert not Path("ran").exists()
    assert main(["validate", "s.yaml", "--import"]) == 2
    assert Path("ran").exists()
    Path("s.yaml").write_text("suite: s@1\nscenarios:\n  a: {text: text.mine}\n")
    assert main(["validate", "s.yaml"]) == 2


@pytest.mark.parametrize("start", ["", " ", "\t", "\n", "a\n", "a;", "a; ", "\r", "  \n "])
@pytest.mark.parametrize("sign", "=+-@")
def test_no_cell_of_a_table_is_a_formula(start, sign):
    text = f"{start}{sign}cmd|' /C calc'!A0"
    for column in (pa.array([text]), pa.array([text]).dictionary_encode(), pa.array([[text]])):
        for value in (plain_table(pa.table({"x": column}))["x"][0].as_py(),):
            for cell in value.replace(";", "\n").replace("\r", "\n").split("\n"):
                assert not cell.strip().startswith(tuple("=+-@"))
    plain = ["a-b", "x=1", "me@home", "1+1", "a; b"]
    assert plain_table(pa.table({"x": plain}))["x"].to_pylist() == plain


def test_there_are_hundreds_of_them():
    assert 2 * len(CONTENTS) + len(MANIFESTS) + (len(FIELDS) + len(PLACES)) * len(NAMES) >= 400


def test_things_made_well_are_read(project, capfd):
    """What is refused above is refused for what is wrong with it."""
    cv2.imwrite("a.png", np.zeros((8, 8, 3), np.uint8))
    soundfile.write("a.wav", np.zeros(100), 8000)
    table = pa.table({"image": ["a.png"] * 2, "audio": ["a.wav"] * 2, "label": ["x", "y"]})
    parquet.write_table(table, "m.parquet")
    assert run(capfd, "m.parquet", "all.yaml", "--no-report") == 0
