"""What units of work run on: threads of this process, processes of this machine, or the workers of a dask cluster.

Threads share the model. Processes and clusters load model and data by name, once per worker; a unit's name travels one
way and its records the other. Preflight calls the model there as well: where the run is started from it is neither
loaded nor called.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

import pyarrow as pa

from perturbations import ModelError, StressError
from perturbations.errors import short
from stress.engine._post import Post
from stress.engine._remote import Recipe, about, answer
from stress.engine._units import Unit
from stress.models import Model

__all__ = ["Died", "Finished", "Proof", "Workers", "in_threads", "model_of"]

Finished = Generator[tuple[Unit, pa.Table], None, None]
Proof = Callable[[Unit], Sequence[str]]
Died = Callable[[Unit, str, bool], pa.Table]
"""Makes the records of a unit whose worker died at each attempt: what is said of it, and whether it was stuck."""


class Workers(Protocol):
    """Workers in processes of their own, which load the model by its name; ``post`` is where they belong."""

    post: Post

    def call(self, function: Callable[..., Any], *what: Any) -> Any:
        """Return what a function returns in one of the workers; raise where the worker process dies of it.

        Raises TooSlowError where it was ended because nothing in it could run any more.
        """
        ...

    def call_all(self, function: Callable[..., Any], *what: Any) -> Any:
        """Call a function in every worker at once; return the first result, as soon as it is there."""
        ...

    def work(self, recipe: Recipe, units: Sequence[Unit], died: Died, proof: Proof) -> Finished:
        """Yield the records of every unit; ``died`` makes those of a unit whose worker died at each attempt.

        ``proof`` are the digests that a unit's samples must have.
        """
        ...


def model_of(workers: Workers) -> Model:
    """Return the model that the workers loaded: its name, classes and weights, and a predict that runs in a worker."""
    try:
        known = workers.call_all(about, workers.post)
    except StressError:
        raise
    except Exception as error:  # whatever an import does
        raise ModelError(
            f"model: {workers.post.spec} cannot be loaded by a worker: {type(error).__name__}: {short(str(error))}"
        ) from error
    return Model(lambda batch: workers.call(answer, workers.post, batch), **known)


def in_threads(do: Callable[[Unit], tuple[Unit, pa.Table]], units: Sequence[Unit], workers: int) -> Finished:
    """Yield the records of every unit, as they are finished; units are begun in order.

    When the reader stops early – an error, an interrupt – the units under way are waited for: a thread that is still
    inside the model's libraries when the process ends would bring it down.
    """
    from joblib import Parallel, delayed

    if workers == 1:
        yield from map(do, units)
        return
    stop, busy, lock = threading.Event(), [threading.Lock() for _ in range(workers)], threading.Lock()

    def guarded(unit: Unit) -> tuple[Unit, pa.Table]:
        with lock:
            place = next(each for each in busy if each.acquire(blocking=False))
        try:
            if stop.is_set():
                raise KeyboardInterrupt
            return do(unit)
        finally:
            place.release()

    how = {"backend": "threading", "return_as": "generator_unordered", "pre_dispatch": "2*n_jobs", "batch_size": 1}
    results = Parallel(workers, **how)(delayed(guarded)(unit) for unit in units)
    try:
        for each in results:  # noqa: UP028 - ``yield from`` would close them before the warnings are caught
            yield each
    finally:
        stop.set()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib warns of results that nobody waited for
            results.close()
        for place in busy:
            place.acquire()
