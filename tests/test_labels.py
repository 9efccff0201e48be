"""A label is one thing: every spelling of the same classes gives the same tables, through every door."""

import enum
import json
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import stress
from perturbations import InputError, ModelError, Sample
from perturbations.labels import alike, label, missing, names_of, ordered
from stress.data import from_samples, load_data
from stress.tasks import Classification, MultiLabel

Twelve = enum.Enum("Twelve", [f"c{i}" for i in range(12)])
SUITE = {"suite": "s@1", "severities": [1], "scenarios": {"typos": {"text": "keyboard_typos"}}}
WORDS = "the quick brown fox jumps over the lazy dog every day of the week"


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        ([3, 3.0, "3", " 3", "3.0", b"3", np.int64(3), np.float32(3), torch.tensor(3), torch.tensor([3.0]), [3],
          np.array(3), np.array([3]), Decimal("3.0"), torch.tensor(3.0, requires_grad=True)], "3"),
        ([-2, "-2.0", -2.0], "-2"),
        ([0, -0.0, "-0.0", 0.0], "0"),
        ([1e16, "1e+16", 10**16], "10000000000000000"),
        ([0.5, np.float32(0.5), "0.5"], "0.5"),
        ([np.float32(0.1), 0.1, torch.tensor(0.1), np.array([0.1], np.float32)], "0.1"),
        ([True, np.True_, torch.tensor(True)], "True"),
        (["cat", "cat ", b"cat", np.str_("cat"), enum.Enum("E", ["cat"]).cat, np.array("cat")], "cat"),
        (["e\u0301t\u00e9", "\u00e9te\u0301"], "\u00e9t\u00e9"),
        ([2**53 + 1, str(2**53 + 1), np.int64(2**53 + 1), Decimal(2**53 + 1)], str(2**53 + 1)),
        ([Fraction(1, 2)], "1/2"),
        ([date(2020, 1, 1), np.datetime64("2020-01-01"), "2020-01-01"], "2020-01-01"),
        ([datetime(2020, 1, 1, 6), pd.Timestamp("2020-01-01 06:00"), np.datetime64("2020-01-01T06", "ns"),
          np.datetime64("2020-01-01T06", "s")], "2020-01-01 06:00:00"),
        ([datetime(2020, 1, 1), pd.Timestamp("2020-01-01"), "2020-01-01 00:00:00", "2020-01-01T00:00:00.000",
          "2020-01-01", np.datetime64("2020-01-01", "ns"), date(2020, 1, 1)], "2020-01-01"),
        (["\ufeffcat", "cat\u200b", "\u200ecat", bytearray(b"cat"), memoryview(b"cat")], "cat"),
        (["\u200d\u0915"], "\u200d\u0915"),
        (["01"], "01"),
        (["1.10"], "1.10"),
        (["1e5"], "1e5"),
    ],
)  # fmt: skip
def test_one_name_for_every_spelling(spellings, name):
    assert {label(each) for each in spellings} == {name}
    assert label(label(spellings[0])) == name


@pytest.mark.parametrize(
    "nothing",
    [
        None,
        float("nan"),
        np.nan,
        np.float32("nan"),
        pd.NA,
        pd.NaT,
        np.datetime64("NaT"),
        np.ma.masked,
        "",
        "  ",
        "\u200b",
    ],
)
def test_missing_is_missing(nothing):
    assert label(nothing) is None
    assert missing(nothing) or isinstance(nothing, str)
    with pytest.raises(InputError, match="missing"):
        Classification(("a", "b")).check_targets(["a", nothing])


@pytest.mark.parametrize("junk", [["a", "b"], {"a": 1}, object(), np.zeros(3), {"a"}, b"\xff", "a\ud800", 1 + 0j])
def test_what_is_no_label_is_refused(junk):
    with pytest.raises(InputError, match="label: "):
        label(junk)


@given(st.lists(st.sampled_from(["1", "01", "001", "2", "10", "-1"]), unique=True, min_size=1))
def test_numbers_have_one_order(names):
    found = ordered(names)
    assert found == ordered(reversed(names)) == ordered(set(names))
    assert [int(name) for name in found] == sorted(int(name) for name in names)


