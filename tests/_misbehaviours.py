"""Everything that a model was seen to do wrong, by name, and a model that does it where it is told to.

``python -m tests._misbehaviours`` prints what becomes of each with threads, processes and dask, as a table.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import itertools
import json
import locale
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import scenarios
import stress

BACKENDS = ("threads", "processes", "dask")
SOON_S, PATIENT_S = 1.0, 600.0
"""The time-out where it is to be reached, and where it is not, however busy the machine."""
LOUD = "x" * 100_000


def answer(batch):
    """Answer well: by whether a text has an even number of characters."""
    return np.array([[0.7, 0.3] if len(text or "") % 2 else [0.2, 0.8] for text in batch["text"]])


class ForNobody(BaseException):
    """What ``except Exception`` lets through."""


class WordlessError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class FickleError(Exception):
    """Has a text when it is first asked for it, and none after that."""

    asked = 0

    def __str__(self):
        self.asked += 1
        if self.asked > 1:
            raise RuntimeError("asked twice")
        return "once"


class UnformattedError(Exception):
    def __format__(self, how):
        raise RuntimeError("no format")


class LeavingError(Exception):
    def __str__(self):  # noqa: PLE0307 - that is what it is for
        sys.exit(0)


class HoldingError(Exception):
    """Cannot be pickled."""

    def __init__(self):
        super().__init__("held", threading.Lock())


class Refuses:
    """Answers that raise when they are looked at."""

    def __array__(self, *_, **__):
        raise ValueError("no array")

    def __len__(self):
        raise ValueError("no length")

    def __iter__(self):
        raise ValueError("no rows")


class Leaves:
    """Answers that end the process when they are looked at."""

    def __getattr__(self, name):
        sys.exit(0)

    def __iter__(self):
        raise ForNobody("gone")


class Lasts:
    """Answers that take for ever to look at."""

    def __iter__(self):
        time.sleep(60)
        return iter(())


class Liar(list):
    def __len__(self):
        return 10**12


def raises(error):
    def act(batch):
        raise error() if isinstance(error, type) else error

    return act


def gives(make):
    return lambda batch: make(batch, answer(batch))


def with_cause(batch):
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise ValueError("outer") from error


def recurses(batch):
    return recurses(batch)


def breaks_off(batch, good):
    yield good[0]
    raise ValueError("half way")


def round_about(batch, good):
    found: list[Any] = []
    found.append(found)
    return found


RAISED = {
    "raises ValueError": raises(ValueError("no")),
    "raises with a cause": with_cause,
    "raises an error whose text raises": raises(WordlessError),
    "raises an error that has a text but once": lambda batch: raises(FickleError())(batch),
    "raises an error that cannot be formatted": raises(UnformattedError("x")),
    "raises an error whose text ends the process": raises(LeavingError("x")),
    "raises an error that cannot be pickled": raises(HoldingError),
    "raises BaseException": raises(ForNobody("gone")),
    "raises GeneratorExit": raises(GeneratorExit),
    "raises StopIteration": raises(StopIteration),
    "raises CancelledError": raises(asyncio.CancelledError),
    "raises MemoryError": raises(MemoryError),
    "raises TimeoutError of its own": raises(TimeoutError("mine")),
    "raises FloatingPointError": raises(FloatingPointError("nan")),
    "raises OSError": raises(OSError(28, "No space left on device")),
    "raises BrokenPipeError": raises(BrokenPipeError(32, "Broken pipe")),
    "raises PicklingError": raises(pickle.PicklingError("no")),
    "raises a group of errors": raises(ExceptionGroup("two", [ValueError("a"), KeyError("b")])),
    "raises text with surrogates, NUL and ESC": raises(ValueError("\ud800\x00\x1b[31m")),
    "raises 100 kB of text": raises(ValueError(LOUD)),
    "recurses without end": recurses,
    "calls sys.exit(0)": lambda batch: sys.exit(0),
    "asserts": lambda batch: (_ for _ in ()).throw(AssertionError("shape")),
}
ANSWERED = {
    "answers nothing": gives(lambda batch, good: None),
    "answers an empty list": gives(lambda batch, good: []),
    "answers one row too few": gives(lambda batch, good: good[:-1]),
    "answers one row too many": gives(lambda batch, good: np.concatenate([good, good[:1]])),
    "answers NaN": gives(lambda batch, good: good * np.nan),
    "answers infinity": gives(lambda batch, good: good * np.inf),
    "answers numbers below 0 and above 1": gives(lambda batch, good: good * 9 - 4),
    "answers one class too many": gives(lambda batch, good: np.tile(good, 2)[:, :3]),
    "answers complex numbers": gives(lambda batch, good: good * 1j),
    "answers dates": gives(lambda batch, good: np.full(good.shape, np.datetime64("2026-01-01"))),
    "answers pairs of a class and a number": gives(lambda batch, good: [("a", 0.9) for _ in good]),
    "answers texts for numbers": gives(lambda batch, good: good.astype(str)),
    "answers bytes": gives(lambda batch, good: good.tobytes()),
    "answers a number": gives(lambda batch, good: 1.0),
    "answers a cube": gives(lambda batch, good: good[None, None]),
    "answers ragged rows": gives(lambda batch, good: [[0.5, 0.5], [1.0]]),
    "answers a mapping": gives(lambda batch, good: {"a": "b"}),
    "answers objects": gives(lambda batch, good: [object() for _ in good]),
    "answers a function": gives(lambda batch, good: answer),
    "answers a list that holds itself": gives(round_about),
    "answers what raises when it is read": gives(lambda batch, good: Refuses()),
    "answers what ends the process when it is read": gives(lambda batch, good: Leaves()),
    "answers numbers without end": gives(lambda batch, good: itertools.repeat([0.5, 0.5])),
    "answers a range of 10¹² numbers": gives(lambda batch, good: range(10**12)),
    "answers a list of 10¹² rows": gives(lambda batch, good: Liar([1])),
    "answers rows and raises between them": gives(breaks_off),
}


def grabs(batch):
    """Backtrack for ever inside a regular expression, which lets no thread of Python run."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def waits_for_itself(batch):
    lock = threading.Lock()
    with lock:
        lock.acquire()


