"""The documents' code: what a page tells to type is typed here, and what it shows as a file is read."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

import scenarios
from stress.cli import main
from stress.cli._commands import stress as commands

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "scenarios" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```", re.DOTALL | re.MULTILINE)
STORIES = ("tutorial.md", "own-perturbation.md", "own-metric.md")
"""Pages that are followed to the letter, in a folder of their own."""


def blocks(page):
    """Return the language, the file's name and the content of each block of a page."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def typed(language, content):
    """Return the commands of ours that a block tells to type."""
    if language not in ("console", "sh", "text", ""):
        return []
    lines = [part.strip() for line in content.splitlines() for part in line.split(" #")[0].split("&&")]
    return [line.split(" > ")[0].replace(" …", "") for line in lines if line.startswith("stress ")]


EVERY = [
    pytest.param(line, id=f"{page.name}: {line[:60]}")
    for page in PAGES
    if page.name not in STORIES
    for language, _, content in blocks(page)
    for line in typed(language, content)
]


def test_blocks_are_found():
    assert len(EVERY) > 50
    fences = sum(page.read_text(encoding="utf-8").count("\n```") for page in PAGES)
    assert fences == 2 * sum(len(blocks(page)) for page in PAGES)


@pytest.mark.parametrize("line", EVERY)
def test_a_command_is_one_that_is_taken(line):
    command, (_, name, *rest) = commands, shlex.split(line)
    while True:
        command = command.commands[name]
        if not hasattr(command, "commands"):
            break
        name, *rest = rest
    command.make_context(name, rest)


FILES = [
    pytest.param(language, content, id=f"{page.name}: {content.splitlines()[0][:50]}")
    for page in PAGES
    for language, _, content in blocks(page)
    if language in ("yaml", "toml", "json")
]


@pytest.mark.parametrize(("language", "content"), FILES)
def test_a_file_that_is_shown_can_be_read(language, content, tmp_path):
    if language == "json":
        assert all(json.loads(line) for line in content.splitlines())
        return
    found = tomllib.loads(content) if language == "toml" else yaml.safe_load(content)
    if "suite" in found and "plugins" not in found:
        if "albumentations" in content:
            pytest.importorskip("albumentations")
        scenarios.loads(found)
    elif "gates" in found and not any("policy" in rule for rule in found["gates"]):
        from stress.gate import loads_gates

        assert loads_gates(content).rules
    elif "levels" in found and "system" in found:
        from stress.evidence import load_declaration

        (tmp_path / "declaration.yaml").write_text(content, encoding="utf-8")
        assert load_declaration(tmp_path / "declaration.yaml").levels
    else:
        assert found


# -- stories


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder in which the tutorial was followed, with what its commands said and ended with."""
    place = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.syspath_prepend(str(place))
        followed("tutorial.md")
    return place


UNDECIDED = "stress gate runs/v1 gates.yaml"
"""The command that ends with 3, which the page says."""
LONG = ("stress run demo",)
"""Commands that the gate of this repository runs elsewhere."""


def followed(page):
    space = {}
    for language, name, content in blocks(ROOT / "docs" / page):
        if name:
            Path(name).write_text(content, encoding="utf-8")
        elif language == "python":
            exec(compile(content, page, "exec"), space)  # noqa: S102 - what the page shows
        for line in typed(language, content):
            if line not in LONG:
                assert main(shlex.split(line)[1:]) == (3 if line.startswith(UNDECIDED) else 0), line


def test_the_tutorial_says_what_happens(folder):
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    verdict = json.loads((folder / "runs" / "v1" / "gate.json").read_text(encoding="utf-8"))
    assert [each["outcome"] for each in verdict["verdicts"]] == ["pass", "pass", "undecided"]
    assert "here the third rule" in page
    assert (folder / "runs" / "v2" / "report" / "compared.html").exists()


@pytest.mark.parametrize("page", STORIES[1:])
def test_a_how_to_is_followed(folder, page, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    followed(page)
