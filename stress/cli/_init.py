"""``stress init``: the files that a project of one's own starts from, fitted to what lies in its folder."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from perturbations import InputError
from stress.cli._discover import Found, discover
from stress.cli._display import say

__all__ = ["write_project"]

_HEAD = """\
# A suite: what can go wrong, how badly, and on which streams.
# Run it with:   stress run stress.yaml --model stress_model.py:load --data samples.csv
suite: my-suite@1            # name@version: raise the version when severities change
severities: [1, 2, 3, 4, 5]  # 0 is clean and always included
draws: 1                     # repeats of each random draw

scenarios:
  # A key is a modality (all its streams) or the name of one stream of your data.
"""
_SCENARIOS = {
    "image": """\
  sensor-noise: {image: gaussian_noise}
  night: {image: low_light}
  out-of-focus: {image: defocus_blur, severities: [1, 3, 5]}
  no-picture: {image: missing}   # a fault is on or off: one cell
""",
    "audio": """\
  hiss: {audio: white_noise}
  bare-room: {audio: reverb}
  no-sound: {audio: missing}     # a fault is on or off: one cell
""",
    "text": """\
  typos: {text: keyboard_typos}
  no-text: {text: missing}       # a fault is on or off: one cell
""",
}
_JOINT = """\

  # One severity drives several streams together (grid: joint is the default).
  night-street: {image: low_light, audio: white_noise}
"""
_MODEL = '''\
"""The model under test. `stress` calls load() once, and then predict(batch) again and again."""

import numpy as np

CLASSES = {classes!r}


def load():
    """Return predict. Load your weights here, once."""

    def predict(batch):
        # batch["image"], batch["audio"], batch["text"]: a list with one value a sample; None where a stream is lost.
        #   image  uint8 array (height, width, channels)       batch.stack("image") -> one array
        #   audio  .samples float32 (channels, frames), .rate  batch.stack("audio", frames=16000)
        #   text   str
        # Answer an array (samples, classes) of probabilities or logits, or a list of labels.
        return np.full((batch.size, len(CLASSES)), 1 / len(CLASSES))  # knows nothing: call your model here

    predict.classes = CLASSES  # the order of the columns
    return predict
'''
_GATES = """\
# What a release must keep to. Judge a run with:   stress gate runs/my-suite gates.yaml [--against runs/LAST]
gates:
  - {metric: failure_rate, max: 0.01}             # crashes, time-outs and answers that are none
  # - {metric: accuracy, on: clean, min: 0.9}
  # - {metric: accuracy, per: scenario, min: 0.7}
  # - {metric: recall, per: class, min: 0.5}
  # - {metric: accuracy, against: baseline, max_drop: 0.02}
"""
_CI = """\
name: stress
on: [pull_request]
jobs:
  stress:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.11"}
      - run: pip install multimodal-stress
      - run: stress run stress.yaml --model stress_model.py:load --data samples.csv --out runs/now
      - run: stress gate runs/now gates.yaml --junit gate.xml --annotations
      - uses: actions/upload-artifact@v4
        if: always()
        with: {name: stress, path: "runs/now/report\\ngate.xml"}
"""
_EXAMPLES = Found(
    "",
    ("id", "text", "label", "group:speaker"),
    [
        ("1", "a first example that says yes", "yes", "f01"),
        ("2", "another one, and no is meant", "no", "f01"),
        ("3", "this sentence agrees with you", "yes", "m02"),
        ("4", "that one does not", "no", "m02"),
    ],
    ("text",),
    ("no", "yes"),
)
"""Samples for a folder without any: replace them."""


def write_project(folder: Path) -> None:
    """Write the suite, a model stub, the manifest, gates and a CI job; files that are there already are kept."""
    found = discover(folder)
    samples = found if found.rows else _EXAMPLES
    files = {
        "stress.yaml": _suite(samples),
        "stress_model.py": _MODEL.format(classes=samples.labels or ("no", "yes")),
        "samples.csv": _manifest(samples),
        "gates.yaml": _GATES,
        ".github/workflows/stress.yml": _CI,
    }
    say(f"found   {found.says}{'' if found.rows else ': the manifest holds four examples, to be replaced'}")
    try:
        for name, content in files.items():
            path = folder / name
            if path.exists():
                say(f"kept    {path} (it was there already)")
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            say(f"wrote   {path}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"init: {str(folder)!r}: cannot be written: {reason}.") from error
    for problem in found.problems:
        say(f"mind    {problem}")
    say(
        "next:   call your model in stress_model.py, then: "
        "stress run stress.yaml --model stress_model.py:load --data samples.csv"
    )


def _suite(samples: Found) -> str:
    """Return a suite of the scenarios that these samples have streams for."""
    parts = [_SCENARIOS[kind] for kind in _SCENARIOS if kind in samples.modalities]
    joint = _JOINT if {"image", "audio"} <= set(samples.modalities) else ""
    return _HEAD + "".join(parts) + joint


def _manifest(samples: Found) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(samples.columns)
    writer.writerows(samples.rows)
    return text.getvalue()
