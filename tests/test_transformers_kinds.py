"""Checkpoints that hear, match and write, made from configs: the library's own answers, one by one or together."""

import json

import numpy as np
import pytest

import stress
from perturbations import Audio, InputError, ModelError
from stress.models import Batch, Unanswered, load_model
from tests.test_transformers_adapter import PICTURES, SOUNDS

torch = pytest.importorskip("torch")
lib = pytest.importorskip("transformers")
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SIGNS = ["<pad>", "<s>", "</s>", "<unk>", "<image>", *"abcdefghijklmnopqrstuvwxyz ", "|"]


def words_tokenizer(**more):
    """A tokenizer of single signs."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({sign: i for i, sign in enumerate(SIGNS)}, unk_token=SIGNS[3]))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("<image>|."), "isolated")
    made.decoder = decoders.Fuse()
    special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return lib.PreTrainedTokenizerFast(tokenizer_object=made, **special, model_max_length=64, **more)


def ctc(folder):
    torch.manual_seed(3)
    (folder / "vocab.json").write_text(json.dumps({sign: i for i, sign in enumerate(SIGNS)}))
    config = lib.Wav2Vec2Config(
        **SMALL, conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 8), num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, vocab_size=len(SIGNS), pad_token_id=0,
    )  # fmt: skip
    lib.Wav2Vec2ForCTC(config).save_pretrained(folder)
    extractor = lib.Wav2Vec2FeatureExtractor(sampling_rate=16000)
    lib.Wav2Vec2Processor(extractor, lib.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))).save_pretrained(folder)


def clip(folder):
    torch.manual_seed(1)
    text = lib.CLIPTextConfig(
        **SMALL, vocab_size=len(SIGNS), max_position_embeddings=64, eos_token_id=2, projection_dim=8
    )
    vision = lib.CLIPVisionConfig(**SMALL, image_size=32, patch_size=8, projection_dim=8)
    config = lib.CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=8)
    lib.CLIPModel(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    processor = lib.CLIPImageProcessor(size=size, crop_size=size, do_center_crop=False)
    lib.CLIPProcessor(processor, words_tokenizer()).save_pretrained(folder)


def llava(folder):
    torch.manual_seed(2)
    vision = lib.CLIPVisionConfig(**SMALL, image_size=32, patch_size=16)
    text = lib.LlamaConfig(**SMALL, vocab_size=len(SIGNS), max_position_embeddings=256, pad_token_id=0)
    config = lib.LlavaConfig(vision_config=vision, text_config=text, image_token_index=4, image_seq_length=4)
    lib.LlavaForConditionalGeneration(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    image = lib.CLIPImageProcessor(size=size, crop_size=size, do_center_crop=False)
    tokenizer = words_tokenizer(extra_special_tokens={"image_token": "<image>"})
    more = {"patch_size": 16, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    lib.LlavaProcessor(image, tokenizer, **more).save_pretrained(folder)


def clap(folder):
    torch.manual_seed(4)
    text = {**SMALL, "vocab_size": len(SIGNS), "max_position_embeddings": 64, "pad_token_id": 0, "projection_dim": 8}
    audio = {
        "spec_size": 32, "num_mel_bins": 16, "window_size": 2, "patch_size": 4, "patch_stride": [4, 4],
        "depths": [1, 1],
        "num_attention_heads": [2, 2], "patch_embeds_hidden_size": 8, "hidden_size": 16, "projection_dim": 8,
        "enable_fusion": False,
    }  # fmt: skip
    lib.ClapModel(lib.ClapConfig(text_config=text, audio_config=audio, projection_dim=8)).save_pretrained(folder)
    extractor = lib.ClapFeatureExtractor(
        feature_size=16, sampling_rate=16000, hop_length=320, max_length_s=1, fft_window_size=400, frequency_max=8000,
        truncation="rand_trunc", padding="repeatpad",
    )  # fmt: skip
    lib.ClapProcessor(extractor, words_tokenizer()).save_pretrained(folder)


def whisper(folder):
    torch.manual_seed(5)
    config = lib.WhisperConfig(
        vocab_size=len(SIGNS), num_mel_bins=16, d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
        max_source_positions=50, max_target_positions=32, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1,
        suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    lib.WhisperForConditionalGeneration(config).save_pretrained(folder)
    extractor = lib.WhisperFeatureExtractor(feature_size=16, chunk_length=1)
    lib.WhisperProcessor(extractor, words_tokenizer()).save_pretrained(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    found = {}
    for make in (ctc, clip, llava, clap, whisper):
        found[make.__name__] = tmp_path_factory.mktemp(make.__name__)
        make(found[make.__name__])
    return found


def test_a_recogniser_of_speech_writes_what_the_library_writes(folders):
    predict = load_model(f"hf:{folders['ctc']}").predict
    found = list(predict(Batch({"audio": SOUNDS})))
    network = lib.AutoModelForCTC.from_pretrained(folders["ctc"]).eval()
    processor = lib.AutoProcessor.from_pretrained(folders["ctc"])
    for value, text in zip(SOUNDS, found):
        with torch.inference_mode():
            made = processor(value.samples[0], sampling_rate=16000, return_tensors="pt")
            want = processor.batch_decode(network(**made).logits.argmax(-1))[0]
        assert text == want
    assert [predict(Batch({"audio": [each]}))[0] for each in SOUNDS] == found
    assert any(found)
    with pytest.raises(InputError, match="must be 16000 Hz"):
        predict(Batch({"audio": [Audio(SOUNDS[0].samples, 8000)]}))


def test_a_recogniser_of_speech_in_a_run(folders, tmp_path):
    said = list(load_model(f"hf:{folders['ctc']}").predict(Batch({"audio": SOUNDS})))
    data = [stress.Sample(str(i), {"audio": s}, target=t or "a") for i, (s, t) in enumerate(zip(SOUNDS, said))]
    suite = {"suite": "s@1", "severities": [5], "scenarios": {"noise": {"audio": "white_noise"}}}
    run = stress.run(f"hf:{folders['ctc']}", data, suite, tmp_path / "run", workers=1, task="transcription")
    clean = {r["metric"]: r["value"] for r in run.table("cells").to_pylist() if r["cell"] == "clean"}
    assert clean["wer"] == 0


def test_a_matcher_answers_by_classes_in_words(folders):
    names = ["cat", "dog", "big owl"]
    predict = stress.models.hf(folders["clip"], classes=names, missing="mean")
    found = np.asarray(predict(Batch({"image": PICTURES}))["logits"])
    network = lib.CLIPModel.from_pretrained(folders["clip"]).eval()
    processor = lib.AutoProcessor.from_pretrained(folders["clip"])
    texts = [f"a photo of a {name}" for name in names]
    for value, row in zip(PICTURES, found):
        with torch.inference_mode():
            made = processor(text=texts, images=value, padding=True, return_tensors="pt")
            made = {k: v for k, v in made.items() if k in ("input_ids", "attention_mask", "pixel_values")}
            want = network(**made).logits_per_image[0].numpy()
        np.testing.assert_allclose(row, want, atol=1e-4)
    assert load_model(predict).classes == tuple(names)
    other = stress.models.hf(folders["clip"], classes=names, template="{}")
    assert load_model(other).weights != load_model(predict).weights
    with pytest.raises(InputError, match="needs classes"):
        stress.models.hf(folders["clip"])
    for template in ("a photo", "{} {}", 3):
        with pytest.raises(InputError, match="template"):
            stress.models.hf(folders["clip"], classes=names, template=template)


def test_what_writes_about_pictures_is_read_by_a_rule(folders):
    options = {"prompt": "what is it", "generate": {"max_new_tokens": 6}, "missing": "leave_out"}
    predict = stress.models.hf(folders["llava"], parse="text", **options)
    found = predict(Batch({"image": PICTURES[:2], "hint": ["a", None]}))
    network = lib.LlavaForConditionalGeneration.from_pretrained(folders["llava"]).eval()
    processor = lib.AutoProcessor.from_pretrained(folders["llava"])
    made = processor(text="<image>\nwhat is it\nhint: a", images=[PICTURES[0]], return_tensors="pt")
    with torch.inference_mode():
        want = network.generate(**made, max_new_tokens=6, do_sample=False)[0, made["input_ids"].shape[1] :]
    text = processor.tokenizer.decode(want, skip_special_tokens=True).strip()
    assert found[0] == text or isinstance(found[0], Unanswered)
    again = stress.models.hf(folders["llava"], parse="text", **options)(Batch({"image": PICTURES[1:2], "hint": [None]}))
    assert again == found[1:]
    read = stress.models.hf(folders["llava"], classes=["xylophone", "zebra"], **options)
    (row,) = read(Batch({"image": PICTURES[:1]}))
    assert isinstance(row, Unanswered)
    assert row.status == "unparsed"
    assert load_model(read).statuses == ("unparsed",)
    with pytest.raises(InputError, match="takes pictures and texts"):
        predict(Batch({"sound": SOUNDS[:1]}))
    with pytest.raises(ModelError, match="is lost"):
        stress.models.hf(folders["llava"], prompt="x", parse="text")(Batch({"image": [None]}))
    with pytest.raises(InputError, match="prompt"):
        stress.models.hf(folders["llava"])


def test_a_matcher_of_sounds(folders):
    names = ["rain", "a dog"]
    predict = stress.models.hf(folders["clap"], classes=names, template="the sound of {}")
    found = np.asarray(predict(Batch({"audio": SOUNDS}))["logits"])
    network = lib.ClapModel.from_pretrained(folders["clap"]).eval()
    processor = lib.AutoProcessor.from_pretrained(folders["clap"])
    texts = [f"the sound of {name}" for name in names]
    for value, row in zip(SOUNDS, found):
        with torch.inference_mode():
            words = processor.tokenizer(texts, padding=True, return_tensors="pt")
            heard = processor.feature_extractor([value.samples[0]], sampling_rate=16000, return_tensors="pt")
            want = network(
                input_ids=words["input_ids"], attention_mask=words["attention_mask"],
                input_features=heard["input_features"], is_longer=heard["is_longer"],
            ).logits_per_audio[0].numpy()  # fmt: skip
        np.testing.assert_allclose(row, want, atol=1e-4)


def test_a_recogniser_that_generates(folders):
    predict = stress.models.hf(folders["whisper"], generate={"max_new_tokens": 5})
    found = list(predict(Batch({"audio": SOUNDS})))
    network = lib.WhisperForConditionalGeneration.from_pretrained(folders["whisper"]).eval()
    processor = lib.AutoProcessor.from_pretrained(folders["whisper"])
    for value, text in zip(SOUNDS, found):
        with torch.inference_mode():
            made = processor.feature_extractor([value.samples[0]], sampling_rate=16000, return_tensors="pt")
            want = network.generate(made["input_features"], max_new_tokens=5, do_sample=False)
        assert text == processor.tokenizer.batch_decode(want, skip_special_tokens=True)[0].strip()
    assert [predict(Batch({"audio": [each]}))[0] for each in SOUNDS] == found