LATE = {
    "sleeps": lambda batch: time.sleep(60),
    "waits for a lock that it holds": waits_for_itself,
    "waits for a process that does not end": lambda batch: subprocess.run(["sleep", "20"], check=True),
    "answers what takes for ever to read": lambda batch: Lasts(),
    "reads what never comes": lambda batch: os.read(os.pipe()[0], 1),
}


def well(change):
    """Do something to the process, and answer well."""

    def act(batch):
        change(batch)
        return answer(batch)

    return act


def prints(batch):
    print(LOUD)
    sys.stderr.write("\x1b[31m")


def sets_generators(batch):
    np.random.seed(0)
    random.seed(0)


def warns(batch):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("look", stacklevel=1)


def forks(batch):
    if os.fork() == 0:
        time.sleep(15)
        os._exit(0)


def goes_on_twice(batch):
    os.fork()


def moves_to_nowhere(batch):
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)


def writes_into(batch):
    batch["text"][:] = ["changed"] * batch.size


FINE = {
    "changes the working directory": well(lambda batch: os.chdir("/")),
    "takes the working directory away": well(moves_to_nowhere),
    "writes into its batch": well(writes_into),
    "lengthens its batch": well(lambda batch: batch["text"].append("more")),
    "prints 100 kB": well(prints),
    "closes standard output": well(lambda batch: setattr(sys, "stdout", None)),
    "seeds the global generators": well(sets_generators),
    "has NumPy raise on every warning": well(lambda batch: np.seterr(all="raise")),
    "warns": well(warns),
    "leaves a thread running": well(lambda batch: threading.Timer(2, len, ["x"]).start()),
    "leaves a child running": well(forks),
    "forks, and answers in both processes": well(goes_on_twice),
    "sets a low limit of recursion": well(lambda batch: sys.setrecursionlimit(120)),
    "empties the environment": well(lambda batch: os.environ.pop("PYTHONPATH", None)),
    "turns off the collector of garbage": well(lambda batch: gc.disable()),
    "sets another locale": well(lambda batch: locale.setlocale(locale.LC_ALL, "C")),
    "makes every warning an error": well(lambda batch: warnings.simplefilter("error")),
}  # fmt: skip
DEADLY = {
    "ends its process": lambda batch: os._exit(0),
    "is killed": lambda batch: os.kill(os.getpid(), signal.SIGKILL),
    "reads memory that is not there": lambda batch: ctypes.string_at(8),
    "aborts": lambda batch: os.abort(),
}
STUCK = {"holds the interpreter lock for ever": grabs}

