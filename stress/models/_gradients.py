"""A model as attacks see it: its answers as scores and, where it can be differentiated, their gradients.

Three kinds of models give gradients:

* any with ``loss_gradient(batch, streams, loss)``, which returns the scores ``(n, classes)`` and, for each of the named
  streams, one gradient a sample in the shape of its value; ``loss(scores)`` returns the losses and their derivative by
  the scores, so that a pullback (``jax.vjp``, say) is all it takes;
* a torch model with a ``module``, ``inputs(batch)`` (a mapping or an object with a float tensor for each stream, sample
  by sample like the values up to the order of axes) and ``logits(inputs)``;
* nothing else: those are attacked by their answers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np

from perturbations import Audio, ModelError
from perturbations.attack import Floats, Loss, Streams
from perturbations.errors import short
from perturbations.modality import modality_of
from stress.models._batch import Batch
from stress.tasks import Classification

__all__ = ["ModelOracle", "differentiable"]

_ROWS = 8
"""Batches are filled up to a multiple of this with repeats: small matrices are multiplied by other routines, whose last
bits differ, and an attack would make another sample of them."""


def differentiable(model: Any) -> bool:
    """Return whether a model gives gradients in a way that is known here; a model may say so itself: ``gradients``."""
    if isinstance(declared := getattr(model, "gradients", None), bool):
        return declared
    if callable(getattr(model, "loss_gradient", None)):
        return True
    return all(getattr(model, name, None) is not None for name in ("module", "inputs", "logits"))


def _at_once(question: Callable[[], Any]) -> Any:
    return question()


@dataclass(frozen=True)
class ModelOracle:
    """A model under attack. ``answers`` is the form of what it returns, ``classes`` the number of classes.

    A call has ``batch_size`` samples at most, rounded up to a multiple of eight. ``within`` calls what asks for
    gradients, and may hold it to a time-out; ``predict`` does that itself.
    """

    predict: Callable[[Batch], Any]
    names: tuple[str, ...]
    answers: Literal["probabilities", "logits", "labels", "positions"]
    batch_size: int = 32
    within: Callable[[Callable[[], Any]], Any] = _at_once

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.names)

    @property
    def differentiable(self) -> bool:
        """Whether the model gives gradients."""
        return differentiable(self.predict)

    @cached_property
    def _task(self) -> Classification:
        return Classification(self.names, self.answers)

    def scores(self, streams: Streams) -> Floats:
        """Return logits, logarithms of probabilities, or 1 for the answered label; NaN where the model failed."""
        return np.concatenate([self._asked(part)[:count] for part, _, count in self._parts(streams)])

    def gradients(self, streams: Streams, wanted: Sequence[str], loss: Loss) -> tuple[Floats, Mapping[str, list[Any]]]:
        """Return logits and gradients; a sample's gradient is scaled so that no small slope is lost in float32."""
        count = len(next(iter(streams.values())))
        scores = np.zeros((count, self.classes))
        found: dict[str, list[Any]] = {name: [] for name in wanted}
        for part, start, size in self._parts(streams):
            of = _Part(loss, scores, start, size)
            question = partial(_differentiated, self.predict, Batch(part).copied(), wanted, of)
            answered, slopes = self.within(question)
            if answered.shape != (want := (len(next(iter(part.values()))), self.classes)):
                raise ModelError(f"model: scores with gradients must have the shape {want}, got {answered.shape}.")
            scores[start : start + size] = answered[:size]
            for name in wanted:
                found[name] += [_like(v, g, name) for v, g in zip(part[name][:size], slopes[name])]
        return scores, found

    def _parts(self, streams: Streams) -> Iterator[tuple[dict[str, Sequence[Any]], int, int]]:
        """Yield batches, filled up, with the place of the first sample and the number of real ones."""
        total = len(next(iter(streams.values())))
        width = -(-self.batch_size // _ROWS) * _ROWS
        for start in range(0, total, width):
            size = min(width, total - start)
            more = -size % _ROWS
            yield (
                {n: [*v[start : start + size], *[v[start + size - 1]] * more] for n, v in streams.items()},
                start,
                size,
            )

    def _asked(self, part: Mapping[str, Sequence[Any]]) -> Floats:
        count = len(next(iter(part.values())))
        try:
            answers = self.predict(Batch(part))
            read = partial(self._numbers, answers, count)  # what is no array may run code of the model's
            return read() if type(answers) is np.ndarray else self.within(read)
        except KeyboardInterrupt:
            raise
        except BaseException:
            if count == 1:
                return np.full((1, self.classes), np.nan)
        return np.concatenate([self._asked({n: [v[i]] for n, v in part.items()}) for i in range(count)])

    def _numbers(self, answers: Any, count: int) -> Floats:
        """Return answers as scores, read as the run reads them. Raises ValueError where they have the wrong form."""
        try:
            return self._task.log_scores(answers, count)
        except ModelError as error:
            raise ValueError(str(error)) from error


@dataclass(frozen=True)
class _Part:
    """A loss over all samples as the loss of one batch of them: repeats weigh nothing, and slopes are scaled."""

    loss: Loss
    scores: Floats
    start: int
    size: int

    def __call__(self, answered: Any) -> tuple[Floats, Floats]:
        answered = np.asarray(answered, np.float64)
        whole = self.scores.copy()
        own = slice(self.start, self.start + self.size)
        whole[own] = answered[: self.size]
        with np.errstate(all="ignore"):
            losses, slopes = self.loss(whole)
        values, slope = np.zeros(len(answered)), np.zeros_like(answered)
        values[: self.size], slope[: self.size] = losses[own], np.nan_to_num(slopes[own])
        most = np.abs(slope).max(axis=1, keepdims=True)
        return values, slope / np.where(most > 0, most, 1)


def _differentiated(model: Any, batch: Batch, wanted: Sequence[str], loss: Loss) -> tuple[Floats, Mapping[str, Any]]:
    if callable(getattr(model, "loss_gradient", None)):
        return _proper(model.loss_gradient(batch, tuple(wanted), loss), batch.size, wanted)
    import torch

    inputs = model.inputs(batch)
    leaves = [_leaf(inputs, name) for name in wanted]
    with torch.enable_grad():
        logits = model.logits(inputs)
    scores = logits.detach().double().cpu().numpy()
    slope = torch.as_tensor(loss(scores)[1]).to(logits)
    # By the inputs alone: the weights' own gradients are neither computed nor kept, and threads may share the module.
    found = torch.autograd.grad(logits, leaves, slope, allow_unused=True)
    none = [np.zeros(tuple(leaf.shape), np.float32) for leaf in leaves]
    slopes = {n: z if g is None else g.float().cpu().numpy() for n, g, z in zip(wanted, found, none)}
    return scores, slopes


def _proper(found: Any, count: int, wanted: Sequence[str]) -> tuple[Floats, Mapping[str, Any]]:
    """Return what loss_gradient gave. Raises ModelError where it has the wrong form."""
    who = "model: loss_gradient must return (scores, gradients)"
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise ModelError(f"{who}, got {short(found)}.")
    try:
        scores = np.asarray(_plain(found[0]), np.float64)
    except (TypeError, ValueError):
        raise ModelError(f"{who}, with scores of numbers, got {short(found[0])}.") from None
    slopes = found[1]
    if not isinstance(slopes, Mapping):
        raise ModelError(f"{who}, with gradients as a mapping of streams, got {short(slopes)}.")
    for name in wanted:
        if name not in slopes:
            raise ModelError(
                f"{who}, with a gradient for stream {name!r}, got {', '.join(map(str, slopes)) or 'none'}."
            )
        if not hasattr(slopes[name], "__len__") or len(slopes[name]) != count:
            raise ModelError(
                f"{who}, with a gradient of {name!r} for each of {count} samples, got {short(slopes[name])}."
            )
    return scores, {name: [_plain(one) for one in slopes[name]] for name in wanted}


def _plain(value: Any) -> Any:
    """Return a tensor as an array."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def _leaf(inputs: Any, name: str) -> Any:
    tensor = inputs.get(name) if isinstance(inputs, Mapping) else getattr(inputs, name, None)
    if tensor is None or not tensor.is_floating_point():
        raise ModelError(
            f"model: inputs must have a float tensor for stream {name!r}, got {short(tensor)}. "
            "A black-box attack (attack.square) needs none."
        )
    return tensor.requires_grad_()


def _like(value: Any, gradient: Any, name: str) -> Any:
    """Return a sample's gradient in the shape of its value."""
    if value is None:
        return None
    try:
        found = np.asarray(gradient, np.float32)
    except (TypeError, ValueError):
        raise ModelError(f"model: the gradient of stream {name!r} must be of numbers, got {short(gradient)}.") from None
    if isinstance(value, Audio):
        return _like_recording(value, found, name)
    array_of = modality_of(value).array
    shape = () if array_of is None else array_of(value).shape
    if len(shape) == 3 and found.shape == (shape[2], *shape[:2]):
        return found.transpose(1, 2, 0)
    if found.shape == shape:
        return found
    raise _unlike(name, shape, found.shape)


def _like_recording(value: Audio, found: Any, name: str) -> Any:
    """What the model cut off has no gradient, and what it added is no part of the recording."""
    rows = found.reshape(1, -1) if found.ndim == 1 else found
    if rows.ndim != 2 or rows.shape[0] not in (1, value.channels):
        raise _unlike(name, value.samples.shape, found.shape)
    fitted = np.zeros(value.samples.shape, np.float32)
    length = min(rows.shape[1], value.frames)
    fitted[:, :length] = rows[:, :length]
    return fitted


def _unlike(name: str, shape: tuple[int, ...], got: tuple[int, ...]) -> ModelError:
    return ModelError(
        f"model: the gradient of stream {name!r} must have the shape of its value, {shape}, got {got}. "
        "A model that resizes its input gives it by loss_gradient; a black-box attack (attack.square) needs none."
    )
