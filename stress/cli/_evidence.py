"""``stress evidence``: runs and a declaration become a folder for a technical file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stress._face import open_run
from stress.cli._display import say

__all__ = ["run_evidence"]

_STATUS = {"pass": 0, "fail": 1, "undecided": 3, "unjudged": 3}


def run_evidence(runs: Sequence[Path], declaration: Path, out: Path) -> int:
    """Write the folder, say what came of each declared level, and return the exit status of a gate."""
    from stress.evidence import NOTICE, load_declaration, write_evidence

    declared = load_declaration(declaration)
    data = write_evidence([open_run(run) for run in runs], declared, out)
    for level in data["levels"]:
        for one in level["runs"]:
            say(f"{one['outcome']:<10} {one['run']}: {one['message']}")
        if not level["runs"]:
            say(f"{level['outcome']:<10} {level['title']}: no run has cells for it")
    for each in data["conditions"]:
        if each["outcome"] != "tested":
            say(f"{each['outcome']}: {each['name']}")
    say(NOTICE)
    say(f"evidence: {out / 'index.html'}  digest {data['digest']}")
    return _STATUS[data["outcome"]]
