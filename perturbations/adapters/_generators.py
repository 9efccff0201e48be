"""Libraries that draw from the process's own generators: one at a time, seeded by ours, everything put back after."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.random import Generator

__all__ = ["seeded"]

_alone = threading.RLock()


@contextmanager
def seeded(rng: Generator) -> Iterator[None]:
    """Seed ``random``, ``numpy.random`` and torch's CPU generator from ``rng`` for the block, then restore them.

    Blocks run one after another, so that no thread draws from what another has seeded.
    """
    torch = sys.modules.get("torch")
    seed = int(rng.integers(2**31))
    with _alone:
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what the wrapped library draws from
        kept = torch.default_generator.get_state() if torch else None
        try:
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            if torch:
                torch.default_generator.manual_seed(seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            if torch:
                torch.default_generator.set_state(kept)
