"""What the tests of the report share: pages taken apart, runs with everything in them, and hostile ones."""

import json
import unicodedata
from html.parser import HTMLParser
from io import StringIO

import numpy as np
from rich.console import Console

from stress._face import Run
from stress.report import print_summary, write_report
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
        if {"style", "script"} & set(self.stack):
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


def mixed_run(path):
    """A run with curves of three kinds, categories, a lost stream and a product."""
    return describe(write(path, MIXED, records(MIXED, RATES), ["1"] * 200, columns={**LABELS, **NUMBERS}))


def hostile_run(path):
    """A run in which every name is hostile."""
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
        path,
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


def many(path, cells, n):
    plan = [cell()]
    for i in range(cells // 5):
        stream = ("image", "audio", "image+audio")[i % 3]
        plan += [cell(f"s{i}:{s}", f"s{i}", float(s), stream=stream) for s in range(1, 6)]
    rates = [0.95, *([0.9, 0.85, 0.8, 0.7, 0.6] * (cells // 5))]
    return describe(write(path, plan, records(plan, rates, n), ["1"] * n, columns={**LABELS, **NUMBERS}))


def percent(value):
    return f"{100 * value:.1f}".replace("-0.0", "0.0").replace("-", "−")


def pair(row):
    low, high = percent(row["low"]), percent(row["high"])
    return f"{percent(row['value'])} ({low}{' to ' if '−' in low else '–'}{high})"


def printed(run, width):
    """What ``print_summary`` prints in a terminal of this width."""
    console = Console(width=width, file=StringIO(), force_terminal=False)
    print_summary(console, run)
    return console.file.getvalue()
