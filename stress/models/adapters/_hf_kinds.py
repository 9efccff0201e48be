"""The other kinds of checkpoints of transformers: recognisers of speech, matchers of texts, and what writes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from perturbations import InputError, ModelError, Value
from perturbations.errors import short
from stress.models._batch import Batch
from stress.models._reading import parser, rule_identity
from stress.models.adapters._adapted import Arrays

__all__ = ["MATCHING", "SPOKEN", "Chat", "matches", "transcribes"]

SPOKEN = ("ctc", "speech")
"""Kinds that answer a text to a recording."""
MATCHING = {"match_image": ("image", "logits_per_image"), "match_audio": ("audio", "logits_per_audio")}
"""Kinds that say how well each class, in words, fits: the stream's modality, and the answer among what they return."""


def _tensors(arrays: Mapping[str, Any], device: str) -> dict[str, Any]:
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in arrays.items()}


def transcribes(
    kind: str, processor: Any, device: str, generate: Mapping[str, Any], network: Any
) -> Callable[..., Any]:
    """Return what answers a text a recording: the likeliest sign at each step (CTC), or what is generated."""
    import torch

    tokenizer = processor.tokenizer

    def call(arrays: Arrays) -> list[str]:
        with torch.inference_mode():
            if kind == "ctc":
                found = network(**_tensors(arrays, device)).logits.argmax(dim=-1)
                return [tokenizer.decode(row) for row in found]
            found = network.generate(**_tensors(arrays, device), **generate)
        return [text.strip() for text in tokenizer.batch_decode(found, skip_special_tokens=True)]

    return call


def matches(
    kind: str, processor: Any, device: str, classes: Sequence[Any] | None, template: str, who: str, network: Any
) -> Callable[..., Any]:
    """Return what answers how well each class fits a value: ``template`` says it in words, ``a photo of a {}``."""
    import torch

    if not classes:
        raise InputError(f"{who}: a checkpoint that matches texts needs classes=[…], which it is given in words.")
    if not isinstance(template, str) or template.count("{}") != 1:
        raise InputError(
            f"{who}: template must be a text with one {{}}, where the class stands, got {short(template)}."
        )
    words = processor.tokenizer([template.format(each) for each in classes], padding=True, return_tensors="pt")
    fixed = {name: tensor.to(device) for name, tensor in words.items() if name in ("input_ids", "attention_mask")}

    def call(arrays: Arrays) -> Any:
        with torch.inference_mode():
            found = getattr(network(**_tensors(arrays, device), **fixed), MATCHING[kind][1])
        return found.float().cpu().numpy()

    return call


class Chat:
    """A checkpoint that writes about pictures: one sample a call, what it writes read by a declared rule.

    ``states`` says in words what it is given.
    """

    reads_only = True
    statuses = ("unparsed",)

    def __init__(
        self,
        network: Any,
        processor: Any,
        *,
        prompt: Any,
        parse: str,
        classes: Sequence[Any] | None,
        missing: Any,
        generate: Mapping[str, Any],
        device: str,
        identity: str,
        who: str,
    ) -> None:
        if not isinstance(prompt, str) or not prompt.strip():
            raise InputError(f"{who}: prompt must be a text that says what to answer, got {short(prompt)}.")
        if missing not in ("leave_out", "refuse"):
            raise InputError(f"{who}: missing must be leave_out or refuse where it writes, got {short(missing)}.")
        self._read = parser(parse, [str(each) for each in classes or ()], who)
        self.__name__ = "hf"
        self.network, self._processor, self._device, self._who = network, processor, device, who
        self._prompt, self._missing, self._generate = prompt, missing, dict(generate)
        if classes is not None:
            self.classes = list(classes)
        told = f"{prompt!r} {sorted(self._generate.items())} {missing}"
        self.identity = f"hf {identity} {told}{rule_identity(parse)}"

    @property
    def states(self) -> list[tuple[str, str]]:
        """What preflight says of it."""
        return [("of any kind", f"by {type(self._processor).__name__}, after the prompt; lost: {self._missing}")]

    def remade(self, change: Callable[[Any], Any]) -> Chat:
        """Return the same model with a changed network."""
        made = copy.copy(self)
        made.network = change(self.network)
        return made

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one row a sample. Raises InputError for a stream that the checkpoint does not take."""
        return [self._row({name: batch[name][i] for name in batch}) for i in range(batch.size)]

    def _row(self, values: Mapping[str, Value]) -> Any:
        import torch

        lost = [name for name, value in values.items() if value is None]
        if lost and self._missing == "refuse":
            raise ModelError(f"{self._who}: the stream {lost[0]!r} is lost: missing='leave_out' asks without it.")
        images, texts = [], [self._prompt]
        for name, value in values.items():
            if isinstance(value, str):
                texts.append(f"{name}: {value}")
            elif isinstance(value, np.ndarray):
                images.append(np.repeat(value, 3, axis=2) if value.shape[2] == 1 else value)
            elif value is not None:
                raise InputError(f"{self._who}: stream {name}: takes pictures and texts, got {short(value)}.")
        given = self._processor(text=self._worded(texts, len(images)), images=images or None, return_tensors="pt")
        with torch.inference_mode():
            found = self.network.generate(**given.to(self._device), **self._generate)
        new = found[0, given["input_ids"].shape[1] :]
        return self._read(self._processor.tokenizer.decode(new, skip_special_tokens=True).strip())

    def _worded(self, texts: Sequence[str], images: int) -> str:
        """Return the question in the checkpoint's own form: its chat template, or the picture's sign and the words."""
        if getattr(self._processor, "chat_template", None):
            content = [{"type": "image"}] * images + [{"type": "text", "text": "\n".join(texts)}]
            asked = [{"role": "user", "content": content}]
            return str(self._processor.apply_chat_template(asked, add_generation_prompt=True))
        sign = getattr(self._processor, "image_token", "")
        return "\n".join([*[str(sign)] * images, *texts])
