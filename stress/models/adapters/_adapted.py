"""A foreign model as an ordinary ``predict``: streams in, arrays through, one row of answers a sample out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import ModelError, Value
from perturbations.errors import nearest, short
from perturbations.files import open_regular
from stress.models._batch import Batch
from stress.models.adapters._missing import Missing
from stress.models.adapters._prepare import Prepared, settings_of

__all__ = ["Adapted", "Arrays", "Streams", "digest_of_file", "digest_of_state", "named_output"]

Arrays = Mapping[str, NDArray[Any]]
"""What a network is called with: its inputs by name, the first axis the samples."""
Streams = Mapping[str, Prepared]


class Adapted:
    """A model that takes arrays, called with a batch of streams.

    Every sample is prepared by itself; those whose arrays have the same shapes go to the model together, at most
    ``most`` at once, so that an answer never depends on who else is in the batch. ``states`` says in words what was
    declared; preflight prints it. ``network`` is the torch module behind it, where there is one, and ``calls`` makes
    of such a module what is called.
    """

    reads_only = True

    def __init__(
        self,
        kind: str,
        streams: Streams,
        missing: Missing,
        call: Callable[[Arrays], Any],
        *,
        identity: str,
        classes: Sequence[Any] | None = None,
        answers: str | None = None,
        most: int | None = None,
        network: Any = None,
        calls: Callable[[Any], Callable[[Arrays], Any]] | None = None,
    ) -> None:
        self.__name__ = kind
        self.streams, self._missing, self._call, self._answers, self._most = streams, missing, call, answers, most
        self.network, self._calls = network, calls
        if classes is not None:
            self.classes = list(classes)
        declared = {name: settings_of(prepared) for name, prepared in streams.items()}
        described = f"{declared}{missing.says()}{answers}".encode("utf-8", "surrogatepass")
        self.identity = f"{kind} {identity} {blake2b(described, digest_size=8).hexdigest()}"

    @property
    def states(self) -> list[tuple[str, str]]:
        """What is done to each stream before the model sees it, and what stands for one that is lost."""
        return [(name, f"{each.says()}; {self._missing.said(name)}") for name, each in self.streams.items()]

    @property
    def adapted(self) -> Adapted:
        """Itself, also through what wraps it."""
        return self

    def with_streams(self, streams: Streams) -> Adapted:
        """Return the same model with other preparations, to try what they would change."""
        made = object.__new__(Adapted)
        made.__dict__.update(self.__dict__, streams=streams)
        return made

    def remade(self, change: Callable[[Any], Any]) -> Adapted:
        """Return the same model with a changed network."""
        made = object.__new__(Adapted)
        network = change(self.network)
        made.__dict__.update(self.__dict__, network=network, _call=self._calls and self._calls(network))
        return made

    def __call__(self, batch: Batch) -> Any:
        """Return one row of answers a sample. Raises where the model raises, or a stream is lost that it needs."""
        for name in self.streams:
            if name not in batch:
                raise ModelError(f"model: takes the stream {name!r}, got {', '.join(batch)}. {nearest(name, batch)}")
        if unused := [name for name in batch if name not in self.streams]:
            raise ModelError(
                f"model: is given nothing of the stream {unused[0]!r}, so that it would not be looked at. Declare it, "
                "or leave it out of the data."
            )
        rows = [self._row({name: batch[name][i] for name in self.streams}) for i in range(batch.size)]
        found: list[Any] = [None] * len(rows)
        for together in self._groups(rows):
            arrays = {name: np.stack([rows[i][name] for i in together]) for name in rows[together[0]]}
            answers = self._call(arrays)
            if len(answers) != len(together):
                raise ModelError(
                    f"model: must answer one row a sample, got {short(answers)} for {len(together)}. A model of one "
                    "sample a call is declared so: batch=1."
                )
            for place, answer in zip(together, answers):
                found[place] = answer
        whole = np.stack(found) if found and all(isinstance(one, np.ndarray | np.generic) for one in found) else found
        return whole if self._answers is None else {self._answers: whole}

    def _row(self, values: Mapping[str, Value]) -> dict[str, NDArray[Any]]:
        """Return the inputs of one sample by the model's names; one that is left out has none."""
        row: dict[str, NDArray[Any]] = {}
        for name, value in values.items():
            prepared: Any = self.streams[name]
            there = value is not None
            value = value if there else self._missing.instead(name)
            if prepared.mask:
                row[prepared.mask] = np.asarray(there, np.float32)
            if value is not None:
                made = prepared.of(value, f"model: stream {name}")
                row.update(made if isinstance(made, Mapping) else {prepared.to or name: made})
        return row

    def _groups(self, rows: Sequence[Arrays]) -> Iterator[list[int]]:
        """Yield the places of rows that fit into one call."""
        alike: dict[tuple[Any, ...], list[int]] = {}
        for place, row in enumerate(rows):
            alike.setdefault(tuple((name, value.shape) for name, value in row.items()), []).append(place)
        for places in alike.values():
            most = self._most or len(places)
            yield from (places[i : i + most] for i in range(0, len(places), most))


def named_output(found: Any, output: str | int | None, who: str) -> Any:
    """Return the answers among what a network returns: the only ones, its ``logits``, or those named ``output``."""
    if output is not None:
        try:
            return found[output]
        except (KeyError, IndexError, TypeError):
            names = ", ".join(map(str, found)) if isinstance(found, Mapping) else f"{type(found).__name__}"
            raise ModelError(
                f"{who}: output must be one of what the model returns ({names}), got {output!r}."
            ) from None
    if isinstance(found, Mapping) or hasattr(found, "logits"):
        inner = found.get("logits") if isinstance(found, Mapping) else found.logits
        if inner is None and isinstance(found, Mapping) and len(found) == 1:
            inner = next(iter(found.values()))
        if inner is None:
            raise ModelError(f"{who}: returns {', '.join(map(str, found))}; say which are the answers: output='…'.")
        return inner
    if isinstance(found, tuple | list) and len(found) != 1:
        raise ModelError(f"{who}: returns {len(found)} things; say which are the answers: output=0 is the first.")
    return found[0] if isinstance(found, tuple | list) else found


def digest_of_file(path: Path, who: str) -> str:
    """Return a digest of a file's bytes. Raises ModelError where it cannot be read."""
    digest = blake2b(digest_size=16)
    with open_regular(path, who, ModelError) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def digest_of_state(state: Mapping[str, Any]) -> str:
    """Return a digest of weights by name, the same wherever they lie and in whichever order they are listed."""
    digest = blake2b(digest_size=16)
    for name in sorted(state):
        tensor = state[name]
        if not hasattr(tensor, "detach"):
            digest.update(f"{name}={tensor!r}".encode())
            continue
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name}:{plain.dtype}:{tuple(plain.shape)}".encode())
        digest.update(plain.reshape(-1).view(dtype=_bytes()).numpy().tobytes() if plain.numel() else b"")
    return digest.hexdigest()


def _bytes() -> Any:
    import torch

    return torch.uint8