def test_numbers_of_any_script_have_the_order_of_numbers():
    arabic = [chr(0x660 + n) if n < 10 else chr(0x661) + chr(0x660 + n - 10) for n in range(12)]
    assert ordered(arabic[::-1]) == tuple(arabic)
    assert ordered(["+10", "+9", "-1", "2"]) == ("-1", "2", "+9", "+10")
    assert alike(["3", "\u0663", "+3", "3\u200b\u00ad"]) == [("+3", "3", "3\u200b\u00ad", "\u0663")]


def test_names_that_differ_by_spelling_are_found():
    assert alike(["1", "01", "001", "2"]) == [("1", "01", "001")]
    assert alike(["Cat", "cat", "dog"]) == [("Cat", "cat")]
    assert alike(["ﬁne", "fine"]) == [("fine", "ﬁne")]
    assert alike(["a", "b", "1.5", "2.5"]) == []
    assert alike([str(2**53), str(2**53 + 1)]) == []
    assert alike(["-0", "0", "0.50", ".5", "00.5"]) == [("0", "-0"), ("0.50", "00.5")]


@given(st.lists(st.sampled_from(["1", "01", "1.0", "-1", "-01", "a", "A", "a b", "ab", " a", "é", "e\u0301", "", "x"])))
def test_alike_names_are_those_that_are_alike_two_by_two(names):
    pairs = {frozenset((a, b)) for a in names for b in names if a != b and alike([a, b])}
    groups = alike(names)
    assert pairs == {frozenset((a, b)) for group in groups for a in group for b in group if a != b}


def test_a_sample_takes_numbers_for_names():
    sample = Sample(17, {"text": "x"}, 3, groups={"age": 3, "ward": 2.0, "none": None, "gap": float("nan")}, sequence=0)
    assert (sample.id, sample.sequence, sample.groups) == ("17", "0", {"age": "3", "ward": "2"})
    with pytest.raises(InputError, match="id must be"):
        Sample(None, {"text": "x"})


# Doors: the same twelve classes, 96 samples, as each kind writes them ------------------------------------------------
TRUTH = [i % 12 for i in range(96)]


def of_python(targets, path):
    return from_samples([Sample(i, {"text": f"{i} {WORDS}"}, t) for i, t in enumerate(targets)])


def of_frame(targets, path, suffix):
    frame = pd.DataFrame({"id": range(len(targets)), "text": [f"{i} {WORDS}" for i in range(len(targets))]})
    frame["label"] = pd.Series(targets)
    file = path / f"samples{suffix}"
    if suffix == ".csv":
        frame.to_csv(file, index=False)
    elif suffix == ".parquet":
        frame.to_parquet(file)
    else:
        frame.to_json(file, orient="records", lines=True)
    return load_data(str(file))


DOORS = {
    "python": of_python,
    "csv": lambda t, p: of_frame(t, p, ".csv"),
    "jsonl": lambda t, p: of_frame(t, p, ".jsonl"),
    "parquet": lambda t, p: of_frame(t, p, ".parquet"),
}
KINDS = {
    "int": TRUTH,
    "float": [float(t) for t in TRUTH],
    "text": [str(t) for t in TRUTH],
    "float as text": [f"{t}.0" for t in TRUTH],
    "space": [f" {t}" for t in TRUTH],
}
PYTHON_ONLY = {
    "numpy": list(np.array(TRUTH, np.uint8)),
    "float32": list(np.array(TRUTH, np.float32)),
    "tensor": [torch.tensor(t) for t in TRUTH],
    "bytes": [str(t).encode() for t in TRUTH],
    "one-hot": list(np.eye(12)[TRUTH]),
    "one-hot tensor": list(torch.eye(12)[TRUTH]),
    "one-hot list": np.eye(12, dtype=int)[TRUTH].tolist(),
}


