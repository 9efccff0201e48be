"""Every kind of checkpoint: it answers one as it answers eight, and is known by its weights wherever it was saved."""

import json
import shutil

import numpy as np
import pytest

import stress
from perturbations import Audio, InputError, ModelError
from stress.models import Batch, Unanswered, load_model

torch = pytest.importorskip("torch")
lib = pytest.importorskip("transformers")
from tests.test_transformers_adapter import audio_folder, image_folder, text_folder  # noqa: E402
from tests.test_transformers_kinds import clap, clip, ctc, llava, whisper  # noqa: E402

RNG = np.random.default_rng(8)
PICTURES = [RNG.integers(0, 256, (32 + 3 * (i % 3), 40, 3), dtype=np.uint8) for i in range(8)]
SOUNDS = [Audio(RNG.normal(0, 0.1, (1, 4000 + 800 * (i % 3))).astype(np.float32), 16000) for i in range(8)]
TEXTS = ["a red car", "the blue sky is over the car", "the", "car", "a car", "sky over car", "red", "blue red"]
NAMES = ["cat", "dog"]
WRITES = {"prompt": "what", "parse": "text", "generate": {"max_new_tokens": 5}}
KINDS = {
    "image": (image_folder, "image", PICTURES, {}),
    "audio": (audio_folder, "audio", SOUNDS, {}),
    "text": (text_folder, "text", TEXTS, {}),
    "clip": (clip, "image", PICTURES, {"classes": NAMES}),
    "clap": (clap, "audio", SOUNDS, {"classes": NAMES}),
    "ctc": (ctc, "audio", SOUNDS, {}),
    "whisper": (whisper, "audio", SOUNDS, {"generate": {"max_new_tokens": 5}}),
    "llava": (llava, "image", PICTURES, WRITES),
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    found = {}
    for kind, (make, *_) in KINDS.items():
        found[kind] = tmp_path_factory.mktemp(kind)
        make(found[kind])
    return found


def answers(predict, stream, values):
    """Rows of numbers, or what was written; of what could not be read, why."""
    found = predict(Batch({stream: values}))
    found = found["logits"] if isinstance(found, dict) else found
    return [one.says if isinstance(one, Unanswered) else one for one in found]


@pytest.mark.parametrize("kind", KINDS)
def test_one_is_answered_as_eight_are(folders, kind):
    _, stream, values, options = KINDS[kind]
    predict = stress.models.hf(folders[kind], **options)
    together = answers(predict, stream, values)
    alone = [answers(predict, stream, [value])[0] for value in values]
    if isinstance(together[0], str):
        assert alone == together
    else:
        np.testing.assert_allclose(alone, together, atol=1e-5)
        assert len({tuple(np.round(row, 6)) for row in together}) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_saved_anew_by_the_library_it_is_the_same_model(folders, kind, tmp_path):
    options = KINDS[kind][-1]
    about = json.loads((folders[kind] / "config.json").read_text())
    network = getattr(lib, about["architectures"][0]).from_pretrained(folders[kind])
    shutil.copytree(folders[kind], tmp_path / "copy")
    (tmp_path / "copy" / "model.safetensors").unlink()
    network.save_pretrained(tmp_path / "copy", max_shard_size="20KB")  # in other files than before
    config = {**json.loads((tmp_path / "copy" / "config.json").read_text()), "transformers_version": "4.0.0"}
    (tmp_path / "copy" / "config.json").write_text(json.dumps(config))
    first = stress.models.hf(folders[kind], **options).identity
    assert stress.models.hf(tmp_path / "copy", **options).identity == first
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 0.01
    shutil.rmtree(tmp_path / "copy")
    shutil.copytree(folders[kind], tmp_path / "copy")
    network.save_pretrained(tmp_path / "copy")
    assert stress.models.hf(tmp_path / "copy", **options).identity != first


def test_weights_that_are_not_there_are_not_drawn_at_random(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(folders["image"], tmp_path / "vit")
    file = tmp_path / "vit" / "model.safetensors"
    weights = load_file(file)
    save_file({name: w for name, w in weights.items() if "classifier" not in name}, file, {"format": "pt"})
    with pytest.raises(ModelError, match=r"has no weights for 'classifier.bias' and 1 more"):
        stress.models.hf(tmp_path / "vit")


@pytest.fixture
def cache(folders, tmp_path, monkeypatch):
    """The hub's cache, with one checkpoint at one commit, to which the branch points."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--someone--vit"
    shutil.copytree(folders["image"], place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    return place


def test_a_name_of_the_hub_is_taken_from_the_cache_at_its_revision(folders, cache):
    local = stress.models.hf(folders["image"])
    for revision in (COMMIT, "main"):
        found = stress.models.hf("someone/vit", revision=revision)
        assert f"someone/vit@{COMMIT}" in found.identity
        assert found.identity.replace(f"someone/vit@{COMMIT} ", "") == local.identity
        batch = Batch({"image": PICTURES[:2]})
        np.testing.assert_array_equal(found(batch)["logits"], local(batch)["logits"])
    with pytest.raises(ModelError, match="needs its revision"):
        stress.models.hf("someone/vit")
    with pytest.raises(ModelError, match=r"in the local cache at the revision 'v2'.*hf download someone/vit"):
        stress.models.hf("someone/vit", revision="v2")
    with pytest.raises(InputError, match="revision is of a name of the hub"):
        stress.models.hf(folders["image"], revision="main")


def test_a_revision_by_name(cache, tmp_path):
    (tmp_path / "m.yaml").write_text(f"revision: {COMMIT}\n")
    assert COMMIT in load_model(f"hf:someone/vit@{tmp_path / 'm.yaml'}").weights


def test_code_of_a_checkpoint_runs_only_where_it_is_trusted(folders, tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = tmp_path / "own_code"
    shutil.copytree(folders["image"], folder)
    (folder / "own.py").write_text(
        f"from pathlib import Path\nfrom transformers import ViTForImageClassification\n"
        f"Path({str(tmp_path / 'ran')!r}).touch()\nclass Own(ViTForImageClassification):\n    pass\n"
    )
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["Own"], "auto_map": {"AutoModelForImageClassification": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"code of its own.*trust_remote_code=True"):
        stress.models.hf(folder)
    assert not (tmp_path / "ran").exists()
    own = stress.models.hf(folder, trust_remote_code=True)
    assert (tmp_path / "ran").exists()
    batch = Batch({"image": PICTURES[:2]})
    np.testing.assert_array_equal(own(batch)["logits"], stress.models.hf(folders["image"])(batch)["logits"])
    (folder / "own.py").write_text((folder / "own.py").read_text() + "# other code\n")
    assert stress.models.hf(folder, trust_remote_code=True).identity != own.identity


def test_a_pipeline_has_no_revision(folders):
    pipe = lib.pipeline("text-classification", model=str(folders["text"]))
    with pytest.raises(InputError, match="are of a folder or a name"):
        stress.models.hf(pipe, revision="main")
