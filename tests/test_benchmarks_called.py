"""Published benchmarks in one call: the papers' numbers, from their files or made here, and it says which."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
import soundfile
from pyarrow import parquet

import stress
from stress.benchmarks import (
    CORRUPTIONS,
    cifar10_c,
    corruption_numbers,
    imagenet_c,
    missing_streams,
    speech_numbers,
    speech_robust_bench,
)
from stress.data import CIFAR10
from stress.statistics.robustness import alexnet
from tests.test_examples import example

EXAMPLES = example("benchmarks")
PUBLISHED = json.loads((Path(__file__).parent / "published" / "robustbench.json").read_text(encoding="utf-8"))
LEVELS = (1, 2, 3, 4, 5)
QUIET = {"workers": 1, "examples": 0, "preflight": False, "signals": "none"}
RNG = np.random.default_rng(5)
COUNT = 12


# -- the numbers, beside what was published


def rates_of(table):
    return {(name, i + 1): np.array([row[i]]) for name, row in table.items() for i in range(5)}


@pytest.mark.parametrize("data", ["cifar10", "cifar100", "imagenet"])
def test_the_numbers_that_robustbench_reports(data):
    models = PUBLISHED["accuracy"][data]
    assert len(models) == {"cifar10": 23, "cifar100": 13, "imagenet": 12}[data]
    for model, table in models.items():
        reported, rates = PUBLISHED["reported"][data][model], rates_of(table)
        rates["clean", 0] = np.array([reported["clean_acc"] / 100])
        numbers = corruption_numbers(list(rates), alexnet_baseline=data == "imagenet")
        assert 100 * numbers["mean_corruption_accuracy"](rates)[0] == pytest.approx(
            reported["corruptions_acc"], abs=0.01
        )
        assert sum(numbers[f"mean_corruption_{of}"](rates)[0] for of in ("error", "accuracy")) == pytest.approx(1)
        assert numbers["clean_accuracy"](rates)[0] == reported["clean_acc"] / 100
        if data == "imagenet":
            assert 100 * numbers["mce"](rates)[0] == pytest.approx(reported["corruptions_mce"], abs=0.03)


def test_alexnet_beside_itself_is_one():
    facts = alexnet()
    rates = {(n, i + 1): np.array([1 - e]) for n, errors in facts.corruptions.items() for i, e in enumerate(errors)}
    rates["clean", 0] = np.array([1 - facts.clean])
    numbers = corruption_numbers(list(rates), alexnet_baseline=True)
    assert numbers["mce"](rates)[0] == pytest.approx(1)
    assert numbers["relative_mce"](rates)[0] == pytest.approx(1)


def test_a_mean_over_fewer_corruptions_is_refused():
    with pytest.raises(stress.InputError, match="none of fog at 5"):
        corruption_numbers([(n, s) for n in CORRUPTIONS for s in LEVELS if (n, s) != ("fog", 5)])


def test_the_numbers_of_speech_by_hand():
    rates = {("clean", 0): np.array([0.1]), ("a", 1): np.array([0.3]), ("a", 2): np.array([0.05])}
    before = {("clean", 0): 0.2, ("a", 1): 0.6, ("a", 2): 0.2}
    numbers = speech_numbers(list(rates), reference=before)
    assert {name: function(rates)[0] for name, function in numbers.items()} == pytest.approx(
        {"clean_wer": 0.1, "wer": 0.175, "werd": 0.1, "nwer": (0.5 + 0.25) / 2, "nwerd": 0.2 / 0.4}
    )
    itself = {key: float(value[0]) for key, value in rates.items()}
    assert speech_numbers(list(rates), reference=itself)["nwer"](rates)[0] == pytest.approx(1)
    with pytest.raises(stress.InputError, match="must have every condition, got none of a 2"):
        speech_numbers(list(rates), reference={("clean", 0): 0.1, ("a", 1): 0.1})
    with pytest.raises(stress.InputError, match="must have a perturbed condition"):
        speech_numbers([("clean", 0)])


# -- CIFAR-10-C


LABELS = RNG.integers(0, 10, COUNT)
WRONG = {name: RNG.random((5, COUNT)) < 0.1 * (1 + np.arange(5))[:, None] for name in CORRUPTIONS}


def painted(label, wrong=False):
    return np.full((32, 32, 3), 250 if wrong else 20 * label + 10, np.uint8)


def by_brightness(batch):
    """Right on pictures as they are painted, and on those that are hardly changed."""
    return [[float(min(int(x.mean() - 5) // 20, 9) == k) for k in range(10)] for x in batch["image"]]


def cifar_c(folder, names=CORRUPTIONS):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        rows = [painted(LABELS[i], WRONG[name][s, i] and LABELS[i] != 9) for s in range(5) for i in range(COUNT)]
        np.save(folder / f"{name}.npy", np.stack(rows))
    np.save(folder / "labels.npy", np.tile(LABELS, 5).astype(np.uint8))
    return folder


def cifar_clean(folder, labels=LABELS):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [np.concatenate([[label], painted(label).transpose(2, 0, 1).ravel()]) for label in labels]
    (folder / "test_batch.bin").write_bytes(np.concatenate(rows).astype(np.uint8).tobytes())
    return folder


def right(name, severity, count=COUNT):
    return np.mean([not (WRONG[name][severity - 1, i] and LABELS[i] != 9) for i in range(count)])


@pytest.fixture(scope="module")
def cifar(tmp_path_factory):
    root = tmp_path_factory.mktemp("cifar")
    cifar_clean(cifar_c(root / "CIFAR-10-C").parent)
    return root, cifar10_c(by_brightness, root, root / "run", **QUIET)


def test_published_files_of_cifar_10_c(cifar):
    _, found = cifar
    assert found.source == "published files"
    assert found.samples == COUNT
    assert len(found.conditions) == 76
    each = {(name, s): right(name, s) for name in CORRUPTIONS for s in LEVELS}
    assert {key: found.conditions[key].value for key in each} == pytest.approx(each)
    number = found.numbers["mean_corruption_accuracy"]
    assert number.value == pytest.approx(np.mean(list(each.values())))
    assert number.low < number.value < number.high
    assert number.n == 76 * COUNT
    assert found.conditions["fog", 3].n == COUNT
    assert found.numbers["mean_corruption_error"].value == pytest.approx(1 - number.value)
    assert found.numbers["clean_accuracy"].value == 1
    assert "mce" not in found.numbers, "AlexNet's errors are of ImageNet-C"
    assert "published files: 12 samples × 76 conditions" in str(found)
    assert f"{number.value:.4f}" in str(found)


def test_the_same_call_continues_and_asks_nothing_anew(cifar):
    root, before = cifar
    asked = []

    def counted(batch):
        asked.extend(batch.ids)
        return by_brightness(batch)

    assert cifar10_c(counted, root, root / "run", accept_model="the same", **QUIET).numbers == before.numbers
    assert len(asked) < 76 * COUNT / 2


def test_the_example_has_the_same_number(cifar):
    root, found = cifar
    assert EXAMPLES.cifar(by_brightness, root, root / "example") == (
        "published files",
        found.numbers["mean_corruption_accuracy"],
    )


def test_without_the_clean_pictures_and_of_fewer(tmp_path):
    found = cifar10_c(by_brightness, cifar_c(tmp_path / "c"), tmp_path / "run", pictures=5, **QUIET)
    assert "clean_accuracy" not in found.numbers
    assert found.samples == 5
    each = [right(name, s, 5) for name in CORRUPTIONS for s in LEVELS]
    assert found.numbers["mean_corruption_accuracy"].value == pytest.approx(np.mean(each))


def test_one_picture_in_75_conditions_is_one_piece_of_evidence(cifar):
    _, found = cifar
    number, alone = found.numbers["mean_corruption_accuracy"], found.conditions["fog", 5]
    naive = 2 * 1.96 * np.sqrt(number.value * (1 - number.value) / (75 * COUNT))
    assert number.high - number.low > naive
    assert alone.high - alone.low > number.high - number.low


def test_cifar_10_c_made_on_the_fly(tmp_path):
    found = cifar10_c(by_brightness, cifar_clean(tmp_path / "cifar"), tmp_path / "run", pictures=4, **QUIET)
    assert found.source == "made on the fly"
    assert "frost are procedural" in found.caution
    assert found.caution in str(found)
    assert set(found.conditions) == {("clean", 0), *((n, s) for n in CORRUPTIONS for s in LEVELS)}
    rows = found.run.table("relative").to_pylist()
    (mean,) = [row["value"] for row in rows if row["measure"] == "mean_error"]
    assert found.numbers["mean_corruption_error"].value == pytest.approx(mean)
    assert found.samples == 4


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda root: (root / "fog.npy").unlink(), r"all fifteen corruptions.*fog\.npy"),
        (lambda root: np.save(root / "labels.npy", np.arange(60).astype(np.uint8)), "labels must be 0 to 9"),
        (lambda root: np.save(root / "labels.npy", RNG.permuted(np.tile(np.arange(10), 6))), "the same labels five"),
        (
            lambda root: np.save(root / "fog.npy", np.zeros((60, 3, 32, 32), np.uint8)),
            "must be uint8",
        ),
        (lambda root: (root / "fog.npy").write_bytes(b"x"), "array of numbers"),
        (lambda root: cifar_clean(root, (LABELS + 1) % 10), "must have the labels of labels.npy"),
        (lambda root: [file.unlink() for file in root.glob("*.npy")], "got neither"),
    ],
)
def test_a_folder_that_is_not_the_benchmark_is_one_error(damage, says, tmp_path):
    root = cifar_c(tmp_path / "c")
    damage(root)
    with pytest.raises(stress.InputError, match=says) as error:
        cifar10_c(by_brightness, root, tmp_path / "run", **QUIET)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("verb", [cifar10_c, imagenet_c])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"folder": "/nowhere"}, "which is none"),
        ({"folder": 3}, "path of a folder"),
        ({"pictures": 0}, "whole number above 0"),
        ({"pictures": True}, "whole number above 0"),
    ],
)
def test_what_is_asked_wrongly(verb, given, says, tmp_path):
    with pytest.raises(stress.InputError, match=says):
        verb(by_brightness, **{"folder": tmp_path, **given})


def test_what_the_benchmark_decides_and_what_there_is_not(tmp_path):
    root = cifar_c(tmp_path / "c")
    with pytest.raises(stress.InputError, match="suite must be left to the benchmark"):
        cifar10_c(by_brightness, root, suite="quick")
    with pytest.raises(stress.InputError, match="Did you mean workers"):
        cifar10_c(by_brightness, root, tmp_path / "run", worker=1)


# -- ImageNet-C


KINDS = ("n01440764", "n01443537")


def two_kinds(batch):
    return [[0.0, 1.0] if x.mean() > 100 else [1.0, 0.0] for x in batch["image"]]


def written(place, wrong):
    for i in range(4):
        path = place / KINDS[i % 2] / f"ILSVRC2012_val_{i:08}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8, 3), 200 if (i % 2) ^ wrong(i) else 20, np.uint8))


@pytest.mark.parametrize("inner", ["", "weather"])
def test_published_files_of_imagenet_c(tmp_path, inner):
    root = tmp_path / "imagenet-c"
    missed = {n: RNG.random((5, 4)) < 0.5 for n in CORRUPTIONS}
    for name in CORRUPTIONS:
        for s in LEVELS:
            written(root / inner / name / str(s), lambda i, n=name, s=s: missed[n][s - 1, i])
    if not inner:
        written(root / "val", lambda i: i == 0)
    found = imagenet_c(two_kinds, root, tmp_path / "run", **QUIET)
    assert found.source == "published files"
    facts, errors = alexnet(), {n: missed[n].mean(axis=1) for n in CORRUPTIONS}
    ces = [errors[n].sum() / sum(facts.corruptions[n]) for n in CORRUPTIONS]
    assert found.numbers["mce"].value == pytest.approx(np.mean(ces))
    assert found.numbers["mean_corruption_error"].value == pytest.approx(np.mean(list(errors.values())))
    if inner:
        assert "relative_mce" not in found.numbers
        return
    added = [(errors[n] - 0.25).sum() / (np.array(facts.corruptions[n]) - facts.clean).sum() for n in CORRUPTIONS]
    assert found.numbers["relative_mce"].value == pytest.approx(np.mean(added))
    assert EXAMPLES.imagenet(two_kinds, root, tmp_path / "example") == ("published files", found.numbers["mce"])
    (root / "fog" / "3" / KINDS[0] / "ILSVRC2012_val_00000002.png").unlink()
    with pytest.raises(stress.InputError, match=r"the same pictures.*00000002 is in one of them alone"):
        imagenet_c(two_kinds, root, tmp_path / "again", **QUIET)


def test_imagenet_c_made_on_the_fly_has_the_numbers_of_the_table(tmp_path):
    written(tmp_path / "val", lambda i: False)
    found = imagenet_c(two_kinds, tmp_path, tmp_path / "run", pictures=2, **QUIET)
    assert found.source == "made on the fly"
    rows = {row["measure"]: row["value"] for row in found.run.table("relative").to_pylist() if row["corruptions"]}
    assert found.numbers["mce"].value == pytest.approx(rows["mce"])
    assert found.numbers["relative_mce"].value == pytest.approx(rows["relative_mce"])


# -- Speech Robust Bench


WORDS = ["one two three", "four five", "six seven eight nine"]


def sound(number):
    file = io.BytesIO()
    soundfile.write(file, np.full(400, 0.01 * (number + 1), np.float32), 16000, "FLOAT", format="WAV")
    return file.getvalue()


def split(folder, name, swapped=0):
    """A file of the published form, in which the first so many recordings are of other words."""
    heard = [sound((i + 1) % 3 if i < swapped else i) for i in range(3)]
    rows = [{"id": f"u{i}", "audio": {"bytes": heard[i], "path": None}, "text": WORDS[i]} for i in range(3)]
    folder.mkdir(exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows), folder / f"{name}-00000-of-00001.parquet", row_group_size=2)


def hearing(batch):
    return [WORDS[min(round(float(x.samples.mean()) * 100) - 1, 2)] for x in batch["audio"]]


def test_published_files_of_speech_robust_bench(tmp_path):
    folder = tmp_path / "librispeech_asr-test.clean"
    for name, swapped in (("None.0", 0), ("gnoise.1", 1), ("gnoise.2", 2), ("speedup.1", 0)):
        split(folder, name, swapped)
    first = speech_robust_bench(hearing, folder, tmp_path / "one", **QUIET)
    assert first.source == "published files"
    assert set(first.conditions) == {("clean", 0), ("gnoise", 1), ("gnoise", 2), ("speedup", 1)}
    rates = {("gnoise", 1): 3 / 9, ("gnoise", 2): 7 / 9, ("speedup", 1): 0}  # of nine words
    assert {key: first.conditions[key].value for key in rates} == pytest.approx(rates)
    assert first.numbers["wer"].value == pytest.approx(10 / 27)
    assert first.numbers["werd"].value == pytest.approx(10 / 27)

    def deaf(batch):
        quiet = [abs(float(x.samples.mean()) - 0.01) < 1e-6 for x in batch["audio"]]
        return ["" if nothing else heard for nothing, heard in zip(quiet, hearing(batch))]

    other = speech_robust_bench(deaf, folder, tmp_path / "two", reference=first, **QUIET)
    mine = {key: other.conditions[key].value for key in rates}
    assert other.numbers["nwer"].value == pytest.approx(
        np.mean([mine[key] / rates[key] for key in rates if rates[key] > 0])
    )
    clean = other.conditions["clean", 0].value
    assert clean > 0
    assert other.numbers["nwerd"].value == pytest.approx(
        np.mean([max(mine[key] - clean, 0) / rates[key] for key in rates if rates[key] > 0])
    )
    assert EXAMPLES.speech(deaf, folder, tmp_path / "example", first) == ("published files", other.numbers["nwerd"])


@pytest.mark.parametrize(
    ("name", "rows", "says"),
    [
        (None, None, "must have the files of a configuration"),
        ("gnoise.1-00000-of-00001.parquet", {"text": ["a"]}, "must have the columns id, audio and text"),
        ("gnoise.1-00000-of-00001.parquet", None, "cannot be read"),
        (
            "gnoise.1-00000-of-00001.parquet",
            {"id": ["a"], "text": ["a"], "audio": [{"bytes": None, "path": "/etc/hostname"}]},
            "must have the bytes",
        ),
    ],
)
def test_files_that_are_not_the_benchmarks(tmp_path, name, rows, says):
    if name and rows:
        parquet.write_table(pa.table(rows), tmp_path / name)
    elif name:
        (tmp_path / name).write_bytes(b"PAR1")
    with pytest.raises(stress.InputError, match=says) as error:
        speech_robust_bench(hearing, tmp_path, tmp_path / "run", **QUIET)
    assert "\n" not in str(error.value)


def test_a_reference_that_is_none():
    with pytest.raises(stress.InputError, match="the result of another model"):
        speech_robust_bench(hearing, "x.csv", reference=0.3)


def test_speech_robust_bench_made_on_the_fly(tmp_path):
    tone = np.sin(np.arange(4000) / 5).astype(np.float32)
    data = [stress.Sample(f"u{i}", {"audio": stress.Audio(tone * 0.2 * (i + 1), 16000)}, "yes") for i in range(2)]

    def loud(batch):
        return ["yes" if float(np.abs(x.samples).max()) < 0.9 else "no" for x in batch["audio"]]

    found = speech_robust_bench(loud, data, tmp_path / "run", **QUIET)
    assert found.source == "made on the fly"
    rows = found.run.table("relative").to_pylist()
    each = [row["value"] for row in rows if row["measure"] == "werd"]
    assert len({name for name, _ in found.conditions} - {"clean"}) == len(each)
    assert found.numbers["werd"].value == pytest.approx(np.mean(each), abs=0.02)


# -- missing streams


def of_both(batch):
    """Right by either stream: by chance where both are gone."""
    found = []
    for picture, text in zip(batch["image"], batch["text"]):
        bright = picture is not None and picture.max() > 0 and picture.mean() > 100
        found.append([0.1, 0.9] if bright or (text or "").startswith("bright") else [0.9, 0.1])
    return found


of_both.classes = ["dark", "bright"]


def test_missing_streams_has_every_subset(tmp_path):
    names = ["dark", "bright"]
    levels = [np.full((8, 8, 3), 20 + 180 * (i % 2), np.uint8) for i in range(8)]
    streams = [{"image": level, "text": f"{names[i % 2]} {i}"} for i, level in enumerate(levels)]
    data = [stress.Sample(f"s{i}", each, names[i % 2]) for i, each in enumerate(streams)]
    found = missing_streams(of_both, data, tmp_path / "run", **QUIET)
    assert found.source == "made on the fly"
    cells = {r["cell"]: r["value"] for r in found.run.table("cells").to_pylist() if r["metric"] == "accuracy"}
    for fill in ("none", "zeros", "mean"):
        some = [cells[f"lost:{lost},fill={fill}"] for lost in ("image", "text")]
        assert found.numbers[f"mean_{fill}"].value == pytest.approx(np.mean(some))
        assert found.numbers[f"worst_{fill}"].value == pytest.approx(min(some))
        assert found.numbers[f"mmi_{fill}"].value == pytest.approx((cells["clean"] - np.mean(some)) / cells["clean"])
        assert found.conditions[f"image+text, fill {fill}", 2].value == cells[f"lost:image+text,fill={fill}"]
    assert found.numbers["clean"].value == cells["clean"] == 1
    assert EXAMPLES.streams(of_both, data, tmp_path / "example") == found.numbers["mean_zeros"]


def test_one_stream_cannot_be_missing_beside_another(tmp_path):
    data = [stress.Sample(f"s{i}", {"text": "some words"}, "ab"[i % 2]) for i in range(4)]

    def same(batch):
        return [[0.6, 0.4]] * batch.size

    with pytest.raises(stress.InputError, match="at least two streams"):
        missing_streams(same, data, tmp_path / "run", **QUIET)


def test_classes_are_those_of_cifar_10():
    assert sorted(CIFAR10) == list(CIFAR10)
