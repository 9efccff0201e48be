"""Any augmenter of nlpaug: seeded, alone, the same in every process; its crashes and odd answers are clear errors."""

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import perturbations
import scenarios
import stress
from perturbations import InputError, Sample
from stress.testing import check_perturbation

pytest.importorskip("nlpaug")
pytestmark = pytest.mark.filterwarnings("ignore")
TEXT = "The quick brown foxes really received their beautiful letters because it is definitely necessary to believe."
WORKING = ("KeyboardAug", "OcrAug", "RandomCharAug", "RandomWordAug", "SpellingAug", "SplitAug")


@pytest.mark.parametrize("name", WORKING)
def test_the_laws_hold(name):
    check_perturbation(f"nlpaug:{name}", TEXT)


@pytest.mark.parametrize("name", WORKING)
def test_it_changes_the_text_and_leaves_the_generators(name):
    before = random.getstate(), np.random.get_state()[1].tobytes()
    assert perturbations.apply(f"nlpaug:{name}", TEXT) != TEXT
    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before


def answers(name):
    return [perturbations.apply(f"nlpaug:{name}", TEXT, sample=str(i)) for i in range(40)]


@pytest.mark.parametrize("name", WORKING)
def test_threads_do_not_disturb_each_other(name):
    alone = answers(name)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(answers, [name] * 4)) == [alone] * 4


def test_spelling_does_not_depend_on_the_hash_seed():
    code = (
        "import warnings; warnings.simplefilter('ignore'); from tests.test_nlpaug_adapter import answers; "
        "import sys; sys.stdout.reconfigure(encoding='utf-8'); print(answers('SpellingAug'))"
    )
    here = os.environ.get("PYTHONHASHSEED")  # none: another one in each process
    printed = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": "17" if here != "17" else "0"}, check=True,
        capture_output=True, cwd=Path(__file__).resolve().parents[1],
    ).stdout  # fmt: skip
    assert printed.decode().splitlines() == str(answers("SpellingAug")).splitlines()
    assert len(set(answers("SpellingAug"))) > 10


def test_a_second_dictionary_is_used(tmp_path):
    for wrong in ("foxez", "phoxes"):
        path = tmp_path / f"{wrong}.txt"
        path.write_text(f"foxes {wrong}\n", encoding="utf-8")
        after = perturbations.apply("nlpaug:SpellingAug", TEXT, dict_path=str(path))
        assert wrong in after


SUITE = """
suite: nlpaug@1
scenarios:
  keys: {text: {name: "nlpaug:KeyboardAug", levels: {aug_char_p: [0.1, 0.3, 0.6]}}}
  spelling: {text: {name: "nlpaug:SpellingAug", levels: {aug_p: [0.1, 0.3, 0.6]}}}
severities: [1, 2, 3]
"""


def test_records_are_equal_for_one_worker_and_four(tmp_path):
    samples = [Sample(str(i), {"text": f"{TEXT} {i} {TEXT[i:]}"}, target="even" if i % 2 else "odd") for i in range(24)]

    def model(batch):
        return ["even" if len(text.encode()) + text.count("e") & 1 else "odd" for text in batch["text"]]

    python = random.getstate()
    runs = [
        stress.run(model, samples, scenarios.loads(SUITE), tmp_path / str(workers), workers=workers, batch_size=4)
        for workers in (1, 4)
    ]
    assert random.getstate() == python
    one, other = (run.records().drop_columns(["seconds"]).to_pylist() for run in runs)
    assert one == other
    assert {row["status"] for row in one} <= {"ok", "unchanged"}


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_white_space_stays(text):
    assert perturbations.apply("nlpaug:KeyboardAug", text) == text


@pytest.mark.parametrize(
    ("name", "keywords", "message"),
    [
        ("KeybordAug", {}, "is not a text augmenter of nlpaug. Did you mean KeyboardAug"),
        ("KeyboardAug", {"aug_pp": 1}, "unknown parameter 'aug_pp'. Did you mean"),
        ("KeyboardAug", {"lang": "tlh"}, "cannot be built from {'lang': 'tlh'}"),
        ("RandomCharAug", {"action": "explode"}, "cannot be built from|failed on"),
        (
            "ContextualWordEmbsAug",
            {},
            "model_path must be a local path, got 'bert-base-uncased'. Nothing is",
        ),
        ("BackTranslationAug", {}, "from_model_name must be a local path"),
        ("KeyboardAug", {"stopwords": {1, 2}}, "parameters must be numbers, names or lists"),
    ],
)
def test_what_cannot_be_done_is_one_clear_error(name, keywords, message):
    with pytest.raises(InputError, match=message):
        perturbations.apply(f"nlpaug:{name}", TEXT, **keywords)


def test_crashes_and_odd_answers_are_clear_errors(monkeypatch):
    import nlpaug.augmenter.char as nac

    def explode(self, data):
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr(nac.OcrAug, "augment", explode)
    with pytest.raises(InputError, match=r"nlpaug:OcrAug: failed on 'The quick.*deep inside"):
        perturbations.apply("nlpaug:OcrAug", TEXT)
    for odd in ([], ["one", "two"], None, 7):
        monkeypatch.setattr(nac.OcrAug, "augment", lambda self, data, odd=odd: odd)
        with pytest.raises(InputError, match="nlpaug:OcrAug: must answer one text, got"):
            perturbations.apply("nlpaug:OcrAug", TEXT)
