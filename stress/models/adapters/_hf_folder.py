"""A checkpoint of transformers where it lies: what kind it is, loaded, and what it is known by.

Nothing is downloaded, no code of a checkpoint is run unless that is allowed, and weights are read from safetensors
alone.
"""

from __future__ import annotations

import json
import os
import re
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any

from perturbations import InputError, ModelError
from perturbations.errors import short
from perturbations.files import read_text
from stress._needed import needed
from stress.models.adapters._adapted import digest_of_file, digest_of_state

__all__ = ["checkpoint"]

_KINDS = {
    "image": ("AutoModelForImageClassification", "AutoImageProcessor", "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES"),
    "audio": (
        "AutoModelForAudioClassification",
        "AutoFeatureExtractor",
        "MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES",
    ),
    "text": ("AutoModelForSequenceClassification", "AutoTokenizer", "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES"),
    "ctc": ("AutoModelForCTC", "AutoProcessor", "MODEL_FOR_CTC_MAPPING_NAMES"),
    "speech": ("AutoModelForSpeechSeq2Seq", "AutoProcessor", "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES"),
    "match_image": ("AutoModel", "AutoProcessor", "MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION_MAPPING_NAMES"),
    "match_audio": ("AutoModel", "AutoProcessor", ""),
    "chat": ("AutoModelForImageTextToText", "AutoProcessor", "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES"),
}
"""By modality: how a model is loaded, how its processor is, and where the library lists the architectures."""
_MATCH_AUDIO = {"ClapModel"}
_READ = (".json", ".txt", ".model", ".jinja", ".py")
"""Files beside the weights that say what a checkpoint is."""
_SETTINGS = ("generation_config.json", "preprocessor_config.json", "processor_config.json")
_PASSING = {"transformers_version", "_name_or_path", "name_or_path", "_commit_hash"}
"""What a library writes of itself, and of where a checkpoint was when it was saved: not what it is."""
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def checkpoint(lib: Any, model: Any, revision: str | None, trusted: bool, who: str) -> tuple[str, Any, Any, str]:
    """Return the kind of a checkpoint, its network, its processor, and what it is known by.

    Raises ModelError where it is not there, is of no kind that is known, or cannot be loaded whole.
    """
    folder, commit = _place(model, revision, who)
    about = _config(folder, who)
    coded = about.get("auto_map")
    if coded and not trusted:
        raise ModelError(
            f"{who}: {folder} brings code of its own (auto_map), which is not run. trust_remote_code=True runs it: "
            "read it first."
        )
    kind = _kind(about, who, folder)
    if not list(folder.glob("*.safetensors")):
        raise ModelError(f"{who}: {folder} must hold its weights as .safetensors: pickled ones are not read.")
    loader, processor, _ = _KINDS[kind]
    safe = {"local_files_only": True, "trust_remote_code": bool(coded)}
    try:
        network, told = getattr(lib, loader).from_pretrained(
            str(folder), use_safetensors=True, output_loading_info=True, **safe
        )
        made = getattr(lib, processor).from_pretrained(str(folder), **safe)
    except Exception as error:  # each kind of file raises errors of its own
        raise ModelError(
            f"{who}: {folder} cannot be loaded: {type(error).__name__}: {short(str(error), 200)}."
        ) from error
    _whole(told, folder, who)
    known = f"weights {digest_of_state(network.state_dict())} files {_beside(folder, network.config, who)}"
    return kind, network, made, commit + known


def _place(model: Any, revision: str | None, who: str) -> tuple[Path, str]:
    """Return the folder of a checkpoint, and the commit that it is of, where it is the hub's."""
    folder, name = Path(model), str(model)
    if os.path.isfile(folder / "config.json"):
        if revision is not None:
            raise InputError(f"{who}: revision is of a name of the hub; the folder {folder} is what it is.")
        return folder, ""
    if os.path.exists(folder) or not _HUB_NAME.fullmatch(name):
        raise ModelError(f"{who}: {folder} must be a local folder with config.json, got none. Nothing is downloaded.")
    if not isinstance(revision, str) or not revision:
        raise ModelError(
            f"{who}: {folder} must be a local folder with config.json, got none. A name of the hub needs its "
            "revision='…' (a commit: branches move), and is taken from the local cache. Nothing is downloaded."
        )
    hub = needed("huggingface_hub", "huggingface", who)
    try:
        found = Path(hub.snapshot_download(name, revision=revision, local_files_only=True))
    except Exception as error:  # of a cache that has none, or of a name that cannot be
        raise ModelError(
            f"{who}: {name} must be in the local cache at the revision {short(revision)}, got none. Nothing is "
            f"downloaded here: hf download {name} --revision {short(revision)}."
        ) from error
    return found, f"{name}@{found.name} "


def _config(folder: Path, who: str) -> dict[str, Any]:
    config = folder / "config.json"
    try:
        about = json.loads(read_text(config, who, ModelError))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{who}: {config}: must be JSON: {short(str(error), 120)}.") from error
    if not isinstance(about, dict):
        raise ModelError(f"{who}: {config}: must be a JSON object, got {short(about)}.")
    return about


def _kind(about: dict[str, Any], who: str, folder: Path) -> str:
    """Return what a checkpoint is: by its architecture, or by what its own code is registered for."""
    named = about.get("architectures")
    architecture = str(named[0]) if isinstance(named, list) and named else "none"
    coded = about.get("auto_map")
    registered = set(coded) if isinstance(coded, dict) else set()
    for kind, (loader, *_) in _KINDS.items():
        if architecture in _architectures(kind) or (loader != "AutoModel" and loader in registered):
            return kind
    raise ModelError(
        f"{who}: {folder} must hold a classifier of pictures, sounds or texts, a recogniser of speech, CLIP, CLAP "
        f"or an image-text-to-text model, got {architecture}. Wrap it in Python."
    )


def _architectures(kind: str) -> set[str]:
    """Return the names of the networks that the library knows as of a kind."""
    if kind == "match_audio":
        return _MATCH_AUDIO
    listed = import_module("transformers.models.auto.modeling_auto")
    names = getattr(listed, _KINDS[kind][2]).values()
    return {one for name in names for one in ((name,) if isinstance(name, str) else name)}


def _whole(told: dict[str, Any], folder: Path, who: str) -> None:
    """Raise ModelError where weights are missing: the library draws them at random, and its answers mean nothing."""
    for key, what in (("missing_keys", "has no weights"), ("mismatched_keys", "has weights of another shape")):
        if names := sorted(map(str, told.get(key) or ())):
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise ModelError(f"{who}: {folder} {what} for {short(names[0])}{more}: they would be drawn at random.")


def _beside(folder: Path, config: Any, who: str) -> str:
    """Return a digest of how the network is set up and of the files beside it: the same for a copy that is saved anew.

    The configuration is taken as it was read: what is saved anew spells out what was left to the library.
    """
    found = [_settings(config.to_json_string(use_diff=False))]
    for path in sorted(each for each in folder.iterdir() if each.suffix in _READ and os.path.isfile(each)):
        if path.name == "config.json" or path.name.endswith(".index.json"):  # the latter: which file holds which weight
            continue
        text = _settings(read_text(path, who, ModelError)) if path.name in _SETTINGS else digest_of_file(path, who)
        found.append(f"{path.name}:{text}")
    return blake2b(" ".join(found).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _settings(text: str) -> str:
    """Return what settings say, without what a library adds of itself."""

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in pairs if key not in _PASSING}

    try:
        return json.dumps(json.loads(text, object_pairs_hook=kept), sort_keys=True)
    except (ValueError, RecursionError):
        return text
