"""Sheets on which a person sees (and hears) what every perturbation does, severity by severity.

A modality whose sheet has more to show than its witness – photographs, voices, sentences in many scripts – has a
module of its name here; any other has a plain page.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from perturbations.errors import named_keywords
from perturbations.modality import modality

__all__ = ["write_sheet"]


@named_keywords
def write_sheet(of: str, out: Path, chosen: Sequence[str] | None = None, seed: int = 0) -> None:
    """Write the sheet of a modality to a file; ``chosen`` are names of its perturbations (all where None)."""
    module = f"stress.gallery.{modality(of).name}"
    if find_spec(module) is not None:
        import_module(module).sheet(out, chosen, seed=seed)
        return
    from stress.gallery.plain import sheet

    sheet(of, out, chosen, seed)