EXPECTED = {
    **dict.fromkeys(RAISED, "crash"),
    **dict.fromkeys(ANSWERED, "invalid"),
    **dict.fromkeys(LATE, "timeout"),
    **dict.fromkeys(FINE, "ok"),
    **dict.fromkeys(DEADLY, "crash"),
    **dict.fromkeys(STUCK, "timeout"),
    "answers ragged rows": "invalid and ok",  # the others are read
    "lengthens its batch": "invalid",  # by a row that nobody asked for
}
ACTS = {**RAISED, **ANSWERED, **LATE, **FINE, **DEADLY, **STUCK}
ENDS = dict.fromkeys(DEADLY, "the process ends, the run continues later")
ENDS |= dict.fromkeys(STUCK, "the process ends with status 3, the run continues later")
"""With threads the model is in the process that runs."""
PLUGIN = """
from perturbations import Choice, text_corruption
from tests._misbehaviours import ACTS

@text_corruption(cite="ribeiro2020", what=Choice("what the model is told to do", tuple(ACTS), axis=True))
def tell(text, *, what):
    "A word that makes a model misbehave: the text that it is told by."
    return f"!{what}"
"""


def predict(batch):
    """Answer well, or do what the first text that is an order says."""
    for text in batch["text"]:
        if text and text.startswith("!"):
            return ACTS[text[1:]](batch)
    return answer(batch)


predict.classes = ("a", "b")


def world():
    """Two samples: one batch, and each alone where that fails."""
    return [stress.Sample(str(i), {"text": "ab" * i + "a" * (i % 2)}, "ab"[i % 2]) for i in range(2)]


def one():
    """One sample, of what takes its time however often it is asked."""
    return world()[:1]


def outcomes(backend: str, folder: Path, names: list[str] | None = None) -> dict[str, tuple[str, str]]:
    """Return the status and the error of each misbehaviour, of two runs: of what takes for ever, and of all else."""
    names = names or [name for name in ACTS if backend != "threads" or name not in ENDS]
    folder.mkdir(exist_ok=True)
    (folder / "tell.py").write_text(PLUGIN, encoding="utf-8")
    late = [name for name in names if EXPECTED[name] == "timeout"]
    found = _outcomes(backend, folder, late, "one", SOON_S) if late else {}
    rest = [name for name in names if name not in late]
    return found | (_outcomes(backend, folder, rest, "world", PATIENT_S) if rest else {})


def _outcomes(backend, folder, names, data, timeout):
    body = f"suite: s@1\nplugins: [tell.py]\nscenarios:\n  told: {{text: {{name: text.tell, what: {names!r}}}}}\n"
    (folder / "s.yaml").write_text(body, encoding="utf-8")
    run = stress.run(
        "tests._misbehaviours:predict",
        f"tests._misbehaviours:{data}",
        scenarios.load(folder / "s.yaml"),
        folder / f"run-{backend}-{data}",
        workers=1 if set(names) <= {*DEADLY} else 2,  # all workers of a pool are started anew where one dies
        backend=backend,
        batch_size=2,
        timeout=timeout,
        preflight=False,
    )
    assert run.info["finished"]
    told = {row["cell"]: json.loads(row["axes"]).get("what") for row in run.cells.to_pylist()}
    found: dict[str, tuple[set[str], str]] = {}
    for row in run.records().to_pylist():
        if row["cell"] != "clean":
            found.setdefault(told[row["cell"]], (set(), row["error"] or ""))[0].add(row["status"])
    return {name: (" and ".join(sorted(statuses)), error) for name, (statuses, error) in found.items()}


def main() -> None:
    """Print the table."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = {backend: outcomes(backend, Path(folder)) for backend in BACKENDS}
    sys.stdout = sys.__stdout__
    print("| the model | threads | processes | dask |\n|---|---|---|---|")
    for name in ACTS:
        row = [found[backend].get(name, (ENDS.get(name, "?"),))[0] for backend in BACKENDS]
        print(f"| {name} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
