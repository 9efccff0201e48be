"""Data sets of Hugging Face and of torch as samples: each read when it is asked for, by our own decoders."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError, Sample, Value
from perturbations.errors import nearest, short
from perturbations.files import path_shown, read_regular
from perturbations.modality import modality as modality_named
from stress.data._dataset import Samples
from stress.data._listed import from_samples
from stress.data._reading import Reading
from stress.data.sources._arrays import Rows, converted, known_modality, names_of_classes
from stress.data.sources._maite import is_maite_dataset

__all__ = ["huggingface", "recognised", "torch"]


def torch(
    dataset: Any,
    *,
    modality: str = "image",
    stream: str | None = None,
    classes: Sequence[Any] | None = None,
    reading: Reading | None = None,
    **how: Any,
) -> Samples:
    """Return the pairs (value, label) of a torch ``Dataset`` – or of anything with a length and places – as samples.

    ``how`` says what the numbers of a value mean, as for ``stress.image`` (``range=(0, 1)``,
    ``layout="channels_first"``, as torchvision's ``ToTensor`` makes them) and ``stress.audio`` (``rate=16000``).
    ``classes`` are the names of the labels; the data set's own ``classes`` are taken where it has some. Raises
    InputError where an item is no pair, or a value cannot be read as it is said. A data set whose items differ from
    one look to the next – random augmentation – is refused when the run asks again.
    """
    who, kind = "stress.data.torch", known_modality(modality, "stress.data.torch")
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise InputError(f"{who}: must be a data set with a length and places (map-style), got {short(dataset)}.")
    own = getattr(dataset, "classes", None)
    named = names_of_classes(classes if classes is not None else own if isinstance(own, list | tuple) else None, who)
    key = stream or kind

    def make(position: int) -> Sample:
        item = dataset[position]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise InputError(f"{who}: item {position} must be a pair of value and label, got {short(item)}.")
        value, label = item
        plain = label.item() if hasattr(label, "item") else label
        return Sample(f"{position:06d}", {key: converted(value, kind, how, f"{who}: item {position}")}, named(plain))

    return from_samples(Rows(len(dataset), make), type(dataset).__name__, reading=reading)


def huggingface(
    dataset: Any,
    *,
    streams: Mapping[str, str] | None = None,
    label: str | None = None,
    groups: Sequence[str] = (),
    reading: Reading | None = None,
) -> Samples:
    """Return a data set of Hugging Face ``datasets`` – in memory, or the folder of ``save_to_disk`` – as samples.

    Pictures and recordings (``Image``, ``Audio``) are streams, and texts where ``streams`` names them
    (``{"caption": "text_column"}``) or there is nothing else; the one ``ClassLabel`` is the label, by its names, unless
    ``label`` names another column. Bytes are decoded here, neither by PIL nor by torchcodec. Nothing is downloaded.
    Raises InputError where it is a dictionary of splits, a stream without places, or what is the label is not said.
    """
    who = "stress.data.huggingface"
    found = _loaded(dataset, who)
    features = found.features
    chosen = _streams(features, streams, label, who)
    target = _label(features, label, who)
    for name in (*groups, *chosen.values(), target):
        if name not in features:
            raise InputError(
                f"{who}: must have the column {name!r}, got {', '.join(features)}. {nearest(name, features)}"
            )
    kinds = {name: _kind(features[column]) for name, column in chosen.items()}
    for name, column in chosen.items():
        if kinds[name] == "":
            raise InputError(f"{who}: column {column!r} must be a picture, a sound or a text, got {features[column]}.")
        if kinds[name] != "text":
            found = found.cast_column(column, type(features[column])(decode=False))
    names = getattr(features[target], "names", None)
    named = names_of_classes(names, who)

    def make(position: int) -> Sample:
        row, limits = found[position], (reading or Reading()).limits
        where = f"{who}: row {position}"
        values = {
            name: _value(row[column], kinds[name], f"{where}, {column}", limits) for name, column in chosen.items()
        }
        about = {name: _named(features[name], row[name]) for name in groups if row[name] is not None}
        return Sample(f"{position:06d}", values, target=named(row[target]), groups=about)

    texts = {name: kind for name, kind in kinds.items() if kind == "text"}
    return from_samples(Rows(len(found), make), "datasets", streams=texts or None, reading=reading)


def _loaded(dataset: Any, who: str) -> Any:
    """Return a data set with places. Raises InputError for what has none."""
    if isinstance(dataset, str | Path):
        if not Path(dataset).is_dir():
            raise InputError(f"{who}: must be a local folder, got {path_shown(dataset)}. Nothing is downloaded.")
        try:
            from datasets import load_from_disk
        except ImportError as error:
            raise InputError(
                f"{who}: needs datasets, which cannot be imported ({error}). pip install datasets."
            ) from error
        try:
            dataset = load_from_disk(str(dataset))
        except Exception as error:  # each version raises its own
            raise InputError(f"{who}: {path_shown(dataset)} cannot be loaded: {short(str(error), 160)}.") from error
    if isinstance(dataset, Mapping):
        raise InputError(f"{who}: must be one split, got {', '.join(map(str, dataset))}. dataset['test'] chooses one.")
    if not (hasattr(dataset, "features") and hasattr(dataset, "__len__") and hasattr(dataset, "cast_column")):
        raise InputError(f"{who}: must be a datasets.Dataset, which has a length and places, got {short(dataset)}.")
    return dataset


def _kind(feature: Any) -> str:
    kind = type(feature).__name__
    if kind in ("Image", "Audio"):
        return kind.lower()
    return "text" if kind == "Value" and getattr(feature, "dtype", "") in ("string", "large_string") else ""


def _streams(features: Mapping[str, Any], given: Any, label: str | None, who: str) -> dict[str, str]:
    """Return the column of each stream: those that are named, else all pictures and sounds, else the one text."""
    if given:
        return dict(given)
    media = {name: name for name, feature in features.items() if _kind(feature) in ("image", "audio")}
    texts = [name for name, feature in features.items() if _kind(feature) == "text" and name != label]
    if media:
        return media
    if len(texts) == 1:
        return {texts[0]: texts[0]}
    raise InputError(
        f"{who}: streams must say what the model is given, as {{'text': 'question'}}; got {', '.join(features)}."
    )


def _label(features: Mapping[str, Any], given: str | None, who: str) -> str:
    if given is not None:
        return given
    found = [name for name, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    if len(found) == 1:
        return found[0]
    if not found and "label" in features:
        return "label"
    got = ", ".join(features)
    raise InputError(f"{who}: label must name the column of the right answers: label='…', one of {got}.")


def _value(given: Any, kind: str, who: str, limits: Any) -> Value:
    """Return a value of ``{"bytes", "path"}``, or a text."""
    if given is None or kind == "text":
        return given
    content = given.get("bytes")
    content = read_regular(given["path"], who) if content is None else content
    of = modality_named(kind)
    value, _ = of.stored.decode(content, who, limits)
    of.check(value, who)
    return value


def _named(feature: Any, value: Any) -> str:
    names = getattr(feature, "names", None)
    return str(names[value] if names and isinstance(value, int) else value)


def recognised(source: Any) -> Any:
    """Return samples of a data set that says all that is needed, and anything else as it is.

    Raises InputError that names what makes samples of it, where more must be said.
    """
    if _is(source, "datasets", "Dataset"):
        return huggingface(source)
    if _is(source, "datasets", "DatasetDict") or _is(source, "datasets", "IterableDataset"):
        return huggingface(source)
    if _is(source, "torch.utils.data", "Dataset") and not _holds_samples(source):
        raise InputError(
            "data: must be samples, got a torch Dataset, and what its numbers mean is not said. "
            "stress.data.torch(dataset, range=(0, 1), layout='channels_first') makes some."
        )
    if is_maite_dataset(source) and not _holds_samples(source):
        raise InputError(
            "data: must be samples, got a data set of MAITE, and what its numbers mean is not said. "
            "stress.data.maite(dataset, range=(0, 1)) makes some."
        )
    return source


def _is(found: Any, module: str, name: str) -> bool:
    """Return whether something is of a class of a package that is imported already: else nothing can be of it."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(found, kind)


def _holds_samples(dataset: Any) -> bool:
    try:
        return isinstance(dataset[0], Sample)
    except Exception:  # noqa: BLE001 - said where it is read
        return False
