"""Audits of data: leaks that were planted are found, and what is not one is not called one; groups, cells, splits."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

import perturbations
from perturbations import Audio, InputError, Sample
from stress.audit import _vectors, audit, split
from stress.audit._audit import JOINT
from stress.audit._cells import fills
from stress.audit._pictures import near
from stress.audit._tail import Pairs, bar
from stress.audit._vectors import alike
from stress.cli import main
from stress.data import demo, from_samples, load_data
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


def test_copies_of_the_demo_are_found():
    samples = with_all(list(load_data("demo")), ("image", "audio"))
    data, train, truth = planted(samples, {"image": "image", "audio": "audio"}, 350)
    report = audit(data, train)
    right, wrong = found_in(report, JOINT, truth)
    assert right >= 95
    assert not wrong


def test_the_splits_of_the_demo_are_apart():
    """Sentences come from templates and are in all; no sample is in two with all its streams, and no voice."""
    test = from_samples(demo.load("test"))
    for name, looks in (("train", 5), ("validation", 0)):
        found = audit(test, from_samples(demo.load(name)), ["voice", "sequence"])
        assert found.leaking == 0
        assert not [leak for leak in found.leaks if leak.stream != "text" and leak.kind == "exact"]
        assert sum(leak.stream != "text" for leak in found.leaks) <= looks
        assert not [group for group in found.groups if group.apart]


@sib200.needs_sib200
def test_copies_of_sentences_are_found():
    texts = [s for language in ("eng_Latn", "deu_Latn") for s in sib200.sentences(language, 600)]
    samples = [Sample(f"t{i}", {"text": text}, "x") for i, text in enumerate(texts)]
    data, train, truth = planted(samples, {"text": "text"}, 600)
    right, wrong = found_in(audit(data, train), JOINT, truth)
    assert right == 100
    assert len(wrong) <= 1


LITTLE = {
    "image": ("brightness", "contrast", "gamma", "low_light", "overexposure", "backlight", "gaussian_noise",
              "shot_noise", "impulse_noise", "speckle_noise", "jpeg_compression", "webp_compression", "recompression"),
    "audio": ("white_noise", "pink_noise", "babble", "traffic_noise", "mp3", "opus", "mu_law", "gain_up", "gain_down"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LITTLE)
def test_recall_under_a_little_light_noise_and_compression(kind):
    """Thirty recordings or pictures, each with a copy at severity 1 of every kind: ten twins do not hide each other."""
    samples = with_all(avdigits_world.samples("train")[:400], (kind,))
    if kind == "audio":
        pytest.importorskip("soundfile")
    copies, truth = [], {}
    for name in LITTLE[kind]:
        for sample in samples[:30]:
            value = perturbations.apply(f"{kind}.{name}", sample.streams[kind], severity=1, seed=0, sample=sample.id)
            copies.append(Sample(f"{name}/{sample.id}", {kind: value}, sample.target))
            truth[copies[-1].id] = sample.id
    report = audit(from_samples(copies), from_samples(samples))
    right = Counter(leak.sample.partition("/")[0] for leak in report.leaks if truth[leak.sample] == leak.other)
    assert sum(right.values()) >= 0.95 * len(copies), right
    assert min(right[name] for name in LITTLE[kind]) >= 0.9 * 30, right
    assert all(truth[leak.sample] == leak.other for leak in report.leaks)


@pytest.mark.parametrize("n", [2, 50, 5000])
def test_pairs_by_blocks_are_all_pairs(n):
    """Beside the whole matrix of products."""
    vectors = directions(n)
    vectors[0] = 0
    pairs = alike(vectors)
    found = {(int(i), int(j)) for i, j in zip(pairs.one, pairs.other)}
    products = vectors[:500] @ vectors.T
    rows, columns = np.nonzero(products >= pairs.floor + 1e-5)
    assert {(int(i), int(j)) for i, j in zip(rows, columns) if i < j} <= found
    assert all(vectors[i] @ vectors[j] >= pairs.floor - 1e-5 for i, j in list(found)[:2000])


def above(pairs, level):
    return {(int(i), int(j)) for i, j, much in zip(pairs.one, pairs.other, pairs.alike) if much >= level}


@pytest.fixture
def of_some_hundreds(monkeypatch):
    """Have vectors count as many from some hundreds on."""
    monkeypatch.setattr(_vectors, "_SAMPLE", 400)


@pytest.mark.parametrize("beside", [0.3, 1.5])
def test_from_the_sure_level_on_no_pair_is_missed(beside, of_some_hundreds):
    """Beside the whole matrix: of vectors that lie mostly in few directions, and of some that do not, with twins."""
    rng = np.random.default_rng(3)
    base = rng.normal(size=(1300, 20)) @ rng.normal(size=(20, 160)) + beside * rng.normal(size=(1300, 160))
    base[:40] = 5 * rng.normal(size=(40, 160))  # lie in no direction more than in another
    twins = base[:300] + rng.uniform(0.05, 1.5, (300, 1)) * rng.normal(size=(300, 160))
    every = np.concatenate([base, twins])
    every = (every / np.linalg.norm(every, axis=1, keepdims=True)).astype(np.float32)
    rows, columns = np.nonzero(np.triu(every @ every.T, 1) >= 0.3)
    products = np.einsum("nd,nd->n", every[rows], every[columns])
    first = alike(every)
    for pairs in (first, alike(every, down_to=(first.floor + first.sure) / 2), alike(every, down_to=0.0)):
        assert pairs.sure >= pairs.floor
        for level in (pairs.sure, (pairs.sure + 1) / 2):
            surely, maybe = products >= level + 1e-5, products >= level - 1e-5
            found = above(pairs, level)
            assert set(zip(rows[surely].tolist(), columns[surely].tolist())) <= found
            assert found <= set(zip(rows[maybe].tolist(), columns[maybe].tolist()))
    assert first.sure > pairs.sure == pairs.floor


def test_pictures_are_looked_at_down_to_the_bar(of_some_hundreds):
    """Whatever the bar comes to, all pairs that reach it are there."""
    rng = np.random.default_rng(4)
    base = rng.normal(size=(1200, 24)) @ rng.normal(size=(24, 100)) + 1.5 * rng.normal(size=(1200, 100))
    twins = base[:60] + 0.5 * rng.normal(size=(60, 100))
    every = np.concatenate([base, twins])
    every = (every / np.linalg.norm(every, axis=1, keepdims=True)).astype(np.float32)
    (pairs,) = near(every[:, None])
    whole = alike(every, down_to=0.0)
    level = bar(pairs)
    assert level >= pairs.sure
    assert above(pairs, level) == above(whole, level)
    assert {(i, 1200 + i) for i in range(60)} <= above(pairs, level)


def test_among_many_the_most_alike_are_found():
    vectors = directions(9000)
    rng = np.random.default_rng(1)
    twins = vectors[:200] + 0.03 * rng.normal(size=(200, vectors.shape[1]))
    every = np.concatenate([vectors, twins / np.linalg.norm(twins, axis=1, keepdims=True)]).astype(np.float32)
    pairs = alike(every)
    found = {(int(i), int(j)) for i, j in zip(pairs.one, pairs.other)}
    assert sum((i, 9000 + i) in found for i in range(200)) >= 198
    assert len(found) <= 25 * len(every)


def directions(n):
    """Unit vectors that differ in eight directions most, and in a hundred a little."""
    rng = np.random.default_rng(n)
    base = rng.normal(size=(n, 8)) @ rng.normal(size=(8, 100)) + 0.5 * rng.normal(size=(n, 100))
    return (base / np.linalg.norm(base, axis=1, keepdims=True)).astype(np.float32)


def test_the_bar_lets_one_in_a_million_through_and_true_twins_do_not_lift_it():
    rng = np.random.default_rng(0)
    n = 3000
    total = n * (n - 1) // 2
    likes = np.sort(rng.beta(4, 12, total))[-5 * n :]
    one, other = np.triu_indices(n, 1)
    chosen = rng.choice(total, len(likes), replace=False)
    plain = Pairs(one[chosen], other[chosen], likes, n, float(likes.min()))
    level = bar(plain)
    assert 1 <= (likes >= level).sum() <= 5
    twins = Pairs(
        np.concatenate([plain.one, np.arange(0, 400, 2)]), np.concatenate([plain.other, np.arange(1, 401, 2)]),
        np.concatenate([likes, rng.uniform(0.98, 1, 200)]), n, plain.floor,
    )  # fmt: skip
    assert bar(twins) == pytest.approx(level, abs=0.02)


def named_samples(count=60):
    rng = np.random.default_rng(0)
    return [
        Sample(
            f"s{i}",
            {"image": rng.integers(0, 256, (32, 32, 3), np.uint8), "text": f"sentence number {i} of many that differ"},
            "ab"[i % 2],
            groups={"speaker": f"p{i // 6}", "room": "xy"[i % 3 == 0]},
        )
        for i in range(count)
    ]


def test_groups_that_leak_and_the_same_data_twice():
    samples = named_samples()
    data, train = from_samples(samples[27:]), from_samples(samples[:27])
    found = {group.group: group for group in audit(data, train, apart=["speaker"]).groups}
    assert found["speaker"].values == ("p4",)
    assert found["speaker"].samples == ("s27", "s28", "s29")
    assert found["speaker"].apart
    assert not found["room"].apart
    assert audit(data, train, apart=["speaker"]).leaking == 3
    assert audit(data, train).leaking == 0
    with pytest.raises(InputError, match="must be other data, got all 33 samples"):
        audit(data, from_samples(samples))
    with pytest.raises(InputError, match=r"a group of the data, got 'speeker'.*speaker"):
        audit(data, train, apart=["speeker"])
    with pytest.raises(InputError, match="must have the streams of the data"):
        audit(data, from_samples([Sample("a", {"text": "b"}, "a")]))


def test_what_cannot_be_used_and_labels_that_contradict():
    samples = named_samples(40)
    silent = Audio(np.zeros((1, 800), np.float32), 8000)
    data = [s.with_streams({"audio": silent}) for s in samples]
    data[3] = data[3].with_streams({"image": np.full((32, 32, 3), 9, np.uint8)})
    data[4] = data[4].with_streams({"text": " "})
    data[8] = Sample("s8", data[5].streams, "a")
    report = audit(from_samples(data))
    told = Counter((stream, what) for _, stream, what in report.unusable)
    assert told == {("audio", "silent"): 40, ("image", "constant"): 1, ("text", "blank"): 1}
    assert report.leaks == ()
    assert [(leak.sample, leak.other) for leak in report.repeats if leak.stream == JOINT] == [("s8", "s5")]
    assert set(report.disagreeing) == {("s5", "s8"), ("s8", "s5")}


def test_rare_cells_are_told_and_filled():
    samples = named_samples(60)
    samples[0] = samples[0].with_streams({"image": None})
    data = from_samples(samples)
    report = audit(data, least=4)
    lacking = {(c.label, c.group, c.value, c.streams): c.count for c in report.cells if c.group == "room"}
    assert lacking == {
        ("a", "room", "y", ("text",)): 1, ("a", "room", "x", ("text",)): 0,
        ("b", "room", "x", ("text",)): 0, ("b", "room", "y", ("text",)): 0,
    }  # fmt: skip
    made, left = fills(data, report.cells)
    assert not left
    after = Counter()
    for one in made:
        assert all(change[0] in ("image", "text") for change in one.changes)
        assert one.changes
        after[one.cell] += 1
    assert all(cell.count + after[cell] == 4 for cell in report.cells)


@pytest.mark.parametrize("seed", range(3))
def test_splits_keep_groups_whole_and_parts_alike(seed):
    rng = np.random.default_rng(seed)
    samples = []
    for person in range(60):
        for take in range(int(rng.integers(2, 9))):
            streams = {
                "text": f"{person} {take}",
                "image": np.zeros((4, 4, 3), np.uint8) if rng.random() < 0.7 else None,
            }
            groups = {"speaker": f"p{person}", "room": "xyz"[person % 3]}
            samples.append(Sample(f"{person}-{take}", streams, str(rng.integers(3)), groups=groups))
    data = from_samples(samples)
    shares = {"train": 0.6, "dev": 0.1, "test": 0.3}
    twins = [("0-0", "1-0"), ("1-1", "2-0")]
    found = split(data, shares, by=["label", "streams", "room"], apart=["speaker"], together=twins, seed=seed)
    parts = {s.groups["speaker"]: set() for s in samples}
    for sample in samples:
        parts[sample.groups["speaker"]].add(found[sample.id])
    assert all(len(each) == 1 for each in parts.values())
    assert parts["p0"] == parts["p1"] == parts["p2"]
    assert found == split(data, shares, by=["label", "streams", "room"], apart=["speaker"], together=twins, seed=seed)
    for part, share in shares.items():
        mine = [s for s in samples if found[s.id] == part]
        assert len(mine) / len(samples) == pytest.approx(share, abs=0.05)
        for tag in "012":
            everywhere = np.mean([s.target == tag for s in samples])
            assert np.mean([s.target == tag for s in mine]) == pytest.approx(everywhere, abs=0.12)
    with pytest.raises(InputError, match="sum to 1"):
        split(data, {"train": 0.7, "test": 0.2})


def manifest(folder, name, rows):
    folder.mkdir(exist_ok=True)
    lines = ["id,image,text,label,split,group:speaker"]
    for key, image, text, tag, part, who in rows:
        cv2.imwrite(str(folder / f"{key}.png"), image)
        lines.append(f"{key},{key}.png,{text},{tag},{part},{who}")
    (folder / name).write_text("\n".join(lines) + "\n")
    return str(folder / name)


def test_the_commands(tmp_path, capsys):
    rng = np.random.default_rng(0)
    pictures = [cv2.resize(rng.integers(0, 256, (12, 12, 3), np.uint8), (48, 48)) for _ in range(40)]
    rows = [(f"s{i}", p, f"words of number {i}", "ab"[i % 2], "train" if i < 20 else "test", f"p{i // 3}")
            for i, p in enumerate(pictures)]  # fmt: skip
    rows[30] = ("s30", pictures[2], "words of number 2", "a", "test", "p10")
    data = manifest(tmp_path / "d", "data.csv", rows)
    out, fill, parts = (str(tmp_path / name) for name in ("audit.json", "fill.csv", "split.csv"))
    assert main(["audit", data, "--apart", "speaker", "--out", out, "--fill", fill, "--max-leaks", "1"]) == 1
    said = capsys.readouterr().out
    assert "s30 (test) is s2 (train)." in said
    assert "speaker: 1 in more than one part (p6): 1 sample" in said or "p6" in said
    found = json.loads(Path(out).read_text(encoding="utf-8"))
    assert found["leaking"] == 2
    assert main(["audit", data, "--max-leaks", "1"]) == 0
    (tmp_path / "d" / "s33.png").write_bytes(b"no picture")
    assert main(["audit", data]) == 0
    assert "s33" in capsys.readouterr().out
    assert main(["split", data, "--apart", "speaker", "--shares", "a=0.5,b=0.5", "--out", parts]) == 0
    table = Path(parts).read_text(encoding="utf-8").splitlines()
    assert table[0] == "id,split"
    assert len(table) == 41
    assert main(["split", data, "--shares", "a=0.5,b=x", "--out", parts]) == 2
    assert main(["audit", data, "--train", data]) == 2
