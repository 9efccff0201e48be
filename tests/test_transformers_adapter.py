"""Checkpoints of transformers, each kind made from a config: the library's own answers, by a folder or a pipeline."""

import json

import numpy as np
import pytest

import stress
from perturbations import Audio, InputError, ModelError
from stress.models import Batch, load_model

torch = pytest.importorskip("torch")
lib = pytest.importorskip("transformers")
RNG = np.random.default_rng(3)
CLASSES = {0: "cat", 1: "dog", 2: "owl"}
PICTURES = [RNG.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in ((32, 32), (40, 50), (32, 32), (64, 33))]
SOUNDS = [Audio(RNG.normal(0, 0.1, (1, n)).astype(np.float32), 16000) for n in (4000, 5000, 4000, 8000)]
TEXTS = ["a red car", "the blue sky is over the car", "a red car", "the"]


def image_folder(folder):
    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    lib.ViTForImageClassification(
        lib.ViTConfig(**small, image_size=32, patch_size=8, id2label=CLASSES)
    ).save_pretrained(folder)
    lib.ViTImageProcessor(size={"height": 32, "width": 32}, image_mean=[0.4] * 3).save_pretrained(folder)


def audio_folder(folder):
    torch.manual_seed(0)
    config = lib.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8, 8),
        conv_stride=(5, 4), conv_kernel=(10, 8), num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
        classifier_proj_size=8, id2label=CLASSES,
    )  # fmt: skip
    lib.Wav2Vec2ForSequenceClassification(config).save_pretrained(folder)
    lib.Wav2Vec2FeatureExtractor(sampling_rate=16000).save_pretrained(folder)


def text_folder(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    torch.manual_seed(0)
    words, padding = {"unk_token": "[UNK]"}, {"pad_token": "[PAD]"}
    trained = Tokenizer(models.WordLevel(**words))
    trained.pre_tokenizer = pre_tokenizers.Whitespace()
    trained.train_from_iterator(TEXTS, trainers.WordLevelTrainer(special_tokens=["[PAD]", "[UNK]", "[CLS]"]))
    trained.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    lib.PreTrainedTokenizerFast(tokenizer_object=trained, model_max_length=16, **words, **padding).save_pretrained(
        folder
    )
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    lib.BertForSequenceClassification(
        lib.BertConfig(**small, vocab_size=32, max_position_embeddings=16, id2label=CLASSES)
    ).save_pretrained(folder)


KINDS = {"image": (image_folder, PICTURES), "audio": (audio_folder, SOUNDS), "text": (text_folder, TEXTS)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    found = {}
    for kind, (make, _) in KINDS.items():
        found[kind] = tmp_path_factory.mktemp(kind)
        make(found[kind])
    return found


def logits(predict, stream, values):
    return np.asarray(predict(Batch({stream: values}))["logits"])


def by_the_library(kind, folder, value):
    """The answer as the library's documentation gets it: processor, model, logits."""
    with torch.inference_mode():
        if kind == "image":
            model = lib.AutoModelForImageClassification.from_pretrained(folder).eval()
            made = lib.AutoImageProcessor.from_pretrained(folder)(images=value, return_tensors="pt")
        elif kind == "audio":
            model = lib.AutoModelForAudioClassification.from_pretrained(folder).eval()
            extract = lib.AutoFeatureExtractor.from_pretrained(folder)
            made = extract(value.samples[0], sampling_rate=value.rate, return_tensors="pt")
        else:
            model = lib.AutoModelForSequenceClassification.from_pretrained(folder).eval()
            made = lib.AutoTokenizer.from_pretrained(folder)(value, return_tensors="pt")
        return model(**made).logits[0].numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_answers_as_the_library_does(folders, kind):
    model, values = load_model(f"hf:{folders[kind]}"), KINDS[kind][1]
    assert model.classes == ("cat", "dog", "owl")
    found = logits(model.predict, kind, values)
    for value, row in zip(values, found):
        np.testing.assert_allclose(row, by_the_library(kind, folders[kind], value), atol=1e-5)
    alone = np.concatenate([logits(model.predict, kind, [value]) for value in values])
    np.testing.assert_allclose(found, alone, atol=1e-6)
    assert len({tuple(np.round(row, 5)) for row in found}) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_again_it_is_the_same_model(folders, kind, tmp_path):
    import shutil

    first = load_model(f"hf:{folders[kind]}").weights
    shutil.copytree(folders[kind], tmp_path / "copy")
    assert load_model(f"hf:{tmp_path / 'copy'}").weights == first
    config = json.loads((tmp_path / "copy" / "config.json").read_text())
    config["id2label"]["0"] = "bird"
    (tmp_path / "copy" / "config.json").write_text(json.dumps(config))
    assert load_model(f"hf:{tmp_path / 'copy'}").weights != first


def test_a_pipeline_is_recognised(folders):
    pipe = lib.pipeline("text-classification", model=str(folders["text"]))
    model = load_model(pipe)
    assert model.classes == ("cat", "dog", "owl")
    scores = logits(model.predict, "text", TEXTS)
    want = [one["label"] for one in pipe(TEXTS)]
    assert [CLASSES[i] for i in scores.argmax(axis=1)] == want


def test_what_is_lost_and_what_has_another_rate(folders):
    predict = stress.models.hf(folders["audio"], missing="zeros")
    assert np.isfinite(logits(predict, "audio", [None])).all()
    low = Audio(SOUNDS[0].samples, 8000)
    with pytest.raises(InputError, match="must be 16000 Hz"):
        predict(Batch({"audio": [low]}))
    assert logits(stress.models.hf(folders["audio"], resample=True), "audio", [low]).shape == (1, 3)
    with pytest.raises(ModelError, match="'audio' is lost"):
        stress.models.hf(folders["audio"])(Batch({"audio": [None]}))
    named = stress.models.hf(folders["image"], stream="camera", missing="mean")
    grey = np.full((32, 32, 3), 102, np.uint8)  # 0.4 of 255
    np.testing.assert_allclose(logits(named, "camera", [None]), logits(named, "camera", [grey]), atol=1e-6)


def test_folders_that_are_refused(folders, tmp_path):
    import shutil

    with pytest.raises(ModelError, match="local folder"):
        stress.models.hf("google/vit-base-patch16-224")
    code = tmp_path / "code"
    shutil.copytree(folders["image"], code)
    config = json.loads((code / "config.json").read_text())
    (code / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "evil.Model"}}))
    (code / "evil.py").write_text("raise SystemExit('run')")
    with pytest.raises(ModelError, match="code of its own"):
        stress.models.hf(code)
    (code / "config.json").write_text(json.dumps({**config, "architectures": ["T5ForConditionalGeneration"]}))
    with pytest.raises(ModelError, match="got T5For"):
        stress.models.hf(code)
    (code / "config.json").write_text(json.dumps(config))
    (code / "model.safetensors").rename(code / "model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        stress.models.hf(code)
