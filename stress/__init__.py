"""What does this model do when the world goes wrong? Suites of stress for models of images, audio and text.

>>> import stress
>>> run = stress.run(model="demo", data="demo", suite="demo", out="runs/demo")  # doctest: +SKIP
>>> run.table("curves")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perturbations import Audio, InputError, ModelError, RunError, Sample, SpecError, StressError
    from stress._face import Run, compare, run
    from stress._face import open_run as open  # noqa: A004 - stress.open reads as it should
    from stress.data import audio, image
    from stress.models import Batch
    from stress.tasks import Classification, FreeText, Metric, MultiLabel, Regression, Retrieval, Transcription, metric

__all__ = [
    "Audio",
    "Batch",
    "Classification",
    "FreeText",
    "InputError",
    "Metric",
    "ModelError",
    "MultiLabel",
    "Regression",
    "Retrieval",
    "Run",
    "RunError",
    "Sample",
    "SpecError",
    "StressError",
    "Transcription",
    "audio",
    "compare",
    "image",
    "metric",
    "open",
    "run",
]

_HOMES = {
    **dict.fromkeys(
        ("Audio", "InputError", "ModelError", "RunError", "Sample", "SpecError", "StressError"), "perturbations"
    ),
    **dict.fromkeys(("Run", "compare", "run"), "stress._face"),
    "Batch": "stress.models",
    **dict.fromkeys(("audio", "image"), "stress.data"),
    **dict.fromkeys(
        ("Classification", "FreeText", "Metric", "MultiLabel", "Regression", "Retrieval", "Transcription", "metric"),
        "stress.tasks",
    ),
}

_ROOMS = (
    "data",
    "engine",
    "gallery",
    "gate",
    "measure",
    "models",
    "policy",
    "records",
    "report",
    "statistics",
    "tasks",
    "testing",
)
"""Packages and modules that are imported when they are first asked for: ``stress.measure.TABLES``."""


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that ``import stress`` costs nothing."""
    from importlib import import_module

    if name in _ROOMS:
        return import_module(f"stress.{name}")
    if name != "open" and name not in _HOMES:
        from perturbations.errors import meant

        hint = meant(name, __dir__())
        raise AttributeError(f"module 'stress' has no attribute {name!r}. {hint}".rstrip())
    home = import_module(_HOMES.get(name, "stress._face"))
    found = globals()[name] = getattr(home, "open_run" if name == "open" else name)
    return found


def __dir__() -> list[str]:
    """Return the public names, so that completion shows them before anything is imported."""
    return sorted([*__all__, *_ROOMS])
