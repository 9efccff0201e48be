"""Data as people have them: the values and labels of their own libraries, and one clear error for what is none."""

import gzip
import io
import json
import pickle
import tarfile

import cv2
import numpy as np
import pytest
import soundfile

import stress
from perturbations import Audio, InputError
from stress.data import load_data

RNG = np.random.default_rng(5)


def picture(label, size=8):
    """A picture whose brightness says its label."""
    return RNG.integers(0, 30, (size, size, 3), dtype=np.uint8) + np.uint8(40 * label)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[..., ::-1])
    return pixels


def sound(path, level=0.1, frames=400, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = RNG.normal(0, level, frames).astype(np.float32)
    soundfile.write(path, wave, rate, subtype="FLOAT")
    return wave


def labels(data):
    return {data.ids[i]: data.targets[i] for i in range(len(data))}


# -- files


def test_a_folder_for_each_class(tmp_path):
    one = save(tmp_path / "cat" / "b.png", picture(0))
    two = save(tmp_path / "cat" / "deep" / "a.png", picture(1))
    save(tmp_path / "dog" / "a.PNG", picture(2))
    (tmp_path / "cat" / ".hidden.png").write_bytes(b"no picture")
    (tmp_path / "dog" / "notes.txt").write_text("x")
    data = stress.data.folder(tmp_path)
    assert labels(data) == {"cat/b.png": "cat", "cat/deep/a.png": "cat", "dog/a.PNG": "dog"}
    assert dict(data.streams) == {"image": "image"}
    np.testing.assert_array_equal(data[data.ids.index("cat/b.png")].streams["image"], one)
    np.testing.assert_array_equal(data[data.ids.index("cat/deep/a.png")].streams["image"], two)
    assert any("1 files of other kinds are not used: 1 .txt" in note for note in data.notes)
    by_name = load_data(f"folder:{tmp_path}")
    assert by_name.fingerprint == data.fingerprint
    assert dict(stress.data.folder(tmp_path, stream="camera").streams) == {"camera": "image"}


def test_a_folder_of_sounds_and_one_of_both(tmp_path):
    wave = sound(tmp_path / "yes" / "1.wav")
    sound(tmp_path / "no" / "1.wav")
    data = stress.data.folder(tmp_path)
    assert labels(data) == {"no/1.wav": "no", "yes/1.wav": "yes"}
    np.testing.assert_array_equal(data[1].streams["audio"].samples[0], wave)
    save(tmp_path / "yes" / "1.png", picture(0))
    with pytest.raises(InputError, match=r"files of one modality, got 1 of image and 2 of audio"):
        stress.data.folder(tmp_path)
    assert len(stress.data.folder(tmp_path, modality="audio")) == 2


def test_folders_that_have_no_classes(tmp_path):
    with pytest.raises(InputError, match="must be a folder"):
        stress.data.folder(tmp_path / "none")
    with pytest.raises(InputError, match="no files"):
        stress.data.folder(tmp_path)
    save(tmp_path / "a.png", picture(0))
    with pytest.raises(InputError, match=r"a folder for each class.*a\.png.*globs"):
        stress.data.folder(tmp_path)
    with pytest.raises(InputError, match="modality must be"):
        stress.data.folder(tmp_path, modality="text")
    with pytest.raises(InputError, match=f"folder:{tmp_path}"):
        load_data(str(tmp_path))


def test_patterns(tmp_path):
    save(tmp_path / "cat_1.png", picture(0))
    save(tmp_path / "x" / "dog_1.png", picture(1))
    data = stress.data.globs({"cat": f"{tmp_path}/cat_*.png", "dog": [f"{tmp_path}/**/dog_*.png"]})
    assert sorted(labels(data).values()) == ["cat", "dog"]
    with pytest.raises(InputError, match=r"pattern of 'owl' must match a file"):
        stress.data.globs({"cat": f"{tmp_path}/cat_*.png", "owl": f"{tmp_path}/owl*"})
    with pytest.raises(InputError, match="one label, got 'cat' and 'pet'"):
        stress.data.globs({"cat": f"{tmp_path}/cat_*.png", "pet": f"{tmp_path}/*.png"})
    for wrong in ({}, ["a"]):
        with pytest.raises(InputError, match="mapping of labels"):
            stress.data.globs(wrong)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_data_frame_with_names_of_its_own(tmp_path, library):
    lib = pytest.importorskip(library)
    pixels = [save(tmp_path / f"{i}.png", picture(i)) for i in range(3)]
    columns = {"file": ["0.png", "1.png", "2.png"], "species": ["cat", "owl", "cat"], "who": ["a", "b", "a"]}
    table = lib.table(columns) if library == "pyarrow" else lib.DataFrame(columns)
    names = {"image:camera": "file", "label": "species", "cluster:owner": "who"}
    data = stress.data.frame(table, names, folder=tmp_path)
    assert list(data.targets) == ["cat", "owl", "cat"]
    assert data.cluster == "owner"
    np.testing.assert_array_equal(data[1].streams["camera"], pixels[1])
    with pytest.raises(InputError, match=r"must have the column 'kind'"):
        stress.data.frame(table, {"image": "file", "label": "kind"}, folder=tmp_path)


def test_tables_that_are_none():
    with pytest.raises(InputError, match="must be a data frame"):
        stress.data.frame([1], {"image": "a"})


# -- arrays


def test_arrays_are_read_as_they_are_said_to_be():
    plain = np.stack([picture(i % 3) for i in range(6)])
    data = stress.data.numpy(plain, [0, 1, 2, 0, 1, 2], classes=["cat", "dog", "owl"], groups={"site": list("ababab")})
    assert list(data.targets) == ["cat", "dog", "owl"] * 2
    assert data[1].groups == {"site": "b"}
    scaled = stress.data.numpy(
        (plain / 255.0).transpose(0, 3, 1, 2), list("abcabc"), range=(0, 1), layout="channels_first"
    )
    for i in range(6):
        np.testing.assert_array_equal(scaled[i].streams["image"], plain[i])
    waves = RNG.uniform(-1, 1, (2, 50)).astype(np.float32)
    heard = stress.data.numpy(waves, ["a", "b"], modality="audio", rate=16000)
    assert heard[1].streams["audio"].rate == 16000
    np.testing.assert_array_equal(heard[1].streams["audio"].samples[0], waves[1])
    said = stress.data.numpy(["a.png", "two"], [0, 1], modality="text", stream="caption")
    assert said[0].streams == {"caption": "a.png"}


@pytest.mark.parametrize(
    ("values", "given", "options", "says"),
    [
        (np.zeros((2, 4, 4)), [0, 1], {}, "value 0: image: range must be given"),
        (np.zeros((2, 4, 4), np.uint8), [0], {}, "labels must be 2"),
        (np.zeros((2, 4, 4), np.uint8), None, {}, "must have labels"),
        (np.zeros((2, 4, 4), np.uint8), [0, 2], {"classes": ["a", "b"]}, "position of one of 2 classes, got 2"),
        (np.zeros((2, 4, 4), np.uint8), [0, -1], {"classes": ["a", "b"]}, "position of one of 2 classes, got -1"),
        (np.zeros((2, 4, 4), np.uint8), [0, 1], {"rate": 3}, "takes no such setting"),
        (np.zeros((2, 4, 4), np.uint8), [0, 1], {"modality": "picture"}, "modality must be"),
        (np.zeros((2, 4), np.float32), [0, 1], {"modality": "audio"}, "rate"),
    ],
)
def test_arrays_that_cannot_be(values, given, options, says):
    with pytest.raises(InputError, match=says):
        stress.data.numpy(values, given, **options)


# -- other libraries


def test_a_torch_data_set():
    torch = pytest.importorskip("torch")

    class Pets(torch.utils.data.Dataset):
        classes = ("cat", "dog")

        def __init__(self, shift=0.0):
            self.shift = shift

        def __len__(self):
            return 4

        def __getitem__(self, i):
            if i >= 4:
                raise IndexError
            return torch.full((3, 5, 5), (i * 0.2 + self.shift) % 1), torch.tensor(i % 2)

    data = stress.data.torch(Pets(), range=(0, 1), layout="channels_first")
    assert list(data.targets) == ["cat", "dog", "cat", "dog"]
    assert data[2].streams["image"].shape == (5, 5, 3)
    assert data[2].streams["image"][0, 0, 0] == round(0.4 * 255)
    with pytest.raises(InputError, match=r"stress\.data\.torch\(dataset, range"):
        load_data(Pets())
    with pytest.raises(InputError, match="item 0: image: must have 1 to 4 channels, channels last"):
        stress.data.torch(Pets())
    with pytest.raises(InputError, match="must be a pair"):
        stress.data.torch([1, 2])
    with pytest.raises(InputError, match="length and places"):
        stress.data.torch(iter([1]))


@pytest.fixture
def hub():
    return pytest.importorskip("datasets")


def test_a_hugging_face_data_set(hub, tmp_path):
    from PIL import Image

    pixels = [picture(i) for i in range(3)]
    features = hub.Features(
        {"pic": hub.Image(), "kind": hub.ClassLabel(names=["cat", "dog"]), "by": hub.Value("string")}
    )
    rows = {"pic": [Image.fromarray(p) for p in pixels], "kind": [0, 1, 1], "by": ["a", "b", "a"]}
    dataset = hub.Dataset.from_dict(rows, features=features)
    data = stress.data.huggingface(dataset, groups=["by"])
    assert list(data.targets) == ["cat", "dog", "dog"]
    assert data[1].groups == {"by": "b"}
    np.testing.assert_array_equal(data[2].streams["pic"], pixels[2])
    assert list(load_data(dataset).targets) == list(data.targets)
    dataset.save_to_disk(str(tmp_path / "saved"))
    assert load_data(f"datasets:{tmp_path / 'saved'}").fingerprint == stress.data.huggingface(dataset).fingerprint
    with pytest.raises(InputError, match=r"must be one split, got test"):
        load_data(hub.DatasetDict({"test": dataset}))
    with pytest.raises(InputError, match="column 'species'"):
        stress.data.huggingface(dataset, label="species")
    with pytest.raises(InputError, match="length and places"):
        stress.data.huggingface(dataset.to_iterable_dataset())


def test_hugging_face_sounds_need_no_torchcodec(hub, tmp_path):
    wave = sound(tmp_path / "a.wav", rate=16000)
    dataset = hub.Dataset.from_dict({"clip": [str(tmp_path / "a.wav")], "label": ["yes"]})
    dataset = dataset.cast_column("clip", hub.Audio())
    data = stress.data.huggingface(dataset)
    heard = data[0].streams["clip"]
    assert (heard.rate, list(data.targets)) == (16000, ["yes"])
    np.testing.assert_array_equal(heard.samples[0], wave)


def test_hugging_face_texts(hub):
    dataset = hub.Dataset.from_dict({"premise": ["a", "b"], "question": ["c", "d"], "label": [0, 1]})
    with pytest.raises(InputError, match="streams must say"):
        stress.data.huggingface(dataset)
    data = stress.data.huggingface(dataset, streams={"text": "question"})
    assert data[1].streams == {"text": "d"}
    with pytest.raises(InputError, match="label must name"):
        stress.data.huggingface(dataset.rename_column("label", "answer"), streams={"text": "question"})


# -- archives


def archive(path, members):
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return path


def png(pixels):
    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


def test_a_webdataset_archive(tmp_path):
    pixels = [picture(i) for i in range(3)]
    for number in range(3):
        archive(
            tmp_path / f"pets-{number}.tar",
            {
                f"d/{number}.png": png(pixels[number]),
                f"d/{number}.cls": str(number % 2).encode(),
                f"d/{number}.txt": f"picture {number}".encode(),
                f"d/{number}.pkl": pickle.dumps(number),
            },
        )
    data = stress.data.webdataset(f"{tmp_path}/pets-*.tar", classes=["cat", "dog"])
    assert labels(data) == {"d/0": "cat", "d/1": "dog", "d/2": "cat"}
    assert dict(data.streams) == {"image": "image", "text": "text"}
    np.testing.assert_array_equal(data[1].streams["image"], pixels[1])
    assert data[2].streams["text"] == "picture 2"
    assert any(".pkl" in note for note in data.notes)
    assert load_data(f"webdataset:{tmp_path}/pets-1.tar").targets == ["1"]
    library = pytest.importorskip("webdataset")
    for i, sample in enumerate(
        library.WebDataset([str(tmp_path / f"pets-{n}.tar") for n in range(3)], shardshuffle=False)
    ):
        assert sample["__key__"] == data.ids[i]
        assert sample["txt"].decode() == data[i].streams["text"]


def test_labels_in_json_and_streams_by_name(tmp_path):
    left, right = picture(0), picture(1)
    about = {"a.left.png": png(left), "a.right.png": png(right), "a.json": json.dumps({"kind": "x"}).encode()}
    data = stress.data.webdataset(archive(tmp_path / "a.tar", about), label="json:kind")
    assert set(data.streams) == {"left", "right"}
    np.testing.assert_array_equal(data[0].streams["right"], right)
    assert list(data.targets) == ["x"]


@pytest.mark.parametrize(
    ("members", "options", "says"),
    [
        ({"a.png": b"x"}, {}, "label must say where"),
        ({"a.cls": b"1"}, {}, "pictures, sounds or texts"),
        ({"a.png": b"x", "a.cls": b"1"}, {}, "not an image"),
        ({"a.txt": b"\xff", "a.cls": b"1"}, {}, "UTF-8"),
        ({"a.txt": b"x", "a.json": b"{"}, {}, "must be JSON"),
        ({"a.txt": b"x", "a.json": b"{}"}, {}, "must have the field 'label'"),
        ({"a.txt": b"x", "a.cls": b"1", "b.txt": b"y"}, {}, "'b' must have a label"),
        ({"a.txt": b"x", "a.cls": b"1"}, {"label": "json"}, r"one of \.txt, \.cls"),
        ({}, {}, "at least one sample"),
    ],
)
def test_archives_that_cannot_be(tmp_path, members, options, says):
    with pytest.raises(InputError, match=says):
        stress.data.webdataset(archive(tmp_path / "a.tar", members), **options)


def test_archives_that_reach_outside(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        link = tarfile.TarInfo("a.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(InputError, match="must be a plain file, got a link"):
        stress.data.webdataset(tmp_path / "a.tar")
    (tmp_path / "b.tar").write_bytes(gzip.compress((tmp_path / "a.tar").read_bytes()))
    with pytest.raises(InputError, match="not compressed"):
        stress.data.webdataset(tmp_path / "b.tar")
    with pytest.raises(InputError, match="there is none"):
        stress.data.webdataset(tmp_path / "none*.tar")


# -- published files


def test_cifar_10_of_the_binary_version(tmp_path):
    pictures, answers = np.stack([picture(i % 5, 32) for i in range(20)]), np.arange(20) % 10
    rows = np.concatenate([answers[:, None].astype(np.uint8), pictures.transpose(0, 3, 1, 2).reshape(20, -1)], axis=1)
    (tmp_path / "test_batch.bin").write_bytes(rows.tobytes())
    data = load_data(f"cifar10:{tmp_path}")
    assert data.targets[3] == "cat"
    np.testing.assert_array_equal(data[7].streams["image"], pictures[7])
    with pytest.raises(InputError, match=r"data_batch_1\.bin"):
        stress.data.cifar10(tmp_path, "train")
    (tmp_path / "test_batch.bin").write_bytes(rows.tobytes()[:-1])
    with pytest.raises(InputError, match="rows of 3,073 bytes"):
        stress.data.cifar10(tmp_path)
    (tmp_path / "test_batch.bin").rename(tmp_path / "test_batch")
    with pytest.raises(InputError, match="pickles are not read"):
        stress.data.cifar10(tmp_path)


def test_cifar_10_c(tmp_path):
    pictures = np.stack([picture(i % 6, 32) for i in range(50)])
    np.save(tmp_path / "fog.npy", pictures)
    np.save(tmp_path / "labels.npy", np.tile(np.arange(10), 5))
    data = stress.data.cifar10_c(tmp_path, "fog", 3)
    assert len(data) == 10
    np.testing.assert_array_equal(data[4].streams["image"], pictures[24])
    assert data.targets[4] == "deer"
    with pytest.raises(InputError, match=r"one of fog in .*got 'fgo'"):
        stress.data.cifar10_c(tmp_path, "fgo", 1)
    with pytest.raises(InputError, match="severity must be 1 to 5, got 0"):
        stress.data.cifar10_c(tmp_path, "fog", 0)
    np.save(tmp_path / "snow.npy", np.array([print], object))
    with pytest.raises(InputError, match="array of numbers"):
        stress.data.cifar10_c(tmp_path, "snow", 1)


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.astype(np.uint8).tobytes()


def test_mnist(tmp_path):
    pictures, answers = RNG.integers(0, 256, (5, 28, 28), dtype=np.uint8), np.arange(5)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pictures)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(answers))
    data = load_data(f"mnist:{tmp_path}")
    np.testing.assert_array_equal(data[3].streams["image"][..., 0], pictures[3])
    assert [str(t) for t in data.targets] == list("01234")
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(answers)[:-1])
    with pytest.raises(InputError, match="must hold 5 numbers, got 4"):
        stress.data.mnist(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8bno")
    with pytest.raises(InputError, match="cannot be unpacked"):
        stress.data.mnist(tmp_path)
    with pytest.raises(InputError, match="part must be train, test"):
        stress.data.mnist(tmp_path, "tset")


def test_spoken_digits(tmp_path):
    for name in ("3_anna_0", "3_anna_7", "9_bob_4"):
        sound(tmp_path / "recordings" / f"{name}.wav")
    data = load_data(f"fsdd:{tmp_path}")
    assert labels(data) == {"3_anna_0": "3", "3_anna_7": "3", "9_bob_4": "9"}
    assert data.cluster == "speaker"
    assert stress.data.fsdd(tmp_path, "test").ids == ["3_anna_0", "9_bob_4"]
    assert stress.data.fsdd(tmp_path, "train").ids == ["3_anna_7"]
    with pytest.raises(InputError, match="DIGIT_SPEAKER_NUMBER"):
        stress.data.fsdd(_empty(tmp_path))


def _empty(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


def test_speech_commands(tmp_path):
    for name in ("yes/aa_nohash_0", "yes/bb_nohash_1", "no/aa_nohash_2", "_background_noise_/hum"):
        sound(tmp_path / f"{name}.wav")
    (tmp_path / "testing_list.txt").write_text("yes/aa_nohash_0.wav\n")
    (tmp_path / "validation_list.txt").write_text("no/aa_nohash_2.wav\n")
    parts = {
        part: labels(stress.data.speech_commands(tmp_path, part)) for part in ("train", "validation", "test", "all")
    }
    assert parts["test"] == {"yes/aa_nohash_0": "yes"}
    assert parts["validation"] == {"no/aa_nohash_2": "no"}
    assert parts["train"] == {"yes/bb_nohash_1": "yes"}
    assert len(parts["all"]) == 3
    data = load_data(f"speech_commands:{tmp_path}")
    assert data[0].groups["speaker"] == "aa"


def test_environmental_sounds(tmp_path):
    for name in ("1-1-A-0", "2-1-A-0"):
        sound(tmp_path / "audio" / f"{name}.wav")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text(
        "filename,fold,target,category,esc10,src_file,take\n"
        "1-1-A-0.wav,1,0,dog,True,100,A\n2-1-A-0.wav,2,1,rain,True,101,A\n"
    )
    data = load_data(f"esc50:{tmp_path}")
    assert labels(data) == {"1-1-A-0": "dog", "2-1-A-0": "rain"}
    assert data.cluster == "recording"
    assert stress.data.esc50(tmp_path, 2).ids == ["2-1-A-0"]
    with pytest.raises(InputError, match="fold must be 1 to 5"):
        stress.data.esc50(tmp_path, 6)
    (tmp_path / "meta" / "esc50.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="must have the columns"):
        stress.data.esc50(tmp_path)


def test_a_run_on_a_folder_of_classes(tmp_path):
    for i in range(12):
        save(tmp_path / "data" / ("dark", "bright")[i % 2] / f"{i}.png", picture(i % 2 * 5))

    def predict(batch):
        return [[0.0, 1.0] if p.mean() > 100 else [1.0, 0.0] for p in batch["image"]]

    predict.classes = ["dark", "bright"]
    suite = {"suite": "s@1", "severities": [1], "scenarios": {"noise": {"image": "gaussian_noise"}}}
    run = stress.run(predict, f"folder:{tmp_path / 'data'}", suite, tmp_path / "run", workers=1)
    records = run.records().to_pydict()
    assert [s for s, c in zip(records["score"], records["cell"]) if c == "clean"] == [1.0] * 12


def test_audio_values_are_ours():
    assert isinstance(
        stress.data.numpy(np.zeros((1, 4), np.float32), ["a"], modality="audio", rate=8000)[0].streams["audio"], Audio
    )
