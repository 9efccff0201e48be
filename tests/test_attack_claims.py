"""What is claimed under a budget: the budget held whatever it is combined with, and answers decide what is broken."""

import itertools
import json
import re
from collections import Counter
from importlib import resources

import numpy as np
import pytest

import perturbations
import scenarios
import stress
from perturbations import Audio, InputError, ModelError, Sample, attack
from stress.measure import summary, table
from stress.models._gradients import ModelOracle
from tests import worlds
from tests._amount import amount

torch = pytest.importorskip("torch")
from tests import attack_world as world  # noqa: E402 - it needs torch


def run_of(path, model, suite, data=None, **settings):
    loaded = scenarios.loads(suite) if "\n" in suite else suite
    return stress.run(model, data or world.samples(40), loaded, path, **{"workers": 1, **settings})


def flags(run):
    checks = [f"{c['name']}: {c['says']}" for c in run.info["preflight"] if c["outcome"] != "ok"]
    return [line for line in (*checks, *summary(run)["warnings"]) if "attack" in line]


ON_IMAGES = [name for name in perturbations.names("attack") if "image" in perturbations.get(name).modalities]

# The budget, seen by the model itself


class Spy:
    """A model that remembers every picture it was asked about, by the one that it was made of.

    Pictures say who they are: their first pixel's row is a number that no allowed change can move into another's.
    """

    classes = world.CLASSES

    def __init__(self, net):
        self.net, self.module, self.seen = net, net.module, []

    def inputs(self, batch):
        self.seen += [np.array(value) for value in batch["image"]]
        return self.net.inputs(batch)

    def logits(self, inputs):
        return self.net.logits(inputs)

    def __call__(self, batch):
        with torch.no_grad():
            return self.logits(self.inputs(batch)).numpy()


def marked(count=16):
    """Digits of 8 × 8 under a strip of four rows that spells each one's number in black and white."""
    found = []
    for i, sample in enumerate(world.samples(count)):
        strip = np.array([255 * (i >> bit & 1) for bit in range(8)], np.uint8)
        image = np.concatenate([np.tile(strip, (4, 1))[..., None], sample.streams["image"]])
        found.append(Sample(sample.id, {"image": image}, sample.target, time=float(i)))
    return found


class Lower(world.Net):
    """The digits' network, which does not look at the strip."""

    def logits(self, inputs):
        return self.module(inputs["image"][:, :, 4:])


def furthest(spy, data):
    """Return the largest change that the model was shown of each picture."""
    found = np.zeros(len(data))
    for value in spy.seen:
        bits = value[:4, :, 0].mean(axis=0) > 127
        who = int(sum(int(bit) << place for place, bit in enumerate(bits)))
        change = np.abs(value.astype(int) - data[who].streams["image"].astype(int)).max()
        found[who] = max(found[who], change)
    return found


STEPS = (
    "attack.fgsm",
    "{name: attack.pgd, steps: 4}",
    "{name: attack.apgd, steps: 4}",
    "{name: attack.apgd, steps: 4, eot: 3}",
    "{name: attack.apgd_dlr, steps: 3, targets: 2}",
    "{name: attack.auto, steps: 3, targets: 2, calls: 40}",
    "{name: attack.square, calls: 20}",
    "{name: attack.random_search, calls: 10}",
    "{name: attack.universal, steps: 5}",
    "{name: attack.fab, steps: 3, targets: 2}",
    "attack.random",
)
WHEN = ("severities: [2]", "severities: [2.75]", "timeline: {shape: ramp, severity: 3}")
USUAL = [(steps, WHEN[k % 3]) for k, steps in enumerate(STEPS)]  # each attack once, each way several times


