"""CIFAR-10-C and ImageNet-C (Hendrycks & Dietterich 2019)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError, Sample
from perturbations.errors import short
from perturbations.files import path_shown
from stress.benchmarks._numbers import CLEAN, CORRUPTIONS, SEVERITIES, corruption_numbers
from stress.benchmarks._result import Result
from stress.benchmarks._runs import folder_of, made_on_the_fly, published
from stress.data import CIFAR10, cifar10, cifar10_c_arrays, frame, from_samples
from stress.data import folder as folder_of_classes
from stress.tasks import Classification

__all__ = ["cifar10_c", "imagenet_c"]

_CIFAR_FLY = (
    "made here with the published parameters; textures of frost are procedural: near published values, not them"
)
_IMAGE_FLY = f"{_CIFAR_FLY}; published pictures are scaled and cut to 224² before they are corrupted"


def cifar10_c(
    model: Any, folder: str | Path, out: str | Path | None = None, *, pictures: int | None = None, **options: Any
) -> Result:
    """Return how well a classifier holds on CIFAR-10-C: mean corruption accuracy, as RobustBench reports it.

    ``folder`` has the published ``fog.npy`` … and ``labels.npy`` of CIFAR-10-C (and CIFAR-10's ``test_batch.bin``, for
    the clean accuracy); or CIFAR-10's binary version alone, of which the corruptions are made on the fly. The result
    says which. ``pictures`` takes the first so many; ``out`` is the folder of the run, ``options`` are those of
    ``stress.run``. Raises InputError where the folder has neither, or not all fifteen corruptions.
    """
    who, root = "benchmarks.cifar10_c", folder_of(folder, "benchmarks.cifar10_c")
    _check(pictures, who)
    task = Classification(CIFAR10)
    root = root / "CIFAR-10-C" if (root / "CIFAR-10-C").is_dir() else root
    have = [name for name in CORRUPTIONS if (root / f"{name}.npy").is_file()]
    clean = next((p for p in (root, root.parent) if _has_clean(p)), None)
    if not have:
        if clean is None:
            raise InputError(
                f"{who}: {path_shown(root)} must have fog.npy … and labels.npy of CIFAR-10-C, or CIFAR-10's "
                "test_batch.bin to make them of, got neither."
            )
        limit = {} if pictures is None else {"limit": pictures}
        given = {"model": model, "data": cifar10(clean, "test"), "task": task, **limit, **options}
        return made_on_the_fly("cifar-10-c", out, given, _functions(False), caution=_CIFAR_FLY, only=_scenarios())
    _all_there(have, f"{who}: {path_shown(root)}", ".npy")
    data = from_samples(_Stacked(root, clean, pictures, who), "CIFAR-10-C", cluster="picture")
    return published("cifar-10-c", out, {"model": model, "data": data, "task": task, **options}, _functions(False))


def _functions(baseline: bool) -> Callable[[Sequence[tuple[str, int]]], Mapping[str, Any]]:
    return lambda conditions: corruption_numbers(conditions, alexnet_baseline=baseline)


def _has_clean(place: Path) -> bool:
    return any((place / inner / "test_batch.bin").is_file() for inner in ("", "cifar-10-batches-bin"))


def _scenarios() -> list[str]:
    return [name.replace("_", "-") for name in CORRUPTIONS]


def _check(pictures: Any, who: str) -> None:
    if pictures is not None and (isinstance(pictures, bool) or not isinstance(pictures, int) or pictures < 1):
        raise InputError(f"{who}: pictures must be a whole number above 0, or none for all, got {short(pictures)}.")


def _all_there(have: Sequence[str], where: str, ending: str) -> None:
    if gone := [name for name in CORRUPTIONS if name not in have]:
        raise InputError(
            f"{where} must have all fifteen corruptions, since results are means over them, got no "
            f"{', '.join(name + ending for name in gone[:4])}{' …' if len(gone) > 4 else ''}."
        )


class _Stacked(Sequence[Sample]):
    """The pictures of all conditions, one after the other: which they are of is their group ``picture``."""

    def __init__(self, root: Path, clean: Path | None, pictures: int | None, who: str) -> None:
        self._arrays, self._labels = {}, np.empty(0)
        for name in CORRUPTIONS:
            self._arrays[name], self._labels = cifar10_c_arrays(root, name, who)
        self._each = len(self._labels) // len(SEVERITIES)
        self._count = min(pictures or self._each, self._each)
        self._check(who)
        self._clean = None if clean is None else cifar10(clean, "test")
        if self._clean is not None:
            own = [CIFAR10[int(label)] for label in self._labels[: self._each]]
            if list(self._clean.targets) != own:
                raise InputError(f"{who}: CIFAR-10's test pictures must have the labels of labels.npy, got others.")
        self._conditions = [*([CLEAN] if self._clean else []), *((n, s) for n in CORRUPTIONS for s in SEVERITIES)]

    def _check(self, who: str) -> None:
        labels: NDArray[Any] = np.asarray(self._labels).reshape(-1)
        if not self._each or len(labels) != self._each * len(SEVERITIES):
            raise InputError(f"{who}: labels.npy must have five times as many labels as pictures, got {len(labels):,}.")
        if labels.min() < 0 or labels.max() >= len(CIFAR10):
            raise InputError(f"{who}: labels must be 0 to 9, got {labels.min()} to {labels.max()}.")
        if (labels.reshape(len(SEVERITIES), -1) != labels[: self._each]).any():
            raise InputError(f"{who}: labels.npy must have the same labels five times, got others.")

    def __len__(self) -> int:
        return len(self._conditions) * self._count

    def __getitem__(self, position: Any) -> Any:
        if not 0 <= position < len(self):
            raise IndexError(position)
        (name, severity), picture = self._conditions[position // self._count], position % self._count
        if severity:
            value = np.array(self._arrays[name][(severity - 1) * self._each + picture])
        else:
            value = self._clean[picture].streams["image"]  # type: ignore[index, assignment]
        groups = {"corruption": name, "severity": str(severity), "picture": f"{picture:05d}"}
        return Sample(
            f"{name}:{severity}:{picture:05d}", {"image": value}, CIFAR10[int(self._labels[picture])], groups=groups
        )


def imagenet_c(
    model: Any,
    folder: str | Path,
    out: str | Path | None = None,
    *,
    pictures: int | None = None,
    classes: Sequence[Any] | None = None,
    **options: Any,
) -> Result:
    """Return how well a classifier holds on ImageNet-C: mCE and relative mCE over AlexNet's, mean corruption accuracy.

    ``folder`` has the published ``fog/3/n01440764/ILSVRC2012_val_00000293.JPEG`` …, also below ``weather/`` and the
    like, and the clean validation pictures in ``val/n01440764/`` for the clean accuracy and relative mCE; or these
    alone, of which the corruptions are made on the fly. The result says which. ``pictures`` takes so many, spread
    evenly; ``classes`` are the model's, in its order, where the folder has not all of them; all else is as for
    ``cifar10_c``.
    """
    who, root = "benchmarks.imagenet_c", folder_of(folder, "benchmarks.imagenet_c")
    _check(pictures, who)
    task = None if classes is None else Classification(tuple(classes))
    places = {path.name: path for path in [*root.glob("*"), *root.glob("*/*")] if path.is_dir() and _graded(path)}
    have = [name for name in CORRUPTIONS if name in places]
    clean = next((root / name for name in ("val", "clean", "validation") if (root / name).is_dir()), None)
    if not have:
        data = folder_of_classes(root if clean is None else clean)
        limit = {} if pictures is None else {"limit": pictures}
        given = {"model": model, "data": data, "task": task, **limit, **options}
        return made_on_the_fly("imagenet-c", out, given, _functions(True), caution=_IMAGE_FLY, only=_scenarios())
    _all_there(have, f"{who}: {path_shown(root)}", "/")
    graded = [(name, s, places[name] / str(s)) for name in CORRUPTIONS for s in SEVERITIES]
    rows = _rows(root, [*([] if clean is None else [(*CLEAN, clean)]), *graded], pictures, who)
    return published("imagenet-c", out, {"model": model, "data": rows, "task": task, **options}, _functions(True))


def _graded(place: Path) -> bool:
    return all((place / str(severity)).is_dir() for severity in SEVERITIES)


def _rows(root: Path, conditions: Sequence[tuple[str, int, Path]], pictures: int | None, who: str) -> Any:
    """Return the files of all conditions as one data set. Raises InputError where they are not of the same pictures."""
    import pyarrow as pa

    rows: list[dict[str, str]] = []
    first: list[str] | None = None
    for name, severity, place in conditions:
        files = {_key(file, place): file for file in sorted(place.glob("*/*")) if file.is_file()}
        first = list(files) if first is None else first
        if list(files) != first or not files:
            gone = sorted(set(first) ^ set(files))[:1] or ["none at all"]
            raise InputError(
                f"{who}: {path_shown(place)} must have the same pictures as the first condition, {len(first):,}, got "
                f"{len(files):,}: {gone[0]} is in one of them alone."
            )
        step = 1.0 if pictures is None else max(len(first) / pictures, 1.0)
        rows += [
            {"id": f"{name}:{severity}:{key}", "image": str(files[key].relative_to(root)),
             "label": key.partition("/")[0], "group:corruption": name, "group:severity": str(severity),
             "cluster:picture": key}
            for key in dict.fromkeys(first[int(i * step)] for i in range(int(len(first) / step)))
        ]  # fmt: skip
    return frame(pa.Table.from_pylist(rows), {name: name for name in rows[0]}, folder=root)


def _key(file: Path, place: Path) -> str:
    """Return what names a picture in every condition: its class and its name without the ending."""
    return file.relative_to(place).with_suffix("").as_posix()
