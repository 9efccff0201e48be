"""What a benchmark answers: its numbers, as the papers define them, and what they were measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stress.measure import Number

if TYPE_CHECKING:
    from stress._face import Run

__all__ = ["ON_THE_FLY", "PUBLISHED", "Result"]

PUBLISHED: Literal["published files"] = "published files"
ON_THE_FLY: Literal["made on the fly"] = "made on the fly"


@dataclass(frozen=True)
class Result:
    """The numbers of a benchmark with their intervals, where its inputs came from, and the run with all records.

    ``source`` is ``"published files"`` or ``"made on the fly"``; ``numbers`` are those that papers report, by name, as
    fractions; ``conditions`` the rate of the task's metric in each condition, ``("fog", 3)``, clean ``("clean", 0)``;
    ``caution`` says what to know before they stand beside published ones.
    """

    benchmark: str
    source: Literal["published files", "made on the fly"]
    metric: str
    numbers: Mapping[str, Number]
    conditions: Mapping[tuple[str, int], Number]
    samples: int
    caution: str
    run: Run

    def __str__(self) -> str:
        """Return a few lines: where the inputs came from, and each number with its interval."""
        wide = max(map(len, self.numbers), default=0)
        rows = [f"  {name:<{wide}}  {_shown(number)}" for name, number in self.numbers.items()]
        head = f"{self.benchmark}, {self.source}: {self.samples:,} samples × {len(self.conditions)} conditions"
        return "\n".join([head, *rows, *([f"  {self.caution}"] if self.caution else [])])


def _shown(number: Number) -> str:
    if number.value is None:
        return f"undefined: {number.note}"
    ends = "" if number.low is None else f"  ({number.low:.4f} to {number.high:.4f})"
    return f"{number.value:.4f}{ends}{f'  {number.note}' if number.note else ''}"
