"""Sentiment of texts: there with a lexicon only, bounded, what the lexicon says, and watched like any other signal."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stress
from perturbations import InputError, Sample
from perturbations.modality import Lexicon, load_lexicon, modality
from stress.monitor import Monitor, MonitorOptions, line_arrivals, open_history, read_reference
from stress.policy._evidence import _signals
from stress.records.frame import Frame
from tests.monitor_world import lines

LEXICON = "good\t1.9\t0.9434\t[2, 1]\nlovely\t2.8\nbad\t-2.5\t0.67082\nawful\t-2\r\n:)\t2.0\n\n"
PLAIN = ["the", "street", "train", "to", "a", "city", "is", "on", "time", "and", "we", "walk", "home"]
TEXT = modality("text")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("lexicon") / "own.txt"
    path.write_bytes(LEXICON.encode())
    return path


@pytest.fixture(scope="module")
def lexicon(path):
    return load_lexicon(path)


def sentiment(text, lexicon):
    return TEXT.signals(text, "cheap", lexicon)["sentiment"]


def compound(total):
    return total / np.sqrt(total**2 + 15)


def test_there_is_a_sentiment_with_a_lexicon_only(lexicon):
    assert "sentiment" not in TEXT.signals("a good day")
    assert "sentiment" not in TEXT.signals.all
    assert "sentiment" not in modality("image").signals(np.zeros((8, 8, 3), np.uint8), "cheap", lexicon)
    (one,) = [each for each in TEXT.signals.chosen("cheap", lexicon) if each.name == "sentiment"]
    assert "Hutto and Gilbert 2014" in one.source


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("a Good, lovely day", 4.7),
        ("bad!", -2.5),
        ("not good", -0.74 * 1.9),
        ("it isn't so very much good", 1.9),  # four words before
        ("it isn't that good", -0.74 * 1.9),
        ("fine :)", 2.0),
        ("nothing that it knows", 0.0),
    ],
)
def test_a_sentence_is_worth_what_the_lexicon_says_of_its_words(text, total, lexicon):
    assert sentiment(text, lexicon) == pytest.approx(compound(total))


def test_a_text_is_the_mean_of_its_sentences_and_none_has_none(lexicon):
    assert sentiment("Good. Bad!\nAwful", lexicon) == pytest.approx(np.mean([compound(x) for x in (1.9, -2.5, -2)]))
    assert np.isnan(sentiment("", lexicon))
    assert np.isnan(sentiment(" \n", lexicon))


def _known():
    try:
        return load_lexicon("vader")
    except InputError:
        return Lexicon("own", "", {"a": 1.0, "0": -4.0})


KNOWN = _known()


@given(st.text(max_size=80))
def test_it_stays_between_its_ends_whatever_the_text(text):
    found = sentiment(text, KNOWN)
    assert np.isnan(found) or -1 <= found <= 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "must have lines of a word"),
        (b"good\t1\nbad\n", "line 2 must be a word, a tab and a valence"),
        (b"good\tmuch\n", "line 1"),
        (b"good\t5\n", "from −4 to 4"),
        (b"good\tnan\n", "line 1"),
        (b"\t1\n", "line 1"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_what_is_no_lexicon_is_refused(tmp_path, content, says):
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(InputError, match=says):
        load_lexicon(tmp_path / "x.txt")
    with pytest.raises(InputError, match="cannot be read"):
        load_lexicon(tmp_path / "none.txt")


def test_words_and_negations_weigh_as_in_the_package_of_its_authors():
    package = pytest.importorskip("vaderSentiment.vaderSentiment")
    theirs, ours = package.SentimentIntensityAnalyzer(), load_lexicon("vader")
    rng = np.random.default_rng(0)
    words = [word for word in ours.valence if word.isalpha() and word.isascii() and word != "no"]
    for _ in range(300):
        text = " ".join([*rng.choice(PLAIN, 6), str(rng.choice(words)), *rng.choice(PLAIN, 3)])
        negated = f"we were not {text.split()[6]} there"
        for each in (text, negated):
            assert sentiment(each, ours) == pytest.approx(theirs.polarity_scores(each)["compound"], abs=6e-5), each


def said(rng, words):
    return " ".join([*rng.choice(PLAIN, 8), *rng.choice(words, 2)])


@pytest.fixture(scope="module")
def run(tmp_path_factory, path):
    rng = np.random.default_rng(0)
    samples = [
        Sample(f"s{i}", {"text": said(rng, ["good", "lovely", "bad", *PLAIN])}, target=str(i % 2)) for i in range(60)
    ]
    suite = {"suite": "said@1", "severities": [3], "scenarios": {"typos": {"text": "keyboard_typos"}}}
    return stress.run(
        lambda batch: np.tile([0.6, 0.4], (batch.size, 1)), samples, suite, tmp_path_factory.mktemp("run") / "r",
        lexicon=path, workers=1, preflight=False, examples=0, answers="probabilities",
    )  # fmt: skip


def test_a_shift_of_sentiment_is_described_and_raises_an_alarm_of_its_own(run, lexicon, tmp_path):
    with pytest.raises(InputError, match=r"lexicon must be that of the run.*got none"):
        read_reference(run)
    (tmp_path / "other.txt").write_text("good\t1.8\n")
    with pytest.raises(InputError, match="lexicon must be that of the run"):
        read_reference(run, lexicon=load_lexicon(tmp_path / "other.txt"))
    reference = read_reference(run, lexicon=lexicon)
    assert "text.sentiment" in reference.signals
    rng = np.random.default_rng(1)
    usual = [{"text": said(rng, ["good", "lovely", "bad", *PLAIN])} for _ in range(100)]
    angry = [{"text": said(rng, ["bad", "awful"])} for _ in range(50)]
    history = open_history(tmp_path / "h.sqlite", writer=True, monitor=True)
    monitor = Monitor(reference, history, MonitorOptions(window=50))
    list(monitor.watch(line_arrivals(io.BytesIO(lines(usual + angry)), "line"), "lines"))
    rows = history.rows("SELECT * FROM signals WHERE signal = 'text.sentiment' ORDER BY \"window\"")
    assert rows[2]["mean"] < rows[2]["clean"] - 0.5
    assert rows[2]["ks"] > 0.5 > rows[1]["ks"]
    alarms = [json.loads(row["detail"])["signals"] for row in history.rows("SELECT * FROM alerts WHERE kind = 'alarm'")]
    history.close()
    assert alarms[0] == ["text.sentiment"]


def test_no_policy_asks_what_is_said(run):
    names = _signals(Frame(run), [], "nothing", ["text"])
    assert "text.english" in names
    assert "text.sentiment" not in names


def test_a_lexicon_is_for_texts_that_are_measured(path, tmp_path):
    pictures = [Sample(str(i), {"image": np.zeros((8, 8, 3), np.uint8)}, target="a") for i in range(3)]
    texts = [Sample(str(i), {"text": "a"}, target="a") for i in range(3)]
    for data, more, says in (
        (pictures, {}, "streams of text, got image"),
        (texts, {"signals": "none"}, "signals none"),
    ):
        with pytest.raises(InputError, match=says):
            stress.run(lambda batch: ["a"] * batch.size, data, "quick", tmp_path / "r", lexicon=path, **more)
