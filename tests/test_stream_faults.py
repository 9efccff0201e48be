"""What befalls whole streams: that each fault does to the data what its name says."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perturbations
from perturbations import Audio, InputError, Sample, apply
from perturbations.modality._spans import span
from perturbations.modality.text import words
from perturbations.stream._around import by_class, sequences
from tests.little import Data

ONE = Data(24)


class Film(Data):
    """Two interleaved sequences of grey pictures whose brightness tells which sample they are from."""

    streams = {"image": "image"}  # noqa: RUF012

    def __init__(self, count=20, times=None):
        super().__init__(count)
        times = times or [i / 2 for i in range(count)]
        self.samples = [
            Sample(f"s{i}", {"image": np.full((4, 4, 1), i, np.uint8)}, i % 3, {}, "ab"[i % 2], times[i])
            for i in range(count)
        ]
        self.times = times

    def seen(self, name, severity=None, **keywords):
        results = [apply(name, s, severity, stream="image", data=self, **keywords).streams["image"] for s in self]
        return [None if value is None else int(value[0, 0, 0]) for value in results]


def test_frozen_stands_still_until_the_end_of_its_own_sequence():
    seen = Film().seen("stream.frozen", share=0.5)
    assert seen == [0, 1, 2, 3, 4, 5, 6, 7, *[8, 9] * 6]
    assert Film().seen("stream.frozen", share=1.0) == [0, 1] * 10
    assert Film().seen("stream.frozen", share=0.0) == list(range(20))


def test_stale_brings_every_nth_value():
    assert Film(10).seen("stream.stale", every=2) == [0, 1, 0, 1, 4, 5, 4, 5, 8, 9]
    assert Film(10).seen("stream.stale", every=1) == list(range(10))


def test_out_of_step_is_a_constant_lag_in_samples():
    assert Film(10).seen("stream.out_of_step", lag=2) == [0, 1, 0, 1, 0, 1, 2, 3, 4, 5]
    assert Film(10).seen("stream.out_of_step", lag=-1) == [2, 3, 4, 5, 6, 7, 8, 9, 8, 9]


def test_lagging_goes_by_the_clock():
    # samples of one sequence are 1 s apart; the newest value is at least 1.5 s old
    assert Film(10).seen("stream.lagging", delay_ms=1500) == [0, 1, 0, 1, 0, 1, 2, 3, 4, 5]
    assert Film(10).seen("stream.lagging", delay_ms=1000) == [0, 1, 0, 1, 2, 3, 4, 5, 6, 7]
    uneven = [0, 0, 0.1, 0.1, 5, 5, 5.2, 5.2, 9, 9]
    assert Film(10, uneven).seen("stream.lagging", delay_ms=1000) == [0, 1, 0, 1, 2, 3, 2, 3, 6, 7]


def test_time_decides_the_order_not_the_place_in_the_data_set():
    film = Film(6, times=[2.0, 0.0, 1.0, 1.0, 0.0, 2.0])  # a: 4, 2, 0 and b: 1, 3, 5
    assert film.seen("stream.out_of_step", lag=1) == [2, 1, 4, 1, 4, 3]


def test_out_of_order_reaches_as_far_as_it_says_and_stays_in_the_sequence():
    film = Film(200)
    near, far = (np.array(film.seen("stream.out_of_order", reach=reach)) for reach in (1, 4))
    inside = slice(20, 180)
    moved_near, moved_far = near[inside] - np.arange(200)[inside], far[inside] - np.arange(200)[inside]
    assert set(moved_near) == {-2, 2}
    assert set(moved_far) == {-8, -6, -4, -2, 2, 4, 6, 8}
    assert (np.sign(moved_near) == np.sign(moved_far)).all(), "the direction is the sample's, whatever the severity"


def test_intermittent_loses_a_nested_share():
    film = Film(250)
    lost = [
        {i for i, v in enumerate(film.seen("stream.intermittent", rate=rate)) if v is None} for rate in (0.1, 0.5, 0.9)
    ]
    assert lost[0] < lost[1] < lost[2]
    assert [len(some) / 250 for some in lost] == pytest.approx([0.1, 0.5, 0.9], abs=0.08)
    held = film.seen("stream.intermittent", rate=1.0, fill="previous")
    assert held == [0, 0, *range(248)], "the value before in the sequence; zeros at its start"


def test_the_fill_rules_of_a_missing_stream():
    sample = ONE[5]

    def fill(stream, rule):
        return apply("stream.missing", sample, stream=stream, fill=rule, data=ONE).streams[stream]

    assert all(fill(stream, "none") is None for stream in ONE.streams)
    assert not fill("image", "zeros").any()
    assert fill("text", "zeros") == ""
    assert fill("audio", "zeros").samples.shape == sample.streams["audio"].samples.shape
    expected = np.mean([s.streams["image"].astype(float) for s in ONE], axis=0)
    assert np.abs(fill("image", "mean") - expected).max() <= 0.5
    assert fill("text", "previous") == ONE[3].streams["text"], "the one before in its sequence, not in the data set"
    assert fill("text", "mean") in {s.streams["text"] for s in ONE}
    known = {word for s in ONE for word in s.streams["text"].split()}
    assert set(fill("text", "noise").split()) <= known
    power = np.mean([np.square(s.streams["audio"].samples).mean() for s in ONE])
    assert np.square(fill("audio", "noise").samples).mean() == pytest.approx(power, rel=0.2)
    assert fill("image", "noise").mean() == pytest.approx(expected.mean(), abs=10)


def test_what_is_lost_is_nested_and_of_the_size_it_says():
    picture = np.full((60, 80, 3), 200, np.uint8)
    sound, text = Audio(np.ones(1000, np.float32), 8000), " ".join(f"w{i}" for i in range(100))
    black, silent, gone = [], [], []
    for share in (0.1, 0.3, 0.6):
        black.append(apply("stream.partly_missing", picture, share=share) == 0)
        silent.append(apply("stream.partly_missing", sound, share=share, stream="x").samples == 0)
        gone.append(set(text.split()) - set(apply("stream.partly_missing", text, share=share, stream="x").split()))
        assert black[-1].mean() == pytest.approx(share, abs=0.02)
        assert silent[-1].mean() == pytest.approx(share, abs=0.002)
        assert len(gone[-1]) == 100 * share
    for small, large in ((0, 1), (1, 2)):
        assert (black[large] >= black[small]).all()
        assert (silent[large] >= silent[small]).all()
        assert gone[small] < gone[large]


@pytest.mark.parametrize("length", [0, 1, 2, 7, 100])
def test_spans_are_nested(length):
    for where in np.linspace(0, 0.999, 9):
        bounds = [span(length, share, where) for share in np.linspace(0, 1, 31)]
        assert all(0 <= a <= b <= length for a, b in bounds)
        some = [(a, b) for a, b in bounds if a < b]
        assert all(c <= a and b <= d for (a, b), (c, d) in itertools.pairwise(some))


def test_words_of_a_script_without_spaces_are_characters_with_their_marks():
    thai = "เด็กที่" * 10
    pieces = [thai[a:b] for a, b in words(thai)]
    assert "".join(pieces) == thai
    assert len(pieces) > 20
    assert not any(piece[0] in "็ี่" for piece in pieces)
    family = "👨‍👩‍👧" * 20
    assert {family[a:b] for a, b in words(family)} <= {"👨‍👩‍👧", family}


def test_a_wrong_partner_is_of_the_class_it_should_be():
    film = Film(60)

    def partners(kind):
        return np.array(film.seen("stream.wrong_pairing", partner=kind))

    own = np.arange(60)
    assert (partners("any") != own).all()
    same = partners("same_class")
    assert (same != own).all()
    assert (same % 3 == own % 3).all()
    assert (partners("other_class") % 3 != own % 3).all()
    seen = [Film(60).seen("stream.wrong_pairing", partner="other_class", seed=seed)[0] for seed in range(400)]
    assert set(seen) == {i for i in range(60) if i % 3}, "each of the others has its chance"


def test_without_a_partner_the_stream_stays():
    alone = Film(1)
    for kind in ("any", "same_class", "other_class"):
        assert alone.seen("stream.wrong_pairing", partner=kind) == [0]


def test_streams_of_one_event_get_the_same_wrong_partner():
    from scenarios import expand, loads, perturb

    steps = "{name: wrong_pairing, partner: other_class, key: swap}"
    body = f"suite: x@1\nscenarios: {{a: {{image: {steps}, audio: {steps}, text: {steps}}}}}"
    cell = expand(loads(body), ONE.streams).cells[1]
    changed = perturb(cell, ONE[4], ONE, seed=0)
    partner = next(s for s in ONE if s.streams["text"] == changed.streams["text"])
    assert partner.target != ONE[4].target
    assert np.array_equal(changed.streams["image"], partner.streams["image"])
    assert np.array_equal(changed.streams["audio"].samples, partner.streams["audio"].samples)


def test_late_shifts_and_keeps_the_length():
    sound = Audio(np.arange(1, 1001, dtype=np.float32)[None] / 2000, 1000)
    late = apply("stream.late", sound, delay_ms=200.0).samples[0]
    assert not late[:200].any()
    assert np.array_equal(late[200:], sound.samples[0, :800])
    early = apply("stream.late", sound, delay_ms=-200.0).samples[0]
    assert np.array_equal(early[:800], sound.samples[0, 200:])
    assert not early[800:].any()
    assert not apply("stream.late", sound, delay_ms=5000.0).samples.any()


def test_a_duplicated_stretch_is_followed_by_itself():
    sound = Audio(np.arange(1, 1001, dtype=np.float32)[None] / 1024, 1000)
    twice = apply("stream.duplicated", sound, share=0.2).samples[0] * 1024
    (changed,) = np.nonzero(twice != np.arange(1, 1001))
    assert len(changed) == 200
    assert np.array_equal(twice[changed], changed - 200 + 1)
    text = "one two three four five six seven eight nine ten"
    found = apply("stream.duplicated", text, share=0.2, stream="x").split()
    start = next(i for i in range(9) if found[i : i + 2] == found[i + 2 : i + 4])
    assert found[:start] + found[start + 2 :] == text.split()


def test_a_lost_stream_stays_lost():
    data = Film(6)
    lost = data[3].with_streams({"image": None})
    for name in perturbations.names("stream"):
        perturbation = perturbations.get(name)
        if "image" in perturbation.modalities:
            severity = 2 if perturbation.axis == "ordinal" else None
            assert apply(name, lost, severity, stream="image", data=data).streams["image"] is None


def test_what_is_taken_from_another_sample_is_a_copy():
    data = Film(6)
    for name, keywords in (("stream.out_of_step", {"lag": 1}), ("stream.wrong_pairing", {})):
        result = apply(name, data[3], stream="image", data=data, **keywords).streams["image"]
        assert not any(np.shares_memory(result, sample.streams["image"]) for sample in data)
        result[:] = 0


def test_a_fault_says_what_it_needs():
    bare = Sample("x", {"image": np.zeros((4, 4, 3), np.uint8)})
    with pytest.raises(InputError, match="data must be given"):
        apply("stream.frozen", bare, 1, stream="image")
    with pytest.raises(InputError, match="sample 'x' must have sequence"):
        apply("stream.missing", bare, stream="image", fill="previous", data=ONE)
    with pytest.raises(InputError, match="sample 'x' must have target"):
        apply("stream.wrong_pairing", bare, stream="image", partner="same_class", data=ONE)
    zero = Film(6)[3]
    assert zero.target == 0
    assert apply("stream.wrong_pairing", zero, stream="image", partner="same_class", data=Film(6)) is not None


def test_looking_around_a_million_samples_is_quick():
    import time

    count = 1_000_000
    start = time.process_time()

    class Big(Film):
        def __init__(self):
            self.targets = [i % 1000 for i in range(count)]
            self.sequences = [f"q{i % 5000}" for i in range(count)]
            self.times = [float(i) for i in range(count)]
            self.memory = {}

        def __len__(self):
            return count

    data = Big()
    assert sequences(data).near(123_456, -2) == 123_456 - 10_000
    classes = by_class(data)
    assert classes.stop[17] - classes.start[17] == 1000
    assert time.process_time() - start < 120  # about two seconds on an idle machine


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=120), st.integers(1, 5), st.integers(0, 3))
def test_texts_of_any_script_lose_or_repeat_one_stretch(text, severity, seed):
    less = apply("stream.partly_missing", text, severity, seed=seed, stream="x")
    start = next((i for i, (a, b) in enumerate(zip(text, less, strict=False)) if a != b), min(len(text), len(less)))
    assert text.endswith(less[start:]), "a beginning and an end of the text are left"
    more = apply("stream.duplicated", text, severity, seed=seed, stream="x")
    assert len(more) >= len(text)
    assert set(more) <= {*text, " "}
    for how in ("cp1252", "ascii_question_marks", "ascii_dropped", "html_escaped", "python_bytes"):
        apply("stream.wrong_encoding", text, read_as=how).encode("utf-8")
