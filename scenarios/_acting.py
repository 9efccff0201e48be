"""Which axes mean something where: severity 0 silences a step, and its choices with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from scenarios._axes import Axis, Point, crossed
from scenarios._bound import Bound
from scenarios._pairwise import Factors
from scenarios._spec import Scenario

__all__ = ["Keep", "everything", "factors", "live_points", "paired_axes", "pairwise_note"]

Keep = Callable[[int, str], bool]
"""Whether a step (by index) on a stream takes part in a cell."""


def everything(step: int, stream: str) -> bool:
    return True


def live_points(
    bounds: Sequence[Bound], axes: Sequence[Axis], points: Iterable[Point], keep: Keep = everything
) -> Iterator[tuple[list[Axis], Point]]:
    """Yield each point once with the axes that mean something there: no choice for a step that does not act."""
    for point in points:
        severity = {i: axis.moves[i][at] for axis, at in zip(axes, point) if axis.param is None for i in axis.moves}
        acting = [_means_something(bounds, axis, severity, keep) for axis in axes]
        if all(acts or at == 0 for acts, at in zip(acting, point)):
            live = [axis for axis, acts in zip(axes, acting) if acts]
            yield live, tuple(at for at, acts in zip(point, acting) if acts)


def _means_something(bounds: Sequence[Bound], axis: Axis, severity: Mapping[int, float | str], keep: Keep) -> bool:
    for i in axis.moves:
        bound = bounds[i]
        off = severity.get(i, bound.step.severity) == 0
        for target in bound.targets:
            graded = bound.graded(target)
            if keep(i, target.stream) and (graded if axis.param is None else not (off and graded)):
                return True
    return False


def paired_axes(scenario: Scenario, bounds: Sequence[Bound]) -> list[Axis]:
    """Return the axes of a pairwise grid: every severity and choice, but no choice of a step that is held at 0."""
    silent = {i for i, b in enumerate(bounds) if b.step.severity == 0.0 and all(map(b.graded, b.targets))}
    return [axis for axis in crossed(scenario, bounds) if axis.param is None or not silent.issuperset(axis.moves)]


def pairwise_note(scenario: Scenario, bounds: Sequence[Bound], count: int) -> str:
    """Return what so many cells of a pairwise grid hold, and how many the product has."""
    found = factors(bounds, paired_axes(scenario, bounds))
    apart = " that meet outside of the clean cell" if found.zero else ""
    return f"{count} cells hold every pair of values{apart}; the product has {found.count()}"


def factors(bounds: Sequence[Bound], axes: Sequence[Axis]) -> Factors:
    """Return what of the axes has no effect at severity 0."""
    idle = [all(map(bound.graded, bound.targets)) for bound in bounds]
    driver = {i: place for place, axis in enumerate(axes) if axis.param is None for i in axis.moves}
    zero = {
        place: axes[place].values.index(0.0) for i, place in driver.items() if idle[i] and 0.0 in axes[place].values
    }
    under = {p: driver[i] for p, axis in enumerate(axes) if axis.param is not None for i in axis.moves if i in driver}
    acts = any(
        not all_idle if i in driver else not (all_idle and bound.step.severity == 0.0)
        for i, (bound, all_idle) in enumerate(zip(bounds, idle))
    )
    return Factors([len(axis.values) for axis in axes], zero, under, acts)