@pytest.mark.parametrize(("steps", "when"), amount(USUAL, list(itertools.product(STEPS, WHEN))))
def test_no_value_that_the_model_sees_is_beyond_its_budget(tmp_path, steps, when):
    data = marked()
    spy = Spy(Lower(world.trained()))
    run = run_of(tmp_path / "r", spy, f"suite: a\nscenarios:\n  s: {{image: {steps}, {when}}}\n", data, preflight=False)
    if when.startswith("severities"):
        allowed = np.full(len(data), 2.0 if "[2]" in when else 3.5)
        budget = table(run, "attacks").to_pandas().budget.iloc[0]
        assert json.loads(budget) == {"image": {"epsilon": allowed[0]}}
    else:  # ε is 1, 2, 4 at severities 1, 2, 3; a ramp over 16 samples; below the first level nothing
        met = np.array(run.records(["s"]).to_pandas().sort_values("sample").severity)
        allowed = np.array(
            [perturbations.get("attack.fgsm").settings(float(s), of="image")["epsilon"] if s > 0 else 0 for s in met]
        )
        assert (met[0], met[-1]) == (0, 3)
        assert table(run, "attacks").num_rows == 0
        assert run.records(["s"]).to_pandas().status.iloc[0] == "unchanged"
    assert (furthest(spy, data) <= allowed + 1e-6).all()


def noisy(sample, image):
    """What befalls a sample's picture beside an attack, whatever the picture is by then."""
    other = sample.with_streams({"image": image})
    return perturbations.apply("image.gaussian_noise", other, 2, stream="image", sample=sample.id).streams["image"]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", ["fgsm", "apgd", "square", "random"])
def test_beside_a_corruption_the_budget_is_around_what_the_attack_is_given(tmp_path, name, first):
    """Noise before it moves the ball's centre; noise after it comes on top, once, of what was found within the ball."""
    data, spy = marked(), Spy(Lower(world.trained()))
    few = {"square": ", calls: 15", "apgd": ", steps: 3"}.get(name, "")
    order = ["image.gaussian_noise", f"{{name: attack.{name}{few}}}"][:: 1 if first else -1]
    suite = f"suite: a\nscenarios:\n  s: {{image: [{', '.join(order)}], severities: [2]}}\n"
    run_of(tmp_path / "r", spy, suite, data, preflight=False)
    clean = {sample.streams["image"].tobytes() for sample in data}
    spy.seen = [value for value in spy.seen if value.tobytes() not in clean]
    if first:
        base = [s.with_streams({"image": noisy(s, s.streams["image"])}) for s in data]
        assert 0 < furthest(spy, base).max() <= 2
        return
    near = [value for value in spy.seen if min(apart(value, sample) for sample in data) <= 2]
    final = {value.tobytes() for value in spy.seen} - {value.tobytes() for value in near}
    starts = [*near, *(sample.streams["image"] for sample in data)]  # what could not be broken may be as it was
    made = {noisy(sample, value).tobytes() for value in starts for sample in data if apart(value, sample) <= 2}
    assert len(final) == len(data)
    assert final <= made


def apart(value, sample):
    return int(np.abs(value.astype(int) - sample.streams["image"].astype(int)).max())


@pytest.mark.parametrize("name", ["attack.fgsm", "attack.apgd"])
def test_two_streams_at_once_keep_both_budgets_along_a_timeline(tmp_path, name):
    chosen = worlds.samples(40)[:12]
    suite = (
        f"suite: a\nscenarios:\n  s: {{image: {{name: {name}}}, audio: {{name: {name}}},"
        " timeline: {shape: ramp, severity: 4}}\n"
    ).replace("attack.apgd}", "attack.apgd, steps: 3}")
    run = run_of(tmp_path / "r", worlds.model("intermediate"), suite, chosen)
    records = run.records(["s"]).to_pandas().sort_values("sample")
    assert records.severity.min() == 0
    for _, row in records.iterrows():
        if row.severity < 1:  # a signal-to-noise ratio has no value for nothing: half a level is none or the first
            continue
        least = perturbations.get(name).settings(row.severity)["snr_db"]
        assert np.isnan(row["distortion.audio.snr_db"]) or row["distortion.audio.snr_db"] >= least - 1e-3


# What is broken is for the answer to say


class Mismatched(world.Net):
    """Logits of one network, answers of another."""

    def __init__(self, module, other):
        super().__init__(module)
        self.other = other

    def __call__(self, batch):
        with torch.no_grad():
            return self.other(self.inputs(batch)["image"]).numpy()


def blurred():
    """The trained network behind a blur."""
    blur = torch.nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return torch.nn.Sequential(blur, world.trained()).eval()


