"""What two pages of the docs say, sentence by sentence, is what happens; a sentence that is changed fails here."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import stress
from perturbations import InputError, ModelError, Sample
from perturbations.labels import alike, label, ordered
from stress.tasks import (
    Classification,
    FreeText,
    MultiLabel,
    Regression,
    Retrieval,
    Transcription,
)

DOCS = Path(__file__).resolve().parents[1] / "docs"
ABC = ("a", "b", "c")
SURE = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]] * 4)
RIGHT = list("abc") * 4


def said(page, *phrases):
    text = " ".join((DOCS / page).read_text(encoding="utf-8").split())
    for phrase in phrases:
        assert " ".join(phrase.split()) in text, phrase


def form(given, classes=ABC, targets=None, **declared):
    return Classification(tuple(classes), **declared).settle(given, targets or [classes[0]] * len(given)).answers


def read(answers, targets, classes=ABC, **declared):
    task = Classification(tuple(classes), **declared).settle(answers, targets)
    return list(task.score(answers, targets)["score"])


def test_which_labels_are_one_and_which_are_not():
    said("answers.md", "`01`, `+1`, `1` and `１` | four labels, with a warning; so are `Cat` and `cat`")
    four = ["01", "+1", "1", "１"]
    assert len({label(each) for each in four}) == 4
    assert len(alike(four)[0]) == 4
    assert alike(["Cat", "cat"])
    said(
        "answers.md",
        "by size where all are numbers, of any script (`2` before `10`; `1`, `01`, `001`), else by their text",
    )
    assert ordered(["10", "2"]) == ("2", "10")
    assert ordered(["001", "1", "01"]) == ("1", "01", "001")
    assert ordered(["10", "2", "x"]) == ("10", "2", "x")
    said("answers.md", "`b'3'`, `tensor(3)`, `['cat']`, as a CSV holds them")
    for text in ("b'3'", "tensor(3)", "['cat']"):
        with pytest.raises(InputError, match="text that Python shows"):
            Classification((text, "x"))


def test_names_of_columns_win():
    said("answers.md", "of a DataFrame, an Arrow table, a structured array, a dict of columns, a dict for each row")
    turned = SURE[:, [2, 0, 1]]
    frame = pd.DataFrame(turned, columns=["c", "a", "b"])
    kinds = [
        frame,
        pa.Table.from_pandas(frame),
        np.rec.fromarrays(turned.T, names="c,a,b"),
        {name: turned[:, i] for i, name in enumerate("cab")},
        [dict(zip("cab", row)) for row in turned],
    ]
    for kind in kinds:
        assert read(kind, RIGHT) == [1.0] * 12


def test_vectors_as_targets():
    said(
        "answers.md",
        "One-hot targets (one entry a class, a single 1) are read as the class at that place; multi-hot ones",
    )
    assert read(SURE, np.eye(3)[[0, 1, 2] * 4].tolist()) == [1.0] * 12
    with pytest.raises(InputError, match="task multilabel"):
        Classification(ABC).check_targets([[1, 1, 0]])
    said("answers.md", "Soft labels, or vectors of another length, are refused by name.")
    with pytest.raises(InputError, match="soft labels"):
        Classification(ABC).check_targets([[0.5, 0.5, 0]])
    with pytest.raises(InputError, match="vector of 4 entries"):
        Classification(ABC).check_targets([[0, 0, 0, 1]])
    said(
        "answers.md",
        "Lists of two entries that may be the labels 0 and 1 or one entry each for two classes are refused",
    )
    with pytest.raises(InputError, match="labels 0 and 1, or one entry"):
        MultiLabel(("0", "1")).check_targets([[0, 1], [1, 0]])


@pytest.mark.parametrize("classes", [2, 3, 10, 50, 400])
def test_about_one_is_as_wide_as_it_says(classes):
    said("answers.md", '"About 1" is within .01 + min(classes, 50) / 256')
    names = tuple(map(str, range(classes)))
    even = np.full((12, classes), 1 / classes)
    width = 0.01 + min(classes, 50) / 256
    assert form(even * (1 + 0.99 * width), names) == "probabilities"
    assert form(even * (1 + 1.01 * width) - 1e-9, names) == "logits"


def test_what_scores_may_be():
    said(
        "answers.md",
        "percentages and bytes (rows that sum to about 100, 255 or 256), rows of which some sum to 1 and others do not",
    )
    for wrong in (100 * SURE, 255 * SURE, 256 * SURE, np.vstack([SURE, 3 * SURE])):
        with pytest.raises(ModelError, match="must answer probabilities that sum to 1, or logits"):
            form(wrong)
    said(
        "answers.md",
        "votes and shares (none below 0, the same sum in every row), and numbers from 0 to 1 that do not sum to 1",
    )
    for doubtful in (np.array([[5, 3, 2], [1, 1, 8]] * 6), np.array([[0.9, 0.8, 0.7], [0.2, 0.9, 0.4]] * 6)):
        task = Classification(ABC).settle(doubtful, ["a"] * 12)
        assert task.answers == "logits"
        assert ("answers", "warning") in [line[:2] for line in task.aloud(doubtful, ["a"] * 12)]
    said("answers.md", "`probabilities`, `logits`, `labels` (class names) or `positions`")
    for declared in ("probabilities", "logits"):
        assert form(SURE, answers=declared) == declared
    for declared in ("labels", "positions"):
        Classification(ABC, answers=declared)
    with pytest.raises(InputError):
        Classification(ABC, answers="scores")


def test_what_labels_may_be():
    said("answers.md", "n labels, or `(n, 1)` | class names")
    assert read(list("abc") * 4, RIGHT) == read([[x] for x in "abc"] * 4, RIGHT) == [1.0] * 12
    said("answers.md", "positions in the list of classes, from 0 – where no class is a whole number")
    assert read([0, 1, 2] * 4, RIGHT) == [1.0] * 12
    assert read([1, 2, 3] * 4, ["1", "2", "3"] * 4, ("1", "2", "3")) == [1.0] * 12
    said("answers.md", "`True` and `False` | class names where they are; else positions, of two classes")
    assert read([True, False] * 6, ["True", "False"] * 6, ("False", "True")) == [1.0] * 12
    assert read([True, False] * 6, ["yes", "no"] * 6, ("no", "yes")) == [1.0] * 12
    three = Classification(ABC, answers="labels").score([True, False, "c"], list("abc"))
    assert [why is None for why in three["invalid"]] == [False, False, True]


def test_the_other_tasks():
    said("answers.md", "A missing target is refused, an empty list means no label.")
    assert MultiLabel(ABC).check_targets([[]]) is None
    with pytest.raises(InputError, match="missing"):
        MultiLabel(ABC).check_targets([None])
    said("answers.md", "**regression**: n numbers, or `(n, 1)`. **retrieval**: `(n, candidates)` similarities.")
    for answers in ([1.0, 2.0], [[1.0], [2.0]], np.array([[1.0], [2.0]])):
        assert list(Regression().score(answers, [1.0, 2.0])["invalid"]) == [None, None]
    assert list(Retrieval(ABC).score(SURE[:3], list("abc"))["rank"]) == [1, 1, 1]
    said("answers.md", "words heard there are insertions, and of silence alone WER and CER are undefined")
    spoken = Transcription().score(["hello there", ""], ["…", "…"])
    assert list(spoken["insertions"]) == [2, 0]
    assert FreeText is not None


def test_one_bad_row_is_one_bad_record():
    said(
        "answers.md",
        '`None` ("no answer"), NaN, a label of no class, a value of the wrong type, a row of the wrong width, a text '
        "with a lone surrogate",
    )
    task = Classification(ABC).settle(RIGHT, RIGHT)
    for bad in (None, float("nan"), "z", object(), "a\ud800"):
        found = task.score(["a", bad, "c"], list("abc"))
        assert [why is None for why in found["invalid"]] == [True, False, True]
    scores = Classification(ABC).settle(SURE, RIGHT)
    for bad in (None, [0.5, 0.5], [np.nan, 0.5, 0.5], "a"):
        found = scores.score([list(SURE[0]), bad, list(SURE[2])], list("abc"))
        assert [why is None for why in found["invalid"]] == [True, False, True]


WORDS = "the quick brown fox jumps over the lazy dog"
SUITE = {"suite": "s@1", "severities": [1], "scenarios": {"typos": {"text": "keyboard_typos"}}}


def texts(count=24):
    return [Sample(f"s{i}", {"text": f"{i} {WORDS}"}, "ab"[i % 2]) for i in range(count)]


def first(batch):
    return ["ab"[int(re.sub(r"\D", "", text or "0")[:2] or 0) % 2] for text in batch["text"]]


first.classes = ["a", "b"]


def changed(batch):
    """Right on other samples than ``first``."""
    return ["a" for _ in batch["text"]]


changed.classes = ["a", "b"]


def test_a_model_that_is_another_is_refused_with_two_ways_out(tmp_path):
    said(
        "continuing.md",
        "`--fresh` begins a new run beside the old one, which is kept: `runs/core-2` beside `runs/core`",
    )
    said("continuing.md", "report says **mixed run** on top, and gates do not judge it (exit status 3)")
    stress.run(first, texts(), SUITE, tmp_path / "core", workers=1)
    with pytest.raises(stress.RunError, match=r"fresh.*accept"):
        stress.run(changed, texts(), SUITE, tmp_path / "core", workers=1)
    assert stress.run(changed, texts(), SUITE, tmp_path / "core", workers=1, fresh=True).path.name == "core-2"
    mixed = stress.run(changed, texts(), SUITE, tmp_path / "core", workers=1, accept_model="a comment moved")
    written = json.loads((tmp_path / "core" / "run.json").read_text(encoding="utf-8"))
    assert "a comment moved" in json.dumps(written)
    assert "Mixed run." in Path(mixed.report()).read_text(encoding="utf-8")


def test_what_may_change_and_what_may_not(tmp_path):
    said("continuing.md", "Workers, batch size, backend and time-out may change.")
    asked = []

    def counted(batch):
        asked.append(batch.size)
        return first(batch)

    counted.classes = ["a", "b"]
    stress.run(counted, texts(), SUITE, tmp_path / "r", workers=1)
    whole = sum(asked)
    asked.clear()
    stress.run(counted, texts(), SUITE, tmp_path / "r", workers=2, batch_size=5, timeout=100)
    assert sum(asked) < whole
    said("continuing.md", "Suite (name, version, every condition), versions of perturbations")
    said("continuing.md", "seed, task and classes, the ids of `--samples`, `--signals`")
    other = {**SUITE, "severities": [2]}
    for wrong in ({"suite": other}, {"seed": 1}, {"samples": ["s1", "s2"]}, {"signals": "all"}):
        given = {"suite": SUITE, "workers": 1, **wrong}
        with pytest.raises(stress.RunError):
            stress.run(counted, texts(), out=tmp_path / "r", **given)


def test_samples_that_are_gone_or_are_others_are_refused_by_name(tmp_path):
    said("continuing.md", "A sample that is gone, or that has other content, target or groups, is refused by its name.")
    stress.run(first, texts(), SUITE, tmp_path / "r", workers=1)
    gone = [sample for sample in texts() if sample.id != "s7"]
    content, target, group = texts(), texts(), texts()
    content[7] = Sample("s7", {"text": f"7 {WORDS} again"}, "b")
    target[7] = Sample("s7", texts()[7].streams, "a")
    group[7] = Sample("s7", texts()[7].streams, "b", groups={"who": "x"})
    for data in (gone, content, target, group):
        with pytest.raises(stress.RunError, match="s7"):
            stress.run(first, data, SUITE, tmp_path / "r", workers=1)
    said("continuing.md", "The data may come **in another order**, and they may be **extended**")
    assert len(stress.run(first, texts(30)[::-1], SUITE, tmp_path / "r", workers=1).samples) == 30
