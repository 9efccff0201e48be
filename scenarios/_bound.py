"""A scenario's steps once it is known what they act on, and how to say that they cannot."""

from __future__ import annotations

from dataclasses import dataclass

from perturbations import Perturbation
from scenarios._spec import Step

__all__ = ["Bound", "Mismatch", "Target", "mismatch"]


class Mismatch(Exception):  # noqa: N818 - it never leaves the package
    """What is wrong with a scenario, each problem with its place: turned into the lines of a SpecError."""

    def __init__(self, *problems: str) -> None:
        super().__init__(problems[0])
        self.problems = problems


def mismatch(where: str, who: str, text: str) -> Mismatch:
    """Return one problem: where it stands, who has it, and what must be otherwise."""
    return Mismatch(f"{where}: {who}: {text}")


@dataclass(frozen=True)
class Target:
    """A perturbation on one stream of a modality (``of``), with the profile that is used there."""

    stream: str
    perturbation: Perturbation
    profile: str
    of: str

    def same(self, other: Target) -> bool:
        """Whether another target has the same perturbation on the same stream."""
        return self.stream == other.stream and self.perturbation.name == other.perturbation.name


@dataclass(frozen=True)
class Bound:
    """A step on the streams of a data set. ``label`` names it in axes: ``image.fog``."""

    step: Step
    targets: tuple[Target, ...]
    label: str

    @property
    def driven(self) -> bool:
        """Whether a severity that is not fixed moves it."""
        if isinstance(self.step.severity, float):
            return False
        return any(self.graded(target) for target in self.targets)

    @property
    def top(self) -> int:
        """The highest severity that all its targets have."""
        return min(t.perturbation.top(t.profile) for t in self.targets if self.graded(t))

    def graded(self, target: Target) -> bool:
        """Whether a severity sets the perturbation's parameters: it has tables, and none of them is overruled."""
        named = {*self.step.given, *self.step.lists}
        return bool(target.perturbation.graded) and not named.intersection(target.perturbation.graded)

    @property
    def contradiction(self) -> str | None:
        """What is wrong where the step has a severity that nothing can follow."""
        if self.step.severity is None or any(map(self.graded, self.targets)):
            return None
        first = self.targets[0].perturbation
        named = [name for name in first.graded if name in self.step.given or name in self.step.lists]
        beside = f"severity must not be given beside {', '.join(named)}, which it sets"
        return f"{first.name}: {beside if named else 'severity must not be given: it has no severities'}."
