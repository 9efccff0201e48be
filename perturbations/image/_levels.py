"""The published severity tables of ImageNet-C and its relatives, as rows that the declarations turn into columns.

Source of every number in the profiles ``imagenet-c`` (224 pixels), ``cifar-10-c`` (32), ``tiny-imagenet-c`` (64) and
``inception-299`` (299): the scripts that made these data sets, hendrycks/robustness at commit 8190fe3. Lengths are in
pixels of images of those sizes. The scripts cut decimals off where results here are rounded: theirs are half a level
darker on average. The released ImageNet-C files were also saved as JPEG of quality 85, which is not repeated here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["PROFILES", "column", "published"]

PROFILES = ("imagenet-c", "cifar-10-c", "tiny-imagenet-c", "inception-299")
Rows = Mapping[str, Sequence[Any]]


def published(imagenet: Sequence[Any], cifar: Sequence[Any], tiny: Sequence[Any], inception: Sequence[Any]) -> Rows:
    """Return the levels by profile."""
    return dict(zip(PROFILES, (imagenet, cifar, tiny, inception), strict=True))


def column(rows: Rows, index: int) -> Rows:
    """Return the levels of one parameter from rows that hold several, one row per severity."""
    return {profile: tuple(row[index] for row in table) for profile, table in rows.items()}
