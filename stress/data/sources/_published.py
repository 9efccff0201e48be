"""The standard files of published data sets, as their authors hand them out: nothing is downloaded, no pickle read."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations import InputError
from perturbations.errors import named_keywords, nearest, short
from perturbations.files import path_shown, read_regular
from stress.data._dataset import Samples
from stress.data._reading import Reading
from stress.data.sources._arrays import numpy
from stress.data.sources._files import of_rows, place_of

__all__ = ["CIFAR10", "cifar10", "cifar10_c", "cifar10_c_arrays", "cited", "esc50", "fsdd", "mnist", "speech_commands"]

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SOURCES = {
    "CIFAR-10": "krizhevsky2009",
    "CIFAR-10-C": "hendrycks2019",
    "ESC-50": "piczak2015",
    "FSDD": "jackson_fsdd",
    "MNIST": "lecun1998",
    "Speech Commands": "warden2018",
    "demo": "alpaydin1998",  # its pictures; its speech and sentences are ours
}
"""Keys of the bibliography, by how the names of data sets begin."""
_ROW = 1 + 3 * 32 * 32
_LEVELS = 5
Part = Literal["train", "test", "all"]


def cifar10(path: Any, part: Part = "test", *, reading: Reading | None = None) -> Samples:
    """Return CIFAR-10 of its binary version: ``data_batch_1.bin`` … and ``test_batch.bin`` (Krizhevsky 2009).

    The Python version is pickles, which can hold code, and are not read. Raises InputError where files are not there or
    have another size.
    """
    who, root = "stress.data.cifar10", place_of(path, "stress.data.cifar10")
    root = root / "cifar-10-batches-bin" if (root / "cifar-10-batches-bin").is_dir() else root
    if not (root / "test_batch.bin").exists() and (root / "test_batch").exists():
        raise InputError(
            f"{who}: {path_shown(root)} holds the Python version, whose pickles are not read. Take the binary version "
            "(cifar-10-binary)."
        )
    names = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
    chosen = _chosen(part, names, who)
    data = np.concatenate([_batch(root / name, who) for name in chosen])
    pictures = data[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return numpy(pictures, _below(data[:, 0], 10, who), classes=CIFAR10, name=f"CIFAR-10 {part}", reading=reading)


def cifar10_c(path: Any, corruption: str, severity: int, *, reading: Reading | None = None) -> Samples:
    """Return one corruption of CIFAR-10-C at a severity from 1 to 5: 10,000 pictures of ``fog.npy`` (Hendrycks 2019).

    The labels are those of ``labels.npy``. Raises InputError where the files are not there, or have another form.
    """
    who, root = "stress.data.cifar10_c", place_of(path, "stress.data.cifar10_c")
    known = sorted(file.stem for file in root.glob("*.npy") if file.stem != "labels")
    if corruption not in known:
        raise InputError(
            f"{who}: corruption must be one of {', '.join(known) or 'none'} in {path_shown(root)}, got "
            f"{short(corruption)}. {nearest(str(corruption), known)}"
        )
    if severity not in range(1, _LEVELS + 1):
        raise InputError(f"{who}: severity must be 1 to 5, got {short(severity)}.")
    pictures, labels = cifar10_c_arrays(root, corruption, who)
    each = len(labels) // _LEVELS
    some = slice((severity - 1) * each, severity * each)
    name = f"CIFAR-10-C {corruption} {severity}"
    return numpy(pictures[some], _below(labels[some], 10, who), classes=CIFAR10, name=name, reading=reading)


def cifar10_c_arrays(root: Path, corruption: str, who: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the pictures of a corruption of CIFAR-10-C, ``uint8 (5 × n, 32, 32, 3)``, mildest first, and their labels.

    They are mapped: only what is used is read. Raises InputError where the files have another form.
    """
    pictures, labels = (_array(root / f"{name}.npy", who) for name in (corruption, "labels"))
    if (
        pictures.ndim != 4
        or pictures.shape[1:] != (32, 32, 3)
        or pictures.dtype != np.uint8
        or len(pictures) != len(labels)
    ):
        raise InputError(
            f"{who}: {corruption}.npy must be uint8 (n, 32, 32, 3) with as many labels ({len(labels):,}), got "
            f"{pictures.dtype} {pictures.shape}."
        )
    return pictures, labels