def other_net():
    torch.manual_seed(3)
    return torch.nn.Sequential(*list(world.trained())[:-1], torch.nn.Linear(64, 10)).eval()


@pytest.mark.parametrize("other", [blurred, other_net])
@pytest.mark.parametrize(
    "name", [n for n in perturbations.names("attack") if "image" in perturbations.get(n).modalities]
)
def test_a_sample_is_broken_where_the_answer_is_wrong(name, other):
    """The gradients are of another model than the one that answers: they may mislead, but decide nothing."""
    net = Mismatched(world.trained(), other())
    images, labels = world.held_out(24)
    labels = net({"image": images}).argmax(axis=1)
    cheap = {k: v for k, v in {"steps": 4, "targets": 2, "calls": 30}.items() if k in perturbations.get(name).params}
    found = attack.run(name, {"image": images}, labels, ModelOracle(net, world.CLASSES, "logits"), severity=4, **cheap)
    answered = net({"image": found.values["image"]}).argmax(axis=1)
    assert (found.broken <= (answered != labels)).all(), "claimed, but answered rightly"
    assert Counter(found.broken.tolist()) == Counter((answered != labels).tolist())


def test_the_ensemble_is_no_weaker_than_its_last_part_on_a_mismatched_model():
    net = Mismatched(world.trained(), blurred())
    images, _ = world.held_out(60)
    labels = net({"image": images}).argmax(axis=1)
    oracle = ModelOracle(net, world.CLASSES, "logits")
    both = attack.run("attack.auto", {"image": images}, labels, oracle, severity=4, steps=5, targets=2, calls=150)
    square = attack.run("attack.square", {"image": images}, labels, oracle, severity=4, calls=100)
    assert both.broken.sum() >= square.broken.sum() - 2


def test_preflight_names_logits_that_are_not_those_of_the_answers(tmp_path):
    suite = "suite: a\nseverities: [2]\nscenarios: {s: {image: attack.fgsm}}"
    for number, other in enumerate((blurred(), other_net())):
        found = flags(run_of(tmp_path / str(number), Mismatched(world.trained(), other), suite))
        assert any("logits and answers disagree" in line for line in found)
    assert flags(run_of(tmp_path / "same", world.Net(world.trained()), suite)) == []


# Draws


def test_the_worst_case_is_the_worst_of_all_draws(tmp_path):
    """An attack by chance breaks other samples in each draw; who falls once has fallen."""
    scenes = "s: {image: attack.random}, f: {image: {name: attack.random_search, calls: 4}}"
    suite = f"suite: a\ndraws: 5\nseverities: [5]\nscenarios: {{{scenes}}}"
    run = run_of(tmp_path / "r", world.Net(world.trained()), suite, world.samples(120))
    records = run.records(["s:5", "f:5"]).to_pandas()
    worst = records.groupby("sample").score.min().mean()
    assert worst < records.groupby("sample").score.mean().mean()
    found = table(run, "attacks").to_pandas().set_index("attack").value
    assert found["worst case"] == pytest.approx(worst)


# Gradients that cannot be had


class Failing(world.Net):
    """A model whose gradients run out of memory on every ninth call, say."""

    def __init__(self, module, every):
        super().__init__(module)
        self.calls, self.every = 0, every

    def logits(self, inputs):
        if inputs["image"].requires_grad:
            self.calls += 1
            if self.calls % self.every == 0:
                raise torch.OutOfMemoryError("no room")
        return super().logits(inputs)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "apgd", "apgd_dlr", "apgd_l2", "auto", "universal"])
def test_a_gradient_that_raises_is_tried_alone_and_then_a_crash(tmp_path, name):
    data = [s.with_streams({"image": s.streams["image"].copy()}) for s in world.samples(24)]
    data[5].streams["image"][0, 0] = 77  # darker or brighter by two, it is still the only one so bright
    few = ", steps: 3" if "steps" in perturbations.get(f"attack.{name}").params else ""
    suite = f"suite: a\nseverities: [2]\nscenarios:\n  s: {{image: {{name: attack.{name}{few}}}}}\n"

    class Marked(world.Net):
        def logits(self, inputs):
            if inputs["image"].requires_grad and bool((inputs["image"][..., 0, 0] > 60).any()):
                raise RuntimeError("too dark")
            return super().logits(inputs)

    records = run_of(tmp_path / "r", Marked(world.trained()), suite, data).records(["s:2"]).to_pandas()
    if name == "universal":  # fitted on others: its gradients are not this sample's
        assert set(records.status) == {"ok"}
        return
    crashed = records[records.status == "crash"]
    assert len(crashed) == 1
    assert "too dark" in crashed.error.iloc[0]
    assert crashed.score.isna().all()
    assert set(records.status) == {"ok", "crash"}


