"""Checkpoints of transformers as a ``predict``, with their own processor: classifiers, and the kinds beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import Audio, InputError
from perturbations.errors import named_keywords, short
from stress._needed import needed
from stress.models.adapters._adapted import Adapted, Arrays, digest_of_state, named_output
from stress.models.adapters._hf_folder import checkpoint
from stress.models.adapters._hf_kinds import MATCHING, SPOKEN, Chat, matches, transcribes
from stress.models.adapters._missing import Missing
from stress.models.adapters._prepare import Waveform

__all__ = ["hf"]

_PIPELINES = {
    "image-classification": ("image", "image_processor"),
    "audio-classification": ("audio", "feature_extractor"),
    "text-classification": ("text", "tokenizer"),
    "sentiment-analysis": ("text", "tokenizer"),
}


@named_keywords
def hf(
    model: Any,
    *,
    stream: str | None = None,
    missing: Any = "refuse",
    classes: Sequence[Any] | None = None,
    resample: bool = False,
    template: str = "a photo of a {}",
    prompt: str | None = None,
    parse: str = "labels",
    generate: Mapping[str, Any] | None = None,
    device: str = "cpu",
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> Any:
    """Return ``predict`` of a transformers checkpoint: a local folder, or a ``pipeline`` of a classifier.

    A name of the hub (``owner/name``) is taken from the local cache, at the commit, tag or branch that ``revision``
    must say; nothing is downloaded. Who the model is are its weights, the files beside them, and that commit. Code that
    a checkpoint brings is not run unless ``trust_remote_code`` says so: it may do anything.

    Classifiers of pictures, sounds and texts answer by their classes (``id2label``); recognisers of speech (CTC,
    Whisper) a text; CLIP and CLAP how well each of ``classes`` fits, in the words of ``template``; those that write
    about pictures (image-text-to-text) what ``parse`` reads in their answer to ``prompt``, as for
    ``stress.models.openai``. ``generate`` are settings of ``generate()`` (``{"max_new_tokens": 20}``); nothing is
    sampled where it says nothing else. Sizes, means, rates and tokens are those of the checkpoint's own processor. It
    takes one stream, called as its modality unless ``stream`` names it (one that writes takes all); ``missing`` says
    what stands for a lost one; ``resample`` brings recordings to the processor's rate, which are refused otherwise.
    Raises ModelError for a folder that is no such checkpoint, lacks weights of its network, or has no safetensors.
    """
    who = "stress.models.hf"
    lib = needed("transformers", "huggingface", who)
    if isinstance(model, str | os.PathLike):
        kind, network, processor, identity = checkpoint(lib, model, revision, trust_remote_code, who)
    elif revision is not None or trust_remote_code:
        raise InputError(f"{who}: revision and trust_remote_code are of a folder or a name, got {short(model)}.")
    else:
        kind, network, processor, identity = _of_pipeline(model, who)
    network.eval()
    network.to(device)
    settings = {"do_sample": False, **(generate or {})}
    if kind == "chat":
        chat: dict[str, Any] = {"prompt": prompt, "parse": parse, "classes": classes, "generate": settings}
        return Chat(network, processor, **chat, missing=missing, device=device, identity=identity, who=who)
    of = "audio" if kind in SPOKEN else MATCHING[kind][0] if kind in MATCHING else kind
    part = {"image": "image_processor", "audio": "feature_extractor"}.get(of, "tokenizer")
    prepared = _Processed(of, getattr(processor, part, processor), network.config, resample)
    declared: Any = {stream or of: prepared}
    named = None if kind in SPOKEN else list(classes) if classes is not None else _classes(network.config)
    if kind in SPOKEN:
        calls, more = partial(transcribes, kind, processor, device, settings), f"{sorted(settings.items())}"
    elif kind in MATCHING:
        calls, more = partial(matches, kind, processor, device, named, template, who), f"{template} {named}"
    else:
        calls, more = partial(_calls, device), ""
    told: Any = {"identity": f"{identity} {prepared.says()}{more}", "answers": None if kind in SPOKEN else "logits"}
    gone = Missing(missing, declared, who)
    return Adapted("hf", declared, gone, calls(network), classes=named, network=network, calls=calls, **told)


def _of_pipeline(model: Any, who: str) -> tuple[str, Any, Any, str]:
    task = str(getattr(model, "task", ""))
    if task not in _PIPELINES or not hasattr(model, "model"):
        raise InputError(
            f"{who}: must be a folder or a pipeline of {', '.join(_PIPELINES)}, got {task or short(model)}."
        )
    kind, where = _PIPELINES[task]
    processor = getattr(model, where)
    described = processor.to_json_string() if hasattr(processor, "to_json_string") else repr(processor)
    return kind, model.model, processor, f"{digest_of_state(model.model.state_dict())} {_digest(described)}"


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _classes(config: Any) -> list[str] | None:
    """Return the names of the classes in order; nothing where they are only numbered."""
    names = getattr(config, "id2label", None) or {}
    found = [str(names[i]) for i in range(len(names))] if all(i in names for i in range(len(names))) else []
    return None if not found or all(name == f"LABEL_{i}" for i, name in enumerate(found)) else found


def _calls(device: str, network: Any) -> Any:
    import torch

    def call(arrays: Arrays) -> NDArray[Any]:
        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in arrays.items()}
        with torch.inference_mode():
            answers = named_output(network(**tensors), None, "stress.models.hf")
        found: NDArray[Any] = answers.float().cpu().numpy()
        return found

    return call


@dataclass(frozen=True)
class _Processed:
    """A stream as the checkpoint's own processor prepares it, one sample at a time: no padding, no neighbours."""

    modality: str
    processor: Any
    config: Any
    resample: bool
    to: str = ""
    mask: str = ""
    shape: None = None
    dtype: str = ""

    def of(self, value: Any, who: str) -> Mapping[str, NDArray[Any]]:
        """Return the model's inputs by name, without the axis of samples."""
        if self.modality == "image":
            colour = np.repeat(value, 3, axis=2) if value.shape[2] == 1 else value
            made = self.processor(images=[colour], input_data_format="channels_last", return_tensors="np")
        elif self.modality == "audio":
            heard = Waveform(self._rate, resample=self.resample).of(value, who)
            made = self.processor([heard], sampling_rate=self._rate, return_tensors="np")
        else:
            made = self.processor([value], truncation=True, return_tensors="np")
        return {name: np.asarray(array)[0] for name, array in made.items()}

    @property
    def _rate(self) -> int:
        return int(self.processor.sampling_rate)

    def blank(self, rule: str, who: str) -> Any:
        """Return what stands for a lost value: black or the mean colour, a second of silence, the empty text."""
        if self.modality == "text":
            if rule == "mean":
                raise InputError(f"{who}: missing 'mean' is for pictures and sounds; name a text: ('fixed', '…').")
            return ""
        if self.modality == "audio":
            return Audio(np.zeros((1, self._rate), np.float32), self._rate)
        size = getattr(self.config, "image_size", 224)
        both = (size, size) if isinstance(size, int) else tuple(size)
        mean = 255 * np.asarray(self.processor.image_mean) if rule == "mean" else np.zeros(3)
        return np.broadcast_to(np.rint(mean).astype(np.uint8), (*both, 3)).copy()

    def says(self) -> str:
        """Return what is done, in words."""
        who = type(self.processor).__name__
        if self.modality == "audio":
            return f"{who}, {self._rate} Hz{' (resampled)' if self.resample else ''}"
        if self.modality == "image":
            kept = {key: getattr(self.processor, key, None) for key in ("size", "crop_size", "image_mean", "image_std")}
            return f"{who}, {', '.join(f'{key} {value}' for key, value in kept.items() if value)}"
        return f"{who}, at most {min(self.processor.model_max_length, 10**9)} tokens"
