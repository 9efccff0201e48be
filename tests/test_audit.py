"""Audits of data: leaks that were planted are found, and what is not one is not called one; groups, cells, splits."""

import cv2
import numpy as np

from perturbations import Audio, Sample
from stress.audit import audit
from stress.audit._audit import JOINT
from stress.data import from_samples, load_data
from tests import avdigits_world, sib200


def encoded_again(image, number):
    """The same picture as a JPEG of quality 85."""
    sheet = image[..., 0] if image.shape[2] == 1 else image[..., ::-1]
    again = cv2.imdecode(cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], cv2.IMREAD_UNCHANGED)
    return again[..., None] if again.ndim == 2 else again[..., ::-1]


def cut_and_louder(clip, number):
    """Without a tenth of a second, at the beginning or the end, and ten decibels louder."""
    away = int(0.1 * clip.rate)
    kept = clip.samples[:, away:] if number % 2 else clip.samples[:, :-away]
    return Audio(np.clip(kept * np.float32(10**0.5), -1, 1), clip.rate)


def cased_again(text, number):
    return [text.upper(), text.lower(), text.title(), f"  {text}!"][number % 4]


AGAIN = {"image": encoded_again, "audio": cut_and_louder, "text": cased_again}


def copied(samples, streams, count=100):
    """Copies of some samples, as somebody else would have kept them."""
    chosen = np.random.default_rng(0).choice(len(samples), count, replace=False)
    found = []
    for number, row in enumerate(chosen.tolist()):
        sample = samples[row]
        made = {name: AGAIN[kind](sample.streams[name], number) for name, kind in streams.items()}
        found.append((Sample(f"copy-{number}", made, sample.target), sample.id))
    return found


def planted(samples, streams, half):
    """Half of the data as training data; the other half with copies of a hundred of the training samples."""
    train, rest = samples[:half], samples[half:]
    copies = copied(train, streams)
    return (
        from_samples([*rest, *(copy for copy, _ in copies)]),
        from_samples(train),
        {c.id: of for c, of in copies},
    )


def found_in(report, stream, truth):
    """Which copies were found, and how many pairs were taken for one that are none."""
    leaks = [leak for leak in report.leaks if leak.stream == stream]
    right = {leak.sample for leak in leaks if truth.get(leak.sample) == leak.other}
    wrong = [leak for leak in (*leaks, *report.repeats) if leak.stream == stream and leak.sample not in truth]
    return len(right), wrong


def with_all(samples, streams):
    return [
        Sample(s.id, {name: s.streams[name] for name in streams}, s.target, groups=s.groups)
        for s in samples
        if all(s.streams[name] is not None for name in streams)
    ]


def test_copies_of_spoken_digits_are_found():
    samples = with_all(avdigits_world.samples("train")[:1000], ("image", "audio"))
    data, train, truth = planted(samples, {"image": "image", "audio": "audio"}, 500)
    report = audit(data, train)
    pairs = len(data) * len(train) + len(data) * (len(data) - 1) / 2 + len(train) * (len(train) - 1) / 2
    for stream in ("image", "audio", JOINT):
        right, wrong = found_in(report, stream, truth)
        assert right >= 95, stream
        assert len(wrong) <= max(1, 1e-6 * pairs), (stream, wrong)


def test_copies_of_the_demo_are_found_and_its_own_splits_are_told():
    samples = with_all([load_data("demo")[i] for i in range(720)], ("image", "audio"))
    data, train, truth = planted(samples, {"image": "image", "audio": "audio"}, 350)
    report = audit(data, train)
    right, wrong = found_in(report, JOINT, truth)
    assert right >= 95
    assert not wrong


def test_copies_of_sentences_are_found():
    texts = [s for language in ("eng_Latn", "deu_Latn") for s in sib200.sentences(language, 600)]
    samples = [Sample(f"t{i}", {"text": text}, "x") for i, text in enumerate(texts)]
    data, train, truth = planted(samples, {"text": "text"}, 600)
    right, wrong = found_in(audit(data, train), JOINT, truth)
    assert right == 100
    assert len(wrong) <= 1


test_copies_of_sentences_are_found = sib200.needs_sib200(test_copies_of_sentences_are_found)
