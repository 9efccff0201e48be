"""The folder of evidence: data, pages and the hashes of both, written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from perturbations import InputError
from stress.evidence._assemble import assemble
from stress.evidence._declaration import Declaration
from stress.evidence._pages import pages
from stress.measure import Measurable

__all__ = ["SUMS", "write_evidence"]

SUMS = "SHA256SUMS"
"""The hashes of all other files, as ``sha256sum --check`` reads them."""


def write_evidence(runs: Sequence[Measurable], declaration: Declaration, out: Path) -> dict[str, Any]:
    """Write a folder of evidence for a technical file, and return its data.

    ``evidence.json`` (its schema beside it), a page for each part of it, the first of which says whether the declared
    levels are met, and ``SHA256SUMS`` to sign. A folder of evidence is replaced; another one that is not empty is not.
    Raises InputError where it cannot be written, or where the runs do not belong together.
    """
    _check(out)
    data = assemble(runs, declaration)
    text = json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n"
    schema = resources.files("stress.evidence").joinpath("schema.json").read_text(encoding="utf-8")
    files = {"evidence.json": text, "schema.json": schema, **pages(data)}
    sums = "".join(f"{sha256(files[name].encode('utf-8')).hexdigest()}  {name}\n" for name in sorted(files))
    beside = out.with_name(f".{out.name}.new")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        for name, content in {**files, SUMS: sums}.items():
            (beside / name).write_text(content, encoding="utf-8", newline="\n")
        if out.exists():
            shutil.rmtree(out)
        beside.replace(out)
    except OSError as error:
        raise InputError(f"evidence: {out}: cannot be written: {error.strerror}.") from None
    return data


def _check(out: Path) -> None:
    """Raise where the folder holds something else: it would be lost."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() and not (out.is_dir() and (out / SUMS).is_file() and (out / "evidence.json").is_file()):
        raise InputError(
            f"evidence: {out} must be free, or a folder of evidence, got something else. Give another out."
        )
