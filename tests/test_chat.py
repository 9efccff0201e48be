"""A chat model behind a URL: what it is sent, how what it writes is read, and that nothing is read as merely wrong."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import stress
from perturbations import Audio, InputError, Series
from stress.models import Batch, Unanswered, load_model
from stress.models._reading import parser
from stress.models.endpoints._kept import Kept
from stress.models.endpoints._openai import _usage, written
from stress.models.endpoints._stream import assembled
from stress.models.endpoints._wire import pcm
from tests.test_endpoints import BRIGHT, DARK, SUITE, samples, server

pytest.importorskip("httpx")
CLASSES = ["car", "sports car", "bus"]


def base(url):
    return url.partition("/v1/")[0] + "/v1"


def of(url, **options):
    options = {"prompt": "Is it dark or bright?", "classes": ["dark", "bright"], **options}
    return stress.models.openai("tiny", base(url), **options)


@pytest.mark.parametrize(
    ("rule", "text", "found"),
    [
        ("labels", "It is a car.", "car"),
        ("labels", "a Sports  Car!", "sports car"),
        ("labels", "a car? no, a sports car", None),
        ("labels", "BUS", "bus"),
        ("labels", "a busy street", None),
        ("labels", "", None),
        ("labels", "a car, yes, a CAR", "car"),
        ("choice_letter", "B", "sports car"),
        ("choice_letter", " (c) it is", "bus"),
        ("choice_letter", "**A.** car", "car"),
        ("choice_letter", "The answer is B.", "sports car"),
        ("choice_letter", "Answer: c", "bus"),
        ("choice_letter", "A car drives by", None),
        ("choice_letter", "the answer is a car", None),
        ("choice_letter", "D", None),
        ("choice_letter", "Answer: A. No, answer: B.", None),
        ("json:kind", 'so: {"kind": "Bus", "sure": 1}', "bus"),
        ("json:kind", '{"kind": "tram"}', None),
        ("json:kind", '{"name": "bus"}', None),
        ("json:kind", "[1]", None),
        ("json:kind", '{"kind": ', None),
        (r"regex:is (\w+)", "is it? it is bus", "bus"),
        (r"regex:is (\w+)", "nothing", None),
        ("text", "a car", "a car"),
    ],
)
def test_a_rule_reads_one_answer_or_none(rule, text, found):
    read = parser(rule, CLASSES, "x")(text)
    if found is None:
        assert isinstance(read, Unanswered)
        assert read.status == "unparsed"
    else:
        assert read == found


@pytest.mark.parametrize(
    "rule", ["label", "labels:x", "json", "json:", "regex:", "regex:(", "regex:a", "regex:(a)(b)", 3]
)
def test_rules_that_are_none(rule):
    with pytest.raises(InputError, match="parse"):
        parser(rule, CLASSES, "x")


def test_a_rule_that_needs_classes_and_has_none():
    for rule in ("labels", "choice_letter"):
        with pytest.raises(InputError, match="needs classes"):
            parser(rule, [], "x")


def test_sixteen_bits_are_what_a_reader_hears():
    wave = np.random.default_rng(0).uniform(-1, 1, (2, 33)).astype(np.float32)
    found, rate = soundfile.read(io.BytesIO(pcm(Audio(wave, 8000))), dtype="int16", always_2d=True)
    assert rate == 8000
    assert np.array_equal(found.T, np.rint(wave * 32767))


def test_every_medium_is_sent(tmp_path):
    with server(tmp_path / "log") as url:
        predict = of(url, parse="text", classes=None)
        wave = Audio(np.zeros((1, 8), np.float32), 8000)
        batch = Batch({"caption": ["a", "b"], "sound": [wave, None], "more": [None, "c"]})
        assert predict(batch) == ["I was given text text input_audio.", "I was given text text text."]
        (row,) = of(url, missing="refuse")(Batch({"image": [None]}))
        assert row.status == "crash"


def test_a_run_over_a_chat_model(tmp_path):
    log = tmp_path / "log"
    with server(log, "busy,broken") as url:
        keep = tmp_path / "kept"
        run = stress.run(of(url, keep=keep), samples(), SUITE, tmp_path / "run", workers=1)
        records = run.records().to_pydict()
        assert set(records["status"]) == {"ok"}
        assert np.mean(records["score"]) == 1
        paid = log.read_text().split()
        recognised = Path(f"{log}.canary").read_text().split()
        assert len(paid) == len(set(paid))
        assert len(recognised) == 5  # four clean, and one in the scenario
        assert len({*paid, *recognised}) == 37  # twelve samples in three cells, and one question without its picture
        other = of(url, keep=keep, parse=r"regex:it is (\w+)")  # read anew, without a call
        again = stress.run(other, samples(), SUITE, tmp_path / "again", workers=1).records().to_pydict()
        assert other.client.calls == other.client.canaries == 5
        assert log.read_text().split() == paid
        assert again["prediction"] == records["prediction"]
        assert load_model(other).weights != load_model(of(url)).weights


@pytest.mark.parametrize(
    ("fault", "status", "says", "kept"),
    [
        ("declined", "refusal", "'I cannot help", 1),
        ("cut", "unparsed", "cut off", 1),
        ("silent", "unparsed", "it wrote nothing", 1),
        ("unsure", "unparsed", "names 2 classes", 1),
        ("twice", "invalid", "must be a chat completion", 0),
        ("html", "invalid", "not JSON", 0),
    ],
)
def test_what_is_no_answer_says_why(tmp_path, fault, status, says, kept):
    with server(tmp_path / "log", fault) as url:
        predict = of(url, keep=tmp_path / "kept")
        (row,) = predict(Batch({"image": [DARK]}))
        assert row.status == status
        assert row.says.startswith(says)
        assert predict.client.calls == 1
        assert len(list(Kept(tmp_path / "kept").all())) == kept


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"prompt": " "}, "prompt"),
        ({"takes": ["series"]}, "takes must be a list of image, audio, text"),
        ({"missing": "zeros"}, "missing"),
        ({"request": {"model": "x"}}, "request"),
        ({"request": {"stop": {1}}}, "request"),
        ({"parse": "words"}, "parse"),
        ({"classes": None}, "classes"),
    ],
)
def test_chats_that_cannot_be(options, says):
    with pytest.raises(InputError, match=says):
        of("http://127.0.0.1:9/v1/", **options)


def test_a_series_is_refused_before_the_first_call(tmp_path):
    series = Series(np.zeros((4, 1), np.float32), 10, ("a",))
    with server(tmp_path / "log") as url:
        predict = of(url)
        with pytest.raises(InputError, match="takes image, audio, text, got the stream 'sensor'"):
            predict(Batch({"sensor": [series]}))
        assert predict.client.calls == 0


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("It is dark", "dark"),
        ([{"type": "text", "text": "It is "}, {"type": "text", "text": "dark"}], "dark"),
        ([], "unparsed"),
        ([{"type": "image_url", "image_url": {"url": "x"}}], "invalid"),
        (["dark"], "invalid"),
        (5, "invalid"),
        (None, "unparsed"),
    ],
)
def test_what_it_wrote_may_come_in_parts(content, found):
    reply = {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}
    row = written(parser("labels", ["dark", "bright"], "x"), reply)
    assert (row.status if isinstance(row, Unanswered) else row) == found


def data(*events):
    return [(0.0, b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events))]


@pytest.mark.parametrize(
    "event",
    [
        {"choices": "x"}, {"choices": ["x"]}, {"choices": [{"delta": "x"}]}, [1],
        {"choices": [{"index": 0, "delta": {"content": "dark"}}, {"index": 1, "delta": {"content": "bright"}}]},
        {"choices": [{"index": 1, "delta": {"content": "bright"}, "finish_reason": "stop"}]},
    ],
)  # fmt: skip
def test_a_stream_of_another_form_is_no_answer(event):
    with pytest.raises(ValueError, match="must be"):
        assembled(data(event))


def test_tokens_that_are_no_numbers_are_not_told():
    for told in ("many", -1, 1e400, None, [3]):
        assert _usage({"usage": {"prompt_tokens": told}}) == {}
    for usage in (3, "x", [1], None):
        assert _usage({"usage": usage}) == {}
    assert _usage({"usage": {"prompt_tokens": 3}}) == {"tokens_in": 3}


def test_a_chat_model_by_name(tmp_path):
    with server(tmp_path / "log") as url:
        (tmp_path / "chat.yaml").write_text(json.dumps({"prompt": "Dark or bright?", "classes": ["dark", "bright"]}))
        model = load_model(f"openai:tiny@{base(url)}@{tmp_path / 'chat.yaml'}")
        assert model.predict(Batch({"image": [BRIGHT, DARK]})) == ["bright", "dark"]
        with pytest.raises(InputError, match="prompt"):
            load_model(f"openai:tiny@{base(url)}")
