"""What a plain `pip install .` can do: every command and every suite runs, or says in one line which extra it needs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import scenarios

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow
# What cannot be done without an extra, and which; everything else must be done.
NEEDS = {"languages": "language", "weather-joint": "language"}


def alone(*commands):
    """Run commands where only the core's requirements can be imported; also return all modules that were loaded."""
    given = json.dumps([[str(part) for part in command] for command in commands])
    done = subprocess.run([sys.executable, "tests/core_alone.py", given], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    *found, modules = json.loads(done.stdout.splitlines()[-1])
    assert not {"torch", "babel", "matplotlib", "albumentations", "distributed", "pandas", "sklearn"} & set(modules)
    return found


def refuses(found, extra):
    """Bad input, and one line that says which extra brings what is missing."""
    assert found["status"] == 2
    assert len(found["err"].strip().splitlines()) == 1, found["err"]
    assert re.search(rf"pip install ['\"]multimodal-stress\[{extra}\]['\"]", found["err"]), found["err"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("alone")


def tiny(suite, out, *more):
    few = ("--model", "demo", "--data", "demo", "--limit", "2", "--progress", "quiet", "--no-report")
    return ("run", suite, *few, "--out", out, *more)


def test_every_command_works(folder):
    run = folder / "demo"
    commands = [
        ("--version",),
        ("list",),
        ("list", "audio"),
        ("list", "image.fog"),
        ("list", "suites"),
        ("run", "demo", "--limit", "6", "--progress", "quiet", "--out", run),
        ("report", run),
        ("measure", run),
        ("measure", run, "--table", "gaps"),
        ("gate", run, "--suggest"),
        ("compare", run, run),
        ("cite", run),
        ("init", folder / "own"),
        ("validate", folder / "own" / "stress.yaml"),
        ("gallery", "image", "-o", folder / "image.html"),
        ("gallery", "image", "-o", folder / "image.png", "--only", "image.fog"),
        ("gallery", "audio", "-o", folder / "audio.html", "--only", "audio.*noise"),
        ("gallery", "text", "-o", folder / "text.html", "--only", "text.keyboard_typos"),
        ("run", "demo", "--dry-run"),
        tiny("quick", folder / "early", "--only", "gaussian*", "--model", "demo:early"),
    ]
    found = alone(*commands)
    for command, done in zip(commands, found, strict=True):
        assert done["status"] == 0, (command, done["err"])
    assert "languages" in found[4]["out"]
    assert "multimodal-stress[language]" in found[4]["out"]
    assert (run / "report" / "index.html").stat().st_size > 50_000


def test_every_suite_runs_or_says_which_extra_it_needs(folder):
    suites = scenarios.suites()
    # A pattern that is searched for without gradients asks thousands of times: below, with fewer steps.
    more = {"attacks": ("--skip", "image-universal")}
    found = alone(*(tiny(s, folder / f"suite-{s}", "--no-preflight", *more.get(s, ())) for s in suites))
    assert set(NEEDS) <= set(suites)
    for suite, done in zip(suites, found, strict=True):
        if suite in NEEDS:
            refuses(done, NEEDS[suite])
        else:
            assert done["status"] == 0, (suite, done["err"])


def test_a_pattern_is_found_without_gradients(folder):
    (folder / "one.yaml").write_text(
        "suite: one@1\nseverities: [5]\nscenarios:\n  one: {image: {name: attack.universal, steps: 1}}\n"
    )
    (done,) = alone(tiny(folder / "one.yaml", folder / "one", "--no-preflight"))
    assert done["status"] == 0, done["err"]


PARTS = {
    "image: 'albumentations:RandomRain'": "albumentations",
    "audio: 'audiomentations:AddGaussianSNR'": "audiomentations",
    "audio: 'torchaudio:Speed'": "torch",
    "text: 'nlpaug:KeyboardAug'": "nlpaug",
    "text: {name: locale_format, to: de_DE}": "language",
    "image: attack.apgd": "torch",
}


def test_other_parts_say_which_extra_they_need(folder):
    commands = []
    for number, step in enumerate(PARTS):
        path = folder / f"part{number}.yaml"
        path.write_text(f"suite: part@1\nscenarios:\n  one: {{{step}}}\n")
        commands.append(tiny(path, folder / f"part{number}"))
    commands += [tiny("quick", folder / "dask", "--backend", "dask"), ("gallery", "text", "-o", folder / "all.html")]
    found = alone(*commands)
    for done, extra in zip(found, [*PARTS.values(), "distributed", "language"], strict=True):
        refuses(done, extra)