FOLLOWING = [name.partition(".")[2] for name in ON_IMAGES if perturbations.get(name).gradients] + ["auto", "universal"]


@pytest.mark.parametrize("name", FOLLOWING)
def test_every_ninth_gradient_may_raise(tmp_path, name):
    known = perturbations.get(f"attack.{name}").params
    few = "".join(
        f", {k}: {v}" for k, v in {"steps": 4, "targets": 2, "halvings": 2, "calls": 60}.items() if k in known
    )
    suite = f"suite: a\nseverities: [3, 5]\nscenarios:\n  s: {{image: {{name: attack.{name}{few}}}}}\n"
    run = run_of(tmp_path / "r", Failing(world.trained(), every=9), suite, batch_size=8)
    assert run.info["finished"]
    records = run.records(["s:3", "s:5"]).to_pandas()
    assert len(records) == 80
    assert set(records.status) <= {"ok", "crash", "unchanged"}
    assert (records.status == "ok").mean() > (
        0.3 if name == "patch" else 0.5
    )  # a sticker of one pixel may be of its colour


def test_a_gradient_that_always_raises_is_told_by_preflight(tmp_path):
    suite = "suite: a\nseverities: [1]\nscenarios: {s: {image: attack.fgsm}}"
    run = run_of(tmp_path / "r", Failing(world.trained(), every=1), suite, world.samples(10))
    assert any("a gradient raised OutOfMemoryError" in line for line in flags(run))
    assert set(run.records(["s:1"]).to_pandas().status) == {"crash"}


FORMS = {
    "no pair": (lambda scores, slopes: scores, r"must return \(scores, gradients\), got"),
    "no mapping": (lambda scores, slopes: (scores, slopes["image"]), "gradients as a mapping of streams"),
    "another stream": (lambda scores, slopes: (scores, {"photo": slopes["image"]}), "for stream 'image', got photo"),
    "too few": (lambda scores, slopes: (scores, {"image": slopes["image"][:3]}), "for each of 16 samples"),
    "scores of another shape": (lambda scores, slopes: (scores[:, :4], slopes), r"shape \(16, 10\), got \(16, 4\)"),
    "no numbers": (lambda scores, slopes: (scores, {"image": ["a"] * len(scores)}), "must be of numbers"),
    "another shape": (
        lambda scores, slopes: (scores, {"image": [s[:2] for s in slopes["image"]]}),
        "shape of its value",
    ),
    "nothing": (lambda scores, slopes: None, r"must return \(scores, gradients\), got None"),
}


@pytest.mark.parametrize("case", FORMS)
def test_a_loss_gradient_of_a_wrong_form_is_a_model_error(case):
    change, message = FORMS[case]

    class Wrong(world.BlackBox):
        def loss_gradient(self, batch, streams, loss):
            scores = self(batch)
            return change(scores, {"image": [np.zeros_like(value, np.float32) for value in batch["image"]]})

    images, labels = world.held_out(16)
    oracle = ModelOracle(Wrong(world.Net(world.trained())), world.CLASSES, "logits")
    with pytest.raises(ModelError, match=message):
        attack.run("attack.fgsm", {"image": images}, labels, oracle, severity=3)


# What an attack costs


class Counted:
    """An oracle that counts what it is asked, with gradients and without."""

    def __init__(self, inner):
        self.inner, self.asked, self.back = inner, 0, 0

    classes = property(lambda self: self.inner.classes)
    differentiable = property(lambda self: self.inner.differentiable)

    def scores(self, streams):
        self.asked += len(next(iter(streams.values())))
        return self.inner.scores(streams)

    def gradients(self, streams, wanted, loss):
        self.asked += len(next(iter(streams.values())))
        self.back += len(next(iter(streams.values())))
        return self.inner.gradients(streams, wanted, loss)