def perfect(batch):
    """Right on clean input, by the number at the head of the text; columns in numerical order."""
    found = np.full((batch.size, 12), 0.01)
    for row, text in enumerate(batch["text"]):
        head = (text or "").split(" ")[0]
        found[row, int(head) % 12 if head.isdecimal() else 0] = 0.89
    return found


def summary(run):
    rows = [r for r in run.table("curves").to_pylist() if r["severity"] == 0]
    rows += [r for r in run.table("cells").to_pylist() if r["cell"] == "clean"]
    return {r["metric"]: r["value"] for r in rows if r["metric"] in ("accuracy", "mcc", "macro_recall", "recall_macro")}


def run_of(model, data, path, **options):
    return stress.run(model, data, SUITE, path / "run", workers=1, **options)


def right(run):
    found = summary(run)
    assert found.get("accuracy") == 1, found
    assert all(value == pytest.approx(1) for value in found.values()), found
    return run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("door", DOORS)
def test_a_perfect_model_is_perfect(kind, door, tmp_path):
    run = right(run_of(perfect, DOORS[door](KINDS[kind], tmp_path), tmp_path))
    assert run.info["classes"] == [str(i) for i in range(12)]
    assert sorted(set(run.samples["target"].to_pylist()), key=int) == [str(i) for i in range(12)]


@pytest.mark.parametrize("kind", PYTHON_ONLY)
def test_a_perfect_model_is_perfect_whatever_scalars_are_given(kind, tmp_path):
    run = right(run_of(perfect, of_python(PYTHON_ONLY[kind], tmp_path), tmp_path))
    assert run.info["classes"] == [str(i) for i in range(12)]


def test_enum_members_go_by_name(tmp_path):
    members = list(Twelve)

    def predict(batch):
        return [members[int(row.argmax())] for row in perfect(batch)]

    predict.classes = Twelve
    run = right(run_of(predict, of_python([members[t] for t in TRUTH], tmp_path), tmp_path))
    assert run.info["classes"] == [member.name for member in members]


Numbered = enum.IntEnum("Numbered", {"cat": 2, "dog": 1, "eel": 0})
Spelled = enum.StrEnum("Spelled", {"cat": "eel", "dog": "cat", "eel": "dog"})
Flagged = enum.IntFlag("Flagged", {"cat": 4, "dog": 1, "eel": 2})
ROWS = {
    "list": list,
    "tuple": tuple,
    "of one each": lambda members: [(member,) for member in members],
    "objects": lambda members: np.array([*members, None], object)[:-1],
    "series": lambda members: pd.Series(members, dtype=object),
    "generator": iter,
}


@pytest.mark.parametrize("members", [Numbered, Spelled, Flagged])
@pytest.mark.parametrize("kind", ROWS)
def test_a_member_that_is_a_number_or_a_text_too_is_its_name(members, kind):
    """Read by their values, these would be positions in, or names of, other classes."""
    given = [list(members)[i % 3] for i in range(24)]
    names = [member.name for member in given]
    task = Classification(names_of(given))
    assert task.classes == ("cat", "dog", "eel")
    answers = ROWS[kind](given)
    assert list(task.settle(given, given).score(answers, given)["score"]) == [1.0] * 24
    several = MultiLabel(("cat", "dog", "eel")).settle([given[:2]] * 9, [names[:2]] * 9)
    assert several.check_targets([given[:2], given[2], {given[1]}]) is None
    assert list(several.score([given[:2]], [names[:2]])["score"]) == [1.0]


def test_scalars_of_arrow_are_what_they_hold():
    for value in (3, "cat", 0.5, date(2020, 1, 1), datetime(2020, 1, 1, 6), True, Decimal("2.0"), b"cat"):
        assert label(pa.scalar(value)) == label(value)
    for kind in (pa.null(), pa.int64(), pa.string(), pa.timestamp("ns")):
        assert missing(pa.scalar(None, kind))
        assert label(pa.scalar(None, kind)) is None
    assert missing(pa.scalar(float("nan")))
    assert label(pa.array(["cat"]).dictionary_encode()[0]) == "cat"
    assert names_of([pa.scalar([0, 1, 0])]) == ("0", "1", "2")
    with pytest.raises(InputError, match="label: "):
        label(pa.scalar({"a": 1}))


