"""Runs commands as a plain `pip install .` would: whatever the core does not require cannot be imported.

A program, not a test: `python tests/core_alone.py '[["list"], …]'` prints status and output of each command as JSON.
"""

import contextlib
import io
import json
import re
import sys
import tomllib
from importlib import machinery, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def name_of(requirement):
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement).group()).lower()


def closure(requirements):
    """Names of all distributions that these bring, extras left out."""
    found, left = set(), [name_of(r) for r in requirements]
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        with contextlib.suppress(metadata.PackageNotFoundError):  # needed on other machines only
            left += [name_of(r) for r in metadata.requires(name) or () if "extra ==" not in r]
    return found


def block():
    """Hide every installed module that the core's requirements do not bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = closure(project["dependencies"]) | {name_of(project["name"])}  # itself too, where it is installed
    modules = metadata.packages_distributions()
    hidden = {top for top, dists in modules.items() if not {name_of(d) for d in dists} & needed}
    find = machinery.PathFinder.find_spec

    def found(fullname, path=None, target=None):
        return None if fullname.partition(".")[0] in hidden else find(fullname, path, target)

    machinery.PathFinder.find_spec = found
    return hidden


def run(command):
    """Return exit status, what was printed, and what was said of errors."""
    from stress.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(command)
    return {"status": status, **{name: file.buffer.getvalue().decode() for name, file in (("out", out), ("err", err))}}


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    block()
    found = [run(command) for command in json.loads(sys.argv[1])]
    print(json.dumps([*found, sorted({m.partition(".")[0] for m in sys.modules})]))