@pytest.mark.parametrize("eot", [1, 3])
@pytest.mark.parametrize("name", perturbations.names("attack"))
def test_calls_recorded_are_calls_made(name, eot):
    chosen = worlds.samples(40)[:14]
    streams = {on: [sample.streams[on] for sample in chosen] for on in ("image", "audio", "text")}
    oracle = Counted(ModelOracle(worlds.model("intermediate"), world.CLASSES, "probabilities"))
    cheap = {k: v for k, v in {"steps": 2, "targets": 2, "calls": 20}.items() if k in perturbations.get(name).params}
    labels = [int(sample.target) for sample in chosen]
    found = attack.run(name, streams, labels, oracle, severity=4, eot=eot, **cheap)
    assert found.calls.sum() == oracle.asked
    assert found.passes_back.sum() == oracle.back


class Speaking:
    """A model of recordings that counts its calls: which half of the spectrum is louder."""

    classes = ("low", "high")

    def __init__(self):
        self.asked = 0

    def __call__(self, batch):
        self.asked += batch.size
        rows = []
        for one in batch["audio"]:
            power = np.abs(np.fft.rfft(one.samples[0])) ** 2
            middle = len(power) // 2
            rows.append([np.log(power[:middle].sum() + 1e-9), np.log(power[middle:].sum() + 1e-9)])
        return np.array(rows)


def recordings(seed, count=40):
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        pitch = rng.uniform(0.05, 0.2) if i % 2 == 0 else rng.uniform(0.3, 0.45)
        wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(400)) + rng.normal(0, 0.02, 400)
        sample = Audio(wave.astype(np.float32), 8000)
        found.append(Sample(f"{seed}-{i}", {"audio": sample}, Speaking.classes[i % 2]))
    return found


def test_universal_patterns_of_recordings_are_fitted_on_any_data(tmp_path):
    """Several data sets, none refused, and the fit is recorded: what attacks cost is what the model was asked."""
    suite = "suite: a\nseverities: [3]\nscenarios:\n  s: {audio: {name: attack.universal, steps: 1}}\n"
    for seed in range(amount(5, 20)):
        run = run_of(tmp_path / str(seed), Speaking(), suite, recordings(seed, 10 if seed else 2))
        assert run.info["finished"]


def test_the_fit_of_a_universal_pattern_is_recorded(tmp_path):
    """Beside an attack of which every call is known, to take off what a run asks outside of its attacks."""
    rest = {}
    for name in ("random", "universal, steps: 2"):
        model = Speaking()
        suite = f"suite: a\nseverities: [3, 5]\nscenarios:\n  s: {{audio: {{name: attack.{name}}}}}\n"
        run = run_of(tmp_path / name[:4], model, suite, recordings(1, 32), preflight=False)
        records = run.records(["s:3", "s:5"]).to_pandas()
        rest[name[:4]] = model.asked - records["attack.calls"].sum()
    assert rest["rand"] == rest["univ"]
    assert records["attack.calls"].mean() > 20, "twenty tries over as many samples as the pattern is used on"


def test_a_pattern_cannot_be_fitted_on_one_sample(tmp_path):
    suite = "suite: a\nscenarios:\n  s: {audio: attack.universal}\n"
    with pytest.raises(InputError, match="must have two samples"):
        run_of(tmp_path / "r", Speaking(), suite, recordings(0, 1))


# Texts


class Needing:
    """An oracle that reads rightly until so many words are no longer what they were."""

    classes, differentiable = 2, False

    def __init__(self, text, needed):
        self.words, self.needed, self.asked = text.split(), needed, 0

    def scores(self, streams):
        self.asked += len(streams["text"])
        wrong = [sum(a != b for a, b in zip(self.words, [*text.split(), *[""] * 9])) for text in streams["text"]]
        return np.array([[self.needed - 0.5 - count, 0.0] for count in wrong])


