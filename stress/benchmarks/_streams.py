"""The missing-stream table: what a multimodal model keeps of its score where streams are lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, Sample
from stress._face import Run
from stress._face import run as run_suite
from stress.benchmarks._result import ON_THE_FLY, Result
from stress.benchmarks._runs import allowed
from stress.benchmarks._sums import Condition, Rates, sums_by_cell
from stress.data import Samples
from stress.measure import measured
from stress.statistics.robustness import mmi

__all__ = ["missing_streams"]

CLEAN: Condition = ("clean", 0)


def missing_streams(
    model: Any, data: Samples | Sequence[Sample] | str | Path, out: str | Path | None = None, **options: Any
) -> Result:
    """Return what a multimodal model keeps where streams are lost: the score for every subset, by what fills it.

    Always made on the fly: there is no published set of files. ``mean_FILL`` is the mean of the headline over all
    subsets that leave the model something, with lost streams absent (``none``), zeros or their mean; ``worst_FILL`` the
    worst of these subsets; ``mmi_FILL`` the multimodal impact, the share of the clean score that is lost (Qiu et al.
    2024), of scores of which more is better. ``conditions`` are the subsets, ``("image+text, fill none", 2)`` with the
    number of lost streams. ``options`` are those of ``stress.run``. Raises InputError for data of one stream.
    """
    given = {"model": model, "data": data, **options}
    run = run_suite(**{"suite": "missing-streams", "out": out or Path("runs") / "missing-streams", **allowed(given)})
    lost = _subsets(run)
    streams = max(condition[1] for condition in lost.values()) if lost else 0
    if streams < 2:
        raise InputError("benchmarks.missing_streams: the data must have at least two streams, got one.")
    headline = measured(run).headline
    sums = sums_by_cell(run, headline, {"clean": CLEAN, **lost}, run.info.get("cluster"))
    found = {"clean": sums.number(lambda rates: rates[CLEAN])}
    for fill in dict.fromkeys(name.rpartition(" ")[2] for name, _ in lost.values()):
        some = [each for each in lost.values() if each[0].endswith(f" {fill}") and each[1] < streams]
        for name, function in _numbers(some, headline.better).items():
            found[f"{name}_{fill}"] = sums.number(function)
    caution = "of subsets that leave at least one stream; beside other numbers only with the same fill"
    return Result("missing-streams", ON_THE_FLY, headline.name, found, sums.each(), len(sums.who), caution, run)


def _subsets(run: Run) -> dict[str, Condition]:
    """Return the condition of each cell that loses a subset of the streams."""
    return {
        cell["cell"]: (f"{'+'.join(cell['lost'])}, fill {cell['fill']}", len(cell["lost"]))
        for cell in run.cells.to_pylist()
        if cell["scenario"] == "lost"
    }


def _numbers(some: Sequence[Condition], better: str) -> Mapping[str, Callable[[Rates], NDArray[np.float64]]]:
    def stacked(rates: Rates) -> NDArray[np.float64]:
        return np.array([rates[each] for each in some])

    found: dict[str, Callable[[Rates], NDArray[np.float64]]] = {"mean": lambda rates: stacked(rates).mean(axis=0)}
    if better == "higher":
        found["worst"] = lambda rates: stacked(rates).min(axis=0)
        found["mmi"] = lambda rates: np.asarray(mmi(rates[CLEAN], stacked(rates).mean(axis=0)), np.float64)
    else:
        found["worst"] = lambda rates: stacked(rates).max(axis=0)
    return found