def mnist(path: Any, part: Part = "test", *, reading: Reading | None = None) -> Samples:
    """Return MNIST of its IDX files, plain or ``.gz``: ``t10k-images-idx3-ubyte`` and its labels (LeCun 1998).

    Fashion-MNIST and others in the same files are read as well; labels are digits. Raises InputError where files are
    not there, or are not what they say.
    """
    who, root = "stress.data.mnist", place_of(path, "stress.data.mnist")
    chosen = _chosen(part, {"train": ["train"], "test": ["t10k"]}, who)
    pictures = np.concatenate([_idx(root, f"{name}-images-idx3-ubyte", 3, who) for name in chosen])
    labels = np.concatenate([_idx(root, f"{name}-labels-idx1-ubyte", 1, who) for name in chosen])
    return numpy(pictures, labels.tolist(), name=f"MNIST {part}", reading=reading)


def fsdd(path: Any, part: Part = "all", *, reading: Reading | None = None) -> Samples:
    """Return the Free Spoken Digit Dataset: ``recordings/7_jackson_32.wav``, its digit the label.

    The test part is the first five of each speaker and digit, as its authors split it; speakers are clusters. Raises
    InputError where there are no such files.
    """
    who, root = "stress.data.fsdd", place_of(path, "stress.data.fsdd")
    root = root / "recordings" if (root / "recordings").is_dir() else root
    named = re.compile(r"(\d)_([^_]+)_(\d+)\.wav")
    found = [(file.name, match) for file in sorted(root.glob("*.wav")) if (match := named.fullmatch(file.name))]
    parts = {"train": range(5, 10_000), "test": range(5), "all": range(10_000)}
    takes = parts[_part(part, parts, who)]
    rows = [
        {"id": name.removesuffix(".wav"), "audio": name, "label": match[1], "cluster:speaker": match[2]}
        for name, match in found
        if int(match[3]) in takes
    ]
    return _rows(f"FSDD {part}", root, rows, "DIGIT_SPEAKER_NUMBER.wav", who, reading)


def speech_commands(path: Any, part: Any = "test", *, reading: Reading | None = None) -> Samples:
    """Return Speech Commands: a folder a word, ``right/bb05582b_nohash_3.wav`` (Warden 2018).

    ``testing_list.txt`` and ``validation_list.txt`` say which are ``test`` and ``validation``; the others are
    ``train``. The recordings of background noise are left out; speakers are clusters. Raises InputError where there
    are no such files.
    """
    who, root = "stress.data.speech_commands", place_of(path, "stress.data.speech_commands")
    lists = {"test": "testing_list.txt", "validation": "validation_list.txt"}
    _part(part, {**lists, "train": "", "all": ""}, who)
    files = sorted(
        file.relative_to(root).as_posix() for file in root.glob("*/*.wav") if not file.parent.name.startswith("_")
    )
    listed = {name: set(_lines(root / of, who)) for name, of in lists.items() if part not in ("all",)}
    if part in lists:
        files = [name for name in files if name in listed[part]]
    elif part == "train":
        files = [name for name in files if not any(name in some for some in listed.values())]
    rows = [
        {
            "id": name.removesuffix(".wav"),
            "audio": name,
            "label": name.partition("/")[0],
            "cluster:speaker": name.partition("/")[2].partition("_nohash_")[0],
        }
        for name in files
    ]
    return _rows(f"Speech Commands {part}", root, rows, "WORD/SPEAKER_nohash_NUMBER.wav", who, reading)


