"""Sequence-to-sequence models from a local folder: Marian, NLLB, M2M-100, T5 and what else transformers loads so.

Nothing is ever downloaded, no code of a model's own is run, and weights are read from safetensors only.
"""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from perturbations.errors import InputError
from perturbations.text._extra import need
from perturbations.text.segments import sentences

__all__ = ["folder_problem", "rewrite"]

_BATCH = 16
_LONGEST = 512
"""Tokens of an answer at most; a sentence that is longer is cut there by the model, as in use."""
_lock = threading.Lock()


def folder_problem(value: str) -> str | None:
    """Return what is wrong with a model folder, or nothing."""
    folder = Path(value)
    if not os.path.isfile(folder / "config.json"):
        return f"must be a folder with a transformers model (config.json), got {value!r}."
    if not any(folder.glob("*.safetensors")):
        return f"must be a folder with weights in safetensors, got {value!r}. Save it with save_pretrained()."
    return None


@lru_cache(4)
def _load(folder: str, source: str, modified: int) -> tuple[Any, Any, Any]:
    del modified  # part of the cache's key: a model that was replaced is loaded again
    who = "text: a translation model"
    transformers = need("transformers", who, "huggingface")
    torch = need("torch", who, "torch")
    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        language = {"src_lang": source} if source else {}
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **options, **language)
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, **options, use_safetensors=True)
    except Exception as error:  # transformers raises what it likes for a folder that does not fit
        raise InputError(
            f"{folder}: must be a sequence-to-sequence model with its tokenizer, got {error!r}."
        ) from error
    return tokenizer, model.eval(), torch


def rewrite(text: str, folder: str, *, source: str = "", to: str = "", prefix: str = "") -> str:
    """Return what a model makes of a text, sentence by sentence; white space between sentences stays.

    Beam search as the folder's own generation settings have it, never sampling: the same text gives the same answer.
    ``source`` and ``to`` are language codes as the model's tokenizer writes them (``deu_Latn``), ``prefix`` is the
    instruction that a T5 expects. One model runs at a time.
    """
    if problem := folder_problem(folder):
        raise InputError(f"model {problem}")
    parts = sentences(text)
    bodies = [part.strip() for part in parts]
    wanted = [index for index, body in enumerate(bodies) if body]
    with _lock:
        loaded = _load(folder, source, (Path(folder) / "config.json").stat().st_mtime_ns)
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            answers = _answer(loaded, [prefix + bodies[index] for index in batch], to)
            for index, answer in zip(batch, answers):
                parts[index] = parts[index].replace(bodies[index], answer.strip(), 1)
    return "".join(parts)


def _answer(loaded: tuple[Any, Any, Any], texts: list[str], to: str) -> list[str]:
    tokenizer, model, torch = loaded
    first = {}
    if to:
        token = tokenizer.convert_tokens_to_ids(to)
        if token is None or token == tokenizer.unk_token_id:
            raise InputError(f"to: must be a language code of the model's tokenizer, got {to!r}.")
        first = {"forced_bos_token_id": token}
    with torch.inference_mode():
        inputs = tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=_LONGEST)
        inputs = {name: inputs[name].to(model.device) for name in ("input_ids", "attention_mask")}
        tokens = model.generate(**inputs, do_sample=False, max_new_tokens=_LONGEST, **first)
    answers: list[str] = tokenizer.batch_decode(tokens, skip_special_tokens=True)
    return answers