@pytest.mark.parametrize("door", ["csv", "jsonl", "parquet"])
def test_one_hot_targets_of_a_manifest(door, tmp_path):
    hot = np.eye(12, dtype=int)[TRUTH].tolist()
    right(run_of(perfect, DOORS[door](hot, tmp_path), tmp_path))


@pytest.mark.parametrize("door", DOORS)
def test_labels_from_1_are_labels_and_no_positions(door, tmp_path):
    data = DOORS[door]([t + 1 for t in TRUTH], tmp_path)
    right(run_of(lambda batch: perfect(batch).argmax(axis=1) + 1, data, tmp_path))


def test_two_readings_of_whole_numbers_are_refused_by_name_before_the_grid(tmp_path):
    data = of_python([t + 1 for t in TRUTH], tmp_path)

    def predict(batch):
        return perfect(batch).argmax(axis=1)

    with pytest.raises(ModelError, match=r"class names .* or positions .*answers=\"labels\""):
        run_of(predict, data, tmp_path)
    assert not (tmp_path / "run").exists()
    right(run_of(predict, data, tmp_path, answers="positions"))


@pytest.mark.parametrize("door", DOORS)
def test_a_missing_label_is_refused_everywhere(door, tmp_path):
    with pytest.raises(InputError, match=r"missing|empty"):
        run_of(perfect, DOORS[door]([None, *TRUTH[1:]], tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("target", "words"),
    [([1, 1, 0], "multi-hot"), ([0.2, 0.5, 0.3], "soft labels"), ([1, 0], "2 entries"), ([0, 0, 0], "multi-hot")],
)
def test_vectors_that_name_no_one_class_are_refused_by_form(target, words):
    with pytest.raises(InputError, match=words):
        Classification(("a", "b", "c")).check_targets([target])


def test_multi_hot_and_lists_of_ints_are_the_same_labels():
    sets = [[0, 11], [3], [2, 10], []]
    multi = np.zeros((4, 12), int)
    for row, labels in zip(multi, sets):
        row[labels] = 1
    names = tuple(map(str, range(12)))
    task = MultiLabel(names)
    kinds = [sets, multi.tolist(), list(multi), list(torch.tensor(multi)), [str(s) for s in sets], list(multi > 0)]
    wanted = [[str(label_) for label_ in labels] for labels in sets]
    for targets in kinds:
        assert task.read_targets(targets) == wanted
    for answers in (
        sets,
        [set(s) for s in sets],
        multi,
        multi.tolist(),
        multi.astype(float),
        [np.array(s) for s in sets],
    ):
        found = task.settle(answers, wanted).score(answers, wanted)
        assert found["score"].tolist() == [1, 1, 1, 1]
    with pytest.raises(InputError, match="multi-hot target must have 3 entries"):
        MultiLabel(("a", "b", "c")).read_targets([[1, 0, 1, 0], [0, 0, 1, 1]])
    with pytest.raises(InputError, match="the labels 0 and 1, or one entry"):
        MultiLabel(("0", "1")).read_targets([[0, 1], [1, 0]])


SPELL = [
    int,
    float,
    str,
    lambda n: f" {n}",
    lambda n: f"{n}.0",
    np.int32,
    np.float64,
    torch.tensor,
    lambda n: str(n).encode(),
]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 7).flatmap(
        lambda k: st.tuples(
            st.just(k),
            st.permutations(range(k)),
            st.lists(st.tuples(st.integers(0, k - 1), st.integers(0, 3)), min_size=k, max_size=20),
            st.lists(st.sampled_from(SPELL), min_size=40, max_size=40),
        )
    )
)
def test_any_permutation_and_spelling_gives_the_same_scores(case):
    """Scores that tie, too: who comes first is drawn by sample and class name, not by column."""
    k, order, pairs, spell = case
    truth = [t for t, _ in pairs]
    scores = np.array([[(t * 7 + c * level) % 3 for c in range(k)] for t, level in pairs], float) - 1
    plain = Classification(tuple(map(str, range(k))), answers="logits").score(scores, [str(t) for t in truth])
    classes = [spell[i](c) for i, c in enumerate(order)]
    targets = [spell[20 + i % 20](t) for i, t in enumerate(truth)]
    other = Classification(tuple(classes), answers="logits").score(scores[:, list(order)], targets)
    for name, values in plain.items():
        assert (
            list(other[name]) == pytest.approx(list(values))
            if name not in ("prediction", "invalid")
            else (other[name] == values)
        )
    frame = pd.DataFrame(scores[:, list(order)], columns=[str(c) for c in order])
    named = Classification(tuple(map(str, range(k))), answers="logits").score(frame, targets)
    assert named["prediction"] == plain["prediction"]
    assert names_of(targets) == ordered({str(t) for t in truth})