@pytest.mark.parametrize("needed", range(1, 9))
def test_texts_break_whenever_there_are_edits_for_the_words_that_are_needed(needed):
    text = "every single word counts alike for this reader"
    for edits in range(1, 9):
        found = attack.run("attack.character_edits", {"text": [text]}, [0], Needing(text, needed), edits=edits)
        assert bool(found.broken[0]) == (edits >= needed), edits


class Additive:
    """An oracle that adds up a weight for each word."""

    classes, differentiable = 2, False

    def __init__(self, weights):
        self.weights, self.asked = weights, 0

    def scores(self, streams):
        self.asked += len(streams["text"])
        return np.array([[sum(self.weights.get(word, 0.0) for word in text.split()), 0.0] for text in streams["text"]])


def test_substitution_finds_the_optimum_with_few_questions(tmp_path):
    rng = np.random.default_rng(0)
    groups = [[f"w{i}{letter}" for letter in "abc"] for i in range(12)]
    path = tmp_path / "words.tsv"
    path.write_text("\n".join("\t".join(group) for group in groups), encoding="utf-8")
    text = " ".join(group[0] for group in groups)
    for _ in range(10):
        weights = {word: float(rng.normal()) for group in groups for word in group}
        base = 100.0
        weights[groups[0][0]] += base  # never broken: every round is played
        for other in groups[0][1:]:
            weights[other] += base
        oracle = Additive(weights)
        found = attack.run("attack.word_substitution", {"text": [text]}, [0], oracle, words=4, lexicon=str(path))
        gains = sorted(max(weights[g[0]] - weights[other] for other in g[1:]) for g in groups)[::-1]
        best = sum(weights[g[0]] for g in groups) - sum(gain for gain in gains[:4])
        score = sum(weights[word] for word in found.values["text"][0].split())
        assert score == pytest.approx(best)
        rounds = sum(24 - 2 * place for place in range(4))
        assert oracle.asked <= 1 + (12 + rounds) * 0.55, "about half of a ranking and four full rounds"


