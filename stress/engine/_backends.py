"""Who does the units: threads of this process, processes of this machine, or the workers of a dask cluster.

Threads share the model as it is. Processes and clusters load it once per worker by the name it was given by, and the
data too; what travels is the name of a unit one way, and its records the other. What is asked before the first unit is
asked there as well: the model is neither loaded nor called where the run is started from.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

import pyarrow as pa

from perturbations import ModelError, StressError
from perturbations.errors import short
from stress.engine._remote import Recipe, about, answer
from stress.engine._units import Unit
from stress.models import Model

__all__ = ["Died", "Far", "Finished", "far_model", "in_threads", "token"]

Finished = Generator[tuple[Unit, pa.Table], None, None]
Died = Callable[[Unit, str], pa.Table]


class Far(Protocol):
    """Workers in processes of their own, which know the model by name; ``token`` tells one run's from another's."""

    spec: str
    token: str

    def ask(self, call: Callable[..., Any], *what: Any) -> Any:
        """Return what a call returns to one of the workers; raise where it takes the worker down."""
        ...

    def tell(self, call: Callable[..., Any], *what: Any) -> Any:
        """Have every worker make a call, all at once; return what one of them got, as soon as it can be had."""
        ...

    def work(self, recipe: Recipe, units: Sequence[Unit], died: Died) -> Finished:
        """Yield the records of every unit; a unit whose worker dies every time is recorded by ``died``."""
        ...


def far_model(far: Far) -> Model:
    """Return the model that the workers have: what is known of it, and a way to have it answer."""
    try:
        known = far.tell(about, far.spec, far.token)
    except StressError:
        raise
    except Exception as error:  # whatever an import does
        raise ModelError(
            f"model: {far.spec} cannot be loaded by a worker: {type(error).__name__}: {short(str(error))}"
        ) from error
    return Model(lambda batch: far.ask(answer, far.spec, far.token, batch), **known)


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


def token() -> str:
    """Return what tells this run from others in a worker's memory."""
    return f"{os.getpid()}-{time.monotonic_ns()}"
