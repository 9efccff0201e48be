"""How much a text model could lose at worst, bounded in its embedding: no text needs to exist that does this.

Steps along the gradient have no meaning between words. They have one in the space that words are embedded in, where an
attack can do more than any misspelling of equal length could. What survives there is a bound, not an attack: it is kept
out of the grid, whose cells hold inputs that somebody could send.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import ModelError, Value
from stress.models._batch import Batch

__all__ = ["embedding_bound"]


def embedding_bound(
    model: Any,
    streams: Mapping[str, Sequence[Value]],
    labels: Sequence[int],
    shares: Sequence[float] = (0.05, 0.1, 0.2, 0.4, 0.8),
    steps: int = 20,
) -> NDArray[np.bool_]:
    """Return which samples could be broken, ``(shares, n)``, if their text's embedding may be moved anywhere nearby.

    ``model`` is a torch model with ``module``, ``inputs(batch)`` and ``logits(inputs)`` whose module has one embedding
    (``Embedding`` or ``EmbeddingBag``). A sample's embedding is moved by at most a ``share`` of its own length
    (Euclidean; of a sequence, every token by the same vector), by ``steps`` normalised gradient steps from the clean
    one, after Madry et al. (2018). Raises ModelError where there is no such embedding.
    """
    import torch

    layer = _only_embedding(model)
    right = torch.as_tensor(np.asarray(labels, np.int64))
    inputs = model.inputs(Batch(streams))
    with torch.no_grad(), _shifted(layer, None) as seen:
        broken = model.logits(inputs).argmax(dim=1).cpu() != right
    clean = seen[0]
    if clean.shape[0] != len(right):
        raise ModelError(f"model: its embedding must have one row a sample, {len(right)}, got {tuple(clean.shape)}.")
    length = clean.flatten(1).norm(dim=1)
    found = [broken.numpy()]
    for share in shares:
        shift = torch.zeros((len(right), clean.shape[-1]), device=clean.device)
        beaten = broken.clone()
        for step in range(steps + 1):
            shift.requires_grad_()
            with torch.enable_grad(), _shifted(layer, shift):
                logits = model.logits(inputs)
            beaten |= logits.detach().argmax(dim=1).cpu() != right
            if step == steps:
                break
            loss = torch.nn.functional.cross_entropy(logits, right.to(logits.device), reduction="sum")
            slope = torch.nn.functional.normalize(torch.autograd.grad(loss, shift)[0], dim=1)
            reach = share * length[:, None]
            moved = shift.detach() + 2.5 / steps * reach * slope
            shift = moved * torch.clamp(reach / moved.norm(dim=1, keepdim=True).clamp_min(1e-12), max=1)
        found.append(beaten.numpy())
    return np.logical_or.accumulate(found)[1:]


def _only_embedding(model: Any) -> Any:
    import torch

    module: Any = getattr(model, "module", None)
    kinds = (torch.nn.Embedding, torch.nn.EmbeddingBag)
    layers = [part for part in module.modules() if isinstance(part, kinds)] if hasattr(module, "modules") else []
    if len(layers) != 1:
        raise ModelError(
            f"embedding bound: the model must be a torch module with one embedding of its text, got {len(layers)}. "
            "attack.character_edits needs none."
        )
    return layers[0]


@contextmanager
def _shifted(layer: Any, shift: Any) -> Iterator[list[Any]]:
    """Add a vector to each sample's embedding while the block runs, and list what the embedding was."""
    seen: list[Any] = []

    def hook(_: Any, __: Any, output: Any) -> Any:
        seen.append(output.detach())
        if shift is None:
            return None
        return output + (shift if output.ndim == 2 else shift[:, None, :])

    handle = layer.register_forward_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()