def headings():
    """The built-in lexicon as groups under their part of speech, read apart from the code that uses it."""
    found, heading = {}, None
    text = resources.files("perturbations").joinpath("attack", "lexicon.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif not line.startswith("#"):
            found.setdefault(heading, []).append(line.split("\t"))
    return found


def test_a_substitute_has_the_part_of_speech_and_the_form_of_the_word():
    """Whatever word is replaced, what replaces it stands under its heading: the past of a verb for a past."""
    found = headings()
    under = {heading: {word for group in groups for word in group} for heading, groups in found.items()}
    known = attack.wording.read_lexicon("")
    for heading, words in under.items():
        others = set().union(*(more for name, more in under.items() if name != heading))
        if heading != "other":
            assert not words & others, heading
        for word in words - others:
            assert set(known[word.lower()]) <= words
    assert sum(word.endswith("ing") for word in under["verb, -ing form"]) == len(under["verb, -ing form"])
    assert all(word.endswith("s") for word in under["verb, third person"] | under["noun, plural"])
    assert all(word.endswith("ed") for word in under["verb, past"] - {"said"})
    assert sum(map(len, under.values())) > 2000
    assert all(known[word] for word in ("big", "good", "bad", "small", "quick", "movie", "think"))


# Models that are random, or tell little


class Answering:
    """A model of fixed logits, with noise."""

    classes = world.CLASSES

    def __init__(self, level, noise, seed=0):
        self.level, self.noise, self.rng = level, noise, np.random.default_rng(seed)

    def __call__(self, batch):
        bright = np.stack([np.full(10, value.mean() / 100) * np.arange(10) for value in batch["image"]])
        return bright + self.level + self.noise * self.rng.normal(size=bright.shape)


@pytest.mark.parametrize(
    ("level", "noise", "random"), [(40, 2e-6, False), (0, 2e-6, False), (-300, 0.5, True), (40, 0.5, True)]
)
def test_a_model_is_random_by_its_probabilities(tmp_path, level, noise, random):
    suite = "suite: a\nseverities: [1]\nscenarios: {s: {image: attack.random}}"
    found = flags(run_of(tmp_path / "r", Answering(level, noise), suite))
    assert any("random model" in line for line in found) == random


def test_a_black_box_is_spared_what_needs_gradients(tmp_path):
    net = world.BlackBox(world.Net(world.trained()))
    run = run_of(tmp_path / "r", net, "attacks", world.samples(12))
    left = dict(run.info["left_out"])
    for name in ("image-apgd", "image-fgsm"):
        assert re.fullmatch(r"attack\.\w+ needs a model that gives gradients", left[name])
    done = {cell.partition(":")[0] for cell in run.cells.to_pandas().cell}
    assert {"image-square", "image-universal", "image-noise"} <= done
    assert not done & {"image-apgd", "image-fgsm", "joint"}


def test_nan_gradients_are_called_by_their_name(tmp_path):
    class Nan(world.BlackBox):
        def loss_gradient(self, batch, streams, loss):
            return self(batch), {"image": [np.full(value.shape, np.nan, np.float32) for value in batch["image"]]}

    suite = "suite: a\nseverities: [1]\nscenarios: {s: {image: attack.fgsm}}"
    found = flags(run_of(tmp_path / "r", Nan(world.Net(world.trained())), suite))
    assert any("NaN gradients" in line for line in found)
    assert not any("random gradients" in line for line in found)


@pytest.mark.parametrize("name", ["square", "auto", "universal"])
def test_a_search_without_scores_is_called_blind(tmp_path, name):
    class Labels:
        classes = world.CLASSES

        def __call__(self, batch):
            return [world.CLASSES[i] for i in world.Net(world.trained())(batch).argmax(axis=1)]

    suite = f"suite: a\nseverities: [2]\nscenarios:\n  s: {{image: attack.{name}}}\n"
    assert any(f"attack.{name}: blind" in line for line in flags(run_of(tmp_path / "r", Labels(), suite)))


BLACK = [name for name in perturbations.names("attack") if "calls" in perturbations.get(name).params]


@pytest.mark.parametrize("eot", [1, 2, 5])
@pytest.mark.parametrize("name", BLACK)
def test_no_sample_costs_more_than_it_may(name, eot):
    """Averaged answers count each, the last look that confirms among them; too few calls for one trial are refused."""
    declared = perturbations.get(name)
    kind = "image" if "image" in declared.modalities else "text"
    if kind == "image":
        streams, labels = {"image": world.held_out(6)[0]}, world.held_out(6)[1]
        oracle = world.oracle()
    else:
        streams, labels, oracle = {"text": ["the good film was a big success"] * 6}, [0] * 6, Wordy()
    for calls in (3 * eot, 3 * eot + 1, 37):
        found = attack.run(name, streams, labels, oracle, severity=1, calls=calls, eot=eot)
        assert (found.calls <= calls).all()
        assert found.calls.max() > (eot if eot == 1 else 2 * eot)
    if eot > 1:
        with pytest.raises(InputError, match=f"calls must be at least {3 * eot}"):
            attack.run(name, streams, labels, oracle, severity=1, calls=3 * eot - 1, eot=eot)


class Wordy:
    """An oracle of texts that never gives way."""

    classes, differentiable = 2, False

    def scores(self, streams):
        return np.tile([5.0, 0.0], (len(streams["text"]), 1))


def test_what_was_found_on_a_random_model_is_what_is_answered():
    """Without averaging, an attack takes its luck with the noise for success; with it, the answers agree."""
    torch.manual_seed(0)
    net = world.spoiled(world.Jittering())
    images, labels = world.held_out(40)
    right = {}
    for eot in (1, 6):
        oracle = world.oracle(net)
        found = attack.run("attack.apgd", {"image": images}, labels, oracle, severity=3, steps=5, eot=eot)
        again = np.mean([net({"image": found.values["image"]}).argmax(axis=1) == labels for _ in range(10)])
        right[eot] = (1 - found.broken.mean(), again)
    claimed, answered = right[6]
    assert abs(answered - claimed) < 0.08
    luck, once = right[1]
    assert once - luck > abs(answered - claimed)


# Attackers who know less, or do more


class Labels:
    """The digits' network, of which only the label is told."""

    classes = world.CLASSES

    def __call__(self, batch):
        return [world.CLASSES[i] for i in world.Net(world.trained())(batch).argmax(axis=1)]


def test_labels_alone_are_enough_for_a_walk_along_the_border():
    images, labels = world.held_out(24)
    oracle = ModelOracle(Labels(), world.CLASSES, "labels")
    broken = {
        name: attack.run(f"attack.{name}", {"image": images}, labels, oracle, severity=4, calls=800)
        for name in ("hop_skip_jump", "square", "random_search")
    }
    walked = broken["hop_skip_jump"]
    assert walked.broken.sum() >= max(broken[name].broken.sum() for name in ("square", "random_search")) + 3
    assert walked.calls.max() <= 800
    for before, after in zip(images, walked.values["image"]):
        assert np.abs(before.astype(int) - after.astype(int)).max() <= 8


def test_a_patch_stays_in_its_corner():
    images, labels = world.held_out(24)
    found = attack.run("attack.patch", {"image": images}, labels, world.oracle(), share=0.15)
    side = int((0.15 * 64) ** 0.5)
    change = np.array([b.astype(int) - a.astype(int) for a, b in zip(images, found.values["image"])])
    assert np.abs(change[:, -side:, -side:]).max() > 100
    change[:, -side:, -side:] = 0
    assert not change.any()
    assert found.broken.mean() > 0.2
    small = attack.run("attack.patch", {"image": images}, labels, world.oracle(), share=0.01)
    assert all(a is b for a, b in zip(images, small.values["image"]))  # less than a pixel


def stand_in():
    """A second network of digits, trained apart, as suites name it."""
    torch.manual_seed(7)
    module = torch.nn.Sequential(
        world.Scaled(), torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
    )
    images, labels = world.digits()
    x = torch.from_numpy(images[world.HELD :].transpose(0, 3, 1, 2).astype(np.float32))
    optimiser = torch.optim.Adam(module.parameters(), 2e-3)
    for _ in range(120):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(x), torch.from_numpy(labels[world.HELD :])).backward()
        optimiser.step()
    return world.Net(module.eval())