def test_the_order_of_likely_names_does_not_follow_the_hash_seed(tmp_path):
    data = of_python([["1", "01", "001"][i % 3] for i in range(30)], tmp_path)
    assert data.classes == ("1", "01", "001")
    run = run_of(lambda batch: ["1"] * batch.size, data, tmp_path)
    (line,) = [c for c in run.info["preflight"] if c["name"] == "labels"]
    assert line["outcome"] == "warning"
    assert "'1' and '01' and '001'" in line["says"]


def test_a_json_label_that_is_null_or_empty(tmp_path):
    rows = [{"text": WORDS, "label": "a"}, {"text": WORDS, "label": None}]
    (tmp_path / "s.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match=r"s.jsonl:2: label is empty"):
        load_data(str(tmp_path / "s.jsonl"))
    parquet.write_table(pa.table({"text": [WORDS] * 2, "label": pa.array([1.0, np.nan])}), tmp_path / "s.parquet")
    with pytest.raises(InputError, match="label is empty"):
        load_data(str(tmp_path / "s.parquet"))


# What a table's cells hold, as they are ------------------------------------------------------------------------------
Float = enum.Enum("Float", {f"c{i}": float(i) for i in range(12)})
Whole = enum.IntEnum("Whole", {f"c{i}": i for i in range(12)})
CELLS = {
    "bytes": ([str(t).encode() for t in TRUTH], "parquet frame"),
    "float16": ([np.float16(t) for t in TRUTH], "parquet frame csv jsonl"),
    "np.str_": ([np.str_(t) for t in TRUTH], "parquet frame csv jsonl"),
    "Decimal": ([Decimal(f"{t}.00") for t in TRUTH], "parquet frame csv"),
    "Int64": (pd.Series(TRUTH, dtype="Int64"), "parquet frame csv jsonl"),
    "categories": (pd.Series(pd.Categorical(TRUTH)), "parquet frame csv jsonl"),
    "tensors": ([torch.tensor(t) for t in TRUTH], "frame"),
    "bfloat16": ([torch.tensor(float(t), dtype=torch.bfloat16) for t in TRUTH], "frame"),
    "Arrow scalars": ([pa.scalar(t) for t in TRUTH], "frame"),
    "lists of one": ([[t] for t in TRUTH], "parquet frame jsonl"),
    "texts in lists": ([[str(t)] for t in TRUTH], "parquet frame jsonl"),
    "one-hot arrays": (list(np.eye(12)[TRUTH]), "parquet frame jsonl"),
    "one-hot series": ([pd.Series(row) for row in np.eye(12)[TRUTH]], "frame"),
    "mixed": ([(int, float, np.int8, lambda n: str(n).encode())[i % 4](t) for i, t in enumerate(TRUTH)], "frame"),
}


@pytest.mark.parametrize(
    ("kind", "door"), [(kind, door) for kind, (_, doors) in CELLS.items() for door in doors.split()]
)
def test_a_cell_is_read_as_what_it_is(kind, door, tmp_path):
    frame = pd.DataFrame({"text": [f"{i} {WORDS}" for i in range(len(TRUTH))], "label": pd.Series(CELLS[kind][0])})
    made = {"csv": lambda f: frame.to_csv(f, index=False), "parquet": frame.to_parquet,
            "jsonl": lambda f: frame.to_json(f, orient="records", lines=True)}  # fmt: skip
    if door != "frame":
        made[door](tmp_path / f"a.{door}")
    data = load_data(frame if door == "frame" else str(tmp_path / f"a.{door}"))
    assert data.classes == tuple(map(str, range(12)))
    task = Classification(data.classes)
    assert task.read_targets(data.targets) == [str(t) for t in TRUTH]


@pytest.mark.parametrize("members", [Float, Whole])
def test_enum_members_in_a_frame_go_by_name(members):
    data = load_data(pd.DataFrame({"text": ["a", "b"], "label": pd.Series(list(members)[:2], dtype=object)}))
    assert data.classes == ("c0", "c1")


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_fractions_in_single_precision_keep_their_name(dtype, tmp_path):
    frame = pd.DataFrame({"text": ["a", "b"], "label": np.array([0.1, 0.5], dtype)})
    assert load_data(frame).classes == ("0.1", "0.5")
    parquet.write_table(pa.table({"text": ["a", "b"], "label": frame["label"].to_numpy()}), tmp_path / "a.parquet")
    assert load_data(str(tmp_path / "a.parquet")).classes == ("0.1", "0.5")


@pytest.mark.parametrize("door", ["csv", "jsonl", "parquet", "frame"])
def test_ids_groups_and_sequences_that_are_numbers_are_named_as_labels_are(door, tmp_path):
    frame = pd.DataFrame({"id": [1.0, 2.0, 3.0], "text": list("abc"), "label": list("xyx"), "time": [0, 1, 2],
                          "group:age": [3.0, None, 4.0], "sequence": [1.0, 1.0, 2.0]})  # fmt: skip
    made = {"csv": lambda f: frame.to_csv(f, index=False), "parquet": frame.to_parquet,
            "jsonl": lambda f: frame.to_json(f, orient="records", lines=True)}  # fmt: skip
    if door != "frame":
        made[door](tmp_path / f"a.{door}")
    data = load_data(frame if door == "frame" else str(tmp_path / f"a.{door}"))
    python = from_samples([Sample(1.0, {"text": "a"}, "x", {"age": 3.0}, sequence=1.0, time=0)])
    assert (data.ids, data.sequences) == (["1", "2", "3"], ["1", "1", "2"])
    assert list(data.index.groups["age"]) == ["3", None, "4"]
    assert (python[0].id, python[0].groups, python[0].sequence) == (data[0].id, data[0].groups, data[0].sequence)


@pytest.mark.parametrize("cell", [{"name": "a"}, {"left": 0, "right": 1}])
@pytest.mark.parametrize("door", ["jsonl", "parquet", "frame"])
def test_a_cell_that_is_no_label_is_refused_with_its_line(cell, door, tmp_path):
    rows = [{"text": WORDS, "label": cell}] * 2
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r":[01]: label: must be one label"):
        load_data(
            pd.DataFrame({"text": [WORDS] * 2, "label": [cell] * 2}) if door == "frame" else tmp_path / f"a.{door}"
        )


@pytest.mark.parametrize(
    "text",
    ["b'3'", "tensor(3)", "tensor(0., dtype=torch.bfloat16)", "array([1, 0])", "np.float64(3.0)", "<memory at 0x7f22>",
     "<built-in function len>", "[[0.]\n [1.]]", "['3']", "[3]", "{'label': 3}", "(1+0j)", "0    1.0\ndtype: float64"],
)  # fmt: skip
def test_the_text_of_an_object_is_no_class(text):
    with pytest.raises(InputError, match="the text that Python shows of an object"):
        Classification((text, "b"))


@pytest.mark.parametrize(
    "text", ["[0, 10)", "(0, 1]", "bob", "tensor", "<unk>", "a [b]", "b'ah", "array of dogs", "{}"]
)
def test_names_that_look_a_little_like_objects_are_classes(text):
    assert Classification((text, "b")).classes[0] == text