def esc50(path: Any, fold: int | None = None, *, reading: Reading | None = None) -> Samples:
    """Return ESC-50: ``audio/*.wav`` with ``meta/esc50.csv`` (Piczak 2015), one of its five folds, or all.

    Clips that were cut from one recording are a cluster. Raises InputError where files are not there.
    """
    who, root = "stress.data.esc50", place_of(path, "stress.data.esc50")
    if fold is not None and fold not in range(1, 6):
        raise InputError(f"{who}: fold must be 1 to 5, or none for all, got {short(fold)}.")
    text = read_regular(root / "meta" / "esc50.csv", who).decode("utf-8", "replace")
    table = list(csv.DictReader(io.StringIO(text)))
    needed = ("filename", "fold", "category", "src_file")
    if not table or any(name not in table[0] for name in needed):
        raise InputError(f"{who}: meta/esc50.csv must have the columns {', '.join(needed)}.")
    rows = [
        {
            "id": row["filename"].removesuffix(".wav"),
            "audio": f"audio/{row['filename']}",
            "label": row["category"],
            "group:fold": row["fold"],
            "cluster:recording": row["src_file"],
        }
        for row in table
        if fold is None or row["fold"] == str(fold)
    ]
    return _rows(f"ESC-50{'' if fold is None else f' fold {fold}'}", root, rows, "audio/*.wav", who, reading)


@named_keywords
def cited(name: str) -> tuple[str, ...]:
    """Return the key of the source of a published data set by the name that it has in a run; nothing for any other."""
    return tuple(key for start, key in _SOURCES.items() if name == start or name.startswith(f"{start} "))


def _rows(name: str, root: Path, rows: list[dict[str, str]], form: str, who: str, reading: Reading | None) -> Samples:
    if not rows:
        raise InputError(f"{who}: {path_shown(root)} must have files {form} of this part, got none.")
    return of_rows(name, root, rows, (), reading)


def _part(part: Any, known: Mapping[str, Any], who: str) -> str:
    if part not in known:
        raise InputError(f"{who}: part must be {', '.join(known)}, got {short(part)}. {nearest(str(part), known)}")
    return str(part)


def _chosen(part: Any, names: Mapping[str, list[str]], who: str) -> list[str]:
    _part(part, {**names, "all": None}, who)
    return [name for of, some in names.items() for name in some if part in (of, "all")]


def _batch(path: Path, who: str) -> NDArray[np.uint8]:
    content = read_regular(path, who)
    if not content or len(content) % _ROW:
        raise InputError(f"{who}: {path_shown(path)} must be rows of {_ROW:,} bytes, got {len(content):,} bytes.")
    return np.frombuffer(content, np.uint8).reshape(-1, _ROW)


def _array(path: Path, who: str) -> NDArray[Any]:
    """Return a ``.npy`` file, mapped, so that only what is used is read; one that holds objects is refused."""
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{who}: {path_shown(path)} must be an array of numbers: {short(str(error), 120)}.") from error
    return found


def _below(labels: NDArray[Any], count: int, who: str) -> list[int]:
    found = [int(label) for label in labels]
    if found and (min(found) < 0 or max(found) >= count):
        raise InputError(f"{who}: labels must be 0 to {count - 1}, got {min(found)} to {max(found)}.")
    return found


def _idx(root: Path, name: str, axes: int, who: str) -> NDArray[np.uint8]:
    """Return an IDX file of bytes: two zeros, 8 (bytes), the number of axes, their lengths, the numbers."""
    place = next(
        (root / each for each in (name, f"{name}.gz", name.replace("-idx", ".idx")) if (root / each).exists()), None
    )
    if place is None:
        raise InputError(f"{who}: {path_shown(root)} must have {name}, or {name}.gz, got neither.")
    content = read_regular(place, who)
    try:
        content = _unpacked(content) if place.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{who}: {path_shown(place)} cannot be unpacked: {error}.") from error
    if content[:4] != bytes([0, 0, 8, axes]) or len(content) < 4 + 4 * axes:
        raise InputError(f"{who}: {path_shown(place)} must be an IDX file of bytes with {axes} axes.")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", axes, 4))
    numbers = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    if numbers.size != int(np.prod(shape)):
        raise InputError(f"{who}: {path_shown(place)} must hold {int(np.prod(shape)):,} numbers, got {numbers.size:,}.")
    return numbers.reshape(shape)


_MOST = 2**28
"""Bytes that a packed file may hold: five times the largest of MNIST's."""


def _unpacked(content: bytes) -> bytes:
    with gzip.open(io.BytesIO(content)) as file:
        found = file.read(_MOST + 1)
    if len(found) > _MOST:
        raise OSError(f"it holds more than {_MOST:,} bytes")
    return found


def _lines(path: Path, who: str) -> list[str]:
    return read_regular(path, who).decode("utf-8", "replace").split()