def test_a_second_model_finds_and_the_tested_one_answers(tmp_path):
    """A black box is attacked by gradients of another network: harder than chance, and no question to it is counted."""
    suite = (
        "suite: a\nseverities: [5]\nscenarios:\n"
        "  s: {image: {name: attack.apgd, surrogate: 'tests.test_attack_claims:stand_in'}}\n"
    )
    box = world.BlackBox(world.Net(world.trained()))
    run = run_of(tmp_path / "r", box, suite, world.samples(60))
    records = run.records(["s:5"]).to_pandas()
    assert (records["attack.calls"] == 0).all()
    assert records.score.mean() < records["attack.random"].mean() - 0.15
    with pytest.raises(ModelError, match="surrogate"):
        run_of(tmp_path / "x", Speaking(), suite.replace("image:", "audio:"), recordings(0, 8))


def test_a_perturbation_that_raises_beside_an_attack_is_a_record(tmp_path):
    """What befalls the picture first fails on some: those are not asked about, and the others are attacked."""
    (tmp_path / "mine.py").write_text(
        "from perturbations import Param, image_corruption\n"
        "@image_corruption(cite='hendrycks2019', by=Param('shift', 'levels', 0, 9, clean=0, levels=(1, 2, 3)))\n"
        "def attack_test_raises(image, rng, *, by):\n"
        "    'A shift that some pictures do not survive.'\n"
        "    if image[0, 0, 0] == 77:\n"
        "        raise ValueError('not this one')\n"
        "    return image\n"
    )
    (tmp_path / "s.yaml").write_text(
        "suite: a\nplugins: [mine.py]\nseverities: [2]\nscenarios: {s: {image: [attack_test_raises, attack.fgsm]}}\n"
    )
    data = [s.with_streams({"image": s.streams["image"].copy()}) for s in world.samples(16)]
    data[5].streams["image"][0, 0] = 77
    net = world.Net(world.trained())
    run = stress.run(net, data, str(tmp_path / "s.yaml"), tmp_path / "r", workers=1)
    records = run.records(["s:2"]).to_pandas()
    spoiled = records[records.status == "perturbation_error"]
    assert len(spoiled) == 1
    assert "not this one" in spoiled.error.iloc[0]
    assert (records.status != "perturbation_error").sum() == 15
