"""What values that are arrays have in common: from where their array lies, all that does not ask what it means."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from perturbations.errors import InputError, short
from perturbations.modality._spans import span

__all__ = ["NO_FACTS", "Layout", "no_facts"]

NO_FACTS: Mapping[str, Any] = {}


def no_facts(value: object) -> Mapping[str, Any]:
    """Return the facts of a value that is its array and nothing else."""
    return NO_FACTS


@dataclass(frozen=True)
class Layout:
    """Where the array of a value lies, and what goes with it.

    ``axes`` name the array's axes; one called ``frames`` is time, and the facts then have a ``rate`` in hertz.
    ``extent`` are the axes along which a stretch is lost. ``facts`` are plain data by name, and ``build(array, facts)``
    makes the value again. ``remedies`` say, for an axis or a fact, what to do where values that differ in it are to be
    stacked.
    """

    axes: tuple[str, ...]
    extent: tuple[int, ...]
    dtype: DTypeLike
    array: Callable[[Any], NDArray[Any]]
    build: Callable[[NDArray[Any], Mapping[str, Any]], Any]
    facts: Callable[[Any], Mapping[str, Any]] = no_facts
    remedies: Mapping[str, str] = field(default_factory=dict)

    def with_array(self, value: Any, array: NDArray[Any]) -> Any:
        """Return the value with another array."""
        return self.build(array, self.facts(value))

    def copy(self, value: Any) -> Any:
        """Return a value that shares no memory with this one."""
        return self.build(self.array(value).copy(), self.facts(value))

    def freeze(self, values: Sequence[Any]) -> list[Any]:
        """Return values – None stays – with arrays that cannot be written to; the memory is shared."""
        frozen: list[Any] = []
        for value in values:
            if type(value) is np.ndarray and value.flags.writeable:  # in one loop: millions are, one after the other
                view = value.view()
                view.setflags(write=False)
                frozen.append(view)
            else:
                frozen.append(None if value is None else self._frozen(value))
        return frozen

    def _frozen(self, value: Any) -> Any:
        array = self.array(value)
        if not array.flags.writeable:
            return value
        frozen = array.view()
        frozen.setflags(write=False)
        return frozen if array is value else self.with_array(value, frozen)

    def same(self, one: Any, other: Any) -> bool:
        """Return whether two values agree in every number and every fact."""
        return self.facts(one) == self.facts(other) and np.array_equal(self.array(one), self.array(other))

    def shape(self, value: Any) -> Hashable:
        """Return the array's shape and the facts."""
        return (*self.array(value).shape, *self.facts(value).values())

    def size(self, value: Any) -> int:
        """Return the bytes of the array."""
        return int(self.array(value).nbytes)

    def zeros(self, value: Any) -> Any:
        """Return a value of the same shape that holds nothing but zeros."""
        return self.with_array(value, np.zeros_like(self.array(value)))

    def pack(self, value: Any) -> tuple[bytes, Mapping[str, Any]]:
        """Return the array's bytes, and its shape with the facts."""
        array = np.ascontiguousarray(self.array(value))
        return array.tobytes(), {"shape": list(array.shape), **self.facts(value)}

    def unpack(self, content: Any, packed: Mapping[str, Any]) -> Any:
        """Return the value in these bytes; the array shares their memory."""
        array = np.frombuffer(content, self.dtype).reshape(packed["shape"])
        return self.build(array, packed)

    def rolled(self, value: Any, steps: int) -> Any:
        """Return the value with its array turned round by so many steps along the axes of its extent."""
        return self.with_array(value, np.roll(self.array(value), steps, axis=self.extent))

    def cut(self, value: Any, share: float, place: Sequence[float]) -> Any:
        """Return the value with zeros in a stretch – a rectangle – that is this share of its extent."""
        array = self.array(value).copy()
        part = [slice(None)] * array.ndim
        for axis, where in zip(self.extent, place):
            part[axis] = slice(*span(array.shape[axis], share ** (1 / len(self.extent)), where))
        array[tuple(part)] = 0
        return self.with_array(value, array)

    def repeat(self, value: Any, share: float, place: Sequence[float]) -> Any:
        """Return the value with a stretch along the extent's first axis in place of what came next."""
        array = self.array(value).copy()
        along = np.moveaxis(array, self.extent[0], 0)
        first, last = span(len(along), 2 * share, place[0])
        half = (last - first) // 2
        along[first + half : first + 2 * half] = along[first : first + half]
        return self.with_array(value, array)

    def late(self, value: Any, delay_ms: float) -> Any:
        """Return the value that begins late, with zeros (early, if negative); length and rate are kept."""
        array, rate = self.array(value), self.facts(value)["rate"]
        axis = self.axes.index("frames")
        frames = array.shape[axis]
        shift = min(max(round(delay_ms * rate / 1000), -frames), frames)
        shifted = np.zeros_like(array)
        after, before = np.moveaxis(shifted, axis, 0), np.moveaxis(array, axis, 0)
        if shift >= 0:
            after[shift:] = before[: frames - shift]
        else:
            after[:shift] = before[-shift:]
        return self.with_array(value, shifted)

    def stack(self, values: Sequence[Any], who: str, frames: int | None = None) -> NDArray[Any]:
        """Return one new array of all values, each cut or padded with zeros to ``frames`` where that is given."""
        if frames is not None:
            self._check_frames(frames, who)
        for name in self.facts(values[0]):
            found = list(dict.fromkeys(self.facts(value)[name] for value in values))
            if len(found) > 1:
                raise self._differ(name, found, who)
        arrays = [self.array(value) for value in values]
        if wrong := [a for a in arrays if a.ndim != len(self.axes) or a.dtype != self.dtype]:
            raise InputError(f"{who}: must be {np.dtype(self.dtype)} ({', '.join(self.axes)}), got {short(wrong[0])}.")
        for axis, name in enumerate(self.axes):
            lengths = sorted({array.shape[axis] for array in arrays})
            if len(lengths) > 1 and not (name == "frames" and frames is not None):
                raise self._differ(name, lengths, who)
        if frames is None:
            return np.stack(arrays)
        return self._fitted(arrays, frames)

    def _check_frames(self, frames: object, who: str) -> None:
        if "frames" not in self.axes:
            raise InputError(f"{who}: frames must not be given: {', '.join(self.axes)} are the axes here.")
        if isinstance(frames, bool) or not isinstance(frames, int | np.integer) or frames < 1:
            raise InputError(f"{who}: frames must be a whole number above 0, got {short(frames)}.")

    def _differ(self, name: str, found: Sequence[Any], who: str) -> InputError:
        listed = ", ".join(map(str, found[:3])) + (", …" if len(found) > 3 else "")
        return InputError(f"{who}: the values must agree in {name}, got {listed}. {self.remedies.get(name, '')}")

    def _fitted(self, arrays: Sequence[NDArray[Any]], frames: int) -> NDArray[Any]:
        axis = self.axes.index("frames") + 1
        shape = [len(arrays), *arrays[0].shape]
        shape[axis] = frames
        stacked = np.zeros(shape, self.dtype)
        rows = np.moveaxis(stacked, axis, 1)
        for row, array in zip(rows, arrays):
            along = np.moveaxis(array, axis - 1, 0)[:frames]
            row[: len(along)] = along
        return stacked
