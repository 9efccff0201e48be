"""Estimators of scikit-learn, and what calls itself one: a row of features a sample, or a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from perturbations import InputError
from perturbations.errors import named_keywords, short
from stress._needed import needed
from stress.models._callable import digest_of, made_of
from stress.models.adapters._adapted import Adapted, Arrays, Streams
from stress.models.adapters._missing import Missing
from stress.models.adapters._wired import checked

__all__ = ["sklearn"]


@named_keywords
def sklearn(
    estimator: Any, streams: Streams, *, missing: Any = "refuse", classes: Sequence[Any] | None = None
) -> Adapted:
    """Return ``predict`` of a fitted estimator: its probabilities where it gives any, else what it predicts.

    ``streams`` says how each stream becomes features (``{"image": Pixels(size=8, channels="grey", layout="flat",
    range=(0, 16))}``); several are put side by side in this order. A pipeline that begins with a vectoriser takes one
    stream of ``Texts()``. ``classes`` are read from ``classes_``. Raises InputError where it is not fitted, or has
    another number of features than the streams make.
    """
    who = "stress.models.sklearn"
    if not callable(getattr(estimator, "predict", None)) or isinstance(estimator, type):
        raise InputError(f"{who}: estimator must be a fitted estimator, got {short(estimator)}.")
    declared = dict(checked(streams, who))
    texts = [
        name for name, each in declared.items() if each.modality == "text" and getattr(each, "encode", None) is None
    ]
    if texts and len(declared) > 1:
        raise InputError(f"{who}: stream {texts[0]}: texts stand alone, or are encoded: Texts(encode=…).")
    found = getattr(estimator, "classes_", None)
    _fitted(estimator, who)
    _features(estimator, declared, who)
    gone = Missing(missing, declared, who)
    scored = callable(getattr(estimator, "predict_proba", None))

    def call(arrays: Arrays) -> Any:
        if texts:
            rows: Any = list(next(iter(arrays.values())))
        else:
            rows = np.concatenate([array.reshape(len(array), -1) for array in arrays.values()], axis=1)
        return np.asarray(estimator.predict_proba(rows) if scored else estimator.predict(rows))

    read = classes if classes is not None else (None if found is None else list(found))
    if read is not None and found is not None and len(read) != len(found):
        raise InputError(f"{who}: classes must be the {len(found)} of the estimator, got {len(read)}.")
    return Adapted("sklearn", declared, gone, call, identity=_identity(estimator), classes=read)


def _fitted(estimator: Any, who: str) -> None:
    validation = needed("sklearn.utils.validation", "sklearn", who)
    try:
        validation.check_is_fitted(estimator)
    except Exception as error:  # NotFittedError, and TypeError for what is no estimator
        raise InputError(
            f"{who}: estimator must be fitted, got {short(estimator)}: {short(str(error), 120)}."
        ) from error


def _features(estimator: Any, declared: Streams, who: str) -> None:
    """Raise InputError where the streams make another number of features than the estimator was fitted on."""
    wanted = getattr(estimator, "n_features_in_", None)
    shapes = [each.shape for each in declared.values()]
    if not isinstance(wanted, int) or any(shape is None or None in shape for shape in shapes):
        return
    made = sum(int(np.prod([n for n in shape or () if n is not None])) for shape in shapes)
    if made != wanted:
        raise InputError(f"{who}: the estimator takes {wanted} features, got {made} from {', '.join(declared)}.")


def _identity(estimator: Any) -> str:
    """Return a digest of what was fitted: parameters and arrays, of all steps."""
    return digest_of(_parts(estimator, 0))


def _parts(estimator: Any, depth: int) -> dict[str, str]:
    found: dict[str, str] = {"class": type(estimator).__qualname__}
    if depth > 6:
        return found
    for key, value in sorted(getattr(estimator, "__dict__", {}).items()):
        inner = [value] if hasattr(value, "get_params") else []
        if isinstance(value, list | tuple):
            inner = [each[1] if isinstance(each, tuple) and len(each) == 2 else each for each in value]
            inner = [each for each in inner if hasattr(each, "get_params")]
        if inner:
            for place, each in enumerate(inner):
                found |= {f"{key}.{place}.{name}": text for name, text in _parts(each, depth + 1).items()}
        else:
            found |= {f"{key}.{name}": text for name, text in made_of([value]).parts.items()}
    return found
