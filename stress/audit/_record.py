"""An audit as it is kept in a file, and read again by whoever has to rely on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from perturbations import InputError
from perturbations.errors import named_keywords, short
from perturbations.files import read_text
from stress.audit._audit import JOINT, Audit

__all__ = ["Recorded", "audit_data", "load_audit"]

_WHO = "audit"


@dataclass(frozen=True)
class Recorded:
    """The samples that an audit looked at, and those among them that leak, by id."""

    samples: frozenset[str]
    leaking: frozenset[str]


@named_keywords
def audit_data(found: Audit, samples: Sequence[str]) -> dict[str, Any]:
    """Return an audit as data that JSON can hold; ``samples`` are the ids of the data that it is of."""
    return {"format": 1, "leaking": found.leaking, "samples": list(samples), **asdict(found)}


@named_keywords
def load_audit(path: Path) -> Recorded:
    """Read what ``stress audit --out FILE`` has written. Raises InputError where it is something else."""
    try:
        found = json.loads(read_text(path, _WHO, InputError))
        samples, leaks, groups = found["samples"], found["leaks"], found["groups"]
        apart = {name for group in groups if group["apart"] for name in group["samples"]}
        joint = {leak["sample"] for leak in leaks if leak["stream"] == JOINT}
        if not all(isinstance(name, str) for name in (*samples, *apart, *joint)):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {short(str(error))}"
        raise InputError(f"{_WHO}: {path} must be what `stress audit --out FILE` writes, got {why}.") from None
    return Recorded(frozenset(samples), frozenset(apart | joint))
